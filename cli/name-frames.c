/*
 * name-frames.c - see name-frames.h. Outside.
 */
#include "cli/name-frames.h"

#include "cli/render.h"
#include "tracer/analyze/symbolize.h"

#include <inttypes.h>
#include <stdio.h>

static int ask_for(struct mt_symbolizer *symbolizer, const struct mt_frame_place *frame)
{
	const struct mt_symbol_module module = {.id = frame->module,
						.path = frame->path,
						.build_id = frame->build_id,
						.build_id_bytes = frame->build_id_bytes,
						.has_no_file = frame->has_no_file};
	int rc = mt_symbolizer_add_module(symbolizer, &module, NULL);
	return rc < 0 ? rc
		      : mt_symbolizer_add(symbolizer, frame->module, frame->offset,
					  frame->is_return_address, NULL);
}

void name_location(FILE *out, const struct mt_location *location)
{
	fputs("  ", out);
	if (location->file) {
		fputs("File \"", out);
		render_escaped(out, location->file);
		fprintf(out, "\", line %" PRIu32, location->line);
	} else {
		render_escaped(out, location->module ? location->module : "");
		fprintf(out, "%s0x%" PRIx64, location->module ? "+" : "",
			location->offset);
	}
	if (location->function) {
		fputs(location->file ? ", in " : " in ", out);
		render_escaped(out, location->function);
	}
	fputs(location->is_inlined ? ", inlined\n" : "\n", out);
}

static void put_symbol(FILE *out, const struct mt_frame_place *frame,
		       const struct mt_symbol *symbol)
{
	const struct mt_location location = {.function = symbol->function,
					     .file = symbol->file,
					     .module = frame->path,
					     .offset = frame->offset,
					     .line = symbol->line,
					     .is_inlined = symbol->is_inlined};
	name_location(out, &location);
}

static char *text_of(const struct mt_symbolizer *symbolizer,
		     const struct mt_frame_place *frame)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	struct mt_symbols symbols = mt_symbolizer_find(
		symbolizer, frame->module, frame->offset, frame->is_return_address);
	for (size_t i = 0; i < symbols.count; i++)
		put_symbol(out, frame, &symbols.list[i]);
	fclose(out);
	return text;
}

void name_frames(const struct mt_frame_place *frames, size_t count, char **texts)
{
	const struct mt_symbolizer_options options = {0};
	struct mt_symbolizer *symbolizer;
	if (mt_symbolizer_create(&symbolizer, &options, NULL) < 0)
		return;
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (frames[i].path)
			rc = ask_for(symbolizer, &frames[i]);
	if (rc >= 0)
		rc = mt_symbolizer_resolve(symbolizer, NULL);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (frames[i].path)
			texts[i] = text_of(symbolizer, &frames[i]);
	mt_symbolizer_destroy(symbolizer);
}
