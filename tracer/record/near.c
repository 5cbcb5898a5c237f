/*
 * near.c - see near.h. Inside the traced process, under the guard.
 *
 * It is written for few instructions: no frame is followed that needs more than rsp, rbp
 * and the stack between the event and its top, so that one comparison for each
 * word loaded decides that it can be loaded, and the remembered words can be compared
 * blindly.
 */
#include "tracer/record/near.h"

#include "tracer/record/predict.h"
#include "tracer/record/state.h"
#include "tracer/record/tracebacks.h"

enum {
	MOST_FRAMES = 16,
	WORDS_PER_FRAME = 2, /* return address, rbp */
};

/* A frame that is walked, not yet remembered. */
struct frame {
	const uintptr_t *slot, *bp_word; /* bp_word NULL: rbp is as in the caller */
	uintptr_t bp;
	mt_frame_key key;
	uint32_t needs_bp; /* 0 or MT_LEVEL_NEEDS_BP: for this step */
};

/* The outermost place at or below which all remembered words are as they were; else 0. */
static inline uint32_t differing_place(const struct mt_unwinder *u, uint32_t place)
{
	const struct mt_word *word = u->words + place;
	for (; word >= u->first_word; word -= 4)
		if (*word[0].slot != word[0].value || *word[-1].slot != word[-1].value ||
		    *word[-2].slot != word[-2].value || *word[-3].slot != word[-3].value)
			break;
	while (word >= u->first_word && *word->slot == word->value)
		word--;
	return word >= u->first_word ? (uint32_t)(word - u->words) : 0;
}

/*
 * The place where the frame joins the remembered stack; 0: nowhere. *search: the stack can
 * be joined below this place only, now and further out.
 */
static inline uint32_t find_join(const struct mt_unwinder *u, const uintptr_t *slot,
				 uintptr_t bp, uint32_t *search)
{
	uint32_t place = *search;
	while (place > MT_UNWIND_FIRST && u->words[place - 1].slot < slot)
		place--;
	*search = place--;
	if (place < MT_UNWIND_FIRST || u->words[place].slot != slot ||
	    u->words[place].value != *slot)
		return 0;
	const struct mt_level *level = &u->levels[place];
	uint32_t state = u->states[place];
	if (!level->place || state & MT_LEVEL_IS_EXACT ||
	    (state & MT_LEVEL_NEEDS_BP && level->bp != bp))
		return 0;
	uint32_t differing = differing_place(u, place - 1);
	if (!differing)
		return place;
	*search = differing;
	return 0;
}

/* The frame at slot, with rbp in it: *slot and *bp become its caller's. */
static inline bool take_step(struct mt_unwinder *u, struct frame *frame,
			     const uintptr_t **slot, uintptr_t *bp)
{
	uintptr_t pc = **slot, sp = (uintptr_t)(*slot + 1);
	const struct mt_rule *rule = mt_rules_find(&u->rules, pc - 1);
	if ((rule->type != MT_RULE_SP && rule->type != MT_RULE_BP) ||
	    rule->flags & MT_RULE_BP_BY_BP)
		return false;
	uintptr_t cfa =
		(rule->type == MT_RULE_SP ? sp : *bp) + (uintptr_t)(intptr_t)rule->cfa;
	/* What is loaded lies from sp up to the top of the stack. */
	uintptr_t room = u->stack_high - sp;
	if (cfa % sizeof(uintptr_t) || cfa - sp - 1 >= room)
		return false;
	frame->slot = *slot;
	frame->bp = *bp;
	frame->key = rule->key + 1;
	frame->needs_bp = rule->flags & MT_RULE_USES_BP ? MT_LEVEL_NEEDS_BP : 0;
	frame->bp_word = NULL;
	if (rule->flags & MT_RULE_RESTORES_BP) {
		uintptr_t word = cfa + (uintptr_t)(intptr_t)rule->bp * 8;
		if (word - sp >= room)
			return false;
		frame->bp_word = (const uintptr_t *)word;
		*bp = *frame->bp_word;
	}
	*slot = (const uintptr_t *)cfa - 1;
	return **slot;
}

static inline mt_node_id intern(struct mt_unwinder *u, mt_node_id parent,
				mt_frame_key key)
{
	struct mt_interned *known = &u->interned[mt_unwind_interned_place(parent, key)];
	if (__builtin_expect(known->parent == parent && known->key == key, 1))
		return known->node;
	mt_node_id node = mt_tracebacks_intern(parent, key, MT_FRAME_NATIVE);
	if (node)
		*known = (struct mt_interned){.key = key, .parent = parent, .node = node};
	return node;
}

static inline void remember_word(struct mt_unwinder *u, uint32_t place,
				 const uintptr_t *slot, struct mt_level level,
				 uint32_t state)
{
	u->words[place] = (struct mt_word){.slot = slot, .value = *slot};
	u->levels[place] = level;
	u->states[place] = state;
}

/* The walked frames, outermost first, beyond the join. 0: no room for a node. */
static mt_node_id remember(struct mt_unwinder *u, const struct frame *frames,
			   uint32_t count, uint32_t join)
{
	mt_node_id node = mt_level_node(&u->levels[join]);
	uint32_t state = u->states[join];
	uint32_t before = u->count, place = join + 1;
	while (count-- > 0 && node) {
		const struct frame *frame = &frames[count];
		state++;
		if (state & MT_LEVEL_NEEDS_BP && frame->bp_word) {
			remember_word(u, place++, frame->bp_word, (struct mt_level){0},
				      0);
			state &= ~(uint32_t)MT_LEVEL_NEEDS_BP;
		}
		state |= frame->needs_bp;
		node = intern(u, node, frame->key);
		struct mt_level level = {.place = mt_level_place(node, frame->slot),
					 .bp = state & MT_LEVEL_NEEDS_BP ? frame->bp : 0};
		remember_word(u, place++, frame->slot, level, state);
	}
	u->count = place;
	for (; place < before; place++)
		u->levels[place].place = 0;
	return node;
}

static bool has_room(const struct mt_unwinder *u, uint32_t join, uint32_t count)
{
	return join + count * WORDS_PER_FRAME < u->capacity &&
	       (u->states[join] & MT_LEVEL_DEPTH) + count <= MT_MAX_DEPTH;
}

bool mt_near_walk(struct mt_recorder *recorder, struct mt_caller caller,
		  struct mt_prediction *p, mt_traceback_id *id)
{
	struct mt_unwinder *u = recorder->unwinder;
	struct frame frames[MOST_FRAMES];
	const uintptr_t *slot = caller.slot;
	uintptr_t bp = caller.frame_pointer;
	uint32_t count = 0, join, search = u->count;
	if (u->cut || search == MT_UNWIND_FIRST)
		return false;
	while (!(join = find_join(u, slot, bp, &search)))
		if (count == MOST_FRAMES || !take_step(u, &frames[count++], &slot, &bp))
			return false;
	if (!has_room(u, join, count))
		return false;
	recorder->shared->walks++;
	recorder->shared->walked += count;
	mt_node_id node = remember(u, frames, count, join);
	*id = node ? mt_tracebacks_own(node) : 0;
	if (*id)
		mt_predict(recorder, caller, p, join, *id);
	else
		mt_unwinder_forget_stack(u);
	return true;
}
