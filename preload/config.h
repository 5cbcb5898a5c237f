/*
 * config.h - what the environment asks of the library.
 * Inside the traced process. Read once, at the first event, which may come before the C
 * library knows its own environment.
 */
#ifndef MT_PRELOAD_CONFIG_H
#define MT_PRELOAD_CONFIG_H

#include "formats/control.h"
#include "formats/state.h"

#include <stdbool.h>

struct config {
	enum mt_malloc_mode malloc_mode; /* MEMTRACE_MALLOC */
	enum mt_check_mode check_mode;   /* the same: modes that end in debug, guard */
	enum mt_geometry_kind geometry;  /* MEMTRACE_GEOMETRY */
	uint32_t nframe;                 /* MEMTRACE_NFRAME */
	/*
	 * MEMTRACE_PYTHON_MALLOC: ours unless it says own; false also where PYTHONMALLOC
	 * chooses an allocator.
	 */
	bool python_is_ours;
	/* MEMTRACE_QUARANTINE: bytes of freed blocks that are kept. */
	uint64_t quarantine_bytes;
	uint64_t guard_budget_bytes; /* MEMTRACE_GUARD_BUDGET: of pages of live blocks */
	uint32_t guard_sample; /* MEMTRACE_GUARD_SAMPLE: one of so many is guarded */
	/* MEMTRACE_DEBUG=continue: the program goes on after an error. */
	bool goes_on;
	/* MEMTRACE_ONLY, for --no-children: record this process alone. 0: all. */
	uint32_t only_pid;
	/*
	 * MEMTRACE_LEAKS: search for leaks at the end; MEMTRACE_DUP: and for duplicates;
	 * MEMTRACE_CONTENTS: and keep how blocks begin.
	 */
	bool finds_leaks;
	uint32_t leaks_wishes; /* enum mt_snapshot_wish, of each search */
	/* MEMTRACE_TRACING=off: until memtrace_start, if ever, nothing is recorded. */
	bool is_tracing_off;
	/* MEMTRACE_SELF_TEST: leak a known block, to be found. */
	bool tests_itself;
	/* MEMTRACE_SOCKET: where the collector listens; empty: there is none yet. */
	char socket[MT_SOCKET_NAME_BYTES];
	/* MEMTRACE_COLLECTOR: the command that collects; NULL: found beside the library. */
	const char *collector;
};

extern struct config config;

/* Fill config; no effect the second time. */
void config_read(void);

/* The value of a variable in an environment, NULL: not set. */
const char *config_find(char *const *environment, const char *name);

/* The environment of this process, at any time: as the C library has it, or the stack. */
char *const *config_environment(void);

#endif
