/*
 * malloc-edges.c - what the malloc family answers at its edges, one line per call, to be
 * compared with the C library's own answers; and every alignment for every size.
 *
 *   malloc-edges ALIGNMENT     prints; what must hold anyway is only printed where it fails
 *   malloc-edges limit MIB ROUNDS  runs out of so much address space; 0: of what it was given
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static size_t usual_alignment = 16;
static void *volatile sink;

static const char *error_name(int error)
{
	return error == 0        ? "0"
	       : error == ENOMEM ? "ENOMEM"
	       : error == EINVAL ? "EINVAL"
				 : "other";
}

/* A line about a call, and the end of its block. */
static void tell(const char *call, size_t a, size_t b, void *p)
{
	int error = errno;
	printf("%s(%zx, %zx): %s errno %s\n", call, a, b, p ? "block" : "NULL",
	       error_name(error));
	free(p);
	errno = 0;
}

static const size_t alignments[] = {
	0,
	1,
	2,
	3,
	7,
	8,
	9,
	16,
	24,
	32,
	33,
	64,
	100,
	512,
	513,
	1024,
	4096,
	4097,
	65536,
	1 << 20,
	(size_t)1 << 40,
	(size_t)1 << 61,
	(size_t)1 << 62,
	((size_t)1 << 62) + 1,
	(size_t)1 << 63,
	((size_t)1 << 63) + 1,
	SIZE_MAX - 1,
	SIZE_MAX,
};

static const size_t sizes[] = {
	0,
	1,
	8,
	16,
	24,
	100,
	512,
	513,
	4095,
	4096,
	4097,
	100000,
	1 << 20,
	(size_t)1 << 47,
	(size_t)1 << 48,
	(size_t)1 << 62,
	PTRDIFF_MAX - 4096,
	PTRDIFF_MAX - 512,
	PTRDIFF_MAX - 32,
	PTRDIFF_MAX - 16,
	PTRDIFF_MAX - 1,
	PTRDIFF_MAX,
	(size_t)PTRDIFF_MAX + 1,
	(size_t)PTRDIFF_MAX + 17,
	SIZE_MAX - 8192,
	SIZE_MAX - 4097,
	SIZE_MAX - 4096,
	SIZE_MAX - 4095,
	SIZE_MAX - 512,
	SIZE_MAX - 16,
	SIZE_MAX - 1,
	SIZE_MAX,
};

enum {
	ALIGNMENTS = sizeof alignments / sizeof *alignments,
	SIZES = sizeof sizes / sizeof *sizes,
};

static void tell_resized(size_t from, size_t to)
{
	unsigned char *p = malloc(from);
	memset(p, 0x5a, from);
	errno = 0;
	sink = p;
	unsigned char *moved = realloc(sink, to);
	printf("realloc(%zx -> %zx): %s errno %s\n", from, to, moved ? "block" : "NULL",
	       error_name(errno));
	const unsigned char *now = moved ? moved : sink;
	for (size_t i = 0; to && i < from && i < to; i++)
		if (now[i] != 0x5a)
			printf("byte %zu lost\n", i);
	if (moved || to)
		free(moved ? moved : sink);
	errno = 0;
}

static void tell_sizes(void)
{
	for (int i = 0; i < SIZES; i++) {
		volatile size_t size = sizes[i];
		tell("malloc", size, 0, malloc(size));
		tell("realloc of NULL", size, 0, realloc(NULL, size));
		tell("valloc", size, 0, valloc(size));
		tell("pvalloc", size, 0, pvalloc(size));
		for (size_t count = 0; count < 4; count++) {
			tell("calloc", size, count, calloc(size, count));
			tell("calloc", count, size, calloc(count, size));
			tell("reallocarray", count, size,
			     reallocarray(NULL, count, size));
			tell("reallocarray", size, count,
			     reallocarray(NULL, size, count));
		}
		static const size_t from[] = {0, 1, 100, 512, 513, 5000, 300000};
		for (int k = 0; k < 7; k++)
			tell_resized(from[k], size);
	}
}

static void tell_aligned(size_t alignment, size_t size)
{
	void *const untouched = &sink;
	void *p = untouched;
	errno = 77;
	int error = posix_memalign(&p, alignment, size);
	printf("posix_memalign(%zx, %zx): %s, %s\n", alignment, size, error_name(error),
	       p == untouched ? "untouched" : "block");
	if (!error && errno != 77)
		printf("posix_memalign(%zx, %zx): errno changed\n", alignment, size);
	if (!error)
		free(p);
	errno = 0;
	tell("memalign", alignment, size, memalign(alignment, size));
	tell("aligned_alloc", alignment, size, aligned_alloc(alignment, size));
}

static void tell_alignments(void)
{
	for (int a = 0; a < ALIGNMENTS; a++)
		for (int s = 0; s < SIZES; s++)
			tell_aligned(alignments[a], sizes[s]);
}

static void tell_rest(void)
{
	void *p = malloc(0), *q = malloc(0);
	printf("malloc(0): %s\n", p && q && p != q ? "distinct" : "not distinct");
	printf("realloc to 0: %s\n", (sink = realloc(p, 0)) ? "block" : "NULL");
	printf("reallocarray to 0: %s\n",
	       (sink = reallocarray(q, 0, 5)) ? "block" : "NULL");
	printf("malloc_usable_size(NULL): %zu\n", malloc_usable_size(NULL));
	errno = 77;
	free(malloc(100));
	free(malloc(10000000));
	free(NULL);
	printf("errno after free: %d\n", errno);
}

/* What must hold for any block: said only where it does not. */
static void expect(const char *call, unsigned char *p, size_t size, size_t alignment)
{
	if (!p)
		printf("%s of %zu: no memory\n", call, size);
	else if ((uintptr_t)p % alignment)
		printf("%s of %zu: %p is not aligned to %zu\n", call, size, (void *)p,
		       alignment);
	else if (malloc_usable_size(p) < size)
		printf("%s of %zu: usable size %zu\n", call, size, malloc_usable_size(p));
	if (p)
		memset(p, 0xa5, malloc_usable_size(p));
}

static void expect_usable_kept(size_t size)
{
	unsigned char *p = malloc(size);
	expect("malloc", p, size, usual_alignment);
	size_t usable = malloc_usable_size(p);
	uintptr_t before = (uintptr_t)p;
	p = realloc(p, usable ? usable : 1);
	if ((uintptr_t)p != before && usable && usable < 128 << 10)
		printf("realloc of %zu to its usable size %zu moved\n", size, usable);
	if (malloc_usable_size(p) < usable)
		printf("realloc of %zu to its usable size %zu has shrunk it\n", size,
		       usable);
	free(p);
}

static void expect_aligned(size_t size, size_t alignment)
{
	void *p = NULL;
	int error = posix_memalign(&p, alignment, size);
	expect(error ? "failed posix_memalign" : "posix_memalign", p, size, alignment);
	unsigned char *q = memalign(alignment, size), *r = aligned_alloc(alignment, size);
	expect("memalign", q, size, alignment);
	expect("aligned_alloc", r, size, alignment);
	free(p);
	r = realloc(r, size + 40);
	expect("realloc of aligned_alloc", r, size + 40, usual_alignment);
	for (size_t i = 0; i < size; i++)
		if (r[i] != 0xa5) {
			printf("realloc of aligned_alloc(%zu, %zu): byte %zu lost\n",
			       alignment, size, i);
			break;
		}
	free(r);
	free(q);
}

static void expect_all(void)
{
	for (size_t size = 0; size < 1100; size++) {
		expect_usable_kept(size);
		for (size_t alignment = 8; alignment <= 8192; alignment *= 2)
			expect_aligned(size, alignment);
	}
	for (size_t size = 2048; size <= 1 << 21; size *= 2)
		for (size_t by = 0; by < 34; by++) {
			expect_usable_kept(size - 17 + by);
			expect_aligned(size - 17 + by, 16 << by % 12);
		}
	for (size_t alignment = 16384; alignment <= 4 << 20; alignment *= 2)
		for (size_t size = 0; size < 5000; size += 313)
			expect_aligned(size, alignment);
}

struct link {
	struct link *next;
	size_t size;
};

static void broken(const char *what)
{
	fprintf(stderr, "malloc-edges: limit: %s\n", what);
	exit(1);
}

static struct link *fill_memory(size_t *bytes)
{
	struct link *first = NULL;
	errno = 0;
	for (uint32_t random = 1;; random = random * 1664525 + 1013904223) {
		size_t size =
			sizeof *first + (random >> 12) % (random >> 28 ? 600 : 40000);
		struct link *link = malloc(size);
		if (!link)
			return first;
		memset(link, 0x3c, size);
		*link = (struct link){.next = first, .size = size};
		first = link;
		*bytes += size;
	}
}

static void check_memory(const struct link *link)
{
	for (; link; link = link->next)
		for (size_t i = sizeof *link; i < link->size; i++)
			if (((const unsigned char *)link)[i] != 0x3c)
				broken("contents changed");
}

/* Nothing is left: all doors say so, and what is there stays as it is. */
static void fail_all(struct link *first)
{
	void *p = &first;
	size_t much = (size_t)64 << 20;
	if (errno != ENOMEM)
		broken("errno of malloc");
	errno = 0;
	if (calloc(much, 16) || errno != ENOMEM)
		broken("calloc");
	errno = 0;
	if (realloc(first, much * 16) || errno != ENOMEM)
		broken("realloc");
	errno = 0;
	if (memalign(64, much * 16) || errno != ENOMEM)
		broken("memalign");
	errno = 0;
	if (posix_memalign(&p, 4096, much * 16) != ENOMEM || p != &first)
		broken("posix_memalign");
}

static int run_out(size_t mib, int rounds)
{
	struct rlimit limit = {.rlim_cur = mib << 20, .rlim_max = mib << 20};
	if (mib && setrlimit(RLIMIT_AS, &limit))
		broken("setrlimit");
	for (int round = 0; round < rounds; round++) {
		size_t bytes = 0;
		struct link *first = fill_memory(&bytes);
		fail_all(first);
		check_memory(first);
		if (bytes < 4 << 20)
			broken("memory is lost from round to round");
		while (first) {
			struct link *next = first->next;
			free(first);
			first = next;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "limit"))
		return run_out((size_t)atol(argv[2]), atoi(argv[3]));
	if (argc != 2)
		return 2;
	usual_alignment = (size_t)atol(argv[1]);
	errno = 0;
	tell_sizes();
	tell_alignments();
	tell_rest();
	expect_all();
	return 0;
}
