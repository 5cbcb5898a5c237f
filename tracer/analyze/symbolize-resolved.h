/*
 * symbolize-resolved.h - what was found out about addresses of one module.
 *
 * Built by the process that reads debug information, carried to the asking process and
 * kept in the cache as one flat, checksummed image. Whoever decodes an image trusts none
 * of it. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_RESOLVED_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_RESOLVED_H

#include "tracer/analyze/symbolize.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Strings are offsets into the text; 0: unknown. */
struct mt_resolved_frame {
	uint32_t function;
	uint32_t file;
	uint32_t line;
	uint32_t is_inlined;
};

struct mt_resolved_address {
	uint64_t pc;
	uint32_t first_frame; /* innermost; the callers it is inlined into follow */
	uint32_t frame_count;
};

/*
 * A file that was looked at, there or not, on the way to this answer. While all are as
 * they were, asking again would give the same answer.
 */
struct mt_resolved_probe {
	uint64_t bytes;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t path;
	uint64_t inode;
	uint32_t exists;
	uint32_t unused;
};

/* A zeroed struct is empty and can be filled. */
struct mt_resolved {
	struct mt_resolved_address *addresses;
	size_t address_count;
	size_t address_capacity;
	struct mt_resolved_frame *frames;
	size_t frame_count;
	size_t frame_capacity;
	struct mt_resolved_probe *probes;
	size_t probe_count;
	size_t probe_capacity;
	char *text; /* begins with the empty string, each string once */
	size_t text_bytes;
	size_t text_capacity;
	uint32_t *text_slots; /* hash table of offsets, while it is being filled */
	size_t text_slot_count;
	size_t text_count;
	uint32_t notice;  /* what the user should know of this module; 0: nothing */
	bool is_volatile; /* depends on more than the probes: not for the cache */
	bool has_failed;  /* no memory, or too large: the content is not complete */

	struct mt_symbol *symbols; /* one per frame, after decoding */
};

void mt_resolved_deinit(struct mt_resolved *resolved);

/* The offset of a string in the text. NULL is 0. */
uint32_t mt_resolved_text(struct mt_resolved *resolved, const char *string);

/* A further address; the frames added next are its, innermost first, at least one. */
void mt_resolved_add_address(struct mt_resolved *resolved, uint64_t pc);
void mt_resolved_add_frame(struct mt_resolved *resolved, struct mt_resolved_frame frame);

/* The file at path was looked at; status NULL: it was not there. */
void mt_resolved_add_probe(struct mt_resolved *resolved, const char *path,
			   const struct stat *status);

/* Whether a file is as it was. */
bool mt_resolved_probe_holds(const struct mt_resolved *resolved,
			     const struct mt_resolved_probe *probe);

/* Copy the addresses and probes of another one; probes that are there are not repeated. */
void mt_resolved_append(struct mt_resolved *resolved, const struct mt_resolved *other);

/* The image, for free(); NULL without memory or where something failed before. */
void *mt_resolved_encode(struct mt_resolved *resolved, size_t *image_bytes);

/* Fill an empty struct from an image; false: it is damaged, or no memory. */
bool mt_resolved_decode(struct mt_resolved *resolved, const void *image,
			size_t image_bytes);

/* Of a decoded one: the symbols of an address; none where it is not in there. */
struct mt_symbols mt_resolved_find(const struct mt_resolved *resolved, uint64_t pc);

#endif
