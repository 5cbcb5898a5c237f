/*
 * write-beyond-new-array.cc - one byte beyond what new[] gave.
 * error: write-beyond
 * The twin, with an argument, stays within.
 */
#include <cstddef>

static char *make_block(size_t size)
{
	return new char[size]; /* allocated in make_block */
}

static void fill(char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		p[i] = 'x';
}

static void drop_block(char *p)
{
	delete[] p; /* here in drop_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(33);
	fill(p, 33 + !is_right);
	drop_block(p);
	return 0;
}
