/*
 * predict.c - see predict.h. Inside the traced process, under the guard.
 */
#include "tracer/record/predict.h"

enum {
	MANY_USELESS = 64, /* predictions that were never right; one that was counts */
	RIGHT_COUNTS = 4,  /* so many times against them */
	WRITE_ONE_OF = 8,
};

struct mt_prediction *mt_predict_place(const struct mt_unwinder *u,
				       struct mt_caller caller)
{
	if ((uintptr_t)caller.slot - u->low < u->span)
		return mt_unwind_guess(u, caller.slot);
	uint64_t mixed = (uintptr_t)caller.slot * UINT64_C(0xd6e8feb86659fd93) ^
			 *caller.slot * UINT64_C(0x9e3779b97f4a7c15);
	return &u->predictions[(mixed >> 40) & u->prediction_mask];
}

/*
 * Two stacks that end in the same frame at the same place met in one prediction: let
 * another of their return addresses take part in choosing the place. False: no more can.
 */
static bool improve_hints(struct mt_unwinder *u, struct mt_caller caller)
{
	uint16_t *hint = &u->hints[mt_unwind_hint_place(*caller.slot)];
	const uintptr_t *slot = caller.slot;
	if (*hint) {
		slot = mt_unwind_hinted(u, slot, *slot);
		hint = &u->hints[mt_unwind_hint_place(*slot)];
	}
	if (*hint)
		return false;
	for (uint32_t i = u->count - 1; i >= MT_UNWIND_FIRST; i--) {
		if (!u->levels[i].node || u->slots[i] <= slot)
			continue;
		if (u->slots[i] - slot <= UINT16_MAX)
			*hint = (uint16_t)(u->slots[i] - slot);
		return *hint;
	}
	return false;
}

/* From which place outward a prediction relies on the remembered stack. */
static uint32_t choose_join(const struct mt_unwinder *u, uint32_t join)
{
	uint32_t top = u->count - 1;
	if (!join)
		join = MT_UNWIND_FIRST - 1;
	if (top - 1 - join <= MT_PREDICTION_CHECKS || top == join)
		return join;
	join = top - 1 - MT_PREDICTION_CHECKS;
	while (join < top &&
	       (!u->levels[join].node || u->levels[join].state & MT_LEVEL_IS_EXACT))
		join++;
	return join;
}

static bool fill_checks(const struct mt_unwinder *u, struct mt_prediction *p,
			const uintptr_t *slot)
{
	uint32_t n = 0;
	for (uint32_t i = u->count - 2; i > p->join; i--, n++) {
		intptr_t offset = u->slots[i] - slot;
		if (offset < 0 || offset > UINT16_MAX)
			return false;
		p->offsets[n] = (uint16_t)offset;
		p->values[n] = u->values[i];
	}
	for (; n % 4; n++) {
		p->offsets[n] = 0;
		p->values[n] = p->pc;
	}
	p->checks = (uint16_t)n;
	return true;
}

static bool is_more_needed(struct mt_unwinder *u)
{
	if (++u->missed <= 2 * u->prediction_mask ||
	    u->prediction_mask >= MT_MAX_PREDICTIONS - 1)
		return false;
	u->prediction_mask = u->prediction_mask * 4 + 3;
	u->missed = 0;
	return true;
}

/*
 * Where stacks alternate so that hardly any prediction is ever right, most of them need not
 * be made.
 */
static inline bool is_better_left(struct mt_unwinder *u, const struct mt_prediction *p)
{
	if (!p->slot)
		return false;
	if (p->was_right) {
		u->useless -= u->useless < RIGHT_COUNTS ? u->useless : RIGHT_COUNTS;
		return false;
	}
	if (u->useless < MANY_USELESS) {
		u->useless++;
		return false;
	}
	return ++u->spared % WRITE_ONE_OF;
}

void mt_predict(struct mt_unwinder *u, struct mt_caller caller, struct mt_prediction *p,
		uint32_t join, mt_traceback_id id)
{
	bool is_own_only = u->span != 0;
	if (is_better_left(u, p))
		return;
	if (is_own_only && p->slot == (uintptr_t)caller.slot && p->pc == *caller.slot &&
	    p->traceback != id && improve_hints(u, caller))
		p = mt_predict_place(u, caller);
	if (p->slot && is_more_needed(u))
		p = mt_predict_place(u, caller);
	const struct mt_level *top = &u->levels[u->count - 1];
	p->slot = 0;
	p->pc = *caller.slot;
	p->bp = caller.frame_pointer;
	p->bp_mask = top->state & MT_LEVEL_NEEDS_BP ? UINTPTR_MAX : 0;
	p->join = choose_join(u, join);
	p->join_slot = (uintptr_t)u->slots[p->join];
	p->join_bp = u->levels[p->join].bp;
	p->join_node = u->levels[p->join].node;
	p->traceback = id;
	p->was_right = 0;
	bool is_cut_frame = p->join >= MT_UNWIND_FIRST && p->join_node < MT_FIRST_NODE;
	if (!is_cut_frame && fill_checks(u, p, caller.slot))
		p->slot = (uintptr_t)caller.slot | !is_own_only;
}
