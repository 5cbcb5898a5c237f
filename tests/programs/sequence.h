/*
 * sequence.h - a random sequence of small requests, frees and reallocations, the same for
 * every allocator that it is given to.
 *
 * Before it begins, fill_holes() uses up every free block and every free pool, so that an
 * allocator with a past behaves as a fresh one. Arenas come in ascending order, and those
 * that went back come again newest first, so that all addresses can be compared.
 */
#ifndef TESTS_SEQUENCE_H
#define TESTS_SEQUENCE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEQUENCE_LIVE = 120000,
	SEQUENCE_PHASES = 10,
	SEQUENCE_STEPS = 40000, /* of a phase */
	SEQUENCE_THRESHOLD = 512,
	SEQUENCE_ARENA_BYTES = 1 << 20,
	SEQUENCE_CLASS_BYTES = 16,
	SEQUENCE_BLOCKS_OF_512 = 31, /* in a pool */
};

struct sequence_allocator {
	void *(*allocate)(size_t size);
	void *(*reallocate)(void *p, size_t size);
	void (*release)(void *p);
};

struct sequence {
	struct sequence_allocator allocator;
	uint64_t random;
	uint64_t base;   /* address of the first new arena; 0: none yet */
	uint64_t digest; /* of all addresses handed out */
	uint64_t events;
	char **live; /* outside of any arena */
	uint32_t *sizes;
	uint32_t live_count;
};

static inline uint64_t sequence_random(struct sequence *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	return s->random ^= s->random << 17;
}

/* Sizes crowd around classes that change with the phase; every class comes in each. */
static inline size_t sequence_size(struct sequence *s, uint32_t phase)
{
	uint64_t value = sequence_random(s);
	if (value % 4)
		return 1 + (phase * 97 + value / 4 % 3 * 16) % SEQUENCE_THRESHOLD;
	return 1 + value / 4 % SEQUENCE_THRESHOLD;
}

static inline void sequence_note(struct sequence *s, const void *p)
{
	uint64_t offset = (uint64_t)(uintptr_t)p - s->base;
	s->digest = (s->digest ^ offset) * UINT64_C(1099511628211);
	s->events++;
}

static inline void sequence_allocate(struct sequence *s, size_t size)
{
	char *p = s->allocator.allocate(size);
	if (!p)
		abort();
	p[0] = p[size - 1] = (char)size;
	if (!s->base)
		s->base = (uint64_t)(uintptr_t)p & ~(uint64_t)(SEQUENCE_ARENA_BYTES - 1);
	s->live[s->live_count] = p;
	s->sizes[s->live_count++] = (uint32_t)size;
	sequence_note(s, p);
}

static inline void sequence_release(struct sequence *s, uint32_t i)
{
	char *p = s->live[i];
	s->live[i] = s->live[--s->live_count];
	s->sizes[i] = s->sizes[s->live_count];
	s->allocator.release(p);
}

/* To about as much, so that some stay where they are and some move. */
static inline void sequence_reallocate(struct sequence *s, uint32_t i)
{
	size_t size = 1 + sequence_random(s) % (2 * s->sizes[i]);
	if (size > SEQUENCE_THRESHOLD)
		size = SEQUENCE_THRESHOLD;
	char *p = s->allocator.reallocate(s->live[i], size);
	if (!p)
		abort();
	s->live[i] = p;
	s->sizes[i] = (uint32_t)size;
	sequence_note(s, p);
}

static inline void sequence_step(struct sequence *s, uint32_t phase, uint32_t wanted)
{
	uint64_t value = sequence_random(s);
	int grows = value % 100 < (s->live_count < wanted ? 75 : 25);
	if (!s->live_count || (grows && s->live_count < SEQUENCE_LIVE)) {
		sequence_allocate(s, sequence_size(s, phase));
		return;
	}
	uint32_t i = value / 100 % 3 ? (uint32_t)(sequence_random(s) % s->live_count)
				     : s->live_count - 1;
	if (value / 300 % 10 == 0)
		sequence_reallocate(s, i);
	else
		sequence_release(s, i);
}

/* Every other phase grows, the others shrink; the last but one empties whole arenas. */
static inline void sequence_phase(struct sequence *s, uint32_t phase)
{
	for (uint32_t n = 0; n < SEQUENCE_STEPS; n++)
		sequence_step(s, phase, phase % 2 ? 0 : SEQUENCE_LIVE / 2);
	while (phase == SEQUENCE_PHASES - 3 && s->live_count)
		sequence_release(s, (uint32_t)(sequence_random(s) % s->live_count));
}

/*
 * Use up what text, in the layout of sys._debugmallocstats(), says is free. Every block
 * stays where it is for ever.
 */
static inline void sequence_fill_holes(const struct sequence_allocator *allocator,
				       const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		unsigned index, size, used_pools;
		unsigned long pools = 0, used, available = 0;
		line += *line == '\n';
		if (sscanf(line, "%lu unused pools * %u", &pools, &size) == 2)
			size = SEQUENCE_THRESHOLD,
			available = pools * SEQUENCE_BLOCKS_OF_512;
		else if (sscanf(line, "%u %u %u %lu %lu", &index, &size, &used_pools,
				&used, &available) != 5)
			continue;
		while (available--)
			if (!allocator->allocate(size))
				abort();
	}
}

#endif
