/*
 * scanned.c WAY - 10 blocks of 4000 bytes are lost, 10 are held by a stack, by a
 * thread-local, by a thread that sleeps; then the process ends, or does what WAY says.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memtrace.h"

enum {
	BLOCKS = 10,
	BYTES = 4000,
};

static __thread char *volatile kept;
static char *volatile dropped;
static pthread_barrier_t ready;

/* In a function of its own, so that main's registers keep nothing. */
__attribute__((noinline)) static void lose(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		dropped = calloc(1, BYTES);
		dropped[0] = 1;
	}
	dropped = NULL;
}

static void *wait_with_a_block(void *unused)
{
	char *volatile held = calloc(1, BYTES);
	kept = calloc(1, BYTES);
	(void)unused;
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
	return held;
}

static void wait_for_input(void)
{
	char byte;
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
}

static void *end_the_program(void *main_thread)
{
	pthread_join(*(pthread_t *)main_thread, NULL);
	exit(0);
}

/* The others go on, the last of them ends the program. */
static void end_main_thread(void)
{
	static pthread_t main_thread;
	pthread_t other;
	main_thread = pthread_self();
	if (pthread_create(&other, NULL, end_the_program, &main_thread))
		abort();
	pthread_exit(NULL);
}

/* All signals but those that nobody can block. */
static void *wait_deaf(void *unused)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	return wait_with_a_block(unused);
}

static void start_deaf_thread(void)
{
	pthread_t thread;
	pthread_barrier_init(&ready, NULL, 2);
	pthread_create(&thread, NULL, wait_deaf, NULL);
	pthread_barrier_wait(&ready);
}

static void start_threads(int count)
{
	pthread_t thread;
	pthread_barrier_init(&ready, NULL, (unsigned)count + 1);
	for (int i = 0; i < count; i++)
		pthread_create(&thread, NULL, wait_with_a_block, NULL);
	pthread_barrier_wait(&ready);
}

/* Nobody in this process may look into another, as in many containers. */
static void forbid_ptrace(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof program / sizeof *program, program};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

static int count_as_child(void)
{
	pid_t child = fork();
	if (!child) {
		free(malloc(1));
		lose();
		exit(0);
	}
	return waitpid(child, NULL, 0) < 0;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	char *volatile on_stack = calloc(1, BYTES);
	kept = calloc(1, BYTES);
	if (!strcmp(way, "confined")) {
		forbid_ptrace();
		execv(argv[2], argv + 2);
		return 1;
	}
	if (!strcmp(way, "forks"))
		return count_as_child();
	lose();
	if (!strncmp(way, "threads", 7))
		start_threads(argc > 2 ? atoi(argv[2]) : 3);
	if (!strcmp(way, "deaf"))
		start_deaf_thread();
	if (!strcmp(way, "checks"))
		printf("%d\n", memtrace_check_leaks());
	if (strstr(way, "waits"))
		wait_for_input();
	if (!strcmp(way, "ends-main"))
		end_main_thread();
	if (!strcmp(way, "exits"))
		exit(0);
	if (!strcmp(way, "_exits"))
		_exit(0);
	if (!strcmp(way, "quick_exits"))
		quick_exit(0);
	if (!strcmp(way, "ends-itself"))
		syscall(SYS_exit_group, 0);
	if (!strcmp(way, "aborts"))
		abort();
	return on_stack == NULL;
}
