/*
 * held.c - stories of blocks that something still holds, each in one place only.
 */
#include "story.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

static NOINLINE void *story_block(size_t size)
{
	void *block = malloc(size); /* held */
	memset(block, 1, size);
	return block;
}

static void *slot;
static volatile int is_ready;

static NOINLINE void global(void)
{
	slot = story_block(100);
	expect("reachable", 1, 100);
}

static NOINLINE void below(void)
{
	void **table = (void **)story_block(64);
	slot = table;
	for (int i = 0; i < 8; i++)
		table[i] = story_block(48);
	expect("reachable", 9, 64 + 8 * 48);
}

static NOINLINE void chain(void)
{
	for (int i = 0; i < 5; i++) {
		void **next = (void **)story_block(64);
		next[3] = slot;
		slot = next;
	}
	expect("reachable", 5, 5 * 64);
}

static NOINLINE void middle(void)
{
	slot = (char *)story_block(64) + 8;
	expect("possible", 1, 64);
}

/* What a pointer to the middle leads to is no surer. */
static NOINLINE void below_middle(void)
{
	void **block = (void **)story_block(64);
	block[3] = story_block(32);
	slot = (char *)block + 16;
	expect("possible", 2, 96);
}

static void *volatile ends[4];

/* Small ones that fill their class without the byte to spare, and large ones. */
static NOINLINE void past_end(void)
{
	static const size_t sizes[] = {32, 416, 3000, 100000};
	for (int i = 0; i < 4; i++)
		ends[i] = (char *)story_block(sizes[i]) + sizes[i];
	expect("possible", 4, 32 + 416 + 3000 + 100000);
}

/* One byte further is somewhere else. */
static NOINLINE void beyond_end(void)
{
	ends[0] = (char *)story_block(32) + 33;
	ends[1] = (char *)story_block(3000) + 3001;
	expect("definite", 2, 3032);
}

/* As those do who align what malloc gave them: the block knows where it begins. */
static NOINLINE void aligned_by_hand(void)
{
	void *block = story_block(200);
	void **aligned = (void **)(((uintptr_t)block + 72) & -(uintptr_t)64);
	aligned[-1] = block;
	slot = aligned;
	expect("reachable", 1, 200);
}

static NOINLINE void tagged(void)
{
	slot = (char *)story_block(64) + 1;
	expect("possible", 1, 64);
}

struct __attribute__((packed)) entry {
	char mark;
	void *block;
};

/* In data, in a block, in a huge one, and in what only such a pointer leads to. */
static NOINLINE void unaligned(void)
{
	static struct entry in_data __attribute__((used));
	struct entry *table = (struct entry *)story_block(20 * sizeof *table);
	struct entry *huge = (struct entry *)story_block(100000 * sizeof *huge);
	void **next = (void **)story_block(48);
	struct entry *last = (struct entry *)story_block(2 * sizeof *last);
	slot = table;
	ends[0] = huge;
	table[8].block = story_block(80);
	for (int i = 8; i < 100000; i += 8000)
		huge[i].block = story_block(96);
	/* One byte before 512 KiB: what is read at once ends there. */
	huge[58254].block = story_block(96);
	in_data.block = next;
	next[2] = last;
	last[1].block = story_block(112);
	expect("reachable", 2, 100020 * (long)sizeof *table);
	expect("possible", 1 + 14 + 3, 80 + 14 * 96 + 48 + 18 + 112);
}

/* What nothing else leads to is no better for the unaligned pointers in it. */
static NOINLINE void unaligned_in_lost(void)
{
	struct entry *entry = (struct entry *)story_block(5 * sizeof *entry);
	entry[3].block = entry;
	expect("definite", 1, 5 * (long)sizeof *entry);
}

__thread void *volatile thread_local_slot;

static NOINLINE void thread_local_of_main(void)
{
	thread_local_slot = story_block(80);
	expect("reachable", 1, 80);
}

static void start(void *(*run)(void *))
{
	pthread_t thread;
	is_ready = 0;
	if (pthread_create(&thread, NULL, run, NULL))
		abort();
	while (!is_ready)
		usleep(100);
}

/* Who is told may look at once: by then the registers of calls before have other values. */
static void wait_here(void)
{
	usleep(1);
	is_ready = 1;
	for (;;)
		pause();
}

static NOINLINE void *wait_with_thread_local(void *unused)
{
	thread_local_slot = story_block(80);
	forget();
	wait_here();
	return unused;
}

static NOINLINE void thread_local_of_other(void)
{
	start(wait_with_thread_local);
	expect("reachable", 1, 80);
}

static NOINLINE void *wait_with_stack(void *unused)
{
	void *volatile held = story_block(80);
	wait_here();
	return held ? unused : NULL;
}

static NOINLINE void stack_of_other(void)
{
	start(wait_with_stack);
	expect("reachable", 1, 80);
}

/* A block that only comes into being here, through a slot that is cleared again. */
static NOINLINE void fill_slot(void)
{
	slot = story_block(112);
	forget();
}

/* The pointer goes from the slot into a register, and is nowhere else from then on. */
static NOINLINE void *spin_with_register(void *unused)
{
	fill_slot();
	__asm__ volatile("mov %[slot], %%r10\n\t"
			 "movq $0, %[slot]\n\t"
			 "movl $1, %[ready]\n"
			 "1:\tpause\n\t"
			 "cmpl $2, %[ready]\n\t"
			 "jne 1b\n\t"
			 "xor %%r10d, %%r10d"
			 : [slot] "+m"(slot), [ready] "+m"(is_ready)
			 :
			 : "r10", "memory", "cc");
	return unused;
}

static NOINLINE void register_of_other(void)
{
	start(spin_with_register);
	expect("reachable", 1, 112);
}

enum {
	OWN_STACK_BYTES = 256 << 10,
};

static NOINLINE void dig(int depth)
{
	void *volatile slots[64];
	for (int i = 0; i < 64; i++)
		slots[i] = slot;
	if (depth && slots[depth])
		dig(depth - 1);
}

/* So far down that no later call's frame comes by. */
static NOINLINE void dig_deep(void)
{
	volatile char room[16384];
	room[0] = 0;
	dig(20);
	room[sizeof room - 1] = 0;
}

/* Holds one block; another one is left in stack slots of calls that have returned. */
static NOINLINE void *wait_on_own_stack(void *unused)
{
	void *volatile held = story_block(80);
	slot = story_block(24);
	dig_deep();
	slot = NULL;
	wait_here();
	return held ? unused : NULL;
}

static void start_on(void *stack)
{
	pthread_attr_t attributes;
	pthread_t thread;
	is_ready = 0;
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, OWN_STACK_BYTES);
	if (pthread_create(&thread, &attributes, wait_on_own_stack, NULL))
		abort();
	while (!is_ready)
		usleep(100);
	expect("definite", 1, 24);
}

static NOINLINE void stack_in_heap(void)
{
	start_on(malloc(OWN_STACK_BYTES));
	expect("reachable", 1, 80);
}

/* Side by side. */
static char *map_stacks(size_t count)
{
	void *memory = mmap(NULL, count * OWN_STACK_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		abort();
	return (char *)memory;
}

/* No guard keeps it apart from what the program has mapped beneath. */
static NOINLINE void stack_in_mapping(void)
{
	char *memory = map_stacks(2);
	((void **)memory)[100] = story_block(40);
	start_on(memory + OWN_STACK_BYTES);
	expect("reachable", 2, 120);
}

static void handle_on_own_stack(int signal)
{
	wait_on_own_stack(&signal);
}

static NOINLINE void *signal_on_own_stack(void *stack)
{
	stack_t alternate = {};
	struct sigaction action = {};
	alternate.ss_sp = stack;
	alternate.ss_size = OWN_STACK_BYTES;
	action.sa_handler = handle_on_own_stack;
	action.sa_flags = SA_ONSTACK;
	if (sigaltstack(&alternate, NULL) || sigaction(SIGUSR2, &action, NULL))
		abort();
	raise(SIGUSR2);
	return stack;
}

static void start_on_alternate(void *stack)
{
	pthread_t thread;
	is_ready = 0;
	if (pthread_create(&thread, NULL, signal_on_own_stack, stack))
		abort();
	while (!is_ready)
		usleep(100);
	expect("definite", 1, 24);
}

/* What is beside it in the mapping counts. */
static NOINLINE void alternate_stack_in_mapping(void)
{
	char *memory = map_stacks(3);
	((void **)memory)[100] = story_block(40);
	((void **)(memory + 2 * OWN_STACK_BYTES))[0] = story_block(48);
	start_on_alternate(memory + OWN_STACK_BYTES);
	expect("reachable", 3, 168);
}

static NOINLINE void name_signal_stack(void *stack, void (*handler)(int))
{
	stack_t alternate = {};
	struct sigaction action = {};
	alternate.ss_sp = stack;
	alternate.ss_size = OWN_STACK_BYTES;
	action.sa_handler = handler;
	action.sa_flags = SA_ONSTACK;
	if (sigaltstack(&alternate, NULL) || sigaction(SIGUSR2, &action, NULL))
		abort();
}

static NOINLINE void *name_and_wait(void *unused)
{
	name_signal_stack(story_block(OWN_STACK_BYTES), SIG_IGN);
	dig_deep();
	wait_here();
	return unused;
}

/* Only the kernel knows of these stacks. */
static NOINLINE void idle_signal_stack(void)
{
	pthread_t thread;
	is_ready = 0;
	name_signal_stack(story_block(OWN_STACK_BYTES), SIG_IGN);
	dig_deep();
	if (pthread_create(&thread, NULL, name_and_wait, NULL))
		abort();
	while (!is_ready)
		usleep(100);
	expect("reachable", 2, 2 * OWN_STACK_BYTES);
}

static void leave_something(int signal)
{
	(void)signal;
	slot = story_block(24);
	dig_deep();
	slot = NULL;
}

static NOINLINE void left_on_signal_stack(void)
{
	char *memory = map_stacks(2);
	((void **)memory)[100] = story_block(40);
	name_signal_stack(memory + OWN_STACK_BYTES, leave_something);
	raise(SIGUSR2);
	expect("definite", 1, 24);
	expect("reachable", 1, 40);
}

static struct {
	char stack[OWN_STACK_BYTES] __attribute__((aligned(16)));
	void *volatile behind;
} own;

static NOINLINE void alternate_stack_in_module(void)
{
	own.behind = story_block(48);
	start_on_alternate(own.stack);
	expect("reachable", 2, 128);
}

static volatile int waiting_thread; /* its id */

static bool is_asleep(int thread)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
	int file = open(path, O_RDONLY);
	if (file < 0 || read(file, text, sizeof text - 1) < 0)
		abort();
	close(file);
	const char *state = strrchr(text, ')');
	return state && state[2] == 'S';
}

/* By address, so that no resolver of symbols comes by first. */
static int (*volatile wait_in_kernel)(void) = pause;

/*
 * What lies below the stack pointer of a thread that waits in the kernel is of calls that
 * have returned: too far down for the frame of pause(), near enough for a red zone.
 */
static NOINLINE void *wait_above_stale(void *unused)
{
	fill_slot();
	waiting_thread = (int)syscall(SYS_gettid);
	__asm__ volatile("mov %[slot], %%r10\n\t"
			 "mov %%r10, -112(%%rsp)\n\t"
			 "mov %%r10, -120(%%rsp)\n\t"
			 "movq $0, %[slot]\n\t"
			 "xor %%r10d, %%r10d"
			 : [slot] "+m"(slot)
			 :
			 : "r10", "memory", "cc");
	is_ready = 1;
	for (;;)
		wait_in_kernel();
	return unused;
}

static NOINLINE void below_stack_pointer(void)
{
	start(wait_above_stale);
	while (!is_asleep(waiting_thread))
		;
	expect("definite", 1, 112);
}

/* The kernel keeps rbx while the thread sleeps: pause(2) never returns. */
static NOINLINE void *sleep_with_register(void *unused)
{
	fill_slot();
	__asm__ volatile("mov %[slot], %%rbx\n\t"
			 "movq $0, %[slot]\n\t"
			 "movl $1, %[ready]\n"
			 "1:\tmov $34, %%eax\n\t"
			 "syscall\n\t"
			 "jmp 1b"
			 : [slot] "+m"(slot), [ready] "+m"(is_ready)
			 :
			 : "rax", "rbx", "rcx", "r11", "memory", "cc");
	return unused;
}

static NOINLINE void saved_register(void)
{
	start(sleep_with_register);
	expect("reachable", 1, 112);
}

static NOINLINE void opened_module(void)
{
	void *module = dlopen("./plugin.so", RTLD_NOW);
	void **place = module ? (void **)dlsym(module, "plugin_slot") : NULL;
	if (!place)
		abort();
	*place = story_block(96);
	expect("reachable", 1, 96);
}

/* Between the C library's chunks, from malloc's point of view nobody's. */
static NOINLINE void break_of_program(void)
{
	void *before = malloc(100000); /* makes the C library take its part */
	void **mine = (void **)sbrk(4096);
	void *behind = malloc(150000);
	if (mine == (void *)-1 || !before || !behind)
		abort();
	mine[7] = story_block(48);
	mine[8] = story_block(3000);
	if (brk((char *)sbrk(0) + 4096))
		abort();
	((void **)((char *)sbrk(0) - 4096))[3] = story_block(24);
	free(behind);
	free(before);
	expect("reachable", 3, 3072);
}

/* What was given back again holds nothing; and what malloc's chunks held does not count. */
static NOINLINE void break_given_back(void)
{
	char *volatile mine = (char *)sbrk(8192);
	if (mine == (void *)-1)
		abort();
	*(void **)(mine + 5000) = story_block(48);
	sbrk(-4096);
	void **freed = (void **)malloc(5000);
	freed[100] = story_block(64);
	free(freed);
	expect("definite", 2, 112);
}

static ucontext_t here, there;
static void *coroutine_stack;

static NOINLINE void coroutine(void)
{
	void *volatile held = story_block(120);
	swapcontext(&there, &here);
	if (!held)
		abort();
}

static void enter_coroutine(void *stack, size_t bytes)
{
	coroutine_stack = stack;
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = bytes;
	there.uc_link = &here;
	makecontext(&there, coroutine, 0);
	swapcontext(&here, &there);
}

/* The stack is a block of the program, which is held. */
static NOINLINE void coroutine_in_heap(void)
{
	enter_coroutine(malloc(65536), 65536);
	expect("reachable", 1, 120);
}

static NOINLINE void coroutine_in_mapping(void)
{
	void *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	enter_coroutine(stack, 65536);
	expect("reachable", 1, 120);
}

/* In memory that others might share; far behind its beginning, which nobody has touched. */
static void hold_in_shared(int flags, int fd)
{
	const size_t bytes = 1 << 20;
	void **words = (void **)mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED | flags, fd, 0);
	words[bytes / sizeof *words - 1] = story_block(104);
	expect("reachable", 1, 104);
}

static NOINLINE void shared_memory(void)
{
	hold_in_shared(MAP_ANONYMOUS, -1);
}

static NOINLINE void shared_file(void)
{
	char name[] = "./shared-XXXXXX";
	int fd = mkstemp(name);
	if (fd < 0 || unlink(name) < 0 || ftruncate(fd, 1 << 20) < 0)
		abort();
	hold_in_shared(0, fd);
}

enum {
	COROUTINES = 4,
	COROUTINE_BYTES = 65536,
};

static ucontext_t switched[COROUTINES];

/* Each leaves something on its stack; the last one, whose stack is above, ends the program. */
static NOINLINE void one_of_several(int number)
{
	void *volatile held = story_block(120);
	if (number == COROUTINES - 1)
		exit(held ? 0 : 1);
	swapcontext(&switched[number], &here);
	if (!held)
		abort();
}

static NOINLINE void coroutines_in_one_block(void)
{
	char *stacks = (char *)malloc(COROUTINES * COROUTINE_BYTES);
	coroutine_stack = stacks;
	expect("reachable", COROUTINES, COROUTINES * 120);
	for (int i = 0; i < COROUTINES; i++) {
		getcontext(&switched[i]);
		switched[i].uc_stack.ss_sp = stacks + i * COROUTINE_BYTES;
		switched[i].uc_stack.ss_size = COROUTINE_BYTES;
		switched[i].uc_link = &here;
		makecontext(&switched[i], (void (*)(void))one_of_several, 1, i);
		swapcontext(&here, &switched[i]);
	}
}

/* A thread runs on one of them, below or above another's. */
static sem_t is_there;

static NOINLINE void wait_on_coroutine(int number)
{
	void *volatile held = story_block(120);
	sem_post(&is_there);
	for (;;)
		pause();
	switched[number].uc_link = (ucontext_t *)held;
}

static void *switch_to_coroutine(void *context)
{
	ucontext_t own;
	swapcontext(&own, (ucontext_t *)context);
	return NULL;
}

static NOINLINE void threads_on_coroutines(void)
{
	char *stacks = (char *)malloc(COROUTINES * COROUTINE_BYTES);
	coroutine_stack = stacks;
	sem_init(&is_there, 0, 0);
	for (int i = 0; i < COROUTINES; i++) {
		pthread_t thread;
		getcontext(&switched[i]);
		switched[i].uc_stack.ss_sp = stacks + i * COROUTINE_BYTES;
		switched[i].uc_stack.ss_size = COROUTINE_BYTES;
		makecontext(&switched[i], (void (*)(void))wait_on_coroutine, 1, i);
		pthread_create(&thread, NULL, switch_to_coroutine, &switched[i]);
	}
	for (int i = 0; i < COROUTINES; i++)
		sem_wait(&is_there);
	expect("reachable", COROUTINES, COROUTINES * 120);
}

static NOINLINE void key(void)
{
	pthread_key_t made;
	pthread_key_create(&made, NULL);
	pthread_setspecific(made, story_block(40));
	expect("reachable", 1, 40);
}

/* Beyond the keys that lie in the thread itself. */
static NOINLINE void late_key(void)
{
	pthread_key_t made = 0;
	for (int i = 0; i < 40; i++)
		pthread_key_create(&made, NULL);
	pthread_setspecific(made, story_block(40));
	expect("reachable", 1, 40);
}

static volatile long ended_tid;

static void *end_with_block(void *unused)
{
	(void)unused;
	void *block = story_block(88);
	ended_tid = syscall(SYS_gettid);
	return block;
}

/* What a thread returned is there for the one that will join it. */
static NOINLINE void not_joined(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, end_with_block, NULL))
		abort();
	while (!ended_tid || !syscall(SYS_tgkill, getpid(), ended_tid, 0))
		sched_yield();
	expect("reachable", 1, 88);
}

static void free_slot(void)
{
	free(slot);
}

static NOINLINE void freed_at_exit(void)
{
	atexit(free_slot);
	slot = story_block(100);
}

/* main's own frame, from within which the program ends. */
static NOINLINE void exits(void)
{
	void *volatile held = story_block(64);
	expect("reachable", 1, 64);
	exit(held ? 0 : 1);
}

static NOINLINE void environment(void)
{
	setenv("MEMTRACE_STORY_VALUE", "a value that putenv keeps for itself", 1);
}

static NOINLINE void open_stream(void)
{
	FILE *file = fopen("/dev/null", "w");
	if (!file || fputs("some text", file) < 0)
		abort();
}

int main(int argc, char **argv)
{
	static const struct story stories[] = {
		{"global", global},
		{"below", below},
		{"chain", chain},
		{"middle", middle},
		{"below-middle", below_middle},
		{"aligned-by-hand", aligned_by_hand},
		{"past-end", past_end},
		{"beyond-end", beyond_end},
		{"tagged", tagged},
		{"unaligned", unaligned},
		{"unaligned-in-lost", unaligned_in_lost},
		{"thread-local", thread_local_of_main},
		{"thread-local-of-other", thread_local_of_other},
		{"stack-of-other", stack_of_other},
		{"register", register_of_other},
		{"stack-in-heap", stack_in_heap},
		{"stack-in-mapping", stack_in_mapping},
		{"alternate-stack-in-mapping", alternate_stack_in_mapping},
		{"alternate-stack-in-module", alternate_stack_in_module},
		{"idle-signal-stack", idle_signal_stack},
		{"left-on-signal-stack", left_on_signal_stack},
		{"saved-register", saved_register},
		{"below-stack-pointer", below_stack_pointer},
		{"opened-module", opened_module},
		{"break", break_of_program},
		{"break-given-back", break_given_back},
		{"coroutine-in-heap", coroutine_in_heap},
		{"coroutine-in-mapping", coroutine_in_mapping},
		{"shared-memory", shared_memory},
		{"shared-file", shared_file},
		{"coroutines-in-one-block", coroutines_in_one_block},
		{"threads-on-coroutines", threads_on_coroutines},
		{"key", key},
		{"late-key", late_key},
		{"not-joined", not_joined},
		{"freed-at-exit", freed_at_exit},
		{"exits", exits},
		{"environment", environment},
		{"stream", open_stream},
		{NULL, NULL},
	};
	find_story(stories, argc, argv)();
	return 0;
}
