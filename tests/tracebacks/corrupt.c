/*
 * corrupt.c - events while words of the stack are overwritten: return addresses and saved
 * registers of frames further out, which are put right before they are used. The traceback is
 * short; nothing crashes. Arguments: rounds, seed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

enum {
	FRAMES = 6,
	MOST_WORDS = 400,
};

static uint64_t state_of_random;
static volatile int after;
static uintptr_t *outermost;

static uint32_t pick(uint32_t n)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(state_of_random >> 33) % n;
}

static NOINLINE void event(int n)
{
	char *volatile p = malloc((size_t)(n * 7 % 400) + 1);
	free(p);
}

static uintptr_t garbage(uintptr_t *word)
{
	switch (pick(9)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
		return UINT64_C(0x4141414141414141);
	case 3:
		return UINT64_C(0xffffffffffffff00);
	case 4:
		return (uintptr_t)word + 8 * pick(40);
	case 5:
		return (uintptr_t)word - 8 * pick(40);
	case 6:
		return (uintptr_t)event + pick(60);
	case 7:
		return (uintptr_t)memcpy + pick(30);
	default:
		return (uintptr_t)&state_of_random;
	}
}

/* Without a frame that could be harmed: all between here and the outermost is overwritten. */
static NOINLINE void overwrite_and_allocate(uintptr_t *from)
{
	uintptr_t kept[MOST_WORDS];
	size_t words = (size_t)(outermost - from);
	if (words > MOST_WORDS)
		words = MOST_WORDS;
	memcpy(kept, from, words * sizeof(*kept));
	for (uint32_t i = 1 + pick(3); i > 0; i--) {
		uintptr_t *word = from + pick((uint32_t)words);
		*word = garbage(word);
	}
	event((int)words);
	memcpy(from, kept, words * sizeof(*kept));
}

static NOINLINE __attribute__((optimize("no-omit-frame-pointer"))) void
with_pointer(int depth);

static NOINLINE void plain(int depth)
{
	volatile char space[32];
	space[depth & 31] = 1;
	if (depth > 0)
		with_pointer(depth - 1);
	else
		overwrite_and_allocate((uintptr_t *)__builtin_frame_address(0));
	after += space[depth & 31];
}

static void with_pointer(int depth)
{
	volatile char *space = __builtin_alloca(16 + pick(100));
	space[0] = 1;
	plain(depth);
	after += space[0];
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1000;
	state_of_random = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) | 1;
	outermost = __builtin_frame_address(0);
	for (int i = 0; i < rounds; i++) {
		plain(FRAMES);
		event(i);
	}
	return 0;
}
