#!/bin/sh
# The reader against any bytes: the corpus is replayed; where clang brings libFuzzer, it
# searches on for FUZZ_SECONDS. An input that fails is kept in $BUILD/fuzz.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}/fuzz
corpus=tests/fuzz/corpus-reader
flags='-std=gnu11 -D_GNU_SOURCE -I. -g -O1 -fno-sanitize-recover=all'
mkdir -p "$build/found"

compile() {
	compiler=$1
	shift
	$compiler $flags -DMT_VERSION='"0"' "$@" tests/fuzz/fuzz-reader.c formats/*.c -lz \
		2>"$build/compile.log"
}

echo 1..2
if compile "${CC:-cc}" -fsanitize=address,undefined -o "$build/replay-reader" &&
	"$build/replay-reader" $corpus/* >"$build/replay.log" 2>&1; then
	echo "ok 1 - $(cat "$build/replay.log")"
else
	sed 's/^/# /' "$build/compile.log" "$build/replay.log"
	echo "not ok 1 - the corpus is replayed"
fi

if ! compile clang -fsanitize=fuzzer,address,undefined -DMT_LIBFUZZER \
	-o "$build/fuzz-reader"; then
	echo "ok 2 - new inputs # SKIP no clang with libFuzzer"
elif "$build/fuzz-reader" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=60 \
	-rss_limit_mb=512 -max_len=8192 -artifact_prefix="$build/" "$build/found" \
	$corpus >"$build/fuzz.log" 2>&1; then
	echo "ok 2 - $(sed -n 's/^Done \([0-9]* runs\) in.*/\1 of new inputs/p' \
		"$build/fuzz.log")"
else
	tail -40 "$build/fuzz.log" | sed 's/^/# /'
	echo "not ok 2 - new inputs"
fi
