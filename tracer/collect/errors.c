/*
 * errors.c - see errors.h. Outside.
 */
#include "tracer/collect/errors.h"

#include "tracer/collect/dictionary.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TRACEBACKS = 3, /* of one error */
	MAX_FRAMES = 128,
};

/* The tracebacks of an error, as they are told. */
struct telling {
	const char *title;
	size_t first, count; /* in frames */
	size_t omitted;
};

struct report {
	struct mt_frame_place frames[TRACEBACKS * MAX_FRAMES];
	struct mt_state_module modules[TRACEBACKS * MAX_FRAMES];
	char *paths[TRACEBACKS * MAX_FRAMES];
	char *texts[TRACEBACKS * MAX_FRAMES];
	size_t count;
	struct telling tellings[TRACEBACKS];
	size_t telling_count;
};

static void place_frame(struct report *report, const struct mt_image *image,
			const struct mt_dictionary_frame *frame)
{
	size_t i = report->count++;
	struct mt_state_module *module = &report->modules[i];
	struct mt_frame_place *place = &report->frames[i];
	*place = (struct mt_frame_place){.is_return_address = !frame->is_exact,
					 .offset = frame->pc};
	if (!frame->module || !mt_image_read(image, MT_REGION_MODULES, sizeof *module,
					     frame->module, 1, module))
		return;
	report->paths[i] = malloc(PATH_MAX);
	if (!report->paths[i])
		return;
	mt_image_string(image, module->path, report->paths[i], PATH_MAX);
	place->module = frame->module;
	place->path = report->paths[i];
	place->build_id = module->build_id;
	if (module->build_id_bytes <= sizeof module->build_id)
		place->build_id_bytes = module->build_id_bytes;
	place->has_no_file = module->flags & MT_MODULE_VDSO;
	place->offset = frame->pc - module->bias;
}

static void add_traceback(struct report *report, const struct mt_image *image,
			  struct mt_dictionary *dictionary, mt_traceback_id id,
			  const char *title)
{
	struct mt_dictionary_frame frames[MAX_FRAMES];
	if (!id)
		return;
	size_t all = mt_dictionary_frames(dictionary, id, frames, MAX_FRAMES);
	size_t count = all < MAX_FRAMES ? all : MAX_FRAMES;
	report->tellings[report->telling_count++] =
		(struct telling){.title = title,
				 .first = report->count,
				 .count = count,
				 .omitted = all - count};
	for (size_t i = 0; i < count; i++)
		place_frame(report, image, &frames[i]);
}

static void print_frame(FILE *out, const struct mt_frame_place *frame, const char *text)
{
	if (text)
		fputs(text, out);
	else if (frame->path)
		fprintf(out, "  %s+0x%llx\n", frame->path,
			(unsigned long long)frame->offset);
	else
		fprintf(out, "  0x%llx\n", (unsigned long long)frame->offset);
}

static void print(const struct report *report, char *answer, size_t size)
{
	FILE *out = fmemopen(answer, size, "w");
	if (!out)
		return;
	for (size_t t = 0; t < report->telling_count; t++) {
		const struct telling *telling = &report->tellings[t];
		fprintf(out, "%s (most recent call first):\n", telling->title);
		for (size_t i = telling->first; i < telling->first + telling->count; i++)
			print_frame(out, &report->frames[i], report->texts[i]);
		if (telling->omitted)
			fprintf(out, "  and %zu more\n", telling->omitted);
		putc('\n', out);
	}
	fclose(out);
}

static void release(struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->paths[i]);
		free(report->texts[i]);
	}
	free(report);
}

static void tell(const struct mt_image *image, struct mt_dictionary *dictionary,
		 const struct mt_state_error *error, mt_name_frames *name_frames,
		 char *answer, size_t size)
{
	struct report *report = calloc(1, sizeof *report);
	if (!report)
		return;
	add_traceback(report, image, dictionary, error->allocated,
		      "Memory block allocated at");
	add_traceback(report, image, dictionary, error->freed, "Memory block freed at");
	add_traceback(report, image, dictionary, error->here, "This call");
	if (name_frames)
		name_frames(report->frames, report->count, report->texts);
	print(report, answer, size);
	release(report);
}

int mt_errors_take(struct mt_trace_file *trace, const struct mt_image *image,
		   const struct mt_state_error *error, const char *text,
		   mt_name_frames *name_frames, char *answer, size_t size,
		   struct mt_error *err)
{
	int rc = mt_trace_file_error(trace, error, text, err);
	memset(answer, 0, size);
	tell(image, mt_trace_file_dictionary(trace), error, name_frames, answer,
	     size - 1);
	return rc;
}
