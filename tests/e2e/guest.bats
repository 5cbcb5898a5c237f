#!/usr/bin/env bats
# Programs must not notice: runtimes that serve themselves, streams that nobody reads.

load setup
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	for name in confined own-malloc use-after-free; do
		${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O2 -fno-builtin "tests/programs/$name.c" \
			-o "$BATS_FILE_TMPDIR/$name"
	done
	for kind in address leak thread; do
		gcc -g -O1 -w -fsanitize=$kind -fno-builtin tests/programs/use-after-free.c \
			-o "$BATS_FILE_TMPDIR/$kind" 2>/dev/null || true
	done
}

prepare() {
	programs=$BATS_FILE_TMPDIR
}

# File descriptor 8 becomes a pipe that nobody reads.
open_broken_pipe() {
	mkfifo broken
	exec 7<>broken 8>broken 7<&-
}

# What differs from run to run: process, addresses.
report() {
	sed -E 's/[0-9]+==|0x[0-9a-f]+|pid=[0-9]+|Shadow bytes.*|=>.*//g' "$1" | sed '/^  /d'
}

@test "guest: a sanitizer finds what it finds without us" {
	for kind in address leak thread; do
		[ -x "$programs/$kind" ] || continue
		for argument in '' quiet; do
			status=0 ours=0
			"$programs/$kind" $argument >out.txt 2>err.txt || status=$?
			memtrace run -q -- "$programs/$kind" $argument >out2.txt 2>err2.txt || ours=$?
			[ $status = $ours ]
			cmp out.txt out2.txt
			diff <(report err.txt) <(report err2.txt)
		done
	done
}

@test "guest: a sanitizer's program is not recorded, and that is said" {
	[ -x "$programs/address" ] || skip "AddressSanitizer is not installed"
	run -6 memtrace run -- "$programs/address" quiet
	[[ $output == *"not recorded: "*"sanitizer"* ]]
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	export LD_PRELOAD=libm.so.6
	memtrace run -q -o t.mtz -- sh -c '"$0" quiet; echo $?; echo $LD_PRELOAD' \
		"$programs/address" >ours.txt 2>err.txt || true
	grep -q 'libmemtrace.so:libm.so.6$' ours.txt
}

@test "guest: where the library cannot be opened, programs begin without it" {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	cat >starts.c <<-'END'
		#include <spawn.h>
		#include <stdio.h>
		#include <sys/wait.h>
		#include <unistd.h>
		extern char **environ;
		int main(int argc, char **argv)
		{
			pid_t pid;
			remove(argv[1]);
			posix_spawnp(&pid, "env", NULL, NULL, (char *[]){"env", NULL}, environ);
			waitpid(pid, NULL, 0);
			if (!fork())
				execlp("env", "env", NULL);
			wait(NULL);
			execve(argv[2], (char *[]){"env", NULL}, environ);
		}
	END
	${CC:-cc} -O1 starts.c -o starts
	for other in '' libm.so.6; do
		cp "$build/memtrace" "$build/libmemtrace.so" .
		run -0 --separate-stderr env ${other:+LD_PRELOAD=$other} ./memtrace run -q -o t.mtz \
			--force -- ./starts libmemtrace.so "$(command -v env)"
		[ -z "$stderr" ]
		[ "$(grep -c ^MEMTRACE_SOCKET= <<<"$output")" = 3 ]
		[ "$(grep -cx "LD_PRELOAD=$other" <<<"$output")" = $((${#other} ? 3 : 0)) ]
		[[ $output != *libmemtrace.so* ]]
		memtrace info t.mtz | grep -qE '^ +3  child_no_environment '
	done
}

@test "guest: Valgrind serves a program, and finds what it finds without us" {
	command -v valgrind >/dev/null || skip "valgrind is not installed"
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer does not run under Valgrind"
	cat >grown.c <<-'END'
		#define _GNU_SOURCE
		#include <stdlib.h>
		int main(int argc, char **argv)
		{
			int *p = reallocarray(malloc(40), 200, sizeof *p);
			p = realloc(reallocarray(p, 400, sizeof *p), 8);
			p[argc] = **argv;
			free(p);
			return 3;
		}
	END
	${CC:-cc} -O1 -fno-builtin grown.c -o grown
	for tool in memcheck massif none; do
		run -3 --separate-stderr memtrace run -q -o '%e.mtz' -- valgrind -q --tool=$tool \
			--log-file=log.txt ./grown
		[ -z "$output$stderr" ]
		[ ! -s log.txt ]
	done
	run -9 memtrace run -q -- valgrind -q --error-exitcode=9 ./grown beyond
	[[ $output == *"Invalid write of size 4"* ]]
}

@test "guest: a program with its own malloc runs as ever, and that is said" {
	run -4 --separate-stderr memtrace run -- "$programs/own-malloc" <<<hello
	[ "$output" = hello ]
	[[ $stderr == *"not recorded: what the program's own malloc serves"* ]]
}

@test "guest: a stderr that nobody reads costs our words, not the program" {
	open_broken_pipe
	run -5 env MEMTRACE_MALLOC=nonsense LD_PRELOAD="$build/libmemtrace.so" \
		bash -c 'exec 2>&8 sh -c "exit 5"'
	status=0
	memtrace run -- sh -c 'exit 5' 2>&8 || status=$?
	[ $status = 5 ]
	memtrace run -- sh -c 'kill -TERM $$' 2>&8 || status=$?
	[ $status = 143 ]
}

@test "guest: a stderr that may not grow costs our words, not the program" {
	status=0
	(ulimit -f 0 && exec memtrace run -- sh -c 'exit 5' 2>err.txt) || status=$?
	[ $status = 5 ]
}

@test "guest: a child that limits its data is served, and its parent's numbers stay" {
	memtrace run -o t.mtz -- "$programs/confined" data 2>err.txt
	grep -q '1 (children not recorded)' err.txt
	memtrace info t.mtz >info.txt
	grep -qx 'Complete: yes' info.txt
	grep -qx 'Exit status: 0' info.txt
}

@test "guest: a debugger that starts the program keeps it, the collector is none of its threads" {
	command -v gdb || skip "gdb is not installed"
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	gdb -nx -q -batch -ex run "$(command -v true)" | grep "exited normally" ||
		skip "no tracing here"
	run -0 gdb -nx -q -batch -ex 'set startup-with-shell off' \
		-ex "set environment LD_PRELOAD=$build/libmemtrace.so" \
		-ex "set environment MEMTRACE_OUTPUT=$PWD/t.mtz" -ex run "$(command -v true)"
	[[ $output == *"exited normally"* && $output != *"executing new program"* ]]
	run -0 memtrace info t.mtz
}
