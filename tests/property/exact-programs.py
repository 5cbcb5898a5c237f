#!/usr/bin/env python3
"""exact-programs.py - generated programs with known answers, compared number by number.

Each program is a table of random operations run by functions that have one allocation
each, on a line of its own. A model in this file knows what is live, what the peak held
and what was allocated in all. Prints TAP; a failure names the seed:

    tests/property/exact-programs.py [--seed N] [--programs N] [--memtrace PATH]
"""
import argparse
import collections
import json
import os
import random
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# How a site allocates: the statement on its marked line, and the size it requests.
ALLOCATING = {
    "malloc": ("slots[o->slot] = malloc(o->size);", lambda n: n),
    "calloc": ("slots[o->slot] = calloc(o->size / 7 + 1, 7);", lambda n: (n // 7 + 1) * 7),
    "aligned_alloc": ("slots[o->slot] = aligned_alloc(64, o->size);", lambda n: n),
    "memalign": ("slots[o->slot] = memalign(16, o->size);", lambda n: n),
    "posix_memalign": (
        "if (posix_memalign(&slots[o->slot], 128, o->size)) abort();", lambda n: n),
    "reallocarray": ("slots[o->slot] = reallocarray(NULL, o->size + 1, 3);",
                     lambda n: (n + 1) * 3),
    "strdup": ("slots[o->slot] = strdup(text_of(o->size));", lambda n: n + 1),
}
RESIZING = {
    "realloc": ("slots[o->slot] = realloc(slots[o->slot], o->size);", lambda n: n),
    "realloc_refused": (
        "if (realloc(slots[o->slot], PTRDIFF_MAX + (size_t)1)) abort();", None),
}
# What a site's function does around the allocation: shapes of stack frames.
SHAPES = {
    "plain": ("", ""),
    "alloca": ("volatile char *room = alloca(o->size % 97 + 1); room[0] = 1;", ""),
    "variable": ("volatile char room[o->size % 53 + 1]; room[0] = 1;", ""),
    "aligned": ("volatile char room[128] __attribute__((aligned(64))); room[0] = 1;", ""),
    "pointer": ("", "__attribute__((optimize(\"no-omit-frame-pointer\")))"),
}

PROLOGUE = r"""
#include <alloca.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "memtrace.h"

struct op { int kind, site, slot, depth; size_t size; };
static void *slots[SLOTS];
static volatile int after;

static char text[1 << 17];
static const char *text_of(size_t n)
{
	memset(text, 'x', n);
	text[n] = 0;
	return text;
}
"""

MAIN = r"""
static __attribute__((noinline, noclone)) void descend(const struct op *o, int depth)
{
	if (depth > 0)
		descend(o, depth - 1);
	else
		sites[o->site](o);
	after++;
}

#ifdef THREADS
/* The second thread runs one operation at a time, when it is told to. */
static sem_t begin, finished;
static const struct op *passed;
static void *second(void *unused)
{
	for (;;) {
		sem_wait(&begin);
		if (!passed)
			return unused;
		descend(passed, passed->depth);
		sem_post(&finished);
	}
}
#endif

int main(void)
{
#ifdef THREADS
	pthread_t thread;
	sem_init(&begin, 0, 0);
	sem_init(&finished, 0, 0);
	pthread_create(&thread, NULL, second, NULL);
#endif
	char label[16] = "s";
	int labels = 0;
	for (const struct op *o = ops; o->kind >= 0; o++) {
		if (o->kind == 1) {
			label[1] = '0' + labels / 10;
			label[2] = '0' + labels++ % 10;
			memtrace_snapshot(label);
#ifdef THREADS
		} else if (o->kind == 2) {
			passed = o;
			sem_post(&begin);
			sem_wait(&finished);
#endif
		} else {
			descend(o, o->depth);
		}
	}
#ifdef THREADS
	passed = NULL;
	sem_post(&begin);
	pthread_join(thread, NULL);
#endif
	return 0;
}
"""


class Model:
    """What a tracer must say: live blocks by key, everything allocated, the peak."""

    def __init__(self):
        self.blocks = {}  # slot -> (key, size)
        self.live = collections.Counter()
        self.count = collections.Counter()
        self.total = collections.Counter()
        self.total_count = collections.Counter()
        self.now = self.peak = 0
        self.at_peak = ({}, {})

    def free(self, slot):
        key, size = self.blocks.pop(slot)
        self.live[key] -= size
        self.count[key] -= 1
        self.now -= size

    def allocate(self, slot, key, size):
        self.blocks[slot] = (key, size)
        self.live[key] += size
        self.count[key] += 1
        self.total[key] += size
        self.total_count[key] += 1
        self.now += size
        if self.now > self.peak:
            self.peak = self.now
            self.at_peak = (dict(self.live), dict(self.count))

    def table(self):
        return {key: (self.live[key], n) for key, n in self.count.items() if n}

    def peak_table(self):
        sizes, counts = self.at_peak
        return {key: (sizes[key], n) for key, n in counts.items() if n}

    def total_table(self):
        return {key: (self.total[key], n) for key, n in self.total_count.items()}


def random_size(rng):
    kind = rng.random()
    if kind < 0.03:
        return 0
    if kind < 0.80:
        return rng.randint(1, 512)
    if kind < 0.97:
        return rng.randint(1, 5000)
    return rng.randint(5000, 100000)


def generate(rng, threads):
    """Program text, the model, its state at each labelled snapshot, the sites' lines."""
    lines = ["#define SLOTS 400"] + PROLOGUE.splitlines()
    sites = []
    kinds = list(ALLOCATING) + ["realloc"] * 3 + ["realloc_refused", "free", "free"]
    for index in range(rng.randint(13, 40)):
        kind = kinds[index] if index < len(kinds) else rng.choice(kinds)
        room, attribute = SHAPES[rng.choice(list(SHAPES))]
        statement = ("free(slots[o->slot]); slots[o->slot] = NULL;" if kind == "free" else
                     (ALLOCATING.get(kind) or RESIZING[kind])[0])
        lines += [f"static __attribute__((noinline, noclone)) {attribute}",
                  f"void site_{index}(const struct op *o)", "{", f"\t{room}",
                  f"\t{statement}"]
        sites.append((kind, len(lines), index))
        lines += ["\tafter++;", "}"]
    lines.append("static void (*const sites[])(const struct op *) = {"
                 + ", ".join(f"site_{s[2]}" for s in sites) + "};")

    model = Model()
    snapshots = []
    ops = []
    free_sites = [s for s in sites if s[0] == "free"]
    for _ in range(rng.randint(300, 3000)):
        if rng.random() < 0.004 and len(snapshots) < 90:
            ops.append("{1, 0, 0, 0, 0}")
            snapshots.append((model.table(), model.peak_table(), model.total_table()))
            continue
        kind, line, index = rng.choice(sites)
        slot = rng.randrange(400)
        size = random_size(rng)
        depth = rng.choice([0, 0, 1, 2, 5, 17, 40]) if rng.random() < 0.98 else 90
        thread = 2 if threads and rng.random() < 0.4 else 0
        occupied = slot in model.blocks
        if kind in ALLOCATING and occupied:
            kind, line, index = rng.choice(free_sites)
        elif kind not in ALLOCATING and kind != "realloc" and not occupied:
            continue
        key = (line, depth)
        if kind == "free":
            model.free(slot)
        elif kind == "realloc":
            if occupied:
                model.free(slot)
            if size or not occupied:
                model.allocate(slot, key, size)
        elif kind in ALLOCATING:
            model.allocate(slot, key, ALLOCATING[kind][1](size))
        ops.append(f"{{{thread}, {index}, {slot}, {depth}, {size}}}")
    lines.append("static const struct op ops[] = {" + ", ".join(ops) + ", {-1, 0, 0, 0, 0}};")
    return "\n".join(lines) + MAIN, model, snapshots, {line for _, line, _ in sites}


def is_outermost(frame):
    """_start, or where the C library (without symbols, maybe) makes a thread."""
    if frame["function"] is None:
        return os.path.basename(frame["module"]).startswith("libc.so")
    return frame["function"] in ("_start", "__clone3", "clone3", "__clone")


def rows_of(memtrace, trace, source, lines, *options):
    """Rows of our sites by (line, depth); checks that rows and totals add up."""
    run = subprocess.run([memtrace, "top", "--by", "traceback", "-n", "0", "--json", *options,
                          trace], capture_output=True, text=True)
    if run.returncode:
        raise AssertionError(f"top {options}: status {run.returncode}: {run.stderr}")
    answer = json.loads(run.stdout)
    for unit in "size", "count":
        total = sum(row[unit] for row in answer["rows"]) + answer["omitted"][unit]
        if total != answer["totals"][unit]:
            raise AssertionError(f"top {options}: rows of {unit} add up to {total}, "
                                 f"totals say {answer['totals'][unit]}")
    found = {}
    for row in answer["rows"]:
        frames = row["traceback"]
        site = [f for f in frames if f["file"] == source and f["line"] in lines
                and (f["function"] or "").startswith("site_")]
        if not site or not (row["size"] or row["count"]):
            continue
        if not is_outermost(frames[0]):
            raise AssertionError(f"outermost frame is {frames[0]}")
        depth = sum(f["function"] == "descend" for f in frames) - 1
        key = (site[0]["line"], depth)
        size, count = found.get(key, (0, 0))
        found[key] = (size + row["size"], count + row["count"])
    return found


def difference(what, got, expected):
    keys = sorted(set(got) | set(expected))
    return [f"{what}: line {k[0]} depth {k[1]}: got {got.get(k)}, expected {expected.get(k)}"
            for k in keys if got.get(k) != expected.get(k)]


def check_snapshot(memtrace, name, source, lines, threads, live, peak, total):
    """Problems of one snapshot: live, total and (one thread: exact) peak."""
    def rows(*options):
        return rows_of(memtrace, name, source, lines, *options)

    label = os.path.basename(name)
    problems = difference(f"{label} live", rows(), live)
    problems += difference(f"{label} total", rows("--metric", "total"), total)
    if not threads:
        problems += difference(f"{label} peak", rows("--metric", "peak"), peak)
    return problems


def check_program(seed, memtrace, folder):
    rng = random.Random(seed)
    threads = seed % 3 == 2
    text, model, snapshots, lines = generate(rng, threads)
    source = os.path.join(folder, f"program-{seed}.c")
    program = os.path.join(folder, f"program-{seed}")
    trace = os.path.join(folder, f"program-{seed}.mtz")
    with open(source, "w") as out:
        out.write(text)
    flags = [rng.choice(["-O0", "-O2"]), "-g", "-w", "-I", os.path.join(ROOT, "preload"),
             "-fno-builtin", "-pthread"] + (["-DTHREADS"] if threads else [])
    subprocess.run([os.environ.get("CC", "cc"), *flags, source, "-o", program], check=True)
    options = ["--geometry", "classic"] if seed % 5 == 4 else (
        ["--malloc", "malloc"] if seed % 7 == 6 else [])
    run = subprocess.run([memtrace, "run", "-q", *options, "-o", trace, "--", program])
    if run.returncode:
        return [f"run: status {run.returncode}"]
    end = (model.table(), model.peak_table(), model.total_table())
    problems = check_snapshot(memtrace, trace, source, lines, threads, *end)
    if not threads:
        problems += difference("@peak", rows_of(memtrace, trace + "@peak", source, lines),
                               model.peak_table())
    for number, expected in list(enumerate(snapshots))[:4]:
        problems += check_snapshot(memtrace, f"{trace}@s{number:02d}", source, lines,
                                   threads, *expected)
    return problems


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options.add_argument("--programs", type=int, default=14)
    options.add_argument("--memtrace", default=os.path.join(
        ROOT, os.environ.get("BUILD", "build"), "memtrace"))
    options = options.parse_args()
    print(f"1..{options.programs}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.programs):
            seed = options.seed + number
            try:
                problems = check_program(seed, options.memtrace, folder)
            except (AssertionError, subprocess.CalledProcessError, KeyError) as problem:
                problems = [repr(problem)]
            print("not ok" if problems else "ok", number + 1,
                  f"- a generated program has exact numbers (--seed {seed} --programs 1)")
            for problem in problems[:12]:
                print("#", problem)
            failed += bool(problems)
            sys.stdout.flush()
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
