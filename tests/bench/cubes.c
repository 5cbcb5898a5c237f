/*
 * cubes.c - bench: complements of sets of cubes by Shannon expansion.
 *
 * A cube is a product of variables (two bits each), a cover a set of cubes. The complement
 * of a cover is put together from those of its two cofactors, so that every path through
 * the recursion is a traceback of its own: hundreds of thousands of them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	VARIABLES = 16,
	CUBES = 32,
};

typedef uint32_t cube; /* bit v: x may be 1, bit v + 16: x may be 0 */

struct cover {
	int count, capacity;
	cube *cubes;
};

static uint64_t random_state = 88172645463325252u;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32);
}

static struct cover *create(int capacity)
{
	struct cover *cover = malloc(sizeof *cover);
	if (!cover)
		abort();
	*cover = (struct cover){.capacity = capacity};
	cover->cubes = malloc((size_t)(capacity ? capacity : 1) * sizeof(cube));
	if (!cover->cubes)
		abort();
	return cover;
}

static void destroy(struct cover *cover)
{
	free(cover->cubes);
	free(cover);
}

static void append(struct cover *cover, cube c)
{
	if (cover->count == cover->capacity) {
		cover->capacity = 2 * cover->capacity + 1;
		cover->cubes =
			realloc(cover->cubes, (size_t)cover->capacity * sizeof(cube));
		if (!cover->cubes)
			abort();
	}
	cover->cubes[cover->count++] = c;
}

static cube literal(int variable, int value)
{
	return 1u << (value ? variable : variable + VARIABLES);
}

/* The cubes that remain where variable has the value, freed of it. */
static struct cover *cofactor(const struct cover *cover, int variable, int value)
{
	struct cover *result = create(cover->count);
	cube both = literal(variable, 0) | literal(variable, 1);
	for (int i = 0; i < cover->count; i++)
		if (cover->cubes[i] & literal(variable, value))
			append(result, cover->cubes[i] | both);
	return result;
}

static int has_universe(const struct cover *cover)
{
	for (int i = 0; i < cover->count; i++)
		if (cover->cubes[i] == UINT32_MAX)
			return 1;
	return 0;
}

/* The variable that most cubes depend on. */
static int choose(const struct cover *cover)
{
	int best = 0, most = -1;
	for (int v = 0; v < VARIABLES; v++) {
		int dependent = 0;
		cube both = literal(v, 0) | literal(v, 1);
		for (int i = 0; i < cover->count; i++)
			dependent += (cover->cubes[i] & both) != both;
		if (dependent > most) {
			most = dependent;
			best = v;
		}
	}
	return best;
}

static struct cover *join(struct cover *low, struct cover *high, int variable)
{
	struct cover *result = create(low->count + high->count);
	for (int i = 0; i < low->count; i++)
		append(result, low->cubes[i] & ~literal(variable, 1));
	for (int i = 0; i < high->count; i++)
		append(result, high->cubes[i] & ~literal(variable, 0));
	destroy(low);
	destroy(high);
	return result;
}

static struct cover *complement(const struct cover *cover)
{
	if (!cover->count) {
		struct cover *all = create(1);
		append(all, UINT32_MAX);
		return all;
	}
	if (has_universe(cover))
		return create(0);
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
		cube c = UINT32_MAX;
		for (int v = 0; v < VARIABLES; v++)
			if (next_random() % 4 == 0)
				c &= ~literal(v, (int)(next_random() & 1));
		append(cover, c);
	}
	return cover;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 6000;
	long sum = 0;
	for (int i = 0; i < rounds; i++) {
		struct cover *cover = random_cover();
		struct cover *rest = complement(cover);
		sum += rest->count;
		destroy(rest);
		destroy(cover);
	}
	printf("%ld\n", sum);
	return 0;
}
