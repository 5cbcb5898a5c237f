/*
 * root-set.c - see root-set.h. Outside.
 *
 * Every mapping that can hold pointers is a candidate; from these is taken away what is
 * known to be something else; what is known exactly is then put in its place.
 */
#include "tracer/collect/root-set.h"

#include "formats/record.h"
#include "tracer/collect/signal-stacks.h"

#include <stdlib.h>
#include <string.h>

enum {
	PAGE = MT_MEMORY_PAGE_BYTES,
	ARENA_ALIGNMENT = 64 << 20, /* of the C library's arenas besides the first */
	CHUNK_HEAD_BYTES = 32,      /* of the C library and of ours, before a block */
	/* A thread that the C library made: where its struct is, and what is in it. */
	SEARCHED_BYTES = 2 * PAGE,
	THREAD_ALIGNMENT = 64,
	SELF_AT = 16,
	DTV_AT = 8,
	TID_AT = 720,
	/* The function that it was started with; glibc 2.36 has it first, later ones last. */
	FUNCTION_LEAST_AT = 1592,
	FUNCTION_MOST_AT = 1600,
	JOINED_BEFORE = 24, /* the function, and what it returned */
	RESULT_BEFORE = 16,
	DTV_MAX = 4096, /* entries that are looked at */
};

static const char our_files[] = "/memfd:memtrace";
static const uint64_t static_tls_max = 16 << 20;

struct interval {
	uint64_t start, end;
};

struct search {
	const struct mt_root_set_question *q;
	struct mt_signal_stacks signal_stacks;
	struct interval *taken; /* away */
	size_t taken_count, taken_capacity;
	struct mt_root_range *found;
	size_t found_count, found_capacity;
	struct mt_root_block *blocks;
	size_t block_count, block_capacity;
	bool failed; /* no memory */
};

static void take(struct search *s, uint64_t start, uint64_t end)
{
	if (s->taken_count == s->taken_capacity) {
		size_t capacity = s->taken_capacity * 2 + 256;
		void *taken = reallocarray(s->taken, capacity, sizeof *s->taken);
		if (!taken) {
			s->failed = true;
			return;
		}
		s->taken = taken;
		s->taken_capacity = capacity;
	}
	if (start < end)
		s->taken[s->taken_count++] = (struct interval){start, end};
}

static void find(struct search *s, struct mt_root_range range)
{
	if (s->found_count == s->found_capacity) {
		size_t capacity = s->found_capacity * 2 + 256;
		void *found = reallocarray(s->found, capacity, sizeof *s->found);
		if (!found) {
			s->failed = true;
			return;
		}
		s->found = found;
		s->found_capacity = capacity;
	}
	range.start = (range.start + 7) & ~UINT64_C(7);
	range.end &= ~UINT64_C(7);
	if (range.start < range.end)
		s->found[s->found_count++] = range;
}

static void add_block(struct search *s, struct mt_root_block block)
{
	if (s->block_count == s->block_capacity) {
		size_t capacity = s->block_capacity * 2 + 64;
		void *blocks = reallocarray(s->blocks, capacity, sizeof *s->blocks);
		if (!blocks) {
			s->failed = true;
			return;
		}
		s->blocks = blocks;
		s->block_capacity = capacity;
	}
	s->blocks[s->block_count++] = block;
}

/* In the place of whatever else the range may seem to be. */
static void put(struct search *s, struct mt_root_range range)
{
	take(s, range.start, range.end);
	find(s, range);
}

static const struct mt_mapping *mapping_at(const struct search *s, uint64_t address)
{
	return mt_mappings_find(s->q->mappings, address);
}

static bool is_readable(const struct mt_mapping *mapping)
{
	return mapping && mapping->flags & MT_MAPPING_READ &&
	       !(mapping->flags & MT_MAPPING_DEVICE);
}

/* No file, and what lies right below it cannot be accessed. */
static bool is_guarded(const struct search *s, const struct mt_mapping *mapping)
{
	if (mapping == s->q->mappings->list || mapping->inode)
		return false;
	const struct mt_mapping *guard = mapping - 1;
	return guard->end == mapping->start && !guard->inode &&
	       !(guard->flags & (MT_MAPPING_READ | MT_MAPPING_WRITE));
}

/*
 * Where a thread's static thread-local memory begins: below its struct lie the blocks of
 * the modules that were there at start, and the dtv knows them.
 */
static uint64_t static_tls_start(const struct search *s, uint64_t thread_pointer,
				 uint64_t mapping_start)
{
	struct mt_memory *memory = s->q->memory;
	uint64_t dtv = mt_memory_word(memory, thread_pointer + DTV_AT);
	uint64_t count = dtv ? mt_memory_word(memory, dtv - 16) : 0;
	uint64_t start = thread_pointer;
	for (uint64_t i = 1; i <= count && i < DTV_MAX; i++) {
		uint64_t block = mt_memory_word(memory, dtv + 16 * i);
		if (block >= mapping_start && thread_pointer - block < static_tls_max &&
		    block < start)
			start = block;
	}
	return start & ~UINT64_C(63);
}

static void put_thread_struct(struct search *s, uint32_t tid, uint64_t thread_pointer,
			      const struct mt_mapping *mapping)
{
	uint64_t start = static_tls_start(s, thread_pointer, mapping->start);
	uint64_t end = thread_pointer + MT_ROOTS_THREAD_BYTES;
	uint64_t keys = thread_pointer + MT_ROOTS_KEYS_AT;
	uint64_t keys_end = keys + MT_ROOTS_KEYS * 16;
	struct mt_root_range range = {.start = start,
				      .end = thread_pointer,
				      .kind = MT_HELD_THREAD_LOCAL,
				      .tid = tid,
				      .thread_pointer = thread_pointer};
	put(s, range);
	if (end > mapping->end)
		return;
	range.kind = MT_HELD_LIBC;
	range.start = thread_pointer, range.end = keys;
	put(s, range);
	range.start = keys_end, range.end = end;
	put(s, range);
	range.kind = MT_HELD_KEY;
	range.start = keys, range.end = keys_end;
	put(s, range);
}

static void put_stack(struct search *s, uint32_t tid, uint64_t start, uint64_t end,
		      enum mt_root_kind kind)
{
	put(s, (struct mt_root_range){
		       .start = start, .end = end, .kind = (uint8_t)kind, .tid = tid});
}

/* Of modules that were not there at start: each thread gets its own when it needs them. */
static void put_late_locals(struct search *s, size_t thread, uint64_t static_start)
{
	const struct mt_stop_thread *t = &s->q->stop->threads[thread];
	const struct mt_thread_locals *locals = s->q->locals;
	for (uint32_t i = 0; i < locals->count; i++) {
		uint64_t start = mt_thread_locals_block(locals, i, s->q->memory,
							t->thread_pointer);
		uint64_t offset;
		bool is_static = start >= static_start && start < t->thread_pointer;
		if (!start || is_static)
			continue;
		uint32_t block = mt_live_find(s->q->heap, start, &offset);
		if (block == MT_LIVE_NONE)
			continue;
		add_block(s, (struct mt_root_block){.block = block, .thread = thread});
		put(s, (struct mt_root_range){.start = start,
					      .end = start + locals->modules[i].bytes,
					      .kind = MT_HELD_THREAD_LOCAL,
					      .tid = t->tid,
					      .thread_pointer = t->thread_pointer});
	}
}

static bool is_on(const struct mt_signal_stack *stack, const struct mt_stop_thread *t)
{
	uint64_t sp = t->registers[MT_STOP_SP];
	return stack && sp >= stack->start && sp < stack->end;
}

/*
 * A thread that does not run on the stack it was made with. Below its stack pointer there
 * may be stacks of others, or those that it will go back to, as those of coroutines come
 * from one piece of memory: nothing of that is passed over, but on a stack for signals.
 */
static void put_other_stack(struct search *s, size_t thread, uint64_t from)
{
	const struct mt_live *heap = s->q->heap;
	const struct mt_stop_thread *t = &s->q->stop->threads[thread];
	uint64_t offset;
	uint32_t block = mt_live_find(heap, t->registers[MT_STOP_SP], &offset);
	if (block != MT_LIVE_NONE) {
		add_block(s, (struct mt_root_block){.block = block,
						    .is_stack = true,
						    .from = from,
						    .thread = thread});
		return;
	}
	const struct mt_mapping *mapping = mapping_at(s, from);
	if (!is_readable(mapping))
		return;
	const struct mt_signal_stack *stack =
		mt_signal_stacks_of(&s->signal_stacks, t->tid);
	if (is_on(stack, t)) {
		take(s, stack->start, from);
		put_stack(s, t->tid, from, stack->end, MT_HELD_ALTSTACK);
	} else {
		put_stack(s, t->tid, from, mapping->end, MT_HELD_ALTSTACK);
	}
}

/*
 * The stack for signals of a thread that runs on another. Nobody but the kernel may point to it,
 * and what it holds is left over from handlers that have returned.
 */
static void put_idle_stack(struct search *s, size_t thread)
{
	const struct mt_stop_thread *t = &s->q->stop->threads[thread];
	const struct mt_signal_stack *stack =
		mt_signal_stacks_of(&s->signal_stacks, t->tid);
	uint64_t offset;
	if (!stack || is_on(stack, t))
		return;
	uint32_t block = mt_live_find(s->q->heap, stack->start, &offset);
	if (block == MT_LIVE_NONE)
		take(s, stack->start, stack->end);
	else
		add_block(s, (struct mt_root_block){
				     .block = block, .is_stack = true, .thread = thread});
}

static const struct mt_mapping *main_stack(const struct search *s)
{
	const struct mt_mappings *mappings = s->q->mappings;
	for (size_t i = 0; i < mappings->count; i++)
		if (!strcmp(mt_mappings_name(mappings, &mappings->list[i]), "[stack]"))
			return &mappings->list[i];
	return NULL;
}

/*
 * Where the stack begins that the thread was made with: its struct lies at the end of it
 * and says so, in two words whose place differs between versions of the C library. Where
 * that is not found nothing below the stack pointer is passed over.
 */
static uint64_t stack_start(const struct search *s, uint64_t pointer, uint64_t from)
{
	uint64_t words[MT_ROOTS_THREAD_BYTES / 8];
	size_t count = mt_memory_read_some(s->q->memory, pointer, words, sizeof words) /
		       sizeof *words;
	for (size_t i = FUNCTION_LEAST_AT / 8; i + 1 < count; i++) {
		uint64_t end = words[i] + words[i + 1];
		if (words[i] < pointer && end > pointer && end - pointer < SEARCHED_BYTES)
			return words[i];
	}
	return from;
}

/* The other parts of a block that has a stack in it may be anything. */
static void put_stack_block(struct search *s, size_t thread, uint64_t start,
			    uint64_t pointer)
{
	uint64_t offset;
	uint32_t number = mt_live_find(s->q->heap, pointer, &offset);
	if (number == MT_LIVE_NONE)
		return;
	struct mt_live_block block = mt_live_block(s->q->heap, number);
	uint64_t end = pointer + MT_ROOTS_THREAD_BYTES;
	struct mt_root_range range = {.start = block.address,
				      .end = start,
				      .kind = MT_HELD_MAPPING,
				      .pages = MT_MEMORY_TOUCHED};
	add_block(s, (struct mt_root_block){.block = number, .thread = thread});
	if (start > block.address)
		put(s, range);
	range.start = end, range.end = block.address + block.size;
	put(s, range);
}

/*
 * The stack that the thread was made with ends where top is. One that it has left for
 * another holds the frames to which it will return: all of it counts, as where they begin
 * is not known.
 */
static void put_own_stack(struct search *s, size_t index, uint64_t start, uint64_t top,
			  bool is_main)
{
	const struct mt_stop_thread *thread = &s->q->stop->threads[index];
	uint64_t from = thread->stack_from;
	uint64_t sp = thread->registers[MT_STOP_SP];
	bool is_native = sp >= start && sp < top;
	take(s, start, top);
	if (!is_main)
		put_stack_block(s, index, start, top);
	uint64_t end = is_main ? top : static_tls_start(s, top, start);
	put_stack(s, thread->tid, is_native && from > start ? from : start, end,
		  MT_HELD_STACK);
	if (!is_native)
		put_other_stack(s, index, from);
}

static void put_thread(struct search *s, size_t index)
{
	const struct mt_stop_thread *thread = &s->q->stop->threads[index];
	bool is_main = thread->tid == s->q->pid;
	uint64_t pointer = thread->thread_pointer, from = thread->stack_from;
	const struct mt_mapping *own = mapping_at(s, pointer);
	const struct mt_mapping *native = is_main ? main_stack(s) : NULL;
	if (!is_readable(own))
		own = NULL;
	if (native)
		put_own_stack(s, index, native->start, native->end, true);
	else if (own && !is_main)
		put_own_stack(s, index, stack_start(s, pointer, from), pointer, false);
	else
		put_other_stack(s, index, from);
	put_idle_stack(s, index);
	if (!own)
		return;
	put_thread_struct(s, thread->tid, pointer, own);
	put_late_locals(s, index, static_tls_start(s, pointer, own->start));
}

static bool is_known_thread(const struct search *s, uint32_t tid)
{
	for (size_t i = 0; i < s->q->stop->count; i++)
		if (s->q->stop->threads[i].tid == tid && s->q->stop->threads[i].is_known)
			return true;
	return false;
}

/* The struct of the thread whose stack the mapping was made for; 0: it was not. */
static uint64_t find_thread_struct(const struct search *s,
				   const struct mt_mapping *mapping)
{
	uint64_t words[SEARCHED_BYTES / 8];
	uint64_t from = mapping->end - SEARCHED_BYTES;
	if (mapping->end - mapping->start < SEARCHED_BYTES ||
	    !mt_memory_read(s->q->memory, from, words, sizeof words))
		return 0;
	for (size_t i = 0; i + MT_ROOTS_THREAD_BYTES / 8 <= SEARCHED_BYTES / 8;
	     i += THREAD_ALIGNMENT / 8) {
		uint64_t at = from + i * 8;
		if (words[i] == at && words[i + SELF_AT / 8] == at)
			return at;
	}
	return 0;
}

/* 0: not found. */
static uint64_t thread_function_at(const struct search *s, uint64_t thread)
{
	uint64_t at = thread + FUNCTION_LEAST_AT;
	for (; at <= thread + FUNCTION_MOST_AT; at += 8) {
		uint64_t function = mt_memory_word(s->q->memory, at);
		const struct mt_mapping *mapping = mapping_at(s, function);
		if (mapping && mapping->flags & MT_MAPPING_EXECUTE)
			return at;
	}
	return 0;
}

/*
 * Stacks that the C library keeps for later threads. What is left in them is nothing, but
 * that the dtv is kept as well, and the result of a thread that nobody has joined.
 */
static void take_unused_stack(struct search *s, const struct mt_mapping *mapping)
{
	uint64_t at = find_thread_struct(s, mapping);
	if (!at)
		return;
	int32_t tid = (int32_t)mt_memory_word(s->q->memory, at + TID_AT);
	if (tid > 0 || is_known_thread(s, (uint32_t)tid))
		return;
	take(s, mapping->start, at + MT_ROOTS_THREAD_BYTES);
	struct mt_root_range range = {
		.start = at + DTV_AT, .end = at + DTV_AT + 8, .kind = MT_HELD_LIBC};
	find(s, range);
	uint64_t function_at = tid == 0 ? thread_function_at(s, at) : 0;
	range.start = function_at - RESULT_BEFORE, range.end = range.start + 8;
	if (function_at && !mt_memory_word(s->q->memory, function_at - JOINED_BEFORE))
		find(s, range);
}

/* The C library's arenas besides the first begin with where their state is. */
static bool is_arena(const struct search *s, const struct mt_mapping *mapping)
{
	uint64_t head[3];
	if (mapping->start % ARENA_ALIGNMENT || mapping->inode ||
	    !mt_memory_read(s->q->memory, mapping->start, head, sizeof head))
		return false;
	uint64_t aligned = head[0] & -(uint64_t)ARENA_ALIGNMENT;
	return head[0] - aligned < PAGE && head[2] <= ARENA_ALIGNMENT &&
	       head[2] >= (uint64_t)PAGE && mapping_at(s, head[0]);
}

static bool is_c_heap(const struct search *s, const struct mt_mapping *mapping)
{
	return !strcmp(mt_mappings_name(s->q->mappings, mapping), "[heap]") ||
	       is_arena(s, mapping);
}

/*
 * Between the blocks lies what the C library needs and what was freed. Where live blocks
 * are not known all, what is not a known one counts.
 */
static void take_c_heap(struct search *s)
{
	const struct mt_mappings *mappings = s->q->mappings;
	const struct mt_live *heap = s->q->heap;
	for (size_t i = 0; !heap->has_unknown && i < mappings->count; i++)
		if (mappings->list[i].flags & MT_MAPPING_WRITE &&
		    is_c_heap(s, &mappings->list[i]))
			take(s, mappings->list[i].start, mappings->list[i].end);
	for (uint32_t i = 0; i < heap->large_count; i++) {
		const struct mt_live_large *large = &heap->large[i];
		uint64_t size = (uint64_t)large->size_high << 16 | large->size_low;
		uint64_t start = large->address - CHUNK_HEAD_BYTES;
		uint64_t end = large->address + size;
		if (!heap->has_unknown)
			start &= -(uint64_t)PAGE,
				end = (end + PAGE - 1) & -(uint64_t)PAGE;
		if (s->taken_count && start <= s->taken[s->taken_count - 1].end &&
		    start >= s->taken[s->taken_count - 1].start) {
			if (end > s->taken[s->taken_count - 1].end)
				s->taken[s->taken_count - 1].end = end;
			continue;
		}
		take(s, start, end);
	}
}

static void take_our_own(struct search *s)
{
	const struct mt_image *image = s->q->image;
	struct mt_state_module module;
	uint64_t used = mt_image_clamp(image, MT_REGION_MODULES, sizeof module,
				       image->header.used.modules);
	for (uint64_t i = 1; i < used; i++)
		if (mt_image_read(image, MT_REGION_MODULES, sizeof module, i, 1,
				  &module) &&
		    module.ready && module.flags & MT_MODULE_MEMTRACE)
			take(s, module.start, module.end);
	take(s, s->q->heap->base, s->q->heap->base + s->q->heap->bytes);
}

/* Of a file that is shared, what was touched: as much of it as the program looks at. */
static bool is_candidate(const struct search *s, const struct mt_mapping *mapping)
{
	uint32_t flags = mapping->flags;
	if (!(flags & MT_MAPPING_READ) || flags & (MT_MAPPING_DEVICE | MT_MAPPING_OURS) ||
	    (flags & MT_MAPPING_EXECUTE && !(flags & MT_MAPPING_WRITE)))
		return false;
	if (flags & MT_MAPPING_SHARED)
		return flags & MT_MAPPING_WRITE &&
		       (flags & MT_MAPPING_MEMORY || s->q->memory->shared_pagemap >= 0) &&
		       mapping->inode != s->q->image->inode &&
		       strncmp(mt_mappings_name(s->q->mappings, mapping), our_files,
			       strlen(our_files)) != 0;
	/* What a module is not to write any more it may have written before. */
	return flags & MT_MAPPING_WRITE || !mapping->inode || s->q->memory->pagemap >= 0;
}

static int compare_intervals(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct mt_root_range *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int compare_blocks(const void *a, const void *b)
{
	const struct mt_root_block *x = a, *y = b;
	return x->block < y->block ? -1 : x->block > y->block;
}

/* What is left of the candidate. taken is in order; *at: the first that may matter. */
static void find_rest(struct search *s, const struct mt_mapping *mapping, size_t *at)
{
	bool is_shared = mapping->flags & MT_MAPPING_SHARED;
	bool is_file = mapping->inode && !is_shared;
	struct mt_root_range range = {.start = mapping->start,
				      .kind = is_file ? MT_HELD_GLOBAL : MT_HELD_MAPPING,
				      .pages = is_shared ? MT_MEMORY_SHARED
					       : is_file ? MT_MEMORY_WRITTEN
							 : MT_MEMORY_TOUCHED};
	while (*at < s->taken_count && s->taken[*at].end <= mapping->start)
		++*at;
	for (size_t i = *at; i < s->taken_count && s->taken[i].start < mapping->end;
	     i++) {
		range.end = s->taken[i].start;
		if (range.end > range.start)
			find(s, range);
		if (s->taken[i].end > range.start)
			range.start = s->taken[i].end;
	}
	range.end = mapping->end;
	if (range.start < range.end)
		find(s, range);
}

/* Sorted, and none reaches into the one behind it. */
static void merge_taken(struct search *s)
{
	size_t kept = 0;
	qsort(s->taken, s->taken_count, sizeof *s->taken, compare_intervals);
	for (size_t i = 0; i < s->taken_count; i++) {
		if (kept && s->taken[i].start <= s->taken[kept - 1].end) {
			if (s->taken[i].end > s->taken[kept - 1].end)
				s->taken[kept - 1].end = s->taken[i].end;
			continue;
		}
		s->taken[kept++] = s->taken[i];
	}
	s->taken_count = kept;
}

static void find_candidates(struct search *s)
{
	const struct mt_mappings *mappings = s->q->mappings;
	size_t at = 0;
	for (size_t i = 0; i < mappings->count; i++)
		if (is_candidate(s, &mappings->list[i]))
			find_rest(s, &mappings->list[i], &at);
}

static void find_unused_stacks(struct search *s)
{
	const struct mt_mappings *mappings = s->q->mappings;
	for (size_t i = 1; i < mappings->count; i++) {
		const struct mt_mapping *mapping = &mappings->list[i];
		if (is_guarded(s, mapping) && mapping->flags & MT_MAPPING_WRITE &&
		    !(mapping->flags & MT_MAPPING_OURS))
			take_unused_stack(s, mapping);
	}
}

/* Whatever else is there. An address need not be one of memory. */
static void find_regions(struct search *s)
{
	const struct mt_live *heap = s->q->heap;
	for (size_t i = 0; i < heap->region_count; i++) {
		const struct mt_live_region *region = &heap->regions[i];
		const struct mt_mapping *mapping = mapping_at(s, region->address);
		if (is_readable(mapping) &&
		    region->size <= mapping->end - region->address)
			put(s,
			    (struct mt_root_range){.start = region->address,
						   .end = region->address + region->size,
						   .kind = MT_HELD_TRACKED,
						   .traceback = region->traceback});
	}
}

/* Beside the C library's chunks, where the program has taken memory by sbrk itself. */
static void find_breaks(struct search *s)
{
	struct mt_state_breaks breaks;
	uint64_t at = s->q->image->header.breaks;
	if (!at || !mt_memory_read(s->q->memory, at, &breaks, sizeof breaks))
		return;
	uint32_t count = breaks.count < MT_BREAKS ? breaks.count : MT_BREAKS;
	for (uint32_t i = 0; i < count; i++) {
		struct mt_root_range range = {.start = breaks.list[i].start,
					      .end = breaks.list[i].end,
					      .kind = MT_HELD_MAPPING,
					      .pages = MT_MEMORY_TOUCHED};
		const struct mt_mapping *mapping = mapping_at(s, range.start);
		if (!is_readable(mapping))
			continue;
		if (range.end > mapping->end)
			range.end = mapping->end;
		put(s, range);
	}
}

static void separate(struct search *s)
{
	size_t kept = 0;
	qsort(s->found, s->found_count, sizeof *s->found, compare_ranges);
	for (size_t i = 0; i < s->found_count; i++) {
		struct mt_root_range range = s->found[i];
		if (kept && range.start < s->found[kept - 1].end)
			range.start = s->found[kept - 1].end;
		if (range.start < range.end)
			s->found[kept++] = range;
	}
	s->found_count = kept;
	if (s->block_count)
		qsort(s->blocks, s->block_count, sizeof *s->blocks, compare_blocks);
}

int mt_root_set_find(struct mt_root_set *roots,
		     const struct mt_root_set_question *question, struct mt_error *err)
{
	struct search s = {.q = question};
	s.failed = !mt_signal_stacks_read(&s.signal_stacks, question->image);
	for (size_t i = 0; !s.failed && i < question->stop->count; i++)
		if (question->stop->threads[i].is_known)
			put_thread(&s, i);
	if (!s.failed) {
		find_unused_stacks(&s);
		find_regions(&s);
		find_breaks(&s);
		take_our_own(&s);
		take_c_heap(&s);
	}
	if (!s.failed) {
		merge_taken(&s);
		find_candidates(&s);
		separate(&s);
	}
	free(s.taken);
	mt_signal_stacks_deinit(&s.signal_stacks);
	*roots = (struct mt_root_set){.list = s.found,
				      .count = s.found_count,
				      .blocks = s.blocks,
				      .block_count = s.block_count};
	return s.failed ? mt_fail(err, MT_ERR_NO_MEMORY, "out of memory") : 0;
}

void mt_root_set_deinit(struct mt_root_set *roots)
{
	free(roots->list);
	free(roots->blocks);
	*roots = (struct mt_root_set){0};
}

const struct mt_root_range *mt_root_set_at(const struct mt_root_set *roots,
					   uint64_t address)
{
	size_t low = 0, high = roots->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (roots->list[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < roots->count && roots->list[low].start <= address ? &roots->list[low]
								       : NULL;
}
