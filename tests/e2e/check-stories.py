#!/usr/bin/python3
"""Run stories of tests/programs/leaks under memtrace and compare what a scan finds with
what each story says. usage: check-stories.py PROGRAM STORY[,STORY...] WAY [-- RUN-OPTIONS]

WAY says how the program is made to stand still: `alone`, as it is; `threads`, beside
others, by ptrace; where ptrace is refused, by a signal and a copy: `traced`, as there is
another tracer, `confined`, by a filter of system calls."""
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

KINDS = ("definite", "indirect", "possible", "reachable")
WAYS = {"alone": ([], ("waiting", "ptrace")),
        "threads": ([], ("ptrace",)),
        "traced": (["./tracer"], ("fork",)),
        "confined": (["./scanned", "confined"], ("fork",))}
MEMTRACE = shutil.which("memtrace")
JOBS = 4  # most of the time one waits


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def expected(text):
    sums = {kind: (0, 0) for kind in KINDS}
    for line in text.decode().splitlines():
        kind, count, size = line.split()
        sums[kind] = (int(count), int(size))
    return sums


def is_of_story(row):
    return any((frame["function"] or "").startswith("story") for frame in row["traceback"])


def found(trace):
    """How it was scanned, what there is of each kind, and what of that is the story's."""
    answer = json.loads(output(MEMTRACE, "leaks", "--json", "--reachable", "-n", "0", trace))
    everything = {k: (answer["summary"][k]["count"], answer["summary"][k]["size"])
                  for k in KINDS}
    rows = [row for row in answer["rows"] if is_of_story(row)]
    own = {k: tuple(sum(row[field] for row in rows if row["kind"] == k)
                    for field in ("count", "size")) for k in KINDS}
    return answer["scan"]["method"], everything, own


def is_as(got, wanted):
    return got[0] == wanted[0] and wanted[1] in (-1, got[1])


def check(program, story, way, options):
    prefix, methods = WAYS[way]
    name = os.path.basename(program)
    trace = f"{name}-{story}-{way}.mtz"
    wanted = expected(output(*prefix, MEMTRACE, "run", "-q", "--force", "--leaks", "-o",
                             trace, *options, "--", program, story,
                             *([] if way == "alone" else ["threads"])))
    method, everything, own = found(trace)
    problems = [f"{kind}: {own[kind]}, expected {wanted[kind]}"
                for kind in KINDS if not is_as(own[kind], wanted[kind])]
    problems += [f"{kind} elsewhere: {everything[kind]}, of the story {own[kind]}"
                 for kind in KINDS[:2] if everything[kind] != own[kind]]
    if method not in methods:
        problems.append(f"scanned by {method}")
    for problem in problems:
        print(f"{program} {story} {way}: {problem}")
    return not problems


def main():
    arguments = sys.argv[1:]
    options = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1:]
    program, stories, way = arguments
    with ThreadPoolExecutor(JOBS) as pool:
        results = list(pool.map(lambda story: check(program, story, way, options),
                                stories.split(",")))
    sys.exit(0 if all(results) else 1)


main()
