/*
 * gate-suppressions.c - what fails now, written as suppressions; see gate.h. Outside.
 *
 * One block for each way from the allocator to a failing call site: the frames that the
 * key frame was searched through, and it.
 */
#include "tracer/analyze/gate.h"

#include "tracer/analyze/vector.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct way {
	char *frames; /* the lines of the block */
	char *site; /* NULL: it does not fail, but may share the frames of one that does */
	struct mt_counts live;
};

struct ways {
	struct way *list;
	size_t count, capacity;
};

/* Names of two answers: those of a scan have their own copies. */
static bool is_same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* A limit of what is live or was allocated is not of one call site: no rule lifts it. */
static bool is_of_site(const struct mt_value *row)
{
	return row[MT_ROW_SIZE_DIFF].state == MT_VALUE_SET ||
	       !strcmp(row[MT_ROW_CHECK].text, MT_GATE_LEAKED);
}

/* Is the key frame's group among the rows whose call sites fail? */
static bool is_row_of(const struct mt_value *row, const struct mt_location *location)
{
	if (!is_of_site(row) || !is_same_name(row[MT_ROW_FILE].text, location->file))
		return false;
	if (location->file)
		return row[MT_ROW_LINE].number == location->line;
	return row[MT_ROW_OFFSET].number == (int64_t)location->offset &&
	       is_same_name(row[MT_ROW_MODULE].text, location->module);
}

static const struct mt_value *find_row(const struct mt_table *rows,
				       const struct mt_location *location)
{
	for (size_t i = 0; i < rows->row_count; i++) {
		const struct mt_value *row = &rows->values[i * rows->column_count];
		if (is_row_of(row, location))
			return row;
	}
	return NULL;
}

/* A name is a pattern: what could break the line or means something else is any byte. */
static void put_name(FILE *out, const char *name)
{
	for (; *name; name++)
		putc((unsigned char)*name < 0x20 || *name == '*' ? '?' : *name, out);
}

static void put_frame(FILE *out, const struct mt_location *location)
{
	fputs(location->function ? "   fun:" : "   obj:", out);
	put_name(out, location->function ? location->function
		      : location->module ? location->module
					 : "*");
	putc('\n', out);
}

static char *frames_of(const struct mt_subject *subject, uint32_t node)
{
	const struct mt_location *locations = subject->frames->locations->list;
	mt_location_id key = mt_callsites_get(&subject->callsites, node);
	struct mt_walk walk = mt_walk_begin(subject->frames, node);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fputs("   obj:*vgpreload_memcheck*\n", out);
	for (mt_location_id id; mt_walk_next(&walk, &id);) {
		put_frame(out, &locations[id]);
		if (id == key)
			break;
	}
	return fclose(out) ? NULL : text;
}

static int add_way(struct ways *ways, const struct mt_subject *subject,
		   const struct mt_profile_row *row, const char *site,
		   struct mt_error *err)
{
	struct way *grown = mt_vector_reserve(ways->list, &ways->capacity,
					      ways->count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	ways->list = grown;
	struct way way = {.frames = frames_of(subject, row->node),
			  .site = site ? strdup(site) : NULL,
			  .live = row->live};
	grown[ways->count++] = way;
	return way.frames && (way.site || !site)
		       ? 0
		       : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

static int find_ways(struct ways *ways, const struct mt_gate *gate, struct mt_error *err)
{
	const struct mt_table *rows = &gate->report.tables[MT_GATE_ROWS];
	const struct mt_subject *subject = &gate->answer.subjects[0];
	int rc = 0;
	if (!rows->row_count || !subject->trace)
		return 0;
	for (size_t i = 0; rc >= 0 && i < subject->profile.row_count; i++) {
		const struct mt_profile_row *row = &subject->profile.rows[i];
		mt_location_id key = mt_callsites_get(&subject->callsites, row->node);
		if (!row->live.count && !row->live.bytes)
			continue;
		const struct mt_value *found =
			find_row(rows, &gate->answer.locations.list[key]);
		rc = add_way(ways, subject, row, found ? found[MT_ROW_SITE].text : NULL,
			     err);
	}
	return rc;
}

/* Of equal frames those that fail come first. */
static int compare_frames(const void *left, const void *right)
{
	const struct way *a = left, *b = right;
	int order = strcmp(a->frames, b->frames);
	if (order || !a->site || !b->site)
		return order ? order : !a->site - !b->site;
	return strcmp(a->site, b->site);
}

static int compare_sites(const void *left, const void *right)
{
	const struct way *a = left, *b = right;
	int order = strcmp(a->site, b->site);
	return order ? order : strcmp(a->frames, b->frames);
}

/* A rule matches by its frames alone: equal ones are one, bounded by all they hold, be it
 * that only one of the lines fails. */
static void merge(struct ways *ways)
{
	size_t kept = 0;
	qsort(ways->list, ways->count, sizeof *ways->list, compare_frames);
	for (size_t i = 0; i < ways->count; i++) {
		struct way way = ways->list[i];
		bool is_known = kept && !strcmp(ways->list[kept - 1].frames, way.frames);
		if (!is_known && way.site) {
			ways->list[kept++] = way;
			continue;
		}
		if (is_known)
			mt_counts_add(&ways->list[kept - 1].live, way.live);
		free(way.frames);
		free(way.site);
	}
	ways->count = kept;
	qsort(ways->list, ways->count, sizeof *ways->list, compare_sites);
}

static void put_way(FILE *out, const struct way *way)
{
	fprintf(out, "# max-bytes=%" PRId64 " max-count=%" PRId64 "\n{\n   ",
		way->live.bytes, way->live.count);
	put_name(out, way->site);
	fprintf(out, "\n   Memcheck:Leak\n%s}\n\n", way->frames);
}

int mt_gate_write_suppressions(const struct mt_gate *gate, FILE *out,
			       struct mt_error *err)
{
	struct ways ways = {0};
	int rc = find_ways(&ways, gate, err);
	if (rc >= 0 && ways.count)
		merge(&ways);
	for (size_t i = 0; rc >= 0 && i < ways.count; i++)
		put_way(out, &ways.list[i]);
	rc = rc < 0 ? rc : (int)ways.count;
	for (size_t i = 0; i < ways.count; i++) {
		free(ways.list[i].frames);
		free(ways.list[i].site);
	}
	free(ways.list);
	return rc;
}
