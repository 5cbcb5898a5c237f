# What all commands have in common: help, usage errors, closed and full outputs.
bats_require_minimum_version 1.5.0
load setup

@test "help: lists the commands, and each has help of its own" {
	run -0 --separate-stderr memtrace help
	[ -z "$stderr" ]
	commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$output")
	[ -n "$commands" ]
	for command in $commands; do
		by_help=$(memtrace help "$command")
		[[ $by_help == "Usage: memtrace $command [OPTIONS]"* ]]
		[ "$by_help" = "$(memtrace "$command" --help)" ]
		[ "$by_help" = "$(memtrace "$command" -h)" ]
	done
}

@test "help: no line is wider than a terminal" {
	for command in $(memtrace help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		memtrace help "$command" | awk 'length > 80 { print; bad = 1 } END { exit bad }'
	done
}

@test "help: that of gate fits a screen" {
	[ "$(memtrace help gate | wc -l)" -lt 24 ]
	[[ $(memtrace help gate) == *" --max-live, --max-peak, --max-total, --max-leaked SIZE  limits in "* ]]
}

@test "version: on stdout, with status 0" {
	run -0 --separate-stderr memtrace --version
	[[ $output =~ ^memtrace\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[ -z "$stderr" ]
}

@test "usage: no command at all shows the commands on stderr, status 2" {
	run -2 --separate-stderr memtrace
	[ -z "$output" ]
	[[ $stderr == "Usage: memtrace"* ]]
}

@test "usage: an unknown command or option is named, status 2" {
	run -2 --separate-stderr memtrace frobnicate
	[ "$stderr" = "memtrace: there is no command 'frobnicate'; see 'memtrace help'" ]
	run -2 --separate-stderr memtrace --frobnicate
	[ "$stderr" = "memtrace: there is no option '--frobnicate'; see 'memtrace help'" ]
	run -2 --separate-stderr memtrace help --frobnicate
	[ "$stderr" = "memtrace help: unknown option '--frobnicate'; see 'memtrace help help'" ]
	run -2 --separate-stderr memtrace help frobnicate
	[ "$stderr" = "memtrace help: there is no command 'frobnicate'; see 'memtrace help'" ]
}

@test "output: a full disk is status 4, and said" {
	run -4 --separate-stderr bash -c 'memtrace help >/dev/full'
	[ "$stderr" = "memtrace help: cannot write to the standard output" ]
}

@test "output: a closed stdout is status 4, not silence" {
	run -4 --separate-stderr bash -c 'memtrace help >&-'
	[[ $stderr == *"cannot write to the standard output" ]]
}

@test "output: a reader that has seen enough is no error" {
	# The reader is gone for certain before memtrace writes.
	run -0 --separate-stderr bash -c '
		mkfifo p; { exec 3<p; exec 3<&-; touch gone; } & exec 4>p
		until [ -e gone ]; do :; done
		memtrace help >&4'
	[ -z "$stderr" ]
}
