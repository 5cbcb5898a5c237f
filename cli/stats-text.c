/*
 * stats-text.c - see stats-text.h. Outside.
 *
 * The arena map of newer CPythons has no counterpart, since one range holds all arenas;
 * nor have free lists of objects. Both are left out, as builds without them do.
 */
#include "cli/stats-text.h"

#include <inttypes.h>
#include <string.h>

enum {
	LABEL_WIDTH = 35,
	VALUE_WIDTH = 21, /* CPython's own limit; larger values lose their first digits */
	NUMBER_BYTES = 32,
	LAYER_NAME_WIDTH = 24,
	LAYER_VALUE_WIDTH = 19,
};

/* Three digits between commas; a minus in front. Returns text. */
static const char *with_commas(char text[NUMBER_BYTES], int64_t number)
{
	char digits[NUMBER_BYTES];
	uint64_t magnitude = number < 0 ? -(uint64_t)number : (uint64_t)number;
	int length = snprintf(digits, sizeof digits, "%" PRIu64, magnitude);
	char *to = text;
	if (number < 0)
		*to++ = '-';
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

static uint64_t put_total(FILE *out, const char *label, uint64_t value)
{
	char text[NUMBER_BYTES];
	with_commas(text, (int64_t)value);
	size_t length = strlen(text);
	size_t cut = length > VALUE_WIDTH ? length - VALUE_WIDTH : 0;
	fprintf(out, "%-*s=%*s\n", LABEL_WIDTH, label, VALUE_WIDTH, text + cut);
	return value;
}

static void put_classes(FILE *out, const struct mt_stats *stats)
{
	fputs("class   size   num pools   blocks in use  avail blocks\n"
	      "-----   ----   ---------   -------------  ------------\n",
	      out);
	for (size_t i = 0; i < stats->class_count; i++) {
		const struct mt_stats_class *class = &stats->classes[i];
		fprintf(out, "%5u %6u %11" PRIu64 " %15" PRIu64 " %13" PRIu64 "\n",
			class->index, class->size, class->pools, class->blocks_in_use,
			class->blocks_available);
	}
	putc('\n', out);
}

static void put_arenas(FILE *out, const struct mt_stats *stats)
{
	const struct mt_record_arenas *arenas = &stats->places->arenas;
	uint32_t arena_bytes = stats->places->geometry.arena_bytes;
	char label[96];
	put_total(out, "# arenas allocated total", arenas->allocated_total);
	put_total(out, "# arenas reclaimed", arenas->reclaimed);
	put_total(out, "# arenas highwater mark", arenas->highwater);
	put_total(out, "# arenas allocated current", arenas->current);
	snprintf(label, sizeof label, "%" PRIu64 " arenas * %" PRIu32 " bytes/arena",
		 arenas->current, arena_bytes);
	put_total(out, label, arenas->current * arena_bytes);
	putc('\n', out);
}

static void put_bytes(FILE *out, const struct mt_stats *stats)
{
	const struct mt_stats_bytes *bytes = &stats->bytes;
	char label[96];
	uint64_t total = put_total(out, "# bytes in allocated blocks", bytes->in_use);
	total += put_total(out, "# bytes in available blocks", bytes->available);
	snprintf(label, sizeof label, "%" PRIu64 " unused pools * %" PRIu32 " bytes",
		 stats->unused_pool_count, stats->places->geometry.pool_bytes);
	total += put_total(out, label, bytes->unused_pools);
	total += put_total(out, "# bytes lost to pool headers", bytes->pool_headers);
	total += put_total(out, "# bytes lost to quantization", bytes->quantization);
	total +=
		put_total(out, "# bytes lost to arena alignment", bytes->arena_alignment);
	if (bytes->waiting)
		total += put_total(out, "# bytes waiting in quarantine", bytes->waiting);
	put_total(out, "Total", total);
	putc('\n', out);
}

void stats_text_pymalloc(FILE *out, const struct mt_stats *stats)
{
	const struct mt_geometry *geometry = &stats->places->geometry;
	fprintf(out,
		"Small block threshold = %" PRIu32 ", in %" PRIu32 " size classes.\n\n",
		geometry->threshold, geometry->class_count);
	put_classes(out, stats);
	put_arenas(out, stats);
	put_bytes(out, stats);
}

static void put_rounding_row(FILE *out, const char *class, uint64_t blocks,
			     uint64_t requested, uint64_t in_blocks)
{
	char a[NUMBER_BYTES], b[NUMBER_BYTES], c[NUMBER_BYTES], d[NUMBER_BYTES];
	fprintf(out, "%-12s %15s %19s %19s %19s\n", class,
		with_commas(a, (int64_t)blocks), with_commas(b, (int64_t)requested),
		with_commas(c, (int64_t)in_blocks),
		with_commas(d, (int64_t)(in_blocks - requested)));
}

/* Live ones. Inherited blocks are of unknown size: they count as wholly requested. */
static void put_rounding(FILE *out, const struct mt_stats *stats)
{
	const struct mt_record_arenas *arenas = &stats->places->arenas;
	uint64_t inherited = stats->inherited_bytes;
	uint64_t blocks =
		arenas->large_blocks + arenas->guarded_blocks + stats->inherited_blocks;
	uint64_t requested = arenas->large_bytes + arenas->guarded_bytes + inherited;
	uint64_t in_blocks =
		arenas->large_block_bytes + arenas->guarded_block_bytes + inherited;
	fprintf(out, "%-12s %15s %19s %19s %19s\n", "blocks of", "in use",
		"bytes requested", "bytes in blocks", "lost to rounding");
	for (size_t i = 0; i < stats->class_count; i++) {
		const struct mt_stats_class *class = &stats->classes[i];
		uint64_t asked = class->requested_bytes + class->inherited * class->size;
		uint64_t live = class->blocks_in_use;
		uint64_t taken = live * class->size;
		if (!live)
			continue;
		char name[NUMBER_BYTES];
		snprintf(name, sizeof name, "class %" PRIu32, class->size);
		put_rounding_row(out, name, live, asked, taken);
		blocks += live;
		requested += asked;
		in_blocks += taken;
	}
	put_rounding_row(out, "C library", arenas->large_blocks, arenas->large_bytes,
			 arenas->large_block_bytes);
	if (arenas->guarded_blocks)
		put_rounding_row(out, "guarded", arenas->guarded_blocks,
				 arenas->guarded_bytes, arenas->guarded_block_bytes);
	if (stats->inherited_blocks)
		put_rounding_row(out, "inherited", stats->inherited_blocks, inherited,
				 inherited);
	put_rounding_row(out, "Total", blocks, requested, in_blocks);
	putc('\n', out);
}

static void put_figure(FILE *out, int64_t figure)
{
	char text[NUMBER_BYTES];
	fprintf(out, " %*s", LAYER_VALUE_WIDTH,
		figure == mt_stats_none ? "" : with_commas(text, figure));
}

static void put_layer(FILE *out, const struct mt_stats_layer *line, bool is_first)
{
	char number[8] = "", text[NUMBER_BYTES];
	bool has_more = line->resident_bytes != mt_stats_none;
	if (is_first)
		snprintf(number, sizeof number, line->layer > 0 ? "+%d" : "%d",
			 line->layer);
	fprintf(out, "%5s  %-*s %12s", number, LAYER_NAME_WIDTH, line->name,
		line->count == mt_stats_none ? "" : with_commas(text, line->count));
	if (line->bytes == mt_stats_none)
		fprintf(out, " %*s", LAYER_VALUE_WIDTH, "not known");
	else
		put_figure(out, line->bytes);
	if (has_more) {
		put_figure(out, line->resident_bytes);
		put_figure(out, line->swapped_bytes);
	}
	putc('\n', out);
}

static void put_layers(FILE *out, const struct mt_stats *stats)
{
	const struct mt_moment *moment = &stats->places->moment;
	fprintf(out, "%5s  %-*s %12s %*s %*s %*s\n", "layer", LAYER_NAME_WIDTH, "",
		"count", LAYER_VALUE_WIDTH, "bytes", LAYER_VALUE_WIDTH, "resident",
		LAYER_VALUE_WIDTH, "swapped");
	for (size_t i = 0; i < stats->layers.count; i++)
		put_layer(out, &stats->layers.list[i],
			  !i || stats->layers.list[i].layer !=
					  stats->layers.list[i - 1].layer);
	if (!stats->places->has_layers)
		fputs("The kernel's figures are not in this snapshot.\n", out);
	else if (stats->places->has_own_layers)
		fprintf(out,
			"The kernel's figures are of second %.3f, the rest of %.3f.\n",
			(double)stats->layers_time_ns / 1e9,
			(double)mt_moment_time_ns(moment) / 1e9);
	else
		fprintf(out,
			"Layers -2 and -1, and the C library's mappings, are of second %.3f, "
			"when the kernel was last\nasked; the rest is of second %.3f: what "
			"lies between them cannot be added up.\n",
			(double)stats->layers_time_ns / 1e9,
			(double)mt_moment_time_ns(moment) / 1e9);
}

void stats_text_own(FILE *out, const struct mt_stats *stats)
{
	put_rounding(out, stats);
	put_layers(out, stats);
}
