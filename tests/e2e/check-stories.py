#!/usr/bin/python3
"""Run stories of tests/programs/leaks under memtrace and compare what a scan finds with
what each story says. usage: check-stories.py PROGRAM STORY[,STORY...] [threads] [-- RUN-OPTIONS]"""
import json
import os
import subprocess
import sys

KINDS = ("definite", "indirect", "possible", "reachable")


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def expected(text):
    sums = {kind: (0, 0) for kind in KINDS}
    for line in text.decode().splitlines():
        kind, count, size = line.split()
        sums[kind] = (int(count), int(size))
    return sums


def found(trace, *options):
    answer = json.loads(output("memtrace", "leaks", "--json", "--reachable", "-n", "0",
                               *options, trace))
    return {k: (answer["summary"][k]["count"], answer["summary"][k]["size"])
            for k in KINDS}


def is_as(got, wanted):
    return got[0] == wanted[0] and wanted[1] in (-1, got[1])


def check(program, story, arguments, options):
    trace = f"{os.path.basename(program)}-{story}.mtz"
    wanted = expected(output("memtrace", "run", "-q", "--force", "--leaks", "-o", trace,
                             *options, "--", program, story, *arguments))
    own = found(trace, "--all-frames", "--function", "story*")
    everything = found(trace)
    problems = [f"{kind}: {own[kind]}, expected {wanted[kind]}"
                for kind in KINDS if not is_as(own[kind], wanted[kind])]
    problems += [f"{kind} elsewhere: {everything[kind]}, of the story {own[kind]}"
                 for kind in KINDS[:2] if everything[kind] != own[kind]]
    for problem in problems:
        print(f"{program} {story} {' '.join(arguments)}: {problem}")
    return not problems


def main():
    arguments = sys.argv[1:]
    options = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1:]
    program, stories, *rest = arguments
    results = [check(program, story, rest, options) for story in stories.split(",")]
    sys.exit(0 if all(results) else 1)


main()
