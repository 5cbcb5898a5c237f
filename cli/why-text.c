/*
 * why-text.c - see why-text.h. Outside.
 */
#include "cli/why-text.h"

#include "cli/leaks-text.h"
#include "cli/render.h"
#include "tracer/analyze/label.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	CHAIN_ENDS = 10, /* blocks of a long chain that are shown at either end */
};

static void put_bold(FILE *out, const struct why_text *options, const char *text)
{
	if (options->color)
		fputs("\033[1m", out);
	render_escaped(out, text);
	if (options->color)
		fputs("\033[0m", out);
}

static void put_size(FILE *out, uint64_t bytes)
{
	char size[MT_SIZE_TEXT_BYTES];
	mt_size_text(size, (double)bytes, false);
	fputs(size, out);
}

static void put_amount(FILE *out, struct mt_counts counts)
{
	put_size(out, (uint64_t)counts.bytes);
	fprintf(out, " in %" PRId64 " block%s", counts.count,
		counts.count == 1 ? "" : "s");
}

static const char *arrow(const struct why_text *options)
{
	return options->is_ascii ? "->" : "\u2192";
}

/* "cache_add (cache.c:77)". */
static void put_site(FILE *out, const struct mt_why *why, mt_location_id site,
		     const struct why_text *options)
{
	const struct mt_location *location = &why->answer.locations.list[site];
	char *label = mt_label_location(location, options->directory);
	if (location->file && location->function) {
		render_escaped(out, location->function);
		fputs(" (", out);
		render_escaped(out, label ? label : "");
		putc(')', out);
	} else {
		render_escaped(out, label ? label : "");
	}
	free(label);
}

/* Paths of a call site. */

static void put_step(FILE *out, const struct mt_why *why, uint32_t step,
		     const struct why_text *options)
{
	const struct mt_holder *holder = &why->holders.list.list[step];
	put_site(out, why, holder->site, options);
	if (!holder->is_repeated)
		return;
	fputs(", one after the other", out);
	if (!holder->has_next_offsets)
		fprintf(out, " at +%" PRIu64, holder->next_offset);
}

/* Only the offset within a block, and only if it is always the same. */
static void put_offset(FILE *out, const struct mt_why *why, uint32_t next)
{
	const struct mt_holder *holder = &why->holders.list.list[next];
	if (!holder->has_offsets)
		fprintf(out, ", +%" PRIu64, holder->offset);
}

static void put_steps(FILE *out, const struct mt_why *why, const uint32_t *steps,
		      uint32_t count, const struct why_text *options)
{
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			fprintf(out, " %s ", arrow(options));
		put_step(out, why, steps[i], options);
		if (i + 1 < count)
			put_offset(out, why, steps[i + 1]);
	}
}

static void put_how(FILE *out, const struct mt_why_site *site,
		    const struct mt_why_path *path)
{
	if (path->counts.count == site->counts.count)
		fprintf(out, "  %s ",
			site->counts.count == 1 ? "the block is" : "all blocks are");
	else
		fprintf(out, "  %" PRId64 " of %" PRId64 " blocks %s ",
			path->counts.count, site->counts.count,
			path->counts.count == 1 ? "is" : "are");
}

static void put_thread(FILE *out, const struct mt_why *why, uint32_t tid)
{
	const char *name = tid ? mt_why_thread(why, tid) : NULL;
	if (!tid)
		return;
	fputs(", thread ", out);
	if (name) {
		render_escaped(out, name);
		putc(' ', out);
	}
	fprintf(out, "(%" PRIu32 ")", tid);
}

static void put_path_root(FILE *out, const struct mt_why *why, uint32_t step,
			  const struct why_text *options)
{
	const struct mt_holder *holder = &why->holders.list.list[step];
	const char *root = mt_why_root(why, step);
	if (!root)
		return;
	put_bold(out, options, root);
	if (holder->has_threads)
		fputs(", in several threads", out);
	else
		put_thread(out, why, holder->tid);
	fprintf(out, "%s %s ", holder->has_offsets ? ", at several places" : "",
		arrow(options));
}

/* Of one of the blocks: the nearest pointer to it that is not to be relied on. */
static void put_doubt(FILE *out, const struct mt_why *why, uint32_t block)
{
	const struct mt_heap *heap = mt_why_heap(why);
	const struct mt_heap_block *list = heap->blocks.list;
	while (!list[block].is_interior && list[block].holder != MT_NO_BLOCK)
		block = list[block].holder;
	fputs(mt_heap_is_unaligned(heap, block) ? ", by an unaligned pointer"
						: ", by a pointer to the middle",
	      out);
}

static void put_path(FILE *out, const struct mt_why *why, const struct mt_why_site *site,
		     const struct mt_why_path *path, const struct why_text *options)
{
	uint32_t steps[MT_MAX_HOLDERS];
	uint32_t count = mt_holders_steps(&why->holders, path->last, steps);
	const struct mt_holder *last = &why->holders.list.list[path->last];
	uint8_t kind = last->kind;
	put_how(out, site, path);
	if (kind == MT_LEAK_DEFINITE) {
		fputs(!last->is_in_cycle ? "lost: nothing that is left points there\n"
		      : path->counts.count == 1
			      ? "lost: only its own cycle points there\n"
			      : "lost: only their own cycles point there\n",
		      out);
		return;
	}
	fputs(kind == MT_LEAK_INDIRECT     ? "lost with "
	      : mt_why_root(why, steps[0]) ? "held through "
					   : "held by what is not known: ",
	      out);
	put_path_root(out, why, steps[0], options);
	put_steps(out, why, steps, count, options);
	if (kind == MT_LEAK_POSSIBLE)
		put_doubt(out, why, last->block);
	putc('\n', out);
}

static void put_site_paths(FILE *out, const struct mt_why *why,
			   const struct mt_why_site *site, const struct why_text *options)
{
	size_t paths = mt_shown(site->path_count, options->limit);
	const struct mt_groups *groups = &why->answer.groups;
	char *label =
		mt_label_group(groups, &groups->list[site->group], options->directory);
	putc('\n', out);
	put_bold(out, options, label ? label : "");
	fputs(": ", out);
	put_amount(out, site->counts);
	if (site->leaked.count) {
		fputs(", of these lost: ", out);
		put_amount(out, site->leaked);
	}
	putc('\n', out);
	free(label);
	for (size_t i = 0; i < paths; i++)
		put_path(out, why, site, &why->paths.list[site->first_path + i], options);
	if (paths < site->path_count)
		fprintf(out, "  and in %zu other ways\n", site->path_count - paths);
}

/* One block. */

static void put_root(FILE *out, const struct mt_why *why, uint32_t first,
		     const struct why_text *options)
{
	const struct mt_heap *heap = mt_why_heap(why);
	const struct mt_heap_block *block = &heap->blocks.list[first];
	if (block->root == MT_NO_ROOT) {
		fputs(block->kind != MT_LEAK_DEFINITE ? "Held by what is not known:\n"
		      : block->cycle ? "Lost: only its own cycle points at\n"
				     : "Lost: nothing points at\n",
		      out);
		return;
	}
	const struct mt_heap_root *root = &heap->roots.list[block->root];
	fputs("Held through ", out);
	put_bold(out, options, why->roots.labels[block->root]);
	put_thread(out, why, root->tid);
	if (block->is_interior)
		put_doubt(out, why, first);
	putc('\n', out);
}

static void put_block(FILE *out, const struct mt_why *why, uint32_t block, bool is_first,
		      const struct why_text *options)
{
	const struct mt_subject *subject = &why->answer.subjects[0];
	const struct mt_heap_block *b = &subject->heap.blocks.list[block];
	if (!is_first)
		fprintf(out, "  its pointer at +%" PRIu64 "%s\n", b->offset,
			!b->is_interior ? ""
			: mt_heap_is_unaligned(&subject->heap, block)
				? ", unaligned, leads to"
				: " leads to the middle of");
	fprintf(out, "%s 0x%" PRIx64 ": ", arrow(options), b->address);
	put_size(out, b->size);
	fputs(", ", out);
	render_escaped(out, subject->types.names[b->type]);
	fprintf(out, ", references=%" PRIu64, b->references);
	if (subject->heap.scan.flags & MT_SCAN_RETAINED) {
		fputs(", retains ", out);
		put_amount(out, (struct mt_counts){(int64_t)b->retained_bytes,
						   (int64_t)b->retained_count});
	}
	leaks_text_contents(out, ", begins with ", &subject->heap, block);
	putc('\n', out);
	struct mt_walk walk = mt_walk_begin(subject->frames, b->node);
	for (mt_location_id id; mt_walk_next(&walk, &id);)
		render_frame(out, 6, &why->answer.locations.list[id], options->directory);
}

static void put_chain(FILE *out, const struct mt_why *why, const struct why_text *options)
{
	size_t count = mt_why_chain(why, why->block, NULL, 0);
	uint32_t *chain = malloc(count * sizeof *chain);
	if (!chain)
		return;
	mt_why_chain(why, why->block, chain, count);
	put_root(out, why, chain[0], options);
	for (size_t i = 0; i < count; i++) {
		if (count > 2 * CHAIN_ENDS && i == CHAIN_ENDS) {
			size_t more = count - 2 * CHAIN_ENDS;
			fprintf(out, "  ... %zu more block%s ...\n", more,
				more == 1 ? "" : "s");
			i = count - CHAIN_ENDS;
		}
		put_block(out, why, chain[i], !i, options);
	}
	free(chain);
}

/* "+16 and +24 lead to 0x7f5360". */
static void put_pointers(FILE *out, const struct mt_heap *heap, uint32_t block,
			 const struct mt_leak_link *links, size_t count, size_t limit)
{
	size_t at = 0;
	for (size_t targets = 0; at < count && (!limit || targets < limit); targets++) {
		uint32_t to = links[at].to;
		at += leaks_text_offsets(out, &links[at], count - at);
		if (to == block)
			fputs("itself", out);
		else
			fprintf(out, "0x%" PRIx64, heap->blocks.list[to].address);
	}
	if (at < count)
		fprintf(out, ", and %zu more pointer%s", count - at,
			count - at == 1 ? "" : "s");
}

static void put_cycle_block(FILE *out, const struct mt_why *why, uint32_t block,
			    const struct why_text *options)
{
	const struct mt_subject *subject = &why->answer.subjects[0];
	const struct mt_heap_block *b = &subject->heap.blocks.list[block];
	size_t count;
	const struct mt_heap_edge *edges = mt_heap_edges(&subject->heap, block, &count);
	struct mt_leak_link *links = malloc((count + 1) * sizeof *links);
	if (!links)
		return;
	for (size_t i = 0; i < count; i++)
		links[i] = (struct mt_leak_link){edges[i].offset, edges[i].to};
	mt_leak_links_sort(links, count);
	fprintf(out, "  0x%" PRIx64 ": ", b->address);
	put_size(out, b->size);
	fputs(" from ", out);
	put_site(out, why, mt_callsites_get(&subject->callsites, b->node), options);
	put_pointers(out, &subject->heap, block, links, count, options->limit);
	putc('\n', out);
	free(links);
}

/* At the end those that close it, whatever the limit leaves out. */
static void put_cycle(FILE *out, const struct mt_why *why, const struct why_text *options)
{
	const uint32_t *blocks = why->cycle_blocks.list;
	size_t count = why->cycle_blocks.count, shown = mt_shown(count, options->limit);
	size_t closing = 0, more = (size_t)why->cycle.count - shown;
	if (!count)
		return;
	putc('\n', out);
	put_bold(out, options, "cycle");
	fputs(" of ", out);
	put_amount(out, why->cycle);
	putc('\n', out);
	for (size_t i = 0; i < shown; i++)
		put_cycle_block(out, why, blocks[i], options);
	if (more)
		fprintf(out, "  ... %zu more block%s, of these to 0x%" PRIx64 ":\n", more,
			more == 1 ? "" : "s",
			mt_why_heap(why)->blocks.list[blocks[0]].address);
	for (size_t i = shown; i < count && closing < shown; i++)
		if (mt_why_leads_to(why, blocks[i], blocks[0])) {
			put_cycle_block(out, why, blocks[i], options);
			closing++;
		}
}

void why_text_print(FILE *out, const struct mt_why *why, const struct why_text *options)
{
	size_t sites = mt_shown(why->sites.count, options->limit);
	leaks_text_scan(out, &mt_why_heap(why)->scan);
	if (why->block != MT_NO_BLOCK) {
		put_chain(out, why, options);
		put_cycle(out, why, options);
		return;
	}
	for (size_t i = 0; i < sites; i++)
		put_site_paths(out, why, &why->sites.list[i], options);
	if (sites < why->sites.count)
		fprintf(out, "\n%zu more call site%s (-n 0 shows all)\n",
			why->sites.count - sites,
			why->sites.count - sites == 1 ? "" : "s");
}
