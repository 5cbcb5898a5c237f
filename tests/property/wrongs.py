#!/usr/bin/env python3
"""wrongs.py - wrong uses of memory with known answers.

Every kind of error with blocks of every family, of sizes around the borders of classes and of
pages, from two threads, in the debug modes and with guard pages: each is found, once, and
nothing else is. Prints TAP; a failure names the seed. WRONGS_SEED repeats a series, WRONGS is
how many a series has.
"""

import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
COUNT = int(os.environ.get("WRONGS", "98"))

MODES = {
    "debug": ["--malloc", "debug"],
    "debug, classic": ["--malloc", "debug", "--geometry", "classic"],
    "malloc_debug": ["--malloc", "malloc_debug"],
    "guard": ["--malloc", "guard"],
}
FAMILIES = ["malloc", "calloc", "realloc", "new", "new[]", "new-aligned", "aligned_alloc",
            "posix_memalign", "strdup"]
ALIGNMENTS = {"new-aligned": 64, "aligned_alloc": 64, "posix_memalign": 256}
KINDS = ["right", "right", "beyond", "before", "read-beyond", "inside", "other", "wild-stack",
         "wild-global", "size", "twice", "realloc-freed", "write-freed", "read-freed"]
BORDERS = [480, 488, 496, 512, 1024, 2048, 4064, 4096, 8192, 65536, 1 << 20]
PAGE = 4096

SENTENCES = {
    "double free": "twice",
    "realloc of a freed block": "realloc-freed",
    "pointer into the middle": "inside",
    "pointer to no block": "wild",
    "bad ID": "other",
    "size is not": "size",
    "bad leading pad": "before",
    "bad trailing pad": "beyond",
    "freed block was written": "write-freed",
    "access outside": "outside",
    "access to a freed": "after",
}


def any_size(rng):
    choice = rng.random()
    if choice < 0.6:
        return rng.randint(1, 600)
    if choice < 0.7:
        return rng.choice([1, 2, 15, 16, 17])
    return rng.choice(BORDERS) + rng.randint(-1, 1)


def any_wrong(rng, kind):
    family, size = rng.choice(FAMILIES), any_size(rng)
    if kind == "size":
        family = "new"
    has_empty = not family.startswith("new") and family not in ("strdup", "realloc")
    if has_empty and kind in ("beyond", "before", "twice") and rng.random() < 0.1:
        size = 0
    if kind == "inside":
        size = max(size, 2)
    if kind == "before":
        kind = f"before:{rng.randint(1, 16)}"
    elif kind == "beyond":
        last = (size + 15) // 16 * 16 - size + 15
        kind = f"beyond:{rng.choice([0, 1, 7, 8, 9, 15, last, rng.randint(0, last)])}"
    return kind, family, size, rng.choice(["main", "thread"])


def layout(family, size):
    """Of a guarded block: bytes before it in its first page, and beyond it in its last one."""
    alignment = ALIGNMENTS.get(family, 16)
    taken = (max(size, 1) + alignment - 1) // alignment * alignment
    return -taken % PAGE, taken - size


def expected(mode, kind, family, size):
    """What is told at once, and what at the end: kinds, or None."""
    name, _, at = kind.partition(":")
    if name.startswith("wild"):
        return "wild", None
    if mode != "guard":
        late = "write-freed" if name == "write-freed" else None
        silent = name in ("right", "read-beyond", "read-freed", "write-freed")
        return None if silent else name, late
    before, beyond = layout(family, size)
    if name == "beyond":
        return ("beyond" if int(at) < beyond else "outside"), None
    if name == "before":
        return ("before" if int(at) <= before else "outside"), None
    if name == "read-beyond":
        return ("outside" if -size % 16 >= beyond else None), None
    if name in ("write-freed", "read-freed"):
        return "after", None
    return None if name == "right" else name, None


def told(text):
    kinds = []
    for line in text.splitlines():
        match = re.match(r"Memory error: [^:]*: (.*)", line)
        if match:
            kinds.append(next(kind for words, kind in SENTENCES.items()
                              if match.group(1).startswith(words)))
    return kinds


def run(program, directory, mode, wrongs, goes_on):
    lines = "".join(" ".join(map(str, wrong)) + "\n" for wrong in wrongs)
    command = [os.path.join(BUILD, "memtrace"), "run", "-q", "--force", "-o",
               os.path.join(directory, "t.mtz"), *MODES[mode], "--", program]
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("MEMTRACE_") and name != "LD_PRELOAD"}
    if goes_on:
        env["MEMTRACE_DEBUG"] = "continue"
    done = subprocess.run(command, input=lines, capture_output=True, text=True, env=env,
                          timeout=120)
    return done.returncode, done.stderr


def compare(mode, wrongs, status, stderr):
    """The first difference in words, or None."""
    if status:
        return f"status {status}: {stderr[-2000:]}"
    parts, at = [], 0
    for wrong in wrongs:
        line = " ".join(map(str, wrong)) + "\n"
        found = stderr.find(line, at)
        if found < 0:
            return f"not reached: {line}"
        parts.append(stderr[at:found])
        at = found + len(line)
    parts.append(stderr[at:])
    late = []
    for wrong, text in zip(wrongs, parts[1:]):
        now, end = expected(mode, *wrong[:3])
        late += [end] if end else []
        got = told(text)
        if wrong is wrongs[-1]:
            got = got[:len(got) - len(late)] if late else got
        if got != ([now] if now else []):
            return f"{mode}: {' '.join(map(str, wrong))}: wanted {now}, got {got}:\n{text}"
    at_end = told(parts[-1])[-len(late):] if late else []
    if at_end != late:
        return f"{mode}: at the end: wanted {late}, got {at_end}"
    return None


def compare_abort(program, directory, mode, wrong):
    status, stderr = run(program, directory, mode, [wrong], False)
    now, end = expected(mode, *wrong[:3])
    kind = now or end
    wanted = 0 if not kind else 139 if kind in ("outside", "after") else 134
    if status == wanted and told(stderr) == ([kind] if kind else []):
        return None
    line = " ".join(map(str, wrong))
    return f"{mode}: {line}: wanted {kind} and {wanted}, got {status}:\n{stderr}"


def main():
    print(f"1..{2 * len(MODES)}")
    seed = int(os.environ.get("WRONGS_SEED", "0")) or random.randrange(1 << 30)
    rng = random.Random(seed)
    failed = False
    number = 0

    def report(difference, what):
        nonlocal number, failed
        number += 1
        failed |= difference is not None
        print(f"{'not ' if difference else ''}ok {number} - {what}")
        if difference:
            print(f"# WRONGS_SEED={seed}")
            print("# " + difference.replace("\n", "\n# "), flush=True)

    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "wrongs")
        subprocess.run([os.environ.get("CXX", "c++"), "-std=gnu++17", "-g", "-O0", "-w",
                        "-fno-builtin", os.path.join(ROOT, "tests/programs/wrongs.cc"), "-o",
                        program, "-pthread"], check=True)
        for mode in MODES:
            wrongs = [any_wrong(rng, KINDS[i % len(KINDS)]) for i in range(COUNT)]
            rng.shuffle(wrongs)
            status, stderr = run(program, directory, mode, wrongs, True)
            report(compare(mode, wrongs, status, stderr),
                   f"{mode}: {COUNT} wrongs and rights, and the program goes on")
            singles = [any_wrong(rng, kind) for kind in rng.sample(KINDS[1:], 5)]
            differences = (compare_abort(program, directory, mode, wrong) for wrong in singles)
            report(next((d for d in differences if d), None),
                   f"{mode}: five alone, each with its status")
    return failed


sys.exit(main())
