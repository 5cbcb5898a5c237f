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
uint32_t mt_counters_open_chunk(struct mt_recorder *recorder, mt_traceback_id id);
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

/* Index of id's counter and peak; 0 when there is no room for it (counted). */
static inline uint32_t mt_counters_index(struct mt_recorder *recorder, mt_traceback_id id)
{
	uint32_t chunk = recorder->directory[id / MT_COUNTERS_PER_CHUNK];
	if (__builtin_expect(!chunk, 0)) {
		chunk = mt_counters_open_chunk(recorder, id);
		if (!chunk)
			return 0;
	}
	return chunk * MT_COUNTERS_PER_CHUNK + id % MT_COUNTERS_PER_CHUNK;
}

/* About to change: keep the values of the peak, if this is the first change since. */
static inline struct mt_state_counter *mt_counters_touch(uint32_t index)
{
	struct mt_state_counter *counter = &mt_state.counters[index];
	uint32_t epoch = atomic_load_explicit(&mt_state.header->totals.peak_epoch,
					      memory_order_relaxed);
	if (counter->epoch != epoch) {
		struct mt_state_peak *peak = &mt_state.peaks[index];
		peak->bytes = (int64_t)(counter->alloc_bytes - counter->free_bytes);
		peak->count = (int32_t)(counter->alloc_count - counter->free_count);
		__atomic_store_n(&counter->epoch, epoch, __ATOMIC_RELEASE);
	}
	return counter;
}

/* id 0 is not counted: a block without a record. */
static inline void mt_counters_alloc(struct mt_recorder *recorder, mt_traceback_id id,
				     size_t size)
{
	uint32_t index = id ? mt_counters_index(recorder, id) : 0;
	if (__builtin_expect(!index, 0))
		return;
	/* Nothing is no new highest total: the peak is as it was before this block. */
	if (__builtin_expect(!size, 0))
		mt_counters_fall(recorder);
	struct mt_state_counter *counter = mt_counters_touch(index);
	counter->alloc_bytes += size;
	if (__builtin_expect(++counter->alloc_count == 0, 0))
		mt_counters_carry(&mt_state.peaks[index].alloc_count_high);
	int64_t delta = recorder->shared->delta_bytes + (int64_t)size;
	__atomic_store_n(&recorder->shared->delta_bytes, delta, __ATOMIC_RELAXED);
	if (__builtin_expect(delta > recorder->delta_high, 0))
		mt_counters_rise(recorder);
}

static inline void mt_counters_free(struct mt_recorder *recorder, mt_traceback_id id,
				    size_t size)
{
	uint32_t index = id ? mt_counters_index(recorder, id) : 0;
	if (__builtin_expect(!index, 0))
		return;
	/* Before the counter is touched: this may be the end of the epoch. */
	if (__builtin_expect(recorder->shared->delta_bytes - (int64_t)size <
				     recorder->delta_low,
			     0))
		mt_counters_fall(recorder);
	struct mt_state_counter *counter = mt_counters_touch(index);
	counter->free_bytes += size;
	if (__builtin_expect(++counter->free_count == 0, 0))
		mt_counters_carry(&mt_state.peaks[index].free_count_high);
	__atomic_store_n(&recorder->shared->delta_bytes,
			 recorder->shared->delta_bytes - (int64_t)size, __ATOMIC_RELAXED);
}

/*
 * The same in two steps, for events that need no slow half: the counter, or NULL where
 * this one does; then the count, which cannot fail. id and size are not 0.
 */
static inline struct mt_state_counter *
mt_counters_current(const struct mt_recorder *recorder, mt_traceback_id id)
{
	uint32_t chunk = recorder->directory[id / MT_COUNTERS_PER_CHUNK];
	struct mt_state_counter *counter =
		&mt_state.counters[(size_t)chunk * MT_COUNTERS_PER_CHUNK +
				   id % MT_COUNTERS_PER_CHUNK];
	uint32_t epoch = atomic_load_explicit(&mt_state.header->totals.peak_epoch,
					      memory_order_relaxed);
	return chunk && counter->epoch == epoch ? counter : NULL;
}

static inline struct mt_state_counter *
mt_counters_ready_to_alloc(const struct mt_recorder *recorder, mt_traceback_id id,
			   size_t size)
{
	struct mt_state_counter *counter = mt_counters_current(recorder, id);
	bool is_ready =
		counter && counter->alloc_count != UINT32_MAX &&
		recorder->shared->delta_bytes + (int64_t)size <= recorder->delta_high;
	return __builtin_expect(is_ready, 1) ? counter : NULL;
}

static inline struct mt_state_counter *
mt_counters_ready_to_free(const struct mt_recorder *recorder, mt_traceback_id id,
			  size_t size)
{
	struct mt_state_counter *counter = mt_counters_current(recorder, id);
	bool is_ready =
		counter && counter->free_count != UINT32_MAX &&
		recorder->shared->delta_bytes - (int64_t)size >= recorder->delta_low;
	return __builtin_expect(is_ready, 1) ? counter : NULL;
}

static inline void mt_counters_count_alloc(struct mt_recorder *recorder,
					   struct mt_state_counter *counter, size_t size)
{
	counter->alloc_bytes += size;
	counter->alloc_count++;
	__atomic_store_n(&recorder->shared->delta_bytes,
			 recorder->shared->delta_bytes + (int64_t)size, __ATOMIC_RELAXED);
}

static inline void mt_counters_count_free(struct mt_recorder *recorder,
					  struct mt_state_counter *counter, size_t size)
{
	counter->free_bytes += size;
	counter->free_count++;
	__atomic_store_n(&recorder->shared->delta_bytes,
			 recorder->shared->delta_bytes - (int64_t)size, __ATOMIC_RELAXED);
}

#endif
