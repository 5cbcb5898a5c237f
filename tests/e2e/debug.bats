#!/usr/bin/env bats
# --malloc debug and its kin: what a program does wrong with its memory is found.

load setup
load errors
bats_require_minimum_version 1.5.0

setup_file() {
	build_errors "$BATS_FILE_TMPDIR"
}

prepare() {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	programs=$BATS_FILE_TMPDIR
}

# each WHAT MODE...: of all programs, as errors.py says.
each() {
	local what=$1 mode
	shift
	for mode; do
		"$BATS_TEST_DIRNAME/errors.py" "$what" "$mode" "$programs"
	done
}

@test "debug: every error is found, with the traceback of block, free and call" {
	each finds debug
}

@test "debug: every error is found in blocks of the C library" {
	each finds malloc_debug
}

@test "debug: no false alarm from programs that do it right" {
	each is-quiet debug malloc_debug
	MEMTRACE_GEOMETRY=classic each is-quiet pymalloc_debug
}

@test "debug: MEMTRACE_DEBUG=continue tells and goes on" {
	each goes-on debug
}

@test "debug, guard: a bad ID says in words who made the block and who got it" {
	for mode in debug guard; do
		run_error new-array-delete $mode
		grep -A1 "^Memory error: operator delete: bad ID: Allocated using API 'v', verified using API 'n': " err.txt |
			grep -qx '    made by operator new\[\], given to operator delete'
		run_error sized-delete $mode
		grep -q '^    [0-9]* bytes given back$' err.txt
	done
}

@test "debug, guard: one byte is a byte, and nothing is nothing" {
	cat >ends.c <<-'END'
		#include <stdlib.h>
		int main(void)
		{
			char *one = malloc(1), *none = malloc(0);
			one[1] = none[0] = 1;
			free(one);
			free(none);
			free(one);
		}
	END
	${CC:-cc} -g -O0 -w -fno-builtin ends.c -o ends
	export MEMTRACE_DEBUG=continue
	run -0 memtrace run -q --force -o t.mtz --malloc guard ./ends
	[[ $output == *"    0 bytes beyond the end of a block of 1 byte at 0x"* ]]
	[[ $output == *"    0 bytes beyond the end of a block of 0 bytes at 0x"* ]]
	[[ $output == *"Memory error: free: double free"*"    0 bytes into a block of 1 byte at 0x"* ]]
	[ "$(memtrace info --errors --json t.mtz | jq -c '[.errors[].kind]')" = \
		'["write-beyond","write-beyond","double-free"]' ]
}

@test "debug: a child that is forked while another thread's error is told can tell its own" {
	prepare
	cat >forks.c <<-'END'
		#include <pthread.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static volatile int is_over;
		static void err(void)
		{
			char *p = malloc(24);
			p[24] = 1;
			free(p);
		}
		static void *errs(void *unused)
		{
			while (!is_over)
				err();
			return unused;
		}
		int main(void)
		{
			pthread_t other;
			pthread_create(&other, NULL, errs, NULL);
			for (int i = 0; i < 20; i++) {
				pid_t child = fork();
				if (child == 0) {
					err();
					_exit(0);
				}
				waitpid(child, NULL, 0);
			}
			is_over = 1;
			return pthread_join(other, NULL);
		}
	END
	${CC:-cc} -g -O0 -w -fno-builtin forks.c -o forks -lpthread
	MEMTRACE_DEBUG=continue timeout -k 1 30 \
		memtrace run -q --force -o forks.mtz --malloc debug ./forks 2>err.txt
	for child in forks.mtz.*; do
		[ "$(memtrace info --json "$child" | jq .errors_found)" -eq 1 ]
	done
}

@test "debug: of threads that err at once, the one that ends the program is heard alone" {
	prepare
	cat >together.c <<-'END'
		#include <pthread.h>
		#include <signal.h>
		#include <stdlib.h>
		#include <unistd.h>
		static pthread_barrier_t all;
		static void dump(int number)
		{
			(void)number;
			usleep(200000); /* as one that writes a core */
		}
		static void *err(void *unused)
		{
			char *p = malloc(24);
			p[24] = 1;
			pthread_barrier_wait(&all);
			free(p);
			return unused;
		}
		int main(void)
		{
			pthread_t threads[8];
			signal(SIGABRT, dump);
			pthread_barrier_init(&all, NULL, 8);
			for (int i = 0; i < 8; i++)
				pthread_create(&threads[i], NULL, err, NULL);
			for (int i = 0; i < 8; i++)
				pthread_join(threads[i], NULL);
		}
	END
	${CC:-cc} -g -O0 -w -fno-builtin together.c -o together -lpthread
	run -134 --separate-stderr \
		memtrace run -q --force -o together.mtz --malloc debug ./together
	[ "$(grep -c '^Memory error: ' <<<"$stderr")" -eq 1 ]
	[ "$(grep -c '^This call ' <<<"$stderr")" -eq 1 ]
	[ "$(memtrace info --json together.mtz | jq .errors_found)" -eq 1 ]
	export MEMTRACE_DEBUG=continue
	memtrace run -q --force -o together.mtz --malloc debug ./together
	[ "$(memtrace info --json together.mtz | jq .errors_found)" -eq 8 ]
}
