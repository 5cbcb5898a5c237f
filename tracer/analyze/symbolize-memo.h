/*
 * symbolize-memo.h - remembers a number for an address in this process, so that a name is
 * built once however many frames bear it. Outside.
 */
#ifndef MT_TRACER_ANALYZE_SYMBOLIZE_MEMO_H
#define MT_TRACER_ANALYZE_SYMBOLIZE_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_memo_slot {
	const void *key;
	uint32_t value;
};

/* A zeroed struct is an empty memo. */
struct mt_memo {
	struct mt_memo_slot *slots;
	size_t slot_count; /* a power of two */
	size_t used_count;
};

void mt_memo_deinit(struct mt_memo *memo);

/* Whether key is known; its number then is in *value. */
bool mt_memo_find(const struct mt_memo *memo, const void *key, uint32_t *value);

/* Remember value for a key that is not known yet. Without memory it is forgotten. */
void mt_memo_put(struct mt_memo *memo, const void *key, uint32_t value);

#endif
