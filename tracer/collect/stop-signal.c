/*
 * stop-signal.c - stop a process that ptrace cannot stop; see stop.h and struct
 * mt_control_halt. Outside. The process is not trusted: what it says is read with bounds,
 * and every wait has a limit.
 */
#include "tracer/collect/stop.h"

#include "formats/state.h"
#include "tracer/collect/kernel.h"
#include "tracer/collect/memory.h"
#include "tracer/collect/trace.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	STEP_US = 100,
	COPY_STEPS = 20000,
	THREADS_MAX = 65536,
	PATIENCE_NS = 1000000000, /* for the threads */
	/* For those that have blocked the signal, as pthread_create does for a moment. */
	BLOCKED_NS = 20000000,
	RED_ZONE = 128,
};

static void wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void wait_a_step(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_US * 1000L}, NULL);
}

/* To those that have not had it; they answer once in a round, however often they get it. */
static size_t signal_threads(uint32_t pid, int number, uint32_t *asked,
			     size_t asked_count, size_t most)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%" PRIu32 "/task", pid);
	DIR *tasks = opendir(path);
	struct dirent *entry;
	while (tasks && asked_count < most && (entry = readdir(tasks))) {
		uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
		bool is_asked = !tid;
		for (size_t i = 0; !is_asked && i < asked_count; i++)
			is_asked = asked[i] == tid;
		if (!is_asked && !syscall(SYS_tgkill, pid, tid, number))
			asked[asked_count++] = tid;
	}
	if (tasks)
		closedir(tasks);
	return asked_count;
}

/* Whether the signal waits for the thread to unblock it. */
static bool is_deaf(uint32_t pid, uint32_t tid, uint32_t number)
{
	char file[64], text[4096];
	snprintf(file, sizeof file, "task/%" PRIu32 "/status", tid);
	size_t size = mt_kernel_read(pid, file, text, sizeof text - 1);
	text[size] = '\0';
	const char *pending = strstr(text, "\nSigPnd:"),
		   *blocked = strstr(text, "\nSigBlk:");
	if (!pending || !blocked)
		return false;
	uint64_t both = strtoull(pending + 8, NULL, 16) & strtoull(blocked + 8, NULL, 16);
	return both >> (number - 1) & 1;
}

/* Whether all wait, but those that will not for long. */
static bool are_waiting(uint32_t pid, struct mt_control_halt *halt, const uint32_t *asked,
			size_t count, uint64_t waited_ns)
{
	size_t waiting = atomic_load(&halt->waiting);
	for (size_t i = 0; waiting < count && waited_ns >= BLOCKED_NS && i < count; i++)
		waiting += is_deaf(pid, asked[i], halt->signal);
	return waiting >= count;
}

/* Until all wait that can, new ones included. */
static size_t halt_threads(uint32_t pid, struct mt_control_halt *halt)
{
	uint32_t *asked = calloc(THREADS_MAX, sizeof *asked);
	uint64_t began = mt_clock_ns(), waited = 0;
	size_t count = 0, before = SIZE_MAX;
	while (asked && count != before && waited < PATIENCE_NS) {
		before = count;
		count = signal_threads(pid, (int)halt->signal, asked, count, THREADS_MAX);
		while (!are_waiting(pid, halt, asked, count, waited) &&
		       waited < PATIENCE_NS) {
			wait_a_step();
			waited = mt_clock_ns() - began;
		}
	}
	free(asked);
	return count;
}

static int take_notes(struct mt_stop *stop, struct mt_memory *memory,
		      struct mt_control_halt *halt, size_t most, struct mt_error *err)
{
	struct mt_control_note note;
	uint64_t at = atomic_load(&halt->notes);
	for (size_t i = 0; at && i < most; i++, at = note.next) {
		if (!mt_memory_read(memory, at, &note, sizeof note))
			break;
		struct mt_stop_thread *thread = mt_stop_add(stop, note.tid);
		if (!thread)
			return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
		memcpy(thread->registers, note.registers, sizeof thread->registers);
		thread->thread_pointer = note.thread_pointer;
		thread->stack_from = note.registers[MT_STOP_SP] - RED_ZONE;
		thread->is_known = true;
	}
	return 0;
}

static int make_copy(struct mt_control_halt *halt, uint32_t tid, uint32_t *copy,
		     struct mt_error *err)
{
	int32_t pid = 0;
	atomic_store(&halt->copier, tid);
	wake(&halt->copier);
	wake(&halt->round);
	for (int step = 0; step < COPY_STEPS && !pid; step++) {
		wait_a_step();
		pid = atomic_load(&halt->copy);
	}
	if (pid <= 0)
		return mt_fail(err, MT_ERR_SYSTEM, "no copy of the process can be made");
	*copy = (uint32_t)pid;
	return 0;
}

int mt_stop_by_signal(struct mt_stop *stop, uint32_t pid, struct mt_control *control,
		      uint32_t *copy, struct mt_error *err)
{
	struct mt_control_halt *halt = &control->halt;
	struct mt_memory memory;
	if (!halt->signal || halt->signal > (uint32_t)SIGRTMAX)
		return mt_fail(err, MT_ERR_SYSTEM,
			       "the process was not started with --leaks");
	int rc = mt_memory_open(&memory, pid, err);
	if (rc < 0) {
		mt_memory_close(&memory);
		return rc;
	}
	atomic_store(&halt->notes, 0);
	atomic_store(&halt->waiting, 0);
	atomic_store(&halt->copier, 0);
	atomic_store(&halt->copy, 0);
	atomic_fetch_or(&halt->round, 1);
	size_t asked = halt_threads(pid, halt);
	rc = take_notes(stop, &memory, halt, asked, err);
	stop->missed = asked - (stop->count < asked ? stop->count : asked);
	if (rc == 0 && !stop->count)
		rc = mt_fail(err, MT_ERR_SYSTEM, "no thread answers the signal");
	if (rc == 0)
		rc = make_copy(halt, stop->threads[0].tid, copy, err);
	if (rc < 0)
		mt_stop_end_round(control);
	mt_memory_close(&memory);
	return rc;
}

void mt_stop_end_round(struct mt_control *control)
{
	struct mt_control_halt *halt = &control->halt;
	uint32_t round = atomic_load(&halt->round);
	if (round % 2)
		atomic_store(&halt->round, round + 1);
	wake(&halt->round);
	wake(&halt->copier);
}

/* It looks now and then. */
void mt_stop_end_copy(struct mt_control *control)
{
	atomic_store(&control->halt.copy, 0);
}
