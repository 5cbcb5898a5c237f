/*
 * stop.c - see stop.h. Outside.
 */
#include "tracer/collect/stop.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

enum {
	ROUNDS_MAX = 100,     /* of looking for threads that were just started */
	RED_ZONE = 128,       /* below the stack pointer, still in use */
	PATIENCE_STEPS = 200, /* for one thread to stop; see wait_a_little */
};

struct mt_stop_thread *mt_stop_add(struct mt_stop *stop, uint32_t tid)
{
	if (stop->count == stop->capacity) {
		size_t capacity = stop->capacity * 2 + 16;
		void *threads =
			reallocarray(stop->threads, capacity, sizeof *stop->threads);
		if (!threads)
			return NULL;
		stop->threads = threads;
		stop->capacity = capacity;
	}
	struct mt_stop_thread *thread = &stop->threads[stop->count++];
	*thread = (struct mt_stop_thread){.tid = tid};
	return thread;
}

static DIR *open_tasks(uint32_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%" PRIu32 "/task", pid);
	return opendir(path);
}

/* The next thread's id; 0: no more. */
static uint32_t next_task(DIR *tasks)
{
	struct dirent *entry;
	while ((entry = readdir(tasks))) {
		uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
		if (tid)
			return tid;
	}
	return 0;
}

size_t mt_stop_count_threads(uint32_t pid)
{
	DIR *tasks = open_tasks(pid);
	size_t count = 0;
	while (tasks && next_task(tasks))
		count++;
	if (tasks)
		closedir(tasks);
	return count;
}

static bool has_thread(const struct mt_stop *stop, uint32_t tid)
{
	for (size_t i = 0; i < stop->count; i++)
		if (stop->threads[i].tid == tid)
			return true;
	return false;
}

/* Longer and longer: 5 us at first, 10 ms at most, a second in all. */
static void wait_a_little(int step)
{
	long ns = step < 50 ? 5000 : step < 100 ? 50000 : 10000000;
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* False: it has ended, or does not stop. */
static bool await_stop(struct mt_stop_thread *thread)
{
	for (int step = 0; step < PATIENCE_STEPS; step++) {
		int status;
		pid_t got = waitpid((pid_t)thread->tid, &status, __WALL | WNOHANG);
		if (got < 0 && errno != EINTR)
			return false;
		if (got > 0) {
			if (!WIFSTOPPED(status))
				return false;
			/* Our own interruption, and a stopped group, say so. */
			if (status >> 16 != PTRACE_EVENT_STOP)
				thread->signal = WSTOPSIG(status);
			return true;
		}
		wait_a_little(step);
	}
	return false;
}

#ifdef __x86_64__
static void take_registers(struct mt_stop_thread *thread,
			   const struct user_regs_struct *regs)
{
	const uint64_t registers[MT_STOP_REGISTERS] = {
		regs->rax, regs->rdx, regs->rcx, regs->rbx, regs->rsi, regs->rdi,
		regs->rbp, regs->rsp, regs->r8,  regs->r9,  regs->r10, regs->r11,
		regs->r12, regs->r13, regs->r14, regs->r15, regs->rip};
	memcpy(thread->registers, registers, sizeof registers);
	thread->thread_pointer = regs->fs_base;
	thread->stack_from = regs->rsp - RED_ZONE;
	thread->is_known = true;
}
#endif

static void read_registers(struct mt_stop_thread *thread)
{
	struct user_regs_struct regs;
	struct iovec to = {&regs, sizeof regs};
	if (!ptrace(PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &to) &&
	    to.iov_len == sizeof regs)
		take_registers(thread, &regs);
}

/* A main thread that has ended before the others stays to be seen: it is not there. */
static bool is_there(uint32_t pid, uint32_t tid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%" PRIu32 "/task/%" PRIu32 "/stat", pid, tid);
	FILE *stat = fopen(path, "re");
	char state = 'X';
	if (stat && fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	if (stat)
		fclose(stat);
	return state != 'X' && state != 'Z';
}

/* 1: it is new; 0: it was there, or has ended meanwhile; negative: refused. */
static int seize(struct mt_stop *stop, uint32_t tid, struct mt_error *err)
{
	if (has_thread(stop, tid))
		return 0;
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0)
		return errno == ESRCH || !is_there(tid, tid)
			       ? 0
			       : mt_fail(err, MT_ERR_SYSTEM,
					 "thread %" PRIu32 " cannot be stopped: %s", tid,
					 strerror(errno));
	struct mt_stop_thread *thread = mt_stop_add(stop, tid);
	if (!thread) {
		ptrace(PTRACE_DETACH, tid, 0, 0);
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	}
	thread->is_held = true;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	return 1;
}

/* One pass over the threads: how many were new. */
static int seize_all(struct mt_stop *stop, uint32_t pid, struct mt_error *err)
{
	DIR *tasks = open_tasks(pid);
	if (!tasks)
		return mt_fail(err, MT_ERR_SYSTEM,
			       "the threads of process %" PRIu32 " are not shown", pid);
	int found = 0, rc = 0;
	uint32_t tid;
	while (rc >= 0 && (tid = next_task(tasks))) {
		rc = seize(stop, tid, err);
		found += rc > 0;
	}
	closedir(tasks);
	return rc < 0 ? rc : found;
}

uint32_t mt_stop_living_thread(uint32_t pid)
{
	DIR *tasks = is_there(pid, pid) ? NULL : open_tasks(pid);
	uint32_t tid = pid;
	while (tasks && (tid = next_task(tasks)) && !is_there(pid, tid))
		;
	if (tasks)
		closedir(tasks);
	return tid ? tid : pid;
}

/* Those that are there and do not stop stay in the list, to be let go. */
static size_t settle(struct mt_stop *stop, uint32_t pid)
{
	size_t kept = 0;
	for (size_t i = 0; i < stop->count; i++) {
		struct mt_stop_thread *thread = &stop->threads[i];
		bool is_missed = !thread->is_known && is_there(pid, thread->tid);
		stop->missed += is_missed;
		if (thread->is_known || is_missed)
			stop->threads[kept++] = *thread;
	}
	stop->count = kept;
	return kept - stop->missed;
}

int mt_stop_by_ptrace(struct mt_stop *stop, uint32_t pid, struct mt_error *err)
{
	size_t stopped = 0;
	for (int round = 0; round < ROUNDS_MAX; round++) {
		int found = seize_all(stop, pid, err);
		if (found < 0) {
			mt_stop_release(stop);
			return found;
		}
		for (; stopped < stop->count; stopped++)
			if (await_stop(&stop->threads[stopped]))
				read_registers(&stop->threads[stopped]);
		if (!found)
			break;
	}
	if (settle(stop, pid))
		return 0;
	mt_stop_release(stop);
	return mt_fail(err, MT_ERR_SYSTEM, "process %" PRIu32 " does not stop", pid);
}

void mt_stop_release(struct mt_stop *stop)
{
	for (size_t i = 0; i < stop->count; i++) {
		struct mt_stop_thread *thread = &stop->threads[i];
		if (!thread->is_held)
			continue;
		if (!thread->is_known)
			await_stop(thread);
		ptrace(PTRACE_DETACH, thread->tid, 0, (long)thread->signal);
		thread->is_held = false;
	}
}

void mt_stop_deinit(struct mt_stop *stop)
{
	mt_stop_release(stop);
	for (size_t i = 0; i < stop->count; i++)
		free(stop->threads[i].kept);
	free(stop->threads);
	*stop = (struct mt_stop){0};
}
