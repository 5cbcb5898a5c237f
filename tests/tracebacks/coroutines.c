/*
 * coroutines.c - coroutines on stacks from the heap, from mmap and within a thread's own, which
 * come and go, call each other and are resumed by threads that did not begin them.
 * Arguments: number of switches, seed.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline))

enum {
	COROUTINES = 16,
	STACK_BYTES = 64 << 10,
	OWN_STACKS = 8, /* within a thread's, each used once */
	THREADS = 2,
};

struct coroutine {
	ucontext_t context;
	ucontext_t *resumed_by;
	char *stack;
	enum {
		FROM_HEAP,
		FROM_MMAP,
		FROM_STACK
	} origin;
	int is_busy, is_over;
	uint64_t random;
};

static struct coroutine coroutines[COROUTINES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t end;
static _Atomic long switches_left;
static volatile int after;

static uint32_t pick(uint64_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 33) % n;
}

static NOINLINE void event(uint32_t n)
{
	char *volatile p = malloc(n % 600 + 1);
	free(p);
}

/* Somewhere in here it goes back to who resumed it; the next may be another thread. */
static NOINLINE void live(struct coroutine *c, int depth)
{
	volatile char space[64];
	space[depth & 31] = 1;
	event((uint32_t)depth * 37);
	if (pick(&c->random, 3) == 0)
		swapcontext(&c->context, c->resumed_by);
	for (uint32_t i = pick(&c->random, 3); i > 0 && depth > 0; i--)
		live(c, depth - 1);
	event((uint32_t)depth);
	after += space[depth & 31];
}

static void begin(unsigned low, unsigned high)
{
	struct coroutine *c =
		(struct coroutine *)((uintptr_t)low | (uintptr_t)high << 32);
	live(c, 9);
	c->is_over = 1;
	for (;;)
		swapcontext(&c->context, c->resumed_by);
}

static __thread char *own_stacks;
static __thread int own_stacks_left;

static void take_stack(struct coroutine *c)
{
	c->origin = pick(&c->random, 3);
	if (c->origin == FROM_STACK && !own_stacks_left)
		c->origin = FROM_HEAP;
	if (c->origin == FROM_STACK)
		c->stack = own_stacks + --own_stacks_left * STACK_BYTES;
	else if (c->origin == FROM_HEAP)
		c->stack = malloc(STACK_BYTES);
	else
		c->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void create(struct coroutine *c)
{
	take_stack(c);
	c->is_over = 0;
	getcontext(&c->context);
	c->context.uc_stack.ss_sp = c->stack;
	c->context.uc_stack.ss_size = STACK_BYTES;
	c->context.uc_link = NULL;
	makecontext(&c->context, (void (*)(void))begin, 2, (unsigned)(uintptr_t)c,
		    (unsigned)((uintptr_t)c >> 32));
}

static void destroy(struct coroutine *c)
{
	if (c->origin == FROM_MMAP)
		munmap(c->stack, STACK_BYTES);
	else if (c->origin == FROM_HEAP)
		free(c->stack);
	c->stack = NULL;
}

static struct coroutine *take(uint64_t *random)
{
	struct coroutine *c = &coroutines[pick(random, COROUTINES)];
	pthread_mutex_lock(&lock);
	if (c->is_busy)
		c = NULL;
	else
		c->is_busy = 1;
	pthread_mutex_unlock(&lock);
	return c;
}

static void put(struct coroutine *c)
{
	pthread_mutex_lock(&lock);
	c->is_busy = 0;
	pthread_mutex_unlock(&lock);
}

static NOINLINE void resume(struct coroutine *c)
{
	ucontext_t here;
	if (!c->stack)
		create(c);
	c->resumed_by = &here;
	swapcontext(&here, &c->context);
	if (c->is_over)
		destroy(c);
}

static NOINLINE void resume_some(uint64_t *random, int depth)
{
	event((uint32_t)depth);
	struct coroutine *c = take(random);
	if (c) {
		switches_left--;
		resume(c);
		put(c);
	}
	if (depth > 0)
		resume_some(random, depth - 1);
	event((uint32_t)depth);
}

static void *run(void *data)
{
	uint64_t random = *(uint64_t *)data;
	char stacks[OWN_STACKS * STACK_BYTES];
	own_stacks = stacks;
	own_stacks_left = OWN_STACKS;
	while (switches_left > 0)
		resume_some(&random, (int)pick(&random, 12));
	pthread_barrier_wait(&end); /* the other may be on a stack within this one */
	return NULL;
}

int main(int argc, char **argv)
{
	switches_left = argc > 1 ? atol(argv[1]) : 3000;
	uint64_t seeds[THREADS];
	uint64_t seed = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) | 1;
	for (int i = 0; i < COROUTINES; i++)
		coroutines[i].random = seed * 77 + (uint64_t)i + 1;
	pthread_t threads[THREADS];
	pthread_barrier_init(&end, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		seeds[i] = seed * 1001 + (uint64_t)i;
		pthread_create(&threads[i], NULL, run, &seeds[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
