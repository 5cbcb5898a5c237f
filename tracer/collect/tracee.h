/*
 * tracee.h - one image of a traced process: from its greeting to its end. Outside.
 */
#ifndef MT_TRACER_COLLECT_TRACEE_H
#define MT_TRACER_COLLECT_TRACEE_H

#include "formats/error.h"
#include "tracer/collect/errors.h"
#include "tracer/collect/image.h"
#include "tracer/collect/kernel.h"
#include "tracer/collect/layers.h"
#include "tracer/collect/naming.h"
#include "tracer/collect/starts.h"
#include "tracer/collect/trace.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	MT_PROGRAM_BYTES = 256,
};

struct mt_tracee {
	struct mt_tracee *next; /* in order of arrival */
	struct mt_tracee *next_followed;
	uint32_t pid, parent_pid;
	uint32_t own_pid;    /* its own numbering's: in a container it may be another */
	int pidfd;           /* -1: its end is seen by looking again and again */
	uint64_t start_time; /* as the kernel's; 0: not known */
	/* As the kernel's, when its image was seen to be this one. */
	uint64_t code, stack;
	char program[MT_PROGRAM_BYTES];
	const char *began; /* as META */
	const char *end;   /* as META; NULL: it goes on */
	int status;        /* as waitpid's; has_status: it is known */
	bool has_status;

	struct mt_image image;
	struct mt_starts starts; /* as they were read last */
	bool is_announced;       /* whose start was matched with this greeting */
	struct mt_control *control;
	pthread_t waiter; /* sleeps on the control page's futex */
	bool has_waiter;
	_Atomic bool is_waiter_done;
	int notify_fd; /* where the waiter says that there is a request */

	struct mt_trace_file *trace; /* NULL: none, or closed */
	int fd;
	const char *file;        /* name; NULL: none */
	struct mt_error failure; /* the first: why the trace ends early */
	uint32_t errors;         /* of the program, that are in the trace */

	bool has_start;     /* the snapshot `start` was taken from what was kept of it */
	uint64_t listen_ns; /* when to listen for requests; UINT64_MAX: it is done */
	bool is_gone;       /* the process has ended */
	bool is_finished;   /* the last snapshot is in the trace */
	bool has_execed;    /* it ended so, and the process went on */
	uint64_t finished_ns;
	uint64_t next_sample_ns, sample_interval_ns;
	uint64_t next_checkpoint_ns, checked_ticks;
	uint64_t next_periodic_ns;
	int64_t periodic_live_bytes;
	struct mt_layers layers;   /* as the kernel showed them last */
	struct mt_heap_scan *scan; /* made when it was about to end; NULL: none */
	bool has_asked_for_scan;   /* then, whatever came of it */
	uint64_t next_layers_ns;
	bool has_last_layers; /* it asked for them itself, at its end */
};

/* How often snapshots are taken without being asked for; 0: not. */
struct mt_schedule {
	uint64_t every_ns;
	uint64_t every_bytes;
};

/*
 * A process said hello over socket: takes both descriptors over. NULL: its state is not
 * one. pid is the kernel's word.
 */
struct mt_tracee *mt_tracee_create(uint32_t pid, int socket, int state_fd, int control_fd,
				   struct mt_error *err);

/* Let requests be told to notify_fd, an eventfd. */
void mt_tracee_listen(struct mt_tracee *tracee, int notify_fd);

/* Whether a request waits for an answer. */
bool mt_tracee_has_request(const struct mt_tracee *tracee);
/* name_frames: for the tracebacks of an error; NULL: they get no names. */
void mt_tracee_answer(struct mt_tracee *tracee, mt_name_frames *name_frames);

/* Take a snapshot now; failure is remembered, too. */
int mt_tracee_snapshot(struct mt_tracee *tracee, enum mt_snapshot_kind kind,
		       const char *label, bool is_still, struct mt_error *err);

struct mt_scan_result {
	uint64_t leaked; /* blocks */
	uint64_t pause_ns;
};

/* A snapshot with a scan of the heap. MT_ERR_SYSTEM: not possible, and why. */
int mt_tracee_scan(struct mt_tracee *tracee, const char *label, uint32_t wishes,
		   struct mt_scan_result *result, struct mt_error *err);

/* The timeline and what is due; returns when to come back (mt_clock_ns). */
uint64_t mt_tracee_tick(struct mt_tracee *tracee, const struct mt_schedule *schedule);

/* Whether it is another program by now, without a state that we know. */
bool mt_tracee_has_execed(struct mt_tracee *tracee);

/* The last snapshot. end as META's. The trace stays open for what follows it. */
void mt_tracee_finish(struct mt_tracee *tracee, const char *end);

/* END is written. */
void mt_tracee_close(struct mt_tracee *tracee);

/* Nothing more is to be learned: its state, control page and pidfd are let go. */
void mt_tracee_let_go(struct mt_tracee *tracee);

void mt_tracee_destroy(struct mt_tracee *tracee);

#endif
