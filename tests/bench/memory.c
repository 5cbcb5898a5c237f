/*
 * memory.c - what the recorder takes of memory, by the kernel's figures.
 *
 *     memory THREADS TRACEBACKS     one block of 16 bytes for each of so many distinct
 *                                   tracebacks, shared out among so many threads
 *     memory blocks COUNT           blocks of random sizes of 16 to 512 bytes
 *
 * Prints, in bytes: what is resident of the small-object heap, of the shared state, and
 * of all other anonymous memory; the sum of the blocks, each rounded to its class.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEAP_GIB = 64,
	ALIGNMENT = 16,
	MAX_THREADS = 256,
};

static void *volatile kept;
static uint64_t block_bytes;
static pthread_barrier_t all_done, may_end;

/* Two places to call from: each number below 2 to the depth is a traceback of its own. */
static __attribute__((noinline)) void descend(uint32_t number, int depth)
{
	if (!depth) {
		void **block = malloc(ALIGNMENT);
		*block = kept;
		kept = block;
	} else if (number & 1) {
		descend(number >> 1, depth - 1);
		__asm__ volatile("");
	} else {
		descend(number >> 1, depth - 1);
		__asm__ volatile("nop");
	}
}

struct share {
	uint32_t first, end;
	int depth;
};

static void *work(void *context)
{
	const struct share *share = context;
	for (uint32_t i = share->first; i < share->end; i++)
		descend(i, share->depth);
	pthread_barrier_wait(&all_done);
	pthread_barrier_wait(&may_end);
	return NULL;
}

static void make_tracebacks(uint32_t threads, uint32_t tracebacks)
{
	static struct share shares[MAX_THREADS];
	int depth = 0;
	while (UINT32_C(1) << depth < tracebacks)
		depth++;
	pthread_barrier_init(&all_done, NULL, threads + 1);
	pthread_barrier_init(&may_end, NULL, threads + 1);
	for (uint32_t i = 0; i < threads; i++) {
		pthread_t thread;
		shares[i] = (struct share){tracebacks / threads * i,
					   tracebacks / threads * (i + 1), depth};
		pthread_create(&thread, NULL, work, &shares[i]);
		pthread_detach(thread);
	}
	pthread_barrier_wait(&all_done);
	block_bytes = (uint64_t)tracebacks * ALIGNMENT;
}

static void make_blocks(uint32_t count)
{
	uint32_t seed = 1;
	for (uint32_t i = 0; i < count; i++) {
		seed = seed * 1103515245 + 12345;
		size_t size = 16 + (seed >> 16) % 497;
		void *block = malloc(size);
		memset(block, 1, size);
		*(void **)block = kept;
		kept = block;
		block_bytes += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	}
}

struct mapping {
	uint64_t start, end, resident;
	char name[256];
};

/* The next mapping of smaps, with what is resident of it. */
static int next_mapping(FILE *smaps, struct mapping *mapping)
{
	char line[512];
	static char head[512];
	uint64_t kib = 0;
	while (fgets(line, sizeof line, smaps)) {
		if (sscanf(line, "Rss: %" SCNu64, &kib) == 1) {
			mapping->name[0] = '\0';
			mapping->resident = kib << 10;
			return sscanf(head,
				      "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %255s",
				      &mapping->start, &mapping->end, mapping->name) >= 2;
		}
		if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
			memcpy(head, line, sizeof head);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int has_threads = strcmp(argv[1], "blocks") != 0;
	if (has_threads)
		make_tracebacks((uint32_t)atoi(argv[1]), (uint32_t)atoi(argv[2]));
	else
		make_blocks((uint32_t)atoi(argv[2]));
	static struct mapping list[4096];
	size_t count = 0;
	uint64_t state_start = 0, heap = 0, state = 0, other = 0;
	FILE *smaps = fopen("/proc/self/smaps", "re");
	while (smaps && count < 4096 && next_mapping(smaps, &list[count])) {
		if (!state_start && strstr(list[count].name, "memtrace-state"))
			state_start = list[count].start;
		count++;
	}
	for (size_t i = 0; i < count; i++) {
		const struct mapping *m = &list[i];
		if (strstr(m->name, "memtrace-"))
			state += m->resident;
		else if (m->end <= state_start &&
			 m->start >= state_start - ((uint64_t)HEAP_GIB << 30))
			heap += m->resident;
		else if (!m->name[0] || m->name[0] == '[')
			other += m->resident;
	}
	printf("heap %" PRIu64 " state %" PRIu64 " other %" PRIu64 " blocks %" PRIu64
	       "\n",
	       heap, state, other, block_bytes);
	return 0;
}
