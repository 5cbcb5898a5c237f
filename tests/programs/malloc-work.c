/*
 * malloc-work.c - random requests of the whole malloc family against a model.
 *
 *   malloc-work SEED OPERATIONS THREADS ALIGNMENT [moving]
 *
 * Every word of a block, up to its usable size, holds a stamp of that block's own from the
 * moment it is handed out to the moment it goes: were two live blocks to overlap, or a
 * realloc to lose a byte, one of them would miss its stamp. Threads hand blocks to each
 * other, end and are followed by others. moving: realloc need not stay in place for what
 * is usable anyway. Says what went wrong, status 1.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOTS = 512,
	SHARED = 512, /* places where blocks change hands */
	ROUNDS = 4,   /* of threads */
	MAX_THREADS = 8,
	MAPPED = 128 << 10, /* from here on glibc may remap even for what is usable */
	GOLDEN = 0x9e3779b1,
};

/* Which family a block is of: it goes by the same. */
enum family {
	OF_MALLOC,
	OF_NEW,
	OF_NEW_ARRAY,
};

struct block {
	unsigned char *p;
	size_t size;   /* requested */
	size_t usable; /* all of it stamped */
	uint64_t stamp;
	enum family family;
	size_t alignment; /* 0: the usual */
};

struct worker {
	uint64_t random;
	long operations;
	struct block blocks[SLOTS];
};

/* C++'s operators, where there are any: without libstdc++ they are a preloaded library's. */
static struct {
	void *(*new)(size_t);
	void *(*new_array)(size_t);
	void *(*new_aligned)(size_t, size_t);
	void *(*new_nothrow)(size_t, const void *);
	void (*delete)(void *);
	void (*delete_array)(void *);
	void (*delete_sized)(void *, size_t);
	void (*delete_aligned)(void *, size_t);
	void (*free_sized)(void *, size_t);
} doors;

static struct {
	pthread_mutex_t lock;
	struct block block;
} shared[SHARED];

static uint64_t seed;
static size_t usual_alignment = 16;
static bool is_moving;
static void *volatile sink;

__attribute__((noreturn)) static void wrong(const char *what, const struct block *b)
{
	fprintf(stderr,
		"malloc-work: seed %llu: %s (size %zu, usable %zu, alignment %zu)\n",
		(unsigned long long)seed, what, b->size, b->usable, b->alignment);
	exit(1);
}

static uint64_t next_random(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	return w->random ^= w->random << 17;
}

static size_t random_size(struct worker *w)
{
	uint64_t value = next_random(w);
	uint64_t rest = value / 64;
	switch (value % 64) {
	case 0:
		return rest % 64 ? rest % 9000 : rest / 64 % 400000;
	case 1:
	case 2:
		return 500 + rest % 24;
	case 3:
	case 4:
		return 513 + rest % 1600;
	default:
		return value & 64 ? rest % 65 : rest % 513;
	}
}

static uint64_t word_at(const struct block *b, size_t i)
{
	return b->stamp + i * GOLDEN;
}

static void stamp_from(struct block *b, size_t from)
{
	for (size_t i = from & ~(size_t)7; i < b->usable; i += 8) {
		uint64_t word = word_at(b, i);
		size_t rest = b->usable - i;
		memcpy(b->p + i, &word, rest < 8 ? rest : 8);
	}
}

static void check_stamp(const struct block *b, size_t size)
{
	uint64_t differs = 0, word;
	size_t i = 0;
	for (; i + 8 <= size; i += 8) {
		memcpy(&word, b->p + i, 8);
		differs |= word ^ word_at(b, i);
	}
	word = word_at(b, i);
	if (differs || memcmp(b->p + i, &word, size - i) != 0)
		wrong("contents changed", b);
}

static void check_new(struct worker *w, struct block *b)
{
	size_t alignment =
		b->alignment > usual_alignment ? b->alignment : usual_alignment;
	if (!b->p)
		wrong("no memory", b);
	if ((uintptr_t)b->p % alignment)
		wrong("not aligned", b);
	b->usable = malloc_usable_size(b->p);
	if (b->usable < b->size)
		wrong("usable size below the requested one", b);
	b->stamp = next_random(w);
	stamp_from(b, 0);
}

static void *zeroed(struct block *b, size_t parts)
{
	size_t each = b->size / parts;
	b->size = each * parts;
	unsigned char *p = sink = calloc(parts, each);
	for (size_t i = 0; p && i < b->size; i++)
		if (p[i])
			wrong("calloc: not zero", b);
	return p;
}

static void *aligned(struct block *b, uint64_t value)
{
	size_t alignment = (size_t)8 << value / 4 % 10;
	void *p = NULL;
	b->alignment = alignment;
	switch (value % 4) {
	case 0:
		return posix_memalign(&p, alignment, b->size) ? NULL : p;
	case 1: /* rounded up to the next power */
		return memalign(alignment - (alignment > 8 ? 3 : 0), b->size);
	case 2:
		return aligned_alloc(alignment, b->size);
	default:
		b->alignment = 4096;
		return alignment > 512 ? valloc(b->size) : pvalloc(b->size);
	}
}

static void *from_new(struct block *b, uint64_t value)
{
	if (!doors.new)
		return malloc(b->size);
	b->family = OF_NEW;
	switch (value % 4) {
	case 0:
		b->family = OF_NEW_ARRAY;
		return doors.new_array(b->size);
	case 1:
		b->alignment = (size_t)32 << value / 4 % 6;
		return doors.new_aligned(b->size, b->alignment);
	case 2:
		return doors.new_nothrow(b->size, "");
	default:
		return doors.new(b->size);
	}
}

static void create(struct worker *w, struct block *b)
{
	uint64_t value = next_random(w);
	*b = (struct block){.size = random_size(w), .family = OF_MALLOC};
	switch (value % 32) {
	case 0:
		b->p = aligned(b, value / 32);
		break;
	case 1:
	case 2:
	case 3:
		b->p = zeroed(b, 1 + value / 32 % 5);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		b->p = from_new(b, value / 32);
		break;
	case 8:
		b->p = realloc(NULL, b->size);
		break;
	case 9:
		b->p = reallocarray(NULL, 1, b->size);
		break;
	default:
		b->p = malloc(b->size);
		break;
	}
	check_new(w, b);
}

static void give_back(struct block *b, uint64_t value)
{
	if (b->family == OF_NEW_ARRAY)
		doors.delete_array(b->p);
	else if (b->family == OF_NEW && b->alignment)
		doors.delete_aligned(b->p, b->alignment);
	else if (b->family == OF_NEW && value % 2 && b->size)
		doors.delete_sized(b->p, b->size);
	else if (b->family == OF_NEW)
		doors.delete(b->p);
	else if (doors.free_sized && !b->alignment && value % 16 == 1)
		doors.free_sized(b->p, b->size);
	else
		free(b->p);
}

static void destroy(struct worker *w, struct block *b)
{
	check_stamp(b, b->usable);
	errno = 1000;
	give_back(b, next_random(w));
	if (errno != 1000)
		wrong("free changed errno", b);
	b->p = NULL;
}

/* What the usable size promises: that many bytes are the block's own, realloc knows it. */
static void resize_to_usable(struct block *b)
{
	unsigned char *p = realloc(b->p, b->usable);
	if (p != b->p && b->usable < MAPPED && !is_moving)
		wrong("realloc to the usable size moved the block", b);
	b->p = p;
	b->size = b->usable;
	b->usable = malloc_usable_size(p);
	if (b->usable < b->size)
		wrong("realloc to the usable size has shrunk it", b);
	check_stamp(b, b->size);
	stamp_from(b, b->size);
}

static void fail_to_resize(struct block *b, uint64_t value)
{
	size_t huge = (value & 1 ? (size_t)PTRDIFF_MAX : SIZE_MAX) - value / 2 % 64;
	errno = 0;
	sink = b->p;
	if (realloc(sink, huge) || errno != ENOMEM)
		wrong("a huge realloc did not fail with ENOMEM", b);
	check_stamp(b, b->usable);
}

static void resize(struct worker *w, struct block *b)
{
	uint64_t value = next_random(w);
	if (b->family != OF_MALLOC) {
		destroy(w, b);
		return;
	}
	if (value % 256 == 0) {
		fail_to_resize(b, value / 256);
		return;
	}
	if (value % 8 == 1) {
		if (b->usable)
			resize_to_usable(b);
		return;
	}
	size_t size = value % 2 ? b->size + value / 8 % 48 : random_size(w);
	size_t kept = b->usable;
	b->size = size ? size : 1;
	b->alignment = 0;
	b->p = realloc(b->p, b->size);
	check_stamp(b, kept < b->size ? kept : b->size);
	check_new(w, b);
}

static void exchange(struct worker *w, struct block *b)
{
	size_t i = next_random(w) % SHARED;
	pthread_mutex_lock(&shared[i].lock);
	struct block other = shared[i].block;
	shared[i].block = *b;
	pthread_mutex_unlock(&shared[i].lock);
	*b = other;
}

static void *work(void *worker)
{
	struct worker *w = worker;
	for (long n = 0; n < w->operations; n++) {
		uint64_t value = next_random(w);
		struct block *b = &w->blocks[value % SLOTS];
		if (!b->p)
			create(w, b);
		else if (value / SLOTS % 4 == 0)
			exchange(w, b);
		else if (value / SLOTS % 4 == 1)
			resize(w, b);
		else
			destroy(w, b);
	}
	return NULL;
}

static void run_round(struct worker *workers, int threads, long operations)
{
	pthread_t ids[MAX_THREADS];
	for (int i = 0; i < threads; i++) {
		workers[i].operations = operations;
		if (i && pthread_create(&ids[i], NULL, work, &workers[i]))
			abort();
	}
	work(&workers[0]);
	for (int i = 1; i < threads; i++)
		pthread_join(ids[i], NULL);
}

/* What is left belongs to threads that are gone. */
static void destroy_all(struct worker *workers, int threads)
{
	for (int i = 0; i < threads * SLOTS; i++) {
		struct block *b = &workers[i / SLOTS].blocks[i % SLOTS];
		if (b->p)
			destroy(&workers[0], b);
	}
	for (int i = 0; i < SHARED; i++)
		if (shared[i].block.p)
			destroy(&workers[0], &shared[i].block);
}

static void find_doors(void)
{
	*(void **)&doors.new = dlsym(RTLD_DEFAULT, "_Znwm");
	*(void **)&doors.new_array = dlsym(RTLD_DEFAULT, "_Znam");
	*(void **)&doors.new_aligned = dlsym(RTLD_DEFAULT, "_ZnwmSt11align_val_t");
	*(void **)&doors.new_nothrow = dlsym(RTLD_DEFAULT, "_ZnwmRKSt9nothrow_t");
	*(void **)&doors.delete = dlsym(RTLD_DEFAULT, "_ZdlPv");
	*(void **)&doors.delete_array = dlsym(RTLD_DEFAULT, "_ZdaPv");
	*(void **)&doors.delete_sized = dlsym(RTLD_DEFAULT, "_ZdlPvm");
	*(void **)&doors.delete_aligned = dlsym(RTLD_DEFAULT, "_ZdlPvSt11align_val_t");
	*(void **)&doors.free_sized = dlsym(RTLD_DEFAULT, "free_sized");
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	if (argc < 5)
		return 2;
	is_moving = argc > 5;
	seed = strtoull(argv[1], NULL, 10);
	long operations = atol(argv[2]);
	int threads = atoi(argv[3]);
	usual_alignment = (size_t)atol(argv[4]);
	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	find_doors();
	for (int i = 0; i < SHARED; i++)
		pthread_mutex_init(&shared[i].lock, NULL);
	for (int i = 0; i < threads; i++)
		workers[i].random = (seed * 8 + (uint64_t)i + 1) * 0x9e3779b97f4a7c15;
	for (int i = 0; i < ROUNDS; i++)
		run_round(workers, threads, operations / threads / ROUNDS);
	destroy_all(workers, threads);
	return 0;
}
