#!/bin/sh
# What libmemtrace.so needs, imports and exports. It lives in every recorded program, so
# each new import is reviewed: tests/lint/imports lists those that are.
. "$(dirname "$0")/tap.sh"
library=$build/libmemtrace.so
here=tests/lint

readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -vxE 'libc\.so\.6|ld-linux-x86-64\.so\.2' |
	check "the library needs libc and the loader only"

export LC_ALL=C
sed 's/[# ].*//' "$here/imports" | grep . | sort -u >"$scratch/reviewed"
nm -D --undefined-only "$library" | awk '{ sub(/@.*/, "", $2); print $2 }' | sort -u |
	comm -13 "$scratch/reviewed" - | sed 's/$/: imported, but not in tests\/lint\/imports/' |
	check "every imported symbol has been reviewed"

# What an event runs through asks neither the loader nor the threads library for anything that
# takes a lock. Start, end, reports of errors and calls that pass through us may.
others='(preload/(aside|breaks|config|dl|exec|fault|launch|leaks|libc|operators|process|python|report|statistics|thread)|tracer/record/start)'
for source in preload/*.[cS] tracer/record/*.c; do
	nm -u "$build/inside/${source%.*}.o" | awk -v object="${source%.*}" '{ print object, $2 }'
done | grep -vE "^$others " | while read -r object symbol; do
	grep -q "^$symbol " "$here/imports" && echo "$object $symbol"
done | grep -vE ' (mem(cpy|move|set)|__errno_location|__curbrk|__libc_[a-z_]*|_dl_find_object)$' |
	grep -vxE 'tracer/record/modules (dl_iterate_phdr|getauxval)|preload/interpose sysconf' |
	check "the event path imports nothing that takes a lock of others"

nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u \
	>"$scratch/exported"
sed -n '/global:/,/local:/s/^[	 ]*\([A-Za-z_*][A-Za-z0-9_*]*\);.*/\1/p' preload/memtrace.map |
	grep -vx '\*' | sort -u >"$scratch/mapped"
comm -3 "$scratch/exported" "$scratch/mapped" | tr -d '\t' |
	check "the exports are those of preload/memtrace.map"

readelf -d "$library" | grep -E 'TEXTREL|EXEC.?STACK' |
	check "no text relocations"
objdump -d --no-show-raw-insn "$library" | grep -E '%[xyz]mm' | head -3 |
	check "no vector registers, which want an aligned stack"
readelf -lW "$library" | grep 'GNU_STACK.*RWE' | check "no executable stack"
readelf -rW "$library" | grep -E 'DTPMOD|TLSDESC' |
	check "thread-locals use the initial-exec model"
plan
