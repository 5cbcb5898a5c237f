/*
 * frames.c - random call trees through all kinds of frames, with events in each.
 *
 * Compiled several times with -DPART=name, each time by another compiler or with other
 * options, and once with -DPARTS='PART(name) PART(name)': so frames of all builds call
 * each other. Arguments of the program: number of events, seed.
 */
#include <alloca.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

typedef int kind(int depth);

struct part {
	kind *const *kinds;
	int count;
};

extern uint64_t state_of_random;
extern long events_left;
extern jmp_buf *landing;
int grow_anywhere(int depth);

static inline uint32_t pick(uint32_t n)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(state_of_random >> 33) % n;
}

static inline __attribute__((always_inline)) void event(void)
{
	static void *kept[64];
	uint32_t i = pick(64);
	events_left--;
	if (kept[i] && pick(2)) {
		kept[i] = realloc(kept[i], 1 + pick(700));
		return;
	}
	free(kept[i]);
	kept[i] = pick(3) ? malloc(1 + pick(300)) : calloc(1 + pick(9), 24);
}

/* What every kind of frame does: some events, some calls. */
static inline __attribute__((always_inline)) int grow(int depth)
{
	int sum = depth;
	if (depth <= 0 || events_left <= 0) {
		event();
		return sum;
	}
	for (uint32_t i = pick(3); i-- > 0 && events_left > 0;) {
		if (pick(3) == 0)
			event();
		sum += grow_anywhere(depth - 1 - (int)pick(3));
	}
	if (pick(2))
		event();
	return sum;
}

#ifdef PARTS

uint64_t state_of_random;
long events_left;
jmp_buf *landing;

#define PART(name) extern const struct part name;
PARTS
#undef PART
#define PART(name) &name,
static const struct part *const parts[] = {PARTS};

/* No frame of its own between those of the parts. */
int grow_anywhere(int depth)
{
	const struct part *part = parts[pick(sizeof(parts) / sizeof(*parts))];
	return part->kinds[pick((uint32_t)part->count)](depth);
}

int main(int argc, char **argv)
{
	events_left = argc > 1 ? atol(argv[1]) : 10000;
	state_of_random = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) | 1;
	int sum = 0;
	while (events_left > 0)
		sum += grow(6 + (int)pick(22));
	return sum == 1 ? 3 : 0;
}

#else

static NOINLINE int plain(int depth)
{
	return grow(depth) + 1;
}

static NOINLINE int large(int depth)
{
	volatile char space[3000];
	space[depth & 1023] = 1;
	return grow(depth) + space[depth & 1023];
}

/* More than a page: where stacks are probed, a loop adjusts rsp. */
static NOINLINE int huge(int depth)
{
	volatile char space[40000];
	space[depth & 1023] = 1;
	return grow(depth) + space[depth & 1023];
}

static NOINLINE int with_alloca(int depth)
{
	volatile char *space = alloca(16 + pick(500));
	space[3] = 2;
	return grow(depth) + space[3];
}

static NOINLINE int with_array(int depth)
{
	int sum = 0;
	for (uint32_t i = pick(3); i-- > 0;) {
		volatile char space[1 + pick(300)];
		space[0] = 3;
		sum += grow(depth - 2) + space[0];
	}
	return sum;
}

static NOINLINE int aligned(int depth)
{
	_Alignas(64) volatile char space[128];
	space[0] = 4;
	return grow(depth) + space[0];
}

static NOINLINE int aligned_little(int depth)
{
	_Alignas(32) volatile char space[32];
	space[0] = 4;
	return grow(depth) + space[0];
}

static NOINLINE int aligned_with_alloca(int depth)
{
	_Alignas(128) volatile char space[256];
	volatile char *more = alloca(16 + pick(200));
	space[0] = more[0] = 5;
	return grow(depth) + space[0] + more[0];
}

/* Arguments on the stack, which is realigned: found through more registers than rbp. */
static NOINLINE int aligned_with_arguments(int a, int b, int c, int d, int e, int f,
					   int g, int h, int depth)
{
	_Alignas(64) volatile int space[16];
	space[a & 15] = b + c + d + e + f;
	return grow(depth) + space[a & 15] + g * h;
}

static NOINLINE int pushes(int depth)
{
	int a = (int)pick(9);
	return aligned_with_arguments(a, 2, 3, a, 5, 6, a + 7, 8, depth - 1) + a;
}

/* Keeps all callee-saved registers busy, rbp among them as an ordinary one. */
static NOINLINE int busy(int depth)
{
	int a = (int)pick(9), b = (int)pick(9), c = (int)pick(9), d = (int)pick(9);
	int e = (int)pick(9), f = (int)pick(9), g = (int)pick(9);
	int sum = grow(depth);
	return sum + a * b + c * d + e * f + g;
}

/* The frame is set up only where it is needed. */
static NOINLINE int shrink_wrapped(int depth)
{
	if (depth & 1)
		return depth;
	volatile char space[100];
	space[0] = 1;
	return grow(depth) + space[0];
}

static NOINLINE __attribute__((cold)) int unlikely(int depth)
{
	return grow(depth) - 1;
}

static NOINLINE int with_cold_part(int depth)
{
	int sum = depth;
	if (__builtin_expect(pick(5) == 0, 0)) {
		sum += unlikely(depth - 1);
		event();
	}
	return sum + grow(depth - 1);
}

static NOINLINE int tail_called(int depth)
{
	return grow_anywhere(depth - 1);
}

static NOINLINE int tail_called_by_value(int depth)
{
	volatile char space[48];
	space[depth & 31] = 7;
	event();
	return tail_called(depth - 1 + (space[depth & 31] - 7));
}

static NOINLINE int variadic_callee(int depth, ...)
{
	va_list list;
	va_start(list, depth);
	int sum = va_arg(list, int) + (int)va_arg(list, double);
	va_end(list);
	return grow(depth) + sum;
}

static NOINLINE int variadic(int depth)
{
	return variadic_callee(depth - 1, 4, 2.5, 7) + 1;
}

static NOINLINE __attribute__((ms_abi)) int of_another_abi(int depth)
{
	return grow(depth) + 2;
}

static NOINLINE int through_another_abi(int depth)
{
	return of_another_abi(depth - 1) + 1;
}

static int depth_of_callback;

static int in_callback(const void *a, const void *b)
{
	int depth = depth_of_callback;
	depth_of_callback = 0;
	if (depth > 0)
		grow(depth);
	event();
	return *(const int *)a - *(const int *)b;
}

/* Frames of the C library between ours. */
static NOINLINE int with_callback(int depth)
{
	int numbers[8];
	for (int i = 0; i < 8; i++)
		numbers[i] = (int)pick(100);
	depth_of_callback = depth / 2;
	qsort(numbers, 8, sizeof(*numbers), in_callback);
	return numbers[0];
}

/* Its call is the last instruction of the caller: the return address is in the next one. */
static NOINLINE __attribute__((noreturn)) void never_returns(int depth)
{
	grow(depth);
	longjmp(*landing, 1);
}

static NOINLINE __attribute__((noreturn)) void ends_with_a_call(int depth)
{
	volatile char space[24];
	space[depth & 15] = 1;
	never_returns(depth - 1);
}

static NOINLINE int jumps(int depth)
{
	jmp_buf here, *volatile outer = landing;
	volatile int result = depth;
	if (!setjmp(here)) {
		landing = &here;
		ends_with_a_call(depth - 1);
	} else {
		event();
	}
	landing = outer;
	return result;
}

static NOINLINE double with_floats(int depth, double a, double b)
{
	double sum = a * b;
	sum += grow(depth);
	return sum / (a + 1) + b;
}

static NOINLINE int floats(int depth)
{
	return (int)with_floats(depth - 1, pick(9), pick(7)) & 0xff;
}

/* Wide vectors are kept on the stack across the call. */
static NOINLINE int vectors(int depth)
{
	typedef int wide __attribute__((vector_size(32)));
	wide a = {depth, 1, 2, 3}, b = {(int)pick(9), 5};
	wide c = a * b;
	volatile wide kept = c + a;
	int sum = grow(depth);
	wide again = kept;
	return sum + again[0] + again[3];
}

static kind *const kinds[] = {
	plain,          large,
	huge,           with_alloca,
	with_array,     aligned,
	aligned_little, aligned_with_alloca,
	pushes,         busy,
	busy,           plain,
	shrink_wrapped, with_cold_part,
	tail_called,    tail_called_by_value,
	variadic,       through_another_abi,
	with_callback,  jumps,
	floats,         vectors,
};

const struct part PART = {kinds, sizeof(kinds) / sizeof(*kinds)};

#endif
