/*
 * test-chunk.c - headers notice every flipped bit; payloads come back, and no file can
 * make a reader hold more than 16 times its size.
 */
#include "formats/chunk.h"

#include "tests/tap.h"

enum {
	RAW_BYTES = MT_CHUNK_TARGET
};

static const struct mt_chunk sample = {
	.type = MT_CHUNK_COUNTERS,
	.codec = MT_CODEC_ZLIB,
	.flags = MT_CHUNK_ESSENTIAL,
	.stored_bytes = 0x01020304,
	.raw_bytes = 0x00fffffe,
	.stored_crc = 0xdeadbeef,
	.sequence = 77,
	.tick_us = 0x1122334455667788,
	.previous = 0x99aabbccddeeff,
	.stream = 3,
};

TEST(a_header_comes_back)
{
	uint8_t header[MT_CHUNK_HEADER_BYTES];
	struct mt_chunk chunk;
	mt_chunk_encode(&sample, header);
	ok(!memcmp(header, "MCHK", 4));
	ok(mt_chunk_decode(&chunk, header));
	is_int(chunk.type, sample.type);
	is_int(chunk.codec, sample.codec);
	is_int(chunk.flags, sample.flags);
	is_int(chunk.stored_bytes, sample.stored_bytes);
	is_int(chunk.raw_bytes, sample.raw_bytes);
	is_int(chunk.stored_crc, sample.stored_crc);
	is_int(chunk.sequence, sample.sequence);
	is_int(chunk.tick_us, sample.tick_us);
	is_int(chunk.previous, sample.previous);
	is_int(chunk.stream, sample.stream);
}

TEST(every_flipped_bit_of_a_header_is_noticed)
{
	uint8_t header[MT_CHUNK_HEADER_BYTES];
	struct mt_chunk chunk;
	mt_chunk_encode(&sample, header);
	int unnoticed = 0;
	for (int bit = 0; bit < MT_CHUNK_HEADER_BYTES * 8; bit++) {
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
		unnoticed += mt_chunk_decode(&chunk, header);
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	is_int(unnoticed, 0);
}

TEST(chunks_begin_at_multiples_of_8)
{
	struct mt_chunk chunk = {.stored_bytes = 0};
	is_int(mt_chunk_span(&chunk), 48);
	chunk.stored_bytes = 1;
	is_int(mt_chunk_span(&chunk), 56);
	chunk.stored_bytes = 8;
	is_int(mt_chunk_span(&chunk), 56);
	chunk.stored_bytes = UINT32_MAX;
	is_int(mt_chunk_span(&chunk), 48 + ((int64_t)1 << 32));
}

/* Stores raw, loads it again; *chunk is what was stored. */
static void store_and_load(const uint8_t *raw, struct mt_chunk *chunk)
{
	struct mt_error err = {0};
	struct mt_codec *codec = mt_codec_create(0);
	uint8_t *stored = malloc(mt_codec_bound(RAW_BYTES));
	uint8_t *back = malloc(RAW_BYTES);
	is_int(mt_codec_store(codec, chunk, raw, RAW_BYTES, stored, &err), 0);
	ok(chunk->stored_bytes <= mt_codec_bound(RAW_BYTES));
	is_int(chunk->raw_bytes, RAW_BYTES);
	is_int(chunk->stored_crc, mt_crc32(stored, chunk->stored_bytes));
	is_str(mt_chunk_fault(chunk), NULL);
	is_str(mt_codec_load(codec, chunk, stored, back), NULL);
	ok(!memcmp(raw, back, RAW_BYTES));
	free(stored);
	free(back);
	mt_codec_destroy(codec);
}

TEST(what_does_not_compress_is_stored_as_it_is)
{
	uint8_t *raw = malloc(RAW_BYTES);
	uint64_t x = 88172645463325252;
	for (int i = 0; i < RAW_BYTES; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		raw[i] = (uint8_t)x;
	}
	struct mt_chunk chunk = {0};
	store_and_load(raw, &chunk);
	is_int(chunk.codec, MT_CODEC_RAW);
	is_int(chunk.stored_bytes, RAW_BYTES);
	free(raw);
}

TEST(what_compresses_too_well_keeps_to_the_ratio)
{
	uint8_t *raw = calloc(1, RAW_BYTES);
	struct mt_chunk chunk = {0};
	store_and_load(raw, &chunk);
	is_int(chunk.codec, MT_CODEC_ZLIB);
	ok(chunk.stored_bytes * MT_CHUNK_MAX_RATIO >= RAW_BYTES);
	ok(chunk.stored_bytes < RAW_BYTES / 7);
	free(raw);
}

TEST(sizes_that_no_writer_makes_are_refused)
{
	struct mt_chunk chunk = {.codec = MT_CODEC_ZLIB, .stored_bytes = 100};
	chunk.raw_bytes = 100 * MT_CHUNK_MAX_RATIO;
	is_str(mt_chunk_fault(&chunk), NULL);
	chunk.raw_bytes++;
	ok(mt_chunk_fault(&chunk));
	chunk = (struct mt_chunk){.codec = MT_CODEC_ZLIB,
				  .stored_bytes = MT_CHUNK_MAX_RAW,
				  .raw_bytes = MT_CHUNK_MAX_RAW + 1};
	ok(mt_chunk_fault(&chunk));
	chunk = (struct mt_chunk){.stored_bytes = 8, .raw_bytes = 9};
	ok(mt_chunk_fault(&chunk));
	chunk = (struct mt_chunk){.codec = 2, .stored_bytes = 8, .raw_bytes = 8};
	ok(mt_chunk_fault(&chunk));
}

TEST(a_payload_of_another_size_than_its_header_says_is_refused)
{
	static const uint8_t raw[1024] = "some text that is long enough to compress some";
	uint8_t stored[2048], back[2048];
	struct mt_error err = {0};
	struct mt_chunk chunk = {0};
	struct mt_codec *codec = mt_codec_create(0);
	is_int(mt_codec_store(codec, &chunk, raw, sizeof raw, stored, &err), 0);
	is_int(chunk.codec, MT_CODEC_ZLIB);
	chunk.raw_bytes--;
	ok(mt_codec_load(codec, &chunk, stored, back));
	chunk.raw_bytes += 2;
	ok(mt_codec_load(codec, &chunk, stored, back));
	chunk.raw_bytes--;
	chunk.stored_bytes--;
	ok(mt_codec_load(codec, &chunk, stored, back));
	chunk.stored_bytes += 2;
	ok(mt_codec_load(codec, &chunk, stored, back));
	chunk.stored_bytes--;
	is_str(mt_codec_load(codec, &chunk, stored, back), NULL);
	mt_codec_destroy(codec);
}

TAP_MAIN()
