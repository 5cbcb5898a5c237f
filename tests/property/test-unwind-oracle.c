// inside: tracer/record/unwind.c tracer/record/near.c tracer/record/predict.c tracer/record/stack.c tracer/record/registers.c tracer/record/rules.c tracer/record/cfi.c tracer/record/modules.c tracer/record/tracebacks.c tracer/record/counters.c tracer/record/recorder.c
/*
 * Random call trees through all kinds of frames, on all kinds of stacks; the traceback of every
 * event is compared with libunwind's, outermost frame included. MT_SEED and MT_EVENTS
 * choose another tree and its size.
 */
#define UNW_LOCAL_ONLY
#include "tests/tap.h"

#include "tests/record.h"
#include "tracer/record/modules.h"

#include <alloca.h>
#include <dlfcn.h>
#include <libunwind.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

#if defined(__clang__)
#define UNOPTIMIZED        __attribute__((noinline, optnone))
#define WITH_FRAME_POINTER __attribute__((noinline))
#else
#define UNOPTIMIZED        __attribute__((noinline, optimize("O0")))
#define WITH_FRAME_POINTER __attribute__((noinline, optimize("no-omit-frame-pointer")))
#endif

enum {
	MAX_FRAMES = 16384,
	COROUTINES = 8,
	COROUTINE_BYTES = 256 << 10,
	EXACT_EVERY = 16, /* events compared with unw_step instead of unw_backtrace */
};

struct coroutine {
	ucontext_t context, back;
	char *stack;
	bool is_running, is_used;
};

static struct mt_recorder recorder;
static uint64_t seed, state_of_random;
static volatile long events, events_left; /* signal handlers count too */
static long mismatches, truncated;
static bool exact_only, expect_truncated;
static struct coroutine coroutines[COROUTINES];
static struct coroutine *current;
static sigjmp_buf *landing;
static uintptr_t expected[MAX_FRAMES], frames[MAX_FRAMES];

static uint32_t pick(uint32_t n)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(state_of_random >> 33) % n;
}

static void seed_random(void)
{
	const char *text = getenv("MT_SEED");
	seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL) << 16 ^ getpid();
	state_of_random = seed | 1;
	printf("# MT_SEED=%" PRIu64 "\n", seed);
}

static long events_wanted(long usual)
{
	const char *text = getenv("MT_EVENTS");
	return text ? atol(text) : usual;
}

typedef int kind(int depth);

/* A function whose frame is found through rbx only, and one through an expression. */
int by_rbx(int depth, kind *next);
int by_expression(int depth, kind *next);
int without_cfi(int depth, kind *next);
extern const char without_cfi_end[];
__asm__(".text\n"
	".type by_rbx, @function\n"
	"by_rbx:\n"
	".cfi_startproc\n"
	"push %rbx\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rbx, 0\n"
	"mov %rsp, %rbx\n"
	".cfi_def_cfa_register %rbx\n"
	"and $-256, %rsp\n"
	"call *%rsi\n"
	"mov %rbx, %rsp\n"
	".cfi_def_cfa_register %rsp\n"
	"pop %rbx\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_restore %rbx\n"
	"ret\n"
	".cfi_endproc\n"
	".size by_rbx, .-by_rbx\n"
	".type by_expression, @function\n"
	"by_expression:\n"
	".cfi_startproc\n"
	"mov %rsp, %rax\n"
	"sub $64, %rsp\n"
	"and $-128, %rsp\n"
	"mov %rax, 16(%rsp)\n"
	/* CFA = *(rsp + 16) + 8 */
	".cfi_escape 0x0f, 5, 0x77, 16, 0x06, 0x23, 8\n"
	"call *%rsi\n"
	"mov 16(%rsp), %rsp\n"
	".cfi_def_cfa %rsp, 8\n"
	"ret\n"
	".cfi_endproc\n"
	".size by_expression, .-by_expression\n"
	".type without_cfi, @function\n"
	"without_cfi:\n"
	"sub $24, %rsp\n"
	"call *%rsi\n"
	"add $24, %rsp\n"
	"ret\n"
	"without_cfi_end:\n"
	".size without_cfi, .-without_cfi\n");

/*
 * Our frames and the callers, skip of them left out. libunwind guesses where there is no unwind
 * information, and may crash: there, it is stopped.
 */
static int step_oracle(const unw_context_t *context, int skip)
{
	unw_cursor_t cursor;
	expect_truncated = false;
	unw_init_local(&cursor, (unw_context_t *)context);
	int count = -skip;
	do {
		unw_word_t pc;
		unw_get_reg(&cursor, UNW_REG_IP, &pc);
		if (!pc)
			break;
		if (count >= 0 && count < MAX_FRAMES)
			expected[count] = pc;
		count++;
		expect_truncated = pc - (uintptr_t)without_cfi <=
				   (uintptr_t)without_cfi_end - (uintptr_t)without_cfi;
	} while (!expect_truncated && unw_step(&cursor) > 0);
	return count;
}

static bool is_truncated(mt_traceback_id id)
{
	mt_node_id node = mt_state.tracebacks[id];
	while (node >= MT_FIRST_NODE)
		node = mt_state.nodes[node].parent;
	return node == MT_ROOT_TRUNCATED;
}

static void compare(mt_traceback_id id, int n)
{
	int got = id ? mt_recorder_frames(id, frames, MAX_FRAMES) : 0;
	bool is_short = id && is_truncated(id);
	truncated += is_short;
	bool is_same = got == n && is_short == expect_truncated;
	for (int i = 0; i < got && i < n && is_same; i++)
		is_same = frames[i] == expected[i];
	events++;
	events_left--;
	if (is_same || ++mismatches > 5)
		return;
	printf("# event %ld, seed %" PRIu64 ": %d frames%s, expected %d\n", events, seed,
	       got, is_short ? " (truncated)" : "", n);
	for (int i = 0; i < got || i < n; i++)
		if (i >= got || i >= n || frames[i] != expected[i])
			printf("#  %d: %#lx %#lx\n", i,
			       i < got ? (unsigned long)frames[i] : 0,
			       i < n ? (unsigned long)expected[i] : 0);
}

/* The event. */
__attribute__((noinline)) static void door(void)
{
	struct mt_caller caller = MT_CALLER();
	if (!mt_guard_enter(&recorder.guard))
		return;
	mt_traceback_id id = mt_unwind_traceback(&recorder, caller);
	int n;
	if (exact_only || events % EXACT_EVERY == 0) {
		unw_context_t context;
		unw_getcontext(&context);
		n = step_oracle(&context, 1);
	} else {
		static void *buffer[MAX_FRAMES];
		n = unw_backtrace(buffer, MAX_FRAMES) - 1;
		for (int i = 0; i < n; i++)
			expected[i] = (uintptr_t)buffer[i + 1];
	}
	compare(id, n);
	mt_guard_leave(&recorder.guard);
}

static kind *const nodes[];
static int node_count(void);

/* What every kind of frame does: some events, some calls. */
static inline __attribute__((always_inline)) int grow(int depth)
{
	int sum = depth;
	if (depth <= 0 || events_left <= 0) {
		door();
		return sum;
	}
	for (uint32_t i = pick(3); i-- > 0 && events_left > 0;) {
		if (pick(3) == 0)
			door();
		sum += nodes[pick((uint32_t)node_count())](depth - 1 - (int)pick(3));
	}
	if (pick(2))
		door();
	return sum;
}

__attribute__((noinline)) static int plain(int depth)
{
	return grow(depth) + 1;
}

__attribute__((noinline)) static int large(int depth)
{
	volatile char space[3000];
	space[depth & 1023] = 1;
	return grow(depth) + space[depth & 1023];
}

__attribute__((noinline)) static int with_alloca(int depth)
{
	volatile char *space = alloca(16 + pick(500));
	space[3] = 2;
	return grow(depth) + space[3];
}

__attribute__((noinline)) static int with_array(int depth)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvla"
	volatile char space[1 + pick(300)];
#pragma GCC diagnostic pop
	space[0] = 3;
	return grow(depth) + space[0];
}

__attribute__((noinline)) static int aligned(int depth)
{
	_Alignas(64) volatile char space[128];
	space[0] = 4;
	return grow(depth) + space[0];
}

__attribute__((noinline)) static int aligned_with_alloca(int depth)
{
	_Alignas(128) volatile char space[256];
	volatile char *more = alloca(16 + pick(200));
	space[0] = more[0] = 5;
	return grow(depth) + space[0] + more[0];
}

UNOPTIMIZED static int unoptimized(int depth)
{
	int result = grow(depth);
	return result + 6;
}

WITH_FRAME_POINTER static int with_frame_pointer(int depth)
{
	volatile int extra = 7;
	return grow(depth) + extra;
}

/* Keeps all callee-saved registers busy, rbp among them as an ordinary one. */
__attribute__((noinline)) static int busy(int depth)
{
	int a = (int)pick(9), b = (int)pick(9), c = (int)pick(9), d = (int)pick(9);
	int e = (int)pick(9), f = (int)pick(9), g = (int)pick(9);
	int sum = grow(depth);
	return sum + a * b + c * d + e * f + g;
}

__attribute__((noinline)) static int odd(int depth)
{
	return (pick(2) ? by_rbx : by_expression)(depth, plain) + 1;
}

__attribute__((noinline)) static int opaque(int depth)
{
	return without_cfi(depth, busy) + 1;
}

static int depth_in_handler;
static bool is_on_signal_stack;

static void handler(int signal_number)
{
	int depth = depth_in_handler;
	depth_in_handler = 0;
	if (signal_number == SIGUSR1) {
		grow(depth);
		return;
	}
	/* From here nobody may leave but by returning: the stack is used only once. */
	sigjmp_buf *outer = landing;
	landing = NULL;
	is_on_signal_stack = true;
	grow(depth);
	is_on_signal_stack = false;
	landing = outer;
}

__attribute__((noinline)) static int with_signal(int depth)
{
	depth_in_handler = depth > 6 ? 6 : depth;
	raise(is_on_signal_stack ? SIGUSR1 : pick(2) ? SIGUSR1 : SIGUSR2);
	return 1;
}

static int with_landing(int depth)
{
	sigjmp_buf here, *outer = landing;
	volatile int sum = 0;
	if (current)
		return plain(depth);
	if (!sigsetjmp(here, 1)) {
		landing = &here;
		sum = busy(depth);
	} else {
		door();
	}
	landing = outer;
	return sum;
}

__attribute__((noinline)) static int with_jump(int depth)
{
	door();
	if (landing && !current && !pick(4))
		siglongjmp(*landing, 1);
	return depth;
}

static void run_coroutine(void)
{
	for (;;) {
		landing = NULL;
		plain(10);
		current->is_running = false;
		swapcontext(&current->context, &current->back);
	}
}

static void enter(struct coroutine *c)
{
	sigjmp_buf *outer = landing;
	landing = NULL;
	if (!c->is_used) {
		c->is_used = true;
		c->stack = malloc(COROUTINE_BYTES);
		getcontext(&c->context);
		c->context.uc_stack.ss_sp = c->stack;
		c->context.uc_stack.ss_size = COROUTINE_BYTES;
		makecontext(&c->context, run_coroutine, 0);
	}
	c->is_running = true;
	current = c;
	swapcontext(&c->back, &c->context);
	current = NULL;
	landing = outer;
}

/* Into a coroutine, or from one back to where it was entered, to be resumed later. */
__attribute__((noinline)) static int with_coroutine(int depth)
{
	if (is_on_signal_stack)
		return plain(depth);
	if (!current)
		enter(&coroutines[pick(COROUTINES)]);
	else if (pick(2))
		swapcontext(&current->context, &current->back);
	door();
	return depth;
}

static kind *const nodes[] = {
	plain,          large,
	with_alloca,    with_array,
	aligned,        aligned_with_alloca,
	unoptimized,    with_frame_pointer,
	busy,           plain,
	busy,           odd,
	opaque,         with_signal,
	with_landing,   with_jump,
	with_coroutine,
};

static int used_nodes = 9;

static int node_count(void)
{
	return used_nodes;
}

static void handle_signals(void)
{
	static char signal_stack[64 << 10];
	stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
	sigaltstack(&stack, NULL);
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};
	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &action, NULL);
}

static void prepare(void)
{
	test_state_open(1 << 24, 1 << 22, 1 << 10);
	test_recorder_open(&recorder);
	seed_random();
}

static void check(long wanted)
{
	printf("# %ld events compared, %ld truncated; %lu walks, %lu frames walked\n",
	       events, truncated, (unsigned long)recorder.shared->walks,
	       (unsigned long)recorder.shared->walked);
	ok(events >= wanted);
	is_int(mismatches, 0);
}

static void grow_all(long wanted)
{
	events_left = wanted;
	while (events_left > 0)
		busy(8 + (int)pick(20));
}

TEST(ordinary_frames)
{
	prepare();
	long wanted = events_wanted(300000);
	grow_all(wanted);
	check(wanted);
	is_int(truncated, 0);
}

TEST(frames_that_need_other_registers_and_some_without_information)
{
	prepare();
	used_nodes = 13;
	exact_only = true;
	long wanted = events_wanted(20000);
	grow_all(wanted);
	check(wanted);
	ok(truncated > 0);
}

TEST(signals_jumps_and_coroutines)
{
	prepare();
	handle_signals();
	used_nodes = sizeof(nodes) / sizeof(nodes[0]);
	exact_only = true;
	long wanted = events_wanted(40000);
	grow_all(wanted);
	check(wanted);
}

/* The next one is asked for when this is over: what it interrupts has its time between two. */
static void set_timer(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 50}, NULL);
}

/* A timer's signal at any instruction: prologues, epilogues, the recorder itself. */
static void at_any_instruction(int signal_number)
{
	(void)signal_number;
	door();
	if (events_left > 0)
		set_timer();
}

static void start_timer(void)
{
	struct sigaction action = {.sa_handler = at_any_instruction,
				   .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	set_timer();
}

static void work_without_events(int depth)
{
	volatile int sum = 0;
	for (int i = 0; i < 200; i++)
		sum += (int)pick(7);
	if (depth > 0)
		work_without_events(depth - 1 - (int)pick(2));
	__asm__ volatile("" ::"r"(sum) : "memory");
}

TEST(interrupted_at_any_instruction)
{
	prepare();
	exact_only = true;
	long wanted = events_wanted(3000);
	events_left = wanted;
	start_timer();
	while (events_left > 0)
		work_without_events(30);
	check(wanted);
	is_int(truncated, 0);
}

static void *grow_in_thread(void *data)
{
	long wanted = *(long *)data;
	test_recorder_adopt(&recorder);
	grow_all(wanted);
	mt_recorder_close(&recorder);
	return NULL;
}

/* One slot passes from thread to thread; most of them get a stack that another one had. */
TEST(threads_that_recycle_stacks)
{
	prepare();
	used_nodes = 11;
	long wanted = 500, threads = events_wanted(30000) / wanted;
	for (long i = 0; i < threads; i++) {
		pthread_t thread;
		pthread_attr_t attributes;
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, (1 + pick(3)) << 20);
		pthread_create(&thread, &attributes, grow_in_thread, &wanted);
		pthread_join(thread, NULL);
		pthread_attr_destroy(&attributes);
	}
	check(wanted * threads);
	is_int(truncated, 0);
	ok(recorder.unwinder->span != 0);
}

__attribute__((noinline)) static int recur(int depth, int every)
{
	volatile int local = depth;
	if (depth % every == 0)
		door();
	if (depth > 0)
		local += recur(depth - 1, every);
	if (depth % every == 1)
		door();
	return local;
}

TEST(ten_thousand_deep)
{
	prepare();
	recur(10000, 100);
	recur(10000, 100);
	recur(3000, 7);
	check(1000);
	is_int(truncated, 0);
}

static int deepest;
static mt_traceback_id deepest_id;

__attribute__((noinline)) static void door_without_oracle(void)
{
	struct mt_caller caller = MT_CALLER();
	mt_traceback_id id = mt_unwind_traceback(&recorder, caller);
	int got = id ? mt_recorder_frames(id, NULL, 0) : 0;
	deepest = got > deepest ? got : deepest;
	deepest_id = id; /* events come on the way down only */
	mismatches += got < 2;
}

__attribute__((noinline)) static int recur_without_oracle(int depth, int every)
{
	volatile int local = depth;
	if (depth % every == 0)
		door_without_oracle();
	if (depth > 0)
		local += recur_without_oracle(depth - 1, every);
	return local;
}

static void *recur_deeply(void *data)
{
	(void)data;
	test_recorder_adopt(&recorder);
	recur_without_oracle(300000, 1000);
	recur_without_oracle(300000, 1000);
	return NULL;
}

static bool is_beneath(mt_node_id node, mt_node_id root)
{
	while (node >= MT_FIRST_NODE)
		node = mt_state.nodes[node].parent;
	return node == root;
}

/* Outer frames are left out in large steps, so that the tree does not grow with every event. */
TEST(deeper_than_the_limit_is_cut_outside_and_marked)
{
	prepare();
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 << 20);
	pthread_create(&thread, &attributes, recur_deeply, NULL);
	pthread_join(thread, NULL);
	ok(deepest > MT_MAX_DEPTH / 2 && deepest <= MT_MAX_DEPTH);
	is_int(mismatches, 0);
	ok(mt_state.header->used.nodes < 4 * 300000);
	ok(is_beneath(mt_state.tracebacks[deepest_id], MT_ROOT_DEEP));
}

/* A library whose function has another frame and other calls in each variant. */
static void build_library(const char *directory, int variant)
{
	char command[1024];
	snprintf(command, sizeof(command),
		 "cd %s && printf '%%s' 'int run(int depth, int (*next)(int));"
		 "int run(int depth, int (*next)(int)) { volatile char space[%d];"
		 "space[0] = 1; int sum = next(depth); return sum + space[0]; }'"
		 " > v.c && ${CC:-cc} -O%d -shared -fPIC -o v%d.so v.c",
		 directory, 16 + 48 * variant, variant % 2 ? 2 : 0, variant);
	if (system(command) != 0)
		skip_test("no C compiler");
}

static int (*run_in_library)(int depth, int (*next)(int));

__attribute__((noinline)) static int through_library(int depth)
{
	return run_in_library(depth, busy) + 1;
}

/* The same calls through whatever is at the library's address now. */
static void use_library(const char *path, uintptr_t *address)
{
	mt_modules_loading();
	void *library = dlopen(path, RTLD_NOW);
	run_in_library = (int (*)(int, int (*)(int)))dlsym(library, "run");
	*address = (uintptr_t)run_in_library;
	unw_flush_cache(unw_local_addr_space, 0, 0);
	for (events_left = 50; events_left > 0;)
		through_library(6);
	mt_modules_unloading();
	dlclose(library);
	mt_modules_unloaded();
}

TEST(libraries_that_come_back_at_the_same_address)
{
	enum {
		VARIANTS = 4
	};
	prepare();
	char directory[] = "/tmp/memtrace-oracle-XXXXXX", path[128];
	if (!mkdtemp(directory))
		abort();
	for (int i = 0; i < VARIANTS; i++)
		build_library(directory, i);
	exact_only = true;
	uintptr_t former[VARIANTS] = {0};
	int same_address = 0, rounds = (int)(events_wanted(20000) / 50);
	for (int i = 0; i < rounds; i++) {
		uintptr_t address;
		snprintf(path, sizeof(path), "%s/v%d.so", directory, i % VARIANTS);
		use_library(path, &address);
		same_address += address == former[i % VARIANTS];
		former[i % VARIANTS] = address;
	}
	printf("# %d of %d at the same address\n", same_address, rounds);
	check(rounds * 50);
	is_int(truncated, 0);
	uint32_t unloaded = 0;
	for (uint32_t i = 1; i < mt_state.header->used.modules; i++)
		unloaded += !!(mt_state.modules[i].flags & MT_MODULE_UNLOADED);
	ok(unloaded >= VARIANTS && unloaded < 4 * VARIANTS);
	snprintf(path, sizeof(path), "rm -r %s", directory);
	ok(system(path) == 0);
}

TAP_MAIN()
