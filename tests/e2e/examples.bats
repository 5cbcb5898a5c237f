# The gates of examples/ci pass a tidy program and fail a leaky one, for its leak.
bats_require_minimum_version 1.5.0
load setup

prepare() {
	cp "$root"/examples/ci/* .
	site=sessions.c:$(grep -n 'user = malloc' sessions.c | cut -d: -f1)
}

needs() {
	for program; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

@test "examples: a rule of make" {
	run -0 make check-memory
	[[ $output != *gate:* ]]
	rm sessions
	run -2 make check-memory CFLAGS=-DFORGETFUL
	[[ $output == *"$site: size=93.8 KiB, count=4000, average=24 B"* ]]
	python3 -c 'import xml.etree.ElementTree as x; assert x.parse("sessions.gate.xml").getroot().get("failures") == "2"'
}

@test "examples: CTest" {
	needs cmake ctest
	cmake -B build >log
	cmake --build build >>log
	run -0 ctest --test-dir build --output-on-failure
	cmake -B forgetful -DCMAKE_C_FLAGS=-DFORGETFUL >log
	cmake --build forgetful >>log
	run -8 ctest --test-dir forgetful --output-on-failure
	[[ $output == *"sessions ..."*"Passed"* ]]
	[[ $output == *"$site: size=93.8 KiB, count=4000"* ]]
}

@test "examples: Meson, a test and a wrapper" {
	needs meson ninja
	meson setup build >log
	run -0 meson test -C build
	run -0 meson test -C build --setup=memory sessions
	meson setup forgetful -Dc_args=-DFORGETFUL >log
	run -1 meson test -C forgetful --print-errorlogs
	[[ $output == *"$site: size=93.8 KiB, count=4000"* ]]
	run -1 meson test -C forgetful --setup=memory sessions --print-errorlogs
	[[ $output == *"$site: size=93.8 KiB, count=4000"* ]]
}

# steps FILE: the shell lines of a workflow, as its runner would execute them.
steps() {
	python3 - "$1" <<-'END'
		import re, sys
		text = open(sys.argv[1]).read()
		for step in re.findall(r"^ +run: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)", text, re.M):
		    print(re.sub(r"^ +", "", step[0], flags=re.M) or step[1])
		joined = re.sub(r"\n      +", " ", text)
		for line in re.findall(r"^    - ((?:cc|memtrace) .*)", joined, re.M):
		    print(line)
	END
}

@test "examples: a workflow of GitHub" {
	export GITHUB_STEP_SUMMARY=$PWD/summary
	steps github-workflow.yml >steps.sh
	[ "$(wc -l <steps.sh)" -ge 4 ]
	run -0 bash -e steps.sh
	grep -q '^### memtrace gate: sessions' summary
	CFLAGS=-DFORGETFUL run -23 bash -e steps.sh
	[[ $output == *"::error file=sessions.c,line=${site#*:},title=memtrace max-live::"* ]]
	python3 -c 'import json; assert json.load(open("gate.sarif"))["runs"][0]["results"]'
}

@test "examples: a job of GitLab" {
	steps gitlab-ci.yml >steps.sh
	[ "$(wc -l <steps.sh)" = 2 ]
	run -0 bash -e steps.sh
	CFLAGS=-DFORGETFUL run -23 bash -e steps.sh
	[[ $output == *"$site: size=93.8 KiB, count=4000"* ]]
	[ -s gate.xml ]
}

@test "examples: growth per iteration of a program that marks them" {
	${CC:-cc} -g -DHAVE_MEMTRACE -I"$root/preload" sessions.c -o sessions
	run -0 memtrace run -q --gate --iterations ./sessions
	${CC:-cc} -g -DHAVE_MEMTRACE -DFORGETFUL -I"$root/preload" sessions.c -o sessions
	run -23 memtrace run -q --gate --iterations ./sessions
	[[ $output == *"1 call site grows from iteration to iteration: +2400 B each"*"$site"* ]]
}

# A Python that has both pytest and what extension modules need.
find_python() {
	for python in python3 /usr/bin/python3; do
		$python -c 'import pytest, os, sysconfig
assert os.path.exists(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null && return
	done
	skip "no Python with pytest and Python.h (python3-pytest, python3-dev)"
}

@test "examples: a fixture of pytest gates an extension module" {
	find_python
	include=$($python -c 'import sysconfig; print(sysconfig.get_path("include"))')
	suffix=$($python -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
	${CC:-cc} -g -shared -fPIC -I"$include" counter.c -o "counter$suffix"
	run -1 $python -m pytest -p no:cacheprovider test_counter.py
	[[ $output == *"1 failed, 1 passed"* ]]
	[[ $output == *"FAILED test_counter.py::test_leaky_keeps_nothing"* ]]
	line=$(grep -n 'strdup' counter.c | tail -n 1 | cut -d: -f1)
	[[ $output == *"counter.c:$line: "*"+650 B each time"* ]]
}
