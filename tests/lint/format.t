#!/bin/sh
# The layout of the code is clang-format's, of the version that .clang-format is written for.
. "$(dirname "$0")/tap.sh"

version=$(clang-format --version 2>/dev/null | sed 's/.*version \([0-9]*\).*/\1/')
[ "$version" = 14 ] ||
	skip_all "the layout is that of clang-format 14; here is ${version:-none}"

git ls-files '*.c' '*.h' '*.cc' 2>/dev/null | grep . >/dev/null ||
	skip_all "no git checkout to ask for the files"
git ls-files '*.c' '*.h' '*.cc' | xargs clang-format --dry-run 2>&1 |
	grep 'clang-format-violations' | sed 's/: warning.*//' |
	check "all C files are laid out by clang-format (make format)"
plan
