/* A timer every 50 us whose handler allocates and frees, wherever the program is. */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
	ROUNDS = 4000000,
	SLOTS = 300,
	KEPT = 25
};

static void *volatile handed; /* by main to the handler, which frees it */
static volatile sig_atomic_t ticks;

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
}

int main(void)
{
	struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	struct itimerval every = {{0, 50}, {0, 50}};
	setitimer(ITIMER_REAL, &every, NULL);
	void *slots[SLOTS] = {0};
	for (unsigned i = 0; i < ROUNDS; i++) {
		free(slots[i % SLOTS]);
		slots[i % SLOTS] = malloc(1 + i * 7 % 1000); /* slots */
		if (!handed)
			handed = malloc(32); /* handed */
	}
	memset(&every, 0, sizeof every);
	setitimer(ITIMER_REAL, &every, NULL);
	free(handed);
	handed = NULL;
	for (int i = KEPT; i < SLOTS; i++)
		free(slots[i]);
	return ticks ? 0 : 3;
}
