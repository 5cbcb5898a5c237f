/*
 * confined.c - limits itself as its argument says, then works on: "memory" after
 * setrlimit(RLIMIT_AS), "filter" under a seccomp filter that kills at calls which malloc
 * does not make, also in a new thread and in a forked child; "data" in a forked child that limits its data and its
 * files and has a child itself. Status 0 when it could. "memfd COMMAND...": the command, which
 * is refused memfd_create.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept;

static int work(void)
{
	for (int i = 0; i < 10000; i++) {
		kept = malloc((size_t)(i % 3000 + 1));
		if (!kept)
			return 1;
		if (i % 2)
			free(kept);
	}
	return 0;
}

static int limit_memory(void)
{
	struct rlimit limit = {1 << 30, 1 << 30};
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return 2;
	void *room = mmap(NULL, 400 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return room == MAP_FAILED ? 3 : work();
}

#define KILL_AT(number)                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),                               \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static int install_filter(int by_prctl)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		KILL_AT(SYS_memfd_create),
		KILL_AT(SYS_socket),
		KILL_AT(SYS_fallocate),
		KILL_AT(SYS_prlimit64),
		KILL_AT(SYS_prctl),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return by_prctl ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)
			: (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static void *work_aside(void *failed)
{
	*(int *)failed = work();
	return NULL;
}

static int filter(int by_prctl)
{
	if (syscall(SYS_close, -1) != -1 || errno != EBADF)
		return 2;
	if (install_filter(by_prctl) < 0)
		return 3;
	pthread_t thread;
	int failed = 1;
	if (pthread_create(&thread, NULL, work_aside, &failed) ||
	    pthread_join(thread, NULL) || failed)
		return 5;
	pid_t child = fork();
	if (!child)
		_exit(work());
	int status = -1;
	waitpid(child, &status, 0);
	return status ? 4 : work();
}

static int status_of(pid_t child)
{
	int status = -1;
	waitpid(child, &status, 0);
	return status;
}

static int limit_data(void)
{
	const struct rlimit data = {64 << 20, 64 << 20}, files = {1 << 20, 1 << 20};
	pid_t child = fork();
	if (child)
		return status_of(child) ? 4 : work();
	if (setrlimit(RLIMIT_DATA, &data) < 0 || setrlimit(RLIMIT_FSIZE, &files) < 0)
		_exit(2);
	if (work())
		_exit(3);
	child = fork();
	_exit(child ? status_of(child) : work());
}

static int refuse_memfd(char **command)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return 3;
	execvp(command[0], command);
	return 127;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	if (!strcmp(how, "memory"))
		return limit_memory();
	if (!strcmp(how, "data"))
		return limit_data();
	if (!strcmp(how, "memfd") && argc > 2)
		return refuse_memfd(argv + 2);
	return filter(!strcmp(how, "filter"));
}
