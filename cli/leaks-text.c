/*
 * leaks-text.c - see leaks-text.h. Outside.
 */
#include "cli/leaks-text.h"

#include "cli/render.h"
#include "tracer/analyze/label.h"
#include "tracer/analyze/preview.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	OFFSETS_SHOWN = 3, /* of pointers to one block; where there are more the first */
};

static void put_bold(FILE *out, const struct leaks_text *options, const char *text)
{
	if (options->color)
		fputs("\033[1m", out);
	render_escaped(out, text);
	if (options->color)
		fputs("\033[0m", out);
}

static void put_amount(FILE *out, struct mt_counts counts)
{
	char size[MT_SIZE_TEXT_BYTES];
	mt_size_text(size, (double)counts.bytes, false);
	fprintf(out, "%s in %" PRId64 " block%s", size, counts.count,
		counts.count == 1 ? "" : "s");
}

static void put_size(FILE *out, uint64_t bytes)
{
	char size[MT_SIZE_TEXT_BYTES];
	mt_size_text(size, (double)bytes, false);
	fputs(size, out);
}

void leaks_text_scan(FILE *out, const struct mt_record_scan *scan)
{
	fprintf(out, "Scanned %s, %s: paused %.1f ms, %" PRIu64 " thread%s, ",
		scan->flags & MT_SCAN_AT_END ? "at the end" : "while it ran",
		scan->method == MT_SCAN_PTRACE    ? "by ptrace"
		: scan->method == MT_SCAN_WAITING ? "while it waited"
						  : "in a forked copy",
		(double)scan->pause_ns / 1e6, scan->threads,
		scan->threads == 1 ? "" : "s");
	put_size(out, scan->root_bytes);
	fputs(" of roots, ", out);
	put_size(out, scan->heap_bytes);
	fputs(" of heap\n", out);
	if (scan->threads_missed)
		fprintf(out,
			"Not known: the registers of %" PRIu64
			" thread%s that could not be stopped; of their stacks all "
			"counts\n",
			scan->threads_missed, scan->threads_missed == 1 ? "" : "s");
	if (scan->unreadable_bytes) {
		fputs("Not read: ", out);
		put_size(out, scan->unreadable_bytes);
		fputs(" that could not be\n", out);
	}
	if (scan->flags & MT_SCAN_SAMPLED)
		fputs("Not all: of the reachable blocks only some have a record\n", out);
	if (scan->flags & MT_SCAN_NO_CYCLES)
		fputs("Not sought: cycles, as too many blocks leaked\n", out);
}

void leaks_text_contents(FILE *out, const char *lead, const struct mt_heap *heap,
			 uint32_t block)
{
	struct mt_bytes bytes = {0};
	if (block != MT_NO_BLOCK)
		bytes = mt_heap_contents(heap, block);
	if (!bytes.data)
		return;
	bool is_cut = bytes.size < heap->blocks.list[block].size;
	struct mt_bytes shown = mt_preview_trim(bytes);
	if (!shown.size) {
		fprintf(out, "%szeroes", lead);
		return;
	}
	char *text = mt_preview_text(shown);
	fprintf(out, "%s\"", lead);
	render_escaped(out, text ? text : "");
	fputs(is_cut && shown.size == bytes.size ? "\"..." : "\"", out);
	free(text);
}

static void put_summary(FILE *out, const struct mt_leaks *leaks)
{
	static const char *const titles[MT_LEAK_KINDS] = {
		[MT_LEAK_DEFINITE] = "Definite:",
		[MT_LEAK_INDIRECT] = "Indirect:",
		[MT_LEAK_POSSIBLE] = "Possible:",
		[MT_LEAK_REACHABLE] = "Reachable:",
	};
	for (int kind = 0; kind < MT_LEAK_KINDS; kind++) {
		fprintf(out, "%-10s ", titles[kind]);
		put_amount(out, leaks->summary[kind]);
		putc('\n', out);
	}
}

static void put_row(FILE *out, const struct mt_leaks *leaks,
		    const struct mt_leak_row *row, const struct leaks_text *options)
{
	const struct mt_groups *groups = &leaks->answer.groups;
	const struct mt_group *group = &groups->list[row->group];
	bool is_below = row->leader != MT_NO_LEAK_ROW;
	char text[MT_STATISTIC_TEXT_BYTES];
	char *label = mt_label_group(groups, group, options->directory);
	mt_statistic_text(text, row->counts, NULL);
	fprintf(out, "%s%s ", is_below ? "  " : "\n", mt_leak_kind_name(row->kind));
	put_bold(out, options, label ? label : "");
	fprintf(out, ": %s", text);
	free(label);
	if (row->references)
		fprintf(out, ", references=%" PRIu64, row->references);
	if (options->shows_retained) {
		fputs(", retains ", out);
		put_amount(out, row->retained);
	}
	if (row->leads_to.count) {
		fputs(", leads to ", out);
		put_amount(out, row->leads_to);
	}
	putc('\n', out);
	if (row->example != MT_NO_BLOCK) {
		leaks_text_contents(out,
				    row->counts.count == 1 ? "    begins with "
							   : "    one begins with ",
				    mt_leaks_heap(leaks), row->example);
		putc('\n', out);
	}
	if (groups->by == MT_BY_TRACEBACK)
		render_path(out, is_below ? 6 : 4, groups, group->path,
			    options->directory);
}

static void put_omitted(FILE *out, const struct mt_leaks *leaks)
{
	if (!leaks->omitted_rows)
		return;
	fprintf(out, "\n%zu more row%s: ", leaks->omitted_rows,
		leaks->omitted_rows == 1 ? "" : "s");
	put_amount(out, leaks->omitted);
	fputs(" (-n 0 shows all)\n", out);
}

/* Cycles. */

static void put_traceback(FILE *out, const struct mt_leaks *leaks, uint32_t node,
			  const struct leaks_text *options)
{
	struct mt_walk walk =
		mt_walk_begin_at_key(&leaks->answer.subjects[0].callsites, node);
	for (mt_location_id id; mt_walk_next(&walk, &id);)
		render_frame(out, 6, &leaks->answer.locations.list[id],
			     options->directory);
}

static char *label_of(const struct mt_leaks *leaks, uint32_t block,
		      const struct leaks_text *options)
{
	const struct mt_subject *subject = &leaks->answer.subjects[0];
	uint32_t node = subject->heap.blocks.list[block].node;
	mt_location_id at = mt_callsites_get(&subject->callsites, node);
	return mt_label_location(&leaks->answer.locations.list[at], options->directory);
}

size_t leaks_text_offsets(FILE *out, const struct mt_leak_link *links, size_t count)
{
	size_t end = 1;
	while (end < count && links[end].to == links[0].to)
		end++;
	size_t shown = end > OFFSETS_SHOWN ? 1 : end;
	for (size_t i = 0; i < shown; i++)
		fprintf(out, "%s+%" PRIu64, i ? " and " : ", ", links[i].offset);
	if (shown < end)
		fprintf(out, " and %zu more", end - shown);
	fputs(end == 1 ? " leads to " : " lead to ", out);
	return end;
}

/* "+16 and +24 lead to list.c:20". */
static size_t put_links(FILE *out, const struct mt_leaks *leaks,
			const struct mt_leak_member *member, size_t from,
			const struct leaks_text *options)
{
	const struct mt_leak_link *links = &leaks->links.list[member->first_link];
	size_t end =
		from + leaks_text_offsets(out, &links[from], member->link_count - from);
	if (links[from].to == member->block) {
		fputs("itself", out);
		return end;
	}
	char *label = label_of(leaks, links[from].to, options);
	render_escaped(out, label ? label : "");
	free(label);
	return end;
}

static void put_member(FILE *out, const struct mt_leaks *leaks,
		       const struct mt_leak_member *member,
		       const struct leaks_text *options)
{
	const struct mt_heap_block *block =
		&mt_leaks_heap(leaks)->blocks.list[member->block];
	fprintf(out, "  %" PRIu64 " block%s of ", member->times,
		member->times == 1 ? "" : "s");
	put_size(out, block->size);
	size_t at = 0, limit = options->limit ? options->limit : SIZE_MAX;
	for (size_t targets = 0; at < member->link_count && targets < limit; targets++)
		at = put_links(out, leaks, member, at, options);
	if (at < member->link_count)
		fprintf(out, ", and %zu more pointer%s", member->link_count - at,
			member->link_count - at == 1 ? "" : "s");
	putc('\n', out);
	put_traceback(out, leaks, block->node, options);
}

static void put_cycle(FILE *out, const struct mt_leaks *leaks,
		      const struct mt_leak_cycle *cycle, const struct leaks_text *options)
{
	putc('\n', out);
	put_bold(out, options, "cycle");
	fputs(" of ", out);
	put_amount(out, cycle->each);
	if (cycle->times > 1)
		fprintf(out, ", %" PRIu64 " times", cycle->times);
	putc('\n', out);
	size_t shown = mt_shown(cycle->member_count, options->limit);
	for (size_t i = 0; i < shown; i++)
		put_member(out, leaks, &leaks->members.list[cycle->first_member + i],
			   options);
	if (shown < cycle->member_count)
		fprintf(out, "  and %zu more that look otherwise\n",
			cycle->member_count - shown);
}

void leaks_text_print(FILE *out, const struct mt_leaks *leaks,
		      const struct leaks_text *options)
{
	leaks_text_scan(out, &mt_leaks_heap(leaks)->scan);
	put_summary(out, leaks);
	for (size_t i = 0; i < leaks->order.count; i++)
		put_row(out, leaks, &leaks->rows.list[leaks->order.list[i]], options);
	put_omitted(out, leaks);
	size_t shown = mt_shown(leaks->cycles.count, options->limit);
	for (size_t i = 0; i < shown; i++)
		put_cycle(out, leaks, &leaks->cycles.list[i], options);
	if (shown < leaks->cycles.count)
		fprintf(out, "\n%zu more cycle%s otherwise\n",
			leaks->cycles.count - shown,
			leaks->cycles.count - shown == 1 ? " that looks" : "s that look");
}
