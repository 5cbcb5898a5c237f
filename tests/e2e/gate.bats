# gate: limits, baselines, suppressions, iterations, statuses, and all forms of output.
bats_require_minimum_version 1.5.0
load setup

# A program that keeps N blocks of 100 bytes from one line and one of SIZE from another.
prepare() {
	cat >program.c <<-'END'
		#include <stdlib.h>
		#include <string.h>
		void *kept[1000], *one;
		static void fill(int n)
		{
			for (int i = 0; i < n; i++)
				kept[i] = malloc(100); /* many */
		}
		int main(int argc, char **argv)
		{
			fill(atoi(argv[1]));
			one = malloc((size_t)atoi(argv[2])); /* one */
			free(malloc(50000));
			return argc > 3 ? atoi(argv[3]) : 0;
		}
	END
	${CC:-cc} -g -O0 program.c -o program
}

record() {
	memtrace run -q --force -o "$1.mtz" "${@:4}" ./program "$2" "$3"
}

@test "gate: within its limits, status 0" {
	record a 10 500
	run -0 --separate-stderr memtrace gate --max-live 1500 --max-count 11 --max-peak 51500 --max-total 1MiB a.mtz
	[ "${lines[0]}" = "gate: passed: a.mtz" ]
	[ "${lines[1]}" = "  max-live: passed: 1500 B live, within 1500 B" ]
	[ "${lines[4]}" = "  max-count: passed: 11 blocks live, within 11 blocks" ]
	[ "${#lines[@]}" = 5 ]
	[ -z "$stderr" ]
}

@test "gate: beyond a limit, status 1, with the worst sites" {
	record a 10 500
	run -1 memtrace gate --max-live 1499 a.mtz
	[ "${lines[0]}" = "gate: failed: a.mtz" ]
	[ "${lines[1]}" = "  max-live: failed: 1500 B live, more than 1499 B" ]
	[ "${lines[2]}" = "    program.c:7: size=1000 B, count=10, average=100 B" ]
	[ "${lines[3]}" = "    program.c:12: size=500 B, count=1, average=500 B" ]
	[ "${lines[4]}" = "The whole report: memtrace top -n 0 a.mtz" ]
	run -1 memtrace gate --max-count 10 a.mtz
	run -1 memtrace gate --max-count 1 a.mtz
	[[ ${lines[1]} == *"11 blocks live, more than 1 block" ]]
	run -1 memtrace gate --max-peak 51499 a.mtz
	[[ ${lines[2]} == "    program.c:13: size=48.8 KiB, "* ]]
	run -1 memtrace gate --max-total 50k a.mtz
	run -0 memtrace gate --max-live 0 a.mtz@start
}

@test "gate: nothing to judge by, or no scan for --max-leaked: status 3" {
	record a 10 500
	run -3 memtrace gate a.mtz
	[[ $output == *"could not judge: nothing to judge by"* ]]
	run -3 memtrace gate --max-leaked 0 a.mtz
	[[ $output == *"max-leaked: could not judge: "*"a.mtz: no scan of the heap: record with 'memtrace run --leaks'"* ]]
	run -3 memtrace gate --max-leaked 0 --max-live 1M a.mtz
	run -1 memtrace gate --max-leaked 0 --max-live 1 a.mtz
}

@test "gate: a trace that is missing, foreign, cut or without allocations: status 3" {
	record a 10 500
	run -3 memtrace gate --max-live 1M none.mtz
	[[ $output == *"trace: could not judge: none.mtz: "*"No such file"* ]]
	run -3 memtrace gate --max-live 1M program.c
	head -c -40 a.mtz >cut.mtz
	run -3 memtrace gate --max-live 1M cut.mtz
	[[ $output == *"could not judge"*"ends early"* ]]
	# Even where the limit seems exceeded: what is there may be half of it.
	run -3 memtrace gate --max-live 1 cut.mtz
	run -3 memtrace gate --max-live 1M a.mtz@nosuch
	cp a.mtz bent.mtz
	printf XXXX | dd of=bent.mtz bs=1 seek=$(($(stat -c %s a.mtz) / 2)) conv=notrunc status=none
	run -3 memtrace gate --max-live 1M bent.mtz
}

@test "gate: usage errors are status 2, and nothing is judged" {
	record a 10 500
	run -2 memtrace gate --max-live lots a.mtz
	[[ $output == *"option '--max-live': 'lots' is not a size"* ]]
	run -2 memtrace gate --max-growth 5x --baseline a.mtz a.mtz
	[[ $output == *"neither"* || $output == *"is not a size"* ]]
	run -2 memtrace gate --max-count 1.5 a.mtz
	run -2 memtrace gate --update-baseline a.mtz
	run -2 memtrace gate --max-growth 1k --max-live 1M a.mtz
	[[ $output == *"--max-growth goes with --baseline, --iterations or run's --repeat"* ]]
	run -2 memtrace gate --warmup 3 --max-live 1M a.mtz
	run -2 memtrace gate --match function --max-live 1M a.mtz
	run -2 memtrace gate --allow-looser --baseline a.mtz a.mtz
	run -2 memtrace gate --max-total 1M a.mtz@peak
	run -2 memtrace gate
	echo "lek:x" >bad.supp
	run -2 memtrace gate --suppressions bad.supp --max-live 1M a.mtz
	[[ $output == *"bad.supp:1: "* ]]
	run -3 memtrace gate --suppressions none.supp --max-live 1M a.mtz
}

@test "gate: only call sites that are new or have grown fail against a baseline" {
	record base 10 500
	record same 10 500
	record less 5 400
	record more 12 400
	run -0 memtrace gate --baseline base.mtz same.mtz
	run -0 memtrace gate --baseline base.mtz less.mtz
	run -1 memtrace gate --baseline base.mtz more.mtz
	[ "${lines[1]}" = "  baseline: failed: 1 call site grew by more than 0 B: +200 B" ]
	[ "${lines[2]}" = "    program.c:7: size=1200 B (+200 B), count=12 (+2), average=100 B" ]
	[ "${lines[3]}" = "The whole report: memtrace diff -n 0 base.mtz more.mtz" ]
	record none 0 500
	run -1 memtrace gate --baseline none.mtz same.mtz
	[ "${lines[2]}" = "    program.c:7: size=1000 B (+1000 B), count=10 (+10), average=100 B" ]
	run -0 memtrace gate --baseline more.mtz@exit more.mtz@start
	run -1 memtrace gate --baseline more.mtz@start more.mtz
}

@test "gate: allowed growth is a size, or a share of the baseline's" {
	record base 10 500
	record more 12 500
	run -1 memtrace gate --baseline base.mtz --max-growth 199 more.mtz
	run -0 memtrace gate --baseline base.mtz --max-growth 200 more.mtz
	run -1 memtrace gate --baseline base.mtz --max-growth 19.99% more.mtz
	[[ $output == *"grew by more than 19.99 %: +200 B"* ]]
	run -0 memtrace gate --baseline base.mtz --max-growth 20% more.mtz
	# A share of nothing is nothing.
	record none 0 500
	run -1 memtrace gate --baseline none.mtz --max-growth 1000% base.mtz
}

@test "gate: a baseline that cannot be compared: status 3, but other limits count" {
	record base 10 500
	record classic 10 500 --geometry classic
	record plain 10 500 --malloc malloc
	for other in classic plain none; do
		run -3 memtrace gate --baseline $other.mtz base.mtz
		[[ $output == *"baseline: could not judge: "* ]]
		run -3 memtrace gate --baseline $other.mtz --max-live 1M base.mtz
		run -1 memtrace gate --baseline $other.mtz --max-live 1 base.mtz
	done
	run -3 memtrace gate --baseline classic.mtz base.mtz
	[[ $output == *"geometry is modern, in the baseline classic"* ]]
	head -c -40 base.mtz >cut.mtz
	run -3 memtrace gate --baseline cut.mtz base.mtz
}

@test "gate: a baseline whose binary is gone is not mistaken for one without call sites" {
	record base 10 500
	sed -i 's/many/plenty/' program.c
	${CC:-cc} -g -O1 program.c -o program
	record new 10 500
	XDG_CACHE_HOME=$PWD/other run -3 memtrace gate --baseline base.mtz new.mtz
	[[ $output == *"no source lines for $PWD/program: the file that was recorded is gone"* ]]
}

@test "gate: a program that is built anew is compared, if the baseline was looked at before" {
	export XDG_CACHE_HOME=$PWD/cache
	record new 10 500
	memtrace gate --baseline base.mtz --update-baseline new.mtz
	sed -i 's/many/plenty/' program.c
	${CC:-cc} -g -O1 program.c -o program
	record new 10 500
	run -0 memtrace gate --baseline base.mtz new.mtz
	record new 11 500
	run -1 memtrace gate --baseline base.mtz new.mtz
	[ "${lines[2]}" = "    program.c:7: size=1100 B (+100 B), count=11 (+1), average=100 B" ]
}

@test "gate: suppressions of both kinds, bounded, dated, and those unused are reported" {
	record base 0 500
	record new 10 500
	echo "leak:fill" >known.supp
	run -0 memtrace gate --baseline base.mtz --suppressions known.supp new.mtz
	[[ $output == *"suppressed: 1000 B in 10 blocks by 1 of 1 suppression"* ]]
	printf '{\n known\n Memcheck:Leak\n fun:malloc\n fun:fill\n}\n' >block.supp
	run -0 memtrace gate --baseline base.mtz --suppressions block.supp new.mtz
	printf '# max-bytes=999\nleak:fill\n' >small.supp
	run -1 memtrace gate --baseline base.mtz --suppressions small.supp new.mtz
	[[ $output == *"suppression exceeded: leak:fill (small.supp:2)"* ]]
	printf '# until=2001-01-01\nleak:fill\n' >old.supp
	run -1 memtrace gate --baseline base.mtz --suppressions old.supp new.mtz
	[[ $output == *"suppression expired: leak:fill (old.supp:2)"* ]]
	echo "leak:nobody" >none.supp
	run -0 memtrace gate --baseline base.mtz --suppressions known.supp --suppressions none.supp new.mtz
	[[ $output == *"suppression unused: leak:nobody (none.supp:1)"* ]]
	# Limits of what is live are without what is suppressed; the peak is not.
	run -0 memtrace gate --max-live 500 --max-count 1 --suppressions known.supp new.mtz
	run -1 memtrace gate --max-peak 51000 --suppressions known.supp new.mtz
}

@test "gate: written suppressions let pass what fails now, and not more" {
	record base 0 500
	record new 10 500
	record more 11 500
	run -1 memtrace gate --baseline base.mtz --write-suppressions w.supp new.mtz
	grep -q '^# max-bytes=1000 max-count=10$' w.supp
	run -0 memtrace gate --baseline base.mtz --suppressions w.supp new.mtz
	run -1 memtrace gate --baseline base.mtz --suppressions w.supp more.mtz
	run -0 memtrace gate --baseline new.mtz --write-suppressions empty.supp new.mtz
	[ ! -s empty.supp ]
}

@test "gate: a written suppression covers the other lines of its function" {
	cat >lines.c <<-'EOF'
	#include <stdlib.h>
	void *kept[3];
	static void fill(int more)
	{
		kept[0] = malloc(100);
		if (more > 0)
			kept[1] = malloc(200);
		if (more > 1)
			kept[2] = malloc(400);
	}
	int main(int argc, char **argv) { (void)argv; fill(argc - 1); return 0; }
	EOF
	${CC:-cc} -g -O0 lines.c -o lines
	memtrace run -q -o base.mtz ./lines
	memtrace run -q -o one.mtz ./lines 1
	memtrace run -q -o two.mtz ./lines 1 2
	for new in one two; do
		run -1 memtrace gate --baseline base.mtz --write-suppressions w.supp $new.mtz
		[ "$(grep -c '^{' w.supp)" = 1 ]
		run -0 memtrace gate --baseline base.mtz --suppressions w.supp $new.mtz
	done
	memtrace gate --baseline base.mtz --write-suppressions w.supp one.mtz || [ $? = 1 ]
	run -1 memtrace gate --baseline base.mtz --suppressions w.supp two.mtz
}

@test "gate: --update-baseline makes and tightens, but never loosens unless told" {
	record some 10 500
	record less 8 500
	record more 12 400
	run -3 memtrace gate --baseline base.mtz some.mtz
	[[ $output == *"  baseline: could not judge: base.mtz: "* ]]
	# Where another check does not pass there is none to begin with either.
	run -1 memtrace gate --baseline base.mtz --update-baseline --max-live 1 some.mtz
	[[ $output == *"baseline base.mtz not made: other checks did not pass"* ]]
	[ ! -e base.mtz ]
	run -0 memtrace gate --baseline base.mtz --update-baseline some.mtz
	[[ $output == *"baseline base.mtz made"* ]]
	cmp some.mtz base.mtz
	run -1 memtrace gate --baseline base.mtz --update-baseline --allow-looser --max-live 1 less.mtz
	[[ $output == *"baseline base.mtz kept: other checks did not pass"* ]]
	cmp some.mtz base.mtz
	run -0 memtrace gate --baseline base.mtz --update-baseline less.mtz
	cmp less.mtz base.mtz
	run -1 memtrace gate --baseline base.mtz --update-baseline some.mtz
	[[ $output == *"baseline base.mtz kept: some call sites hold more"* ]]
	# Growth that is allowed is still no reason to make it the measure.
	run -0 memtrace gate --baseline base.mtz --max-growth 1k --update-baseline more.mtz
	cmp less.mtz base.mtz
	run -0 memtrace gate --baseline base.mtz --update-baseline less.mtz
	run -0 memtrace gate --baseline base.mtz --update-baseline --allow-looser more.mtz
	cmp more.mtz base.mtz
	head -c -40 less.mtz >cut.mtz
	run -3 memtrace gate --baseline base.mtz --update-baseline --allow-looser cut.mtz
	cmp more.mtz base.mtz
	run -2 memtrace gate --baseline base.mtz@start --update-baseline less.mtz
	[ "$(stat -c %a base.mtz)" = 600 ]
}

@test "gate: moved lines pair with --match function, also between folders" {
	record base 10 500
	mkdir other
	{ echo; echo; cat program.c; } >other/program.c
	${CC:-cc} -g -O0 other/program.c -o other/program
	memtrace run -q -o moved.mtz other/program 10 500
	memtrace run -q -o grown.mtz other/program 10 501
	run -1 memtrace gate --baseline base.mtz moved.mtz
	run -0 memtrace gate --baseline base.mtz --match function moved.mtz
	run -1 memtrace gate --baseline base.mtz --match function grown.mtz
	[ "${lines[2]}" = "    other/program.c:14: size=501 B (+1 B), count=1 (+0), average=501 B" ]
}

@test "gate: all forms have the same totals, and real parsers read them" {
	record base 3 500
	record new 12 800
	printf 'leak:nobody\n' >n.supp
	run -1 memtrace gate --baseline base.mtz --max-live 1000 --max-leaked 0 --suppressions n.supp \
		--junit j.xml --sarif s.json --markdown m.md new.mtz
	cp /dev/stdin text <<<"$output"
	memtrace gate --json --baseline base.mtz --max-live 1000 --max-leaked 0 --suppressions n.supp new.mtz >g.json || [ $? = 1 ]
	"$root/tests/e2e/gate-forms.py" 2000 13 g.json text j.xml s.json m.md
	[ "$(wc -l <m.md)" -le 60 ]
}

@test "gate: hostile names are escaped in every form" {
	cat >hostile.c <<-'END'
		#include <stdlib.h>
		void *kept[1000];
		int main(void)
		{
		#line 7 "a\nb\"]]>|`<x>&%0A,:\033[31m\377\302\233 \\ [l](j).c"
			kept[0] = malloc(100);
		#line 9 "/::error::x\r\n| a | b |"
			kept[1] = malloc(200);
			return 0;
		}
	END
	${CC:-cc} -g -O0 hostile.c -o hostile
	memtrace run -q -o 'ho"st<il>e.mtz' ./hostile
	run -1 memtrace gate --max-live 1 --junit j.xml --sarif s.json --markdown m.md --github 'ho"st<il>e.mtz'
	cp /dev/stdin text <<<"$output"
	[ "$(grep -c '^::' text)" = 3 ]
	if LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f\xff]' text m.md j.xml s.json; then false; fi
	memtrace gate --json --max-live 1 'ho"st<il>e.mtz' >g.json || [ $? = 1 ]
	"$root/tests/e2e/gate-forms.py" 300 2 g.json text j.xml s.json m.md
}

@test "gate: a name of 10 kB, and a thousand sites, leave the short forms short" {
	{
		echo '#include <stdlib.h>'
		echo 'void *kept[1000]; int main(void) {'
		printf '#line 5 "%010000d.c"\n' 0
		for i in {0..299}; do echo "kept[$i] = malloc($((i + 1)));"; done
		echo 'return 0; }'
	} >long.c
	${CC:-cc} -g -O0 long.c -o long
	memtrace run -q -o long.mtz ./long
	run -1 memtrace gate --max-live 1 --markdown m.md --junit j.xml --sarif s.json --github long.mtz
	[[ $output == *"and 290 more"* ]]
	[ "$(wc -l <m.md)" -le 60 ]
	[ "$(wc -c <m.md)" -le 20000 ]
	memtrace gate --json --max-live 1 long.mtz >g.json || [ $? = 1 ]
	cp /dev/stdin text <<<"$output"
	"$root/tests/e2e/gate-forms.py" 45150 300 g.json text j.xml s.json m.md
	run -1 memtrace gate --baseline long.mtz@start --sarif s.json long.mtz
	[ "$(python3 -c 'import json; print(len(json.load(open("s.json"))["runs"][0]["results"]))')" = 300 ]
	printf 'leak:unused%d\n' {1..9} >unused.supp
	run -1 memtrace gate --max-live 1 --max-peak 1 --max-total 1 --max-count 1 \
		--baseline long.mtz@start --suppressions unused.supp --markdown many.md long.mtz
	[ "$(wc -l <many.md)" -le 60 ]
}

@test "gate: files in SARIF and annotations are relative to the repository's root" {
	mkdir -p repo/src repo/.git
	cp program.c repo/src/
	(cd repo && ${CC:-cc} -g -O0 "$PWD/src/program.c" -o program)
	cd repo/src
	memtrace run -q -o ../a.mtz ../program 10 500
	run -1 memtrace gate --max-live 1 --github --sarif ../s.json ../a.mtz
	[[ $output == *"::error file=src/program.c,line=7,title=memtrace max-live::program.c:7: size=1000 B"* ]]
	python3 - <<-'END'
		import json
		run, = json.load(open("../s.json"))["runs"]
		place = run["results"][0]["locations"][0]["physicalLocation"]
		assert place["artifactLocation"] == {"uri": "src/program.c", "uriBaseId": "SRCROOT"}, place
		assert run["originalUriBaseIds"]["SRCROOT"]["uri"].endswith("/repo/"), run
	END
}

@test "gate: files that cannot be written are said so, whatever the verdict" {
	record a 10 500
	run -3 --separate-stderr memtrace gate --max-live 1M --junit none/j.xml a.mtz
	[[ $stderr == *"none/j.xml: No such file or directory" ]]
	run -4 memtrace gate --max-live 1M --junit /dev/full a.mtz
}

@test "gate: a slow leak is found per iteration; a cache that fills is not one" {
	cat >loop.c <<-'END'
		#include <stdlib.h>
		#include "memtrace.h"
		void *cache[8], *leak;
		int main(int argc, char **argv)
		{
			for (int i = 0; i < 40; i++) {
				if (!cache[i % 8])
					cache[i % 8] = malloc(1000); /* cache */
				if (atoi(argv[1]) && i % atoi(argv[1]) == 0) {
					void **p = malloc(24); /* leak */
					*p = leak, leak = p;
				}
				memtrace_snapshot("iteration");
			}
			return argc != 2;
		}
	END
	${CC:-cc} -g -O0 -I"$root/preload" loop.c -o loop
	for every in 0 1 3; do
		memtrace run -q -o every$every.mtz ./loop $every
	done
	run -0 memtrace gate --iterations every0.mtz
	run -0 memtrace gate --iterations --warmup 8 every0.mtz
	run -1 memtrace gate --iterations --warmup 8 every1.mtz
	[ "${lines[1]}" = "  iterations: failed: 1 call site grows from iteration to iteration: +24 B each" ]
	[[ ${lines[2]} == "    loop.c:10: size=960 B (+744 B), count=40 (+31), average=24 B, +24 B each time" ]]
	run -1 memtrace gate --iterations --warmup 8 every3.mtz
	[[ $output == *"+8 B each"* ]]
	run -0 memtrace gate --iterations --max-growth 24 every1.mtz
	run -1 memtrace gate --iterations --max-growth 20 every1.mtz
	run -3 memtrace gate --iterations --warmup 38 every1.mtz
	[[ $output == *"40 iterations, of which 38 to warm up: at least 3 must be left"* ]]
	record a 10 500
	run -3 memtrace gate --iterations a.mtz
}
