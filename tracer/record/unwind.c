/*
 * unwind.c - walk any stack, join it to the one remembered, remember it.
 * Inside the traced process, under the guard.
 */
#include "tracer/record/unwind.h"

#include "tracer/record/near.h"
#include "tracer/record/pages.h"
#include "tracer/record/predict.h"
#include "tracer/record/registers.h"
#include "tracer/record/stack.h"
#include "tracer/record/state.h"
#include "tracer/record/tracebacks.h"

enum {
	FIRST_WORDS = 256,
	FIRST_WALKED = 64,
	FIRST_PREDICTIONS = 256,
	/* Much deeper than MT_MAX_DEPTH: a loop, or a stack that we don't understand. */
	MAX_WALKED = 1 << 20,
	WORDS_PER_FRAME = 3, /* return address, rbp, and what a rule loads */
	MAX_FOREIGN_FRAME = 64 << 20,
	RED_ZONE = 128,
	/* Where more than MT_MAX_DEPTH frames are cut, in steps of this: at each step all
	 * frames further in are interned anew. */
	CUT_STEP = (MT_MAX_DEPTH + 1) / 2,
};

/* A frame and the registers in it. */
struct cursor {
	uintptr_t slot; /* where its pc was read */
	uintptr_t pc, sp, bp;
	bool is_exact;
};

enum step {
	STEP_CALLER,    /* the cursor is at the caller */
	STEP_END,       /* there is none */
	STEP_BROKEN,    /* it cannot be found */
	STEP_REGISTERS, /* it can with more registers than we follow here */
};

/* The walk under way. */
struct walk {
	struct mt_unwinder *u;
	struct cursor at;
	uint32_t count;      /* frames in u->walked */
	uint32_t search;     /* the remembered stack can be joined below this place */
	uint32_t join;       /* the place where it was; 0: nowhere */
	mt_node_id root;     /* where the walk ended, if it was not joined */
	uintptr_t last_word; /* the address of a return address that is 0 */
};

static const uintptr_t padding_word;

static size_t words_bytes(uint32_t words)
{
	return words *
	       (sizeof(struct mt_word) + sizeof(struct mt_level) + sizeof(uint32_t));
}

static void forget_predictions(struct mt_unwinder *u)
{
	for (uint32_t i = 0; i <= u->prediction_mask; i++)
		if (u->predictions[i].slot)
			u->predictions[i].slot = 0;
	for (uint32_t i = 0; i < MT_SIGNS; i++)
		if (u->signs[i])
			u->signs[i] = 0;
}

/* More room for the remembered stack, which keeps its first `kept` words. */
static bool resize_words(struct mt_unwinder *u, uint32_t count, uint32_t kept)
{
	struct mt_word *words =
		mt_pages_map_sparse_coloured(words_bytes(count), MT_PAGES_COLOUR_WORDS);
	if (!words)
		return false;
	mt_pages_populate(words, words_bytes(count));
	struct mt_level *levels = (struct mt_level *)(words + count);
	uint32_t *states = (uint32_t *)(levels + count);
	for (uint32_t i = 0; i < MT_UNWIND_FIRST; i++)
		words[i].slot = &padding_word;
	for (uint32_t i = MT_UNWIND_FIRST; i < kept; i++) {
		words[i] = u->words[i];
		levels[i] = u->levels[i];
		states[i] = u->states[i];
		__asm__("" : "+r"(i));
	}
	if (u->capacity) {
		mt_pages_unmap_coloured(u->words, words_bytes(u->capacity),
					MT_PAGES_COLOUR_WORDS);
		forget_predictions(u); /* they point there */
	}
	u->words = words;
	u->levels = levels;
	u->states = states;
	u->first_word = words + MT_UNWIND_FIRST;
	u->to_levels = (const char *)levels - (const char *)words;
	u->capacity = count;
	return true;
}

static bool resize_walked(struct mt_unwinder *u, uint32_t frames, uint32_t kept)
{
	struct mt_walked *walked = mt_pages_map_sparse(frames * sizeof(*walked));
	if (!walked)
		return false;
	for (uint32_t i = 0; i < kept; i++) {
		walked[i] = u->walked[i];
		__asm__("" : "+r"(i));
	}
	if (u->walked_capacity)
		mt_pages_unmap(u->walked, u->walked_capacity * sizeof(*walked));
	u->walked = walked;
	u->walked_capacity = frames;
	return true;
}

struct mt_unwinder *mt_unwinder_create(void)
{
	size_t predictions = MT_MAX_PREDICTIONS * sizeof(struct mt_prediction);
	size_t signs = MT_SIGNS * sizeof(mt_sign);
	size_t bytes = ((sizeof(struct mt_unwinder) + 63) & ~(size_t)63) + signs +
		       MT_MAX_PREDICTIONS;
	size_t interned = MT_INTERNED * sizeof(struct mt_interned);
	char *memory = mt_pages_map_sparse_coloured(bytes + predictions + interned,
						    MT_PAGES_COLOUR_UNWINDER);
	if (!memory)
		return NULL;
	struct mt_unwinder *u = (struct mt_unwinder *)memory;
	u->worth = (int8_t *)(memory + bytes - MT_MAX_PREDICTIONS);
	u->signs = (mt_sign *)((char *)u->worth - signs);
	u->predictions = (struct mt_prediction *)(memory + bytes);
	u->interned = (struct mt_interned *)(u->predictions + MT_MAX_PREDICTIONS);
	u->prediction_mask = FIRST_PREDICTIONS - 1;
	mt_pages_populate(u, bytes + FIRST_PREDICTIONS * sizeof *u->predictions);
	u->count = u->foreign_count = MT_UNWIND_FIRST;
	if (!mt_rules_init(&u->rules) || !resize_words(u, FIRST_WORDS, 0) ||
	    !resize_walked(u, FIRST_WALKED, 0))
		return NULL;
	return u;
}

void mt_unwinder_forget_stack(struct mt_unwinder *u)
{
	for (uint32_t i = MT_UNWIND_FIRST; i < u->count; i++)
		u->levels[i].place = 0;
	u->count = u->foreign_count = MT_UNWIND_FIRST;
	u->cut = 0;
	u->has_unknown = false;
	u->span = u->stack_high - u->low;
}

void mt_unwinder_attach(struct mt_unwinder *u)
{
	struct mt_stack stack = mt_stack_of_thread();
	if (stack.low == u->low && stack.high == u->stack_high)
		return; /* a recycled stack: what was there is as good a guess as any */
	bool is_fresh = !u->stack_high; /* its tables are not even there yet */
	u->low = stack.low;
	u->stack_high = stack.high;
	if (is_fresh)
		mt_unwinder_forget_stack(u);
	else
		mt_unwinder_forget(u);
}

void mt_unwinder_forget(struct mt_unwinder *u)
{
	mt_unwinder_forget_stack(u);
	forget_predictions(u);
	for (uint32_t i = 0; i < MT_INTERNED; i++)
		if (u->interned[i].parent)
			u->interned[i].parent = MT_NODE_NONE;
	mt_rules_forget(&u->rules);
	u->missed = 0;
}

static bool is_own(const struct mt_unwinder *u, uintptr_t address)
{
	return address - u->low < u->stack_high - u->low;
}

/*
 * Whether the word can be loaded. On the thread's own stack that is known; elsewhere the
 * kernel is asked, once for each page that a walk comes to.
 */
static bool is_readable(struct walk *w, uintptr_t address)
{
	if (address % sizeof(uintptr_t))
		return false;
	if (is_own(w->u, w->at.sp))
		return address >= w->at.sp - RED_ZONE && is_own(w->u, address);
	uintptr_t page = address / MT_PAGE_BYTES;
	if (page != w->u->probed_page && !mt_stack_can_read(address))
		return false;
	w->u->probed_page = page;
	return true;
}

static bool is_caller_sp(const struct walk *w, uintptr_t sp)
{
	if (is_own(w->u, w->at.sp))
		return sp > w->at.sp && sp <= w->u->stack_high;
	/* From another stack, one may have been called from the own one. */
	if (is_own(w->u, sp - sizeof(uintptr_t)))
		return true;
	return sp > w->at.sp && sp - w->at.sp <= MAX_FOREIGN_FRAME;
}

static uintptr_t load(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

static enum step step_from_signal(struct walk *w, struct mt_walked *frame)
{
	uintptr_t context = w->at.sp;
	if (!is_readable(w, context + MT_SIGNAL_BP) ||
	    !is_readable(w, context + MT_SIGNAL_SP) ||
	    !is_readable(w, context + MT_SIGNAL_PC))
		return STEP_BROKEN;
	frame->bp_word = (const uintptr_t *)(context + MT_SIGNAL_BP);
	frame->cfa_word = (const uintptr_t *)(context + MT_SIGNAL_SP);
	w->at = (struct cursor){.slot = context + MT_SIGNAL_PC,
				.pc = load(context + MT_SIGNAL_PC),
				.sp = *frame->cfa_word,
				.bp = *frame->bp_word,
				.is_exact = true};
	w->u->probed_page = 0;
	return STEP_CALLER;
}

static enum step step_by_rule(struct walk *w, const struct mt_rule *rule,
			      struct mt_walked *frame)
{
	uintptr_t sp = (rule->type == MT_RULE_SP ? w->at.sp : w->at.bp) +
		       (uintptr_t)(intptr_t)rule->cfa;
	if (rule->type == MT_RULE_BP_LOAD) {
		if (!is_readable(w, sp))
			return STEP_BROKEN;
		frame->cfa_word = (const uintptr_t *)sp;
		sp = *frame->cfa_word;
	}
	uintptr_t slot = sp - sizeof(uintptr_t);
	if (!is_caller_sp(w, sp) || !is_readable(w, slot))
		return STEP_BROKEN;
	if (rule->flags & MT_RULE_RESTORES_BP) {
		uintptr_t base = rule->flags & MT_RULE_BP_BY_BP ? w->at.bp : sp;
		uintptr_t word = base + (uintptr_t)(intptr_t)rule->bp * 8;
		if (!is_readable(w, word))
			return STEP_BROKEN;
		frame->bp_word = (const uintptr_t *)word;
		w->at.bp = *frame->bp_word;
	}
	w->at.slot = slot;
	w->at.pc = load(slot);
	w->at.sp = sp;
	w->at.is_exact = false;
	return STEP_CALLER;
}

/* Add the cursor's frame to u->walked and go to its caller. */
static enum step take_step(struct walk *w)
{
	struct mt_unwinder *u = w->u;
	uintptr_t call = w->at.pc - !w->at.is_exact;
	const struct mt_rule *rule = mt_rules_find(&u->rules, call);
	struct mt_walked *frame = &u->walked[w->count++];
	*frame = (struct mt_walked){
		.slot = w->at.slot,
		.bp = w->at.bp,
		.key = mt_frame_key_make(w->at.pc, (uint32_t)(rule->key >> MT_PC_BITS)),
		.kind = w->at.is_exact ? MT_FRAME_NATIVE | MT_NODE_EXACT_PC
				       : MT_FRAME_NATIVE,
		.flags = rule->flags,
	};
	switch (rule->type) {
	case MT_RULE_SP:
	case MT_RULE_BP:
	case MT_RULE_BP_LOAD:
		return step_by_rule(w, rule, frame);
	case MT_RULE_SIGNAL:
		return step_from_signal(w, frame);
	case MT_RULE_OTHER:
		return STEP_REGISTERS;
	case MT_RULE_END:
		return STEP_END;
	default:
		if (!(rule->key >> MT_PC_BITS))
			u->has_unknown = true;
		if (rule->flags & MT_RULE_BEFORE_ENTRY && !w->at.is_exact)
			return STEP_END;
		return mt_stack_is_entry(w->at.sp) ? STEP_END : STEP_BROKEN;
	}
}

/*
 * Whether from the cursor's frame outward the stack is the remembered one. If words
 * differ further out, only what is outside of them can still be joined.
 */
static bool find_join(struct walk *w)
{
	const struct mt_unwinder *u = w->u;
	uint32_t place = w->search;
	while (place > MT_UNWIND_FIRST &&
	       ((uintptr_t)u->words[place - 1].slot < w->at.slot ||
		!u->levels[place - 1].place))
		place--;
	w->search = place;
	if (place-- == MT_UNWIND_FIRST)
		return false;
	uint32_t state = u->states[place];
	if ((uintptr_t)u->words[place].slot != w->at.slot ||
	    u->words[place].value != w->at.pc || state & MT_LEVEL_IS_EXACT ||
	    w->at.is_exact ||
	    (state & MT_LEVEL_NEEDS_BP && u->levels[place].bp != w->at.bp))
		return false;
	for (uint32_t i = place - 1; i >= MT_UNWIND_FIRST; i--) {
		if (*u->words[i].slot != u->words[i].value) {
			w->search = i;
			return false;
		}
	}
	w->join = place;
	return true;
}

/* False: registers are needed that only registers.h follows. */
static bool walk_to_join(struct walk *w)
{
	enum step step = STEP_CALLER;
	while (step == STEP_CALLER && w->at.pc && !find_join(w)) {
		if (w->count == w->u->walked_capacity &&
		    (w->count >= MAX_WALKED ||
		     !resize_walked(w->u, w->count * 2, w->count)))
			break;
		step = take_step(w);
	}
	if (w->join)
		return true;
	if (step == STEP_CALLER && !w->at.pc) {
		w->last_word = w->at.slot;
		step = STEP_END;
	}
	w->root = step == STEP_END      ? MT_ROOT_COMPLETE
		  : step == STEP_BROKEN ? MT_ROOT_TRUNCATED
					: MT_ROOT_DEEP;
	return step != STEP_REGISTERS;
}

static uint32_t remember_word(struct mt_unwinder *u, const uintptr_t *slot)
{
	uint32_t place = u->count++;
	u->words[place] = (struct mt_word){.slot = slot, .value = *slot};
	u->levels[place] = (struct mt_level){0};
	u->states[place] = 0;
	if (!is_own(u, (uintptr_t)slot))
		u->foreign_count = u->count;
	return place;
}

static mt_node_id intern_level(struct mt_unwinder *u, mt_node_id parent, uint32_t place,
			       mt_frame_key key, uint32_t kind)
{
	uint32_t depth = u->states[place] & MT_LEVEL_DEPTH;
	bool is_first = u->cut && depth == u->cut + 1;
	mt_node_id node = MT_ROOT_DEEP;
	if (depth > u->cut)
		node = mt_tracebacks_intern(is_first ? MT_ROOT_DEEP : parent, key, kind);
	u->levels[place].place = node ? mt_level_place(node, u->words[place].slot) : 0;
	return node;
}

/* The key of a remembered frame. */
static mt_frame_key key_of(struct mt_unwinder *u, uint32_t place)
{
	uintptr_t pc = u->words[place].value;
	const struct mt_rule *rule =
		mt_rules_find(&u->rules, pc - !(u->states[place] & MT_LEVEL_IS_EXACT));
	return mt_frame_key_make(pc, (uint32_t)(rule->key >> MT_PC_BITS));
}

/* Leave out another number of outer frames. */
static bool cut_anew(struct mt_unwinder *u, uint32_t cut)
{
	mt_node_id node = u->root;
	u->cut = cut;
	for (uint32_t i = MT_UNWIND_FIRST; i < u->count; i++) {
		if (!u->levels[i].place)
			continue;
		bool is_exact = u->states[i] & MT_LEVEL_IS_EXACT;
		node = intern_level(u, node, i, key_of(u, i),
				    is_exact ? MT_NODE_EXACT_PC : 0);
		if (!node)
			return false;
	}
	return true;
}

/* How many outer frames are left out of a stack so deep. */
static uint32_t cut_of_depth(uint32_t depth)
{
	return depth > MT_MAX_DEPTH ? (depth / CUT_STEP - 1) * CUT_STEP : 0;
}

/* Keep what was joined of the remembered stack, and as much room as the walk needs. */
static bool make_room(struct walk *w)
{
	struct mt_unwinder *u = w->u;
	uint32_t kept = w->join ? w->join + 1 : MT_UNWIND_FIRST;
	for (uint32_t i = kept; i < u->count; i++)
		u->levels[i].place = 0;
	u->count = kept;
	if (u->foreign_count > kept)
		u->foreign_count = kept;
	if (!w->join)
		u->root = w->root;
	uint32_t depth = w->count + (u->states[kept - 1] & MT_LEVEL_DEPTH);
	uint32_t cut = cut_of_depth(depth);
	if (cut != u->cut && !cut_anew(u, cut))
		return false;
	uint32_t words = kept + w->count * WORDS_PER_FRAME + 1;
	uint32_t capacity = u->capacity;
	while (capacity < words)
		capacity *= 2;
	return capacity == u->capacity || resize_words(u, capacity, kept);
}

/* Remember the walked frames, outermost first. 0: no room for them. */
static mt_node_id remember(struct walk *w)
{
	struct mt_unwinder *u = w->u;
	if (!make_room(w))
		return MT_NODE_NONE;
	uint32_t state = u->states[u->count - 1];
	mt_node_id node = w->join ? mt_level_node(&u->levels[w->join]) : w->root;
	uint32_t depth = state & MT_LEVEL_DEPTH;
	bool needs_bp = state & MT_LEVEL_NEEDS_BP;
	if (w->last_word)
		remember_word(u, (const uintptr_t *)w->last_word);
	for (uint32_t i = w->count; node && i-- > 0;) {
		const struct mt_walked *frame = &u->walked[i];
		if (frame->bp_word && needs_bp)
			remember_word(u, frame->bp_word);
		if (frame->cfa_word)
			remember_word(u, frame->cfa_word);
		needs_bp = frame->flags & MT_RULE_USES_BP ||
			   (needs_bp && !(frame->flags & MT_RULE_RESTORES_BP));
		uint32_t place = remember_word(u, (const uintptr_t *)frame->slot);
		u->states[place] =
			++depth | (needs_bp ? MT_LEVEL_NEEDS_BP : 0) |
			(frame->kind & MT_NODE_EXACT_PC ? MT_LEVEL_IS_EXACT : 0);
		u->levels[place].bp = needs_bp ? frame->bp : 0;
		node = intern_level(u, node, place, frame->key, frame->kind);
	}
	bool is_plain = u->foreign_count <= MT_UNWIND_FIRST && !u->has_unknown;
	u->span = is_plain ? u->stack_high - u->low : 0;
	return node;
}

/*
 * The frames from the caller outward into u->walked, with all registers: it begins in this
 * function's own frame, whose registers are at hand, and steps through ours first.
 */
static __attribute__((noinline)) mt_node_id walk_registers(struct walk *w,
							   const uintptr_t *slot)
{
	struct mt_unwinder *u = w->u;
	const struct mt_stack own = {.low = u->low, .high = u->stack_high};
	struct mt_registers registers;
	uint32_t module;
	MT_REGISTERS_CAPTURE(&registers);
	enum mt_registers_step step = MT_REGISTERS_CALLER;
	while (step == MT_REGISTERS_CALLER &&
	       registers.values[MT_REG_SP] != (uintptr_t)(slot + 1))
		step = mt_registers_step(&registers, &own, &u->rules.cfi, &module);
	if (step == MT_REGISTERS_CALLER)
		w->count = 0; /* else what was walked without them has to do */
	while (step == MT_REGISTERS_CALLER &&
	       (w->count < u->walked_capacity ||
		(w->count < MAX_WALKED && resize_walked(u, w->count * 2, w->count)))) {
		struct mt_walked *frame = &u->walked[w->count++];
		uintptr_t pc = registers.values[MT_REG_RA];
		frame->kind = registers.is_exact ? MT_NODE_EXACT_PC : 0;
		step = mt_registers_step(&registers, &own, &u->rules.cfi, &module);
		frame->key = mt_frame_key_make(pc, module);
	}
	w->root = step == MT_REGISTERS_END      ? MT_ROOT_COMPLETE
		  : step == MT_REGISTERS_BROKEN ? MT_ROOT_TRUNCATED
						: MT_ROOT_DEEP;
	uint32_t cut = cut_of_depth(w->count);
	mt_node_id node = cut ? MT_ROOT_DEEP : w->root;
	for (uint32_t i = w->count - cut; node && i-- > 0;)
		node = mt_tracebacks_intern(node, u->walked[i].key, u->walked[i].kind);
	return node;
}

static void count_walk(const struct mt_recorder *recorder, const struct walk *w)
{
	recorder->shared->walks++;
	recorder->shared->walked += w->count;
}

static mt_traceback_id walk(struct mt_recorder *recorder, struct mt_caller caller)
{
	struct mt_unwinder *u = recorder->unwinder;
	struct walk w = {.u = u,
			 .at = {.slot = (uintptr_t)caller.slot,
				.pc = *caller.slot,
				.sp = (uintptr_t)(caller.slot + 1),
				.bp = caller.frame_pointer},
			 .search = u->count};
	u->probed_page = (uintptr_t)caller.slot / MT_PAGE_BYTES;
	bool is_followed = walk_to_join(&w);
	count_walk(recorder, &w);
	mt_node_id node = is_followed ? remember(&w) : walk_registers(&w, caller.slot);
	mt_traceback_id id = node ? mt_tracebacks_own(node) : 0;
	if (!is_followed)
		return id;
	if (id)
		mt_predict(recorder, caller, w.join, id);
	else
		mt_unwinder_forget_stack(u);
	return id;
}

/* False: tracing is off. */
static bool renew(struct mt_unwinder *u)
{
	uint32_t generation = atomic_load(&mt_modules_generation);
	uint32_t loads = atomic_load(&mt_modules_loads);
	if (u->generation == generation && (u->loads == loads || !u->has_unknown)) {
		u->loads = loads;
		return true;
	}
	if (!atomic_load(&mt_state.header->totals.tracing))
		return false;
	if (u->generation)
		mt_unwinder_forget(u);
	u->generation = generation;
	u->loads = loads;
	return true;
}

/* For stacks of which not all words are on the thread's own. */
static mt_traceback_id predicted_elsewhere(const struct mt_unwinder *u,
					   struct mt_caller caller)
{
	uint64_t mixed = mt_unwind_mix(*caller.slot, caller.slot);
	const struct mt_prediction *p = &u->predictions[mt_unwind_place(u, mixed)];
	bool is_right = mt_unwind_begins(p, (uintptr_t)caller.slot | 1, *caller.slot) &&
			mt_unwind_has_extra(u, p, caller) && mt_unwind_joins(u, p) &&
			p->join->slot == p->join_slot &&
			mt_unwind_holds_inside(p, caller.slot) &&
			mt_unwind_holds_outside(u, p);
	return is_right ? p->traceback : 0;
}

static mt_traceback_id find_once(struct mt_recorder *recorder, struct mt_caller caller)
{
	struct mt_unwinder *u = recorder->unwinder;
	mt_traceback_id id = 0;
	if (!renew(u))
		return 0;
	if ((uintptr_t)caller.slot - u->low >= u->span)
		id = predicted_elsewhere(u, caller);
	return id ? id : walk(recorder, caller);
}

/* A walk may come to know that what was remembered for it is of another object's code. */
static bool is_outdated(const struct mt_unwinder *u)
{
	return u->generation != atomic_load(&mt_modules_generation);
}

mt_traceback_id mt_unwind_otherwise(struct mt_recorder *recorder, struct mt_caller caller)
{
	mt_traceback_id id = find_once(recorder, caller);
	if (id && is_outdated(recorder->unwinder))
		id = find_once(recorder, caller);
	const struct mt_unwinder *u = recorder->unwinder;
	bool is_open = recorder->pass.is_given && u->span;
	recorder->pass.generation = is_open ? u->generation : 0;
	mt_check_traceback(recorder, caller, id);
	return id;
}

MT_HOT mt_traceback_id mt_unwind_miss(struct mt_recorder *recorder,
				      struct mt_caller caller)
{
	mt_traceback_id id;
	uint32_t join = mt_near_walk(recorder, caller, &id);
	if (join && id)
		mt_predict(recorder, caller, join, id);
	if (!join || is_outdated(recorder->unwinder))
		return mt_unwind_otherwise(recorder, caller);
	mt_check_traceback(recorder, caller, id);
	return id;
}

MT_HOT mt_traceback_id mt_unwind_spared(struct mt_recorder *recorder,
					struct mt_caller caller, uint32_t place)
{
	mt_traceback_id id;
	int8_t *worth = &recorder->unwinder->worth[place];
	if (++*worth == 0)
		*worth = MT_STRIKES - 1;
	if (!mt_near_walk(recorder, caller, &id) || is_outdated(recorder->unwinder))
		return mt_unwind_otherwise(recorder, caller);
	mt_check_traceback(recorder, caller, id);
	return id;
}

/* From the inside out: see unwind.h. */
MT_HOT mt_traceback_id mt_unwind_own(struct mt_recorder *recorder,
				     struct mt_caller caller)
{
	const struct mt_unwinder *u = recorder->unwinder;
	uint32_t place = mt_unwind_find(u, caller.slot);
	struct mt_prediction *p = &u->predictions[place];
	if (mt_unwind_is_spared(u, place))
		return mt_unwind_spared(recorder, caller, place);
	if (!mt_unwind_is_for(u, p, caller) || !mt_unwind_joins(u, p) ||
	    !mt_unwind_holds_inside(p, caller.slot) || !mt_unwind_holds_outside(u, p))
		return mt_unwind_miss(recorder, caller);
	mt_unwind_count_right(p);
	mt_check_traceback(recorder, caller, p->traceback);
	return p->traceback;
}
