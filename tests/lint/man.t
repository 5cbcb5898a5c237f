#!/bin/sh
# The man pages are sound, and know the options of --help: no more, no less.
. "$(dirname "$0")/tap.sh"
memtrace=$build/memtrace
command -v mandoc >/dev/null || skip_all "mandoc is not installed"

# What stands before two spaces in the lines of --help, one flag a line.
help_flags() {
	"$memtrace" help "$1" | sed -n 's/^  \( \{4\}\)\{0,1\}\(-.*\)/\2/p' |
		sed 's/   *.*//' | grep -oE '(^|, )--?[a-zA-Z][a-z-]*' | tr -d ', ' | sort
}

# `.It Fl o , Fl -output Ar FILE`: what stands at the head of a list item.
page_flags() {
	grep '^\.It Fl' "$1" | tr ' ' '\n' | awk '
		take { print "-" $1; take = 0 }
		$1 == "Fl" { take = 1 }' | sort
}

for page in man/*.[0-9]; do
	mandoc -Tlint -Wwarning "$page" 2>&1 | check "$page passes mandoc"
done

commands=$("$memtrace" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
for command in $commands; do
	[ "$command" = help ] && continue
	page=man/memtrace-$command.1
	[ -e "$page" ] || {
		echo "$page is missing" | check "$command has a man page"
		continue
	}
	help_flags "$command" >"$scratch/flags.help"
	page_flags "$page" >"$scratch/flags.page"
	diff "$scratch/flags.help" "$scratch/flags.page" |
		sed -n 's/^< \(.*\)/\1: only in --help/p; s/^> \(.*\)/\1: only in the page/p' |
		check "$page has the options of memtrace $command --help"
	grep -q "Xr memtrace-$command 1" man/memtrace.1 || echo "memtrace-$command" |
		check "memtrace.1 refers to memtrace-$command(1)"
done

for page in man/memtrace-*.1; do
	command=${page#man/memtrace-}
	"$memtrace" help "${command%.1}" >/dev/null 2>&1 || echo "$page: no such command"
done | check "every page of a command has its command"
plan
