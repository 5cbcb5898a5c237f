/*
 * family.h - the processes of one tree and their trace files. Outside.
 *
 * The first file is closed after the others where it can be: it names the whole tree, as
 * far as it is known then.
 */
#ifndef MT_TRACER_COLLECT_FAMILY_H
#define MT_TRACER_COLLECT_FAMILY_H

#include "tracer/collect/naming.h"
#include "tracer/collect/tracee.h"

struct mt_family {
	struct mt_tracee *first; /* the eldest; all that ever came */
	struct mt_tracee **last_link;
	struct mt_tracee *followed; /* that go on, or whose state some child may have */
	uint64_t look_ns;           /* when to see whose states nobody has any more */
	struct mt_naming naming;
	const char *main_began; /* how the main process began, as META */
	uint32_t main_pid;      /* 0: not known */
	uint32_t count;
};

void mt_family_init(struct mt_family *family, const char *template, bool replaces);
void mt_family_deinit(struct mt_family *family);

/*
 * A process said hello: learn what can only be asked while it waits. An earlier image of
 * the same process ends.
 */
void mt_family_add(struct mt_family *family, struct mt_tracee *tracee);

/* Make its file and begin its trace. */
void mt_family_begin(struct mt_family *family, struct mt_tracee *tracee);

/* The process that it was forked from; NULL: it was not, or that is not recorded. */
const struct mt_tracee *mt_family_parent(const struct mt_family *family,
					 const struct mt_tracee *tracee);

/* The image of pid that is being recorded; NULL: none. */
struct mt_tracee *mt_family_find(const struct mt_family *family, uint32_t pid);

/* The last image of the main process, going on or not; NULL: none came. */
struct mt_tracee *mt_family_main(const struct mt_family *family);

/* Whether one of the processes that go on is an ancestor of pid, or pid itself. */
bool mt_family_has_descendant(const struct mt_family *family, uint32_t pid);

/* Its process has ended: complete its trace. */
void mt_family_finish(struct mt_family *family, struct mt_tracee *tracee);

/* It runs another program, which may greet yet. */
void mt_family_finish_execed(struct mt_tracee *tracee);

/*
 * Now and then: those of whom nothing more can come are followed no longer. Returns when
 * to come back.
 */
uint64_t mt_family_let_go(struct mt_family *family, uint64_t now_ns);

/* Images that are being recorded. */
uint32_t mt_family_running(const struct mt_family *family);

/* Processes that go on, recorded or not any more. */
uint32_t mt_family_living(const struct mt_family *family);

/* Whether some process has the state of one that ended: it may come yet. */
bool mt_family_has_silent_child(const struct mt_family *family);

/*
 * Close the first file, with the list of all processes, if its own has ended. Those that
 * come later have files of their own.
 */
void mt_family_close(struct mt_family *family);

#endif
