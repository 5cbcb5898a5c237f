/* Forks 100 times while four threads allocate; each child allocates, frees and ends. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	THREADS = 4,
	FORKS = 100,
	BLOCKS = 500
};

static atomic_int stop;

static void *churn(void *unused)
{
	void *blocks[64] = {0};
	for (unsigned i = 0; !atomic_load(&stop); i++) {
		free(blocks[i % 64]);
		blocks[i % 64] = malloc(1 + i % 700);
	}
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
	return unused;
}

static void child(void)
{
	void *blocks[BLOCKS];
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(1 + i % 600); /* child */
	for (int i = 0; i < BLOCKS; i++)
		if (i % 5)
			free(blocks[i]);
	_exit(7);
}

int main(void)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, churn, NULL))
			return 1;
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();
		if (!pid)
			child();
		int status;
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 7)
			return 2;
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
