/*
 * interface.c - everything that memtrace.h offers, with known answers. Prints what is not
 * as it should be; status 0 when all is. With the argument "without" the library is
 * expected not to be there.
 */
#include <memtrace.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

#define EXPECT(condition)                                                                \
	do {                                                                             \
		if (!(condition)) {                                                      \
			failures++;                                                      \
			printf("line %d: not so: %s\n", __LINE__, #condition);           \
		}                                                                        \
	} while (0)

static void *volatile kept[64];

static size_t current(void)
{
	size_t now, peak;
	memtrace_get_traced_memory(&now, NULL);
	memtrace_get_traced_memory(NULL, &peak);
	return now;
}

static size_t highest(void)
{
	size_t now, peak;
	memtrace_get_traced_memory(&now, &peak);
	return peak;
}

static void without(void)
{
	void *frame;
	EXPECT(memtrace_snapshot("a") == -1);
	EXPECT(memtrace_start(1) == -1);
	EXPECT(memtrace_is_tracing() == 0);
	EXPECT(current() == 0 && highest() == 0);
	EXPECT(memtrace_get_memtrace_memory() == 0);
	EXPECT(memtrace_get_object_traceback(&frame, &frame, 1) == 0);
	EXPECT(memtrace_track(1, 1, 1) == -1 && memtrace_untrack(1, 1) == -1);
	memtrace_stop();
	memtrace_reset_peak();
	memtrace_clear_traces();
}

static void labels(void)
{
	char longest[200];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	static const char *const refused[] = {"",   "start", "peak", "exit",
					      "17", "a@b",   "a#1"};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		EXPECT(memtrace_snapshot(refused[i]) == -1);
	EXPECT(memtrace_snapshot(NULL) == -1);
	EXPECT(memtrace_snapshot(longest) == -1);
	EXPECT(memtrace_snapshot("started") == 0);
	EXPECT(memtrace_snapshot("17 blocks") == 0);
}

static void totals(void)
{
	size_t before = current();
	kept[0] = malloc(100);
	kept[1] = malloc(100000);
	EXPECT(current() == before + 100100);
	kept[0] = realloc(kept[0], 700);
	EXPECT(current() == before + 100700);
	free(kept[1]);
	EXPECT(current() == before + 700);
	EXPECT(highest() >= before + 100700);
	memtrace_reset_peak();
	EXPECT(highest() == before + 700);
	free(kept[0]);
	EXPECT(current() == before);
}

static void tracebacks(void)
{
	void *frames[8] = {0}, *one = NULL;
	void *blocks[] = {malloc(40), malloc(4000), aligned_alloc(4096, 8192)};
	for (int i = 0; i < 3; i++) {
		int n = memtrace_get_object_traceback(blocks[i], frames, 8);
		EXPECT(n >= 2);
		EXPECT(memtrace_get_object_traceback(blocks[i], &one, 1) == 1);
		EXPECT(memtrace_get_object_traceback(blocks[i], NULL, 8) == 0);
		EXPECT(one == frames[n - 1]);
		kept[10 + i] = blocks[i];
	}
	EXPECT(memtrace_get_object_traceback(frames, frames, 8) == 0);
	EXPECT(memtrace_get_object_traceback(NULL, frames, 8) == 0);
	EXPECT(memtrace_get_object_traceback((void *)16, frames, 8) == 0);
	for (int i = 0; i < 3; i++)
		free(kept[10 + i]);
}

static void tracking(void)
{
	size_t before = current();
	EXPECT(memtrace_track(7, 0x1000, 5000) == 0);
	EXPECT(current() == before + 5000);
	EXPECT(memtrace_track(7, 0x1000, 6000) == 0); /* replaces */
	EXPECT(memtrace_track(8, 0x1000, 100) == 0);
	EXPECT(memtrace_track(0, 0x1000, 10) == 0);
	EXPECT(current() == before + 6110);
	EXPECT(memtrace_snapshot("tracked") == 0);
	EXPECT(memtrace_untrack(7, 0x1000) == 0);
	EXPECT(memtrace_untrack(7, 0x1000) == 0); /* unknown: no error */
	EXPECT(memtrace_untrack(8, 0x1000) == 0);
	EXPECT(memtrace_untrack(0, 0x1000) == 0);
	EXPECT(current() == before);
}

static void stopping(void)
{
	kept[20] = malloc(300);
	kept[21] = malloc(3000);
	memtrace_clear_traces();
	EXPECT(current() == 0 && highest() == 0);
	EXPECT(memtrace_is_tracing() == 1);
	free(kept[20]);
	EXPECT(current() == 0);
	kept[20] = malloc(200);
	EXPECT(current() == 200);
	memtrace_stop();
	EXPECT(memtrace_is_tracing() == 0);
	EXPECT(memtrace_snapshot("stopped") == -1);
	EXPECT(memtrace_track(1, 1, 1) == -1);
	kept[22] = malloc(50);
	EXPECT(current() == 0);
	EXPECT(memtrace_start(0) == -1 && memtrace_start(-1) == -1);
	errno = 0;
	EXPECT(memtrace_start(1025) == -1 && errno == EINVAL);
	EXPECT(memtrace_start(1024) == 0);
	memtrace_stop();
	EXPECT(memtrace_start(3) == 0 && memtrace_start(5) == 0);
	free(kept[20]);
	free(kept[21]);
	free(kept[22]);
	EXPECT(current() == 0);
	kept[23] = malloc(1234);
	EXPECT(current() == 1234);
	EXPECT(memtrace_snapshot("restarted") == 0);
}

/* A forked child's first event is a call of ours. */
static void in_child(void)
{
	int status = -1;
	pid_t child = fork();
	if (!child) {
		EXPECT(memtrace_is_tracing() == 1);
		EXPECT(current() == 0);
		EXPECT(memtrace_snapshot("child") == 0);
		_exit(failures != 0);
	}
	waitpid(child, &status, 0);
	EXPECT(status == 0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1 && !strcmp(argv[1], "without")) {
		without();
		return failures != 0;
	}
	EXPECT(memtrace_is_tracing() == 1);
	EXPECT(memtrace_get_memtrace_memory() > 0);
	labels();
	totals();
	tracebacks();
	tracking();
	in_child();
	stopping();
	return failures != 0;
}
