/*
 * profile.c - see profile.h. Outside.
 *
 * Rows are gathered by the place of the traceback's id in the file, because a delta
 * replaces the row of an id.
 */
#include "tracer/analyze/profile.h"

#include "tracer/analyze/vector.h"

#include <string.h>

struct gathering {
	struct mt_profile *profile;
	bool with_cells;
	size_t row_capacity, cell_capacity;
	uint32_t *row_of;        /* by place of the traceback id: row + 1 */
	uint32_t *cells_said_in; /* by place: the snapshot whose cells are valid */
	uint32_t *cell_said_in;  /* by cell */
	size_t said_capacity;
	uint32_t current; /* snapshots begun, counting from 1 */
};

static int gather_counter(struct gathering *g, const struct mt_record_counter *rec,
			  struct mt_error *err)
{
	struct mt_profile *profile = g->profile;
	uint32_t place = mt_ids_find(&profile->trace->traceback_ids, rec->traceback);
	struct mt_profile_row row = {
		.node = place == MT_INDEX_NONE
				? MT_UNKNOWN_NODE
				: profile->trace->traceback_ids.indices[place],
		.live = {rec->live_bytes, rec->live_count},
		.peak = {rec->peak_bytes, rec->peak_count},
		.total = {(int64_t)rec->alloc_bytes, (int64_t)rec->alloc_count},
	};
	if (place != MT_INDEX_NONE) {
		if (!rec->live_count && g->with_cells)
			g->cells_said_in[place] = g->current;
		if (g->row_of[place]) {
			profile->rows[g->row_of[place] - 1] = row;
			return 0;
		}
	}
	struct mt_profile_row *grown =
		mt_vector_reserve(profile->rows, &g->row_capacity, profile->row_count + 1,
				  sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	profile->rows = grown;
	grown[profile->row_count++] = row;
	if (place != MT_INDEX_NONE)
		g->row_of[place] = (uint32_t)profile->row_count;
	return 0;
}

static int gather_cell(struct gathering *g, const struct mt_record_cell *rec,
		       struct mt_error *err)
{
	struct mt_profile *profile = g->profile;
	uint32_t place = mt_ids_find(&profile->trace->traceback_ids, rec->traceback);
	if (place == MT_INDEX_NONE)
		return 0; /* its row is left over and shown as unknown */
	struct mt_profile_cell *cells =
		mt_vector_reserve(profile->cells, &g->cell_capacity,
				  profile->cell_count + 1, sizeof *cells, err);
	if (!cells)
		return MT_ERR_NO_MEMORY;
	profile->cells = cells;
	uint32_t *said = mt_vector_reserve(g->cell_said_in, &g->said_capacity,
					   profile->cell_count + 1, sizeof *said, err);
	if (!said)
		return MT_ERR_NO_MEMORY;
	g->cell_said_in = said;
	g->cells_said_in[place] = g->current;
	said[profile->cell_count] = g->current;
	/* The place for now: drop_stale_cells turns it into the node. */
	cells[profile->cell_count++] = (struct mt_profile_cell){
		.node = place,
		.slot = rec->slot,
		.class_index = rec->class_index,
		.live = {(int64_t)rec->bytes, (int64_t)rec->count}};
	return 0;
}

static void drop_stale_cells(struct gathering *g)
{
	struct mt_profile *profile = g->profile;
	size_t kept = 0;
	for (size_t i = 0; i < profile->cell_count; i++) {
		struct mt_profile_cell cell = profile->cells[i];
		if (g->cells_said_in[cell.node] != g->cell_said_in[i])
			continue;
		cell.node = profile->trace->traceback_ids.indices[cell.node];
		profile->cells[kept++] = cell;
	}
	profile->cell_count = kept;
}

static void begin_snapshot(struct gathering *g, const struct mt_record_snapshot *rec)
{
	struct mt_profile *profile = g->profile;
	if (rec->kind == MT_SNAPSHOT_PEAK)
		return;
	g->current++;
	if (rec->is_delta)
		return;
	size_t ids = profile->trace->traceback_ids.count;
	profile->row_count = 0;
	profile->cell_count = 0;
	memset(g->row_of, 0, ids * sizeof *g->row_of);
	memset(profile->losses, 0, sizeof profile->losses);
}

static int gather(struct gathering *g, const struct mt_record *rec, struct mt_error *err)
{
	switch (rec->kind) {
	case MT_RECORD_COUNTER:
		return gather_counter(g, &rec->counter, err);
	case MT_RECORD_CELL:
		return gather_cell(g, &rec->cell, err);
	case MT_RECORD_LOSS:
		if (rec->loss.reason < MT_LOSS_COUNT)
			g->profile->losses[rec->loss.reason] = rec->loss.count;
		return 0;
	default:
		return 0;
	}
}

/* The last full snapshot up to wanted: where reading has to begin. */
static const struct mt_trace_snapshot *find_full(const struct mt_trace *trace,
						 const struct mt_trace_snapshot *wanted)
{
	while (wanted > trace->snapshots.list &&
	       (wanted->record.is_delta || wanted->record.kind == MT_SNAPSHOT_PEAK))
		wanted--;
	return wanted;
}

/* Read from the full snapshot to the end of the wanted one. */
static int gather_all(struct gathering *g, struct mt_error *err)
{
	struct mt_trace *trace = g->profile->trace;
	const struct mt_trace_snapshot *wanted = g->profile->moment.rows;
	const struct mt_trace_snapshot *first = find_full(trace, wanted);
	const struct mt_trace_snapshot *next = first; /* whose header comes next */
	int rc = mt_reader_seek(trace->reader, first->place, err);
	mt_reader_want(trace->reader,
		       1u << MT_RECORD_SNAPSHOT | 1u << MT_RECORD_SNAPSHOT_END |
			       1u << MT_RECORD_COUNTER | 1u << MT_RECORD_LOSS |
			       (g->with_cells ? 1u << MT_RECORD_CELL : 0));
	struct mt_record rec;
	while (rc >= 0 && (rc = mt_trace_next(trace, &rec, err)) > 0) {
		if (rec.kind == MT_RECORD_SNAPSHOT) {
			if (next++ > wanted)
				return 0;
			begin_snapshot(g, &rec.snapshot);
		} else if (rec.kind == MT_RECORD_SNAPSHOT_END) {
			if (next > wanted)
				return 0;
		} else if (next > first) {
			rc = gather(g, &rec, err);
		}
	}
	return rc;
}

static void check_sums(struct mt_profile *profile)
{
	struct mt_counts live = {0}, total = {0};
	for (size_t i = 0; i < profile->row_count; i++) {
		mt_counts_add(&live, profile->rows[i].live);
		mt_counts_add(&total, profile->rows[i].total);
	}
	const struct mt_record_snapshot *said = &profile->moment.rows->record;
	profile->is_short = live.bytes != said->live_bytes ||
			    live.count != said->live_count ||
			    (uint64_t)total.bytes != said->total_bytes ||
			    (uint64_t)total.count != said->total_count;
}

static void turn_to_peak(struct mt_profile *profile)
{
	for (size_t i = 0; i < profile->row_count; i++)
		profile->rows[i].live = profile->rows[i].peak;
}

static int allocate(struct gathering *g, struct mt_error *err)
{
	size_t ids = g->profile->trace->traceback_ids.count + 1;
	g->row_of = calloc(ids, sizeof *g->row_of);
	g->cells_said_in = g->with_cells ? calloc(ids, sizeof *g->cells_said_in) : NULL;
	if (!g->row_of || (g->with_cells && !g->cells_said_in))
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	return 0;
}

int mt_profile_init(struct mt_profile *profile, struct mt_trace *trace,
		    const struct mt_moment *moment, bool with_cells, struct mt_error *err)
{
	*profile = (struct mt_profile){.trace = trace, .moment = *moment};
	struct gathering g = {.profile = profile, .with_cells = with_cells};
	int rc = allocate(&g, err);
	if (rc >= 0)
		rc = gather_all(&g, err);
	if (rc >= 0 && with_cells)
		drop_stale_cells(&g);
	free(g.row_of);
	free(g.cells_said_in);
	free(g.cell_said_in);
	if (rc < 0) {
		mt_profile_deinit(profile);
		return rc;
	}
	check_sums(profile);
	if (moment->is_peak)
		turn_to_peak(profile);
	return 0;
}

void mt_profile_deinit(struct mt_profile *profile)
{
	free(profile->rows);
	free(profile->cells);
	*profile = (struct mt_profile){0};
}
