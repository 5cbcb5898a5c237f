# Completion scripts: from the option tables, sound in their shells.
bats_require_minimum_version 1.5.0
load setup

# What bash would offer for the words given; the last one is being typed.
offers() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_memtrace
	printf '%s\n' "${COMPREPLY[@]}"
}

@test "bash: commands, options and choices are offered" {
	. "$build/completion/memtrace.bash"
	[[ $(offers memtrace he) == help ]]
	[[ $(offers memtrace help --co) == --color ]]
	[[ $(offers memtrace help --color a) == $'auto\nalways' ]]
	[[ $(offers memtrace help --color = n) == never ]]
	[[ $(offers memtrace help he) == help ]]
}

@test "bash: every option of every command is offered" {
	. "$build/completion/memtrace.bash"
	for command in $(memtrace help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		offered=$(offers memtrace "$command" -)
		for flag in $(memtrace help "$command" | grep -oE '^ {2,6}-[-a-z, ]*' | grep -oE -- '-(-[a-z-]+|[a-z])'); do
			grep -qx -- "$flag" <<<"$offered"
		done
	done
}

@test "zsh: the script parses" {
	command -v zsh || skip "zsh is not installed"
	zsh -n "$build/completion/memtrace.zsh"
}

@test "fish: the script parses and offers commands and choices" {
	command -v fish || skip "fish is not installed"
	HOME=$PWD fish -c "source $build/completion/memtrace.fish; complete -C 'memtrace hel'" | grep -q ^help
	HOME=$PWD fish -c "source $build/completion/memtrace.fish; complete -C 'memtrace help --color al'" | grep -q always
}

@test "what an option does is said on one line" {
	run -1 grep -vE '^(complete -c memtrace |function |end$|#|	|$)' "$build/completion/memtrace.fish"
}

@test "a shell that is not known is refused" {
	run -2 memtrace completion tcsh
}
