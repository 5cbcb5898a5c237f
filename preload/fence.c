/*
 * fence.c - see fence.h. Inside the traced process.
 */
#include "preload/fence.h"

#include "preload/fence-range.h"
#include "preload/inherited.h"
#include "preload/large.h"
#include "tracer/record/blocks.h"
#include "tracer/record/counters.h"
#include "tracer/record/lock.h"
#include "tracer/record/pages.h"
#include "tracer/record/say.h"
#include "tracer/record/unwind.h"

#include <fcntl.h>

enum {
	/* Freed cells are used again when so many times the budget has been. */
	RANGE_PER_BUDGET = 64,
	LEAST_RANGE_BYTES = 64 << 20,
	MAPPINGS_PER_BLOCK = 2, /* its data, and the fence before the next one */
	DEFAULT_MAPPINGS = 65530,
	FENCE_MAPPING = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	MOST_PRESENT_BYTES = 4 * MT_PAGE_BYTES,
	SPARE_PAGES = 256, /* as many mappings, for the program when there are no more */
	SCAN_CELLS =
		1024, /* looked at for a place, at most; the next search goes on there */
};

struct fence fence;
struct fence_range fence_range;

/* How many requests of this thread pass before the next is fenced. */
static __thread uint32_t to_pass;
static __thread uint64_t sampling;

/* vm.max_map_count, or what it usually is. */
static uint64_t read_mapping_limit(void)
{
	char text[24];
	uint64_t limit = 0;
	long fd = mt_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/sys/vm/max_map_count",
			      O_RDONLY | O_CLOEXEC, 0, 0, 0);
	long size = fd < 0 ? 0 : mt_syscall3(SYS_read, fd, (long)text, sizeof text);
	if (fd >= 0)
		mt_syscall3(SYS_close, fd, 0, 0);
	for (long i = 0; i < size && text[i] >= '0' && text[i] <= '9'; i++)
		limit = limit * 10 + (uint64_t)(text[i] - '0');
	return limit ? limit : DEFAULT_MAPPINGS;
}

/* Under a limit of address space: to the program, and to the recorder's tables of its threads. */
static bool is_enough_left(size_t bytes)
{
	char *rest = mt_pages_reserve(bytes);
	if (rest)
		mt_pages_unmap(rest, bytes);
	return rest;
}

/* No advice about it: the kernel joins only mappings that are alike. */
static bool reserve(size_t bytes)
{
	char *pages = mt_pages_mmap(bytes, PROT_NONE, FENCE_MAPPING);
	if (!pages)
		return false;
	size_t cells = bytes / FENCE_CELL_BYTES;
	if (is_enough_left(bytes / 2))
		fence_range.blocks = mt_pages_map_sparse(
			mt_pages_round(cells * sizeof *fence_range.blocks));
	if (!fence_range.blocks) {
		mt_pages_unmap(pages, bytes);
		return false;
	}
	fence_range.cell_count = (uint32_t)cells;
	fence_range.next_cell = FENCE_FIRST_CELL;
	fence.start = (unsigned char *)pages;
	fence.bytes = bytes;
	return true;
}

/* So that whoever looks at the mappings knows whose they are. */
static void publish(void)
{
	mt_state.header->guard_base = (uint64_t)fence.start;
	mt_state.header->guard_bytes = fence.bytes;
}

static void make_spare(void)
{
	char *pages = mt_pages_reserve(SPARE_PAGES * MT_PAGE_BYTES);
	for (int i = 0; pages && i < SPARE_PAGES; i += 2)
		mt_syscall3(SYS_mprotect, (long)(pages + i * MT_PAGE_BYTES),
			    MT_PAGE_BYTES, PROT_READ);
	fence_range.spare = pages;
}

bool fence_start(uint64_t budget_bytes, uint32_t sample)
{
	fence_range.budget_bytes = budget_bytes;
	fence_range.sample = sample;
	/* A third of what the kernel allows is left to the program. */
	fence_range.most_blocks =
		(uint32_t)(read_mapping_limit() / 3 * 2 / MAPPINGS_PER_BLOCK);
	size_t bytes = (size_t)budget_bytes * RANGE_PER_BUDGET;
	if (bytes < LEAST_RANGE_BYTES)
		bytes = LEAST_RANGE_BYTES;
	bytes &= ~(size_t)(FENCE_CELL_BYTES - 1);
	while (bytes >= LEAST_RANGE_BYTES && !reserve(bytes))
		bytes = bytes / 2 & ~(size_t)(FENCE_CELL_BYTES - 1);
	if (fence.bytes)
		make_spare();
	publish();
	return fence.bytes != 0;
}

/* On average one of `sample`, at no fixed distance: loops have theirs. */
static bool is_sampled(const struct thread *thread)
{
	if (fence_range.sample <= 1)
		return true;
	if (to_pass) {
		to_pass--;
		return false;
	}
	if (!sampling)
		sampling = mt_state.header->start_monotonic_ns * 2 + 1 +
			   (uint64_t)thread->recorder.slot * UINT64_C(0x9e3779b97f4a7c15);
	sampling ^= sampling << 13;
	sampling ^= sampling >> 7;
	sampling ^= sampling << 17;
	to_pass = (uint32_t)((sampling >> 32) % (2 * (uint64_t)fence_range.sample - 1));
	return true;
}

static void say_no_mappings(void)
{
	static _Atomic bool is_said;
	if (!atomic_exchange(&is_said, true))
		mt_say("guard: the kernel allows no more mappings (vm.max_map_count): "
		       "some blocks are not guarded");
}

/* The kernel has refused one: what was spared goes to the program, we make do with less. */
static void run_out_of_mappings(void)
{
	char *spare = atomic_exchange(&fence_range.spare, NULL);
	uint32_t live = atomic_load(&fence_range.live_blocks);
	if (spare)
		mt_pages_unmap(spare, SPARE_PAGES * MT_PAGE_BYTES);
	atomic_store(&fence_range.most_blocks, live / 4 * 3);
	say_no_mappings();
}

static void give_up_budget(size_t bytes)
{
	atomic_fetch_sub_explicit(&fence_range.live_bytes, bytes, memory_order_relaxed);
	atomic_fetch_sub_explicit(&fence_range.live_blocks, 1, memory_order_relaxed);
}

static bool take_budget(size_t bytes)
{
	uint64_t live = atomic_fetch_add_explicit(&fence_range.live_bytes, bytes,
						  memory_order_relaxed);
	uint32_t blocks = atomic_fetch_add_explicit(&fence_range.live_blocks, 1,
						    memory_order_relaxed);
	bool is_within = live + bytes <= fence_range.budget_bytes;
	if (is_within && blocks < fence_range.most_blocks)
		return true;
	give_up_budget(bytes);
	mt_state_lose(is_within ? MT_LOSS_GUARD_MAPPINGS : MT_LOSS_GUARD_BUDGET);
	if (is_within)
		say_no_mappings();
	return false;
}

/* Where so many cells in a row hold no live block; cell_count: nowhere near. */
static uint32_t find_cells(uint32_t wanted)
{
	uint32_t first = fence_range.next_cell;
	uint32_t at = first;
	for (uint32_t looked = 0; looked < wanted + SCAN_CELLS; looked++) {
		if (wanted > fence_range.cell_count - first) {
			first = at = FENCE_FIRST_CELL;
			continue;
		}
		if (at - first == wanted)
			return first;
		const struct fence_block *block = &fence_range.blocks[at];
		enum fence_state state = fence_state_of(block);
		if (state == FENCE_LIVE || state == FENCE_STUCK)
			first = at = at + block->cells;
		else
			at++;
	}
	fence_range.next_cell = first;
	return fence_range.cell_count;
}

/*
 * Older blocks in these cells are forgotten; theirs is not live before its pages are as
 * they should be. NULL: there is no place.
 */
static struct fence_block *claim(uint32_t cells, size_t size, size_t offset)
{
	struct fence_block *block = NULL;
	mt_lock_take(&fence_range.lock);
	uint32_t cell =
		fence_range.is_broken ? fence_range.cell_count : find_cells(cells);
	if (cell < fence_range.cell_count) {
		block = &fence_range.blocks[cell];
		for (uint32_t i = 0; i < cells; i++)
			atomic_store_explicit(&block[i].state, FENCE_NONE,
					      memory_order_relaxed);
		block->cells = cells;
		block->size = size;
		block->offset = (uint16_t)offset;
		block->allocated = block->freed = 0;
		block->entry = 0;
		block->birth = block->death = (uint16_t)inherited_generation;
		atomic_store_explicit(&block->state, FENCE_STUCK, memory_order_release);
		fence_range.next_cell = cell + cells;
		if (fence_range.top < cell + cells)
			fence_range.top = cell + cells;
	}
	mt_lock_give(&fence_range.lock);
	return block;
}

void fence_mend(struct fence_block *block)
{
	unsigned char *first = fence_cell_start(fence_cell_of(block));
	unsigned char *p = first + block->offset;
	__builtin_memset(first, FENCE_FILLER, block->offset);
	__builtin_memset(p + block->size, FENCE_FILLER,
			 fence_data_bytes(block) - block->offset - block->size);
}

void fence_record(struct thread *thread, struct fence_block *block, mt_traceback_id id,
		  enum api api)
{
	block->allocated = id;
	block->api = (uint8_t)api;
	block->birth = (uint16_t)inherited_generation;
	block->entry = mt_blocks_add(&thread->recorder, fence_start_of(block),
				     block->size, id, MT_BLOCK_GUARDED);
	thread->large_count++;
	thread->large_bytes += (int64_t)block->size;
	if (block->entry)
		mt_counters_alloc(&thread->recorder, id, block->size);
}

void fence_forget(struct thread *thread, struct fence_block *block)
{
	thread->large_count--;
	thread->large_bytes -= (int64_t)block->size;
	if (!fence_is_own(block)) {
		inherited_remove(block->size);
		return;
	}
	mt_traceback_id id =
		block->entry ? mt_blocks_remove(&thread->recorder, block->entry) : 0;
	if (id)
		mt_counters_free(&thread->recorder, id, block->size);
}

static bool replace_pages(unsigned char *first, size_t bytes, int protection, int flags)
{
	return mt_syscall_is_address(
		mt_syscall6(SYS_mmap, (long)first, (long)bytes, protection,
			    FENCE_MAPPING | MAP_FIXED | flags, -1, 0));
}

/*
 * A new mapping in place of the old one: the kernel joins it with its neighbours, so that
 * freed blocks take no mapping, which it does not once pages were written.
 */
static bool close_pages(unsigned char *first, size_t bytes)
{
	if (replace_pages(first, bytes, PROT_NONE, 0))
		return true;
	mt_syscall3(SYS_mprotect, (long)first, (long)bytes, PROT_NONE);
	return false;
}

/* Of a small block all pages are written to at once: present ones save it the faults. */
static bool open_pages(const struct fence_block *block, size_t bytes)
{
	uint32_t cell = fence_cell_of(block);
	unsigned char *first = fence_cell_start(cell);
	if (atomic_load_explicit(&fence_range.was_opened, memory_order_relaxed)) {
		/* And the fence of the block before, which is this one's too. */
		size_t before = cell ? MT_PAGE_BYTES : 0;
		size_t own = (size_t)block->cells * FENCE_CELL_BYTES;
		if (!close_pages(first - before, before + own))
			return false;
	}
	if (bytes <= MOST_PRESENT_BYTES)
		return replace_pages(first, bytes, PROT_READ | PROT_WRITE, MAP_POPULATE);
	return mt_pages_commit(first, bytes);
}

/* Its pages are accessible, and its surroundings filled. */
static struct fence_block *open_block(size_t size, size_t alignment)
{
	size_t taken = ((size ? size : 1) + alignment - 1) & -alignment;
	size_t bytes = mt_pages_round(taken);
	if (!take_budget(bytes))
		return NULL;
	uint32_t cells = (uint32_t)((bytes + MT_PAGE_BYTES + FENCE_CELL_BYTES - 1) /
				    FENCE_CELL_BYTES);
	struct fence_block *block = claim(cells, size, bytes - taken);
	if (block && open_pages(block, bytes)) {
		fence_mend(block);
		atomic_store_explicit(&block->state, FENCE_LIVE, memory_order_release);
		atomic_fetch_add_explicit(&mt_state.header->guarded_blocks, 1,
					  memory_order_relaxed);
		return block;
	}
	if (block) {
		atomic_store_explicit(&block->state, FENCE_NONE, memory_order_release);
		run_out_of_mappings();
	}
	mt_state_lose(block ? MT_LOSS_GUARD_MAPPINGS : MT_LOSS_GUARD_BUDGET);
	give_up_budget(bytes);
	return NULL;
}

struct fence_block *fence_place(struct thread *thread, size_t size, size_t alignment)
{
	if (!fence.bytes || !is_sampled(thread))
		return NULL;
	if (atomic_load_explicit(&fence_range.deferred, memory_order_relaxed))
		fence_drain(thread);
	if (alignment < FENCE_ALIGNMENT)
		alignment = FENCE_ALIGNMENT;
	if (size <= fence_range.budget_bytes && alignment <= MT_PAGE_BYTES)
		return open_block(size, alignment);
	mt_state_lose(MT_LOSS_GUARD_BUDGET);
	return NULL;
}

/* Only one thread comes to free a block; until it is done the cells are not used again. */
static bool take_from_live(struct fence_block *block)
{
	uint32_t seen = FENCE_LIVE;
	while (!atomic_compare_exchange_strong(&block->state, &seen, FENCE_STUCK)) {
		if (seen != FENCE_PINNED)
			return false;
		mt_syscall3(SYS_sched_yield, 0, 0, 0);
		seen = FENCE_LIVE;
	}
	return true;
}

static void finish_free(struct thread *thread, struct fence_block *block)
{
	size_t bytes = fence_data_bytes(block);
	fence_forget(thread, block);
	if (!close_pages(fence_cell_start(fence_cell_of(block)), bytes))
		return;
	give_up_budget(bytes);
	atomic_store_explicit(&block->state, FENCE_FREED, memory_order_release);
}

bool fence_free(struct thread *thread, struct fence_block *block, mt_traceback_id freed)
{
	if (!take_from_live(block))
		return false;
	block->freed = freed;
	block->death = (uint16_t)inherited_generation;
	finish_free(thread, block);
	return true;
}

bool fence_free_nested(struct fence_block *block)
{
	if (!take_from_live(block))
		return false;
	uint32_t cell = fence_cell_of(block);
	uint32_t seen = atomic_load_explicit(&fence_range.deferred, memory_order_relaxed);
	do {
		block->next = seen;
	} while (!atomic_compare_exchange_weak_explicit(&fence_range.deferred, &seen,
							cell + 1, memory_order_release,
							memory_order_relaxed));
	return true;
}

void fence_drain(struct thread *thread)
{
	uint32_t next =
		atomic_exchange_explicit(&fence_range.deferred, 0, memory_order_acquire);
	while (next) {
		struct fence_block *block = &fence_range.blocks[next - 1];
		next = block->next;
		finish_free(thread, block);
	}
}

bool fence_open(const void *address)
{
	uintptr_t page = (uintptr_t)address & -(uintptr_t)MT_PAGE_BYTES;
	atomic_store(&fence_range.was_opened, true);
	return mt_pages_commit((void *)page, MT_PAGE_BYTES);
}

/* The range now ends after the last live block. */
static void cut(uint32_t cells)
{
	size_t kept = mt_pages_round(cells * sizeof *fence_range.blocks);
	size_t table =
		mt_pages_round(fence_range.cell_count * sizeof *fence_range.blocks);
	mt_pages_unmap(fence_cell_start(cells),
		       fence.bytes - (size_t)cells * FENCE_CELL_BYTES);
	if (kept < table)
		mt_pages_unmap((char *)fence_range.blocks + kept, table - kept);
	fence.bytes = (size_t)cells * FENCE_CELL_BYTES;
	fence_range.cell_count = cells;
	if (fence_range.top > cells)
		fence_range.top = cells;
	if (fence_range.next_cell > cells)
		fence_range.next_cell = FENCE_FIRST_CELL;
	publish();
}

void fence_shrink(void)
{
	if (!fence.bytes)
		return;
	mt_lock_take(&fence_range.lock);
	uint32_t cells = LEAST_RANGE_BYTES / FENCE_CELL_BYTES;
	for (uint32_t i = 0; i < fence_range.cell_count; i++) {
		enum fence_state state = fence_state_of(&fence_range.blocks[i]);
		bool is_in_use = state == FENCE_LIVE || state == FENCE_STUCK;
		if (is_in_use && cells < i + fence_range.blocks[i].cells)
			cells = i + fence_range.blocks[i].cells;
	}
	if (cells < fence_range.cell_count)
		cut(cells);
	mt_lock_give(&fence_range.lock);
}

void fence_before_fork(void)
{
	mt_lock_take(&fence_range.lock);
}

void fence_after_fork(void)
{
	mt_lock_give(&fence_range.lock);
}

void fence_reopen_after_fork(void)
{
	if (mt_lock_is_held(&fence_range.lock))
		fence_range.is_broken = true;
	fence_range.lock = (struct mt_lock){0};
	publish();
}
