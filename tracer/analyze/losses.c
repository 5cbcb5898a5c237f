/*
 * losses.c - see losses.h. Outside.
 */
#include "tracer/analyze/losses.h"

static const struct words {
	const char *name, *text;
} words[] = {
	[MT_LOSS_NESTED] = {"nested",
			    "allocations by signal handlers in the middle of malloc"},
	[MT_LOSS_TRACEBACKS_FULL] = {"tracebacks_full",
				     "blocks without traceback: the table is full"},
	[MT_LOSS_NODES_FULL] = {"nodes_full",
				"tracebacks cut short: the table of frames is full"},
	[MT_LOSS_COUNTERS_FULL] = {"counters_full",
				   "events not counted: the table of counters is full"},
	[MT_LOSS_THREADS_FULL] = {"threads_full",
				  "events of threads beyond the table of threads, "
				  "or without memory for their own tables"},
	[MT_LOSS_MODULES_FULL] = {"modules_full",
				  "loaded objects beyond the table of modules"},
	[MT_LOSS_BLOCKS_FULL] = {"blocks_full",
				 "large blocks without an entry: the table is full"},
	[MT_LOSS_HEAP_FULL] = {"heap_full",
			       "small requests that the C library had to serve"},
	[MT_LOSS_EARLY] = {"early", "events before the recorder was ready"},
	[MT_LOSS_CHILD_NO_HANDOVER] = {"child_no_handover",
				       "forked children that could not reach the "
				       "collector"},
	[MT_LOSS_CHILD_NO_ENVIRONMENT] = {"child_no_environment",
					  "programs started without our environment"},
	[MT_LOSS_SNAPSHOT] = {"snapshot",
			      "snapshots that were asked for and not taken in time"},
	[MT_LOSS_GUARD_BUDGET] = {"guard_budget",
				  "blocks not guarded: beyond the budget"},
	[MT_LOSS_GUARD_MAPPINGS] = {"guard_mappings",
				    "blocks not guarded: the kernel allows no more "
				    "mappings"},
};
static_assert(sizeof words / sizeof *words == MT_LOSS_COUNT, "words for every loss");

const char *mt_loss_name(enum mt_loss reason)
{
	return words[reason].name;
}

const char *mt_loss_text(enum mt_loss reason)
{
	return words[reason].text;
}

bool mt_loss_is_unguarded(enum mt_loss reason)
{
	return reason == MT_LOSS_GUARD_BUDGET || reason == MT_LOSS_GUARD_MAPPINGS;
}
