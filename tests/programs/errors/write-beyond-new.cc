/*
 * write-beyond-new.cc - one byte beyond what new gave.
 * error: write-beyond
 * The twin, with an argument, stays within.
 */
#include <cstddef>
#include <new>

static char *make_block(size_t size)
{
	return static_cast<char *>(operator new(size)); /* allocated in make_block */
}

static void fill(char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		p[i] = 'x';
}

static void drop_block(char *p)
{
	operator delete(p); /* here in drop_block */
}

int main(int argc, char **argv)
{
	(void)argv;
	bool is_right = argc > 1;
	char *p = make_block(9);
	fill(p, 9 + !is_right);
	drop_block(p);
	return 0;
}
