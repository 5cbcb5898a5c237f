/*
 * test-gate.c - what the command line cannot show easily: traces of very many call sites,
 * losses, and peaks.
 */
#include "tests/tap.h"
#include "tests/traces/many-sites.h"
#include "tracer/analyze/gate.h"

static struct mt_gate *judge(struct mt_gate_question question,
			     enum mt_gate_state expected)
{
	struct mt_suppressions none = {0};
	struct mt_error err = {0};
	struct mt_gate *gate = calloc(1, sizeof *gate);
	if (!question.suppressions)
		question.suppressions = &none;
	question.today = "2026-11-20";
	if (!is_int(mt_gate_init(gate, &question, &err), 0))
		printf("# %s\n", err.message);
	is_int(gate->verdict, expected);
	return gate;
}

static char *path_of(struct made *made)
{
	return strdup(made_path(made));
}

TEST(a_hundred_thousand_call_sites_are_judged)
{
	struct made old, new;
	made_many_sites(&old, 0);
	made_many_sites(&new, 1);
	struct mt_gate_question question = {.trace = path_of(&new),
					    .baseline = path_of(&old)};
	struct mt_gate *gate = judge(question, MT_GATE_FAILED);
	is_int(gate->report.tables[MT_GATE_ROWS].row_count, MADE_SITES);
	mt_gate_deinit(gate);
}

TEST(a_hundred_thousand_call_sites_and_fifty_suppressions)
{
	struct made old, new;
	made_many_sites(&old, 0);
	made_many_sites(&new, 1);
	struct mt_suppressions suppressions = {0};
	struct mt_error err = {0};
	char text[8192] = "";
	for (int i = 0; i < 50; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text),
			 i % 2 ? "leak:*library%d*x\n"
			       : "{\n s%d\n Memcheck:Leak\n fun:malloc\n ...\n "
				 "obj:*nothing*\n}\n",
			 i);
	ok(mt_suppressions_parse(&suppressions, "s", text, &err) == 0);
	struct mt_gate_question question = {.trace = path_of(&new),
					    .baseline = path_of(&old),
					    .suppressions = &suppressions};
	struct mt_gate *gate = judge(question, MT_GATE_FAILED);
	is_int(gate->report.tables[MT_GATE_ROWS].row_count, MADE_SITES);
	mt_gate_deinit(gate);
}

TEST(a_hundred_thousand_call_sites_are_compared)
{
	struct made old, new;
	made_many_sites(&old, 0);
	made_many_sites(&new, 1);
	struct mt_question question = {.by = MT_BY_LINENO};
	struct mt_error err = {0};
	struct mt_answer *answer = calloc(1, sizeof *answer);
	const char *new_path = path_of(&new), *old_path = path_of(&old);
	is_int(mt_answer_init(answer, &question, (struct mt_names){&new_path, 1},
			      (struct mt_names){&old_path, 1}, &err),
	       0);
	is_int(answer->report.tables[0].row_count, MADE_SITES);
	is_int(answer->report.tables[0].totals.diff.bytes, MADE_SITES);
	mt_answer_deinit(answer);
}

/* One site, with a loss of that kind. */
static void make_lossy(struct made *made, uint32_t reason, uint64_t lost)
{
	made_begin(made);
	uint32_t site = made_call(made, MADE_ROOT, made_frame(made, "a.c", 1));
	made_snapshot(made, (struct mt_record_snapshot){.kind = MT_SNAPSHOT_EXIT,
							.live_bytes = 100,
							.live_count = 1,
							.total_bytes = 100,
							.total_count = 1});
	made_row(made, site, 100, 1);
	made_put(made, (struct mt_record){.kind = MT_RECORD_LOSS,
					  .loss = {.reason = reason, .count = lost}});
	made_snapshot_end(made);
}

static void judges_lossy(uint32_t reason, uint64_t limit, enum mt_gate_state expected)
{
	struct made made;
	make_lossy(&made, reason, 1);
	struct mt_gate_question question = {.trace = path_of(&made),
					    .max_live = {true, limit}};
	mt_gate_deinit(judge(question, expected));
}

TEST(what_was_not_counted_makes_passing_worthless_but_not_failing)
{
	judges_lossy(MT_LOSS_COUNTERS_FULL, 100, MT_GATE_UNJUDGED);
	judges_lossy(MT_LOSS_COUNTERS_FULL, 99, MT_GATE_FAILED);
	judges_lossy(MT_LOSS_BLOCKS_FULL, 100, MT_GATE_UNJUDGED);
	/* These are counted, if not where they belong; or are few. */
	judges_lossy(MT_LOSS_TRACEBACKS_FULL, 100, MT_GATE_PASSED);
	judges_lossy(MT_LOSS_NESTED, 100, MT_GATE_PASSED);
}

TEST(call_sites_that_are_not_all_known_cannot_pass_a_baseline)
{
	struct made old, new;
	make_lossy(&old, MT_LOSS_NESTED, 1);
	make_lossy(&new, MT_LOSS_NODES_FULL, 7);
	struct mt_gate_question question = {.trace = path_of(&new),
					    .baseline = path_of(&old)};
	struct mt_gate *gate = judge(question, MT_GATE_UNJUDGED);
	const struct mt_table *checks = &gate->report.tables[MT_GATE_CHECKS];
	is_str(checks->values[checks->column_count + MT_CHECK_TEXT].text,
	       "call sites are not all known: 7 tracebacks cut short: the table of frames is "
	       "full");
	mt_gate_deinit(gate);
}

static void judges_empty(const char *meta, enum mt_gate_state expected)
{
	struct made made;
	made_begin(&made);
	if (meta)
		made_meta(&made, meta, "1");
	made_snapshot(&made, (struct mt_record_snapshot){.kind = MT_SNAPSHOT_EXIT});
	made_snapshot_end(&made);
	struct mt_gate_question question = {.trace = path_of(&made),
					    .max_live = {true, 1000}};
	mt_gate_deinit(judge(question, expected));
}

TEST(no_allocation_passes_if_the_recorder_would_have_seen_one)
{
	judges_empty(NULL, MT_GATE_PASSED);
	judges_empty("own_malloc", MT_GATE_UNJUDGED);
	judges_empty("stopped", MT_GATE_UNJUDGED);
	judges_empty("unrecorded", MT_GATE_UNJUDGED);
}

TAP_MAIN()
