#!/usr/bin/python3
"""Run the programs of tests/programs/errors and compare what is told with what their sources say.

    errors.py finds MODE DIRECTORY     the error is found, with its tracebacks, also in the trace
    errors.py goes-on MODE DIRECTORY   with MEMTRACE_DEBUG=continue it is told and nothing ends
    errors.py is-quiet MODE DIRECTORY  of the twin, which does it right, nothing is told

MODE is that of `memtrace run --malloc`, DIRECTORY has the programs as build_errors builds
them. Leaves err.txt and t.mtz of the last one here. Every program that failed is shown.
"""
import collections
import glob
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "programs" / "errors"
LEAST = {"guard": 15}  # programs whose error a mode finds; others find more
LEAST_OF_OTHERS = 25
HANG_SECONDS = 300

WORDS = {
    "double-free": "double free",
    "interior-free": "pointer into the middle of a block",
    "wild-free": "pointer to no block of the heap",
    "mismatched-free": "bad ID: Allocated using API",
    "mismatched-size": "size is not the one requested",
    "realloc-after-free": "realloc of a freed block",
    "write-before": "bad leading pad byte",
    "write-beyond": "bad trailing pad byte",
    "write-after-free": "freed block was written to",
    "access-outside": "access outside of a block",
    "access-after-free": "access to a freed block",
    "execute": "jump into a block",
    "realloc-after-free": "realloc of a freed block",
}

Mark = collections.namedtuple("Mark", "line function")


class Program:
    """One of them, and what its source says."""

    def __init__(self, source, mode):
        self.source, self.name = str(source), source.stem
        lines = source.read_text().splitlines()
        facts = dict(re.findall(r"^ \* (\w+): (.*)", "\n".join(lines[:12]), re.M))
        self.kind = facts.get("guard" if mode == "guard" else "error", facts["error"])
        self.status = int(facts.get("status", 139 if self.is_access() else 134))
        self.marks = {}
        for number, line in enumerate(lines, 1):
            for name, function in re.findall(r"/\* (\w+) in ([a-z_]*) ", line):
                self.marks.setdefault(name, Mark(number, function))

    def is_access(self):
        return self.kind.startswith("access-")

    def places(self):
        """What the report calls a traceback, what the trace does, and where it leads."""
        yield "Memory block allocated at", "allocated", self.marks.get("allocated")
        yield "Memory block freed at", "freed", self.marks.get("freed")
        yield "This call", "here", self.marks.get("access" if self.is_access() else "here")


def run(program, mode, directory, *twin, **env):
    """Status and words."""
    for trace in glob.glob("t.mtz*"):
        os.remove(trace)
    plugin = [f"{directory}/plugin.so"] if program.name == "in-library" else []
    with open("err.txt", "w", encoding="utf-8") as err:
        done = subprocess.run(["memtrace", "run", "-q", "-o", "t.mtz", "--malloc", mode, "--",
                               f"{directory}/{program.name}", *plugin, *twin], stderr=err,
                              check=False, timeout=HANG_SECONDS, env={**os.environ, **env})
    return done.returncode, pathlib.Path("err.txt").read_text(encoding="utf-8")


def is_told(program, report):
    return re.search(f"^Memory error: .*: {WORDS[program.kind]}", report, re.M)


def innermost(report, title, source):
    """The first line about the source in the report's traceback of that title."""
    is_inside = False
    for line in report.splitlines():
        if line.startswith(title):
            is_inside = True
        elif not line:
            is_inside = False
        elif is_inside and f'"{source}"' in line:
            return line
    return ""


def errors_of_traces():
    for trace in sorted(glob.glob("t.mtz*")):
        told = subprocess.run(["memtrace", "info", "--errors", "--json", trace], check=True,
                              stdout=subprocess.PIPE, timeout=HANG_SECONDS)
        yield from json.loads(told.stdout)["errors"]


def problems_of_trace(program, report):
    errors = list(errors_of_traces())
    if len(errors) != 1:
        yield f"{len(errors)} errors in the traces"
        return
    error = errors[0]
    if error["kind"] != program.kind:
        yield f"kind {error['kind']} in the trace"
    if not error["text"] or not report.startswith(error["text"]):
        yield f"another text in the trace: {error['text']}"
    for _, name, mark in program.places():
        lines = [f["line"] for f in error[name] or () if f["file"] == program.source]
        if mark and lines[-1:] != [mark.line]:
            yield f"{name}: wanted line {mark.line}, the trace has {error[name]}"


def finds(program, mode, directory):
    status, report = run(program, mode, directory)
    if status != program.status:
        yield f"status {status}, wanted {program.status}"
    if len(re.findall("^Memory error: ", report, re.M)) != 1 or not is_told(program, report):
        yield "not told once"
    for title, _, mark in program.places():
        line = innermost(report, title, program.source)
        if mark and f"line {mark.line}, in {mark.function}" not in line:
            yield f"{title}: wanted line {mark.line} in {mark.function}, got: {line}"
    yield from problems_of_trace(program, report)


def goes_on(program, mode, directory):
    status, report = run(program, mode, directory, MEMTRACE_DEBUG="continue")
    if status or not is_told(program, report):
        yield f"status {status}"


def is_quiet(program, mode, directory):
    status, report = run(program, mode, directory, "right")
    if status or report:
        yield f"status {status}"


def main():
    judge = {"finds": finds, "goes-on": goes_on, "is-quiet": is_quiet}[sys.argv[1]]
    mode, directory = sys.argv[2:]
    programs = [Program(source, mode) for source in sorted(SOURCES.iterdir())]
    if judge is not is_quiet:
        programs = [p for p in programs if p.kind != "none"]
    if len(programs) <= LEAST.get(mode, LEAST_OF_OTHERS):
        sys.exit(f"{len(programs)} programs only")
    failed = False
    for program in programs:
        problems = list(judge(program, mode, directory))
        failed = failed or bool(problems)
        for problem in problems:
            print(f"{program.name}, {mode}: {problem}; wanted: {program.kind}")
        if problems:
            print(pathlib.Path("err.txt").read_text(encoding="utf-8"))
    sys.exit(failed)


main()
