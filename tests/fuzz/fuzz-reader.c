/*
 * fuzz-reader.c - any bytes as a trace: the reader never crashes, hangs, reads beyond a
 * buffer or breaks its promises.
 *
 * With -DMT_LIBFUZZER it is libFuzzer's target (clang -fsanitize=fuzzer); without, a
 * program that replays the files it is given.
 *
 * An input that begins as a trace does is read as it is. From any other a trace is made
 * whose checksums are right, so that mutations reach what is behind them: the input is a
 * sequence of chunks, each of type (1 byte), stream (1), size (2, the low one first) and
 * payload.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/chunk.h"
#include "formats/header.h"
#include "formats/reader.h"

enum {
	CHUNK_HEAD_BYTES = 4,
	CALLS_PER_BYTE =
		64, /* records a byte can stand for, pieces of damage, two passes */
};

struct input {
	const uint8_t *data;
	size_t size;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long read_input(void *context, void *buffer, size_t size, uint64_t offset,
		       struct mt_error *err)
{
	(void)err;
	const struct input *input = context;
	if (offset >= input->size)
		return 0;
	if (size > input->size - offset)
		size = input->size - offset;
	memcpy(buffer, input->data + offset, size);
	return (long)size;
}

/* A later pass may meet dictionaries again, so ids are only bounded here. */
static void check_promises(const struct mt_record *rec, struct mt_defined *defined)
{
	struct mt_defined needs;
	if (mt_record_fault(rec) || mt_record_lacks(rec, defined, &needs))
		abort();
	mt_record_define(rec, defined);
}

static void read_pass(struct mt_reader *reader, size_t size, struct mt_defined *defined,
		      uint64_t *snapshot)
{
	struct mt_record rec;
	uint64_t calls = 0;
	int rc;
	while ((rc = mt_reader_next(reader, &rec, NULL)) != 0) {
		if (++calls > (uint64_t)size * CALLS_PER_BYTE)
			abort();
		if (rc < 0)
			continue;
		check_promises(&rec, defined);
		if (rec.kind == MT_RECORD_SNAPSHOT)
			*snapshot = mt_reader_tell(reader);
	}
}

static void read_trace(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct mt_source source = {
		.read_at = read_input, .context = &input, .size = size, .name = "input"};
	struct mt_reader *reader;
	struct mt_error err = {0};
	if (mt_reader_open_source(&reader, source, &err) < 0) {
		if (!err.code || !err.message[0])
			abort();
		return;
	}
	struct mt_defined defined = {0};
	uint64_t snapshot = 0;
	read_pass(reader, size, &defined, &snapshot);
	mt_reader_want(reader, UINT32_C(1) << MT_RECORD_SNAPSHOT |
				       UINT32_C(1) << MT_RECORD_COUNTER |
				       UINT32_C(1) << MT_RECORD_CELL);
	if (mt_reader_seek(reader, snapshot, &err) < 0)
		abort();
	read_pass(reader, size, &defined, &snapshot);
	mt_reader_close(reader);
}

/* The chunk at the cursor, with what checksums it needs, to out. */
static void forge_chunk(struct mt_output *out, struct mt_cursor *in, uint32_t sequence)
{
	struct mt_chunk chunk = {.sequence = sequence};
	chunk.type = mt_cursor_u8(in);
	chunk.stream = mt_cursor_u8(in);
	uint32_t size = mt_cursor_u16(in);
	if (size > mt_cursor_left(in))
		size = (uint32_t)mt_cursor_left(in);
	const uint8_t *payload = mt_cursor_take(in, size);
	chunk.raw_bytes = chunk.stored_bytes = size;
	chunk.stored_crc = mt_crc32(payload, size);
	uint8_t header[MT_CHUNK_HEADER_BYTES];
	static const uint8_t padding[MT_CHUNK_ALIGNMENT];
	mt_chunk_encode(&chunk, header);
	mt_output_put(out, header, sizeof header);
	mt_output_put(out, payload, size);
	mt_output_put(out, padding, (size_t)mt_chunk_span(&chunk) - sizeof header - size);
}

static void read_forged(const uint8_t *data, size_t size)
{
	size_t room = MT_HEADER_BYTES + size + (size / CHUNK_HEAD_BYTES + 1) * 64;
	uint8_t *trace = malloc(room);
	if (!trace)
		return;
	struct mt_header header = {.major = MT_FORMAT_MAJOR,
				   .header_bytes = MT_HEADER_BYTES};
	mt_header_encode(&header, trace);
	struct mt_output out = mt_output_over(trace, room);
	out.at += MT_HEADER_BYTES;
	struct mt_cursor in = mt_cursor_over(data, size);
	for (uint32_t i = 0; mt_cursor_left(&in) >= CHUNK_HEAD_BYTES; i++)
		forge_chunk(&out, &in, i);
	read_trace(trace, (size_t)(out.at - trace));
	free(trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (mt_header_is_begun(data, size))
		read_trace(data, size);
	else
		read_forged(data, size);
	return 0;
}

#ifndef MT_LIBFUZZER

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return 1;
	}
	fseek(file, 0, SEEK_END);
	long size = ftell(file);
	rewind(file);
	uint8_t *data = malloc((size_t)size + 1);
	size_t got = data ? fread(data, 1, (size_t)size, file) : 0;
	fclose(file);
	if (got == (size_t)size)
		LLVMFuzzerTestOneInput(data, got);
	free(data);
	return got != (size_t)size;
}

int main(int argc, char **argv)
{
	int failures = 0;
	for (int i = 1; i < argc; i++)
		failures += replay(argv[i]);
	printf("%d inputs replayed\n", argc - 1);
	return failures ? 1 : 0;
}

#endif
