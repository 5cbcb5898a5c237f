/*
 * overview.c - see overview.h. Outside.
 */
#include "tracer/analyze/overview.h"

#include "tracer/analyze/losses.h"
#include "tracer/analyze/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Facts that the trace states itself, in the order in which they are shown. */
static const struct said {
	const char *key;
	const char *title;
	enum mt_column_kind kind;
} said[] = {
	{"program", "Program", MT_COLUMN_TEXT},
	{"argv", "Command", MT_COLUMN_TEXT},
	{"cwd", "Directory", MT_COLUMN_TEXT},
	{"host", "Host", MT_COLUMN_TEXT},
	{"pid", "PID", MT_COLUMN_NUMBER},
	{"parent_pid", "Parent's PID", MT_COLUMN_NUMBER},
	{"parent_uuid", NULL, MT_COLUMN_TEXT},
	{"parent_time_ns", "Forked in the parent's second", MT_COLUMN_TIME},
	{"tree_uuid", NULL, MT_COLUMN_TEXT},
	{"began", "Began by", MT_COLUMN_TEXT},
	{"end", "Ended by", MT_COLUMN_TEXT},
	{"unrecorded", "Executed then, not recorded", MT_COLUMN_TEXT},
	{"unrecorded_why", NULL, MT_COLUMN_TEXT},
	{"exit_status", "Exit status", MT_COLUMN_NUMBER},
	{"signal", "Signal", MT_COLUMN_NUMBER},
	{"start_realtime_ns", NULL, MT_COLUMN_NUMBER},
	{"malloc", "Allocator", MT_COLUMN_TEXT},
	{"own_malloc", NULL, MT_COLUMN_NUMBER},
	{"stopped", NULL, MT_COLUMN_NUMBER},
	{"geometry", "Geometry", MT_COLUMN_TEXT},
	{"alignment", NULL, MT_COLUMN_NUMBER},
	{"pool_bytes", NULL, MT_COLUMN_NUMBER},
	{"arena_bytes", NULL, MT_COLUMN_NUMBER},
	{"threshold", NULL, MT_COLUMN_NUMBER},
	{"python", "Python's objects", MT_COLUMN_TEXT},
	{"nframe", "Frames kept", MT_COLUMN_NUMBER},
	{"peak_bound_bytes", "Peak exact within", MT_COLUMN_SIZE},
	{"guarded_blocks", "Blocks guarded", MT_COLUMN_NUMBER},
	{"recorder_bytes", "Recorder's memory", MT_COLUMN_SIZE},
	{"walked_tracebacks", "Tracebacks not predicted", MT_COLUMN_NUMBER},
	{"walked_frames", "Frames walked for them", MT_COLUMN_NUMBER},
	{"collector_cpu_ns", "Collector's CPU time", MT_COLUMN_TIME},
	{"memtrace_version", "Recorded by memtrace", MT_COLUMN_TEXT},
};

static bool is_plain(const char *word)
{
	return *word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyz"
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_-+=./,:@%^")];
}

static void put_word(FILE *out, const char *word)
{
	if (is_plain(word)) {
		fputs(word, out);
		return;
	}
	putc('\'', out);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", out);
		else
			putc(*word, out);
	putc('\'', out);
}

/* argv as a shell would read it; the words of the value are NUL-separated. */
static char *command_text(const struct mt_trace_meta *meta)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	const char *word = meta->value, *end = meta->value + meta->value_bytes;
	for (; word < end; word += strlen(word) + 1) {
		if (word != meta->value)
			putc(' ', out);
		put_word(out, word);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int value_of_meta(struct mt_report *report, const struct mt_trace *trace,
			 const struct said *s, struct mt_value *value,
			 struct mt_error *err)
{
	const struct mt_trace_meta *meta = mt_trace_meta(trace, s->key);
	*value = (struct mt_value){.state = MT_VALUE_NULL};
	if (!meta)
		return 0;
	if (!strcmp(s->key, "argv")) {
		char *text = command_text(meta);
		*value = mt_value_text(text);
		return mt_report_own(report, text, err);
	}
	if (s->kind == MT_COLUMN_TEXT)
		*value = mt_value_text(meta->value);
	else
		*value = mt_value_number((int64_t)mt_trace_number(trace, s->key, 0));
	return 0;
}

static int add_said(struct mt_report *report, const struct mt_trace *trace,
		    struct mt_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < sizeof said / sizeof *said; i++) {
		struct mt_fact fact = {.name = said[i].key,
				       .title = said[i].title,
				       .kind = said[i].kind};
		rc = value_of_meta(report, trace, &said[i], &fact.value, err);
		if (fact.kind == MT_COLUMN_SIZE && !fact.value.number)
			fact.title = NULL; /* nothing that a reader wants to know */
		if (rc >= 0 && fact.value.state == MT_VALUE_SET)
			rc = mt_report_add_fact(report, fact, err);
	}
	return rc;
}

static int add_number(struct mt_report *report, const char *name, const char *title,
		      enum mt_column_kind kind, uint64_t number, struct mt_error *err)
{
	struct mt_fact fact = {.name = name,
			       .title = title,
			       .kind = kind,
			       .value = mt_value_number((int64_t)number)};
	return mt_report_add_fact(report, fact, err);
}

/* What the file is, and what of it could not be read. */
static int add_file(struct mt_report *report, const struct mt_trace *trace,
		    struct mt_error *err)
{
	const struct mt_reader_status *status = mt_reader_status(trace->reader);
	struct mt_fact path = {.name = "trace",
			       .title = "Trace",
			       .kind = MT_COLUMN_TEXT,
			       .value = mt_value_text(trace->path)};
	struct mt_error remark = {0};
	mt_trace_remark(trace, &remark);
	struct mt_fact complete = {
		.name = "complete",
		.title = "Complete",
		.kind = MT_COLUMN_FLAG,
		.value = mt_value_number(trace->is_closed && !remark.code)};
	int rc = mt_report_add_fact(report, path, err);
	if (rc >= 0)
		rc = mt_report_add_fact(report, complete, err);
	if (rc >= 0 && status->damaged_chunks)
		rc = add_number(report, "damaged_chunks", "Damaged chunks",
				MT_COLUMN_NUMBER, status->damaged_chunks, err);
	if (rc >= 0 && status->damaged_bytes)
		rc = add_number(report, "damaged_bytes", "Damaged bytes",
				MT_COLUMN_NUMBER, status->damaged_bytes, err);
	if (rc >= 0 && status->unknown_chunks)
		rc = add_number(report, "unknown_chunks", "Chunks of later formats",
				MT_COLUMN_NUMBER, status->unknown_chunks, err);
	if (rc >= 0 && status->unknown_records)
		rc = add_number(report, "unknown_records", "Records of later formats",
				MT_COLUMN_NUMBER, status->unknown_records, err);
	return rc;
}

static int add_counts(struct mt_report *report, const struct mt_trace *trace,
		      struct mt_error *err)
{
	uint64_t resident = 0;
	for (size_t i = 0; i < trace->samples.count; i++)
		if (resident < trace->samples.list[i].resident_bytes)
			resident = trace->samples.list[i].resident_bytes;
	int rc = add_number(report, "tracebacks", "Frames in tracebacks",
			    MT_COLUMN_NUMBER, trace->nodes.count, err);
	if (rc >= 0)
		rc = add_number(report, "frames", "Distinct addresses", MT_COLUMN_NUMBER,
				trace->frames.count, err);
	if (rc >= 0)
		rc = add_number(report, "samples", "Points of the timeline",
				MT_COLUMN_NUMBER, trace->samples.count, err);
	if (rc >= 0 && resident)
		rc = add_number(report, "resident_peak_bytes", "Highest resident size",
				MT_COLUMN_SIZE, resident, err);
	return rc;
}

/* Tables. */

#define COLUMN_COUNT(columns) (sizeof(columns) / sizeof *(columns))

static struct mt_value text_or_null(const char *text)
{
	return mt_value_text(text && *text ? text : NULL);
}

/* Lower case hexadecimal, owned by the report. */
static int hex_value(struct mt_report *report, const uint8_t *bytes, size_t count,
		     struct mt_value *value, struct mt_error *err)
{
	char *text = malloc(2 * count + 1);
	if (text)
		text[0] = '\0';
	for (size_t i = 0; text && i < count; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	*value = text_or_null(text);
	return mt_report_own(report, text, err);
}

static int add_processes(struct mt_report *report, const struct mt_trace *trace,
			 struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"pid", MT_COLUMN_NUMBER},   {"parent_pid", MT_COLUMN_NUMBER},
		{"program", MT_COLUMN_TEXT}, {"began", MT_COLUMN_TEXT},
		{"end", MT_COLUMN_TEXT},     {"trace", MT_COLUMN_TEXT},
	};
	struct mt_table *table = mt_report_add_table(report, "processes", columns,
						     COLUMN_COUNT(columns), err);
	if (!table)
		return MT_ERR_NO_MEMORY;
	table->title = "Processes";
	for (size_t i = 0; i < trace->processes.count; i++) {
		const struct mt_trace_process *process = &trace->processes.list[i];
		struct mt_value *values = mt_table_add_row(table, err);
		if (!values)
			return MT_ERR_NO_MEMORY;
		values[0] = mt_value_number(process->pid);
		values[1] = mt_value_number(process->parent_pid);
		values[2] = text_or_null(process->program);
		values[3] = text_or_null(process->began);
		values[4] = text_or_null(process->end);
		values[5] = text_or_null(process->trace);
	}
	return 0;
}

static const char *snapshot_kind(const struct mt_trace_snapshot *snapshot)
{
	static const char *const names[] = {
		[MT_SNAPSHOT_START] = "start", [MT_SNAPSHOT_PERIODIC] = "periodic",
		[MT_SNAPSHOT_LABEL] = "label", [MT_SNAPSHOT_PEAK] = "peak",
		[MT_SNAPSHOT_EXIT] = "exit",   [MT_SNAPSHOT_CHECKPOINT] = "checkpoint",
	};
	uint8_t kind = snapshot->record.kind;
	return kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

static void fill_snapshot(struct mt_value *values,
			  const struct mt_trace_snapshot *snapshot)
{
	const struct mt_record_snapshot *rec = &snapshot->record;
	if (rec->kind != MT_SNAPSHOT_CHECKPOINT)
		values[0] = mt_value_number(rec->index);
	values[1] = mt_value_text(snapshot->label);
	values[2] = mt_value_text(snapshot_kind(snapshot));
	values[3] = mt_value_number((int64_t)rec->time_ns);
	values[4] = mt_value_number((int64_t)rec->span_ns);
	values[5] = mt_value_number(rec->live_bytes);
	values[6] = mt_value_number(rec->live_count);
	values[7] = mt_value_number(rec->peak_bytes);
	values[8] = mt_value_number((int64_t)rec->total_bytes);
	values[9] = mt_value_number((int64_t)rec->total_count);
	values[10] = mt_value_number(snapshot->is_complete);
}

static int add_snapshots(struct mt_report *report, const struct mt_trace *trace,
			 struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"index", MT_COLUMN_NUMBER},      {"label", MT_COLUMN_TEXT},
		{"kind", MT_COLUMN_TEXT},         {"time_ns", MT_COLUMN_TIME},
		{"span_ns", MT_COLUMN_TIME},      {"live_bytes", MT_COLUMN_SIZE},
		{"live_count", MT_COLUMN_NUMBER}, {"peak_bytes", MT_COLUMN_SIZE},
		{"total_bytes", MT_COLUMN_SIZE},  {"total_count", MT_COLUMN_NUMBER},
		{"complete", MT_COLUMN_FLAG},
	};
	struct mt_table *table = mt_report_add_table(report, "snapshots", columns,
						     COLUMN_COUNT(columns), err);
	if (!table)
		return MT_ERR_NO_MEMORY;
	table->title = "Snapshots";
	for (size_t i = 0; i < trace->snapshots.count; i++) {
		struct mt_value *values = mt_table_add_row(table, err);
		if (!values)
			return MT_ERR_NO_MEMORY;
		fill_snapshot(values, &trace->snapshots.list[i]);
	}
	return 0;
}

static int add_modules(struct mt_report *report, const struct mt_trace *trace,
		       struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"build_id", MT_COLUMN_TEXT},
		{"path", MT_COLUMN_TEXT},
	};
	struct mt_table *table = mt_report_add_table(report, "modules", columns,
						     COLUMN_COUNT(columns), err);
	if (!table)
		return MT_ERR_NO_MEMORY;
	table->title = "Modules";
	for (size_t i = 0; i < trace->modules.count; i++) {
		const struct mt_trace_module *module = &trace->modules.list[i];
		struct mt_value *values = mt_table_add_row(table, err);
		if (!values || hex_value(report, module->build_id, module->build_id_bytes,
					 &values[0], err) < 0)
			return MT_ERR_NO_MEMORY;
		values[1] = mt_value_text(module->path);
	}
	return 0;
}

/* A slot's last record only: that is what the end of the trace knows. */
static int add_threads(struct mt_report *report, const struct mt_trace *trace,
		       struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"tid", MT_COLUMN_NUMBER},
		{"name", MT_COLUMN_TEXT},
		{"alive", MT_COLUMN_FLAG},
	};
	struct mt_table *table = mt_report_add_table(report, "threads", columns,
						     COLUMN_COUNT(columns), err);
	if (!table)
		return MT_ERR_NO_MEMORY;
	table->title = "Threads (heaps)";
	const struct mt_trace_snapshot end = {.complete_before = SIZE_MAX};
	for (size_t i = 0; i < trace->threads.count; i++) {
		const struct mt_trace_thread *thread = &trace->threads.list[i];
		if (mt_trace_thread(trace, thread->slot, &end) != thread)
			continue;
		struct mt_value *values = mt_table_add_row(table, err);
		if (!values)
			return MT_ERR_NO_MEMORY;
		values[0] = mt_value_number(thread->tid);
		values[1] = mt_value_text(thread->name);
		values[2] = mt_value_number(thread->alive);
	}
	return 0;
}

static int add_losses(struct mt_report *report, struct mt_trace *trace,
		      struct mt_error *err)
{
	static const struct mt_column columns[] = {
		{"count", MT_COLUMN_NUMBER},
		{"reason", MT_COLUMN_TEXT},
		{"meaning", MT_COLUMN_TEXT},
	};
	struct mt_moment moment;
	struct mt_profile profile = {0};
	struct mt_error none = {0};
	if (mt_moment_find(trace, "exit", &moment, &none) == 0) {
		int rc = mt_profile_init(&profile, trace, &moment, false, err);
		if (rc < 0)
			return rc;
	}
	uint64_t losses[MT_LOSS_COUNT], sum = 0;
	memcpy(losses, profile.losses, sizeof losses);
	mt_profile_deinit(&profile);
	struct mt_table *table = mt_report_add_table(report, "losses", columns,
						     COLUMN_COUNT(columns), err);
	if (!table)
		return MT_ERR_NO_MEMORY;
	table->title = "Not recorded";
	for (int i = 0; i < MT_LOSS_COUNT; i++) {
		if (mt_loss_is_unguarded((enum mt_loss)i) && losses[i])
			table->title = "Not recorded, or not guarded";
		else
			sum += losses[i];
		struct mt_value *values = losses[i] ? mt_table_add_row(table, err) : NULL;
		if (losses[i] && !values)
			return MT_ERR_NO_MEMORY;
		if (!values)
			continue;
		values[0] = mt_value_number((int64_t)losses[i]);
		values[1] = mt_value_text(mt_loss_name((enum mt_loss)i));
		values[2] = mt_value_text(mt_loss_text((enum mt_loss)i));
	}
	return add_number(report, "lost", "Events not recorded", MT_COLUMN_NUMBER, sum,
			  err);
}

static int add_contents(struct mt_report *report, const struct mt_trace *trace,
			struct mt_error *err)
{
	int rc = add_said(report, trace, err);
	if (rc >= 0)
		rc = add_counts(report, trace, err);
	if (rc >= 0)
		rc = add_processes(report, trace, err);
	if (rc >= 0)
		rc = add_snapshots(report, trace, err);
	if (rc >= 0)
		rc = add_threads(report, trace, err);
	return rc < 0 ? rc : add_modules(report, trace, err);
}

int mt_overview_init(struct mt_report *report, struct mt_trace *trace, bool only_errors,
		     struct mt_error *err)
{
	*report = (struct mt_report){.schema = "memtrace.info/1"};
	int rc = add_file(report, trace, err);
	if (rc >= 0 && !only_errors)
		rc = add_contents(report, trace, err);
	if (rc >= 0)
		rc = add_losses(report, trace, err);
	const struct mt_trace_meta *mode = mt_trace_meta(trace, "malloc");
	bool was_checked =
		mode && mode->value &&
		(strstr(mode->value, "debug") || !strcmp(mode->value, "guard"));
	return rc < 0 || (!trace->errors.count && !was_checked)
		       ? rc
		       : add_number(report, "errors_found", "Errors of the program",
				    MT_COLUMN_NUMBER, trace->errors.count, err);
}
