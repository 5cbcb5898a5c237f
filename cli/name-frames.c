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

/* As the interpreter prints a traceback; names may hold anything. */
static void put_symbol(FILE *out, const struct mt_frame_place *frame,
		       const struct mt_symbol *symbol)
{
	fputs("  ", out);
	if (symbol->file) {
		fputs("File \"", out);
		render_escaped(out, symbol->file);
		fprintf(out, "\", line %" PRIu32, symbol->line);
		if (symbol->function)
			fputs(", in ", out);
	} else {
		render_escaped(out, frame->path);
		fprintf(out, "+0x%" PRIx64, frame->offset);
		if (symbol->function)
			fputs(" in ", out);
	}
	if (symbol->function)
		render_escaped(out, symbol->function);
	fputs(symbol->is_inlined ? ", inlined\n" : "\n", out);
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
