/*
 * A timer every 50 us whose handler allocates and frees, wherever the program is. The handler
 * asks for the next signal: the program has its time between two, however slow the machine.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
	PERIOD_US = 50,
	ROUNDS = 4000000,
	SLOTS = 300,
	KEPT = 25
};

static void *volatile handed; /* by main to the handler, which frees it */
static volatile sig_atomic_t ticks, is_over;

static void set_timer(int us)
{
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, us}}, NULL);
}

static void tick(int signal)
{
	(void)signal;
	char *block = malloc(100);
	memset(block, 1, 100);
	void *taken = handed;
	handed = NULL;
	free(taken);
	free(block);
	ticks++;
	if (!is_over)
		set_timer(PERIOD_US);
}

int main(void)
{
	struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	set_timer(PERIOD_US);
	void *slots[SLOTS] = {0};
	for (unsigned i = 0; i < ROUNDS; i++) {
		free(slots[i % SLOTS]);
		slots[i % SLOTS] = malloc(1 + i * 7 % 1000); /* slots */
		if (!handed)
			handed = malloc(32); /* handed */
	}
	is_over = 1;
	set_timer(0);
	free(handed);
	handed = NULL;
	for (int i = KEPT; i < SLOTS; i++)
		free(slots[i]);
	return ticks ? 0 : 3;
}
