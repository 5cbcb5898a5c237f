/*
 * counters.c - chunks of counters, and the peak of the total.
 * Inside the traced process, under the guard.
 *
 * The one place where a thread writes to another's recorder is the moment at which a
 * process gets its second thread: the first one, which counted exactly and never told
 * the total, may sleep for ever. What it holds is then noted in `untold`, and its bounds are
 * set so that its next event flushes. Both sides write in such an order, with fences
 * between, that whoever comes last leaves the bounds that make the first thread flush.
 */
#include "tracer/record/counters.h"

#include "tracer/record/pages.h"

static struct {
	struct mt_recorder *first; /* counts exactly while it is the only one */
	_Atomic bool is_shared;    /* there have been several */
	_Atomic int64_t untold;    /* bytes that the first has still to flush */
} counting;

static int64_t load_bytes(_Atomic int64_t *bytes)
{
	return atomic_load_explicit(bytes, memory_order_relaxed);
}

static void set_bounds(struct mt_recorder *recorder, int64_t low, int64_t high)
{
	__atomic_store_n(&recorder->delta_low, low, __ATOMIC_RELAXED);
	__atomic_store_n(&recorder->delta_high, high, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
}

enum {
	CHUNKS_STRIDE = 8,
};

/* The chunk's pages and those of some that follow, unless that was done. */
static void make_present(uint32_t chunk)
{
	uint32_t first = chunk == 1 ? 0 : chunk;
	uint32_t stride = mt_pages_stride(first, CHUNKS_STRIDE);
	if (!stride || stride > mt_state.max_chunks - first)
		return;
	size_t from = (size_t)first * MT_COUNTERS_PER_CHUNK;
	size_t count = (size_t)stride * MT_COUNTERS_PER_CHUNK;
	mt_pages_populate(&mt_state.counters[from], count * sizeof *mt_state.counters);
	mt_pages_populate(&mt_state.peaks[from], count * sizeof *mt_state.peaks);
}

struct mt_state_counter *mt_counters_open_chunk(struct mt_recorder *recorder,
						mt_traceback_id id)
{
	_Atomic uint32_t *used = &mt_state.header->used.chunks;
	uint32_t chunk = atomic_load_explicit(used, memory_order_relaxed);
	do {
		if (chunk >= mt_state.max_chunks) {
			mt_state_lose(MT_LOSS_COUNTERS_FULL);
			return NULL;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		used, &chunk, chunk + 1, memory_order_relaxed, memory_order_relaxed));
	make_present(chunk);
	mt_state.chunks[chunk].first = id - id % MT_COUNTERS_PER_CHUNK;
	__atomic_store_n(&mt_state.chunks[chunk].slot_plus_one, recorder->slot + 1,
			 __ATOMIC_RELEASE);
	struct mt_state_counter *counters =
		&mt_state.counters[(size_t)chunk * MT_COUNTERS_PER_CHUNK];
	recorder->directory[id / MT_COUNTERS_PER_CHUNK] = counters;
	return counters;
}

void mt_counters_carry(uint16_t *high)
{
	__atomic_store_n(high, (uint16_t)(*high + 1), __ATOMIC_RELAXED);
}

/* After this, every counter's live values are those of the peak until it is touched. */
static void begin_epoch(void)
{
	_Atomic uint32_t *epoch = &mt_state.header->totals.peak_epoch;
	if (atomic_fetch_add_explicit(epoch, 1, memory_order_relaxed) != UINT32_MAX)
		return;
	uint32_t chunks =
		atomic_load_explicit(&mt_state.header->used.chunks, memory_order_relaxed);
	for (uint32_t i = 0; i < chunks * MT_COUNTERS_PER_CHUNK; i++)
		__atomic_store_n(&mt_state.counters[i].epoch, 0, __ATOMIC_RELAXED);
	atomic_store_explicit(epoch, 1, memory_order_release);
}

static void raise_peak(int64_t live)
{
	_Atomic int64_t *peak = &mt_state.header->totals.peak_bytes;
	int64_t highest = load_bytes(peak);
	while (live > highest &&
	       !atomic_compare_exchange_weak_explicit(
		       peak, &highest, live, memory_order_relaxed, memory_order_relaxed))
		;
}

static bool is_at_peak(void)
{
	return atomic_load_explicit(&mt_state.header->totals.at_peak,
				    memory_order_relaxed);
}

static void set_at_peak(uint32_t at_peak)
{
	atomic_store_explicit(&mt_state.header->totals.at_peak, at_peak,
			      memory_order_release);
}

static void flush_shared(struct mt_recorder *recorder)
{
	set_bounds(recorder, -MT_FLUSH_BYTES, MT_FLUSH_BYTES);
	if (recorder == counting.first)
		atomic_store_explicit(&counting.untold, 0, memory_order_relaxed);
	int64_t delta = recorder->shared->delta_bytes;
	__atomic_store_n(&recorder->shared->delta_bytes, 0, __ATOMIC_RELAXED);
	int64_t told = atomic_fetch_add_explicit(&mt_state.header->totals.live_bytes,
						 delta, memory_order_relaxed);
	int64_t live = told + delta + load_bytes(&counting.untold);
	if (live > load_bytes(&mt_state.header->totals.peak_bytes)) {
		raise_peak(live);
		set_at_peak(1);
	} else if (delta < 0 && is_at_peak()) {
		begin_epoch();
		set_at_peak(0);
	}
}

/* The total with the only thread's delta. */
static int64_t exact_total(const struct mt_recorder *recorder)
{
	return load_bytes(&mt_state.header->totals.live_bytes) +
	       recorder->shared->delta_bytes;
}

/* Below the peak, until delta exceeds what it was there. */
static void set_bounds_below_peak(struct mt_recorder *recorder)
{
	set_bounds(recorder, INT64_MIN,
		   load_bytes(&mt_state.header->totals.peak_bytes) -
			   load_bytes(&mt_state.header->totals.live_bytes));
}

void mt_counters_rise(struct mt_recorder *recorder)
{
	if (!counting.is_shared) {
		set_at_peak(1);
		set_bounds(recorder, INT64_MAX, INT64_MAX);
	}
	if (counting.is_shared)
		flush_shared(recorder);
}

void mt_counters_fall(struct mt_recorder *recorder)
{
	if (!counting.is_shared && is_at_peak()) {
		begin_epoch();
		raise_peak(exact_total(recorder));
		set_at_peak(0);
		set_bounds_below_peak(recorder);
	}
	if (counting.is_shared)
		flush_shared(recorder);
}

/* A second thread is there: note what the first has, and make it flush. */
static void end_exact_counting(void)
{
	struct mt_recorder *first = counting.first;
	atomic_thread_fence(memory_order_seq_cst);
	int64_t delta = __atomic_load_n(&first->shared->delta_bytes, __ATOMIC_RELAXED);
	if (is_at_peak())
		raise_peak(load_bytes(&mt_state.header->totals.live_bytes) + delta);
	atomic_store_explicit(&counting.untold, delta, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	set_bounds(first, INT64_MAX, INT64_MIN);
}

void mt_counters_attach(struct mt_recorder *recorder)
{
	uint32_t threads = atomic_load_explicit(&mt_state.header->totals.threads_ever,
						memory_order_relaxed);
	if (!counting.first && threads <= 1) {
		counting.first = recorder;
		set_bounds_below_peak(recorder);
		return;
	}
	if (!atomic_exchange(&counting.is_shared, true) && counting.first)
		end_exact_counting();
	set_bounds(recorder, -MT_FLUSH_BYTES, MT_FLUSH_BYTES);
	uint64_t bound =
		(uint64_t)MT_FLUSH_BYTES *
		atomic_load_explicit(&mt_state.header->used.slots, memory_order_relaxed);
	atomic_store_explicit(&mt_state.header->totals.peak_bound_bytes, bound,
			      memory_order_relaxed);
}

void mt_counters_flush(struct mt_recorder *recorder)
{
	if (counting.is_shared)
		flush_shared(recorder);
}

void mt_counters_restart(struct mt_recorder *recorder)
{
	counting.first = NULL;
	atomic_store(&counting.is_shared, false);
	atomic_store(&counting.untold, 0);
	mt_counters_attach(recorder);
}

struct mt_totals mt_counters_totals(void)
{
	uint32_t slots =
		atomic_load_explicit(&mt_state.header->used.slots, memory_order_relaxed);
	struct mt_totals totals = {
		.live_bytes = load_bytes(&mt_state.header->totals.live_bytes),
		.peak_bytes = load_bytes(&mt_state.header->totals.peak_bytes),
	};
	for (uint32_t i = 0; i < slots; i++)
		totals.live_bytes += __atomic_load_n(&mt_state.threads[i].delta_bytes,
						     __ATOMIC_RELAXED);
	if (totals.live_bytes > totals.peak_bytes)
		totals.peak_bytes = totals.live_bytes;
	return totals;
}

void mt_counters_reset_peak(void)
{
	int64_t live = mt_counters_totals().live_bytes;
	begin_epoch();
	atomic_store_explicit(&mt_state.header->totals.peak_bytes, live,
			      memory_order_relaxed);
	set_at_peak(0);
	if (counting.first && !counting.is_shared)
		set_bounds_below_peak(counting.first);
}
