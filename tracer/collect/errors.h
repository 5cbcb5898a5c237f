/*
 * errors.h - what the library found wrong: into the trace, and names for its tracebacks.
 * Outside.
 */
#ifndef MT_TRACER_COLLECT_ERRORS_H
#define MT_TRACER_COLLECT_ERRORS_H

#include "formats/error.h"
#include "formats/state.h"
#include "tracer/collect/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame that is to be named. */
struct mt_frame_place {
	uint32_t module;  /* the same for frames of the same module; 0: in none */
	const char *path; /* of the module; NULL: in none */
	const uint8_t *build_id;
	size_t build_id_bytes;
	bool has_no_file;
	bool is_return_address;
	uint64_t offset; /* in the ELF file's own numbering; in no module: the address */
};

/*
 * Lines for each of the frames, "  File ..., line 3, in main" and a newline: several where
 * calls were inlined. Each in malloc'ed memory; NULL: no words. Given by cli, as
 * symbolizing is none of the collector's business.
 */
typedef void mt_name_frames(const struct mt_frame_place *frames, size_t count,
			    char **texts);

/*
 * Write the error as a record; text is what the library says of it. The tracebacks in
 * words go to `answer`, NUL-terminated and cut where they do not fit.
 */
int mt_errors_take(struct mt_trace_file *trace, const struct mt_image *image,
		   const struct mt_state_error *error, const char *text,
		   mt_name_frames *name_frames, char *answer, size_t size,
		   struct mt_error *err);

#endif
