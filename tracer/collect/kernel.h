/*
 * kernel.h - what the kernel tells about a process. Outside.
 *
 * Any of it may be missing: no /proc, another user's process, a process that is gone.
 */
#ifndef MT_TRACER_COLLECT_KERNEL_H
#define MT_TRACER_COLLECT_KERNEL_H

#include "formats/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_kernel_stat {
	uint32_t parent_pid;
	uint64_t start_time; /* in ticks since boot: tells processes of one pid apart */
	uint64_t resident_bytes;
	uint64_t cpu_ticks; /* used so far */
	/* Where its code and stack begin; both change with exec. 0: not shown to us. */
	uint64_t code, stack;
	char name[64]; /* of the command, as in ps */
	bool is_zombie;
	bool is_stopped; /* by a signal, not by a debugger: that lets it go */
};

/* False: no such process, or no /proc. */
bool mt_kernel_stat(uint32_t pid, struct mt_kernel_stat *stat);

/* A whole small file of /proc/PID; its size, 0 where it cannot be read. */
size_t mt_kernel_read(uint32_t pid, const char *file, char *buffer, size_t size);

/* The target of a link of /proc/PID, as a string; false: not readable. */
bool mt_kernel_link(uint32_t pid, const char *link, char *buffer, size_t size);

/* Whether pid maps the file `inode` that has a memfd's name with `word` in it. */
bool mt_kernel_maps(uint32_t pid, uint64_t inode, const char *word);

/* mt_thread_name. */
bool mt_kernel_thread_name(uint32_t pid, uint32_t tid, char name[MT_NAME_BYTES]);

/*
 * Readable when the process ends: pid's, which is at the other end of socket. -1: not on
 * this kernel, or the process is gone and forgotten.
 */
int mt_kernel_pidfd(uint32_t pid, int socket);

/*
 * The wait status of a process that has ended: told while nobody has waited for it, and
 * by newer kernels afterwards. False: not known.
 */
bool mt_kernel_exit_status(uint32_t pid, int pidfd, int *status);

#endif
