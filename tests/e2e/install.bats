# make install: what it installs works where it is, and uninstall takes all of it away.
bats_require_minimum_version 1.5.0
load setup

# make in the checkout, with the build tree that is there.
build_make() {
	make -s -C "$root" BUILD="${BUILD:-build}" DESTDIR="$PWD/stage" prefix=/opt/memtrace "$@"
}

@test "install: below DESTDIR and prefix; it records from there" {
	build_make install
	there=$PWD/stage/opt/memtrace
	run -7 "$there/bin/memtrace" run -q -o t.mtz -- sh -c 'exit 7'
	"$there/bin/memtrace" top t.mtz
	for page in "$root"/man/*.[135]; do
		[ -e "$there/share/man/man${page##*.}/${page##*/}" ]
	done
	[ "$(find stage -name 'memtrace.mtz' -o -name '*.c' | wc -l)" = 0 ]
}

@test "install: a program finds header and flags by pkg-config, and runs without memtrace" {
	build_make install
	export PKG_CONFIG_PATH=$PWD/stage/opt/memtrace/lib/pkgconfig
	export PKG_CONFIG_SYSROOT_DIR=$PWD/stage
	[ "$(pkg-config --modversion memtrace)" = "$("$build/memtrace" --version | cut -d' ' -f2)" ]
	${CC:-cc} -g $(pkg-config --cflags memtrace) "$root/examples/inventory.c" \
		-o app $(pkg-config --libs memtrace)
	run -0 ./app
	run -0 memtrace run -q -o app.mtz ./app
	memtrace diff app.mtz@loaded app.mtz
}

@test "install: the library alone records too, once it is preloaded" {
	build_make install
	LD_PRELOAD=$PWD/stage/opt/memtrace/lib/libmemtrace.so MEMTRACE_OUTPUT=$PWD/t.mtz /bin/true
	for ((tries = 0; tries < 1200; tries++)); do
		memtrace top t.mtz >/dev/null 2>&1 && break
		sleep 0.05
	done
	memtrace top t.mtz
}

@test "uninstall: leaves no file" {
	build_make install
	build_make uninstall
	[ -z "$(find stage -type f)" ]
}

@test "build: a missing library is named by its Debian package" {
	run -1 env PKG_CONFIG_LIBDIR=/nowhere PKG_CONFIG_PATH= "$root/tests/packages"
	[[ $output == *"libdw is missing; its Debian package is libdw-dev"* ]]
	[[ $output == *"tests/setup build"* ]]
	run -1 env CC=no-such-compiler "$root/tests/packages"
	[[ $output == *"no-such-compiler is missing; its Debian package is gcc"* ]]
}

@test "build: the command runs from any directory and finds its library" {
	cd /
	run -0 "$build/memtrace" run -q -o "$BATS_TEST_TMPDIR/t.mtz" true
	cd "$BATS_TEST_TMPDIR"
	ln -s "$build/memtrace" linked
	run -0 ./linked run -q --force -o t.mtz true
	[ -s t.mtz ]
}

@test "build: make help lists the targets of the README and of CI" {
	run -0 make -s -C "$root" help
	for target in all check quickstart install check-real bench lint format golden asan fuzz; do
		grep -qE "^$target +[a-z]" <<<"$output"
	done
}
