// inside: tracer/record/unwind.c tracer/record/stack.c tracer/record/registers.c tracer/record/rules.c tracer/record/cfi.c tracer/record/modules.c tracer/record/tracebacks.c tracer/record/counters.c tracer/record/recorder.c
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
	for (int i = 0; i < 4; i++)
		ok(door());
	is_int(recorder.shared->walks, 1);
}

TAP_MAIN()
