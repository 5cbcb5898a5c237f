/*
 * symbolize-resolved.c - see symbolize-resolved.h. Outside.
 */
#include "tracer/analyze/symbolize-resolved.h"

#include "tracer/analyze/symbolize-list.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

enum {
	IMAGE_VERSION = 3, /* to be raised with any change of what is found, or how */
	FIRST_SLOTS = 1024,
	MAX_TEXT_BYTES = 1 << 30,
	MAX_PROBES = 4096 /* more would take longer to check than to ask again */
};

static const char image_magic[8] = "mt-syms";

/* The arrays follow in the order of their counts. Host byte order: never leaves it. */
struct header {
	char magic[8];
	uint32_t version;
	uint32_t crc; /* of all that follows this word */
	uint64_t address_count;
	uint64_t frame_count;
	uint64_t probe_count;
	uint64_t text_bytes;
	uint32_t notice;
	uint32_t is_volatile;
};
static_assert(sizeof(struct header) == 56, "no padding goes into the checksum");
static_assert(sizeof(struct mt_resolved_probe) == 40, "no padding goes into the image");
static_assert(sizeof(struct mt_resolved_address) == 16, "no padding goes into the image");

void mt_resolved_deinit(struct mt_resolved *resolved)
{
	free(resolved->addresses);
	free(resolved->frames);
	free(resolved->probes);
	free(resolved->text);
	free(resolved->text_slots);
	free(resolved->symbols);
	*resolved = (struct mt_resolved){0};
}

static uint64_t hash_of(const char *string)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (; *string; string++)
		hash = (hash ^ (uint8_t)*string) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static uint32_t *slot_of(const struct mt_resolved *resolved, const char *string)
{
	size_t mask = resolved->text_slot_count - 1;
	size_t i = hash_of(string) & mask;
	while (resolved->text_slots[i] &&
	       strcmp(resolved->text + resolved->text_slots[i], string) != 0)
		i = (i + 1) & mask;
	return &resolved->text_slots[i];
}

static bool grow_slots(struct mt_resolved *resolved)
{
	size_t old_count = resolved->text_slot_count;
	uint32_t *old = resolved->text_slots;
	size_t count = old_count ? old_count * 2 : FIRST_SLOTS;
	uint32_t *slots = calloc(count, sizeof *slots);
	if (!slots)
		return false;
	resolved->text_slots = slots;
	resolved->text_slot_count = count;
	for (size_t i = 0; i < old_count; i++) {
		if (old[i])
			*slot_of(resolved, resolved->text + old[i]) = old[i];
	}
	free(old);
	return true;
}

static bool grow_text(struct mt_resolved *resolved, size_t more)
{
	size_t wanted = resolved->text_bytes + more;
	if (wanted > MAX_TEXT_BYTES)
		return false;
	if (wanted <= resolved->text_capacity)
		return true;
	size_t capacity = wanted * 2;
	char *text = realloc(resolved->text, capacity);
	if (!text)
		return false;
	resolved->text = text;
	resolved->text_capacity = capacity;
	if (!resolved->text_bytes)
		text[resolved->text_bytes++] = '\0';
	return true;
}

uint32_t mt_resolved_text(struct mt_resolved *resolved, const char *string)
{
	if (!string || !*string || resolved->has_failed)
		return 0;
	size_t bytes = strlen(string) + 1;
	if ((resolved->text_count * 2 >= resolved->text_slot_count &&
	     !grow_slots(resolved)) ||
	    !grow_text(resolved, bytes + 1)) {
		resolved->has_failed = true;
		return 0;
	}
	uint32_t *slot = slot_of(resolved, string);
	if (!*slot) {
		*slot = (uint32_t)resolved->text_bytes;
		memcpy(resolved->text + resolved->text_bytes, string, bytes);
		resolved->text_bytes += bytes;
		resolved->text_count++;
	}
	return *slot;
}

void mt_resolved_add_address(struct mt_resolved *resolved, uint64_t pc)
{
	void *room =
		mt_list_room(resolved->addresses, resolved->address_count,
			     &resolved->address_capacity, sizeof *resolved->addresses);
	if (!room || resolved->has_failed) {
		resolved->has_failed = true;
		return;
	}
	resolved->addresses = room;
	resolved->addresses[resolved->address_count++] = (struct mt_resolved_address){
		.pc = pc, .first_frame = (uint32_t)resolved->frame_count};
}

void mt_resolved_add_frame(struct mt_resolved *resolved, struct mt_resolved_frame frame)
{
	void *room = mt_list_room(resolved->frames, resolved->frame_count,
				  &resolved->frame_capacity, sizeof *resolved->frames);
	if (!room || resolved->frame_count == UINT32_MAX || resolved->has_failed) {
		resolved->has_failed = true;
		return;
	}
	resolved->frames = room;
	resolved->frames[resolved->frame_count++] = frame;
	resolved->addresses[resolved->address_count - 1].frame_count++;
}

static struct mt_resolved_probe probe_of(const struct stat *status)
{
	if (!status)
		return (struct mt_resolved_probe){0};
	return (struct mt_resolved_probe){
		.bytes = (uint64_t)status->st_size,
		.mtime_s = status->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)status->st_mtim.tv_nsec,
		.inode = status->st_ino,
		.exists = true,
	};
}

bool mt_resolved_probe_holds(const struct mt_resolved *resolved,
			     const struct mt_resolved_probe *probe)
{
	struct stat status;
	bool exists = !stat(resolved->text + probe->path, &status);
	struct mt_resolved_probe now = probe_of(exists ? &status : NULL);
	return now.exists == probe->exists && now.bytes == probe->bytes &&
	       now.mtime_s == probe->mtime_s && now.mtime_ns == probe->mtime_ns &&
	       now.inode == probe->inode;
}

static uint32_t copy_text(struct mt_resolved *resolved, const struct mt_resolved *other,
			  uint32_t text)
{
	return text ? mt_resolved_text(resolved, other->text + text) : 0;
}

static void append_probe(struct mt_resolved *resolved, struct mt_resolved_probe probe)
{
	for (size_t i = 0; i < resolved->probe_count; i++) {
		if (resolved->probes[i].path == probe.path)
			return;
	}
	if (resolved->probe_count == MAX_PROBES) {
		resolved->is_volatile = true;
		return;
	}
	void *room = mt_list_room(resolved->probes, resolved->probe_count,
				  &resolved->probe_capacity, sizeof *resolved->probes);
	if (!room) {
		resolved->has_failed = true;
		return;
	}
	resolved->probes = room;
	resolved->probes[resolved->probe_count++] = probe;
}

void mt_resolved_add_probe(struct mt_resolved *resolved, const char *path,
			   const struct stat *status)
{
	struct mt_resolved_probe probe = probe_of(status);
	probe.path = mt_resolved_text(resolved, path);
	append_probe(resolved, probe);
}

void mt_resolved_append(struct mt_resolved *resolved, const struct mt_resolved *other)
{
	for (size_t i = 0; i < other->address_count; i++) {
		const struct mt_resolved_address *address = &other->addresses[i];
		mt_resolved_add_address(resolved, address->pc);
		for (size_t k = 0; k < address->frame_count; k++) {
			struct mt_resolved_frame frame =
				other->frames[address->first_frame + k];
			frame.function = copy_text(resolved, other, frame.function);
			frame.file = copy_text(resolved, other, frame.file);
			mt_resolved_add_frame(resolved, frame);
		}
	}
	for (size_t i = 0; i < other->probe_count; i++) {
		struct mt_resolved_probe probe = other->probes[i];
		probe.path = copy_text(resolved, other, probe.path);
		append_probe(resolved, probe);
	}
}

static int by_pc(const void *left, const void *right)
{
	const struct mt_resolved_address *a = left, *b = right;
	return (a->pc > b->pc) - (a->pc < b->pc);
}

static void *put(void *at, const void *bytes, size_t count)
{
	return count ? (char *)memcpy(at, bytes, count) + count : at;
}

static uint32_t checksum_of(const void *image, size_t image_bytes)
{
	size_t skipped = offsetof(struct header, address_count);
	return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const Bytef *)image + skipped,
				 image_bytes - skipped);
}

void *mt_resolved_encode(struct mt_resolved *resolved, size_t *image_bytes)
{
	if (resolved->has_failed || !grow_text(resolved, 1))
		return NULL;
	qsort(resolved->addresses, resolved->address_count, sizeof *resolved->addresses,
	      by_pc);
	size_t addresses = resolved->address_count * sizeof *resolved->addresses;
	size_t frames = resolved->frame_count * sizeof *resolved->frames;
	size_t probes = resolved->probe_count * sizeof *resolved->probes;
	struct header header = {
		.version = IMAGE_VERSION,
		.address_count = resolved->address_count,
		.frame_count = resolved->frame_count,
		.probe_count = resolved->probe_count,
		.text_bytes = resolved->text_bytes,
		.notice = resolved->notice,
		.is_volatile = resolved->is_volatile,
	};
	memcpy(header.magic, image_magic, sizeof header.magic);
	*image_bytes = sizeof header + addresses + frames + probes + resolved->text_bytes;
	struct header *image = malloc(*image_bytes);
	if (!image)
		return NULL;
	void *at = put(image, &header, sizeof header);
	at = put(at, resolved->addresses, addresses);
	at = put(at, resolved->frames, frames);
	at = put(at, resolved->probes, probes);
	put(at, resolved->text, resolved->text_bytes);
	image->crc = checksum_of(image, *image_bytes);
	return image;
}

/* A copy of the next count items, or NULL where there are not as many. */
static void *take(const char **at, size_t *left, uint64_t count, size_t item_bytes)
{
	if (count > *left / item_bytes)
		return NULL;
	size_t bytes = (size_t)count * item_bytes;
	void *copy = malloc(bytes ? bytes : 1);
	if (copy && bytes)
		memcpy(copy, *at, bytes);
	*at += bytes;
	*left -= bytes;
	return copy;
}

static bool take_arrays(struct mt_resolved *resolved, const struct header *header,
			const char *at, size_t left)
{
	resolved->addresses =
		take(&at, &left, header->address_count, sizeof *resolved->addresses);
	resolved->frames = resolved->addresses ? take(&at, &left, header->frame_count,
						      sizeof *resolved->frames)
					       : NULL;
	resolved->probes = resolved->frames ? take(&at, &left, header->probe_count,
						   sizeof *resolved->probes)
					    : NULL;
	resolved->text =
		resolved->probes ? take(&at, &left, header->text_bytes, 1) : NULL;
	if (!resolved->text || left)
		return false;
	resolved->address_count = resolved->address_capacity = header->address_count;
	resolved->frame_count = resolved->frame_capacity = header->frame_count;
	resolved->probe_count = resolved->probe_capacity = header->probe_count;
	resolved->text_bytes = resolved->text_capacity = header->text_bytes;
	resolved->notice = header->notice;
	resolved->is_volatile = header->is_volatile;
	return true;
}

static bool is_sound(const struct mt_resolved *resolved)
{
	size_t text_bytes = resolved->text_bytes;
	if (!text_bytes || resolved->text[0] || resolved->text[text_bytes - 1] ||
	    resolved->notice >= text_bytes)
		return false;
	for (size_t i = 0; i < resolved->address_count; i++) {
		const struct mt_resolved_address *address = &resolved->addresses[i];
		if (!address->frame_count ||
		    address->frame_count > resolved->frame_count ||
		    address->first_frame > resolved->frame_count - address->frame_count)
			return false;
		if (i && address[-1].pc >= address->pc)
			return false;
	}
	for (size_t i = 0; i < resolved->frame_count; i++) {
		if (resolved->frames[i].function >= text_bytes ||
		    resolved->frames[i].file >= text_bytes)
			return false;
	}
	for (size_t i = 0; i < resolved->probe_count; i++) {
		if (resolved->probes[i].path >= text_bytes)
			return false;
	}
	return true;
}

static bool make_symbols(struct mt_resolved *resolved)
{
	resolved->symbols = calloc(resolved->frame_count + 1, sizeof *resolved->symbols);
	if (!resolved->symbols)
		return false;
	for (size_t i = 0; i < resolved->frame_count; i++) {
		const struct mt_resolved_frame *frame = &resolved->frames[i];
		resolved->symbols[i] = (struct mt_symbol){
			.function =
				frame->function ? resolved->text + frame->function : NULL,
			.file = frame->file ? resolved->text + frame->file : NULL,
			.line = frame->line,
			.is_inlined = frame->is_inlined,
		};
	}
	return true;
}

bool mt_resolved_decode(struct mt_resolved *resolved, const void *image,
			size_t image_bytes)
{
	struct header header;
	if (image_bytes < sizeof header)
		return false;
	memcpy(&header, image, sizeof header);
	if (memcmp(header.magic, image_magic, sizeof header.magic) != 0 ||
	    header.version != IMAGE_VERSION ||
	    header.crc != checksum_of(image, image_bytes))
		return false;
	if (take_arrays(resolved, &header, (const char *)image + sizeof header,
			image_bytes - sizeof header) &&
	    is_sound(resolved) && make_symbols(resolved))
		return true;
	mt_resolved_deinit(resolved);
	return false;
}

struct mt_symbols mt_resolved_find(const struct mt_resolved *resolved, uint64_t pc)
{
	struct mt_resolved_address key = {.pc = pc};
	const struct mt_resolved_address *address =
		resolved->address_count
			? bsearch(&key, resolved->addresses, resolved->address_count,
				  sizeof key, by_pc)
			: NULL;
	if (!address)
		return (struct mt_symbols){0};
	return (struct mt_symbols){resolved->symbols + address->first_frame,
				   address->frame_count};
}
