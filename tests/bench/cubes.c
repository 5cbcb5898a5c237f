/*
 * cubes.c - bench: complements of sets of cubes by Shannon expansion.
 *
 * A cube is a product of variables (two bits each), a cover a set of cubes. The complement
 * of a cover is put together from those of its two cofactors, so that every path through
 * the recursion is a traceback of its own: hundreds of thousands of them. Every cube is a block,
 * as are those that only live for a test.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	VARIABLES = 32, /* of a word, two bits each: 01 is 0, 10 is 1, 11 either */
	BRANCHES = 16,  /* those of the first word that cubes depend on */
	WORDS = 16,
	CUBES = 96,
	PASSES = 8, /* most of a program's tracebacks come again */
};

struct cube {
	uint64_t words[WORDS];
};

struct cover {
	int count, capacity;
	struct cube **cubes;
};

static uint64_t random_state = 88172645463325252u;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32);
}

static void *allocate(size_t bytes)
{
	void *p = malloc(bytes);
	if (!p)
		abort();
	return p;
}

static struct cube *universe(void)
{
	struct cube *cube = allocate(sizeof *cube);
	memset(cube, 0xff, sizeof *cube);
	return cube;
}

static struct cube *intersect(const struct cube *a, const struct cube *b)
{
	struct cube *both = allocate(sizeof *both);
	for (int i = 0; i < WORDS; i++)
		both->words[i] = a->words[i] & b->words[i];
	return both;
}

/* A variable that may neither be 0 nor 1. */
static int is_empty(const struct cube *cube)
{
	const uint64_t low = UINT64_MAX / 3;
	for (int i = 0; i < WORDS; i++)
		if (((cube->words[i] | cube->words[i] >> 1) & low) != low)
			return 1;
	return 0;
}

static int contains(const struct cube *outer, const struct cube *inner)
{
	uint64_t beyond = 0;
	for (int i = 0; i < WORDS; i++)
		beyond |= inner->words[i] & ~outer->words[i];
	return !beyond;
}

static struct cover *create(int capacity)
{
	struct cover *cover = allocate(sizeof *cover);
	*cover = (struct cover){.capacity = capacity ? capacity : 1};
	cover->cubes = allocate((size_t)cover->capacity * sizeof *cover->cubes);
	return cover;
}

static void destroy(struct cover *cover)
{
	for (int i = 0; i < cover->count; i++)
		free(cover->cubes[i]);
	free(cover->cubes);
	free(cover);
}

static void append(struct cover *cover, struct cube *cube)
{
	if (cover->count == cover->capacity) {
		cover->capacity *= 2;
		cover->cubes = realloc(cover->cubes,
				       (size_t)cover->capacity * sizeof *cover->cubes);
		if (!cover->cubes)
			abort();
	}
	cover->cubes[cover->count++] = cube;
}

static uint64_t literal(int variable, int value)
{
	return UINT64_C(1) << (2 * variable + value);
}

/* Either it or one that it contains; the cube is the cover's. */
static void add(struct cover *cover, struct cube *cube)
{
	for (int i = 0; i < cover->count; i++) {
		if (contains(cover->cubes[i], cube)) {
			free(cube);
			return;
		}
	}
	append(cover, cube);
}

/* The cubes that remain where variable has the value, freed of it. */
static struct cover *cofactor(const struct cover *cover, int variable, int value)
{
	struct cover *result = create(cover->count);
	struct cube *half = universe();
	half->words[0] &= ~literal(variable, !value);
	for (int i = 0; i < cover->count; i++) {
		struct cube *part = intersect(cover->cubes[i], half);
		if (is_empty(part)) {
			free(part);
			continue;
		}
		part->words[0] |= literal(variable, 0) | literal(variable, 1);
		add(result, part);
	}
	free(half);
	return result;
}

static int has_universe(const struct cover *cover)
{
	struct cube *all = universe();
	int found = 0;
	for (int i = 0; i < cover->count && !found; i++)
		found = contains(cover->cubes[i], all);
	free(all);
	return found;
}

/* The variable that most cubes depend on. */
static int choose(const struct cover *cover)
{
	int best = 0, most = -1;
	for (int v = 0; v < WORDS * VARIABLES; v++) {
		int dependent = 0;
		uint64_t both = literal(v % VARIABLES, 0) | literal(v % VARIABLES, 1);
		for (int i = 0; i < cover->count; i++)
			dependent +=
				(cover->cubes[i]->words[v / VARIABLES] & both) != both;
		if (dependent > most) {
			most = dependent;
			best = v;
		}
	}
	return best;
}

static void take_half(struct cover *result, struct cover *from, int variable, int value)
{
	struct cube *half = universe();
	half->words[0] &= ~literal(variable, !value);
	for (int i = 0; i < from->count; i++)
		add(result, intersect(from->cubes[i], half));
	free(half);
	destroy(from);
}

static struct cover *join(struct cover *low, struct cover *high, int variable)
{
	struct cover *result = create(low->count + high->count);
	take_half(result, low, variable, 0);
	take_half(result, high, variable, 1);
	return result;
}

/* Of no cubes: everything. Of one: for each variable it depends on, the other value. */
static struct cover *complement_least(const struct cover *cover)
{
	struct cover *result = create(1);
	if (!cover->count)
		append(result, universe());
	for (int v = 0; cover->count && v < BRANCHES; v++) {
		struct cube *other = universe();
		uint64_t both = literal(v, 0) | literal(v, 1);
		other->words[0] &= ~(cover->cubes[0]->words[0] & both);
		if (is_empty(other) || contains(cover->cubes[0], other))
			free(other);
		else
			add(result, other);
	}
	return result;
}

static struct cover *complement(const struct cover *cover)
{
	if (has_universe(cover))
		return create(0);
	if (cover->count <= 1)
		return complement_least(cover);
	int variable = choose(cover);
	struct cover *part = cofactor(cover, variable, 0);
	struct cover *low = complement(part);
	destroy(part);
	part = cofactor(cover, variable, 1);
	struct cover *high = complement(part);
	destroy(part);
	return join(low, high, variable);
}

static struct cover *random_cover(void)
{
	struct cover *cover = create(0);
	for (int i = 0; i < CUBES; i++) {
		struct cube *cube = universe();
		for (int v = 0; v < BRANCHES; v++)
			if (next_random() % 3 == 0)
				cube->words[0] &= ~literal(v, (int)(next_random() & 1));
		add(cover, cube);
	}
	return cover;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100;
	long sum = 0;
	for (int i = 0; i < rounds; i++) {
		struct cover *cover = random_cover();
		for (int pass = 0; pass < PASSES; pass++) {
			struct cover *rest = complement(cover);
			sum += rest->count;
			destroy(rest);
		}
		destroy(cover);
	}
	printf("%ld\n", sum);
	return 0;
}
