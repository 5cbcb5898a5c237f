/* Locks all its memory and prints how many KiB are resident then. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
		perror("mlockall");
		return 77;
	}
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	while (status && fgets(line, sizeof line, status))
		if (!strncmp(line, "VmRSS:", 6))
			fputs(line + 6, stdout);
	return 0;
}
