#!/usr/bin/env python3
"""malloc-family.py - the malloc family of the preloaded library, in every mode.

Random work against a model (tests/programs/malloc-work.c), the answers at the edges beside
the C library's own (malloc-edges.c), and running out of memory. Prints TAP; a failure names
the seed:

    tests/property/malloc-family.py [--seed N] [--operations N] [--memtrace PATH]
"""
import argparse
import difflib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Options of run, the alignment that they promise, part of the operations, threads.
WORK = [
    ([], 16, 0.3, 1),
    ([], 16, 0.4, 4),
    (["--geometry", "classic"], 8, 0.1, 1),
    (["--geometry", "classic"], 8, 0.05, 3),
    (["--malloc", "malloc"], 16, 0.1, 1),
    (["--malloc", "malloc"], 16, 0.05, 4),
    (["--malloc", "guard"], 16, 0.01, 1),
    (["--malloc", "guard"], 16, 0.01, 4),
    (["--malloc", "debug"], 16, 0.01, 1),
    (["--malloc", "debug"], 16, 0.01, 4),
    (["--malloc", "malloc_debug"], 16, 0.01, 4),
]
MODES = [([], 16), (["--geometry", "classic"], 8), (["--malloc", "malloc"], 16),
         (["--malloc", "guard"], 16), (["--malloc", "debug"], 16),
         (["--malloc", "malloc_debug"], 16)]
LIMIT_MIB = 256


class Session:
    """Counts the tests; runs programs under memtrace in a folder of their own."""

    def __init__(self, memtrace, folder):
        self.memtrace, self.folder = memtrace, folder
        self.number = self.failed = 0

    def compile(self, name):
        program = os.path.join(self.folder, name)
        source = os.path.join(ROOT, "tests", "programs", name + ".c")
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O2",
                        "-w", "-fno-builtin", "-pthread", source, "-o", program, "-ldl"],
                       check=True)
        return program

    def run(self, options, *command, before=None):
        """Status and output; recorded unless options is None."""
        if options is not None:
            command = (self.memtrace, "run", "-q", *options, "--force", "-o",
                       os.path.join(self.folder, "t.mtz"), "--", *command)
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              timeout=300, preexec_fn=before)
        return done.returncode, done.stdout, done.stderr

    def unrecorded(self, least):
        """A problem unless the last run went through the library."""
        done = subprocess.run([self.memtrace, "top", "--json", "--metric", "total",
                               os.path.join(self.folder, "t.mtz")], capture_output=True)
        count = json.loads(done.stdout)["totals"]["count"] if not done.returncode else 0
        return [] if count >= least else [f"only {count} allocations are recorded"]

    def tell(self, name, problems):
        self.number += 1
        self.failed += bool(problems)
        print("not ok" if problems else "ok", self.number, "-", name)
        for problem in problems[:12]:
            print("#", problem)
        sys.stdout.flush()


def is_debug(options):
    """realloc always moves there, so that who keeps the old pointer is found out."""
    return options[-1:] and options[-1].endswith("debug")


def mode_name(options):
    return " ".join(options) or "pymalloc"


def random_work(session, seed, operations):
    program = session.compile("malloc-work")
    for options, alignment, part, threads in WORK:
        count = round(operations * part)
        status, _, said = session.run(options, program, seed, count, threads, alignment,
                                      *(["moving"] if is_debug(options) else []))
        problems = [f"status {status}: {said}"] if status else session.unrecorded(count // 4)
        session.tell(f"{count} random operations, {threads} threads, {mode_name(options)} "
                     f"(--seed {seed})", problems)


def edges(session):
    program = session.compile("malloc-edges")
    for options, alignment in MODES:
        plain = session.run(None, program, alignment)
        ours = session.run(options, program, alignment)
        lines = [line for line in ours[1].splitlines()
                 if not (is_debug(options) and line.endswith(" moved"))]
        problems = list(difflib.unified_diff(
            plain[1].splitlines(), lines, "glibc", "ours", "", "", 0, ""))
        if plain[0] or ours[0]:
            problems.append(f"status {plain[0]} and {ours[0]}: {ours[2]}")
        if len(plain[1]) < 1000:
            problems.append("the program has said nothing")
        problems += session.unrecorded(10000)
        session.tell(f"edges and alignments are glibc's, {mode_name(options)}", problems)


def limits(session):
    program = session.compile("malloc-edges")
    size = LIMIT_MIB << 20

    def limit_before():
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    for options, _ in MODES:
        for name, mib, before in (("by itself", LIMIT_MIB, None), ("before", 0, limit_before)):
            rounds = 1 if is_debug(options) else 3  # of debug modes' tables some stay
            status, _, said = session.run(options, program, "limit", mib, rounds,
                                          before=before)
            session.tell(f"out of memory, limited {name}, {mode_name(options)}",
                         [f"status {status}: {said}"] if status else [])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options.add_argument("--operations", type=int, default=10**7)
    options.add_argument("--memtrace", default=os.path.join(
        ROOT, os.environ.get("BUILD", "build"), "memtrace"))
    options = options.parse_args()
    print(f"1..{len(WORK) + len(MODES) * 3}")
    with tempfile.TemporaryDirectory() as folder:
        session = Session(options.memtrace, folder)
        random_work(session, options.seed, options.operations)
        edges(session)
        limits(session)
    return session.failed != 0


if __name__ == "__main__":
    sys.exit(main())
