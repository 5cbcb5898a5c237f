// inside: tracer/record/unwind.c tracer/record/near.c tracer/record/predict.c tracer/record/stack.c tracer/record/registers.c tracer/record/rules.c tracer/record/cfi.c tracer/record/modules.c tracer/record/tracebacks.c tracer/record/counters.c tracer/record/recorder.c
/*
 * The traceback of an event, compared with libunwind's.
 */
#define UNW_LOCAL_ONLY
#include "tests/tap.h"

#include "tests/record.h"

#include <libunwind.h>

static struct mt_recorder recorder;

/* Frames of the caller outward; the door's own frame is left out. */
__attribute__((noinline)) static int oracle(uintptr_t *frames, int n)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_getcontext(&context);
	unw_init_local(&cursor, &context);
	int count = -2; /* this function and the door */
	do {
		unw_word_t pc;
		unw_get_reg(&cursor, UNW_REG_IP, &pc);
		if (!pc)
			break;
		if (count >= 0 && count < n)
			frames[count] = pc;
		count++;
	} while (unw_step(&cursor) > 0);
	return count;
}

__attribute__((noinline)) static mt_traceback_id door(void)
{
	struct mt_caller caller = MT_CALLER();
	mt_traceback_id id = mt_unwind_traceback(&recorder, caller);
	uintptr_t expected[256], frames[256];
	int n = oracle(expected, 256);
	int got = mt_recorder_frames(id, frames, 256);
	is_int(got, n);
	for (int i = 0; i < n && i < got; i++)
		is_int(frames[i], expected[i]);
	return id;
}

TEST(first_event_has_the_frames_of_the_oracle)
{
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	volatile int count = 4; /* one call site, not four */
	for (int i = 0; i < count; i++)
		ok(door());
	is_int(recorder.shared->walks, 1);
}

/* sub $8, %rsp; call *%rdi; add $8, %rsp; ret */
static const uint8_t made_at_run_time[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd7,
					   0x48, 0x83, 0xc4, 0x08, 0xc3};
static mt_traceback_id last_id;
static const uintptr_t *last_slot;

__attribute__((noinline)) static void event_without_oracle(void)
{
	struct mt_caller caller = MT_CALLER();
	last_id = mt_unwind_traceback(&recorder, caller);
	last_slot = caller.slot;
}

static void descend(uint32_t path, int left);

__attribute__((noinline)) static void descend_otherwise(uint32_t path, int left)
{
	descend(path, left);
	__asm__ volatile("");
}

/* Twice as many stacks at each depth. */
__attribute__((noinline)) static void descend(uint32_t path, int left)
{
	if (!left)
		event_without_oracle();
	else if (path & 1)
		descend(path >> 1, left - 1);
	else
		descend_otherwise(path >> 1, left - 1);
	__asm__ volatile("");
}

TEST(stacks_that_alternate_are_walked_until_one_stays)
{
	enum {
		DEPTH = 12,
		EVENTS = 20000,
		STAYS = 0x5a5,
	};
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	const struct mt_unwinder *u = recorder.unwinder;
	mt_traceback_id ids[1 << DEPTH] = {0};
	uint32_t differing = 0, spared = 0, random = 1;
	uint64_t walks = 0;
	for (int i = 0; i < EVENTS + 10 * MT_SPARED; i++) {
		random = random * 1664525 + 1013904223;
		uint32_t path = i < EVENTS ? random >> (32 - DEPTH) : STAYS;
		__asm__("" : "+r"(i)); /* one loop, and one call site in it */
		descend(path, DEPTH);
		differing += ids[path] && ids[path] != last_id;
		ids[path] = last_id;
		if (i < EVENTS) {
			spared += mt_unwind_is_spared(u, mt_unwind_find(u, last_slot));
			walks = recorder.shared->walks;
		}
	}
	is_int(differing, 0);
	ok(spared > EVENTS / 2);
	ok(walks > EVENTS * 9 / 10);
	ok(recorder.shared->walks - walks < (MT_MOST_SIGNS + 1) * MT_SPARED);
}

/* The same two return addresses, as far in as asked. */
__attribute__((noinline)) static void event_below(size_t bytes)
{
	volatile char *room = alloca(bytes);
	room[0] = 0;
	event_without_oracle();
	__asm__ volatile("");
}

/* Many of them meet in the places of their predictions, two by two or more. */
TEST(events_that_take_turns_are_all_predicted)
{
	enum {
		EVENTS = 128,
		ROUNDS = 2000
	};
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	uint64_t walks = 0;
	for (int i = 0; i < EVENTS * ROUNDS; i++) {
		__asm__("" : "+r"(i)); /* one call site */
		event_below(16 + (size_t)(i % EVENTS) * 48);
		if (i == EVENTS * ROUNDS / 2)
			walks = recorder.shared->walks;
	}
	ok(recorder.shared->walks - walks < EVENTS * ROUNDS / 2 / 8);
}

__attribute__((noinline)) static void event_below_otherwise(size_t bytes)
{
	event_below(bytes);
	__asm__ volatile("");
}

__attribute__((noinline)) static void event_below_again(size_t bytes)
{
	event_below(bytes);
	__asm__ volatile("");
}

/* Where the signs of the event so far in are. */
static const mt_sign *signs_below(size_t bytes)
{
	event_below_otherwise(bytes);
	return mt_unwind_signs(recorder.unwinder, mt_unwind_mix(*last_slot, last_slot));
}

/* So far in is the next event after that one whose signs are where this one has its own. */
static size_t next_that_meets(size_t bytes, size_t after)
{
	const mt_sign *wanted = signs_below(bytes);
	do
		after += 48;
	while (signs_below(after) != wanted);
	return after;
}

/* Two stacks each at two events. Whether all four come to be predicted. */
static bool are_followed(size_t first, size_t second)
{
	enum {
		EVENTS = 2000
	};
	uint64_t walks = 0;
	for (int i = 0; i < EVENTS; i++) {
		size_t bytes = i & 2 ? first : second;
		event_below_otherwise(bytes);
		event_below_again(bytes);
		if (i == EVENTS / 2)
			walks = recorder.shared->walks;
	}
	return recorder.shared->walks - walks < EVENTS / 20;
}

/* Where the signs of two events meet; now and then it is their predictions that do. */
TEST(signs_that_meet_are_both_followed)
{
	enum {
		PAIRS = 4
	};
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	int followed = 0;
	size_t bytes = 0;
	for (int i = 0; i < PAIRS; i++) {
		size_t first = bytes + 48;
		bytes = next_that_meets(first, first);
		followed += are_followed(first, bytes);
	}
	ok(followed >= PAIRS / 2);
}

/* Before each of them the remembered stack is another one, from far out. */
TEST(a_stack_is_predicted_from_twice_as_many_words_where_it_has_to_be)
{
	enum {
		DEPTH = 12,
		EVENTS = 200,
		LEARNT = 20
	};
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	uint64_t walks = 0;
	for (int i = 0; i < EVENTS; i++) {
		__asm__("" : "+r"(i)); /* one call site */
		event_below(16 + (size_t)i * 48);
		uint64_t before = recorder.shared->walks;
		descend((1 << DEPTH) - 1, DEPTH);
		walks += i < LEARNT ? 0 : recorder.shared->walks - before;
	}
	ok(recorder.shared->walks > EVENTS);
	ok(walks < EVENTS / 10);
}

static void call_event(void)
{
	event_without_oracle();
	__asm__ volatile("");
}

TEST(code_in_no_object_ends_the_traceback_until_something_is_loaded)
{
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(page, made_at_run_time, sizeof(made_at_run_time));
	void (*through_it)(void (*)(void)) = (void (*)(void (*)(void)))page;
	uintptr_t frames[8];
	for (int i = 0; i < 10; i++)
		through_it(call_event);
	is_int(recorder.shared->walks, 1);
	is_int(mt_recorder_frames(last_id, frames, 8), 2);
	is_int(frames[1], (uintptr_t)page + 6);
	mt_node_id outermost = mt_state.nodes[mt_state.tracebacks[last_id]].parent;
	is_int(mt_state.nodes[outermost].module, 0);
	is_int(mt_state.nodes[outermost].parent, MT_ROOT_TRUNCATED);
	mt_modules_loading();
	through_it(call_event);
	is_int(recorder.shared->walks, 2);
}

TEST(nothing_is_recorded_while_tracing_is_off)
{
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	mt_traceback_id ids[3];
	volatile int count = 3; /* one call site, not three */
	for (int i = 0; i < count; i++) {
		mt_recorder_set_tracing(i != 1);
		call_event();
		ids[i] = last_id;
	}
	ok(ids[0]);
	is_int(ids[1], 0);
	is_int(ids[2], ids[0]);
}

TEST(a_domain_stands_between_root_and_frames)
{
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	struct mt_caller caller = MT_CALLER();
	mt_traceback_id plain = mt_unwind_traceback(&recorder, caller);
	mt_traceback_id id = mt_recorder_traceback_in_domain(&recorder, caller, 42);
	is_int(mt_recorder_traceback_in_domain(&recorder, caller, 42), id);
	ok(id != plain);
	is_int(mt_recorder_frames(id, NULL, 0), mt_recorder_frames(plain, NULL, 0));
	mt_node_id node = mt_state.tracebacks[id];
	while (mt_state.nodes[node].parent != MT_ROOT_COMPLETE)
		node = mt_state.nodes[node].parent;
	is_int(mt_state.nodes[node].pc, 42);
	is_int(mt_state.nodes[node].traceback_kind >> MT_NODE_KIND_SHIFT,
	       MT_FRAME_DOMAIN);
}

TEST(a_broken_stack_gives_a_short_traceback)
{
	test_state_open(1 << 20, 1 << 16, 1 << 10);
	test_recorder_open(&recorder);
	uint64_t random = 1234567;
	struct mt_caller caller = MT_CALLER();
	uintptr_t *low = (uintptr_t *)caller.slot + 1;
	uintptr_t *high = (uintptr_t *)recorder.unwinder->stack_high;
	uintptr_t saved[4096];
	size_t words = (size_t)(high - low) < 4096 ? (size_t)(high - low) : 4096;
	memcpy(saved, low, words * sizeof(*saved));
	for (int round = 0; round < 20000; round++) {
		for (int i = 0; i < 3; i++) {
			random = random * UINT64_C(6364136223846793005) + 1;
			low[(random >> 33) % words] = round % 2 ? random : random >> 40;
		}
		mt_traceback_id id = mt_unwind_traceback(&recorder, caller);
		int got = mt_recorder_frames(id, NULL, 0);
		memcpy(low, saved, words * sizeof(*saved));
		if (!ok(id && got > 0))
			break;
	}
}

TAP_MAIN()
