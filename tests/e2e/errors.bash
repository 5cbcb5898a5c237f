# errors.bash - the programs of tests/programs/errors: each does one thing wrong, and with
# an argument its twin does it right. Their first lines say which error is found; comments
# mark where the block was allocated and freed and where the error is found:
# `/* allocated in make_block */`. errors.py compares what is told with that.

errors=$root/tests/programs/errors

# build_errors DIRECTORY: all of them, each as NAME without its suffix.
build_errors() {
	local source
	for source in "$errors"/*.c; do
		${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I "$root" -g -O0 -w -fno-builtin "$source" \
			-o "$1/$(basename "$source" .c)" -pthread -ldl || return
	done
	for source in "$errors"/*.cc; do
		${CXX:-c++} -g -O0 -w -fno-builtin "$source" \
			-o "$1/$(basename "$source" .cc)" || return
	done
	${CC:-cc} -DPLUGIN -shared -fPIC -g -O0 -fno-builtin "$errors/in-library.c" \
		-o "$1/plugin.so"
}

# run_error NAME MODE [right]: leaves err.txt, t.mtz and $status.
run_error() {
	local plugin=
	[ "$1" != in-library ] || plugin=$programs/plugin.so
	rm -f t.mtz*
	status=0
	timeout 300 memtrace run -q -o t.mtz --malloc "$2" -- "$programs/$1" $plugin $3 \
		2>err.txt || status=$?
}
