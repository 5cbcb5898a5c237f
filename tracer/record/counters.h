/*
 * counters.h - how much each traceback allocated and freed, per thread; the live total
 * and its peak.
 * Inside the traced process, under the guard. Counters belong to a thread slot and are
 * written by the thread in it only.
 *
 * The total is the header's live_bytes plus every slot's delta_bytes. With one thread
 * the peak is exact. Two states alternate: at the peak, where every allocation makes a new
 * highest total and nothing needs to be compared, until a free ends the epoch; and
 * below it, until an allocation exceeds the highest total. delta_low and delta_high are
 * the bounds that end either state. With more threads, they bound what a thread keeps to
 * itself, MT_FLUSH_BYTES either way.
 */
#ifndef MT_TRACER_RECORD_COUNTERS_H
#define MT_TRACER_RECORD_COUNTERS_H

#include "tracer/record/recorder.h"
#include "tracer/record/state.h"

enum {
	MT_FLUSH_BYTES = 64 << 10,
};

/* Highest and current total, as far as the threads have told: see the bound. */
struct mt_totals {
	int64_t live_bytes;
	int64_t peak_bytes;
};

/* The slow halves of the functions below. */
struct mt_state_counter *mt_counters_open_chunk(struct mt_recorder *recorder,
						mt_traceback_id id);
void mt_counters_rise(struct mt_recorder *recorder);
void mt_counters_fall(struct mt_recorder *recorder);
void mt_counters_carry(uint16_t *high);

/* A thread's bounds; the first thread of a process counts exactly until another comes. */
void mt_counters_attach(struct mt_recorder *recorder);

/* Tell the total what this thread kept to itself. With a single thread: nothing. */
void mt_counters_flush(struct mt_recorder *recorder);

/* In a forked child or when the counters were cleared: one thread, nothing counted. */
void mt_counters_restart(struct mt_recorder *recorder);

struct mt_totals mt_counters_totals(void);

/* Make the present total the peak: memtrace_reset_peak. All threads stand still. */
void mt_counters_reset_peak(void);

/* id's counter; NULL when there is no room for it (counted). */
static inline struct mt_state_counter *mt_counters_at(struct mt_recorder *recorder,
						      mt_traceback_id id)
{
	struct mt_state_counter *chunk = recorder->directory[id / MT_COUNTERS_PER_CHUNK];
	if (__builtin_expect(!chunk, 0)) {
		chunk = mt_counters_open_chunk(recorder, id);
		if (!chunk)
			return NULL;
	}
	return chunk + id % MT_COUNTERS_PER_CHUNK;
}

/* The same for an id that is not 0: NULL unless this thread has used one near it. */
static inline struct mt_state_counter *
mt_counters_in_use(const struct mt_recorder *recorder, mt_traceback_id id)
{
	struct mt_state_counter *chunk = recorder->directory[id / MT_COUNTERS_PER_CHUNK];
	return __builtin_expect(chunk != NULL, 1) ? chunk + id % MT_COUNTERS_PER_CHUNK
						  : NULL;
}

/* Of any id: NULL for 0 too. */
static inline struct mt_state_counter *
mt_counters_known(const struct mt_recorder *recorder, mt_traceback_id id)
{
	return __builtin_expect(id, 1) ? mt_counters_in_use(recorder, id) : NULL;
}

static inline struct mt_state_peak *
mt_counters_peak(const struct mt_state_counter *counter)
{
	return &mt_state.peaks[counter - mt_state.counters];
}

static inline uint32_t mt_counters_epoch(void)
{
	return atomic_load_explicit(&mt_state.header->totals.peak_epoch,
				    memory_order_relaxed);
}

/* About to change: keep the values of the peak, if this is the first change since. */
static inline void mt_counters_touch(struct mt_state_counter *counter)
{
	uint32_t epoch = mt_counters_epoch();
	if (counter->epoch == epoch)
		return;
	struct mt_state_peak *peak = mt_counters_peak(counter);
	peak->bytes = (int64_t)(counter->alloc_bytes - counter->free_bytes);
	peak->count = (int32_t)(counter->alloc_count - counter->free_count);
	__atomic_store_n(&counter->epoch, epoch, __ATOMIC_RELEASE);
}

/* id 0 is not counted: a block without a record. */
static inline void mt_counters_alloc(struct mt_recorder *recorder, mt_traceback_id id,
				     size_t size)
{
	struct mt_state_counter *counter = id ? mt_counters_at(recorder, id) : NULL;
	if (__builtin_expect(!counter, 0))
		return;
	/* Nothing is no new highest total: the peak is as it was before this block. */
	if (__builtin_expect(!size, 0))
		mt_counters_fall(recorder);
	mt_counters_touch(counter);
	counter->alloc_bytes += size;
	if (__builtin_expect(++counter->alloc_count == 0, 0))
		mt_counters_carry(&mt_counters_peak(counter)->alloc_count_high);
	int64_t delta = recorder->shared->delta_bytes + (int64_t)size;
	__atomic_store_n(&recorder->shared->delta_bytes, delta, __ATOMIC_RELAXED);
	if (__builtin_expect(delta > recorder->delta_high, 0))
		mt_counters_rise(recorder);
}

static inline void mt_counters_free(struct mt_recorder *recorder, mt_traceback_id id,
				    size_t size)
{
	struct mt_state_counter *counter = id ? mt_counters_at(recorder, id) : NULL;
	if (__builtin_expect(!counter, 0))
		return;
	/* Before the counter is touched: this may be the end of the epoch. */
	if (__builtin_expect(recorder->shared->delta_bytes - (int64_t)size <
				     recorder->delta_low,
			     0))
		mt_counters_fall(recorder);
	mt_counters_touch(counter);
	counter->free_bytes += size;
	if (__builtin_expect(++counter->free_count == 0, 0))
		mt_counters_carry(&mt_counters_peak(counter)->free_count_high);
	__atomic_store_n(&recorder->shared->delta_bytes,
			 recorder->shared->delta_bytes - (int64_t)size, __ATOMIC_RELAXED);
}

/*
 * The same in steps, for events that need no slow half: whether this one does not, in two, and
 * then the count, which cannot fail. size is not 0. *delta is for the last step.
 */
static inline bool mt_counters_can_count_alloc(const struct mt_state_counter *counter)
{
	return counter->epoch == mt_counters_epoch() &&
	       counter->alloc_count != UINT32_MAX;
}

static inline bool mt_counters_can_count_free(const struct mt_state_counter *counter)
{
	return counter->epoch == mt_counters_epoch() && counter->free_count != UINT32_MAX;
}

static inline bool mt_counters_can_alloc(const struct mt_recorder *recorder, size_t size,
					 int64_t *delta)
{
	*delta = recorder->shared->delta_bytes + (int64_t)size;
	return *delta <= recorder->delta_high;
}

static inline bool mt_counters_can_free(const struct mt_recorder *recorder, size_t size,
					int64_t *delta)
{
	*delta = recorder->shared->delta_bytes - (int64_t)size;
	return *delta >= recorder->delta_low;
}

static inline void mt_counters_count_alloc(struct mt_recorder *recorder,
					   struct mt_state_counter *counter, size_t size,
					   int64_t delta)
{
	counter->alloc_bytes += size;
	counter->alloc_count++;
	__atomic_store_n(&recorder->shared->delta_bytes, delta, __ATOMIC_RELAXED);
}

static inline void mt_counters_count_free(struct mt_recorder *recorder,
					  struct mt_state_counter *counter, size_t size,
					  int64_t delta)
{
	counter->free_bytes += size;
	counter->free_count++;
	__atomic_store_n(&recorder->shared->delta_bytes, delta, __ATOMIC_RELAXED);
}

#endif
