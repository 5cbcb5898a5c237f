/*
 * churn.c - bench: small bignums and lists, each result a fresh block.
 *
 * Convergents of the continued fraction of sqrt(n), as programs that factor numbers
 * compute them: every addition and multiplication allocates its result and frees its
 * operands, so nearly all of the time goes to blocks of 16 to 400 bytes that live briefly.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct number {
	uint32_t length;
	uint32_t limbs[];
};

struct cell {
	struct cell *next;
	uint64_t value;
};

static struct number *create(uint32_t length)
{
	struct number *n = malloc(sizeof *n + length * sizeof(uint32_t));
	if (!n)
		abort();
	n->length = length;
	return n;
}

static struct number *from(uint64_t value)
{
	struct number *n = create(2);
	n->limbs[0] = (uint32_t)value;
	n->limbs[1] = (uint32_t)(value >> 32);
	return n;
}

static struct number *trim(struct number *n)
{
	while (n->length > 1 && !n->limbs[n->length - 1])
		n->length--;
	return n;
}

static struct number *scale(const struct number *a, uint32_t factor)
{
	struct number *product = create(a->length + 1);
	uint64_t carry = 0;
	for (uint32_t i = 0; i < a->length; i++) {
		carry += (uint64_t)a->limbs[i] * factor;
		product->limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
	product->limbs[a->length] = (uint32_t)carry;
	return trim(product);
}

static struct number *add(struct number *a, struct number *b)
{
	uint32_t longest = a->length > b->length ? a->length : b->length;
	struct number *sum = create(longest + 1);
	uint64_t carry = 0;
	for (uint32_t i = 0; i <= longest; i++) {
		carry += (i < a->length ? a->limbs[i] : 0u);
		carry += (i < b->length ? b->limbs[i] : 0u);
		sum->limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
	free(a);
	free(b);
	return trim(sum);
}

static uint64_t digest(const struct number *n)
{
	uint64_t hash = n->length;
	for (uint32_t i = 0; i < n->length; i++)
		hash = hash * 0x9e3779b97f4a7c15u + n->limbs[i];
	return hash;
}

static struct number *copy(const struct number *n)
{
	struct number *twin = create(n->length);
	memcpy(twin->limbs, n->limbs, n->length * sizeof(uint32_t));
	return twin;
}

static uint64_t fold(struct cell *list)
{
	uint64_t sum = 0;
	while (list) {
		struct cell *next = list->next;
		sum = sum * 31 + list->value;
		free(list);
		list = next;
	}
	return sum;
}

static struct cell *push(struct cell *list, uint64_t value)
{
	struct cell *cell = malloc(sizeof *cell);
	if (!cell)
		abort();
	*cell = (struct cell){list, value};
	return cell;
}

static uint64_t root_of(uint64_t n)
{
	uint64_t root = 0;
	while ((root + 1) * (root + 1) <= n)
		root++;
	return root;
}

static uint64_t convergents(uint64_t n, int terms)
{
	uint64_t root = root_of(n), m = 0, d = 1, a = root;
	struct number *before = from(1), *last = from(root);
	struct cell *seen = NULL;
	for (int i = 0; i < terms && d; i++) {
		m = d * a - m;
		d = (n - m * m) / d;
		if (!d)
			break;
		a = (root + m) / d;
		struct number *next = add(scale(last, (uint32_t)a), copy(before));
		seen = push(seen, digest(next));
		free(before);
		before = last;
		last = next;
	}
	free(before);
	free(last);
	return fold(seen);
}

int main(int argc, char **argv)
{
	uint64_t sum = 0;
	int rounds = argc > 1 ? atoi(argv[1]) : 3000;
	for (int i = 0; i < rounds; i++)
		sum = sum * 31 + convergents(1000003u + 2u * (uint64_t)i, 1500);
	printf("%016llx\n", (unsigned long long)sum);
	return 0;
}
