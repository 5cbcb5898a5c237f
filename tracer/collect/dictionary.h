/*
 * dictionary.h - tracebacks of a process's state to tracebacks of its trace file.
 *
 * Follows the state's tables as they grow, cuts tracebacks at nframe and writes modules,
 * frames and tracebacks to the trace when they are first needed.
 */
#ifndef MT_TRACER_COLLECT_DICTIONARY_H
#define MT_TRACER_COLLECT_DICTIONARY_H

#include "formats/error.h"
#include "formats/record.h"
#include "formats/writer.h"
#include "tracer/collect/image.h"

#include <stdbool.h>
#include <stddef.h>

struct mt_dictionary;

/* image and writer are borrowed until destroy. NULL: no memory. */
struct mt_dictionary *mt_dictionary_create(const struct mt_image *image,
					   struct mt_writer *writer);
void mt_dictionary_destroy(struct mt_dictionary *dictionary);

/* Learn what is new in the state since the last call; modules are written at once. */
int mt_dictionary_update(struct mt_dictionary *dictionary, struct mt_error *err);

/*
 * The same, and write the tracebacks that are new: ahead of the snapshot that will need them,
 * while the program runs, so that its end waits for less.
 */
int mt_dictionary_follow(struct mt_dictionary *dictionary, struct mt_error *err);

/*
 * The traceback in the file, written if it is new; negative on failure. An id that the
 * state does not explain is the truncated root.
 */
int mt_dictionary_traceback(struct mt_dictionary *dictionary, mt_traceback_id id,
			    uint32_t *traceback, struct mt_error *err);

struct mt_dictionary_frame {
	uint64_t pc;
	uint32_t module; /* of the state; 0: in none */
	bool is_exact;
};

/* The innermost frames of a traceback, at most n; returns how many there are in all. */
size_t mt_dictionary_frames(struct mt_dictionary *dictionary, mt_traceback_id id,
			    struct mt_dictionary_frame *frames, size_t n);

/* The domain of a traceback; 0: the program's own blocks. */
uint32_t mt_dictionary_domain(struct mt_dictionary *dictionary, mt_traceback_id id);

/* One of the roots as a traceback of its own. */
int mt_dictionary_root(struct mt_dictionary *dictionary, enum mt_traceback_root root,
		       uint32_t *traceback, struct mt_error *err);

/* The module in the file, by its index in the state's table; 0: not there. */
uint32_t mt_dictionary_module(const struct mt_dictionary *dictionary, uint32_t index);

/*
 * A frame of the program by its address, in the module of that index (0: none); exact: it
 * is no return address. Written if it is new.
 */
int mt_dictionary_frame(struct mt_dictionary *dictionary, uint32_t index, uint64_t pc,
			bool exact, uint32_t *frame, struct mt_error *err);

/* Highest traceback id in the file. */
uint32_t mt_dictionary_count(const struct mt_dictionary *dictionary);

#endif
