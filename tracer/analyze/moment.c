/*
 * moment.c - see moment.h. Outside.
 */
#include "tracer/analyze/moment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int mt_moment_name_init(struct mt_moment_name *name, const char *argument,
			struct mt_error *err)
{
	const char *at = strrchr(argument, '@');
	if (!access(argument, F_OK))
		at = NULL;
	name->path = at ? strndup(argument, (size_t)(at - argument)) : strdup(argument);
	name->snapshot = strdup(at ? at + 1 : "exit");
	if (name->path && name->snapshot)
		return 0;
	mt_moment_name_deinit(name);
	return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

void mt_moment_name_deinit(struct mt_moment_name *name)
{
	free(name->path);
	free(name->snapshot);
	*name = (struct mt_moment_name){0};
}

/* The snapshot with the rows that a peak header announces: the next complete one. */
static const struct mt_trace_snapshot *rows_of(const struct mt_trace *trace,
					       const struct mt_trace_snapshot *snapshot)
{
	const struct mt_trace_snapshot *end =
		trace->snapshots.list + trace->snapshots.count;
	while (snapshot < end &&
	       (snapshot->record.kind == MT_SNAPSHOT_PEAK || !snapshot->is_complete))
		snapshot++;
	return snapshot < end ? snapshot : NULL;
}

static const struct mt_trace_snapshot *last_with_rows(const struct mt_trace *trace)
{
	for (size_t i = trace->snapshots.count; i-- > 0;) {
		const struct mt_trace_snapshot *snapshot = &trace->snapshots.list[i];
		if (snapshot->is_complete && snapshot->record.kind != MT_SNAPSHOT_PEAK)
			return snapshot;
	}
	return NULL;
}

static const struct mt_trace_snapshot *last_of_kind(const struct mt_trace *trace,
						    enum mt_snapshot_kind kind)
{
	for (size_t i = trace->snapshots.count; i-- > 0;)
		if (trace->snapshots.list[i].record.kind == kind)
			return &trace->snapshots.list[i];
	return NULL;
}

static const struct mt_trace_snapshot *by_index(const struct mt_trace *trace,
						const char *digits)
{
	errno = 0;
	unsigned long long index = strtoull(digits, NULL, 10);
	if (errno)
		return NULL;
	for (size_t i = 0; i < trace->snapshots.count; i++) {
		const struct mt_trace_snapshot *snapshot = &trace->snapshots.list[i];
		if (snapshot->record.kind != MT_SNAPSHOT_CHECKPOINT &&
		    snapshot->record.index == index)
			return snapshot;
	}
	return NULL;
}

/* "LABEL" is the last of that label, "LABEL#K" the K-th. */
static const struct mt_trace_snapshot *by_label(const struct mt_trace *trace,
						const char *name)
{
	const char *hash = strrchr(name, '#');
	size_t length = hash ? (size_t)(hash - name) : strlen(name);
	char *end = NULL;
	unsigned long wanted = hash ? strtoul(hash + 1, &end, 10) : 0;
	if (hash && (*end || !wanted))
		return NULL;
	const struct mt_trace_snapshot *found = NULL;
	unsigned long count = 0;
	for (size_t i = 0; i < trace->snapshots.count; i++) {
		const struct mt_trace_snapshot *snapshot = &trace->snapshots.list[i];
		if (!snapshot->label || strlen(snapshot->label) != length ||
		    memcmp(snapshot->label, name, length) != 0)
			continue;
		found = snapshot;
		if (++count == wanted)
			return found;
	}
	return wanted ? NULL : found;
}

static int missing(const struct mt_trace *trace, const char *name, struct mt_error *err)
{
	if (!last_with_rows(trace))
		return mt_fail(err, MT_ERR_MISSING,
			       "%s: the trace holds no complete snapshot", trace->path);
	return mt_fail(err, MT_ERR_MISSING,
		       "%s: no snapshot '%s'; \"memtrace info\" lists those it has",
		       trace->path, name);
}

/* The last state, however the process ended, or its peak. */
static int find_stand_in(const struct mt_trace *trace, const char *name,
			 struct mt_moment *moment, struct mt_error *err)
{
	*moment = (struct mt_moment){.rows = last_with_rows(trace),
				     .is_peak = !strcmp(name, "peak")};
	return moment->rows ? 0 : missing(trace, name, err);
}

int mt_moment_find(const struct mt_trace *trace, const char *name,
		   struct mt_moment *moment, struct mt_error *err)
{
	const struct mt_trace_snapshot *named;
	bool may_stand_in = !strcmp(name, "exit") || !strcmp(name, "peak");
	if (!*name)
		return mt_fail(err, MT_ERR_USAGE, "%s@: no snapshot is named",
			       trace->path);
	if (strspn(name, "0123456789") == strlen(name))
		named = by_index(trace, name);
	else if (!strcmp(name, "exit"))
		named = last_of_kind(trace, MT_SNAPSHOT_EXIT);
	else if (!strcmp(name, "peak"))
		named = last_of_kind(trace, MT_SNAPSHOT_PEAK);
	else
		named = by_label(trace, name);
	if (!named && !may_stand_in)
		return missing(trace, name, err);
	const struct mt_trace_snapshot *rows = NULL;
	if (named && named->record.kind == MT_SNAPSHOT_PEAK)
		rows = rows_of(trace, named);
	else if (named && named->is_complete)
		rows = named;
	if (!rows && may_stand_in)
		return find_stand_in(trace, name, moment, err);
	if (!rows)
		return mt_fail(err, MT_ERR_MISSING,
			       "%s: snapshot '%s' is not complete in the file",
			       trace->path, name);
	*moment = (struct mt_moment){.named = named,
				     .rows = rows,
				     .is_peak = named->record.kind == MT_SNAPSHOT_PEAK};
	return 0;
}

const char *mt_moment_label(const struct mt_moment *moment)
{
	if (moment->named)
		return moment->named->label;
	return moment->is_peak ? "peak" : "exit";
}

int64_t mt_moment_index(const struct mt_moment *moment)
{
	if (!moment->named || moment->named->record.kind == MT_SNAPSHOT_CHECKPOINT)
		return -1;
	return moment->named->record.index;
}

uint64_t mt_moment_time_ns(const struct mt_moment *moment)
{
	return (moment->named ? moment->named : moment->rows)->record.time_ns;
}
