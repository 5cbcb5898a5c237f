/*
 * fault-handlers.c - what a program's own handlers of SIGSEGV see, line by line: the same
 * with and without somebody who wants the signal first.
 *
 *   fault-handlers              faults of pages that the program has closed itself
 *   fault-handlers heap         a freed block is read: the handler is called, and goes on
 *   fault-handlers threads      two threads read freed blocks, each goes on by a jump
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SMALL_STACK = 8192,
};

static unsigned char *closed;
static __thread sigjmp_buf back;
static char *stack_low;
static void *volatile seen_address;
static volatile int seen_code, seen_mask, is_on_stack, calls;
static volatile char sink;

static int is_blocked(int number)
{
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, number);
}

static void note(void)
{
	char here;
	uintptr_t offset = (uintptr_t)&here - (uintptr_t)stack_low;
	is_on_stack = offset < SMALL_STACK;
	seen_mask = is_blocked(SIGSEGV) << 1 | is_blocked(SIGUSR1);
	calls = calls + 1;
}

static void jump_back(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	note();
	seen_address = info->si_addr;
	seen_code = info->si_code;
	siglongjmp(back, 1);
}

static void jump_back_simply(int number)
{
	(void)number;
	note();
	siglongjmp(back, 1);
}

static void open_page(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	(void)info;
	note();
	mprotect(closed, 4096, PROT_READ | PROT_WRITE);
}

static void only_note(int number)
{
	(void)number;
	note();
}

static void say(const char *what)
{
	printf("%s: calls %d stack %d mask %d\n", what, calls, is_on_stack, seen_mask);
	fflush(stdout);
}

static void say_action(const char *what)
{
	struct sigaction now;
	sigaction(SIGSEGV, NULL, &now);
	printf("%s: %s flags %x usr1 %d\n", what,
	       now.sa_handler == SIG_DFL            ? "default"
	       : now.sa_handler == SIG_IGN          ? "ignored"
	       : now.sa_sigaction == jump_back      ? "jump_back"
	       : now.sa_sigaction == open_page      ? "open_page"
	       : now.sa_handler == jump_back_simply ? "jump_back_simply"
	       : now.sa_handler == only_note        ? "only_note"
						    : "another",
	       now.sa_flags & ~0x04000000, sigismember(&now.sa_mask, SIGUSR1));
	fflush(stdout);
}

static void touch(const volatile unsigned char *p)
{
	if (!sigsetjmp(back, 1))
		sink = (char)*p;
}

static void use_alternate_stack(void)
{
	stack_low = malloc(SMALL_STACK);
	stack_t stack = {.ss_sp = stack_low, .ss_size = SMALL_STACK};
	if (sigaltstack(&stack, NULL))
		abort();
}

static void try_sigaction(int flags)
{
	struct sigaction action = {.sa_sigaction = jump_back,
				   .sa_flags = SA_SIGINFO | flags};
	sigaddset(&action.sa_mask, SIGUSR1);
	if (sigaction(SIGSEGV, &action, NULL))
		abort();
	say_action("set");
	touch(closed + 10);
	say("sigaction");
	printf("at %ld code %d\n", (long)((unsigned char *)seen_address - closed),
	       seen_code);
	say_action("after");
}

static void try_signal(void)
{
	printf("signal: %s\n",
	       signal(SIGSEGV, jump_back_simply) == SIG_ERR ? "error" : "set");
	say_action("signal");
	touch(closed);
	say("signal");
	printf("was %d\n", signal(SIGSEGV, SIG_DFL) == jump_back_simply);
	say_action("default");
}

static void try_to_mend(void)
{
	struct sigaction action = {.sa_sigaction = open_page, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &action, NULL);
	closed[5] = 7;
	say("mended");
	mprotect(closed, 4096, PROT_NONE);
}

static void try_sent(void)
{
	signal(SIGSEGV, only_note);
	raise(SIGSEGV);
	kill(getpid(), SIGSEGV);
	say("sent");
	signal(SIGSEGV, SIG_IGN);
	say_action("ignored");
	raise(SIGSEGV);
	say("sent and ignored");
}

static void say_end(const char *what, pid_t child)
{
	int status = 0;
	waitpid(child, &status, 0);
	printf("%s: %s %d\n", what, WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	fflush(stdout);
}

static void try_children(void)
{
	signal(SIGSEGV, SIG_DFL);
	pid_t child = fork();
	if (child == 0)
		_exit(*(volatile unsigned char *)closed);
	say_end("fault by default", child);
	child = fork();
	if (child == 0) {
		raise(SIGSEGV);
		_exit(0);
	}
	say_end("sent by default", child);
	child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_IGN);
		_exit(*(volatile unsigned char *)closed);
	}
	say_end("fault ignored", child);
	child = fork();
	if (child == 0) {
		signal(SIGSEGV, jump_back_simply);
		touch(closed);
		free(malloc(10));
		_exit(calls);
	}
	say_end("handled in a child", child);
}

/* What a child of vfork sets is its own. */
static void try_vfork(void)
{
	signal(SIGSEGV, jump_back_simply);
	pid_t child = vfork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		_exit(0);
	}
	say_end("vfork", child);
	say_action("after vfork");
	touch(closed);
	say("after vfork");
}

static int read_freed(void)
{
	struct sigaction action = {.sa_sigaction = jump_back,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK};
	use_alternate_stack();
	sigaction(SIGSEGV, &action, NULL);
	unsigned char *volatile p = malloc(100);
	free(p);
	touch(p + 20);
	printf("calls %d stack %d at %ld\n", calls, is_on_stack,
	       (long)((unsigned char *)seen_address - p));
	free(malloc(100));
	return calls != 1;
}

static void *read_freed_often(void *argument)
{
	for (int i = 0; i < 20; i++) {
		unsigned char *volatile p = malloc(100);
		free(p);
		touch(p);
	}
	return argument;
}

static int read_by_threads(void)
{
	pthread_t threads[2];
	signal(SIGSEGV, jump_back_simply);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, read_freed_often, NULL))
			abort();
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (argc > 1 && !strcmp(argv[1], "heap"))
		return read_freed();
	if (argc > 1)
		return read_by_threads();
	say_action("first");
	try_sigaction(0);
	use_alternate_stack();
	try_sigaction(SA_ONSTACK);
	try_sigaction(SA_ONSTACK | SA_NODEFER);
	try_sigaction((int)SA_RESETHAND);
	try_signal();
	try_to_mend();
	try_sent();
	try_children();
	try_vfork();
	return 0;
}
