// inside: preload/interpose.c preload/serve.c preload/resize.c preload/fence.c preload/fence-look.c preload/fenced.c preload/debug.c preload/debug-blocks.c preload/debug-check.c preload/debug-dead.c preload/unfenced.c preload/look.c preload/ancestors.c preload/debug-quarantine.c preload/debug-report.c preload/report.c preload/control.c preload/config.c preload/setting.c preload/nested.c preload/own-operators.c preload/libc.c preload/large.c preload/brk.c preload/bump.c preload/heaps.c preload/arenas.c preload/pymalloc.c preload/thread.c tracer/record/blocks.c tracer/record/state.c tracer/record/handover.c tracer/record/slots.c tracer/record/unwind.c tracer/record/near.c tracer/record/predict.c tracer/record/registers.c tracer/record/stack.c tracer/record/rules.c tracer/record/cfi.c tracer/record/modules.c tracer/record/tracebacks.c tracer/record/counters.c tracer/record/recorder.c
/*
 * test-malloc-family.c - random requests of all kinds, one thread and many, against a
 * trivial model: contents stay, alignments hold, and what is recorded is what is live.
 */
#include "tests/process.h"
#include "tests/tap.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

enum {
	SLOTS = 2000,
	OPERATIONS = 1000000,
	THREADS = 4,
	EXCHANGE = 256,
};

struct block {
	unsigned char *p;
	size_t size;
	unsigned char seed;
};

struct worker {
	uint64_t random;
	struct block blocks[SLOTS];
	int64_t live_bytes, live_count;
	const char *failure;
};

/* The compiler must not drop a block that nobody reads. */
static void *volatile sink;

/* Each test is a forked child: from its first event on, its numbers are its own. */
static void begin(void)
{
	sink = malloc(1);
	free(sink);
}

static uint64_t next_random(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	return w->random ^= w->random << 17;
}

static size_t random_size(struct worker *w)
{
	uint64_t value = next_random(w);
	switch (value % 16) {
	case 0:
		return value / 16 % 9000;
	case 1:
		return 505 + value / 16 % 16;
	case 2:
		return value / 16 % 512 ? value / 16 % 100 : 200000;
	default:
		return value / 16 % 513;
	}
}

static unsigned char byte_at(const struct block *block, size_t i)
{
	return (unsigned char)(block->seed + i * 7);
}

static void fill(struct block *block, size_t from)
{
	for (size_t i = from; i < block->size; i++)
		block->p[i] = byte_at(block, i);
}

static bool is_intact(const struct block *block, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (block->p[i] != byte_at(block, i))
			return false;
	return true;
}

static void fail(struct worker *w, const char *what)
{
	if (!w->failure)
		w->failure = what;
}

static size_t least_alignment(size_t size)
{
	if (test_has("GEOMETRY=classic"))
		return 8;
	return size ? 16 : 1;
}

static void *request(struct worker *w, size_t *size, size_t *alignment)
{
	uint64_t value = next_random(w);
	size_t power = (size_t)8 << value / 16 % 10;
	void *p = NULL;
	*alignment = least_alignment(*size);
	switch (value % 16) {
	case 0:
		*alignment = power;
		return posix_memalign(&p, power, *size) ? NULL : p;
	case 1:
		*alignment = power;
		return memalign(power, *size);
	case 2:
		*alignment = power;
		return aligned_alloc(power, *size);
	case 3:
		*alignment = value / 16 % 64 ? *alignment : 4096;
		return value / 16 % 64 ? malloc(*size) : valloc(*size);
	case 4:
	case 5:
		p = calloc(1 + *size / 8, 8);
		*size = (1 + *size / 8) * 8;
		for (size_t i = 0; p && i < *size; i++)
			if (((unsigned char *)p)[i])
				fail(w, "calloc: not zero");
		return p;
	default:
		return malloc(*size);
	}
}

static void create(struct worker *w, struct block *block)
{
	size_t size = random_size(w);
	size_t alignment;
	block->p = request(w, &size, &alignment);
	block->size = size;
	block->seed = (unsigned char)next_random(w);
	if (!block->p)
		fail(w, "no memory");
	else if ((uintptr_t)block->p % alignment)
		fail(w, "not aligned");
	else if (malloc_usable_size(block->p) < size)
		fail(w, "usable size below the requested one");
	fill(block, 0);
	w->live_bytes += (int64_t)size;
	w->live_count++;
}

static void destroy(struct worker *w, struct block *block)
{
	if (!is_intact(block, block->size))
		fail(w, "contents changed");
	w->live_bytes -= (int64_t)block->size;
	w->live_count--;
	free(block->p);
	block->p = NULL;
}

static void resize(struct worker *w, struct block *block)
{
	size_t size = random_size(w);
	if (next_random(w) % 2)
		size = block->size + next_random(w) % 40;
	if (!size)
		size = 1;
	unsigned char *p = realloc(block->p, size);
	size_t kept = size < block->size ? size : block->size;
	block->p = p;
	if (!is_intact(block, kept))
		fail(w, "realloc: contents changed");
	w->live_bytes += (int64_t)size - (int64_t)block->size;
	block->size = size;
	fill(block, kept);
}

/*
 * Blocks change hands here, so that another thread frees them. They go on counting with
 * the one who made them.
 */
static pthread_mutex_t exchange_lock = PTHREAD_MUTEX_INITIALIZER;
static struct block exchange_table[EXCHANGE];

static void exchange(struct worker *w, struct block *block)
{
	struct block *place = &exchange_table[next_random(w) % EXCHANGE];
	pthread_mutex_lock(&exchange_lock);
	struct block other = *place;
	*place = *block;
	pthread_mutex_unlock(&exchange_lock);
	*block = other;
}

static void work(struct worker *w, int operations, bool has_company)
{
	for (int n = 0; n < operations && !w->failure; n++) {
		uint64_t value = next_random(w);
		struct block *block = &w->blocks[value % SLOTS];
		if (!block->p)
			create(w, block);
		else if (has_company && value / SLOTS % 3 == 0)
			exchange(w, block);
		else if (value / SLOTS % 4 == 1)
			resize(w, block);
		else
			destroy(w, block);
	}
}

static void destroy_all(struct worker *w)
{
	for (int i = 0; i < SLOTS; i++)
		if (w->blocks[i].p)
			destroy(w, &w->blocks[i]);
}

static void report(const struct worker *w, uint64_t seed)
{
	if (w->failure)
		printf("# seed %" PRIu64 ": %s\n", seed, w->failure);
	ok(!w->failure);
}

static struct worker workers[THREADS];

/* Slower by far. */
static bool is_checked(void)
{
	return test_has("CHECK=debug") || test_has("CHECK=guard");
}

TEST(one_thread)
{
	struct worker *w = &workers[0];
	int64_t before_count, count;
	begin();
	w->random = 6051;
	int64_t before = test_live_bytes(&before_count);
	work(w, is_checked() ? OPERATIONS / 10 : OPERATIONS, false);
	is_int(test_live_bytes(&count) - before, w->live_bytes);
	is_int(count - before_count, w->live_count);
	destroy_all(w);
	is_int(test_live_bytes(&count) - before, 0);
	is_int(count - before_count, 0);
	report(w, 6051);
}

static void *run_worker(void *worker)
{
	work(worker, OPERATIONS / 4, true);
	return NULL;
}

/* Two rounds: the second one's threads adopt the heaps of the first. */
static void run_threads(uint64_t seed)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		workers[i].random = seed * 31 + (uint64_t)i + 1;
		if (pthread_create(&threads[i], NULL, run_worker, &workers[i]))
			abort();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

TEST(threads_free_each_other_s_blocks)
{
	int64_t before_count, count, live = 0, live_count = 0;
	begin();
	run_threads(1); /* the C library keeps some blocks for threads from now on */
	int64_t before = test_live_bytes(&before_count);
	for (int i = 0; i < THREADS; i++)
		before -= workers[i].live_bytes;
	run_threads(2);
	for (int i = 0; i < THREADS; i++)
		destroy_all(&workers[i]);
	for (int i = 0; i < EXCHANGE; i++)
		if (exchange_table[i].p)
			destroy(&workers[0], &exchange_table[i]);
	for (int i = 0; i < THREADS; i++) {
		report(&workers[i], 2);
		live += workers[i].live_bytes;
		live_count += workers[i].live_count;
	}
	is_int(live, 0);
	is_int(live_count, 0);
	is_int(test_live_bytes(&count), before);
}

static void run_again(char *setting)
{
	char name[] = "test-malloc-family";
	char *arguments[] = {name, NULL};
	char *environment[] = {setting, NULL};
	execve("/proc/self/exe", arguments, environment);
	abort();
}

TEST(one_thread_with_classic_geometry)
{
	static char setting[] = "GEOMETRY=classic";
	run_again(setting);
}

TEST(one_thread_with_the_c_library_s_blocks)
{
	static char setting[] = "MODE=malloc";
	run_again(setting);
}

TEST(one_thread_in_debug_mode)
{
	static char setting[] = "CHECK=debug";
	run_again(setting);
}

TEST(one_thread_with_fences)
{
	static char setting[] = "CHECK=guard";
	run_again(setting);
}

TEST(errors_and_zero_sizes_are_glibc_s)
{
	void *p = NULL;
	volatile size_t huge = SIZE_MAX;
	errno = 0;
	ok(!malloc(huge) && errno == ENOMEM);
	errno = 0;
	ok(!calloc(huge / 2, 3) && errno == ENOMEM);
	errno = 0;
	ok(!reallocarray(NULL, huge / 2, 3) && errno == ENOMEM);
	errno = 0;
	ok(!malloc(PTRDIFF_MAX) && errno == ENOMEM);
	errno = 0;
	ok(!memalign(huge, 1) && errno == EINVAL);
	errno = 0;
	ok(!pvalloc(huge) && errno == ENOMEM);
	errno = 7;
	is_int(posix_memalign(&p, 24, 1), EINVAL);
	is_int(posix_memalign(&p, 4, 1), EINVAL);
	is_int(errno, 7);
	is_int(posix_memalign(&p, 64, huge), ENOMEM);
	is_int(errno, ENOMEM);
	errno = 7;
	void *zero = malloc(0), *other = malloc(0);
	ok(zero && other && zero != other);
	ok(realloc(zero, 0) == NULL);
	ok(realloc(malloc(100), 0) == NULL);
	free(other);
	free(NULL);
	is_int(malloc_usable_size(NULL), 0);
	is_int(errno, 7);
}

TEST(failed_realloc_changes_nothing)
{
	volatile size_t sizes[] = {10, 500, 700, 300000};
	int64_t before_count, count;
	begin();
	for (int i = 0; i < 4; i++) {
		struct block block = {malloc(sizes[i]), sizes[i], 3};
		fill(&block, 0);
		int64_t before = test_live_bytes(&before_count);
		errno = 0;
		sink = block.p;
		void *moved = realloc(sink, PTRDIFF_MAX);
		ok(!moved && errno == ENOMEM);
		ok(is_intact(&block, block.size));
		is_int(test_live_bytes(&count), before);
		is_int(count, before_count);
		free(block.p);
	}
}

static bool is_in_place(size_t from, size_t to)
{
	sink = malloc(from);
	uintptr_t before = (uintptr_t)sink;
	sink = realloc(sink, to);
	return (uintptr_t)sink == before;
}

TEST(realloc_stays_in_place_by_cpython_s_rule)
{
	ok(is_in_place(512, 385));
	ok(!is_in_place(512, 384));
	ok(is_in_place(100, 85));
	ok(!is_in_place(100, 84));
	ok(is_in_place(100, 112));
	ok(!is_in_place(100, 113));
}

static void *come_and_go(void *argument)
{
	free(argument);
	return malloc(33);
}

TEST(thousands_of_threads_share_a_few_slots)
{
	void *p = malloc(33);
	int64_t before_count, count;
	int64_t before = 0;
	for (int i = 0; i < 3000; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, come_and_go, p))
			abort();
		pthread_join(thread, &p);
		if (i == 0)
			before = test_live_bytes(&before_count);
	}
	is_int(test_live_bytes(&count), before);
	ok(atomic_load(&mt_state.header->used.slots) <= 4);
	ok(atomic_load(&mt_state.header->arenas.current) <= 3);
}

static pthread_key_t late_key;
static void *late_block;

static void free_late(void *value)
{
	static _Thread_local int rounds;
	if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
		pthread_setspecific(late_key, value);
	free(late_block);
	late_block = malloc(77);
}

static void *end_late(void *argument)
{
	pthread_setspecific(late_key, argument);
	return NULL;
}

TEST(destructors_that_come_after_ours_are_recorded)
{
	pthread_key_create(&late_key, free_late);
	int64_t before_count, count, before = 0;
	for (int i = 0; i < 5; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, end_late, &late_key))
			abort();
		pthread_join(thread, NULL);
		if (i == 0)
			before = test_live_bytes(&before_count);
	}
	is_int(test_live_bytes(&count), before);
	is_int(count, before_count);
}

static _Atomic bool is_over;

static void *churn(void *argument)
{
	struct worker *w = argument;
	while (!is_over)
		work(w, 1000, true);
	return NULL;
}

static int child_of_threads(void)
{
	int64_t count;
	void *p = sink = malloc(50);
	if (test_live_bytes(&count) != 50 || count != 1)
		return 1;
	if (atomic_load(&mt_state.header->arenas.inherited_total_count) < 1)
		return 2;
	work(&workers[THREADS - 1], 20000, false);
	if (workers[THREADS - 1].failure)
		return 3;
	free(p);
	return 0;
}

TEST(children_of_a_process_with_threads_go_on)
{
	pthread_t threads[2];
	workers[THREADS - 1].random = 99;
	work(&workers[THREADS - 1], 20000, false);
	for (int i = 0; i < 2; i++) {
		workers[i].random = 1234 + (uint64_t)i;
		if (pthread_create(&threads[i], NULL, churn, &workers[i]))
			abort();
	}
	for (int i = 0; i < 50; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(child_of_threads());
		int status;
		waitpid(child, &status, 0);
		is_int(status, 0);
	}
	is_over = true;
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		report(&workers[i], 1234);
	}
}

TEST(inherited_blocks_are_one_row_that_shrinks)
{
	enum {
		COUNT = 1000,
	};
	void *blocks[COUNT];
	for (int i = 0; i < COUNT; i++)
		blocks[i] = malloc(i % 2 ? 40 : 4000);
	pid_t child = fork();
	if (child == 0) {
		begin();
		struct mt_state_header *header = mt_state.header;
		uint64_t count = atomic_load(&header->arenas.inherited_count);
		uint64_t bytes = atomic_load(&header->arenas.inherited_bytes);
		for (int i = 0; i < COUNT; i++)
			free(blocks[i]);
		count -= atomic_load(&header->arenas.inherited_count);
		bytes -= atomic_load(&header->arenas.inherited_bytes);
		_exit(count == COUNT && bytes == COUNT / 2 * (48 + 4000) ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	is_int(status, 0);
}

static struct worker handler_worker;

static void set_timer(int us)
{
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = us}, NULL);
}

static volatile bool timer_is_over;

/* Asks for the next one at its end: the test has its time between two on any machine. */
static void on_timer(int signal_number)
{
	(void)signal_number;
	int before = errno;
	work(&handler_worker, 5, false);
	if (!timer_is_over)
		set_timer(50);
	errno = before;
}

/* Nested events are served and counted but not recorded, so numbers are not compared. */
TEST(a_timer_s_handler_may_allocate_at_every_instruction)
{
	struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
	begin();
	workers[0].random = 3;
	handler_worker.random = 4;
	sigaction(SIGALRM, &action, NULL);
	set_timer(50);
	uint64_t *nested = (uint64_t *)&mt_state.header->losses[MT_LOSS_NESTED];
	for (int i = 0; i < 2000 && *nested < 300; i++)
		work(&workers[0], 10000, false);
	timer_is_over = true;
	set_timer(0);
	ok(*nested >= 300);
	report(&workers[0], 3);
	report(&handler_worker, 4);
	destroy_all(&workers[0]);
	destroy_all(&handler_worker);
}

/* Run again for another geometry or mode: one test, no TAP of its own. */
__attribute__((constructor)) static void run_one(void)
{
	if (!test_has("GEOMETRY=classic") && !test_has("MODE=malloc") && !is_checked())
		return;
	one_thread();
	fflush(stdout);
	_exit(tap_failures ? TAP_FAIL : TAP_PASS);
}

TAP_MAIN()
