/*
 * What a scan has found, from traces made for it: leaks by traceback, cycles, what is
 * retained, who holds what, equal contents; and traces that say what cannot be.
 */
#include "formats/record.h"
#include "tests/tap.h"
#include "tests/traces/making.h"
#include "tracer/analyze/duplicates.h"
#include "tracer/analyze/gate.h"
#include "tracer/analyze/leaks.h"
#include "tracer/analyze/why.h"

/* Blocks and roots as they will be put, with ids from 1; four call sites. */
struct scanned {
	struct made made;
	uint32_t sites[4];
	struct mt_record_block blocks[64];
	struct mt_record_root roots[8];
	struct mt_record_edge edges[16];
	uint32_t block_count, root_count, edge_count;
	uint64_t threads_missed;
};

static uint32_t block(struct scanned *s, enum mt_leak_kind kind, int site, uint64_t size,
		      uint32_t holder, uint64_t offset)
{
	uint32_t id = ++s->block_count;
	s->blocks[id - 1] = (struct mt_record_block){.id = id,
						     .address = 0x1000 + id * 0x1000,
						     .size = size,
						     .traceback = s->sites[site],
						     .kind = (uint8_t)kind,
						     .holder = holder,
						     .offset = offset,
						     .in_degree = holder != 0,
						     .retained_bytes = size,
						     .retained_count = 1};
	return id;
}

static void held_by_root(struct scanned *s, uint32_t id, uint32_t root)
{
	s->blocks[id - 1].holder = root;
	s->blocks[id - 1].held_by_root = true;
}

static uint32_t root(struct scanned *s, enum mt_root_kind kind, uint64_t offset)
{
	uint32_t id = ++s->root_count;
	s->roots[id - 1] = (struct mt_record_root){
		.id = id, .kind = (uint8_t)kind, .module = 1, .offset = offset};
	return id;
}

static void edge(struct scanned *s, uint32_t from, uint32_t to, uint64_t offset)
{
	s->edges[s->edge_count++] = (struct mt_record_edge){from, to, offset};
}

static void begin(struct scanned *s)
{
	*s = (struct scanned){0};
	made_begin(&s->made);
	for (uint32_t i = 0; i < 4; i++)
		s->sites[i] = made_call(&s->made, MADE_ROOT,
					made_frame(&s->made, "a.c", i + 1));
}

static void put_scan(struct scanned *s, uint32_t flags)
{
	struct mt_record_scan scan = {.flags = flags,
				      .threads = 1,
				      .threads_missed = s->threads_missed,
				      .blocks = s->block_count,
				      .roots = s->root_count,
				      .edges = s->edge_count};
	for (uint32_t i = 0; i < s->block_count; i++) {
		scan.kinds[s->blocks[i].kind].bytes += s->blocks[i].size;
		scan.kinds[s->blocks[i].kind].count++;
	}
	made_put(&s->made, (struct mt_record){.kind = MT_RECORD_SCAN, .scan = scan});
	for (uint32_t i = 0; i < s->root_count; i++)
		made_put(&s->made,
			 (struct mt_record){.kind = MT_RECORD_ROOT, .root = s->roots[i]});
	for (uint32_t i = 0; i < s->block_count; i++)
		made_put(&s->made, (struct mt_record){.kind = MT_RECORD_BLOCK,
						      .block = s->blocks[i]});
	for (uint32_t i = 0; i < s->edge_count; i++)
		made_put(&s->made,
			 (struct mt_record){.kind = MT_RECORD_EDGE, .edge = s->edges[i]});
}

static const char *finish(struct scanned *s, uint32_t flags)
{
	int64_t bytes = 0;
	for (uint32_t i = 0; i < s->block_count; i++)
		bytes += (int64_t)s->blocks[i].size;
	made_snapshot(&s->made, made_sums(MT_SNAPSHOT_EXIT, bytes, s->block_count));
	for (uint32_t site = 0; site < 4; site++) {
		int64_t size = 0, count = 0;
		for (uint32_t i = 0; i < s->block_count; i++) {
			bool is_of_site = s->blocks[i].traceback == s->sites[site];
			size += is_of_site ? (int64_t)s->blocks[i].size : 0;
			count += is_of_site;
		}
		if (count)
			made_row(&s->made, s->sites[site], size, count);
	}
	put_scan(s, flags);
	made_snapshot_end(&s->made);
	return made_path(&s->made);
}

/* A list of three that leaked, a cycle of two, a tree that is held, a possible one. */
static const char *make_usual(struct scanned *s)
{
	begin(s);
	uint32_t global = root(s, MT_HELD_GLOBAL, 0x4010);
	uint32_t key = root(s, MT_HELD_KEY, 0);
	uint32_t list = block(s, MT_LEAK_DEFINITE, 0, 16, 0, 0);
	uint32_t second = block(s, MT_LEAK_INDIRECT, 1, 32, list, 8);
	block(s, MT_LEAK_INDIRECT, 1, 32, second, 0);
	uint32_t one = block(s, MT_LEAK_DEFINITE, 2, 48, 0, 0);
	uint32_t other = block(s, MT_LEAK_INDIRECT, 2, 48, one, 8);
	s->blocks[one - 1].cycle = s->blocks[other - 1].cycle = 1;
	edge(s, one, other, 8);
	edge(s, other, one, 16);
	uint32_t top = block(s, MT_LEAK_REACHABLE, 3, 64, 0, 0);
	uint32_t below = block(s, MT_LEAK_REACHABLE, 3, 64, top, 16);
	block(s, MT_LEAK_REACHABLE, 1, 100, below, 24);
	held_by_root(s, top, global);
	held_by_root(s, block(s, MT_LEAK_POSSIBLE, 3, 8, 0, 0), key);
	s->blocks[top - 1].retained_bytes = 228;
	s->blocks[top - 1].retained_count = 3;
	s->blocks[below - 1].retained_bytes = 164;
	s->blocks[below - 1].retained_count = 2;
	return finish(s, MT_SCAN_RETAINED | MT_SCAN_AT_END);
}

static struct scanned usual;

static void ask_leaks(struct mt_leaks *leaks, struct mt_leaks_question *question,
		      const char *path)
{
	struct mt_error err = {0};
	int rc = mt_leaks_init(leaks, question, path, &err);
	if (rc < 0)
		printf("# %s\n", err.message);
	is_int(rc, 0);
}

static const struct mt_leak_row *shown(const struct mt_leaks *leaks, size_t place)
{
	return &leaks->rows.list[leaks->order.list[place]];
}

/* The line of the call site, by the offset of its frame. */
static uint64_t line_of(const struct mt_leaks *leaks, const struct mt_leak_row *row)
{
	const struct mt_group *group = &leaks->answer.groups.list[row->group];
	return leaks->answer.locations.list[group->location].offset / 16;
}

TEST(leaks_are_shown_with_what_is_lost_with_them)
{
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_TRACEBACK}};
	ask_leaks(&leaks, &question, make_usual(&usual));
	is_int(leaks.order.count, 5);
	is_int(shown(&leaks, 0)->kind, MT_LEAK_DEFINITE);
	is_int(line_of(&leaks, shown(&leaks, 0)), 3);
	is_int(shown(&leaks, 0)->leads_to.bytes, 48);
	is_int(shown(&leaks, 1)->kind, MT_LEAK_INDIRECT);
	is_int(line_of(&leaks, shown(&leaks, 2)), 1);
	is_int(shown(&leaks, 2)->counts.bytes, 16);
	is_int(shown(&leaks, 2)->leads_to.bytes, 64);
	is_int(shown(&leaks, 2)->leads_to.count, 2);
	is_int(line_of(&leaks, shown(&leaks, 3)), 2);
	is_int(shown(&leaks, 3)->counts.count, 2);
	is_int(shown(&leaks, 3)->references, 2);
	ok(&leaks.rows.list[shown(&leaks, 3)->leader] == shown(&leaks, 2));
	is_int(shown(&leaks, 4)->kind, MT_LEAK_POSSIBLE);
	is_int(leaks.summary[MT_LEAK_DEFINITE].bytes, 64);
	is_int(leaks.summary[MT_LEAK_INDIRECT].count, 3);
	is_int(leaks.summary[MT_LEAK_REACHABLE].bytes, 228);
	is_int(leaks.omitted_rows, 0);
	mt_leaks_deinit(&leaks);
	made_end(&usual.made);
}

TEST(a_limit_leaves_out_whole_leaks_and_counts_them)
{
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_LINENO, .limit = 1}};
	ask_leaks(&leaks, &question, make_usual(&usual));
	is_int(leaks.order.count, 2);
	is_int(leaks.omitted_rows, 3);
	is_int(leaks.omitted.bytes, 16 + 64 + 8);
	mt_leaks_deinit(&leaks);
	made_end(&usual.made);
}

TEST(a_cycle_names_the_pointers_that_close_it)
{
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_TRACEBACK}};
	ask_leaks(&leaks, &question, make_usual(&usual));
	is_int(leaks.cycles.count, 1);
	is_int(leaks.cycles.list[0].times, 1);
	is_int(leaks.cycles.list[0].each.count, 2);
	is_int(leaks.cycles.list[0].each.bytes, 96);
	is_int(leaks.cycles.list[0].member_count, 2);
	is_int(leaks.members.list[0].link_count, 1);
	is_int(leaks.links.list[0].offset, 8);
	is_int(leaks.links.list[1].offset, 16);
	mt_leaks_deinit(&leaks);
	made_end(&usual.made);
}

/* Two with two pointers each to the other, as shared pointers have; three times. */
TEST(a_member_is_one_however_many_pointers_it_has)
{
	struct scanned s;
	begin(&s);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t one = block(&s, MT_LEAK_DEFINITE, 0, 72, 0, 0);
		uint32_t other = block(&s, MT_LEAK_INDIRECT, 0, 72, one, 16);
		s.blocks[one - 1].cycle = s.blocks[other - 1].cycle = i + 1;
		edge(&s, one, other, 16);
		edge(&s, one, other, 24);
		edge(&s, other, one, 16);
		edge(&s, other, one, i == 2 ? 32 : 24);
	}
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_TRACEBACK}};
	ask_leaks(&leaks, &question, finish(&s, 0));
	is_int(leaks.cycles.count, 2);
	const struct mt_leak_cycle *alike = &leaks.cycles.list[0];
	is_int(alike->times, 2);
	is_int(alike->each.count, 2);
	is_int(alike->member_count, 1);
	is_int(leaks.members.list[alike->first_member].times, 2);
	is_int(leaks.members.list[alike->first_member].link_count, 2);
	is_int(leaks.cycles.list[1].member_count, 2);
	is_int(leaks.cycle_blocks.list[leaks.cycles.list[1].first_block], 4);
	mt_leaks_deinit(&leaks);
	made_end(&s.made);
}

TEST(a_block_that_points_to_itself_is_a_cycle)
{
	struct scanned s;
	begin(&s);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t one = block(&s, MT_LEAK_DEFINITE, 0, 16, 0, 0);
		s.blocks[one - 1].cycle = i + 1;
		edge(&s, one, one, 8);
	}
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_TRACEBACK}};
	ask_leaks(&leaks, &question, finish(&s, 0));
	is_int(leaks.cycles.count, 1);
	is_int(leaks.cycles.list[0].times, 3);
	is_int(leaks.cycles.list[0].each.count, 1);
	is_int(leaks.links.list[0].to, leaks.members.list[0].block);
	mt_leaks_deinit(&leaks);
	made_end(&s.made);
}

TEST(cycles_that_look_alike_are_one)
{
	struct scanned s;
	begin(&s);
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t one = block(&s, MT_LEAK_DEFINITE, 0, 16, 0, 0);
		uint32_t other = block(&s, MT_LEAK_INDIRECT, i == 9 ? 2 : 1, 16, one, 8);
		s.blocks[one - 1].cycle = s.blocks[other - 1].cycle = i + 1;
		if (s.edge_count < 16) {
			edge(&s, one, other, 8);
			edge(&s, other, one, 0);
		}
	}
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_TRACEBACK}};
	ask_leaks(&leaks, &question, finish(&s, 0));
	/* Eight alike; one whose pointers are lost; one with another call site. */
	is_int(leaks.cycles.count, 3);
	is_int(leaks.cycles.list[0].times, 8);
	is_int(leaks.cycles.list[0].member_count, 2);
	mt_leaks_deinit(&leaks);
	made_end(&s.made);
}

TEST(what_lies_on_the_way_to_others_of_a_row_retains_for_them)
{
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_LINENO},
					     .wants_reachable = true,
					     .wants_retained = true};
	ask_leaks(&leaks, &question, make_usual(&usual));
	bool is_found = false;
	for (size_t i = 0; i < leaks.order.count; i++) {
		const struct mt_leak_row *row = shown(&leaks, i);
		if (row->kind != MT_LEAK_REACHABLE || line_of(&leaks, row) != 4)
			continue;
		is_found = true;
		is_int(row->counts.count, 2);
		is_int(row->retained.bytes, 228);
		is_int(row->retained.count, 3);
	}
	ok(is_found);
	mt_leaks_deinit(&leaks);
	made_end(&usual.made);
}

TEST(filters_apply_to_rows_and_sums)
{
	struct mt_leaks leaks;
	struct mt_filter filter = {
		.subject = MT_FILTER_MODULE, .is_inclusive = true, .pattern = "/other"};
	struct mt_leaks_question question = {
		.base = {.by = MT_BY_LINENO, .filters = &filter, .filter_count = 1}};
	ask_leaks(&leaks, &question, make_usual(&usual));
	is_int(leaks.order.count, 0);
	is_int(leaks.summary[MT_LEAK_DEFINITE].bytes, 0);
	is_int(leaks.cycles.count, 0);
	mt_leaks_deinit(&leaks);
	made_end(&usual.made);
}

/* Why. */

static void ask_why(struct mt_why *why, struct mt_why_question *question,
		    const char *path)
{
	struct mt_error err = {0};
	int rc = mt_why_init(why, question, path, &err);
	if (rc < 0)
		printf("# %s\n", err.message);
	is_int(rc, 0);
}

TEST(paths_of_a_call_site_are_grouped_the_most_common_first)
{
	struct scanned s;
	begin(&s);
	uint32_t cache = root(&s, MT_HELD_GLOBAL, 0x10);
	uint32_t other = root(&s, MT_HELD_KEY, 0);
	uint32_t table = block(&s, MT_LEAK_REACHABLE, 0, 4096, 0, 0);
	held_by_root(&s, table, cache);
	for (uint32_t i = 0; i < 7; i++)
		block(&s, MT_LEAK_REACHABLE, 1, 64, table, i * 8);
	for (uint32_t i = 0; i < 3; i++)
		block(&s, MT_LEAK_REACHABLE, 1, 64, s.block_count, 0);
	held_by_root(&s, block(&s, MT_LEAK_REACHABLE, 1, 64, 0, 0), other);
	struct mt_why why;
	struct mt_why_question question = {0};
	ask_why(&why, &question, finish(&s, 0));
	is_int(why.sites.count, 2);
	const struct mt_why_site *site = &why.sites.list[1];
	is_int(site->counts.count, 11);
	is_int(site->path_count, 2);
	const struct mt_why_path *path = &why.paths.list[site->first_path];
	is_int(path[0].counts.count, 10);
	is_int(path[1].counts.count, 1);
	uint32_t steps[MT_MAX_HOLDERS];
	is_int(mt_holders_steps(&why.holders, path[0].last, steps), 2);
	is_str(why.holders.list.list[steps[0]].root, "program+0x10");
	ok(why.holders.list.list[steps[1]].has_offsets);
	ok(why.holders.list.list[steps[1]].is_repeated);
	is_int(mt_holders_steps(&why.holders, path[1].last, steps), 1);
	is_str(why.holders.list.list[steps[0]].root, "pthread key 0");
	mt_why_deinit(&why);
	made_end(&s.made);
}

TEST(places_of_one_kind_are_one_way_to_hold)
{
	struct scanned s;
	begin(&s);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t place = root(&s, i < 2 ? MT_HELD_KEY : MT_HELD_STACK, i * 8);
		held_by_root(&s, block(&s, MT_LEAK_REACHABLE, 0, 8, 0, 0), place);
	}
	struct mt_why why;
	struct mt_why_question question = {0};
	ask_why(&why, &question, finish(&s, 0));
	is_int(why.paths.count, 2);
	is_int(why.paths.list[0].counts.count, 2);
	is_str(mt_why_root(&why, why.paths.list[0].last), "pthread key 0");
	is_str(mt_why_root(&why, why.paths.list[1].last), "the stack");
	mt_why_deinit(&why);
	made_end(&s.made);
}

TEST(a_block_is_found_by_any_address_within_and_its_chain_ends_at_the_root)
{
	struct mt_why why;
	struct mt_why_question question = {.has_address = true, .address = 0x9000 + 50};
	ask_why(&why, &question, make_usual(&usual));
	uint32_t chain[8];
	is_int(mt_why_chain(&why, why.block, chain, 8), 3);
	const struct mt_heap *heap = mt_why_heap(&why);
	is_int(heap->blocks.list[chain[0]].id, 6);
	is_int(heap->blocks.list[chain[2]].id, 8);
	is_int(heap->blocks.list[chain[2]].offset, 24);
	ok(heap->blocks.list[chain[0]].root != MT_NO_ROOT);
	mt_why_deinit(&why);
	struct mt_error err = {0};
	question.address = 0x9000 + 100;
	is_int(mt_why_init(&why, &question, made_path(&usual.made), &err),
	       MT_ERR_MISSING);
	mt_why_deinit(&why);
	made_end(&usual.made);
}

/* What cannot be. */

TEST(holders_that_are_not_there_or_run_in_circles_end_every_chain)
{
	struct scanned s;
	begin(&s);
	block(&s, MT_LEAK_REACHABLE, 0, 8, 2, 0);
	block(&s, MT_LEAK_REACHABLE, 1, 8, 1, 0);
	block(&s, MT_LEAK_INDIRECT, 2, 8, 3, 0);
	block(&s, MT_LEAK_INDIRECT, 2, 8, 4000000000, 0);
	block(&s, MT_LEAK_INDIRECT, 0, 8, 4, 0);
	held_by_root(&s, block(&s, MT_LEAK_DEFINITE, 3, 8, 0, 0), 77);
	edge(&s, 1, 4000000000, 8);
	const char *path = finish(&s, MT_SCAN_RETAINED);
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_TRACEBACK},
					     .wants_reachable = true,
					     .wants_retained = true};
	ask_leaks(&leaks, &question, path);
	is_int(leaks.order.count, 5);
	ok(leaks.answer.remark.code != 0);
	mt_leaks_deinit(&leaks);
	struct mt_why why;
	struct mt_why_question asked = {0};
	ask_why(&why, &asked, path);
	is_int(why.sites.count, 4);
	mt_why_deinit(&why);
	made_end(&s.made);
}

/* Whatever blocks say of each other, all is answered, and the rows add up. */
TEST(any_holders_kinds_and_cycles_are_answered)
{
	srand(20261120);
	for (int run = 0; run < 100 && !tap_failures; run++) {
		struct scanned s;
		begin(&s);
		for (uint32_t i = 0; i < 8; i++)
			root(&s, (enum mt_root_kind)(rand() % 12), (uint64_t)rand());
		int64_t bytes = 0;
		for (uint32_t i = 0; i < 60; i++) {
			uint32_t id = block(&s, (enum mt_leak_kind)(rand() % 4),
					    rand() % 4, (uint64_t)(rand() % 100),
					    (uint32_t)(rand() % 70), (uint64_t)rand());
			struct mt_record_block *b = &s.blocks[id - 1];
			b->held_by_root = b->holder && rand() % 4 == 0;
			b->cycle = (uint32_t)(rand() % 4);
			b->content = (uint8_t)(rand() % 8);
			b->retained_bytes = (uint64_t)rand();
			bytes += (int64_t)b->size;
		}
		for (int i = 0; i < 16; i++)
			edge(&s, 1 + (uint32_t)(rand() % 70), 1 + (uint32_t)(rand() % 70),
			     (uint64_t)rand());
		const char *path = finish(&s, MT_SCAN_RETAINED | MT_SCAN_HASHES);
		struct mt_leaks leaks;
		struct mt_leaks_question question = {
			.base = {.by = run % 2 ? MT_BY_TRACEBACK : MT_BY_TYPE},
			.wants_reachable = true,
			.wants_retained = true};
		ask_leaks(&leaks, &question, path);
		int64_t sum = 0;
		for (size_t i = 0; i < leaks.order.count; i++)
			sum += shown(&leaks, i)->counts.bytes;
		is_int(sum, bytes);
		mt_leaks_deinit(&leaks);
		struct mt_why why;
		struct mt_why_question asked = {0};
		ask_why(&why, &asked, path);
		sum = 0;
		for (size_t i = 0; i < why.paths.count; i++)
			sum += why.paths.list[i].counts.count;
		is_int(sum, 60);
		mt_why_deinit(&why);
		made_end(&s.made);
	}
}

TEST(long_chains_take_no_stack_and_no_square_of_time)
{
	enum {
		COUNT = 200000
	};
	struct scanned s;
	begin(&s);
	made_snapshot(&s.made, made_sums(MT_SNAPSHOT_EXIT, COUNT * 8, COUNT));
	made_row(&s.made, s.sites[0], COUNT * 8, COUNT);
	put_scan(&s, 0);
	/* Each is held by the next one: found from the end of the chain. */
	for (uint32_t id = 1; id <= COUNT; id++)
		made_put(&s.made,
			 (struct mt_record){.kind = MT_RECORD_BLOCK,
					    .block = {.id = id,
						      .address = id * 16,
						      .size = 8,
						      .traceback = s.sites[0],
						      .kind = id == COUNT
								      ? MT_LEAK_DEFINITE
								      : MT_LEAK_INDIRECT,
						      .holder = id == COUNT ? 0 : id + 1,
						      .retained_bytes = id * 8,
						      .retained_count = id}});
	made_snapshot_end(&s.made);
	const char *path = made_path(&s.made);
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_TRACEBACK}};
	ask_leaks(&leaks, &question, path);
	is_int(leaks.order.count, 2);
	is_int(shown(&leaks, 0)->leads_to.count, COUNT - 1);
	mt_leaks_deinit(&leaks);
	struct mt_why why;
	struct mt_why_question asked = {0};
	ask_why(&why, &asked, path);
	is_int(why.paths.count, 2);
	mt_why_deinit(&why);
	made_end(&s.made);
}

TEST(without_a_scan_the_next_step_is_named)
{
	struct made made;
	made_begin(&made);
	made_snapshot(&made, made_sums(MT_SNAPSHOT_EXIT, 0, 0));
	made_snapshot_end(&made);
	const char *path = made_path(&made);
	struct mt_leaks leaks;
	struct mt_leaks_question question = {.base = {.by = MT_BY_TRACEBACK}};
	struct mt_error err = {0};
	is_int(mt_leaks_init(&leaks, &question, path, &err), MT_ERR_MISSING);
	ok(strstr(err.message, "run --leaks") != NULL);
	mt_leaks_deinit(&leaks);
	struct mt_answer answer;
	struct mt_question by_type = {.by = MT_BY_TYPE};
	struct mt_names side = {&path, 1};
	err = (struct mt_error){0};
	is_int(mt_answer_init(&answer, &by_type, side, (struct mt_names){0}, &err),
	       MT_ERR_MISSING);
	ok(strstr(err.message, "--by type needs a scan") != NULL);
	mt_answer_deinit(&answer);
	made_end(&made);
}

/* Types and duplicates. */

TEST(types_add_up_to_what_lives)
{
	struct scanned s;
	begin(&s);
	uint32_t text = block(&s, MT_LEAK_REACHABLE, 0, 20, 0, 0);
	s.blocks[text - 1].content = MT_CONTENT_STRING;
	s.blocks[text - 1].length = 17;
	uint32_t object = block(&s, MT_LEAK_REACHABLE, 0, 40, 0, 0);
	s.blocks[object - 1].content = MT_CONTENT_OBJECT;
	s.blocks[object - 1].content_module = 1;
	s.blocks[object - 1].content_offset = 0x3d18;
	block(&s, MT_LEAK_DEFINITE, 1, 80, 0, 0);
	const char *path = finish(&s, 0);
	struct mt_answer answer;
	struct mt_question question = {.by = MT_BY_TYPE};
	struct mt_names side = {&path, 1};
	struct mt_error err = {0};
	is_int(mt_answer_init(&answer, &question, side, (struct mt_names){0}, &err), 0);
	const struct mt_table *table = &answer.report.tables[0];
	is_int(table->row_count, 3);
	is_str(table->labels[0], "data");
	is_int(table->sums[0].now.bytes, 80);
	is_str(table->labels[1], "object (program+0x3d18)");
	is_str(table->labels[2], "string of 17");
	is_int(table->totals.now.bytes, 140);
	mt_answer_deinit(&answer);
	made_end(&s.made);
}

/* A scan of very many blocks has rows of some: the rest is of no known type. */
TEST(blocks_without_a_row_are_of_unknown_type)
{
	struct scanned s;
	begin(&s);
	made_snapshot(&s.made, made_sums(MT_SNAPSHOT_EXIT, 100, 5));
	made_row(&s.made, s.sites[0], 100, 5);
	block(&s, MT_LEAK_REACHABLE, 0, 20, 0, 0);
	put_scan(&s, MT_SCAN_SAMPLED);
	made_snapshot_end(&s.made);
	const char *path = made_path(&s.made);
	struct mt_answer answer;
	struct mt_question question = {.by = MT_BY_TYPE};
	struct mt_names side = {&path, 1};
	struct mt_error err = {0};
	is_int(mt_answer_init(&answer, &question, side, (struct mt_names){0}, &err), 0);
	const struct mt_table *table = &answer.report.tables[0];
	is_int(table->row_count, 2);
	is_str(table->labels[0], "<unknown>");
	is_int(table->sums[0].now.bytes, 80);
	is_int(table->sums[1].now.bytes, 20);
	is_int(table->totals.now.bytes, 100);
	mt_answer_deinit(&answer);
	made_end(&s.made);
}

TEST(retained_is_a_metric)
{
	const char *path = make_usual(&usual);
	struct mt_answer answer;
	struct mt_question question = {.by = MT_BY_LINENO, .metric = MT_METRIC_RETAINED};
	struct mt_names side = {&path, 1};
	struct mt_error err = {0};
	is_int(mt_answer_init(&answer, &question, side, (struct mt_names){0}, &err), 0);
	const struct mt_table *table = &answer.report.tables[0];
	is_int(table->sums[0].now.bytes, 228 + 8);
	is_int(table->sums[0].now.count, 4);
	mt_answer_deinit(&answer);
	question.is_cumulative = true;
	is_int(mt_answer_init(&answer, &question, side, (struct mt_names){0}, &err),
	       MT_ERR_USAGE);
	mt_answer_deinit(&answer);
	made_end(&usual.made);
}

TEST(equal_contents_are_counted_by_traceback_and_in_all)
{
	static const struct {
		int site;
		uint64_t size, hash;
	} blocks[] = {{0, 32, 5}, {0, 32, 5}, {0, 32, 5}, {0, 32, 6},
		      {1, 32, 5}, {1, 64, 5}, {2, 8, 9},  {2, 8, 9}};
	struct scanned s;
	begin(&s);
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		uint32_t id = block(&s, MT_LEAK_REACHABLE, blocks[i].site, blocks[i].size,
				    0, 0);
		s.blocks[id - 1].has_hash = true;
		s.blocks[id - 1].hash = blocks[i].hash;
	}
	const char *path = finish(&s, MT_SCAN_HASHES);
	struct mt_duplicates duplicates;
	struct mt_question question = {0};
	struct mt_error err = {0};
	is_int(mt_duplicates_init(&duplicates, &question, path, &err), 0);
	is_int(duplicates.copies.count, 6);
	is_int(duplicates.distinct, 2);
	is_int(duplicates.saving_bytes, 3 * 32 + 8);
	is_int(duplicates.rows.count, 2);
	is_int(duplicates.rows.list[0].copies.count, 3);
	is_int(duplicates.rows.list[0].distinct, 1);
	is_int(duplicates.rows.list[0].saving_bytes, 64);
	is_int(duplicates.rows.list[1].saving_bytes, 8);
	mt_duplicates_deinit(&duplicates);
	made_end(&s.made);
	is_int(mt_duplicates_init(&duplicates, &question, make_usual(&usual), &err),
	       MT_ERR_MISSING);
	mt_duplicates_deinit(&duplicates);
	made_end(&usual.made);
}

/* The gate. */

static void judge(const char *path, const char *baseline, enum mt_gate_state verdict,
		  int64_t value)
{
	struct mt_suppressions none = {0};
	struct mt_gate_question question = {
		.trace = path,
		.baseline = baseline,
		.suppressions = &none,
		.max_growth = {.is_given = true, .amount = 1 << 20},
		.today = "2026-11-20"};
	struct mt_gate gate;
	struct mt_error err = {0};
	is_int(mt_gate_init(&gate, &question, &err), 0);
	is_int(gate.verdict, verdict);
	const struct mt_table *checks = &gate.report.tables[MT_GATE_CHECKS];
	bool is_found = false;
	for (size_t i = 0; i < checks->row_count; i++) {
		const struct mt_value *row = &checks->values[i * MT_CHECK_COLUMNS];
		if (strcmp(row[MT_CHECK_NAME].text, "max-leaked") != 0)
			continue;
		is_found = true;
		if (value >= 0)
			is_int(row[MT_CHECK_VALUE].number, value);
		else
			is_int(row[MT_CHECK_VALUE].state, MT_VALUE_NULL);
	}
	ok(is_found);
	mt_gate_deinit(&gate);
}

/* One leak of size bytes at each site up to sites; threads of a scan that were missed. */
static const char *make_leaks(struct scanned *s, int sites, uint64_t size,
			      uint64_t threads_missed)
{
	begin(s);
	s->threads_missed = threads_missed;
	for (int i = 0; i < sites; i++)
		block(s, MT_LEAK_DEFINITE, i, size, 0, 0);
	return finish(s, 0);
}

TEST(the_gate_counts_leaks_of_each_call_site_beyond_the_baseline)
{
	static struct scanned now, before;
	char path[64];
	snprintf(path, sizeof path, "%s", make_leaks(&now, 2, 100, 0));
	judge(path, NULL, MT_GATE_FAILED, 200);
	const char *baseline = make_leaks(&before, 1, 150, 0);
	judge(path, baseline, MT_GATE_FAILED, 100);
	judge(baseline, baseline, MT_GATE_PASSED, 0);
	made_end(&now.made);
	made_end(&before.made);
}

TEST(leaks_are_not_judged_where_threads_were_missed)
{
	static struct scanned s;
	judge(make_leaks(&s, 1, 100, 1), NULL, MT_GATE_UNJUDGED, -1);
	made_end(&s.made);
}

TAP_MAIN()
