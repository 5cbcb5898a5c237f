/*
 * signals.c - a timer's signal every 50 us, at any instruction, whose handler allocates: on the
 * interrupted stack and on one of its own; handlers within handlers, and jumps out of them.
 * Arguments: how many signals are to be handled by each kind of handler; "within", where the
 * other stack is to be a part of the first, as a coroutine's may be.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))

enum {
	PERIOD_US = 50,
	MOST_IN_A_ROW =
		8, /* one within the other; with its frames each takes some 10 KiB */
};

static volatile long on_stack, on_other_stack;
static volatile int depth_of_handlers, depth_of_timers, timers_in_a_row;
static volatile bool is_over;
static sigjmp_buf landing;
static volatile int after;

static NOINLINE void event(int n)
{
	char *volatile p = malloc((size_t)(n & 127) + 1);
	free(p);
}

static NOINLINE void in_frames(int depth)
{
	volatile char space[40];
	space[depth] = 1;
	if (depth > 0)
		in_frames(depth - 1);
	event(depth);
	after += space[depth];
}

/*
 * Handlers ask for the next signal of their timer. One that came by itself would, where a
 * handler takes longer than the period, leave no time to what it interrupts: handlers within
 * handlers would never end.
 */
static void come_again(int timer)
{
	if (!is_over)
		setitimer(timer, &(struct itimerval){.it_value = {0, PERIOD_US}}, NULL);
}

/* After so many in a row the outermost has to end first. */
static void handle(int number)
{
	(void)number;
	bool is_outermost = depth_of_timers++ == 0;
	on_stack++;
	timers_in_a_row = is_outermost ? 1 : timers_in_a_row + 1;
	if (timers_in_a_row < MOST_IN_A_ROW)
		come_again(ITIMER_REAL);
	in_frames((int)(on_stack & 7));
	depth_of_timers--;
	if (is_outermost && timers_in_a_row == MOST_IN_A_ROW)
		come_again(ITIMER_REAL);
}

static void handle_elsewhere(int number)
{
	(void)number;
	on_other_stack++;
	in_frames((int)(on_other_stack & 3));
	if (depth_of_handlers++ == 0)
		raise(SIGUSR1); /* a handler within this one */
	depth_of_handlers--;
	come_again(ITIMER_PROF);
}

static void handle_within(int number)
{
	in_frames(number & 3);
}

/* Only of signals that were raised here: no library function is under way. */
static void jump_out(int number)
{
	in_frames(number & 3);
	siglongjmp(landing, 1);
}

static void install(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
	sigaction(number, &action, NULL);
}

/* All kinds of instructions, most of them in prologues and epilogues. */
static NOINLINE int work(int depth)
{
	volatile int sum = depth;
	if (depth % 5 == 0)
		event(depth);
	if (depth > 0)
		sum += work(depth - 1);
	struct timespec now; /* in the kernel's own library */
	if (depth % 3 == 0)
		clock_gettime(CLOCK_MONOTONIC, &now);
	return sum;
}

static NOINLINE void jump_from_handlers(int rounds)
{
	for (volatile int i = 0; i < rounds; i++) {
		if (!sigsetjmp(landing, 1))
			raise(i & 1 ? SIGUSR2 : SIGHUP);
		in_frames(i & 3);
	}
}

int main(int argc, char **argv)
{
	long wanted = argc > 1 ? atol(argv[1]) : 500;
	enum {
		STACK_BYTES = 1 << 20
	};
	char part[STACK_BYTES];
	stack_t stack = {.ss_sp = argc > 2 ? part : malloc(STACK_BYTES),
			 .ss_size = STACK_BYTES};
	sigaltstack(&stack, NULL);
	install(SIGALRM, handle, SA_RESTART | SA_NODEFER);
	install(SIGPROF, handle_elsewhere, SA_RESTART | SA_ONSTACK);
	install(SIGUSR1, handle_within, 0);
	install(SIGUSR2, jump_out, SA_ONSTACK);
	install(SIGHUP, jump_out, 0);
	come_again(ITIMER_REAL);
	come_again(ITIMER_PROF);
	while (on_stack < wanted || on_other_stack < wanted / 10)
		work(40);
	is_over = true;
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	setitimer(ITIMER_PROF, &(struct itimerval){0}, NULL);
	jump_from_handlers((int)wanted);
	return 0;
}
