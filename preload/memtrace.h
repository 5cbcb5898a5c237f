/*
 * memtrace.h - talk to the memory profiler that records this program.
 *
 * All functions are weak, and calls go through macros that test for them: a program that
 * uses them needs nothing to link and runs as ever where memtrace is not loaded. See
 * memtrace(3). Functions of type int return 0, or -1 where memtrace is not loaded, where
 * tracing is stopped, or where the call is refused, unless it says otherwise.
 */
#ifndef MEMTRACE_H
#define MEMTRACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACE_WEAK __attribute__((weak))

/*
 * A snapshot with a label; it holds exactly what is live at the call. Labels may not be
 * empty, all digits, hold '@' or '#', or be start, peak or exit.
 */
MEMTRACE_WEAK int memtrace_snapshot(const char *label);

/*
 * Trace again after memtrace_stop; nframe (1 to 1024) frames of each traceback are kept. With
 * any other number it returns -1, errno is EINVAL.
 */
MEMTRACE_WEAK int memtrace_start(int nframe);

/* Trace no more and forget all blocks. */
MEMTRACE_WEAK void memtrace_stop(void);

/* 1 or 0. */
MEMTRACE_WEAK int memtrace_is_tracing(void);

/*
 * Bytes that are live, and the highest value that they had; 0 and 0 when stopped. NULL
 * stands for one that is not wanted.
 */
MEMTRACE_WEAK void memtrace_get_traced_memory(size_t *current, size_t *peak);

/* The peak becomes what is live now. */
MEMTRACE_WEAK void memtrace_reset_peak(void);

/* Forget all blocks; tracing goes on. */
MEMTRACE_WEAK void memtrace_clear_traces(void);

/* Bytes that the recorder itself uses. */
MEMTRACE_WEAK size_t memtrace_get_memtrace_memory(void);

/*
 * The n most recent frames of the call that allocated block p, as return addresses,
 * oldest first. Returns how many were stored, 0 for an unknown block.
 */
MEMTRACE_WEAK int memtrace_get_object_traceback(const void *p, void **frames, int n);

/*
 * Record memory that comes from elsewhere, with the caller's traceback. What is tracked
 * already at p in this domain is replaced.
 */
MEMTRACE_WEAK int memtrace_track(unsigned domain, uintptr_t p, size_t size);
MEMTRACE_WEAK int memtrace_untrack(unsigned domain, uintptr_t p);

/*
 * Search all memory for pointers to blocks, while the program stands still: the number of
 * blocks that nothing leads to any more (definite and indirect ones), -1 where that is not
 * possible. The trace gets a snapshot with all that was found.
 */
MEMTRACE_WEAK int memtrace_check_leaks(void);

#ifndef MEMTRACE_NO_MACROS

static inline void memtrace_know_nothing(size_t *current, size_t *peak)
{
	if (current)
		*current = 0;
	if (peak)
		*peak = 0;
}

#define memtrace_snapshot(label) (memtrace_snapshot ? (memtrace_snapshot)(label) : -1)
#define memtrace_start(nframe)   (memtrace_start ? (memtrace_start)(nframe) : -1)
#define memtrace_stop()          (memtrace_stop ? (memtrace_stop)() : (void)0)
#define memtrace_is_tracing()    (memtrace_is_tracing ? (memtrace_is_tracing)() : 0)
#define memtrace_get_traced_memory(current, peak)                                        \
	(memtrace_get_traced_memory ? (memtrace_get_traced_memory)(current, peak)        \
				    : memtrace_know_nothing(current, peak))
#define memtrace_reset_peak() (memtrace_reset_peak ? (memtrace_reset_peak)() : (void)0)
#define memtrace_clear_traces()                                                          \
	(memtrace_clear_traces ? (memtrace_clear_traces)() : (void)0)
#define memtrace_get_memtrace_memory()                                                   \
	(memtrace_get_memtrace_memory ? (memtrace_get_memtrace_memory)() : (size_t)0)
#define memtrace_get_object_traceback(p, frames, n)                                      \
	(memtrace_get_object_traceback ? (memtrace_get_object_traceback)(p, frames, n)   \
				       : 0)
#define memtrace_track(domain, p, size)                                                  \
	(memtrace_track ? (memtrace_track)(domain, p, size) : -1)
#define memtrace_untrack(domain, p)                                                      \
	(memtrace_untrack ? (memtrace_untrack)(domain, p) : -1)

#define memtrace_check_leaks() (memtrace_check_leaks ? (memtrace_check_leaks)() : -1)

#endif

#ifdef __cplusplus
}
#endif

#endif
