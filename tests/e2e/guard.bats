#!/usr/bin/env bats
# --malloc guard: blocks up against inaccessible pages.

load setup
load errors
bats_require_minimum_version 1.5.0
BATS_TEST_TIMEOUT=120

setup_file() {
	build_errors "$BATS_FILE_TMPDIR"
}

prepare() {
	[ "$BUILD" != build/asan ] || skip "AddressSanitizer wants to be the first library"
	programs=$BATS_FILE_TMPDIR
}

# each FUNCTION: of every program whose error this mode finds.
each() {
	local source count=0
	for source in "$errors"/*; do
		[ "$(expected "$source" guard)" != none ] || continue
		"$1" "$source" guard guard
		count=$((count + 1))
	done
	[ $count -gt 15 ]
}

@test "guard: every error is found, with the traceback of block, free and access" {
	each finds
}

@test "guard: no false alarm from programs that do it right" {
	for source in "$errors"/*; do
		is_quiet "$source" guard
	done
}

@test "guard: MEMTRACE_DEBUG=continue tells and goes on" {
	each goes_on
}
