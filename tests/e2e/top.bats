#!/usr/bin/env bats
# memtrace top: who holds, held or churned the memory, in every view, and what it refuses.
bats_require_minimum_version 1.5.0
load setup

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	cp "$BATS_TEST_DIRNAME/../programs/callsites.c" .
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O2 callsites.c -pthread -o callsites
	local memtrace=$BATS_TEST_DIRNAME/../../${BUILD:-build}/memtrace
	"$memtrace" run -q -o plain.mtz -- ./callsites
	"$memtrace" run -q -o thread.mtz -- ./callsites 7 thread
}

# The source, the program and the traces; rows name the source by its base name.
prepare() {
	cd "$BATS_FILE_TMPDIR" || return
}

# at MARKER: the label of the line that ends in that comment.
at() {
	echo "callsites.c:$(grep -n "// $1\$" callsites.c | cut -d: -f1)"
}

# rows ARGUMENT...: the rows of top in their order, without the line of totals.
rows() {
	memtrace top -n 0 "$@" | grep -v '^Total: '
}

# field FILTER ARGUMENT...: of the JSON of top.
field() {
	local filter=$1
	shift
	memtrace top --json "$@" | python3 -c "
import json, sys
j = json.load(sys.stdin)
print($filter)"
}

@test "top: a row for each call site, the largest first, wrappers passed over" {
	run -0 rows plain.mtz
	[ "${lines[0]}" = "$(at large): size=19.5 KiB, count=1, average=19.5 KiB" ]
	[ "${lines[1]}" = "$(at wrapped): size=500 B, count=1, average=500 B" ]
	[ "${lines[2]}" = "$(at three): size=300 B, count=3, average=100 B" ]
	[ "${lines[3]}" = "$(at 'in pass_on'): size=24 B, count=1, average=24 B" ]
	[ "${lines[4]}" = "$(at duplicated): size=6 B, count=1, average=6 B" ]
	[ "${#lines[@]}" = 5 ]
}

@test "top: the last line is the total and what was left out" {
	run -0 memtrace top -n 1 plain.mtz
	[ "${lines[1]}" = \
		"Total: 20.3 KiB in 7 blocks; 4 more rows: 830 B in 6 blocks" ]
	run -0 memtrace top -n 4 plain.mtz
	[ "${lines[4]}" = "Total: 20.3 KiB in 7 blocks; 1 more row: 6 B in 1 block" ]
	run -0 memtrace top -n 0 plain.mtz
	[ "${lines[5]}" = "Total: 20.3 KiB in 7 blocks" ]
}

@test "top: the peak has the block that was freed later, the exit has not" {
	run -0 rows plain.mtz@peak
	[ "${lines[0]}" = "$(at grown): size=684 KiB, count=1, average=684 KiB" ]
	[ "$output" = "$(rows --metric peak plain.mtz)" ]
	run -0 rows plain.mtz
	[[ $output != *"$(at grown)"* ]]
}

@test "top: --function knows functions of C++ without their parameters" {
	cat >shapes.cc <<-'END'
		namespace app { template <class T> T *make(int n) { return new T[n]; } }
		char *volatile kept;
		int main() { kept = app::make<char>(1000); }
	END
	"${CXX:-c++}" -g -O0 shapes.cc -o shapes
	memtrace run -q -o shapes.mtz -- ./shapes
	for glob in app::make 'app::ma*' 'char* app::make<char>(int)'; do
		run -0 rows --function "$glob" shapes.mtz
		[[ ${#lines[@]} = 1 && $output == 'shapes.cc:1: size=1000 B,'* ]]
	done
	run -0 memtrace top --function make shapes.mtz
	[ "$output" = 'Total: 0 B in 0 blocks' ]
}

@test "top: in total a realloc is one more allocation" {
	run -0 rows --metric total plain.mtz
	[ "${lines[0]}" = "$(at grown): size=684 KiB, count=1, average=684 KiB" ]
	[ "${lines[1]}" = "$(at churned): size=586 KiB, count=1, average=586 KiB" ]
}

@test "top: --raw-frames and --wrapper move the key frame" {
	run -0 rows --raw-frames plain.mtz
	[[ $output == *"$(at 'in xmalloc'): size=500 B, count=1"* ]]
	[[ $output != *"$(at wrapped)"* ]]
	run -0 rows --wrapper pass_on plain.mtz
	[[ $output == *"$(at 'passed on'): size=24 B, count=1"* ]]
	[[ $output != *"$(at 'in pass_on')"* ]]
}

@test "top: by function, file, module, size class and domain" {
	run -0 rows --by function plain.mtz
	[ "${lines[0]}" = "fill (callsites): size=20.3 KiB, count=6, average=3468 B" ]
	[ "${lines[1]}" = "pass_on (callsites): size=24 B, count=1, average=24 B" ]
	[ "$(rows --by filename plain.mtz)" = \
		"callsites.c:0: size=20.3 KiB, count=7, average=2976 B" ]
	[ "$(rows --by module plain.mtz)" = \
		"callsites: size=20.3 KiB, count=7, average=2976 B" ]
	[ "$(rows --by domain plain.mtz)" = \
		"domain 0: size=20.3 KiB, count=7, average=2976 B" ]
	run -0 rows --by size-class plain.mtz
	[ "${lines[0]}" = "large: size=19.5 KiB, count=1, average=19.5 KiB" ]
	[ "${lines[1]}" = "class 512: size=500 B, count=1, average=500 B" ]
	[ "${lines[2]}" = "class 112: size=300 B, count=3, average=100 B" ]
	[ "${lines[3]}" = "class 32: size=24 B, count=1, average=24 B" ]
	[ "${lines[4]}" = "class 16: size=6 B, count=1, average=6 B" ]
}

@test "top: by thread, a thread that has ended included" {
	run -0 rows --by thread thread.mtz
	[[ $output == *"thread worker ("*"): size=64 B, count=1, average=64 B"* ]]
	[[ $output == "thread callsites ("*"): size="* ]]
}

@test "top: by traceback the frames follow, most recent first" {
	run -0 memtrace top --by traceback --include callsites.c --function fill plain.mtz
	[ "${lines[0]}" = "$(at large): size=19.5 KiB, count=1, average=19.5 KiB" ]
	[ "${lines[1]}" = "    $(at large) (fill)" ]
	[[ ${lines[2]} == "    callsites.c:"*" (main)" ]]
	field '[f["function"] for f in j["rows"][0]["traceback"]][-2:]' \
		--by traceback plain.mtz | grep -Fx "['main', 'fill']"
}

@test "top: cumulative counts a block in every frame" {
	run -0 rows --cumulative --by function plain.mtz
	[[ $output == *"main (callsites): size=20.3 KiB, count=7, average=2976 B"* ]]
	[[ $output == *"fill (callsites): size=20.3 KiB, count=7, average=2976 B"* ]]
	[[ $output == *"xmalloc (callsites): size=500 B, count=1, average=500 B"* ]]
}

@test "top: sorting by count and by average" {
	run -0 rows --sort count plain.mtz
	[[ ${lines[0]} == "$(at three): "* ]]
	run -0 rows --sort average plain.mtz
	[[ ${lines[2]} == "$(at three): "* ]]
	[[ ${lines[1]} == "$(at wrapped): "* ]]
}

@test "top: filters by file, function, module, in any frame" {
	[ "$(rows --function pass_on plain.mtz | wc -l)" = 1 ]
	[ "$(rows --exclude callsites.c plain.mtz | wc -l)" = 0 ]
	[ "$(rows --include 'call*.c' plain.mtz | wc -l)" = 5 ]
	[ "$(rows --include "$PWD/*" plain.mtz | wc -l)" = 5 ]
	[ "$(rows --include '/nowhere/*' plain.mtz | wc -l)" = 0 ]
	[ "$(rows --module callsites plain.mtz | wc -l)" = 5 ]
	[ "$(rows --function main plain.mtz | wc -l)" = 0 ]
	[ "$(rows --function main --all-frames plain.mtz | wc -l)" = 5 ]
	[ "$(rows --domain 0 plain.mtz | wc -l)" = 5 ]
	[ "$(rows --domain 7 plain.mtz | wc -l)" = 0 ]
	run -2 memtrace top --domain seven plain.mtz
}

@test "top: paths are relative only beneath the current directory" {
	mkdir -p elsewhere
	cd elsewhere
	run -0 memtrace top -n 1 ../plain.mtz
	[[ ${lines[0]} == "$BATS_FILE_TMPDIR/callsites.c:"* ]]
}

@test "top: JSON has the fields of the contract" {
	memtrace top --json -n 2 plain.mtz | python3 -c '
import json, os, sys
j = json.load(sys.stdin)
assert list(j) == ["schema", "trace", "snapshot", "by", "metric", "totals", "rows", "omitted"], list(j)
assert j["schema"] == "memtrace.top/1" and j["trace"] == "plain.mtz"
assert j["by"] == "lineno" and j["metric"] == "live"
assert j["snapshot"]["label"] == "exit" and j["snapshot"]["time_ns"] > 0
row = j["rows"][0]
assert list(row) == ["file", "line", "function", "module", "size", "count"], list(row)
assert row["file"] == os.path.abspath("callsites.c") and row["function"] == "fill"
assert row["module"] == os.path.abspath("callsites")
assert (row["size"], row["count"]) == (20000, 1)
assert j["omitted"] == {"rows": 3, "size": 330, "count": 5}, j["omitted"]
assert j["totals"] == {"size": 20830, "count": 7}'
	[ "$(field 'list(j["rows"][0])' --by filename plain.mtz)" = "['file', 'size', 'count']" ]
	[ "$(field 'list(j["rows"][0])' --by function plain.mtz)" = \
		"['function', 'module', 'size', 'count']" ]
	[ "$(field 'list(j["rows"][0])' --by size-class plain.mtz)" = \
		"['class_bytes', 'size', 'count']" ]
	[ "$(field 'j["rows"][0]["class_bytes"]' --by size-class plain.mtz)" = 0 ]
	[ "$(field 'list(j["rows"][0])' --by thread plain.mtz)" = "['tid', 'name', 'size', 'count']" ]
	[ "$(field 'list(j["rows"][0])' --by domain plain.mtz)" = "['domain', 'size', 'count']" ]
	[ "$(field 'list(j["rows"][0]["traceback"][0])' --by traceback plain.mtz)" = \
		"['function', 'file', 'line', 'module', 'offset', 'inlined']" ]
}

@test "top: without debug information rows are module and offset, with the symbol" {
	cp callsites bare
	strip --strip-debug bare
	memtrace run -q --force -o bare.mtz -- ./bare
	run -0 rows bare.mtz
	[[ ${lines[0]} =~ ^bare\+0x[0-9a-f]+\ \(fill\):\ size=19\.5\ KiB,\ count=1 ]]
	field '[(r["file"], r["line"], r["function"], r["offset"] > 0) for r in j["rows"]][0]' \
		bare.mtz | grep -Fx "(None, 0, 'fill', True)"
	strip bare
	memtrace run -q --force -o bare.mtz -- ./bare
	run -0 rows bare.mtz
	[[ ${lines[0]} =~ ^bare\+0x[0-9a-f]+:\ size=19\.5\ KiB,\ count=1 ]]
	[ "$(field 'j["rows"][0]["function"]' bare.mtz)" = None ]
}

@test "top: text and JSON agree in every view, and rows and omitted are the total" {
	for view in "--by lineno" "--by filename" "--by function" "--by traceback" \
		"--by module" "--by size-class" "--by thread" "--by domain" \
		"--metric peak" "--metric total" "--metric total --by traceback"; do
		memtrace top -n 2 --json $view thread.mtz >answer.json
		memtrace top -n 2 $view thread.mtz >answer.txt
		python3 - answer.json answer.txt <<-'EOF'
			import json, re, sys
			j = json.load(open(sys.argv[1]))
			text = [re.search(r": size=.*, count=(\d+)", l) for l in open(sys.argv[2])]
			counts = [int(m.group(1)) for m in text if m]
			assert counts == [r["count"] for r in j["rows"]], (counts, j["rows"])
			for key in "size", "count":
			    whole = sum(r[key] for r in j["rows"]) + j["omitted"][key]
			    assert whole == j["totals"][key], (whole, j["totals"])
		EOF
	done
	for by in function traceback module size-class thread domain; do
		[ "$(field 'j["totals"]' --by $by thread.mtz)" = "$(field 'j["totals"]' thread.mtz)" ]
	done
}

@test "top: what a trace cannot answer is a usage error that says so" {
	run -2 --separate-stderr memtrace top --by thread --metric peak plain.mtz
	[[ $stderr == "memtrace top: --by thread "*"--metric peak"* ]]
	run -2 --separate-stderr memtrace top --by size-class plain.mtz@peak
	[[ $stderr == *"--by size-class cannot be answered at @peak"* ]]
	run -2 memtrace top --by size-class --metric total plain.mtz
	run -2 memtrace top --metric total plain.mtz@peak
	run -2 memtrace top --cumulative --by thread plain.mtz
	run -2 memtrace top --cumulative --by traceback plain.mtz
	run -2 memtrace top --by nothing plain.mtz
	run -2 memtrace top plain.mtz@
	run -2 memtrace top
}

@test "top: a missing file, snapshot or another kind of file: status 3" {
	run -3 --separate-stderr memtrace top nowhere.mtz
	[[ $stderr == "memtrace top: nowhere.mtz: "* ]]
	[ -z "$output" ]
	run -3 --separate-stderr memtrace top plain.mtz@nothing
	[[ $stderr == "memtrace top: plain.mtz: no snapshot 'nothing'"* ]]
	run -3 --separate-stderr memtrace top callsites.c
	: >empty.mtz
	run -3 memtrace top empty.mtz
	run -3 memtrace top .
}

@test "top: a file that ends early is read, with a line on stderr" {
	size=$(stat -c %s plain.mtz)
	head -c $((size - 8)) plain.mtz >early.mtz
	run -0 --separate-stderr memtrace top early.mtz
	[[ $output == "$(at large): "* ]]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[[ $stderr == "memtrace top: early.mtz: ends early"* ]]
	[ "$(field 'j["incomplete"]' early.mtz 2>/dev/null)" = True ]
}

@test "top: cut anywhere it answers, or says why not; never worse" {
	size=$(stat -c %s plain.mtz)
	mkdir -p cuts
	: >all.json
	memtrace top --json plain.mtz >whole.json
	for ((cut = 0; cut < size; cut += 97)); do
		head -c $cut plain.mtz >cuts/plain.mtz
		status=0
		(cd cuts && timeout 300 memtrace top --json plain.mtz) >cut.json 2>cut.err || status=$?
		[[ $status == [03] ]]
		# Cut between chunks behind the exit, nothing of the answer is lost.
		[ -s cut.err ] || cmp cut.json whole.json
		[ ! -s cut.err ] || cat cut.json >>all.json
	done
	# An answer is a line.
	python3 - <<-'END'
		import json
		answers = [json.loads(line) for line in open("all.json")]
		assert len(answers) > 3 and all(a["incomplete"] for a in answers)
	END
}

@test "top: a damaged file: status 3, what is intact is printed, JSON is whole" {
	size=$(stat -c %s plain.mtz)
	: >all.json
	for ((at = 64; at < size; at += 61)); do
		cp plain.mtz hurt.mtz
		printf '\xa5' | dd of=hurt.mtz bs=1 seek=$at conv=notrunc status=none
		cmp -s plain.mtz hurt.mtz && continue
		status=0
		timeout 300 memtrace top --json hurt.mtz >hurt.json 2>hurt.err || status=$?
		[[ $status == [03] ]]
		# 0: the byte is of no importance to this answer.
		[ $status = 0 ] || grep -q "^memtrace top: hurt.mtz: " hurt.err
		[ ! -s hurt.json ] || echo "$status $(<hurt.json)" >>all.json
	done
	python3 - <<-'END'
		import json
		answers = [line.split(" ", 1) for line in open("all.json")]
		answers = [(status, json.loads(answer)) for status, answer in answers]
		assert len(answers) > 3
		assert all(status == "0" or a["incomplete"] is True for status, a in answers)
	END
}

@test "top: hostile names are escaped in text and in JSON" {
	name=$'evil\n\e[31m"\\\xff|]]>name'
	mkdir -p "$name"
	cp callsites "$name/$name"
	strip "$name/$name"
	memtrace run -q --force -o hostile.mtz -- "./$name/$name"
	run -0 --separate-stderr memtrace top --by module hostile.mtz
	[ "$(LC_ALL=C tr -d '\n -~' <<<"$output" | wc -c)" = 0 ]
	[ "${#lines[@]}" = 2 ]
	[[ $output == *'evil\x0a\x1b[31m"\\xff|]]>name'* ]]
	[ "$(field 'j["rows"][0]["module"].split("/")[-1] == "evil\n\x1b[31m\"\\\ufffd|]]>name"' \
		--by module hostile.mtz)" = True ]
}

@test "top: colour only when asked or on a terminal" {
	run -0 memtrace top plain.mtz
	[[ $output != *$'\e'* ]]
	run -0 memtrace top --color=always plain.mtz
	[[ $output == *$'\e['* ]]
	[ "$(sed 's/\x1b\[[0-9]*m//g' <<<"$output")" = "$(memtrace top plain.mtz)" ]
}

@test "damage: top, diff, stats and frag tell of it in any chunk, needed or not" {
	memtrace run -q -o a.mtz -- sh -c 'ls / >/dev/null; true'
	cat >damage.py <<-'END'
		import struct
		data = bytearray(open("a.mtz", "rb").read())
		at = number = 0
		while (at := data.find(b"MCHK", at)) >= 0:
		    payload = at + 48
		    if payload < len(data) and data[payload:payload + 4] != b"MCHK":
		        bent = bytearray(data)
		        bent[payload] ^= 255
		        open(f"bent-{number}.mtz", "wb").write(bent)
		        number += 1
		    at += 4
		print(number)
	END
	[ "$(python3 damage.py)" -ge 5 ]
	for bent in bent-*.mtz; do
		for command in top stats frag "diff a.mtz"; do
			run -3 --separate-stderr memtrace $command --json $bent
			[[ $stderr == *"$bent: "*" at byte "*": expected the checksum "*", found "* ]]
			[ -z "$output" ] || [ "$(jq .incomplete <<<"$output")" = true ]
		done
	done
}
