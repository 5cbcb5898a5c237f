/*
 * leaks-report.c - see leaks.h: what was found as facts and tables. Outside.
 */
#include "tracer/analyze/leaks.h"
#include "tracer/analyze/rows.h"

#include <stdlib.h>

static struct mt_value flag(bool is_set)
{
	return mt_value_number(is_set);
}

static struct mt_value number(uint64_t value)
{
	return mt_value_number((int64_t)value);
}

static int add_facts(struct mt_report *report, const struct mt_fact *facts, size_t count,
		     struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = mt_report_add_fact(report, facts[i], err);
	return rc;
}

static const char *method_name(uint8_t method)
{
	return method == MT_SCAN_PTRACE    ? "ptrace"
	       : method == MT_SCAN_FORK    ? "fork"
	       : method == MT_SCAN_WAITING ? "waiting"
					   : "unknown";
}

int mt_leaks_report_scan(struct mt_report *report, const struct mt_record_scan *scan,
			 struct mt_error *err)
{
#define FACT(fact_name, fact_kind, fact_value)                                           \
	{                                                                                \
		.object = "scan", .name = fact_name, .kind = fact_kind,                  \
		.value = fact_value                                                      \
	}
	const struct mt_fact facts[] = {
		FACT("method", MT_COLUMN_TEXT, mt_value_text(method_name(scan->method))),
		FACT("at_end", MT_COLUMN_FLAG, flag(scan->flags & MT_SCAN_AT_END)),
		FACT("pause_ns", MT_COLUMN_NUMBER, number(scan->pause_ns)),
		FACT("span_ns", MT_COLUMN_NUMBER, number(scan->span_ns)),
		FACT("threads", MT_COLUMN_NUMBER, number(scan->threads)),
		FACT("threads_missed", MT_COLUMN_NUMBER, number(scan->threads_missed)),
		FACT("root_bytes", MT_COLUMN_NUMBER, number(scan->root_bytes)),
		FACT("heap_bytes", MT_COLUMN_NUMBER, number(scan->heap_bytes)),
		FACT("unreadable_bytes", MT_COLUMN_NUMBER,
		     number(scan->unreadable_bytes)),
		FACT("sampled", MT_COLUMN_FLAG, flag(scan->flags & MT_SCAN_SAMPLED)),
		FACT("cycles_sought", MT_COLUMN_FLAG,
		     flag(!(scan->flags & MT_SCAN_NO_CYCLES))),
	};
#undef FACT
	return add_facts(report, facts, sizeof facts / sizeof *facts, err);
}

static int report_sums(struct mt_leaks *leaks, struct mt_error *err)
{
	struct mt_report *report = &leaks->answer.report;
	int rc = 0;
	for (uint8_t kind = 0; rc >= 0 && kind < MT_LEAK_KINDS; kind++) {
		struct mt_fact fact = {.object = "summary",
				       .name = mt_leak_kind_name(kind),
				       .kind = MT_COLUMN_COUNTS,
				       .value = mt_value_counts(leaks->summary[kind])};
		rc = mt_report_add_fact(report, fact, err);
	}
	const struct mt_fact omitted[] = {
		{.object = "omitted",
		 .name = "rows",
		 .kind = MT_COLUMN_NUMBER,
		 .value = number(leaks->omitted_rows)},
		{.object = "omitted",
		 .name = "size",
		 .kind = MT_COLUMN_NUMBER,
		 .value = mt_value_number(leaks->omitted.bytes)},
		{.object = "omitted",
		 .name = "count",
		 .kind = MT_COLUMN_NUMBER,
		 .value = mt_value_number(leaks->omitted.count)},
	};
	return rc < 0 ? rc : add_facts(report, omitted, 3, err);
}

/* The columns before those of the key. */
enum {
	ROW_KIND,
	ROW_SIZE,
	ROW_COUNT,
	ROW_LEADS_TO,
	ROW_UNDER,
	ROW_REFERENCES,
	ROW_RETAINED,
	ROW_CONTENTS,
	ROW_KEY,
};

static const struct mt_column row_columns[ROW_KEY] = {
	[ROW_KIND] = {"kind", MT_COLUMN_TEXT},
	[ROW_SIZE] = {"size", MT_COLUMN_SIZE},
	[ROW_COUNT] = {"count", MT_COLUMN_NUMBER},
	[ROW_LEADS_TO] = {"leads_to", MT_COLUMN_COUNTS},
	[ROW_UNDER] = {"under", MT_COLUMN_NUMBER},
	[ROW_REFERENCES] = {"references", MT_COLUMN_NUMBER},
	[ROW_RETAINED] = {"retained", MT_COLUMN_COUNTS},
	[ROW_CONTENTS] = {"contents", MT_COLUMN_TEXT},
};

static struct mt_value absent(void)
{
	return (struct mt_value){.state = MT_VALUE_ABSENT};
}

static void fill_row(const struct mt_leaks *leaks,
		     const struct mt_leaks_question *question, size_t place, size_t top,
		     struct mt_value *values)
{
	const struct mt_leak_row *row = &leaks->rows.list[leaks->order.list[place]];
	values[ROW_KIND] = mt_value_text(mt_leak_kind_name(row->kind));
	values[ROW_SIZE] = mt_value_number(row->counts.bytes);
	values[ROW_COUNT] = mt_value_number(row->counts.count);
	values[ROW_LEADS_TO] =
		row->kind == MT_LEAK_DEFINITE ? mt_value_counts(row->leads_to) : absent();
	values[ROW_UNDER] = row->leader == MT_NO_LEAK_ROW ? absent() : number(top);
	values[ROW_REFERENCES] = number(row->references);
	values[ROW_RETAINED] =
		question->wants_retained ? mt_value_counts(row->retained) : absent();
}

static int report_rows(struct mt_leaks *leaks, const struct mt_leaks_question *question,
		       struct mt_error *err)
{
	struct mt_report *report = &leaks->answer.report;
	size_t key_count, top = 0;
	const struct mt_column *keys = mt_rows_key_columns(question->base.by, &key_count);
	struct mt_column *columns = malloc((ROW_KEY + key_count) * sizeof *columns);
	if (mt_report_own(report, (char *)columns, err) < 0)
		return MT_ERR_NO_MEMORY;
	for (size_t i = 0; i < ROW_KEY + key_count; i++)
		columns[i] = i < ROW_KEY ? row_columns[i] : keys[i - ROW_KEY];
	struct mt_table *table =
		mt_report_add_table(report, "rows", columns, ROW_KEY + key_count, err);
	int rc = table ? 0 : MT_ERR_NO_MEMORY;
	for (size_t i = 0; rc >= 0 && i < leaks->order.count; i++) {
		const struct mt_leak_row *row = &leaks->rows.list[leaks->order.list[i]];
		struct mt_value *values = mt_table_add_row(table, err);
		if (!values)
			return MT_ERR_NO_MEMORY;
		if (row->leader == MT_NO_LEAK_ROW)
			top = i;
		fill_row(leaks, question, i, top, values);
		struct mt_bytes contents = {0};
		if (row->example != MT_NO_BLOCK)
			contents = mt_heap_contents(mt_leaks_heap(leaks), row->example);
		rc = mt_rows_fill_contents(report, &values[ROW_CONTENTS], contents, err);
		if (rc >= 0)
			rc = mt_rows_fill_key(
				report, values + ROW_KEY, &leaks->answer.groups,
				&leaks->answer.groups.list[row->group], err);
	}
	return rc;
}

static int fill_frames(struct mt_leaks *leaks, uint32_t node, struct mt_value *value,
		       struct mt_error *err)
{
	value->frames = mt_rows_frames(&leaks->answer.report,
				       leaks->answer.subjects[0].frames, node, err);
	value->state = MT_VALUE_SET;
	return value->frames ? 0 : MT_ERR_NO_MEMORY;
}

/* Of the table of cycles: one row for each pointer of each member. */
static int report_link(struct mt_leaks *leaks, const struct mt_leak_member *member,
		       const struct mt_leak_link *link, struct mt_value *row,
		       struct mt_error *err)
{
	const struct mt_heap_block *blocks = mt_leaks_heap(leaks)->blocks.list;
	const struct mt_heap_block *from = &blocks[member->block],
				   *to = &blocks[link->to];
	row[3] = number(from->size);
	row[4] = number(member->times);
	row[5] = number(link->offset);
	row[6] = number(from->address);
	row[7] = number(to->address);
	int rc = fill_frames(leaks, from->node, &row[8], err);
	return rc < 0 ? rc : fill_frames(leaks, to->node, &row[9], err);
}

static int report_member(struct mt_leaks *leaks, struct mt_table *table, size_t cycle,
			 const struct mt_leak_member *member, struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < member->link_count; i++) {
		struct mt_value *row = mt_table_add_row(table, err);
		if (!row)
			return MT_ERR_NO_MEMORY;
		row[0] = number(cycle);
		row[1] = number(leaks->cycles.list[cycle].times);
		row[2] = mt_value_counts(leaks->cycles.list[cycle].each);
		rc = report_link(leaks, member,
				 &leaks->links.list[member->first_link + i], row, err);
	}
	return rc;
}

static int report_cycles(struct mt_leaks *leaks, size_t limit, struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"cycle", MT_COLUMN_NUMBER},     {"times", MT_COLUMN_NUMBER},
		{"each", MT_COLUMN_COUNTS},      {"block_bytes", MT_COLUMN_SIZE},
		{"pointers", MT_COLUMN_NUMBER},  {"offset", MT_COLUMN_NUMBER},
		{"address", MT_COLUMN_NUMBER},   {"to_address", MT_COLUMN_NUMBER},
		{"traceback", MT_COLUMN_FRAMES}, {"to", MT_COLUMN_FRAMES},
	};
	struct mt_table *table =
		mt_report_add_table(&leaks->answer.report, "cycles", columns,
				    sizeof columns / sizeof *columns, err);
	int rc = table ? 0 : MT_ERR_NO_MEMORY;
	for (size_t i = 0; i < mt_shown(leaks->cycles.count, limit); i++) {
		const struct mt_leak_cycle *cycle = &leaks->cycles.list[i];
		const struct mt_leak_member *members =
			&leaks->members.list[cycle->first_member];
		for (size_t k = 0; rc >= 0 && k < cycle->member_count; k++)
			rc = report_member(leaks, table, i, &members[k], err);
	}
	return rc;
}

/* One row for each block. */
static int report_cycle_blocks(struct mt_leaks *leaks, size_t limit, struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"cycle", MT_COLUMN_NUMBER},
		{"address", MT_COLUMN_NUMBER},
		{"size", MT_COLUMN_SIZE},
		{"traceback", MT_COLUMN_FRAMES},
	};
	struct mt_table *table =
		mt_report_add_table(&leaks->answer.report, "members", columns,
				    sizeof columns / sizeof *columns, err);
	int rc = table ? 0 : MT_ERR_NO_MEMORY;
	for (size_t i = 0; i < mt_shown(leaks->cycles.count, limit); i++) {
		const struct mt_leak_cycle *cycle = &leaks->cycles.list[i];
		const uint32_t *blocks = &leaks->cycle_blocks.list[cycle->first_block];
		size_t count = mt_shown((size_t)cycle->each.count, limit);
		for (size_t k = 0; rc >= 0 && k < count; k++) {
			const struct mt_heap_block *block =
				&mt_leaks_heap(leaks)->blocks.list[blocks[k]];
			struct mt_value *row = mt_table_add_row(table, err);
			if (!row)
				return MT_ERR_NO_MEMORY;
			row[0] = number(i);
			row[1] = number(block->address);
			row[2] = number(block->size);
			rc = fill_frames(leaks, block->node, &row[3], err);
		}
	}
	return rc;
}

int mt_leaks_report(struct mt_leaks *leaks, const struct mt_leaks_question *question,
		    struct mt_error *err)
{
	struct mt_report *report = &leaks->answer.report;
	struct mt_fact by = {.name = "by",
			     .value = mt_value_text(mt_by_name(question->base.by))};
	int rc = mt_report_add_fact(report, by, err);
	if (rc >= 0)
		rc = mt_leaks_report_scan(report, &mt_leaks_heap(leaks)->scan, err);
	if (rc >= 0)
		rc = report_sums(leaks, err);
	if (rc >= 0)
		rc = report_rows(leaks, question, err);
	if (rc >= 0)
		rc = report_cycles(leaks, question->base.limit, err);
	return rc < 0 ? rc : report_cycle_blocks(leaks, question->base.limit, err);
}
