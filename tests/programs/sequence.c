/*
 * sequence.c - the random sequence with malloc, free and realloc, as a program under
 * memtrace run; with SEQUENCE_PYTHON, as a library for CPython's allocator.
 *
 * The program: sequence SEED <TEXT: takes the snapshot `probe`, reads from stdin what
 * memtrace stats says of it, fills the holes and goes on, with a snapshot before the
 * sequence and after each phase. It prints the digest of all addresses.
 */
#include "sequence.h"

#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	TEXT_BYTES = 64 << 10,
};

static void begin(struct sequence *s, struct sequence_allocator allocator, uint64_t seed)
{
	size_t bytes = SEQUENCE_LIVE * (sizeof *s->live + sizeof *s->sizes);
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		abort();
	*s = (struct sequence){.allocator = allocator, .random = seed};
	s->live = pages;
	s->sizes = (uint32_t *)(s->live + SEQUENCE_LIVE);
}

#ifndef SEQUENCE_PYTHON

#include "memtrace.h"

static char *read_text(int fd, char text[TEXT_BYTES])
{
	size_t size = 0;
	ssize_t got;
	while ((got = read(fd, text + size, TEXT_BYTES - 1 - size)) > 0)
		size += (size_t)got;
	text[size] = '\0';
	return text;
}

static void snapshot(const char *label)
{
	if (memtrace_snapshot(label) < 0)
		abort();
}

int main(int argc, char **argv)
{
	static char text[TEXT_BYTES], label[32];
	struct sequence s;
	struct sequence_allocator allocator = {malloc, realloc, free};
	if (argc != 2)
		return 2;
	begin(&s, allocator, strtoull(argv[1], NULL, 10));
	snapshot("probe");
	if (write(1, "probed\n", 7) != 7)
		return 1;
	sequence_fill_holes(&allocator, read_text(0, text));
	snapshot("before");
	for (uint32_t phase = 0; phase < SEQUENCE_PHASES; phase++) {
		sequence_phase(&s, phase);
		snprintf(label, sizeof label, "phase-%" PRIu32, phase);
		snapshot(label);
	}
	dprintf(1, "%016" PRIx64 " %" PRIu64 "\n", s.digest, s.events);
	_exit(0);
}

#else

/* Arenas where memtrace would have them: see the head of sequence.h. */
static struct {
	char *first;
	uint32_t next, unused_count;
	uint32_t unused[1024];
} range;

struct arena_allocator {
	void *context;
	void *(*allocate)(void *context, size_t size);
	void (*release)(void *context, void *p, size_t size);
};

static void *allocate_arena(void *context, size_t size)
{
	(void)context;
	uint32_t index =
		range.unused_count ? range.unused[--range.unused_count] : range.next++;
	char *p = range.first + (size_t)index * SEQUENCE_ARENA_BYTES;
	return mprotect(p, size, PROT_READ | PROT_WRITE) ? NULL : p;
}

static void release_arena(void *context, void *p, size_t size)
{
	(void)context;
	uint32_t index = (uint32_t)(((char *)p - range.first) / SEQUENCE_ARENA_BYTES);
	if (mmap(p, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		abort();
	range.unused[range.unused_count++] = index;
}

static void reserve_range(void)
{
	size_t bytes =
		(sizeof range.unused / sizeof *range.unused + 1) * SEQUENCE_ARENA_BYTES;
	char *pages = mmap(NULL, bytes, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t first = (uintptr_t)pages + SEQUENCE_ARENA_BYTES - 1;
	range.first = (char *)(first & ~(uintptr_t)(SEQUENCE_ARENA_BYTES - 1));
}

/* What ctypes finds in the interpreter. */
struct python {
	struct sequence_allocator allocator;
	void (*set_arena_allocator)(struct arena_allocator *allocator);
	void *(*call)(void *function);
	void *debugmallocstats;
};

/* sys._debugmallocstats() writes to stderr: let that be the file. */
static void print_stats(const struct python *python, int fd)
{
	int saved = dup(2);
	fflush(stderr);
	dup2(fd, 2);
	python->call(python->debugmallocstats);
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
}

static void probe(const struct python *python, char text[TEXT_BYTES])
{
	int fd = memfd_create("probe", 0);
	print_stats(python, fd);
	ssize_t got = pread(fd, text, TEXT_BYTES - 1, 0);
	if (got < 0)
		abort();
	text[got] = '\0';
	close(fd);
}

/*
 * No Python code runs from the first hole that is filled to the last phase. The texts are
 * written to fds: before, then after each phase.
 */
void run(const struct python *python, uint64_t seed, const int *fds, uint64_t *digest,
	 uint64_t *events)
{
	static char text[TEXT_BYTES];
	struct sequence s;
	struct arena_allocator arenas = {NULL, allocate_arena, release_arena};
	begin(&s, python->allocator, seed);
	reserve_range();
	probe(python, text);
	python->set_arena_allocator(&arenas);
	sequence_fill_holes(&python->allocator, text);
	print_stats(python, fds[0]);
	for (uint32_t phase = 0; phase < SEQUENCE_PHASES; phase++) {
		sequence_phase(&s, phase);
		print_stats(python, fds[1 + phase]);
	}
	*digest = s.digest;
	*events = s.events;
}

#endif
