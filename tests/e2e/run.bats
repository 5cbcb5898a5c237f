#!/usr/bin/env bats
# `memtrace run`: statuses, streams, names of traces, limits, what is not recorded.

load setup
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	for name in confined gone interface lock-memory waits; do
		${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Ipreload -g -O2 -fno-builtin \
			"tests/programs/$name.c" -o "$BATS_FILE_TMPDIR/$name"
	done
}

prepare() {
	programs=$BATS_FILE_TMPDIR
}

# recorded TRACE: it is whole and its process has ended.
recorded() {
	memtrace info "$1" >info.txt 2>&1 && grep -qx 'Complete: yes' info.txt
}

@test "run: the program's status is run's" {
	run -0 memtrace run -q -- true
	run -1 memtrace run -q -- false
	run -42 memtrace run -q -- sh -c 'exit 42'
	run -137 memtrace run -q -- sh -c 'kill -KILL $$'
	run -143 memtrace run -q -- sh -c 'kill -TERM $$'
}

@test "run: its own failures are 125, 126 and 127" {
	run -125 memtrace run
	run -125 memtrace run --no-such-option true
	run -125 memtrace run --nframe 1025 true
	run -125 memtrace run -o '%q.mtz' true
	run -125 memtrace run -o no/such/place/t.mtz true
	run -127 memtrace run ./no-such-program
	echo text >text
	run -126 memtrace run ./text
	[ -z "$(ls *.mtz* 2>/dev/null)" ]
}

@test "run: a variable with a value that its option would refuse is 125; an option wins" {
	for setting in MALLOC=bogus GEOMETRY=modem NFRAME=1025 NFRAME=0 SNAPSHOT_EVERY=10 \
		PYTHON_MALLOC=mine GUARD_SAMPLE=few GUARD_BUDGET=much LEAKS=yes DUP=2; do
		run -125 env "MEMTRACE_$setting" memtrace run touch made
		[[ $output == "memtrace run: MEMTRACE_${setting%=*}: "* ]]
	done
	[ ! -e made ]
	run -0 env MEMTRACE_MALLOC=bogus memtrace run -q --malloc debug -o t.mtz true
	[ "$(memtrace info --json t.mtz | jq -r .malloc)" = pymalloc_debug ]
	run -0 env MEMTRACE_MALLOC= MEMTRACE_LEAKS=0 MEMTRACE_GUARD_BUDGET=1.5MiB \
		memtrace run -q -o t.mtz true
	[ -z "$output" ]
}

@test "run: the summary counts in words that fit" {
	printf '#include <stdlib.h>\nvoid *p;\nint main(void) { p = malloc(1); }\n' >one.c
	${CC:-cc} -g -O0 -fno-builtin one.c -o one
	run -0 memtrace run -o t.mtz ./one
	[[ $output == *"live at exit 1 B in 1 block, peak 1 B, 1 allocation"* ]]
}

@test "run: the program's streams are its own and nothing is added to them" {
	echo in >in
	memtrace run -- sh -c 'cat; echo err >&2' <in >out 2>err
	[ "$(cat out)" = in ]
	[ "$(head -1 err)" = err ]
	[ "$(wc -l <err)" -le 11 ]
	grep -q '^memtrace: sh: live at exit ' err
	memtrace run -q --force -- sh -c 'echo err >&2' 2>err
	[ "$(cat err)" = err ]
}

@test "run: a directory is no trace, and a FIFO without a reader holds up nobody" {
	mkdir place
	for name in . place place/; do
		run -125 memtrace run -o "$name" true
		[[ $output == *"is a directory"* ]]
	done
	mkfifo pipe
	timeout -k 1 300 memtrace run -q -o pipe true 2>err
	grep -q '^memtrace: true\[[0-9]*\]: pipe: ' err
	exec 9<>pipe
	memtrace run -q -o pipe true
	dd bs=64k count=1 <&9 >read 2>/dev/null
	exec 9>&-
	recorded read
}

@test "run: closed streams stay closed" {
	plain=$(sh -c 'readlink /proc/self/fd/0; echo $?' <&- 2>/dev/null)
	[ "$(sh -c 'memtrace run -q -- readlink /proc/self/fd/0; echo $?' <&- 2>/dev/null)" = "$plain" ]
	memtrace run -o t.mtz -- true <&- >&- 2>&-
	recorded t.mtz
}

@test "run: the program has the descriptors that it would have" {
	ls /proc/self/fd >plain
	memtrace run -q -- ls /proc/self/fd >ours
	diff plain ours
}

@test "run: a trace is named after program and process, mode 0600" {
	pid=$(memtrace run -q -- sh -c 'echo $$')
	recorded memtrace.sh.$pid.mtz
	[ "$(stat -c %a memtrace.sh.$pid.mtz)" = 600 ]
}

@test "run: no trace is overwritten unasked" {
	echo precious >t.mtz
	memtrace run -q -o t.mtz -- true
	[ "$(cat t.mtz)" = precious ]
	recorded t.mtz.1
	memtrace run -q -o t.mtz --force -- true
	recorded t.mtz
	[ ! -e t.mtz.2 ]
}

@test "run: a fixed name belongs to the main process's last image" {
	memtrace run -q -o t.mtz -- sh -c 'ls / >/dev/null; exec sort /dev/null'
	recorded t.mtz
	grep -qx 'Program: sort' info.txt
	grep -Eq ' sh +run +exec +t.mtz.[12]$' <(memtrace info t.mtz.1; memtrace info t.mtz.2)
	recorded t.mtz.1
	recorded t.mtz.2
}

@test "run: what cannot be a name, and what no room is for, is said once and rightly" {
	run -125 memtrace run -o 'x%' true
	[[ $output == *"x%: a % at the end; write %% for one"* ]]
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer has limits of its own"
	run -0 bash -c 'ulimit -f 1; memtrace run ls / 2>&1 >/dev/null'
	[[ $output != *"was not loaded"* ]]
	[[ $output == *"no room under its limits (ulimit -f, -n, -v)"* ]]
}

@test "run: the summary names the program that was judged last" {
	run -0 memtrace run -- env X=1 ls /
	[[ $output == *"memtrace: ls: live at exit "* ]]
}

@test "run: places in a name are filled" {
	memtrace run -q -o '%e-%n-%%.mtz' -- sh -c 'ls / >/dev/null; true'
	recorded sh-0-%.mtz
	recorded ls-2-%.mtz || recorded ls-1-%.mtz
}

@test "the environment sets what the options of run set, with run and without" {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	export MEMTRACE_OUTPUT=t.mtz MEMTRACE_FORCE=1 MEMTRACE_NO_CHILDREN=1 MEMTRACE_LEAKS=1 MEMTRACE_NFRAME=5
	traces() {
		until memtrace leaks t.mtz >/dev/null; do sleep 0.1; done
		[ "$(echo *.mtz*)" = "t.mtz t.mtz.1" ]
		memtrace info --json t.mtz | jq -e '.nframe == 5 and .complete and .program == "ls"'
		rm t.mtz*
	}
	script='(ls /; true) >/dev/null; (echo $(ls /)) >/dev/null; exec ls / >/dev/null'
	memtrace run -q sh -c "$script"
	traces
	LD_PRELOAD=$build/libmemtrace.so sh -c "$script"
	traces
	# Empty is unset.
	MEMTRACE_OUTPUT= memtrace run -q true
	[ -e memtrace.true.*.mtz ]
}

@test "run: a forked child that is left out asks nothing of the collector at its end" {
	# Of programs that live for more than 50 ms the collector asks the kernel.
	run -0 memtrace run -q --no-children -o t.mtz -- \
		bash -c 'x=$(x=$(printf %s again; sleep 0.1); echo $x); echo $x'
	[ "$output" = again ]
	memtrace info --json t.mtz | jq -e '[.losses[].reason] == []'
}

@test "run: children are left out with --no-children" {
	memtrace run -q --no-children -o t.mtz -- sh -c 'ls / >/dev/null; (ls / >/dev/null; true)'
	recorded t.mtz
	[ ! -e t.mtz.1 ]
}

@test "run: what is not recorded is said and runs as ever" {
	echo 'int puts(const char *); int main(void) { return puts("hello") < 0; }' |
		${CC:-cc} -static -x c - -o still
	run -0 memtrace run -- ./still
	[[ $output == *hello* ]]
	[[ $output == *"not recorded: ./still: it is statically linked"* ]]
	[ -z "$(ls *.mtz* 2>/dev/null)" ]
}

@test "run: programs started without the environment are counted" {
	memtrace run -q -o t.mtz -- env -i ls / >/dev/null
	memtrace run -o u.mtz -- env -i ls / 2>err >/dev/null
	grep -q '1 (programs started without environment)' err
}

@test "run: LD_PRELOAD of the user stays, after ours" {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	value=$(LD_PRELOAD=libm.so.6 memtrace run -q -- sh -c 'echo $LD_PRELOAD')
	[[ $value == */libmemtrace.so:libm.so.6 ]]
}

@test "run: signals to run reach the program" {
	mkfifo in
	memtrace run -q -o t.mtz -- "$programs/waits" <in >out &
	exec 9>in
	until grep -q ready out; do :; done
	kill -INT $!
	kill -TERM $!
	status=0
	wait $! || status=$?
	exec 9>&-
	[ "$status" = 143 ]
	recorded t.mtz
	grep -qx 'Signal: 15' info.txt || grep -q '[Ss]ignal' info.txt
}

@test "run: what is sent to run alone reaches the program, once" {
	cat >told.sh <<-'END'
		for signal in INT USR1 USR2 TSTP; do trap "echo $signal" $signal; done
		trap 'exit 7' TERM
		echo ready
		while :; do sleep 0.01; done
	END
	env --default-signal=INT "$(type -P memtrace)" run -q -o t.mtz bash told.sh >out &
	for signal in ready INT USR1 USR2 TSTP; do
		until grep -qx $signal out; do kill -0 $!; done
		case $signal in
		ready) kill -INT $! ;;
		INT) kill -USR1 $! ;;
		USR1) kill -USR2 $! ;;
		USR2) kill -TSTP $! ;;
		TSTP) kill -TERM $! ;;
		esac
	done
	status=0
	wait $! || status=$?
	[ "$status" = 7 ]
	[ "$(sort -u out | wc -l)" = "$(wc -l <out)" ]
	# The group of a session of its own: the program's signal reaches run as well.
	run -0 setsid -w "$(type -P memtrace)" run -q sh -c 'trap "echo told" USR1; kill -USR1 0; sleep 0.2'
	[ "$output" = told ]
}

@test "run: a program that stops on a terminal is a stopped job, and ^Z and ^C are as without" {
	cat >program.py <<-'END'
		import os, signal, sys, time
		signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
		signal.signal(signal.SIGCONT, lambda *_: print("again", flush=True))
		if sys.argv[1] == "handles":
		    signal.signal(signal.SIGTSTP, lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
		print("ready", flush=True)
		while True:
		    time.sleep(0.01)
	END
	for how in default handles; do
		run -0 python3 "$BATS_TEST_DIRNAME/job.py" "$(type -P memtrace)" run -q python3 program.py $how
		# The terminal's echo comes when it comes.
		[ "$(tr -d ' \n' <<<"$output")" = 'ready^Zstoppedagain^Cended7' ]
	done
	# Where no shell would continue run, it only waits.
	cat >stops.sh <<-'END'
		(until grep -q '^State:.T' /proc/$$/status; do :; done; kill -CONT $$) &
		kill -STOP $$
		echo gone on
	END
	run -0 script -qec "$(type -P memtrace) run -q --no-children bash stops.sh" /dev/null
	[ "$output" = $'gone on\r' ]
}

@test "run: works under limits of memory, files and descriptors" {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer reserves more than the limit"
	(ulimit -v 400000 && memtrace run -q -o v.mtz -- ls / >/dev/null)
	recorded v.mtz
	(ulimit -n 16 && memtrace run -q -o n.mtz -- ls / >/dev/null)
	recorded n.mtz
	(ulimit -f 1024 && memtrace run -q -o f.mtz -- ls / >/dev/null)
	recorded f.mtz
	(ulimit -f 1 && memtrace run -o g.mtz -- ls / >out 2>err)
	grep -q 'not recorded: no room' err
	(ulimit -Sn 10 && memtrace run -q -o s.mtz -- ls / >/dev/null)
	recorded s.mtz
	run -3 --separate-stderr bash -c 'exec 3>&- 4>&- 5>&-; ulimit -n 4; memtrace run -- sh -c "echo here; exit 3"'
	[ "$output" = here ]
	[[ $stderr == *"not recorded: no file descriptor for the recorder's state (limit of open files)"* ]]
	[[ $stderr == *"not recorded: no collector can be started"* ]]
}

@test "run: where memfd_create is refused the reason is said, and the program runs" {
	run -0 --separate-stderr "$programs/confined" memfd memtrace run -- echo here
	[ "$output" = here ]
	[[ $stderr == *"not recorded: memfd_create is refused, which the recorder's state needs"* ]]
}

@test "run: where nothing goes on its file system can be unmounted at once" {
	unshare -rm true || skip "no file systems can be mounted here"
	mkdir mounted
	unshare -rm sh -ec 'mount -t tmpfs none mounted
		(cd mounted && memtrace run -q -o t.mtz -- true)
		umount mounted'
}

@test "run: a full disk ends the trace, not the program, and is said" {
	run -0 memtrace run -o /dev/full -- echo hello
	[[ $output == *hello* ]]
	[[ $output == *"No space left on device"* ]]
}

@test "run: a program may limit its address space later" {
	memtrace run -q -o t.mtz -- "$programs/confined" memory
	recorded t.mtz
}

@test "run: a program that locks its memory does not fill our tables" {
	"$programs/lock-memory" >plain.txt || skip "locking is not permitted here"
	memtrace run -q -o t.mtz -- "$programs/lock-memory" >ours.txt
	[ "$(tr -dc 0-9 <ours.txt)" -lt $(($(tr -dc 0-9 <plain.txt) + 20000)) ]
	recorded t.mtz
}

@test "run: under a filter of system calls children are counted, not killed" {
	for how in filter syscall; do
		memtrace run --force -o t.mtz -- "$programs/confined" $how 2>err
		recorded t.mtz
		grep -q '1 (children not recorded)' err
	done
}

@test "run: memtrace.h gives known answers, with the library and without" {
	"$programs/interface" without
	memtrace run -q -o t.mtz -- "$programs/interface"
	recorded t.mtz
	for label in started tracked restarted '17 blocks'; do
		memtrace top "t.mtz@$label" >top.txt
	done
	grep -q '^Total: 1234 B in 1 block$' <(memtrace top t.mtz@restarted)
	memtrace top --by domain t.mtz@tracked >domains.txt
	grep -q '^domain 7: size=6000 B' domains.txt
	grep -q '^domain 8: size=100 B' domains.txt
	run -3 memtrace top t.mtz@stopped
	memtrace top t.mtz.1@child >top.txt
}

@test "run: a program that is gone when the collector comes to it is recorded whole" {
	export -f collector_here
	memtrace run -o t.mtz -- bash -c '
		until collector=$(collector_here) && [ "$collector" ]; do :; done
		kill -STOP "$collector"
		mkdir sub && cd sub
		"$0" 300 4000
		kill -CONT "$collector"' "$programs/gone"
	for trace in t.mtz*; do
		memtrace info "$trace" >info.txt
		grep -q '^Program: gone' info.txt && break
	done
	recorded "$trace"
	grep -q "^Command: $programs/gone 300 4000$" info.txt
	grep -q "^Directory: $PWD/sub$" info.txt
	grep -q '^Ended by: exit$' info.txt
	grep -q '^Exit status: 7$' info.txt
	grep -Eq '^ +[0-9]+ +gone +yes$' info.txt
	grep -q '^Total: 300 B in 3 blocks$' <(memtrace top "$trace@start")
	grep -q '^Total: 4.* in 4 blocks$' <(memtrace top "$trace@exit")
}

@test "run: a collector that is stopped holds up nobody and goes on later" {
	export -f collector_here
	run --separate-stderr -5 memtrace run -o t.mtz -- bash -c '
		until collector=$(collector_here) && [ "$collector" ]; do :; done
		echo "$collector"
		kill -STOP "$collector"
		exit 5'
	kill -CONT "$output"
	[[ $stderr == *"the collector is stopped"* ]]
	while kill -0 "$output" 2>/dev/null; do :; done
	recorded t.mtz
	grep -q '^Exit status: 5$' info.txt
}

@test "run: a collector that is killed costs the trace's end, not the program" {
	mkfifo in
	memtrace run -o t.mtz -- "$programs/waits" <in >out 2>err &
	exec 9>in
	until grep -q ready out; do :; done
	until collector=$(collector_here) && [ "$collector" ]; do :; done
	until memtrace top t.mtz@start >top.txt 2>&1; do :; done
	kill -KILL "$collector"
	while kill -0 "$collector" 2>/dev/null; do :; done
	exec 9>&-
	wait $!
	grep -q 'the collector is gone' err
	memtrace top t.mtz@start >top.txt 2>&1
}

@test "run: with MEMTRACE_TRACING=off nothing is recorded, and the program is served as ever" {
	MEMTRACE_TRACING=off memtrace run -q -o off.mtz -- "$programs/gone" 300 4000 || true
	grep -q '^Total: 0 B in 0 blocks$' <(memtrace top off.mtz)
	memtrace run -q -o on.mtz -- "$programs/gone" 300 4000 || true
	! grep -q '^Total: 0 B in 0 blocks$' <(memtrace top on.mtz)
}

@test "run: the program is killed with run" {
	mkfifo in
	memtrace run -q -o t.mtz -- "$programs/waits" <in >out &
	exec 9>in
	until grep -q ready out; do sleep 0.01; done
	pid=$(pgrep -P $! -x waits)
	kill -KILL $!
	while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$pid/status"; do sleep 0.01; done
	exec 9>&-
	until memtrace info t.mtz 2>/dev/null | grep -qx 'Signal: 9'; do sleep 0.01; done
}
