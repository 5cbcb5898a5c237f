// inside: tracer/record/unwind.c tracer/record/near.c tracer/record/predict.c tracer/record/stack.c tracer/record/registers.c tracer/record/rules.c tracer/record/cfi.c tracer/record/modules.c tracer/record/tracebacks.c tracer/record/counters.c tracer/record/recorder.c
/*
 * Counters and peak against a naive model. MT_SEED repeats a run.
 */
#include "tests/tap.h"

#include "tests/record.h"

#include <pthread.h>
#include <time.h>

enum {
	IDS = 400,
	THREADS = 4,
};

struct model {
	int64_t live[IDS], count[IDS], peak[IDS], peak_count[IDS];
	uint64_t allocs[IDS], bytes[IDS];
	int64_t total, highest;
};

static struct mt_recorder recorder;
static struct model model;
static uint64_t state_of_random;

static uint32_t pick(uint32_t n)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(state_of_random >> 33) % n;
}

static void prepare(void)
{
	const char *text = getenv("MT_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	state_of_random = seed * 2 + 1;
	printf("# MT_SEED=%" PRIu64 "\n", seed);
	test_state_open(1 << 16, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
}

static void model_alloc(uint32_t id, size_t size)
{
	model.allocs[id]++;
	model.bytes[id] += size;
	model.live[id] += (int64_t)size;
	model.count[id]++;
	model.total += (int64_t)size;
	if (model.total <= model.highest)
		return;
	model.highest = model.total;
	memcpy(model.peak, model.live, sizeof(model.live));
	memcpy(model.peak_count, model.count, sizeof(model.count));
}

static void model_free(uint32_t id, size_t size)
{
	model.live[id] -= (int64_t)size;
	model.count[id]--;
	model.total -= (int64_t)size;
}

/* What the collector makes of the recorder's counter for id. */
static void compare(struct mt_recorder *of, uint32_t id)
{
	if (!of->directory[id / MT_COUNTERS_PER_CHUNK]) {
		is_int(model.allocs[id], 0);
		return;
	}
	const struct mt_state_counter *counter = mt_counters_at(of, id);
	const struct mt_state_peak *peak = mt_counters_peak(counter);
	bool is_saved = counter->epoch == mt_state.header->totals.peak_epoch &&
			!mt_state.header->totals.at_peak;
	int64_t live = (int64_t)(counter->alloc_bytes - counter->free_bytes);
	int64_t count = (int32_t)(counter->alloc_count - counter->free_count);
	is_int(live, model.live[id]);
	is_int(count, model.count[id]);
	is_int(is_saved ? peak->bytes : live, model.peak[id]);
	is_int(is_saved ? peak->count : count, model.peak_count[id]);
	is_int(counter->alloc_bytes, model.bytes[id]);
	is_int(((uint64_t)peak->alloc_count_high << 32) + counter->alloc_count,
	       model.allocs[id]);
}

static void compare_all(void)
{
	struct mt_totals totals = mt_counters_totals();
	is_int(totals.live_bytes, model.total);
	is_int(totals.peak_bytes, model.highest);
	for (uint32_t id = 1; id < IDS; id++)
		compare(&recorder, id);
}

/* One allocation or free, by the recorder and by the model. */
static void act(void)
{
	static struct {
		uint32_t id;
		size_t size;
	} blocks[4096];
	static uint32_t count;
	static bool is_growing = true;
	if (!pick(500))
		is_growing = pick(2);
	bool is_alloc = !count || (count < 4096 && pick(100) < (is_growing ? 60u : 42u));
	if (is_alloc) {
		uint32_t id = 1 + pick(IDS - 1) % (1 + pick(IDS - 1));
		size_t size = pick(4) ? pick(200) : pick(100000);
		blocks[count].id = id;
		blocks[count++].size = size;
		mt_counters_alloc(&recorder, id, size);
		model_alloc(id, size);
		return;
	}
	uint32_t i = pick(count);
	mt_counters_free(&recorder, blocks[i].id, blocks[i].size);
	model_free(blocks[i].id, blocks[i].size);
	blocks[i] = blocks[--count];
}

TEST(one_thread_is_exact_at_every_moment)
{
	prepare();
	for (int i = 0; i < 400000; i++) {
		act();
		if (i % 997 == 0)
			compare_all();
	}
	compare_all();
}

TEST(an_epoch_that_wraps_changes_nothing)
{
	prepare();
	for (int i = 0; i < 1000; i++)
		act();
	/* As if there had been that many peaks: whatever was saved is in this epoch. */
	uint32_t epoch = mt_state.header->totals.peak_epoch;
	uint32_t last = UINT32_MAX - 3;
	for (uint32_t id = 1; id < IDS; id++) {
		if (!recorder.directory[id / MT_COUNTERS_PER_CHUNK])
			continue;
		struct mt_state_counter *counter = mt_counters_at(&recorder, id);
		counter->epoch += last - epoch;
	}
	mt_state.header->totals.peak_epoch = last;
	for (int i = 0; i < 20000; i++) {
		act();
		if (i % 97 == 0)
			compare_all();
	}
	ok(mt_state.header->totals.peak_epoch < last);
}

TEST(counts_carry_beyond_32_bits)
{
	prepare();
	mt_counters_alloc(&recorder, 7, 10);
	struct mt_state_counter *counter = mt_counters_at(&recorder, 7);
	counter->alloc_count = counter->free_count = UINT32_MAX;
	mt_counters_alloc(&recorder, 7, 10);
	mt_counters_free(&recorder, 7, 10);
	const struct mt_state_peak *peak = mt_counters_peak(counter);
	is_int(peak->alloc_count_high, 1);
	is_int(peak->free_count_high, 1);
	is_int(counter->alloc_count, 0);
}

TEST(no_room_for_counters_is_counted_and_nothing_else)
{
	prepare();
	mt_state.max_chunks = 2;
	mt_counters_alloc(&recorder, 1, 100);
	mt_counters_alloc(&recorder, 100, 100);
	mt_counters_free(&recorder, 100, 100);
	is_int(mt_counters_totals().live_bytes, 100);
	is_int(mt_state.header->losses[MT_LOSS_COUNTERS_FULL], 2);
}

TEST(the_peak_begins_anew_when_it_is_reset)
{
	prepare();
	mt_counters_alloc(&recorder, 1, 1000);
	mt_counters_free(&recorder, 1, 1000);
	mt_counters_alloc(&recorder, 2, 10);
	mt_counters_reset_peak();
	is_int(mt_counters_totals().peak_bytes, 10);
	mt_counters_alloc(&recorder, 2, 20);
	mt_counters_free(&recorder, 2, 10);
	is_int(mt_counters_totals().peak_bytes, 30);
}

static void *sleep_until_told(void *data)
{
	pthread_barrier_t *barriers = data;
	pthread_barrier_wait(&barriers[0]);
	pthread_barrier_wait(&barriers[1]);
	return NULL;
}

/* The first thread holds much, sleeps, and another one makes the peak. */
TEST(a_sleeping_first_thread_is_part_of_the_peak)
{
	prepare();
	static pthread_barrier_t barriers[2];
	pthread_barrier_init(&barriers[0], NULL, 2);
	pthread_barrier_init(&barriers[1], NULL, 2);
	mt_counters_alloc(&recorder, 1, 1 << 30);
	struct mt_recorder second;
	pthread_t thread;
	pthread_create(&thread, NULL, sleep_until_told, barriers);
	pthread_barrier_wait(&barriers[0]);
	test_recorder_open(&second);
	for (int i = 0; i < 100; i++)
		mt_counters_alloc(&second, 2, 1 << 20);
	struct mt_totals totals = mt_counters_totals();
	is_int(totals.live_bytes, (1 << 30) + (100 << 20));
	ok(llabs(totals.peak_bytes - totals.live_bytes) <= 2 * MT_FLUSH_BYTES);
	for (int i = 0; i < 100; i++)
		mt_counters_free(&second, 2, 1 << 20);
	/* Its next event tells the total at last; nothing is counted twice. */
	mt_counters_free(&recorder, 1, 1 << 30);
	mt_counters_flush(&recorder);
	mt_counters_flush(&second);
	totals = mt_counters_totals();
	is_int(totals.live_bytes, 0);
	ok(llabs(totals.peak_bytes - (1 << 30) - (100 << 20)) <= 2 * MT_FLUSH_BYTES);
	pthread_barrier_wait(&barriers[1]);
	pthread_join(thread, NULL);
}

static void *count_in_thread(void *data)
{
	struct mt_recorder *own = data;
	test_recorder_open(own);
	for (int i = 0; i < 300000; i++) {
		mt_counters_alloc(own, 1 + (uint32_t)i % 100, 64);
		if (i % 3)
			mt_counters_free(own, 1 + (uint32_t)i % 100, 64);
	}
	mt_recorder_close(own);
	return NULL;
}

TEST(threads_add_up)
{
	prepare();
	static struct mt_recorder recorders[THREADS];
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count_in_thread, &recorders[i]);
	for (int i = 0; i < 100000; i++)
		mt_counters_alloc(&recorder, 1, 16);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	int64_t expected = THREADS * 100000 * 64 + 100000 * 16;
	is_int(mt_counters_totals().live_bytes, expected);
	ok(llabs(mt_counters_totals().peak_bytes - expected) <=
	   (THREADS + 1) * MT_FLUSH_BYTES);
	mt_counters_flush(&recorder);
	is_int(mt_state.header->totals.live_bytes, expected);
}

TAP_MAIN()
