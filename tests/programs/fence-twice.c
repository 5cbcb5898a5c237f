/* Goes beyond one block and before the next, with the same fence between them. */
#include <stdlib.h>

enum {
	PAGE = 4096,
};

int main(void)
{
	volatile char *first = malloc(PAGE);
	first[PAGE] = 1;
	volatile char *second = malloc(PAGE);
	second[-1] = 1;
	free((void *)first);
	free((void *)second);
	return 0;
}
