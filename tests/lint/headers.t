#!/bin/sh
# Each header compiles by itself.
. "$(dirname "$0")/tap.sh"

for header in formats/*.h preload/*.h tracer/*/*.h cli/*.h tests/*.h; do
	[ -e "$header" ] || continue
	echo "#include \"$header\"" |
		${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I. -Wall -Wextra -Wno-unused-function \
			-Werror -fsyntax-only -x c - 2>&1 | check "$header stands alone"
done

echo '#include "preload/memtrace.h"' |
	${CXX:-c++} -std=c++17 -I. -Wall -Wextra -Werror -fsyntax-only -x c++ - 2>&1 |
	check "memtrace.h is C++ too"
echo '#include "preload/memtrace.h"' |
	${CC:-cc} -std=c99 -pedantic -I. -Wall -Wextra -Werror -fsyntax-only -x c - 2>&1 |
	check "memtrace.h is plain C99"
plan
