/*
 * Calls inlined into each other, and a function within a function: what the symbolizer
 * must tell apart.
 */
#include <stdlib.h>

static inline int add(int a, int b)
{
	return a + b * rand();
}

static inline int twice(int a)
{
	if (a > 3)
		return add(a, a);
	return add(a, 7) - 1;
}

__attribute__((noinline)) static int outer(int a)
{
	int sum = 0;
	for (int i = 0; i < a; i++) {
		int part = twice(i);
		sum += part ^ twice(sum);
	}
	return sum;
}

__attribute__((noinline)) static int nested(int a)
{
	__attribute__((noinline)) int inside(int b)
	{
		return b + a + rand();
	}
	return inside(a) + inside(3);
}

int exported(int a);

__attribute__((noinline)) int exported(int a)
{
	return outer(a) - nested(a);
}

int main(int argc, char **argv)
{
	(void)argv;
	return exported(argc) + twice(argc);
}
