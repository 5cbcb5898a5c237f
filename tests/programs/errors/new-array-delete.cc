/*
 * new-array-delete.cc - what new[] gave is given to delete.
 * error: mismatched-free
 * The twin, with an argument, takes what belongs to it.
 */
#include <cstdlib>

static char *make_block()
{
	return new char[40]; /* allocated in make_block */
}

static void drop_block(char *p)
{
	delete p; /* here in drop_block */
}

int main(int argc, char **)
{
	bool is_right = argc > 1;
	char *p = make_block();
	if (is_right)
		delete[] p;
	else
		drop_block(p);
	return 0;
}
