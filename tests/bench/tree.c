/*
 * tree.c - bench: binary trees, built and taken down by recursion.
 *
 * One long-lived tree stays while short-lived ones come and go; stacks are deep, and every
 * depth is a traceback of its own.
 */
#include <stdio.h>
#include <stdlib.h>

struct node {
	struct node *left, *right;
	unsigned key;
};

static struct node *build(int depth, unsigned key)
{
	struct node *node = malloc(sizeof *node);
	if (!node)
		abort();
	node->key = key;
	node->left = depth ? build(depth - 1, 2 * key) : NULL;
	node->right = depth ? build(depth - 1, 2 * key + 1) : NULL;
	return node;
}

static unsigned tear_down(struct node *node)
{
	if (!node)
		return 0;
	unsigned sum = node->key + tear_down(node->left) + tear_down(node->right);
	free(node);
	return sum;
}

int main(int argc, char **argv)
{
	int deepest = argc > 1 ? atoi(argv[1]) : 16;
	unsigned sum = 0;
	struct node *lasting = build(deepest, 1);
	for (int depth = 4; depth <= deepest; depth += 2)
		for (int i = 0; i < 1 << (deepest - depth + 5); i++)
			sum += tear_down(build(depth, (unsigned)i));
	printf("%u\n", sum + tear_down(lasting));
	return 0;
}
