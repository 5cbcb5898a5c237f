/*
 * frag-text.c - see frag-text.h. Outside.
 */
#include "cli/frag-text.h"

#include "cli/render.h"
#include "tracer/analyze/label.h"
#include "tracer/analyze/statistic.h"

#include <inttypes.h>
#include <stdlib.h>

static void put_heading(FILE *out, const struct frag_text *options, const char *text)
{
	fprintf(out, "\n%s%s%s:\n", options->color ? "\033[1m" : "", text,
		options->color ? "\033[0m" : "");
}

static void put_more(FILE *out, size_t count, const struct frag_text *options)
{
	size_t more = count - mt_shown(count, options->limit);
	if (more)
		fprintf(out, "  and %zu more\n", more);
}

static void put_size(FILE *out, int width, uint64_t bytes)
{
	char text[MT_SIZE_TEXT_BYTES];
	mt_size_text(text, (double)bytes, false);
	fprintf(out, "%*s", width, text);
}

static void put_label(FILE *out, const struct mt_frag *frag, mt_location_id site,
		      const char *directory)
{
	char *label = mt_label_location(&frag->locations->list[site], directory);
	render_escaped(out, label ? label : "");
	free(label);
}

/* They are in no sum: the next arenas that the program needs are these. */
static void put_ready(FILE *out, const struct mt_frag *frag)
{
	uint64_t ready = mt_places_ready_arenas(frag->places);
	if (!ready)
		return;
	fputs("  besides, ", out);
	put_size(out, 0, ready * frag->places->geometry.arena_bytes);
	fprintf(out,
		" in %" PRIu64
		" free arena%s, kept ready instead of given to the system\n",
		ready, ready == 1 ? "" : "s");
}

/* Nor is this: whether it was ever used does not show. */
static void put_end(FILE *out, const struct mt_frag *frag)
{
	if (!frag->end_bytes)
		return;
	fputs("  besides, ", out);
	put_size(out, 0, frag->end_bytes);
	fputs(" at the end of the C library's heaps: not used yet, or ready again\n",
	      out);
}

static void put_losses(FILE *out, const struct mt_frag *frag)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} lines[] = {
		{"rounding up to the sizes of blocks", frag->losses.rounding},
		{"free blocks in used pools", frag->losses.free_blocks},
		{"empty pools in used arenas", frag->losses.empty_pools},
		{"freed, but waiting in quarantine", frag->losses.waiting},
	};
	size_t count = sizeof lines / sizeof *lines - !frag->places->waiting.count;
	fputs("Lost: ", out);
	put_size(out, 0, mt_frag_sum(&frag->losses));
	fputs(", with ", out);
	put_size(out, 0,
		 frag->places->arenas.current * frag->places->geometry.arena_bytes);
	fprintf(out, " in %" PRIu64 " arena%s\n", frag->places->arenas.current,
		frag->places->arenas.current == 1 ? "" : "s");
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "  %-36s", lines[i].name);
		put_size(out, 12, lines[i].bytes);
		putc('\n', out);
	}
	fprintf(out, "  %-36s", "freed, but mapped by the C library");
	if (frag->places->has_layers)
		put_size(out, 12, frag->losses.beneath);
	else
		fprintf(out, "%12s", "not known: the kernel was not asked");
	if (frag->places->has_layers && !frag->places->has_own_layers)
		fprintf(out, ", as the kernel's mappings were in second %.3f",
			(double)frag->places->layers[MT_LAYER_PROCESS].time_ns / 1e9);
	putc('\n', out);
	put_end(out, frag);
	put_ready(out, frag);
}

static void put_sites(FILE *out, const struct mt_frag *frag,
		      const struct frag_text *options)
{
	if (!frag->sites.count)
		return;
	put_heading(out, options, "Lost to the blocks of");
	bool has_waiting = frag->places->waiting.count != 0;
	fprintf(out, "%12s%12s%12s%12s", "rounding", "free", "empty", "beneath");
	fprintf(out, has_waiting ? "%12s\n" : "%s\n", has_waiting ? "waiting" : "");
	for (size_t i = 0; i < mt_shown(frag->sites.count, options->limit); i++) {
		const struct mt_frag_site *site = &frag->sites.list[i];
		put_size(out, 12, site->losses.rounding);
		put_size(out, 12, site->losses.free_blocks);
		put_size(out, 12, site->losses.empty_pools);
		put_size(out, 12, site->losses.beneath);
		if (has_waiting)
			put_size(out, 12, site->losses.waiting);
		fputs("  ", out);
		if (site->is_nobody)
			fputs("[nobody: the allocator keeps it]", out);
		else
			put_label(out, frag, site->site, options->directory);
		putc('\n', out);
	}
	put_more(out, frag->sites.count, options);
}

static void put_arenas(FILE *out, const struct mt_frag *frag, const struct mt_pin *pin)
{
	uint64_t kept = mt_pins_kept(&frag->pins, pin), back = pin->arenas - kept;
	put_size(out, 0, (back ? back : kept) * frag->places->geometry.arena_bytes);
	if (!back)
		fputs(" in 1 arena is free, and kept: the allocator keeps one\n", out);
	else if (kept)
		fprintf(out,
			" in %" PRIu64 " of %" PRIu64
			" arenas can go back: the allocator keeps one\n",
			back, pin->arenas);
	else
		fprintf(out, " in %" PRIu64 " arena%s can go back\n", back,
			back == 1 ? "" : "s");
}

static void put_pin(FILE *out, const struct mt_frag *frag, const struct mt_pin *pin,
		    const struct frag_text *options)
{
	char *who = mt_frag_pin_text(frag, pin, options->directory);
	fputs("  free ", out);
	if (pin->site_count == 1)
		fputs(pin->blocks == 1 ? "this " : "these ", out);
	render_escaped(out, who ? who : "");
	fputs(", and ", out);
	free(who);
	if (pin->arenas) {
		put_arenas(out, frag, pin);
		return;
	}
	put_size(out, 0, pin->bytes);
	fprintf(out, " in %" PRIu64 " pool%s can serve any size\n", pin->pools,
		pin->pools == 1 ? "" : "s");
}

static void put_pins(FILE *out, const struct mt_frag *frag,
		     const struct frag_text *options)
{
	const struct mt_pins *pins = &frag->pins;
	if (!pins->list.count && !pins->other_arenas && !pins->free_arenas)
		return;
	put_heading(out, options, "Pinned, cheapest first");
	for (size_t i = 0; i < mt_shown(pins->list.count, options->limit); i++)
		put_pin(out, frag, &pins->list.list[i], options);
	put_more(out, pins->list.count, options);
	if (pins->other_arenas)
		fprintf(out,
			"  %" PRIu64 " arena%s held by more than %d call sites%s%s\n",
			pins->other_arenas, pins->other_arenas == 1 ? " is" : "s are",
			MT_PINS_MAX_SITES, pins->other_arenas == 1 ? "" : " each",
			frag->places->waiting.count ? ", or by blocks in quarantine"
						    : "");
	if (pins->free_arenas)
		fprintf(out,
			"  %" PRIu64 " arena%s wholly free: the allocator keeps one%s\n",
			pins->free_arenas, pins->free_arenas == 1 ? " is" : "s are",
			pins->free_arenas == 1
				? ""
				: ", the others go back when their threads allocate more");
}

static void put_borders(FILE *out, const struct mt_frag *frag,
			const struct frag_text *options)
{
	if (!frag->borders.count)
		return;
	put_heading(out, options, "Just above a border");
	for (size_t i = 0; i < mt_shown(frag->borders.count, options->limit); i++) {
		const struct mt_frag_border *border = &frag->borders.list[i];
		fputs("  ", out);
		put_label(out, frag, border->site, options->directory);
		fprintf(out, ": %" PRIu64 " block%s ", border->count,
			border->count == 1 ? "" : "s");
		if (border->class_bytes)
			fprintf(out, "in class %" PRIu32, border->class_bytes);
		else
			fprintf(out, "beyond %" PRIu32, frag->places->geometry.threshold);
		fprintf(out, ", %s%" PRIu64 " byte%s less would save ",
			border->excess_bytes == 1 ? "" : "up to ", border->excess_bytes,
			border->excess_bytes == 1 ? "" : "s");
		put_size(out, 0, border->saving_bytes);
		putc('\n', out);
	}
	put_more(out, frag->borders.count, options);
}

void frag_text_print(FILE *out, const struct mt_frag *frag,
		     const struct frag_text *options)
{
	put_losses(out, frag);
	put_sites(out, frag, options);
	put_pins(out, frag, options);
	put_borders(out, frag, options);
	frag_text_map(out, frag, options);
}
