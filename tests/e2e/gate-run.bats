# run --gate: the verdict on what was just recorded, beside the program's own status.
bats_require_minimum_version 1.5.0
load setup

prepare() {
	cat >program.c <<-'END'
		#include <stdlib.h>
		void *kept[1000];
		int main(int argc, char **argv)
		{
			for (int i = 0; i < atoi(argv[1]); i++)
				kept[i] = malloc(100);
			return argc > 2 ? atoi(argv[2]) : 0;
		}
	END
	${CC:-cc} -g -O0 program.c -o program
}

@test "run --gate: within the limits the program's status, and its output is its own" {
	run -0 --separate-stderr memtrace run --no-summary --gate --max-live 1000 ./program 10
	[ -z "$output" ]
	[[ $stderr == "gate: passed: "* ]]
	run -0 --separate-stderr memtrace run -q --gate --max-live 1000 ./program 10
	[ -z "$output$stderr" ]
}

@test "run --gate: a failed gate after a program that succeeds is 23, or what was asked for" {
	run -23 --separate-stderr memtrace run -q --gate --max-live 999 ./program 10
	[[ $stderr == "gate: failed: "*"program.c:6: size=1000 B, count=10"* ]]
	run -42 memtrace run -q --gate --gate-exit-code 42 --max-live 999 ./program 10
}

@test "run --gate: a program's own failure wins over any verdict" {
	run -7 memtrace run -q --gate --max-live 1k ./program 10 7
	run -7 memtrace run -q --gate --max-live 1 ./program 10 7
	[[ $output == *"gate: failed"* ]]
	run -7 memtrace run -q --gate --max-leaked 0 ./program 10 7
	run -137 memtrace run -q --gate --max-live 1 bash -c 'kill -9 $$'
	run -127 memtrace run -q --gate --max-live 1 ./nonexistent
}

@test "run --gate: what could not be judged after a program that succeeds is 125" {
	run -125 memtrace run -q --gate ./program 10
	[[ $output == *"nothing to judge by"* ]]
	run -125 memtrace run -q --gate --max-leaked 0 ./program 10
	run -125 memtrace run -q --gate --max-live 1M --baseline none.mtz ./program 10
	run -23 memtrace run -q --gate --max-live 1 --baseline none.mtz ./program 10
	printf 'int main(void) { return 0; }' >static.c
	${CC:-cc} -static static.c -o static
	run -125 memtrace run -q --gate --max-live 1M ./static
	[[ $output == *"not recorded: it is statically linked"* ]]
}

@test "run --gate: wrong options are found before the program starts" {
	for options in "--gate --max-live lots" "--max-live 1M" "--junit x" "--repeat 3" \
		"--gate --suppressions none" "--gate --max-growth 1k" "--gate-all --repeat 3" "--gate --gate-exit-code 256"; do
		run -125 memtrace run $options touch started
		[ ! -e started ]
	done
}

@test "run --gate: baseline, files and suppressions as in gate" {
	memtrace run -q -o base.mtz ./program 10
	run -0 memtrace run -q --gate --baseline base.mtz ./program 10
	run -23 memtrace run -q --gate --baseline base.mtz --junit j.xml --sarif s.json --markdown m.md ./program 12
	python3 -c 'import xml.etree.ElementTree as x; assert x.parse("j.xml").getroot().get("failures") == "1"'
	[ -s s.json ] && [ -s m.md ]
	echo leak:main >known.supp
	run -0 memtrace run -q --gate --baseline base.mtz --suppressions known.supp ./program 12
}

@test "run --gate: judges the main process, --gate-all every one" {
	cat >tree.sh <<-'END'
		./program 900
		exit 0
	END
	run -0 memtrace run -q --gate --max-count 800 dash tree.sh
	run -23 memtrace run -q --gate-all --max-count 800 dash tree.sh
	[ "$(grep -c '^gate: ' <<<"$output")" = 2 ]
	[[ $output == *"program.c:6: size=87.9 KiB, count=900"* ]]
	run -23 memtrace run -q --gate-all --max-count 800 --junit j.xml dash tree.sh
	python3 -c 'import xml.etree.ElementTree as x; assert len(x.parse("j.xml").getroot()) == 2'
}

@test "run --gate --self-test: the known block is found, and counts for nothing else" {
	run -0 memtrace run --no-summary --gate --self-test --max-live 1000 --max-count 10 ./program 10
	[[ $output == *"self-test: passed"* ]]
	# Recorded without it, or in a program whose malloc is its own, it is not found.
	memtrace run -q -o a.mtz ./program 10
	run -3 memtrace gate --self-test --max-live 1M a.mtz
	cat >own.c <<-'END'
		#include <stdlib.h>
		static char heap[1 << 20], *next = heap;
		void *malloc(size_t n) { next += (n + 15) & ~15ul; return next - ((n + 15) & ~15ul); }
		void free(void *p) { (void)p; }
		int main(void) { return !strdup; }
	END
	sed -i '1i #include <string.h>' own.c
	${CC:-cc} -g -O0 -rdynamic own.c -o own
	run -125 memtrace run -q --gate --self-test --max-live 1M ./own
	[[ $output == *"self-test: could not judge: the known block of 31337 bytes was not found"* ]]
}

@test "run --gate --repeat: growth from run to run is found, noise is not" {
	cat >grow.sh <<-'END'
		echo x >>log
		exec ./program $((5 + $(wc -l <log) * $1 + $(date +%N | cut -c9) * $2))
	END
	run -0 memtrace run -q --force -o r.mtz --gate --repeat 6 bash grow.sh 0 0
	rm log
	run -23 memtrace run -q --force -o s.mtz --gate --repeat 6 --warmup 2 bash grow.sh 3 0
	[[ $output == *"runs: failed: 1 call site grows from run to run: +300 B each"* ]]
	[ "$(wc -l <log)" = 6 ]
	run -125 memtrace run -q --gate --repeat 3 --warmup 1 ./program 10
	[[ $output == *"3 runs, of which 1 to warm up: at least 3 must be left"* ]]
	# A run that fails ends it.
	run -7 memtrace run -q --gate --repeat 6 ./program 10 7
}

make_static() {
	printf 'int main(void) { return 0; }' | ${CC:-cc} -static -x c - -o static
}

@test "run --gate: a last image that is not recorded cannot be judged" {
	make_static
	run -125 memtrace run -o t.mtz --gate --max-live 1G sh -c 'exec ./static'
	[[ $output == *"memtrace: not recorded: ./static, which sh executed: it is statically linked"* ]]
	[[ $output == *"trace: could not judge: t.mtz: not recorded: ./static, which the process executed then"* ]]
	# The trace says so itself.
	run -3 memtrace gate --max-live 1G t.mtz
	[ "$(memtrace info --json t.mtz | jq -r '.end, .unrecorded')" = $'exec\n./static' ]
	for words in "env -u LD_PRELOAD" "env -i"; do
		run -125 memtrace run -o t.mtz --force --gate --max-live 1G $words ./program 1
		[[ $output == *"not recorded: ./program, which env executed: LD_PRELOAD is not in its environment"* ]]
	done
	# Its own failure still wins; an exec that fails is none.
	run -7 memtrace run -q --gate --max-live 1G env -i ./program 1 7
	run -0 memtrace run -q --gate --max-live 1G bash -c 'shopt -s execfail; exec ./none 2>/dev/null; true'
	run -0 memtrace run -q --gate --max-live 100 env A=1 env B=1 ./program 1
}

@test "run: an image after the last recorded one is said without run's help too" {
	make_static
	LD_PRELOAD=$build/libmemtrace.so MEMTRACE_OUTPUT=p.mtz sh -c 'exec ./static'
	until [ "$(memtrace info --json p.mtz 2>/dev/null | jq .complete)" = true ]; do :; done
	[ "$(memtrace info --json p.mtz | jq -r .unrecorded)" = ./static ]
}

@test "run --gate-all: children that were not recorded cannot be judged" {
	make_static
	run -0 memtrace run -q --gate --max-live 1G sh -c './static; ./program 1; true'
	run -125 memtrace run -q --gate-all --max-live 1G sh -c './static; ./program 1; true'
	[[ $output == *"gate: could not judge: static"* ]]
	[ "$(grep -c '^gate: passed: ' <<<"$output")" = 2 ]
	run -125 memtrace run -q --gate-all --max-live 1G sh -c 'env -i ./program 1; true'
	[[ $output == *"children: could not judge: not recorded: programs started without our environment: 1"* ]]
	[[ $output == *"gate: could not judge: program"* ]]
	run -125 memtrace run -q --gate-all --max-live 1G python3 -c 'import os; os.waitpid(os.posix_spawn("./static", ["s"], os.environ), 0)'
	[[ $output == *"gate: could not judge: static"* ]]
	# However many come, all that were recorded have greeted.
	run -0 memtrace run --no-summary --gate-all --max-live 1G sh -c 'for i in $(seq 40); do ./program 1 & done; wait'
	[ "$(grep -c '^gate: passed: ' <<<"$output")" -ge 41 ]
	# The tree of a main process that was another program first.
	run -125 memtrace run -q --gate-all --max-live 1G env A=1 sh -c './static; ./program 1; true'
	[ "$(grep -c '^gate: passed: ' <<<"$output")" = 3 ]
	run -125 memtrace run -q --gate-all --no-children --max-live 1G ./program 1
}

@test "run --gate: no allocation is within every limit, but tracing that was stopped is not" {
	printf 'int main(void) { return 0; }' | ${CC:-cc} -x c - -o nothing
	run -0 memtrace run --no-summary -o t.mtz --gate --max-total 0 --max-count 0 ./nothing
	printf '#include <memtrace.h>\n#include <stdlib.h>\nvoid *p; int main(void) { p = malloc(9); memtrace_stop(); }' |
		${CC:-cc} -I "$root/preload" -x c - -o stopped
	run -125 memtrace run -q --gate --max-live 1G ./stopped
	[[ $output == *"nothing was recorded: tracing was stopped"* ]]
	${CC:-cc} -g -O0 "$root/tests/programs/own-malloc.c" -o own
	echo x | run -4 memtrace run -q -o own.mtz ./own
	run -3 memtrace gate --max-live 1G own.mtz
	[[ $output == *"the program's own malloc serves it"* ]]
}
