# Every command that README shows works as shown.
bats_require_minimum_version 1.5.0
load setup

# The commands of README's console blocks, one a line, in order.
commands_of_readme() {
	awk '/^```console/ { inside = 1; next } /^```/ { inside = 0 }
		inside && /^\$ / { sub(/^\$ /, ""); print }' "$root/README.md"
}

# A place like the reader's: the checkout, and a program and a Python script of one's own.
prepare() {
	for entry in "$root"/*; do
		[ "${entry##*/}" = build ] || ln -s "$entry" .
	done
	ln -s "$build" build
	export HOME=$PWD/home
	mkdir home
	${CC:-cc} -g -O1 -Ipreload examples/inventory.c -o app
	cp examples/words.py job.py
}

@test "README: its two set-up lines are what CI and the Makefile run" {
	lines=$(grep -c 'apt-get install -y make && make \(quickstart\|check\)$' "$root/README.md")
	[ "$lines" -ge 2 ]
	grep -q 'apt-get update && .*apt-get install -y make && make check' "$root/.ci/run"
	make -n -C "$root" quickstart check >/dev/null
}

@test "README: every command works" {
	commands_of_readme | grep -v 'apt-get\|^man ' >commands
	[ "$(wc -l <commands)" -ge 10 ]
	while read -r command; do
		echo "\$ $command"
		bash -e -c "$command" </dev/null
	done <commands
}

@test "README: the pages that it names exist" {
	for page in $(grep -oE 'memtrace[a-z-]*\([135]\)' "$root/README.md" | tr '()' '. ' | sort -u); do
		[ -e "$root/man/$page" ]
	done
}

@test "README: the map names every room of the house" {
	for directory in formats preload tracer/record tracer/collect tracer/analyze cli man tests examples; do
		grep -q "^    $directory/ " "$root/README.md"
	done
}

@test "quickstart: shows who holds the memory of both programs, and the leak" {
	run -0 make -C "$root" quickstart BUILD="${BUILD:-build}"
	[[ $output == *"names in"*"places"* ]]
	[[ $output == *"requests answered"* ]]
	leak=$(grep -n 'session \*session = calloc' "$root/examples/inventory.c" | cut -d: -f1)
	[[ $output == *"examples/inventory.c:$leak: size="*"(+"* ]]
}
