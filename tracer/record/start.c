/*
 * start.c - see start.h. Inside the traced process: system calls only.
 */
#include "tracer/record/start.h"

#include "tracer/record/pages.h"
#include "tracer/record/state.h"

#include <sys/prctl.h>
#include <time.h>

enum {
	PATH_BYTES = 4096,
	MOST_ARGUMENT_BYTES = 64 << 10,
};

/* The loader's: where the kernel put argc, then argv. */
extern void *__libc_stack_end;

/* As the kernel put them there: the program may change its argv, and what that points to. */
static const char *arguments;
static uint32_t arguments_bytes;

static void find_arguments(void)
{
	const uintptr_t *stack = __libc_stack_end;
	if (arguments || !stack || !stack[0] || !stack[1])
		return;
	const char *first = (const char *)stack[1], *last = (const char *)stack[stack[0]];
	if (last < first)
		return;
	while (*last)
		last++;
	uint64_t bytes = (uint64_t)(last + 1 - first);
	arguments = first;
	arguments_bytes =
		bytes < MOST_ARGUMENT_BYTES ? (uint32_t)bytes : MOST_ARGUMENT_BYTES;
}

static uint32_t add_directory(void)
{
	char path[PATH_BYTES];
	bool is_known = mt_syscall3(SYS_getcwd, (long)path, sizeof path, 0) > 0;
	return is_known && path[0] == '/' ? mt_state_add_string(path) : 0;
}

void mt_start_introduce(void)
{
	struct mt_state_header *header = mt_state.header;
	find_arguments();
	header->creator_pid = (uint32_t)mt_syscall3(SYS_getppid, 0, 0, 0);
	mt_syscall6(SYS_prctl, PR_GET_NAME, (long)header->name, 0, 0, 0, 0);
	header->directory = add_directory();
	header->arguments = mt_state_add_bytes(arguments, arguments_bytes);
	header->arguments_bytes = header->arguments ? arguments_bytes : 0;
}

/* The copy under way. */
struct keeping {
	struct mt_state_kept *kept;
	uint32_t used; /* of kept->bytes */
	bool is_full;
};

static uint32_t without_zeros(const uint64_t *words, uint32_t bytes)
{
	uint32_t count = bytes / sizeof *words;
	while (count && !words[count - 1])
		count--;
	return count * sizeof *words;
}

/* bytes: a multiple of 8, as all entries are. */
static void keep(struct keeping *keeping, const void *from, uint64_t bytes)
{
	struct mt_state_kept *kept = keeping->kept;
	uint64_t size = mt_state.header->regions[MT_REGION_KEPT].size;
	uint64_t room = size - sizeof *kept - keeping->used;
	if (!bytes)
		return;
	if (bytes > room || kept->extents == MT_KEPT_EXTENTS) {
		keeping->is_full = true;
		return;
	}
	uint32_t stored = without_zeros(from, (uint32_t)bytes);
	kept->extent[kept->extents++] = (struct mt_state_extent){
		.offset = (uint64_t)((const char *)from - (const char *)mt_state.header),
		.size = (uint32_t)bytes,
		.stored = stored};
	const uint64_t *word = from;
	uint64_t *to = (uint64_t *)(kept->bytes + keeping->used);
	for (uint32_t i = 0; i < stored / sizeof *word; i++)
		__atomic_store_n(&to[i], word[i], __ATOMIC_RELAXED);
	keeping->used += stored;
}

static uint64_t round_up(uint64_t bytes)
{
	return (bytes + 7) & ~UINT64_C(7);
}

static void keep_side_words(struct keeping *keeping, uint32_t pools)
{
	const struct mt_geometry *geometry = &mt_state.header->geometry;
	uint32_t words = geometry->pool_bytes / geometry->alignment;
	for (uint32_t i = 0; i < pools && !keeping->is_full; i++) {
		uint8_t state = mt_state.pools[i].state;
		if (state == MT_POOL_USED || state == MT_POOL_FULL)
			keep(keeping, mt_state.side + (uint64_t)i * words,
			     words * sizeof *mt_state.side);
	}
}

static void keep_counters(struct keeping *keeping, uint32_t chunks)
{
	for (uint32_t i = 1; i < chunks && !keeping->is_full; i++) {
		uint32_t at = i * MT_COUNTERS_PER_CHUNK;
		keep(keeping, &mt_state.counters[at],
		     MT_COUNTERS_PER_CHUNK * sizeof *mt_state.counters);
		keep(keeping, &mt_state.peaks[at],
		     MT_COUNTERS_PER_CHUNK * sizeof *mt_state.peaks);
	}
}

bool mt_start_keep(void)
{
	const struct mt_state_header *header = mt_state.header;
	struct keeping keeping = {.kept = mt_state.kept};
	struct timespec now;
	if (!keeping.kept)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	keep(&keeping, header, round_up(sizeof *header));
	keep(&keeping, mt_state.threads, header->used.slots * sizeof *mt_state.threads);
	keep_counters(&keeping, header->used.chunks);
	keep(&keeping, mt_state.pools, header->used.pools * sizeof *mt_state.pools);
	keep_side_words(&keeping, header->used.pools);
	keep(&keeping, mt_state.blocks, header->used.blocks * sizeof *mt_state.blocks);
	if (keeping.is_full)
		return false;
	keeping.kept->time_ns =
		(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	atomic_store(&keeping.kept->ready, 1);
	return true;
}
