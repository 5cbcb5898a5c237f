#!/usr/bin/env python3
"""faithful-allocator.py - the same random requests to CPython's allocator and to ours.

tests/programs/sequence.c is run in each CPython 3.11 or later that is installed, by
PyObject_Malloc, PyObject_Realloc and PyObject_Free, and under memtrace run by malloc,
realloc and free. Free blocks and pools are used up first, and CPython's arenas come from
a range as ours do. Then all must be equal: every address, and after each phase what
sys._debugmallocstats() and memtrace stats say has changed, class by class.

    tests/property/faithful-allocator.py [--seed N] [--seeds N] [--memtrace PATH]
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = os.path.join(ROOT, "tests", "programs", "sequence.c")
PHASES = 10

# Runs in the interpreter under test: library, seed, and the names of the text files.
INSIDE = r"""
import ctypes, os, sys
library, seed, names = ctypes.PyDLL(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
address = lambda name: ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p)
call = "PyObject_CallNoArgs"
python = (ctypes.c_void_p * 6)(
    address("PyObject_Malloc"), address("PyObject_Realloc"), address("PyObject_Free"),
    address("PyObject_SetArenaAllocator"), address(call), id(sys._debugmallocstats))
fds = [os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for name in names]
digest, events = ctypes.c_uint64(), ctypes.c_uint64()
library.run(python, ctypes.c_uint64(seed), (ctypes.c_int * len(fds))(*fds),
            ctypes.byref(digest), ctypes.byref(events))
os.write(1, b"%016x %d\n" % (digest.value, events.value))
os._exit(0)
"""

TOTALS = {
    "# arenas allocated total": "allocated",
    "# arenas reclaimed": "reclaimed",
    "# arenas highwater mark": "highwater",
    "# arenas allocated current": "current",
    "# bytes in allocated blocks": "in_use",
    "# bytes in available blocks": "available",
    "# bytes lost to pool headers": "headers",
    "# bytes lost to quantization": "quantization",
}


def numbers_of(text):
    """The figures of a text in CPython's layout, by name."""
    result = {}
    for line in text.splitlines():
        row = re.fullmatch(r" *(\d+) +(\d+) +(\d+) +(\d+) +(\d+)", line)
        if row:
            index, _, pools, used, available = map(int, row.groups())
            result.update({f"class {index}: pools": pools, f"class {index}: in use": used,
                           f"class {index}: available": available})
        name, equals, value = line.partition("=")
        name = TOTALS.get(name.strip()) or ("unused pools" if "unused pools" in name else None)
        if equals and name:
            result[name] = int(value.replace(",", ""))
        if line.startswith("Total"):
            break
    return result


def changes(texts):
    """What each text says has changed since the first."""
    before = numbers_of(texts[0])
    holes = [name for name, value in before.items()
             if value and ("available" in name or name == "unused pools")]
    if holes or before["highwater"] != before["current"]:
        raise RuntimeError(f"holes are left before the sequence: {holes}, {before}")
    result = []
    for text in texts[1:]:
        now = numbers_of(text)
        result.append({name: now.get(name, 0) - before.get(name, 0)
                       for name in {*before, *now}
                       if now.get(name, 0) != before.get(name, 0)})
    return result


def compile_sequence(folder):
    """The program and the library."""
    program, library = os.path.join(folder, "sequence"), os.path.join(folder, "sequence.so")
    command = [os.environ.get("CC", "cc"), "-O2", "-g", "-fno-builtin", "-D_GNU_SOURCE",
               "-I", os.path.join(ROOT, "preload"), SOURCE]
    subprocess.run([*command, "-o", program], check=True)
    subprocess.run([*command, "-DSEQUENCE_PYTHON", "-shared", "-fPIC", "-o", library],
                   check=True)
    return program, library


def pythons():
    """One CPython of each minor version from 3.11 on, with pymalloc."""
    found = {}
    names = [path for n in range(11, 20) for path in (shutil.which(f"python3.{n}"),) if path]
    for path in [*glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")),
                 *names, shutil.which("python3") or "python3"]:
        ask = ("import sys, sysconfig; print(*sys.version_info[:2],"
               " sys.implementation.name, sysconfig.get_config_var('WITH_PYMALLOC'),"
               " sysconfig.get_config_var('Py_GIL_DISABLED') or 0)")
        run = subprocess.run([path, "-c", ask], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL)
        words = run.stdout.split()
        if run.returncode == 0 and words[2:] == ["cpython", "1", "0"]:
            version = (int(words[0]), int(words[1]))
            if version >= (3, 11):
                found.setdefault(version, path)
    return sorted(found.items())


def clean_environment():
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("PYTHONMALLOC", "MEMTRACE_", "LD_PRELOAD", "PYENV_"))}


def in_cpython(python, library, seed, folder):
    """(digest line, changes) of CPython's allocator."""
    names = [os.path.join(folder, f"text-{n}") for n in range(PHASES + 1)]
    run = subprocess.run([python, "-S", "-c", INSIDE, library, str(seed), *names], check=True,
                         stdout=subprocess.PIPE, text=True, env=clean_environment())
    return run.stdout, changes([open(name).read() for name in names])


def stats(memtrace, trace):
    return subprocess.run([memtrace, "stats", trace], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout


def in_memtrace(memtrace, program, seed, folder):
    """(digest line, changes) of ours."""
    trace = os.path.join(folder, f"{seed}.mtz")
    run = subprocess.Popen([memtrace, "run", "-q", "-o", trace, program, str(seed)],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                           env=clean_environment())
    if run.stdout.readline() != "probed\n":
        raise RuntimeError("no snapshot from within the program")
    run.stdin.write(stats(memtrace, trace + "@probe"))
    run.stdin.close()
    line = run.stdout.read()
    if run.wait():
        raise RuntimeError(f"memtrace run: status {run.returncode}")
    labels = ["before"] + [f"phase-{n}" for n in range(PHASES)]
    return line, changes([stats(memtrace, f"{trace}@{label}") for label in labels])


def compare(theirs, ours):
    problems = []
    if theirs[0] != ours[0]:
        problems.append(f"digest and count of addresses: {theirs[0]!r}, ours {ours[0]!r}")
    for phase, (a, b) in enumerate(zip(theirs[1], ours[1])):
        problems += [f"phase {phase}: {name}: {a.get(name, 0):+}, ours {b.get(name, 0):+}"
                     for name in sorted({*a, *b}) if a.get(name, 0) != b.get(name, 0)]
    # The sequence is to reach what it is meant for.
    reclaimed = max(phase.get("reclaimed", 0) for phase in theirs[1])
    classes = {name for phase in theirs[1] for name in phase if name.endswith("pools")}
    if reclaimed < 3 or len(classes) < 33 or int(theirs[0].split()[1]) < 100_000:
        problems.append(f"a poor sequence: {reclaimed} arenas, {len(classes)} classes")
    return problems


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=20231105)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--memtrace", default=os.path.join(
        ROOT, os.environ.get("BUILD", "build"), "memtrace"))
    options = options.parse_args()
    interpreters = pythons()
    if not interpreters:
        print("1..0 # SKIP no CPython 3.11 or later is installed")
        return 0
    print(f"1..{len(interpreters) * options.seeds}")
    number = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        program, library = compile_sequence(folder)
        for seed in range(options.seed, options.seed + options.seeds):
            ours = in_memtrace(options.memtrace, program, seed, folder)
            for version, python in interpreters:
                problems = compare(in_cpython(python, library, seed, folder), ours)
                number += 1
                failed += bool(problems)
                print("not ok" if problems else "ok", number,
                      f"- CPython {version[0]}.{version[1]} chooses the same blocks,"
                      f" pools and arenas (--seed {seed} --seeds 1)")
                for problem in problems[:12]:
                    print("#", problem)
                sys.stdout.flush()
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
