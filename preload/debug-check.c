/*
 * debug-check.c - see debug-check.h.
 * Inside the traced process, under the guard.
 */
#include "preload/debug-check.h"

#include "preload/debug-dead.h"
#include "preload/debug-layout.h"
#include "preload/debug-quarantine.h"

static bool is_damaged_before(const void *p, const struct debug_record *record,
			      struct debug_word word)
{
	return !debug_is_head_whole(p, debug_record_size(record), word.api);
}

static bool is_damaged_beyond(const void *p, const struct debug_record *record)
{
	return !debug_is_tail_whole(p, debug_record_size(record),
				    debug_record_serial(record));
}

static bool is_damaged(const void *p, const struct debug_record *record,
		       struct debug_word word)
{
	return is_damaged_before(p, record, word) || is_damaged_beyond(p, record);
}

/* The first byte after the block that was written to. */
static const unsigned char *first_beyond(const void *p, size_t n, uint64_t serial)
{
	const unsigned char *tail = (const unsigned char *)p + n;
	size_t last = DEBUG_TAIL_BYTES + debug_rest_bytes(n) - 1, i = 0;
	while (i < last && tail[i] == debug_tail_byte(i, serial))
		i++;
	return tail + i;
}

void debug_check_around(const struct debug_call *call, const void *p,
			const struct debug_record *record, struct debug_word word)
{
	size_t n = debug_record_size(record);
	if (is_damaged_before(p, record, word))
		debug_report_block(MT_ERROR_WRITE_BEFORE, call, p, record, word,
				   debug_base(p));
	else if (is_damaged_beyond(p, record))
		debug_report_block(MT_ERROR_WRITE_BEYOND, call, p, record, word,
				   first_beyond(p, n, debug_record_serial(record)));
}

void debug_check_dead(const struct debug_call *call, const void *p)
{
	const struct debug_record *record = debug_blocks_find(p);
	size_t whole = debug_whole_bytes(debug_record_size(record));
	const unsigned char *living = debug_dead_find(p, whole);
	if (!living)
		return;
	debug_report_block(MT_ERROR_WRITE_AFTER_FREE, call, p, record,
			   debug_record_word(record), living);
}

static void check_live(void *context, void *p, struct debug_record *record)
{
	uint64_t seen = atomic_load(&record->word);
	struct debug_word word = debug_word_of(seen);
	if (word.state != DEBUG_LIVE)
		return;
	struct debug_word pinned = word;
	pinned.state = DEBUG_PINNED;
	if (!atomic_compare_exchange_strong(&record->word, &seen,
					    debug_word_make(pinned)))
		return;
	size_t n = debug_record_size(record);
	debug_check_around(context, p, record, word);
	/* Once told is enough. */
	if (is_damaged(p, record, word))
		debug_surround(p, n, word.api, debug_record_serial(record));
	atomic_store(&record->word, seen);
}

static void check_quarantined(void *context, void *p)
{
	size_t whole = debug_whole_bytes(debug_record_size(debug_blocks_find(p)));
	debug_check_dead(context, p);
	/* Once told is enough. */
	if (debug_dead_find(p, whole))
		debug_dead_fill(p, whole);
}

void debug_check_all(const char *name, mt_traceback_id here)
{
	struct debug_call call = {.name = name, .here = here};
	debug_blocks_each(check_live, &call);
	debug_quarantine_each(check_quarantined, &call);
}

static void find_damage(void *found, void *p, struct debug_record *record)
{
	struct debug_word word = debug_record_word(record);
	if (word.state == DEBUG_LIVE && is_damaged(p, record, word))
		*(bool *)found = true;
}

static void find_damage_in_dead(void *found, void *p)
{
	const struct debug_record *record = debug_blocks_find(p);
	if (debug_dead_find(p, debug_whole_bytes(debug_record_size(record))))
		*(bool *)found = true;
}

bool debug_has_damage(void)
{
	bool found = false;
	debug_quarantine_reopen_after_fork();
	debug_blocks_each(find_damage, &found);
	debug_quarantine_each(find_damage_in_dead, &found);
	return found;
}

static void unpin(void *context, void *p, struct debug_record *record)
{
	(void)context, (void)p;
	struct debug_word word = debug_record_word(record);
	if (word.state != DEBUG_PINNED)
		return;
	word.state = DEBUG_LIVE;
	atomic_store(&record->word, debug_word_make(word));
}

void debug_unpin_all(void)
{
	debug_blocks_each(unpin, NULL);
}
