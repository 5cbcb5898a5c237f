/*
 * make-traces.c - the traces kept in this folder, and the seeds of the reader's fuzzing.
 *
 *     make build/tests/traces/make-traces
 *     build/tests/traces/make-traces tests/traces tests/fuzz/corpus-reader
 *
 * The output is the same every time. Traces of a format version that was released are
 * never made again: the reader must go on reading them; a new version gets new names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "formats/bytes.h"
#include "tests/traces/image.h"

enum {
	FRAMES = 30,
	SEED_FRAMES = 3,
};

static void save(const char *folder, const char *name, const void *data, size_t size)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
		perror(path);
		exit(1);
	}
}

/* A chunk of a later format at the end; its group is not of this one either. */
static void add_future(struct image *image, uint16_t type, uint8_t flags)
{
	static const uint8_t payload[8] = {100, 6, 1, 2, 3, 4, 5, 6};
	struct mt_chunk chunk = {.type = type,
				 .flags = flags,
				 .stored_bytes = sizeof payload,
				 .raw_bytes = sizeof payload,
				 .stored_crc = mt_crc32(payload, sizeof payload)};
	struct mt_chunk last = {0};
	for (size_t place = MT_HEADER_BYTES; place < image->size;
	     place += mt_chunk_span(&last))
		if (!mt_chunk_decode(&last, image->data + place))
			abort();
	chunk.sequence = last.sequence + 1;
	image->data = realloc(image->data, image->size + 256);
	mt_chunk_encode(&chunk, image->data + image->size);
	memcpy(image->data + image->size + MT_CHUNK_HEADER_BYTES, payload,
	       sizeof payload);
	image->size += mt_chunk_span(&chunk);
}

/* A version number of the future, where the version allows what follows. */
static void set_header(struct image *image, uint16_t major, uint16_t minor)
{
	struct mt_header header;
	mt_header_decode(&header, image->data);
	header.major = major;
	header.minor = minor;
	header.writer_version = UINT32_C(9) << 16 | 1 << 8;
	mt_header_encode(&header, image->data);
}

static void make_traces(const char *folder)
{
	struct image whole = image_of_known(FRAMES, true);
	save(folder, "v1.mtz", whole.data, whole.size);
	struct image unfinished = image_of_known(FRAMES, false);
	save(folder, "v1-unfinished.mtz", unfinished.data, unfinished.size);
	save(folder, "v1-cut.mtz", whole.data, whole.size / 2);

	struct image damaged = image_of_known(FRAMES, true);
	struct mt_chunk chunk;
	size_t place = image_find(&damaged, MT_CHUNK_TRACEBACKS, 0, &chunk);
	damaged.data[place + MT_CHUNK_HEADER_BYTES + 3] ^= 0x20;
	save(folder, "v1-damaged.mtz", damaged.data, damaged.size);

	struct image later = image_of_known(FRAMES, false);
	set_header(&later, 1, 9);
	add_future(&later, 999, 0);
	add_future(&later, MT_CHUNK_META, 0);
	save(folder, "v1-later.mtz", later.data, later.size);

	struct image essential = image_of_known(FRAMES, false);
	set_header(&essential, 1, 9);
	add_future(&essential, 999, MT_CHUNK_ESSENTIAL);
	save(folder, "v1-essential.mtz", essential.data, essential.size);

	struct image newer = image_of_known(FRAMES, true);
	set_header(&newer, 2, 0);
	save(folder, "v2.mtz", newer.data, newer.size);
}

/* A trace's chunks as fuzz-reader takes them, so that mutations get past the checksums. */
static size_t unpack(const struct image *image, uint8_t *data, size_t room)
{
	struct mt_output out = mt_output_over(data, room);
	struct mt_codec *codec = mt_codec_create(0);
	struct mt_chunk chunk;
	for (size_t place = MT_HEADER_BYTES; place < image->size;
	     place += mt_chunk_span(&chunk)) {
		if (!mt_chunk_decode(&chunk, image->data + place))
			abort();
		const uint8_t *stored = image->data + place + MT_CHUNK_HEADER_BYTES;
		uint8_t *raw = malloc(chunk.raw_bytes + 1);
		memcpy(raw, stored,
		       chunk.raw_bytes < chunk.stored_bytes ? chunk.raw_bytes
							    : chunk.stored_bytes);
		if (chunk.codec == MT_CODEC_ZLIB &&
		    mt_codec_load(codec, &chunk, stored, raw))
			abort();
		mt_output_u8(&out, (uint8_t)chunk.type);
		mt_output_u8(&out, (uint8_t)chunk.stream);
		mt_output_u16(&out, (uint16_t)chunk.raw_bytes);
		mt_output_put(&out, raw, chunk.raw_bytes);
		free(raw);
	}
	mt_codec_destroy(codec);
	if (out.failed)
		abort();
	return (size_t)(out.at - data);
}

static void make_seeds(const char *folder)
{
	static uint8_t data[1 << 16];
	struct image whole = image_of_known(SEED_FRAMES, true);
	save(folder, "known", whole.data, whole.size);
	save(folder, "known-chunks", data, unpack(&whole, data, sizeof data));
	struct image larger = image_of_known(FRAMES, false);
	save(folder, "larger-chunks", data, unpack(&larger, data, sizeof data));
	save(folder, "cut", whole.data, whole.size - 100);
	whole.data[200] ^= 1;
	save(folder, "damaged", whole.data, whole.size);
	save(folder, "header", whole.data, MT_HEADER_BYTES);
	save(folder, "empty", "", 0);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: make-traces TRACES-FOLDER SEEDS-FOLDER\n");
		return 2;
	}
	make_traces(argv[1]);
	make_seeds(argv[2]);
	return 0;
}
