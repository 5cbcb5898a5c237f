/*
 * contents.c - see contents.h. Outside.
 */
#include "tracer/collect/contents.h"

#include "formats/record.h"

#include <stdlib.h>
#include <string.h>

enum {
	NO_VTABLE = 1,
	FIRST_VTABLE = 2,
	STRING_LEAST = 4, /* shorter ones may be anything */
};

static const struct mt_mapping *module_mapping(struct mt_contents *contents,
					       uint64_t address)
{
	const struct mt_mapping *mapping = contents->last;
	if (!mapping || address < mapping->start || address >= mapping->end)
		mapping = mt_mappings_find(contents->mappings, address);
	if (mapping)
		contents->last = mapping;
	return mapping && mapping->inode && !(mapping->flags & MT_MAPPING_SHARED)
		       ? mapping
		       : NULL;
}

/*
 * In memory that is not written any more: before the first function the address of the
 * type's description, in a module too, or none.
 */
static bool look_at_vtable(struct mt_contents *contents, uint64_t address)
{
	const struct mt_mapping *mapping = module_mapping(contents, address);
	uint64_t words[2];
	if (address % 8 || !mapping ||
	    mapping->flags & (MT_MAPPING_WRITE | MT_MAPPING_EXECUTE) ||
	    !mt_memory_read(contents->memory, address - 8, words, sizeof words))
		return false;
	const struct mt_mapping *code = module_mapping(contents, words[1]);
	const struct mt_mapping *type = module_mapping(contents, words[0]);
	bool has_type = !words[0] || (type && !(type->flags & MT_MAPPING_EXECUTE));
	return code && code->flags & MT_MAPPING_EXECUTE && has_type;
}

/* Its number; UINT32_MAX: it is none. */
static uint32_t vtable_at(struct mt_contents *contents, uint64_t address)
{
	uint32_t *known = mt_key_table_get(&contents->known, address);
	if (!known)
		return UINT32_MAX;
	if (*known)
		return *known - FIRST_VTABLE;
	*known = NO_VTABLE;
	if (!look_at_vtable(contents, address))
		return UINT32_MAX;
	if (contents->vtable_count == contents->vtable_capacity) {
		uint32_t capacity = contents->vtable_capacity * 2 + 64;
		void *vtables =
			reallocarray(contents->vtables, capacity, sizeof(uint64_t));
		if (!vtables)
			return UINT32_MAX;
		contents->vtables = vtables;
		contents->vtable_capacity = capacity;
	}
	*known = contents->vtable_count + FIRST_VTABLE;
	contents->vtables[contents->vtable_count++] = address;
	return *known - FIRST_VTABLE;
}

/* Most words are refused without a look: modules lie in few places. */
bool mt_contents_is_vtable(struct mt_contents *contents, uint64_t address)
{
	return address % 8 == 0 && module_mapping(contents, address) &&
	       vtable_at(contents, address) != UINT32_MAX;
}

static bool is_continuation(uint8_t byte)
{
	return byte >> 6 == 2;
}

/*
 * Bytes of the character at data, of UTF-8 or plain; 0: there is none. Cut off by the end
 * of what is seen it counts as whole.
 */
static size_t character(const uint8_t *data, size_t seen)
{
	uint8_t first = data[0];
	if (first < 0x80)
		return (first >= ' ' && first != 0x7f) || first == '\n' ||
		       first == '\t' || first == '\r';
	size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (i == seen)
			return i;
		if (!is_continuation(data[i]))
			return 0;
	}
	return length;
}

/* Its length; 0: it is no string. Longer than what is seen: as long as the block. */
static uint64_t string_length(const uint8_t *data, size_t seen, uint64_t size)
{
	size_t length = 0, next;
	while (length < seen && (next = character(data + length, seen - length)))
		length += next;
	if (length < STRING_LEAST)
		return 0;
	if (length < seen)
		return data[length] ? 0 : length;
	return seen < size ? size : 0;
}

static mt_contents_word word_of(enum mt_content content, uint64_t value)
{
	uint32_t limit = MT_CONTENTS_MASK;
	return (uint32_t)content << MT_CONTENTS_SHIFT |
	       (uint32_t)(value < limit ? value : limit);
}

mt_contents_word mt_contents_of(struct mt_contents *contents, const uint8_t *data,
				size_t seen, uint64_t size, uint64_t pointer_count,
				bool is_zero)
{
	uint64_t first = 0;
	if (is_zero)
		return word_of(MT_CONTENT_ZEROES, 0);
	if (seen >= sizeof first) {
		memcpy(&first, data, sizeof first);
		if (mt_contents_is_vtable(contents, first))
			return word_of(MT_CONTENT_OBJECT, vtable_at(contents, first));
	}
	/* An address can look like six letters. */
	uint64_t length = pointer_count ? 0 : string_length(data, seen, size);
	if (length)
		return word_of(MT_CONTENT_STRING, length);
	return word_of(pointer_count * 16 >= size && pointer_count ? MT_CONTENT_POINTERS
								   : MT_CONTENT_DATA,
		       0);
}

void mt_contents_deinit(struct mt_contents *contents)
{
	mt_key_table_deinit(&contents->known);
	free(contents->vtables);
	*contents = (struct mt_contents){0};
}

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ hash >> 32;
}

uint64_t mt_contents_hash(uint64_t hash, const uint8_t *data, size_t size)
{
	uint64_t word;
	for (; size >= sizeof word; size -= sizeof word, data += sizeof word) {
		memcpy(&word, data, sizeof word);
		hash = mix(hash + 1, word);
	}
	if (!size)
		return hash;
	word = 0;
	memcpy(&word, data, size);
	return mix(hash + 1, word + size);
}

uint64_t mt_contents_hash_zeroes(uint64_t hash, uint64_t size)
{
	for (; size >= 8; size -= 8)
		hash = mix(hash + 1, 0);
	return hash;
}
