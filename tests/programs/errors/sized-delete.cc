/*
 * sized-delete.cc - delete is told another size than new was.
 * error: mismatched-size
 * The twin, with an argument, tells the right one.
 */
#include <cstddef>
#include <new>

static void *make_block(size_t size)
{
	return operator new(size); /* allocated in make_block */
}

static void drop_block(void *p, size_t size)
{
	operator delete(p, size); /* here in drop_block */
}

int main(int argc, char **)
{
	bool is_right = argc > 1;
	drop_block(make_block(48), is_right ? 48 : 40);
	return 0;
}
