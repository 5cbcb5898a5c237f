/*
 * predict.c - see predict.h. Inside the traced process, under the guard.
 */
#include "tracer/record/predict.h"

#include "tracer/record/counters.h"
#include "tracer/record/pages.h"

enum {
	MOST_OFFSET = (1 << MT_SIGN_OFFSET_BITS) - 1,
	WORTH_MAKING = 0xf, /* right four times */
	MOST_COMPARED = 64, /* frames */
};

/* The first remembered return address, from this word outward, that lies no nearer than this. */
static inline const struct mt_word *
find_frame(const struct mt_unwinder *u, const struct mt_word *word, const uintptr_t *near)
{
	while (word->slot < near || !mt_unwind_level(u, word)->place)
		if (--word < u->first_word)
			return NULL;
	return word;
}

/*
 * The innermost frame in which another traceback differs, if it lies no nearer than this. NULL:
 * it does not, or the frame is far out.
 */
static const struct mt_word *first_other_frame(const struct mt_unwinder *u,
					       mt_traceback_id other,
					       const uintptr_t *near)
{
	const struct mt_word *word = u->words + u->count - 1;
	mt_node_id node =
		atomic_load_explicit(&mt_state.tracebacks[other], memory_order_relaxed);
	for (int left = MOST_COMPARED; left; left--) {
		mt_node_id own = mt_level_node(mt_unwind_level(u, word));
		if (own == node || own < MT_FIRST_NODE || node < MT_FIRST_NODE)
			return NULL;
		const struct mt_twig *twig = mt_twig_of(node);
		if (twig->key != mt_twig_of(own)->key)
			return word->slot >= near ? word : NULL;
		node = twig->parent;
		word = find_frame(u, word - 1, NULL);
		if (!word)
			return NULL;
	}
	return NULL;
}

/* Where the stack of a prediction that begins as this one first differs from it. */
static inline const struct mt_word *
first_difference(const struct mt_unwinder *u, const struct mt_prediction *p,
		 const uintptr_t *slot, const struct mt_word *word, const uintptr_t *near)
{
	const struct mt_word *at = word;
	for (uint32_t i = 0; at && i < p->checks; i++) {
		const uintptr_t *other = slot + p->offsets[i];
		if (other < near || *other == p->values[i])
			continue;
		at = find_frame(u, at, other);
		if (at && at->slot == other)
			return at;
	}
	at = first_other_frame(u, p->traceback, near);
	return at ? at : find_frame(u, word, near);
}

/* The prediction that has the place, if that is not free: a twin counts as its own. */
static inline struct mt_prediction *holder_of(const struct mt_unwinder *u,
					      struct mt_prediction *p)
{
	return p->slot == MT_PREDICTION_IS_TWIN ? mt_unwind_twin(u, p) : p;
}

static inline bool is_proven(const struct mt_unwinder *u, struct mt_prediction *p)
{
	return p->slot && holder_of(u, p)->rights >= WORTH_MAKING;
}

/* The entry of a sign: its own, or the younger of its two, which becomes the older. */
static inline mt_sign *sign_for(const struct mt_unwinder *u, uint64_t mixed)
{
	mt_sign *pair = mt_unwind_signs(u, mixed);
	if (mt_sign_is_for(pair[1], mixed))
		return &pair[1];
	if (!mt_sign_is_for(pair[0], mixed))
		pair[1] = pair[0];
	return &pair[0];
}

/*
 * The place for a prediction of the remembered stack. Two stacks that end in the same
 * frame at the same place may meet in one: then a sign leads, by a return address in which they
 * differ, to a place for each. Where a third has no return address there, the sign is moved
 * to the next one, which all have that come by. A sign also leads away from the place of
 * another event that is predicted well: where both alternate, neither would leave it.
 */
static inline uint32_t make_place(const struct mt_unwinder *u, const uintptr_t *slot,
				  uint64_t mixed, mt_traceback_id id)
{
	const struct mt_word *word = u->words + u->count - 1;
	const uintptr_t *near = slot + 1;
	for (int left = MT_MOST_SIGNS; left; left--) {
		mt_sign sign = mt_unwind_sign(u, mixed);
		const struct mt_word *next;
		if (mt_sign_is_for(sign, mixed)) {
			const uintptr_t *other = slot + mt_sign_offset(sign);
			next = find_frame(u, word, other);
			if (!next || next->slot != other)
				next = find_frame(u, word, near);
		} else {
			struct mt_prediction *p =
				&u->predictions[mt_unwind_place(u, mixed)];
			bool begins = mt_unwind_begins(p, (uintptr_t)slot, *slot);
			if (begins ? p->traceback == id : !is_proven(u, p))
				break;
			next = begins ? first_difference(u, p, slot, word, near)
				      : find_frame(u, word, near);
		}
		if (!next || next->slot - slot >= MOST_OFFSET)
			break;
		*sign_for(u, mixed) =
			(mixed & ~(mt_sign)MOST_OFFSET) | (mt_sign)(next->slot - slot);
		mixed = mt_unwind_mix_sign(mixed, next->value);
		word = next;
		near = next->slot + 1;
	}
	return mt_unwind_place(u, mixed);
}

/* Where stacks other than the thread's own take part, no signs lead. */
static inline struct mt_prediction *place_for(const struct mt_unwinder *u,
					      const uintptr_t *slot, mt_traceback_id id)
{
	uint64_t mixed = mt_unwind_mix(*slot, slot);
	uint32_t place =
		u->span ? make_place(u, slot, mixed, id) : mt_unwind_place(u, mixed);
	return &u->predictions[place];
}

/* From which place outward a prediction with so many checks relies on the remembered stack. */
static uint32_t choose_join(const struct mt_unwinder *u, uint32_t join, uint32_t checks)
{
	uint32_t top = u->count - 1;
	if (!join)
		join = MT_UNWIND_FIRST - 1;
	if (top - 1 - join <= checks || top == join)
		return join;
	join = top - 1 - checks;
	while (join < top &&
	       (!u->levels[join].place || u->states[join] & MT_LEVEL_IS_EXACT))
		join++;
	return join;
}

/* For the words from the one at `from` outward, as far as the one before `join`. */
static bool fill_checks(const struct mt_unwinder *u, struct mt_prediction *p,
			const uintptr_t *slot, uint32_t from, uint32_t join)
{
	uint32_t n = 0;
	for (uint32_t i = from; i > join; i--, n++) {
		intptr_t offset = u->words[i].slot - slot;
		if (offset < 0 || offset > UINT16_MAX)
			return false;
		p->offsets[n] = (uint16_t)offset;
		p->values[n] = u->words[i].value;
	}
	for (; n % 4; n++) {
		p->offsets[n] = 0;
		p->values[n] = *slot;
	}
	p->checks = (uint8_t)n;
	return true;
}

static bool is_more_needed(struct mt_unwinder *u)
{
	if (++u->missed <= 2 * u->prediction_mask ||
	    u->prediction_mask >= MT_MAX_PREDICTIONS - 1)
		return false;
	uint32_t before = u->prediction_mask + 1;
	u->prediction_mask = u->prediction_mask * 4 + 3;
	u->missed = 0;
	mt_pages_populate(&u->predictions[before],
			  (u->prediction_mask + 1 - before) * sizeof *u->predictions);
	if (before < MT_INTERNED)
		mt_pages_populate(u->interned, MT_INTERNED * sizeof *u->interned);
	return true;
}

/* Free, and so is the place of its twin. */
static void vacate(const struct mt_unwinder *u, struct mt_prediction *p)
{
	if (p->slot == MT_PREDICTION_IS_TWIN ||
	    (p->slot && p->extra & MT_PREDICTION_IS_LONG))
		mt_unwind_twin(u, p)->slot = 0;
	p->slot = 0;
}

/* Was it worth making? False: nor is another, for a while, after which the place is empty. */
static bool judge(struct mt_unwinder *u, struct mt_prediction *p)
{
	int8_t *worth = &u->worth[p - u->predictions];
	if (p->rights >= WORTH_MAKING)
		*worth = 0;
	else if (++*worth >= MT_STRIKES) {
		*worth = -MT_SPARED;
		u->missed += MT_SPARED;
		vacate(u, p);
	}
	return *worth >= 0;
}

/*
 * Whether what is predicted there makes room. One that was right often stays for a while; the
 * last is best of stacks that begin alike.
 */
static bool gives_way(struct mt_unwinder *u, struct mt_prediction *p,
		      struct mt_caller caller)
{
	struct mt_prediction *holder = holder_of(u, p);
	if (holder->rights &&
	    !mt_unwind_begins(p, (uintptr_t)caller.slot, *caller.slot)) {
		holder->rights /= 4;
		return false;
	}
	return !u->span || judge(u, p);
}

/* What rbp has to be, behind the checks. The frames of a node say whether the join needs it,
 * unless some were cut off. */
static void fill_bp(const struct mt_unwinder *u, struct mt_prediction *p, uint32_t join,
		    uintptr_t frame_pointer)
{
	bool needs_bp = u->states[u->count - 1] & MT_LEVEL_NEEDS_BP;
	bool join_needs_bp = u->states[join] & MT_LEVEL_NEEDS_BP || u->cut;
	p->extra = (uint16_t)((needs_bp ? MT_PREDICTION_NEEDS_BP : 0) |
			      (join_needs_bp ? MT_PREDICTION_JOIN_NEEDS_BP : 0));
	if (needs_bp)
		p->values[MT_PREDICTION_BP] = frame_pointer;
	if (join_needs_bp)
		p->values[MT_PREDICTION_JOIN_BP] = u->levels[join].bp;
}

/* Where rbp matters it takes the place of half of the checks. */
static uint32_t checks_for(const struct mt_unwinder *u, uint32_t join)
{
	uint32_t states = u->states[u->count - 1] | u->states[join];
	return states & MT_LEVEL_NEEDS_BP || u->cut ? MT_PREDICTION_CHECKS / 2
						    : MT_PREDICTION_CHECKS;
}

/* more: checks beyond its own. */
static uint32_t choose_place(const struct mt_unwinder *u, uint32_t walked_to,
			     uint32_t more)
{
	uint32_t join = choose_join(u, walked_to, MT_PREDICTION_CHECKS + more);
	uint32_t checks = checks_for(u, join);
	return checks < MT_PREDICTION_CHECKS ? choose_join(u, walked_to, checks + more)
					     : join;
}

static bool fill_all_checks(const struct mt_unwinder *u, struct mt_prediction *p,
			    const uintptr_t *slot, uint32_t join)
{
	uint32_t from = u->count - 2, checks = checks_for(u, join);
	bool is_long = from > join + checks;
	if (!fill_checks(u, p, slot, from, is_long ? from - checks : join))
		return false;
	if (!is_long)
		return true;
	struct mt_prediction *twin = mt_unwind_twin(u, p);
	vacate(u, twin);
	if (!fill_checks(u, twin, slot, from - checks, join))
		return false;
	p->extra |= MT_PREDICTION_IS_LONG;
	twin->slot = MT_PREDICTION_IS_TWIN;
	return true;
}

/* A traceback that was predicted there, and had to be walked, gets twice as many checks. */
static void fill(struct mt_recorder *recorder, struct mt_caller caller,
		 struct mt_prediction *p, uint32_t walked_to, mt_traceback_id id)
{
	const struct mt_unwinder *u = recorder->unwinder;
	bool is_own_only = u->span != 0;
	bool needs_more = is_own_only && p->traceback == id;
	uint32_t join = choose_place(u, walked_to, needs_more ? MT_PREDICTION_CHECKS : 0);
	mt_node_id node = mt_level_node(&u->levels[join]);
	vacate(u, p);
	p->pc = *caller.slot;
	p->join = &u->words[join];
	p->join_place = u->levels[join].place;
	p->traceback = id;
	p->rights = 0;
	if (is_own_only)
		p->counter = mt_counters_at(recorder, id);
	else
		p->join_slot = u->words[join].slot;
	bool is_cut_frame = join >= MT_UNWIND_FIRST && node < MT_FIRST_NODE;
	if ((!p->counter && is_own_only) || is_cut_frame)
		return;
	fill_bp(u, p, join, caller.frame_pointer);
	if (fill_all_checks(u, p, caller.slot, join))
		p->slot = (uintptr_t)caller.slot | !is_own_only;
}

MT_HOT void mt_predict(struct mt_recorder *recorder, struct mt_caller caller,
		       uint32_t join, mt_traceback_id id)
{
	struct mt_unwinder *u = recorder->unwinder;
	struct mt_prediction *p = place_for(u, caller.slot, id);
	bool is_taken = p->slot != 0;
	bool is_ours = !is_taken || gives_way(u, p, caller);
	if (is_taken && is_more_needed(u)) {
		p = place_for(u, caller.slot, id);
		is_ours = true;
	}
	if (is_ours)
		fill(recorder, caller, p, join, id);
}
