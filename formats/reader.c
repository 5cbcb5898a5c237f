/*
 * reader.c - a trace file, record by record; see reader.h. Outside.
 *
 * Layers: scan finds and checks chunks; here a chunk's groups are opened, rows decoded
 * and checked against what was defined before them.
 */
#include "formats/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/chunk.h"
#include "formats/file.h"
#include "formats/header.h"
#include "formats/scan.h"

/* Places that were found damaged, ascending. */
struct places {
	uint64_t *at;
	size_t count;
	size_t capacity;
};

struct mt_reader {
	struct mt_scan scan;
	struct mt_header header;
	uint64_t first; /* place of the first chunk */
	struct mt_reader_status status;
	struct places damaged;
	bool is_header_damaged; /* not yet reported */
	bool has_ended;         /* after a final error, until a seek */

	uint32_t wanted;  /* kinds to return */
	uint32_t decoded; /* and those that they refer to */
	uint32_t known;   /* kinds that were wanted in some pass */

	struct mt_cursor payload; /* groups left in the chunk */
	struct mt_cursor group;   /* rows left in the group */
	enum mt_record_kind kind;
	struct mt_record_context context;
	bool is_repeated; /* the chunk's ids were counted in an earlier pass */
	uint64_t counted[MT_CHUNK_TYPE_COUNT]; /* chunks below were, by type */
	uint64_t unknown_before;               /* as counted, for unknown chunks */
	uint64_t checked_before;               /* and for those that nobody wanted */

	uint32_t snapshot;    /* ordinal of the open one; 0: none */
	bool is_any_snapshot; /* after a seek: the first row tells */

	struct mt_defined defined;
	struct mt_defined needed; /* more than defined: stand-ins are due */
	uint64_t allowed;         /* stand-ins that the damage so far can account for */
	uint64_t spare;           /* how many of them have not been needed */
	bool has_held;
	struct mt_record held; /* waits for them */
};

static bool has_kind(uint32_t kinds, enum mt_record_kind kind)
{
	return kinds >> kind & 1;
}

static uint32_t bit(enum mt_record_kind kind)
{
	return UINT32_C(1) << kind;
}

/* False: it was there already. Out of memory only makes a number in the status too high. */
static bool add_place(struct places *places, uint64_t place)
{
	size_t i = places->count;
	while (i && places->at[i - 1] > place)
		i--;
	if (i && places->at[i - 1] == place)
		return false;
	if (places->count == places->capacity) {
		size_t capacity = places->capacity ? places->capacity * 2 : 16;
		uint64_t *at = realloc(places->at, capacity * sizeof *at);
		if (!at)
			return true;
		places->at = at;
		places->capacity = capacity;
	}
	memmove(places->at + i + 1, places->at + i,
		(places->count - i) * sizeof *places->at);
	places->at[i] = place;
	places->count++;
	return true;
}

/* Never more in all than records that a file of this size can hold. */
static void allow_stand_ins(struct mt_reader *reader, uint64_t records)
{
	uint64_t room = reader->scan.source.size * MT_CHUNK_MAX_RATIO - reader->allowed;
	if (records > room)
		records = room;
	reader->allowed += records;
	reader->spare += records;
}

static int report_damage(struct mt_reader *reader, const struct mt_damage *damage,
			 const char *what, struct mt_error *err)
{
	struct mt_reader_status *status = &reader->status;
	struct mt_error report = {0};
	mt_fail(&report, MT_ERR_DAMAGED,
		"%s: %s at byte %" PRIu64 ": %s; %" PRIu64 " bytes are left out",
		reader->scan.source.name, what, damage->place, damage->text,
		damage->bytes);
	if (add_place(&reader->damaged, damage->place)) {
		status->damaged_chunks++;
		status->damaged_bytes += damage->bytes;
		allow_stand_ins(reader, damage->records);
		if (!status->first_damage.code)
			status->first_damage = report;
	}
	return mt_fail(err, MT_ERR_DAMAGED, "%s", report.message);
}

static void leave_chunk(struct mt_reader *reader)
{
	reader->payload = reader->group = (struct mt_cursor){0};
	reader->needed = (struct mt_defined){0};
	reader->has_held = false;
}

/* A chunk whose checksums are right says what cannot be: the rest of it is left out. */
static int refuse_chunk(struct mt_reader *reader, const char *why, struct mt_error *err)
{
	struct mt_damage damage = {.place = reader->scan.place,
				   .bytes = mt_chunk_span(&reader->scan.chunk)};
	damage.records = damage.bytes * MT_CHUNK_MAX_RATIO;
	snprintf(damage.text, sizeof damage.text, "%s", why);
	leave_chunk(reader);
	return report_damage(reader, &damage, mt_chunk_name(reader->scan.chunk.type),
			     err);
}

static uint32_t missing(uint32_t needed, uint32_t defined)
{
	return needed > defined ? needed - defined : 0;
}

/* How many records must stand in for lost ones before those needed are all defined. */
static uint64_t count_missing(const struct mt_defined *needed,
			      const struct mt_defined *defined)
{
	return (uint64_t)missing(needed->modules, defined->modules) +
	       missing(needed->frames, defined->frames) +
	       missing(needed->tracebacks, defined->tracebacks) +
	       missing(needed->slots, defined->slots);
}

/* Stands in for the next record that damage took. */
static void stand_in(struct mt_reader *reader, struct mt_record *rec)
{
	struct mt_defined *defined = &reader->defined;
	const struct mt_defined *needed = &reader->needed;
	if (defined->modules < needed->modules)
		*rec = (struct mt_record){.kind = MT_RECORD_MODULE,
					  .module = {.id = defined->modules + 1}};
	else if (defined->frames < needed->frames)
		*rec = (struct mt_record){.kind = MT_RECORD_FRAME,
					  .frame = {.id = defined->frames + 1}};
	else if (defined->tracebacks < needed->tracebacks)
		*rec = (struct mt_record){.kind = MT_RECORD_TRACEBACK,
					  .traceback = {.id = defined->tracebacks + 1,
							.root = MT_TRACEBACK_LOST}};
	else
		*rec = (struct mt_record){.kind = MT_RECORD_THREAD,
					  .thread = {.slot = defined->slots}};
	mt_record_define(rec, defined);
}

/*
 * Who had the dictionaries in an earlier pass relies on having all: then nothing is added
 * to them behind his back.
 */
static bool can_grow(const struct mt_reader *reader, enum mt_record_kind kind)
{
	return has_kind(reader->wanted, kind) || !has_kind(reader->known, kind);
}

/* Whether all that is missing may be added. */
static bool can_define(const struct mt_reader *reader, const struct mt_defined *needs)
{
	const struct mt_defined *defined = &reader->defined;
	return (needs->modules <= defined->modules ||
		can_grow(reader, MT_RECORD_MODULE)) &&
	       (needs->frames <= defined->frames || can_grow(reader, MT_RECORD_FRAME)) &&
	       (needs->tracebacks <= defined->tracebacks ||
		can_grow(reader, MT_RECORD_TRACEBACK)) &&
	       (needs->slots <= defined->slots || can_grow(reader, MT_RECORD_THREAD));
}

/* Kinds that are not decoded in this pass cannot be missed. */
static void forget_undecoded(const struct mt_reader *reader, struct mt_defined *needs)
{
	if (!has_kind(reader->decoded, MT_RECORD_MODULE))
		needs->modules = 0;
	if (!has_kind(reader->decoded, MT_RECORD_FRAME))
		needs->frames = 0;
	if (!has_kind(reader->decoded, MT_RECORD_TRACEBACK))
		needs->tracebacks = 0;
	if (!has_kind(reader->decoded, MT_RECORD_THREAD))
		needs->slots = 0;
}

static int refuse_reference(struct mt_reader *reader, const struct mt_defined *needs,
			    struct mt_error *err)
{
	const struct mt_defined *defined = &reader->defined;
	char why[160];
	snprintf(why, sizeof why,
		 "refers to module %" PRIu32 ", frame %" PRIu32 ", traceback %" PRIu32
		 ", %" PRIu32 " threads; defined are %" PRIu32 ", %" PRIu32 ", %" PRIu32
		 ", %" PRIu32,
		 needs->modules, needs->frames, needs->tracebacks, needs->slots,
		 defined->modules, defined->frames, defined->tracebacks, defined->slots);
	return refuse_chunk(reader, why, err);
}

/* 1: rec may pass; 0: it is held until stand-ins have been returned. */
static int require_defined(struct mt_reader *reader, const struct mt_record *rec,
			   struct mt_error *err)
{
	struct mt_defined needs;
	if (!mt_record_lacks(rec, &reader->defined, &needs))
		return 1;
	if (rec->kind == MT_RECORD_SNAPSHOT || rec->kind == MT_RECORD_SNAPSHOT_END)
		forget_undecoded(reader, &needs);
	uint64_t count = count_missing(&needs, &reader->defined);
	if (!count)
		return 1;
	if (count > reader->spare || !can_define(reader, &needs))
		return refuse_reference(reader, &needs, err);
	reader->spare -= count;
	reader->needed = needs;
	reader->held = *rec;
	reader->has_held = true;
	return 0;
}

/* Ids count up; in a later pass they may be met again. */
static bool is_defined_twice(const struct mt_reader *reader, const struct mt_record *rec)
{
	const struct mt_defined *defined = &reader->defined;
	switch (rec->kind) {
	case MT_RECORD_MODULE:
		return rec->module.id <= defined->modules && !reader->is_repeated;
	case MT_RECORD_FRAME:
		return rec->frame.id <= defined->frames && !reader->is_repeated;
	case MT_RECORD_TRACEBACK:
		return rec->traceback.id <= defined->tracebacks && !reader->is_repeated;
	default:
		return false;
	}
}

static void follow_snapshot(struct mt_reader *reader, const struct mt_record *rec)
{
	if (rec->kind == MT_RECORD_SNAPSHOT)
		reader->snapshot = rec->snapshot.ordinal;
	else if (rec->kind == MT_RECORD_SNAPSHOT_END)
		reader->snapshot = 0;
	else
		return;
	reader->is_any_snapshot = false;
}

/* 1: it is the caller's; 0: it is not wanted. */
static int deliver(struct mt_reader *reader, const struct mt_record *rec)
{
	mt_record_define(rec, &reader->defined);
	follow_snapshot(reader, rec);
	return has_kind(reader->wanted, rec->kind);
}

static bool is_stray_end(const struct mt_reader *reader, const struct mt_record *rec)
{
	return rec->kind == MT_RECORD_SNAPSHOT_END && !reader->is_any_snapshot &&
	       rec->snapshot.ordinal != reader->snapshot;
}

/* As deliver; negative when the rest of the chunk is refused. */
static int next_row(struct mt_reader *reader, struct mt_record *rec, struct mt_error *err)
{
	rec->kind = reader->kind;
	mt_record_decode(&reader->group, &reader->context, rec);
	if (reader->group.failed)
		return refuse_chunk(reader, "a record ends before its last field", err);
	if (!mt_record_is_packed(rec->kind))
		reader->group.at = reader->group.end; /* fields of later formats */
	const char *fault = mt_record_fault(rec);
	if (fault)
		return refuse_chunk(reader, fault, err);
	if (is_defined_twice(reader, rec))
		return refuse_chunk(reader, "an id is defined twice", err);
	if (is_stray_end(reader, rec))
		return refuse_chunk(reader, "a snapshot ends whose header is not there",
				    err);
	struct mt_defined defines = reader->defined;
	mt_record_define(rec, &defines);
	if (!can_define(reader, &defines))
		return refuse_reference(reader, &defines, err);
	int rc = require_defined(reader, rec, err);
	return rc > 0 ? deliver(reader, rec) : rc;
}

static int next_group(struct mt_reader *reader, struct mt_error *err)
{
	struct mt_cursor *payload = &reader->payload;
	uint64_t tag = mt_cursor_varint(payload);
	uint64_t length = mt_cursor_varint(payload);
	const uint8_t *body = mt_cursor_take(payload, length);
	if (payload->failed)
		return refuse_chunk(reader, "a group is longer than its chunk", err);
	uint16_t type = mt_record_chunk_type(tag);
	if (!type) {
		reader->status.unknown_records += !reader->is_repeated;
		return 0;
	}
	if (type != reader->scan.chunk.type)
		return refuse_chunk(reader, "a record is in a chunk of another type",
				    err);
	if (!has_kind(reader->decoded, (enum mt_record_kind)tag))
		return 0;
	reader->kind = (enum mt_record_kind)tag;
	reader->group = mt_cursor_over(body, length);
	reader->context = (struct mt_record_context){0};
	return 0;
}

static void format_version(char text[16], uint32_t version)
{
	snprintf(text, 16, "%u.%u.%u", version >> 16 & 0xff, version >> 8 & 0xff,
		 version & 0xff);
}

static int refuse_newer(const struct mt_reader *reader, const char *what,
			struct mt_error *err)
{
	char version[16];
	format_version(version, reader->header.writer_version);
	return mt_fail(err, MT_ERR_NEWER,
		       "%s: %s, which memtrace %s does not know: read it with memtrace "
		       "%s or newer, which wrote it",
		       reader->scan.source.name, what, MT_VERSION, version);
}

static int refuse_essential(struct mt_reader *reader, struct mt_error *err)
{
	char what[80];
	snprintf(what, sizeof what,
		 "a chunk of type %u at byte %" PRIu64 " must be understood",
		 reader->scan.chunk.type, reader->scan.place);
	reader->has_ended = true;
	return refuse_newer(reader, what, err);
}

static bool is_type_decoded(const struct mt_reader *reader, uint16_t type)
{
	for (int kind = 1; kind < MT_RECORD_KIND_COUNT; kind++)
		if (has_kind(reader->decoded, kind) &&
		    mt_record_chunk_type((uint64_t)kind) == type)
			return true;
	return false;
}

/* Rows say which snapshot they are of, so that those of a lost header are not misread. */
static bool is_of_open_snapshot(struct mt_reader *reader)
{
	const struct mt_chunk *chunk = &reader->scan.chunk;
	if (chunk->type != MT_CHUNK_COUNTERS && chunk->type != MT_CHUNK_OCCUPANCY &&
	    chunk->type != MT_CHUNK_SCAN)
		return true;
	if (reader->is_any_snapshot)
		reader->snapshot = chunk->stream;
	reader->is_any_snapshot = false;
	return chunk->stream && chunk->stream == reader->snapshot;
}

/* Damage is told whatever is asked for; the checksum of a chunk is reckoned once. */
static int check_once(struct mt_reader *reader, struct mt_damage *damage,
		      struct mt_error *err)
{
	uint64_t place = reader->scan.place;
	if (place < reader->checked_before)
		return 0;
	reader->checked_before = place + 1;
	return mt_scan_check(&reader->scan, damage, err);
}

static int enter_chunk(struct mt_reader *reader, struct mt_error *err)
{
	struct mt_scan *scan = &reader->scan;
	uint16_t type = scan->chunk.type;
	bool is_wanted = is_type_decoded(reader, type);
	struct mt_damage damage = {0};
	int rc = is_wanted ? mt_scan_load(scan, &reader->payload, &damage, err)
			   : check_once(reader, &damage, err);
	if (rc == MT_ERR_DAMAGED)
		return report_damage(reader, &damage, mt_chunk_name(type), err);
	if (rc < 0)
		reader->has_ended = true;
	if (rc < 0 || !is_wanted)
		return rc < 0 ? rc : 1;
	reader->is_repeated = scan->place < reader->counted[type];
	if (!reader->is_repeated)
		reader->counted[type] = scan->place + 1;
	if (!is_of_open_snapshot(reader))
		return refuse_chunk(reader,
				    "rows of a snapshot whose header is not there", err);
	return 1;
}

/* 1: go on; 0: the end; negative: damage, or a final error. */
static int next_chunk(struct mt_reader *reader, struct mt_error *err)
{
	struct mt_scan *scan = &reader->scan;
	struct mt_damage damage = {0};
	leave_chunk(reader);
	int rc = mt_scan_next(scan, &damage, err);
	reader->status.was_cut = scan->was_cut;
	if (rc == MT_ERR_DAMAGED)
		return report_damage(reader, &damage, "damaged", err);
	if (rc < 0)
		reader->has_ended = true;
	if (rc <= 0)
		return rc;
	if (scan->chunk.type > 0 && scan->chunk.type < MT_CHUNK_TYPE_COUNT)
		return enter_chunk(reader, err);
	if (scan->chunk.flags & MT_CHUNK_ESSENTIAL)
		return refuse_essential(reader, err);
	if (scan->place >= reader->unknown_before) {
		reader->unknown_before = scan->place + 1;
		reader->status.unknown_chunks++;
	}
	return 1;
}

static int report_header(struct mt_reader *reader, struct mt_error *err)
{
	struct mt_damage damage = {.bytes = MT_HEADER_BYTES};
	snprintf(damage.text, sizeof damage.text, "its checksum differs");
	reader->is_header_damaged = false;
	return report_damage(reader, &damage, "the file's header", err);
}

/* A held record has had its stand-ins: 1 or 0 as deliver. */
static int release_held(struct mt_reader *reader, struct mt_record *rec)
{
	*rec = reader->held;
	reader->has_held = false;
	reader->needed = (struct mt_defined){0};
	return deliver(reader, rec);
}

/* 1: *rec is filled; 0: nothing yet; negative: as mt_reader_next; *more false: the end. */
static int step(struct mt_reader *reader, struct mt_record *rec, bool *more,
		struct mt_error *err)
{
	if (reader->has_held && count_missing(&reader->needed, &reader->defined)) {
		stand_in(reader, rec);
		return has_kind(reader->wanted, rec->kind);
	}
	if (reader->has_held)
		return release_held(reader, rec);
	if (reader->group.at != reader->group.end)
		return next_row(reader, rec, err);
	if (reader->payload.at != reader->payload.end)
		return next_group(reader, err);
	int rc = next_chunk(reader, err);
	*more = rc != 0;
	return rc < 0 ? rc : 0;
}

int mt_reader_next(struct mt_reader *reader, struct mt_record *rec, struct mt_error *err)
{
	if (reader->is_header_damaged)
		return report_header(reader, err);
	if (reader->has_ended)
		return 0;
	reader->known |= reader->wanted;
	bool more = true;
	int rc = 0;
	while (more && !rc)
		rc = step(reader, rec, &more, err);
	return rc;
}

void mt_reader_want(struct mt_reader *reader, uint32_t kinds)
{
	uint32_t holders = bit(MT_RECORD_COUNTER) | bit(MT_RECORD_CELL) |
			   bit(MT_RECORD_PIN) | bit(MT_RECORD_HOLD) |
			   bit(MT_RECORD_BORDER) | bit(MT_RECORD_WAITING) |
			   bit(MT_RECORD_BLOCK);
	uint32_t rows = holders | bit(MT_RECORD_CLASS) | bit(MT_RECORD_ARENAS) |
			bit(MT_RECORD_LOSS) | bit(MT_RECORD_POOL) | bit(MT_RECORD_LAYER) |
			bit(MT_RECORD_SCAN) | bit(MT_RECORD_ROOT) | bit(MT_RECORD_EDGE) |
			bit(MT_RECORD_CONTENTS) | bit(MT_RECORD_CALLER) |
			bit(MT_RECORD_SNAPSHOT_END);
	reader->wanted = kinds;
	if (kinds & rows)
		kinds |= bit(MT_RECORD_SNAPSHOT);
	if (kinds & bit(MT_RECORD_CELL))
		kinds |= bit(MT_RECORD_THREAD);
	if (kinds & holders)
		kinds |= bit(MT_RECORD_TRACEBACK);
	if (kinds & (bit(MT_RECORD_ROOT) | bit(MT_RECORD_CALLER)))
		kinds |= bit(MT_RECORD_FRAME);
	if (kinds & bit(MT_RECORD_TRACEBACK))
		kinds |= bit(MT_RECORD_FRAME);
	if (kinds & bit(MT_RECORD_FRAME))
		kinds |= bit(MT_RECORD_MODULE);
	reader->decoded = kinds;
}

uint64_t mt_reader_tell(const struct mt_reader *reader)
{
	return reader->scan.place;
}

int mt_reader_seek(struct mt_reader *reader, uint64_t place, struct mt_error *err)
{
	if (place > reader->scan.source.size)
		return mt_fail(err, MT_ERR_USAGE, "%s: no byte %" PRIu64 " in %" PRIu64,
			       reader->scan.source.name, place, reader->scan.source.size);
	leave_chunk(reader);
	mt_scan_jump(&reader->scan, place ? place : reader->first);
	reader->has_ended = false;
	reader->snapshot = 0;
	reader->is_any_snapshot = place != 0;
	return 0;
}

const struct mt_reader_status *mt_reader_status(const struct mt_reader *reader)
{
	return &reader->status;
}

const uint8_t *mt_reader_uuid(const struct mt_reader *reader)
{
	return reader->header.uuid;
}

uint64_t mt_reader_start_realtime_ns(const struct mt_reader *reader)
{
	return reader->header.start_realtime_ns;
}

/* Where chunks follow a header that is wrong, it is a trace all the same. */
static int check_wrong_header(struct mt_reader *reader, enum mt_header_verdict verdict,
			      struct mt_error *err)
{
	struct mt_scan *scan = &reader->scan;
	uint8_t data[MT_CHUNK_HEADER_BYTES];
	struct mt_chunk chunk;
	int rc = mt_scan_read(scan, data, sizeof data, MT_HEADER_BYTES, err);
	if (rc < 0)
		return rc;
	if (rc && mt_chunk_decode(&chunk, data)) {
		reader->is_header_damaged = true;
		reader->header = (struct mt_header){.header_bytes = MT_HEADER_BYTES};
		return 0;
	}
	if (verdict == MT_HEADER_FOREIGN)
		return mt_fail(err, MT_ERR_NOT_A_TRACE, "%s: not a trace of memtrace",
			       scan->source.name);
	return mt_fail(err, MT_ERR_DAMAGED,
		       "%s: the file's header at byte 0 is damaged: its checksum differs",
		       scan->source.name);
}

static int refuse_short(const struct mt_reader *reader, const uint8_t *data, size_t size,
			struct mt_error *err)
{
	const char *name = reader->scan.source.name;
	if (!size)
		return mt_fail(err, MT_ERR_NOT_A_TRACE,
			       "%s: not a trace: the file is empty", name);
	if (!mt_header_is_begun(data, size))
		return mt_fail(err, MT_ERR_NOT_A_TRACE, "%s: not a trace of memtrace",
			       name);
	return mt_fail(err, MT_ERR_DAMAGED,
		       "%s: ends within its header: expected %d bytes, found %zu", name,
		       MT_HEADER_BYTES, size);
}

static int check_version(struct mt_reader *reader, struct mt_error *err)
{
	const struct mt_header *header = &reader->header;
	char what[80];
	if (header->major > MT_FORMAT_MAJOR) {
		snprintf(what, sizeof what, "the file is in format %u.%u", header->major,
			 header->minor);
		return refuse_newer(reader, what, err);
	}
	if (header->incompatible) {
		snprintf(what, sizeof what, "the file has features %#" PRIx64,
			 header->incompatible);
		return refuse_newer(reader, what, err);
	}
	if (header->header_bytes < MT_HEADER_BYTES ||
	    header->header_bytes > reader->scan.source.size)
		return mt_fail(err, MT_ERR_DAMAGED,
			       "%s: the file's header says that it has %" PRIu32 " bytes",
			       reader->scan.source.name, header->header_bytes);
	return 0;
}

static int read_file_header(struct mt_reader *reader, struct mt_error *err)
{
	struct mt_scan *scan = &reader->scan;
	uint8_t data[MT_HEADER_BYTES];
	size_t size = scan->source.size < sizeof data ? scan->source.size : sizeof data;
	int rc = size ? mt_scan_read(scan, data, size, 0, err) : 0;
	if (rc < 0)
		return rc;
	if (!rc || size < sizeof data)
		return refuse_short(reader, data, rc ? size : 0, err);
	enum mt_header_verdict verdict = mt_header_decode(&reader->header, data);
	rc = verdict == MT_HEADER_VALID ? check_version(reader, err)
					: check_wrong_header(reader, verdict, err);
	if (rc < 0)
		return rc;
	reader->first = reader->header.header_bytes;
	rc = mt_scan_is_closed(scan, err);
	reader->status.is_closed = rc > 0;
	return rc < 0 ? rc : 0;
}

int mt_reader_open_source(struct mt_reader **result, struct mt_source source,
			  struct mt_error *err)
{
	struct mt_reader *reader = calloc(1, sizeof *reader);
	int rc = reader ? 0 : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	if (reader) {
		reader->scan.source = source;
		rc = read_file_header(reader, err);
	}
	if (rc < 0) {
		if (source.close)
			source.close(source.context);
		free(reader);
		return rc;
	}
	mt_reader_want(reader, UINT32_MAX);
	rc = mt_reader_seek(reader, 0, err);
	*result = reader;
	return rc;
}

void mt_reader_close(struct mt_reader *reader)
{
	if (!reader)
		return;
	if (reader->scan.source.close)
		reader->scan.source.close(reader->scan.source.context);
	mt_scan_deinit(&reader->scan);
	free(reader->damaged.at);
	free(reader);
}

int mt_reader_open(struct mt_reader **reader, const char *path, struct mt_error *err)
{
	struct mt_source source;
	int rc = mt_file_source(&source, path, err);
	return rc < 0 ? rc : mt_reader_open_source(reader, source, err);
}
