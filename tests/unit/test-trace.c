/* test-trace.c - names of snapshots, rows of full and delta snapshots. */
#include "tests/tap.h"
#include "tests/traces/making.h"
#include "tracer/analyze/moment.h"
#include "tracer/analyze/profile.h"

#include <fcntl.h>

static struct mt_trace *open_made(struct made *made)
{
	struct mt_error err = {0};
	struct mt_trace *trace;
	if (mt_trace_open(&trace, made_path(made), MT_TRACE_LOAD_PROFILES, &err) < 0) {
		printf("# %s\n", err.message);
		abort();
	}
	return trace;
}

/* One traceback "a.c:1" whose live bytes tell the snapshots apart. */
static uint32_t begin_with_one(struct made *made)
{
	made_begin(made);
	return made_call(made, MADE_ROOT, made_frame(made, "a.c", 1));
}

static void put_snapshot(struct made *made, uint32_t traceback,
			 enum mt_snapshot_kind kind, const char *label, int64_t bytes)
{
	struct mt_record_snapshot snapshot = made_sums(kind, bytes, 1);
	snapshot.label = made_bytes(label);
	snapshot.time_ns = (uint64_t)bytes;
	made_snapshot(made, snapshot);
	if (kind != MT_SNAPSHOT_PEAK)
		made_row(made, traceback, bytes, 1);
	made_snapshot_end(made);
}

static int64_t live_at(struct mt_trace *trace, const char *name)
{
	struct mt_error err = {0};
	struct mt_moment moment;
	struct mt_profile profile;
	if (mt_moment_find(trace, name, &moment, &err) < 0)
		return err.code;
	if (mt_profile_init(&profile, trace, &moment, false, &err) < 0)
		return -1000;
	int64_t live = profile.row_count ? profile.rows[0].live.bytes : 0;
	mt_profile_deinit(&profile);
	return live;
}

TEST(snapshots_go_by_index_label_and_reserved_name)
{
	struct made made;
	uint32_t a = begin_with_one(&made);
	put_snapshot(&made, a, MT_SNAPSHOT_START, "", 10);
	put_snapshot(&made, a, MT_SNAPSHOT_LABEL, "load", 20);
	put_snapshot(&made, a, MT_SNAPSHOT_CHECKPOINT, "", 25);
	put_snapshot(&made, a, MT_SNAPSHOT_LABEL, "load", 30);
	put_snapshot(&made, a, MT_SNAPSHOT_PERIODIC, "", 40);
	put_snapshot(&made, a, MT_SNAPSHOT_EXIT, "", 50);
	struct mt_trace *trace = open_made(&made);
	is_int(live_at(trace, "start"), 10);
	is_int(live_at(trace, "0"), 10);
	is_int(live_at(trace, "1"), 20);
	is_int(live_at(trace, "2"), 30);
	is_int(live_at(trace, "3"), 40);
	is_int(live_at(trace, "load"), 30);
	is_int(live_at(trace, "load#1"), 20);
	is_int(live_at(trace, "load#2"), 30);
	is_int(live_at(trace, "exit"), 50);
	is_int(live_at(trace, "4"), 50);
	is_int(live_at(trace, "load#3"), MT_ERR_MISSING);
	is_int(live_at(trace, "load#0"), MT_ERR_MISSING);
	is_int(live_at(trace, "load#1x"), MT_ERR_MISSING);
	is_int(live_at(trace, "7"), MT_ERR_MISSING);
	is_int(live_at(trace, "99999999999999999999999"), MT_ERR_MISSING);
	is_int(live_at(trace, "nothing"), MT_ERR_MISSING);
	is_int(live_at(trace, ""), MT_ERR_USAGE);
	mt_trace_close(trace);
	made_end(&made);
}

TEST(a_checkpoint_stands_in_for_an_exit_that_is_not_there)
{
	struct made made;
	struct mt_error err = {0};
	struct mt_moment moment;
	uint32_t a = begin_with_one(&made);
	put_snapshot(&made, a, MT_SNAPSHOT_START, "", 10);
	put_snapshot(&made, a, MT_SNAPSHOT_CHECKPOINT, "", 25);
	struct mt_trace *trace = open_made(&made);
	is_int(live_at(trace, "exit"), 25);
	ok(mt_moment_find(trace, "exit", &moment, &err) == 0);
	is_int(mt_moment_index(&moment), -1);
	is_str(mt_moment_label(&moment), "exit");
	is_int(mt_moment_time_ns(&moment), 25);
	ok(mt_moment_find(trace, "peak", &moment, &err) == 0);
	ok(moment.is_peak);
	mt_trace_close(trace);
	made_end(&made);
}

TEST(a_trace_without_a_complete_snapshot_answers_nothing)
{
	struct made made;
	begin_with_one(&made);
	made_snapshot(&made, made_sums(MT_SNAPSHOT_EXIT, 10, 1));
	struct mt_trace *trace = open_made(&made);
	is_int(live_at(trace, "exit"), MT_ERR_MISSING);
	is_int(live_at(trace, "0"), MT_ERR_MISSING);
	mt_trace_close(trace);
	made_end(&made);
}

TEST(the_peak_is_the_peak_columns_of_the_snapshot_after_it)
{
	struct made made;
	struct mt_error err = {0};
	struct mt_moment moment;
	struct mt_profile profile;
	uint32_t a = begin_with_one(&made);
	struct mt_record_snapshot peak = made_sums(MT_SNAPSHOT_PEAK, 70, 7);
	made_snapshot(&made, peak);
	made_snapshot_end(&made);
	struct mt_record_snapshot end = made_sums(MT_SNAPSHOT_EXIT, 50, 5);
	end.peak_bytes = 70;
	end.peak_count = 7;
	end.total_bytes = 90;
	end.total_count = 9;
	made_snapshot(&made, end);
	made_put(&made, (struct mt_record){.kind = MT_RECORD_COUNTER,
					   .counter = {.traceback = a,
						       .alloc_bytes = 90,
						       .alloc_count = 9,
						       .live_bytes = 50,
						       .live_count = 5,
						       .peak_bytes = 70,
						       .peak_count = 7}});
	made_snapshot_end(&made);
	struct mt_trace *trace = open_made(&made);
	is_int(live_at(trace, "peak"), 70);
	is_int(live_at(trace, "0"), 70);
	is_int(live_at(trace, "exit"), 50);
	ok(mt_moment_find(trace, "peak", &moment, &err) == 0);
	ok(mt_profile_init(&profile, trace, &moment, false, &err) == 0);
	is_int(profile.rows[0].live.count, 7);
	is_int(profile.rows[0].total.bytes, 90);
	ok(!profile.is_short);
	mt_profile_deinit(&profile);
	mt_trace_close(trace);
	made_end(&made);
}

/* Sums of a profile by the line of the innermost frame, for files of one letter. */
static int64_t live_of_line(const struct mt_profile *profile, const struct made *made,
			    uint32_t line)
{
	int64_t sum = 0;
	for (size_t i = 0; i < profile->row_count; i++) {
		const struct mt_trace *trace = profile->trace;
		uint32_t frame = trace->nodes.list[profile->rows[i].node].frame;
		uint64_t offset = trace->frames.list[frame].offset;
		if (made->frames[offset / 16 - 1].line == line)
			sum += profile->rows[i].live.bytes;
	}
	return sum;
}

TEST(a_delta_replaces_rows_and_cells_of_its_tracebacks_only)
{
	struct made made;
	struct mt_error err = {0};
	made_begin(&made);
	made_thread(&made, 0, 100, "main");
	uint32_t id[4];
	for (uint32_t i = 1; i < 4; i++)
		id[i] = made_call(&made, MADE_ROOT, made_frame(&made, "a.c", i));
	made_snapshot(&made, made_sums(MT_SNAPSHOT_PERIODIC, 600, 3));
	for (uint32_t i = 1; i < 4; i++)
		made_row(&made, id[i], 100 * i, 1);
	for (uint32_t i = 1; i < 4; i++)
		made_cell(&made, id[i], 0, MT_CLASS_LARGE, 100 * i, 1);
	made_snapshot_end(&made);
	struct mt_record_snapshot delta = made_sums(MT_SNAPSHOT_EXIT, 150, 2);
	delta.is_delta = true;
	made_snapshot(&made, delta);
	made_row(&made, id[2], 50, 1);
	made_row(&made, id[3], 0, 0);
	made_cell(&made, id[2], 0, 3, 50, 1);
	made_snapshot_end(&made);

	struct mt_trace *trace = open_made(&made);
	struct mt_moment moment;
	struct mt_profile profile;
	ok(mt_moment_find(trace, "exit", &moment, &err) == 0);
	ok(mt_profile_init(&profile, trace, &moment, true, &err) == 0);
	ok(!profile.is_short);
	is_int(live_of_line(&profile, &made, 1), 100);
	is_int(live_of_line(&profile, &made, 2), 50);
	is_int(live_of_line(&profile, &made, 3), 0);
	int64_t bytes = 0;
	for (size_t i = 0; i < profile.cell_count; i++)
		bytes += profile.cells[i].live.bytes;
	is_int(bytes, 150);
	is_int(profile.cell_count, 2);
	mt_profile_deinit(&profile);
	ok(mt_moment_find(trace, "0", &moment, &err) == 0);
	ok(mt_profile_init(&profile, trace, &moment, true, &err) == 0);
	is_int(live_of_line(&profile, &made, 3), 300);
	is_int(profile.cell_count, 3);
	mt_profile_deinit(&profile);
	mt_trace_close(trace);
	made_end(&made);
}

TEST(a_thread_is_called_what_it_was_called_at_the_snapshot)
{
	struct made made;
	uint32_t a = begin_with_one(&made);
	made_thread(&made, 0, 100, "first");
	put_snapshot(&made, a, MT_SNAPSHOT_START, "", 10);
	made_thread(&made, 0, 200, "second");
	put_snapshot(&made, a, MT_SNAPSHOT_EXIT, "", 20);
	struct mt_trace *trace = open_made(&made);
	const struct mt_trace_snapshot *list = trace->snapshots.list;
	is_str(mt_trace_thread(trace, 0, &list[0])->name, "first");
	is_str(mt_trace_thread(trace, 0, &list[1])->name, "second");
	ok(!mt_trace_thread(trace, 1, &list[1]));
	mt_trace_close(trace);
	made_end(&made);
}

TEST(rows_that_do_not_add_up_are_noticed)
{
	struct made made;
	struct mt_error err = {0};
	struct mt_moment moment;
	struct mt_profile profile;
	uint32_t a = begin_with_one(&made);
	made_snapshot(&made, made_sums(MT_SNAPSHOT_EXIT, 11, 1));
	made_row(&made, a, 10, 1);
	made_snapshot_end(&made);
	struct mt_trace *trace = open_made(&made);
	ok(mt_moment_find(trace, "exit", &moment, &err) == 0);
	ok(mt_profile_init(&profile, trace, &moment, false, &err) == 0);
	ok(profile.is_short);
	mt_profile_deinit(&profile);
	mt_trace_close(trace);
	made_end(&made);
}

TEST(a_chain_that_no_recorder_writes_is_cut_and_called_damage)
{
	struct made made;
	struct mt_error remark = {0};
	made_begin(&made);
	uint32_t frame = made_frame(&made, "a.c", 1);
	uint32_t at = MADE_ROOT;
	for (unsigned i = 0; i < 3 * MT_MAX_CHAIN; i++)
		at = made_call(&made, at, frame);
	made_snapshot(&made, made_sums(MT_SNAPSHOT_EXIT, 10, 1));
	made_row(&made, at, 10, 1);
	made_snapshot_end(&made);
	struct mt_trace *trace = open_made(&made);
	unsigned length = 0;
	for (uint32_t node = mt_trace_node(trace, at); node != MT_NO_NODE;
	     node = trace->nodes.list[node].parent)
		length++;
	ok(length <= MT_MAX_CHAIN + 1);
	mt_trace_remark(trace, &remark);
	is_int(remark.code, MT_ERR_DAMAGED);
	is_int(live_at(trace, "exit"), 10);
	mt_trace_close(trace);
	made_end(&made);
}

static void check_name(const char *argument, const char *path, const char *snapshot)
{
	struct mt_error err = {0};
	struct mt_moment_name name;
	ok(mt_moment_name_init(&name, argument, &err) == 0);
	is_str(name.path, path);
	is_str(name.snapshot, snapshot);
	mt_moment_name_deinit(&name);
}

TEST(an_existing_file_of_the_literal_name_wins)
{
	char directory[] = "/tmp/test-trace.XXXXXX";
	if (!mkdtemp(directory) || chdir(directory) < 0)
		skip_test("no temporary directory");
	check_name("a.mtz", "a.mtz", "exit");
	check_name("a.mtz@peak", "a.mtz", "peak");
	check_name("a@b@3", "a@b", "3");
	close(open("a.mtz@peak", O_CREAT | O_WRONLY, 0600));
	check_name("a.mtz@peak", "a.mtz@peak", "exit");
	check_name("a.mtz@peak@0", "a.mtz@peak", "0");
	unlink("a.mtz@peak");
	ok(chdir("/") == 0 && rmdir(directory) == 0);
}

TAP_MAIN()
