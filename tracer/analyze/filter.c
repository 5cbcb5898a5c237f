/*
 * filter.c - see filter.h. Outside.
 */
#include "tracer/analyze/filter.h"

#include "tracer/analyze/wrappers.h"

#include <stdlib.h>
#include <string.h>

enum {
	PLAIN_BYTES = 4096,
};

/* A compiled file of Python stands for its source. */
static char *without_pyc(const char *name)
{
	size_t length = strlen(name);
	bool is_compiled = length >= 4 && !strcmp(name + length - 4, ".pyc");
	return strndup(name, length - is_compiled);
}

static const char *subject_of(const struct mt_filter *filter,
			      const struct mt_location *location)
{
	const char *text = NULL;
	if (filter->subject == MT_FILTER_FUNCTION)
		text = location->function;
	else if (filter->subject == MT_FILTER_MODULE)
		text = location->module;
	else
		text = location->file;
	return text ? text : "<unknown>";
}

static bool glob_matches(const struct mt_filter *filter, const char *pattern,
			 const char *text)
{
	if (mt_glob_matches(pattern, text))
		return true;
	if (filter->subject == MT_FILTER_FUNCTION) {
		char plain[PLAIN_BYTES];
		mt_wrappers_plain_name(plain, sizeof plain, text);
		return mt_glob_matches(pattern, plain);
	}
	const char *slash = strrchr(text, '/');
	return filter->matches_base_name && slash && !strchr(pattern, '/') &&
	       mt_glob_matches(pattern, slash + 1);
}

/* One filter with what it says of each location. */
struct judge {
	const struct mt_filter *filter;
	uint8_t *location_matches; /* by location */
	uint8_t *node_matches;     /* by node, for filters on all frames */
};

static int judge_locations(struct judge *judge, const struct mt_locations *locations,
			   struct mt_error *err)
{
	const struct mt_filter *filter = judge->filter;
	judge->location_matches = calloc(locations->count, 1);
	char *pattern = without_pyc(filter->pattern);
	int rc = judge->location_matches && pattern ? 0 : MT_ERR_NO_MEMORY;
	for (size_t i = 0; rc >= 0 && i < locations->count; i++) {
		const struct mt_location *location = &locations->list[i];
		if (filter->has_line && filter->line != location->line)
			continue;
		char *text = without_pyc(subject_of(filter, location));
		if (!text) {
			rc = MT_ERR_NO_MEMORY;
			break;
		}
		judge->location_matches[i] = glob_matches(filter, pattern, text);
		free(text);
	}
	free(pattern);
	return rc < 0 ? mt_fail(err, rc, "out of memory") : 0;
}

static int judge_nodes(struct judge *judge, const struct mt_frame_locations *frames,
		       struct mt_error *err)
{
	const struct mt_trace *trace = frames->trace;
	judge->node_matches = calloc(trace->nodes.count, 1);
	if (!judge->node_matches)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < trace->nodes.count; i++) {
		const struct mt_trace_node *node = &trace->nodes.list[i];
		bool matches =
			node->parent != MT_NO_NODE && judge->node_matches[node->parent];
		struct mt_frame_span span = {0};
		if (node->frame != MT_NO_FRAME)
			span = frames->spans[node->frame];
		for (uint32_t k = 0; k < span.count && !matches; k++)
			matches = judge->location_matches[frames->ids[span.first + k]];
		judge->node_matches[i] = matches;
	}
	return 0;
}

static int judge_init(struct judge *judge, const struct mt_filter *filter,
		      const struct mt_callsites *callsites, struct mt_error *err)
{
	judge->filter = filter;
	if (filter->subject == MT_FILTER_DOMAIN)
		return 0;
	int rc = judge_locations(judge, callsites->frames->locations, err);
	if (rc >= 0 && filter->all_frames)
		rc = judge_nodes(judge, callsites->frames, err);
	return rc;
}

static bool frame_matches(const struct judge *judge, const struct mt_callsites *callsites,
			  uint32_t node)
{
	mt_location_id key = mt_callsites_get(callsites, node);
	if (judge->location_matches[key])
		return true;
	return judge->node_matches && judge->node_matches[node];
}

static bool judge_matches(const struct judge *judge, const struct mt_callsites *callsites,
			  uint32_t node)
{
	const struct mt_filter *filter = judge->filter;
	uint32_t domain = callsites->frames->trace->nodes.list[node].domain;
	if (filter->has_domain && filter->domain != domain)
		return false;
	return filter->subject == MT_FILTER_DOMAIN ||
	       frame_matches(judge, callsites, node);
}

static bool keeps(const struct judge *judges, size_t count,
		  const struct mt_callsites *callsites, uint32_t node)
{
	unsigned groups = 0, satisfied = 0;
	for (size_t i = 0; i < count; i++) {
		const struct mt_filter *filter = judges[i].filter;
		bool matches = judge_matches(&judges[i], callsites, node);
		if (!filter->is_inclusive) {
			if (matches)
				return false;
			continue;
		}
		groups |= 1u << filter->group;
		satisfied |= (unsigned)matches << filter->group;
	}
	return groups == satisfied;
}

static void drop(struct mt_profile *profile, const struct judge *judges, size_t count,
		 const struct mt_callsites *callsites)
{
	size_t kept = 0;
	for (size_t i = 0; i < profile->row_count; i++)
		if (keeps(judges, count, callsites, profile->rows[i].node))
			profile->rows[kept++] = profile->rows[i];
	profile->row_count = kept;
	kept = 0;
	for (size_t i = 0; i < profile->cell_count; i++)
		if (keeps(judges, count, callsites, profile->cells[i].node))
			profile->cells[kept++] = profile->cells[i];
	profile->cell_count = kept;
}

int mt_filter_profile(struct mt_profile *profile, const struct mt_callsites *callsites,
		      const struct mt_filter *filters, size_t count, struct mt_error *err)
{
	if (!count)
		return 0;
	struct judge *judges = calloc(count, sizeof *judges);
	if (!judges)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = judge_init(&judges[i], &filters[i], callsites, err);
	if (rc >= 0)
		drop(profile, judges, count, callsites);
	for (size_t i = 0; i < count; i++) {
		free(judges[i].location_matches);
		free(judges[i].node_matches);
	}
	free(judges);
	return rc;
}
