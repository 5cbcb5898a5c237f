/*
 * many-sites.c - write a trace of 10^5 call sites, so that the gate and diff can be timed.
 *
 *     many-sites FILE EXTRA
 *
 * Every site holds one block, the k-th of k + EXTRA bytes.
 */
#include "tests/traces/many-sites.h"

#include <fcntl.h>

static bool copy(int from, int to)
{
	static char buffer[1 << 16];
	ssize_t size;
	while ((size = read(from, buffer, sizeof buffer)) > 0)
		if (write(to, buffer, (size_t)size) != size)
			return false;
	return size == 0;
}

int main(int argc, char **argv)
{
	static struct made made;
	int file = argc == 3 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
	if (file < 0) {
		fprintf(stderr, "usage: many-sites FILE EXTRA\n");
		return 2;
	}
	made_many_sites(&made, atol(argv[2]));
	int from = open(made_path(&made), O_RDONLY);
	bool is_copied = from >= 0 && copy(from, file) && close(file) == 0;
	made_end(&made);
	return !is_copied;
}
