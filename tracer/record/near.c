/*
 * near.c - see near.h. Inside the traced process, under the guard.
 *
 * It is written for few instructions: no frame is followed that needs more than rsp, rbp
 * and the stack between the event and its top, so that one comparison for each
 * word loaded decides that it can be loaded, and the remembered words can be compared
 * blindly.
 */
#include "tracer/record/near.h"

#include "tracer/record/state.h"
#include "tracer/record/tracebacks.h"

enum {
	MOST_FRAMES = 16,
};

/* A frame that is walked, not yet remembered. */
struct frame {
	const uintptr_t *slot;
	uintptr_t bp;
	const struct mt_rule *rule; /* stays: no rule is made here */
};

static inline bool is_as_it_was(const struct mt_word *word)
{
	return *word->slot == word->value;
}

/*
 * The innermost remembered word, not nearer than `slot`, from which outward all are as they
 * were: no frame further in can be joined. NULL: not even the outermost.
 */
static inline const struct mt_word *find_unchanged(const struct mt_unwinder *u,
						   const uintptr_t *slot)
{
	const struct mt_word *word = u->first_word, *end = u->words + u->count;
	while (word + 3 < end && word[3].slot >= slot && is_as_it_was(&word[0]) &&
	       is_as_it_was(&word[1]) && is_as_it_was(&word[2]) && is_as_it_was(&word[3]))
		word += 4;
	while (word < end && word->slot >= slot && is_as_it_was(word))
		word++;
	return word > u->first_word ? word - 1 : NULL;
}

static inline uint32_t place_of(const struct mt_unwinder *u, const struct mt_word *word)
{
	return (uint32_t)(word - u->words);
}

/* Whether a frame whose slot is the word's, and rbp in it, is the remembered one. */
static inline bool can_join(const struct mt_unwinder *u, const struct mt_word *word,
			    uintptr_t bp)
{
	const struct mt_level *level = mt_unwind_level(u, word);
	uint32_t state = u->states[place_of(u, word)];
	return level->place && !(state & MT_LEVEL_IS_EXACT) &&
	       (!(state & MT_LEVEL_NEEDS_BP) || level->bp == bp);
}

/* For frames whose numbers do not say it: what is loaded lies from sp up to the top. */
static bool can_load(const struct mt_unwinder *u, const struct mt_rule *rule,
		     uintptr_t sp, uintptr_t cfa)
{
	uintptr_t word = cfa + (uintptr_t)(intptr_t)rule->bp * 8;
	return (rule->type == MT_RULE_SP || rule->type == MT_RULE_BP) &&
	       !(rule->flags & MT_RULE_BP_BY_BP) && cfa % sizeof(uintptr_t) == 0 &&
	       cfa > sp && cfa <= u->stack_high &&
	       (!(rule->flags & MT_RULE_RESTORES_BP) ||
		(word >= sp && word < u->stack_high));
}

/* From the frame to its caller's slot and rbp. False: not here. */
static inline __attribute__((always_inline)) bool take_step(const struct mt_unwinder *u,
							    struct frame *frame,
							    const uintptr_t **slot,
							    uintptr_t *bp)
{
	uintptr_t sp = (uintptr_t)(*slot + 1);
	const struct mt_rule *rule = mt_rules_known(&u->rules, **slot - 1);
	if (__builtin_expect(!rule, 0))
		return false;
	uintptr_t cfa = sp + (uintptr_t)(intptr_t)rule->cfa;
	if (__builtin_expect(!(rule->flags & MT_RULE_IS_CLOSE), 0)) {
		cfa += rule->type == MT_RULE_BP ? *bp - sp : 0;
		if (!can_load(u, rule, sp, cfa))
			return false;
	} else if (__builtin_expect(cfa > u->stack_high, 0)) {
		return false;
	}
	*frame = (struct frame){.slot = *slot, .bp = *bp, .rule = rule};
	*slot = (const uintptr_t *)cfa - 1;
	if (rule->flags & MT_RULE_RESTORES_BP)
		*bp = ((const uintptr_t *)cfa)[rule->bp];
	return true;
}

/* The walked frames up to the word where they join; NULL: this walk is not ours. */
static inline __attribute__((always_inline)) struct mt_word *
walk_to_join(const struct mt_unwinder *u, struct mt_caller caller, struct frame *frames,
	     struct frame **end)
{
	const struct mt_word *word = find_unchanged(u, caller.slot);
	const uintptr_t *slot = caller.slot;
	uintptr_t bp = caller.frame_pointer;
	struct frame *frame = frames;
	if (!word)
		return NULL;
	for (; word->slot != slot || !can_join(u, word, bp); frame++) {
		if (frame == frames + MOST_FRAMES || !take_step(u, frame, &slot, &bp))
			return NULL;
		while (word->slot < slot)
			if (word-- == u->first_word)
				return NULL;
	}
	*end = frame;
	return u->words + (word - u->words);
}

/* A frame beyond its parent's first children may be one that this thread met lately. */
static __attribute__((noinline)) mt_node_id
intern_far(struct mt_unwinder *u, mt_node_id parent, mt_frame_key key)
{
	struct mt_interned *known = &u->interned[mt_unwind_interned_place(parent, key)];
	if (known->parent == parent && known->key == key)
		return known->node;
	mt_node_id node = mt_tracebacks_intern(parent, key, MT_FRAME_NATIVE);
	if (node)
		*known = (struct mt_interned){.key = key, .parent = parent, .node = node};
	return node;
}

/* Where words are written. */
struct pen {
	struct mt_word *word;
	struct mt_level *level;
	uint32_t *state;
};

static inline void remember_word(struct pen *pen, const uintptr_t *slot,
				 struct mt_level level, uint32_t state)
{
	*++pen->word = (struct mt_word){.slot = slot, .value = *slot};
	*++pen->level = level;
	*++pen->state = state;
}

/* The walked frames, outermost first, beyond the join. 0: no room for a node, or an id. */
static inline mt_traceback_id remember(struct mt_unwinder *u, const struct frame *frames,
				       const struct frame *end, struct mt_word *join)
{
	uint32_t place = place_of(u, join), before = u->count;
	struct pen pen = {join, u->levels + place, u->states + place};
	mt_node_id node = mt_level_node(pen.level);
	struct mt_twig *twig = mt_twig_of(node);
	uint32_t state = *pen.state;
	const uintptr_t *cfa = join->slot + 1;
	for (const struct frame *frame = end; frame-- > frames && node;) {
		const struct mt_rule *rule = frame->rule;
		mt_frame_key key = rule->key + 1;
		state++;
		if (state & MT_LEVEL_NEEDS_BP && rule->flags & MT_RULE_RESTORES_BP) {
			remember_word(&pen, cfa + rule->bp, (struct mt_level){0}, 0);
			state &= ~(uint32_t)MT_LEVEL_NEEDS_BP;
		}
		if (rule->flags & MT_RULE_USES_BP)
			state |= MT_LEVEL_NEEDS_BP;
		mt_node_id parent = node;
		node = mt_tracebacks_near(&twig, key);
		if (__builtin_expect(!node, 0)) {
			node = intern_far(u, parent, key);
			twig = mt_twig_of(node);
		}
		cfa = frame->slot + 1;
		remember_word(&pen, frame->slot,
			      (struct mt_level){
				      .place = mt_level_place(node, frame->slot),
				      .bp = state & MT_LEVEL_NEEDS_BP ? frame->bp : 0},
			      state);
	}
	u->count = place_of(u, pen.word) + 1;
	for (place = u->count; place < before; place++)
		(++pen.level)->place = 0;
	return node ? mt_tracebacks_id(node, twig) : 0;
}

/* All frames may have two words. */
static inline bool has_room(const struct mt_unwinder *u, uint32_t join)
{
	return join + 2 * MOST_FRAMES < u->capacity &&
	       (u->states[join] & MT_LEVEL_DEPTH) + MOST_FRAMES <= MT_MAX_DEPTH;
}

MT_HOT uint32_t mt_near_walk(struct mt_recorder *recorder, struct mt_caller caller,
			     mt_traceback_id *id)
{
	struct mt_unwinder *u = recorder->unwinder;
	struct frame frames[MOST_FRAMES], *end;
	if (u->cut)
		return 0;
	struct mt_word *joined = walk_to_join(u, caller, frames, &end);
	uint32_t join = joined ? place_of(u, joined) : 0;
	if (!joined || !has_room(u, join))
		return 0;
	recorder->shared->walks++;
	recorder->shared->walked += (uint64_t)(end - frames);
	*id = remember(u, frames, end, joined);
	if (__builtin_expect(!*id, 0))
		mt_unwinder_forget_stack(u);
	return join;
}
