/*
 * unwind.h - the traceback of an event: predicted and verified, or walked.
 * Inside the traced process, under the guard.
 *
 * Unwinding is a function of the registers at the event and of the words that it reads
 * from the stack. A thread remembers its last walked stack as the list of those words, outermost
 * first: every return address, every saved frame pointer that was needed later, and what
 * else a rule had to load. A prediction names a place in that list from which outward
 * the stack is expected to be the same, and holds the words further in. When all these words
 * have the same values as then, the traceback is the same: nothing is guessed but where to
 * look. A wrong prediction costs a walk, from the innermost frame to the first one from
 * which outward the remembered words are still there.
 *
 * The words may be compared in any order only where they are all on the thread's own
 * stack, between the event and its top. Where other stacks are involved (coroutines,
 * signal stacks) they are compared from the inside out, so that no word is touched that a
 * walk would not touch.
 */
#ifndef MT_TRACER_RECORD_UNWIND_H
#define MT_TRACER_RECORD_UNWIND_H

#include "tracer/record/check.h"
#include "tracer/record/modules.h"
#include "tracer/record/recorder.h"
#include "tracer/record/rules.h"

enum {
	MT_UNWIND_FIRST = 4, /* words below are paddings that always match */
	MT_PREDICTION_CHECKS = 12,
	MT_MAX_PREDICTIONS = 4096,
	MT_HINTS = 4096,
	MT_INTERNED_BITS = 11,
	MT_INTERNED = 1 << MT_INTERNED_BITS,
};

enum {
	MT_LEVEL_NEEDS_BP = 1 << 30,
	MT_LEVEL_IS_EXACT = 1 << 29, /* interrupted: cannot be joined or predicted from */
	MT_LEVEL_DEPTH = (1 << 29) - 1, /* frames from here outward */
};

/* What is known at a word of the remembered stack. */
struct mt_level {
	uintptr_t
		bp; /* the frame's rbp where a frame from here outward needs it, else 0 */
	mt_node_id node; /* the traceback from here outward; 0: the word is no frame */
	uint32_t state;  /* depth and MT_LEVEL_* */
};

/* 192 bytes; the first line decides whether the rest is worth a look. */
struct mt_prediction {
	_Alignas(64) uintptr_t slot; /* | 1: only from the inside out; 0: none */
	uintptr_t pc;
	uintptr_t bp, bp_mask; /* mask 0: rbp does not matter */
	uintptr_t join_slot, join_bp;
	mt_node_id join_node;
	uint32_t join; /* place in the remembered stack */
	mt_traceback_id traceback;
	uint16_t checks;    /* a multiple of 4 */
	uint16_t was_right; /* since it was made */
	uintptr_t values[MT_PREDICTION_CHECKS];
	uint16_t offsets[MT_PREDICTION_CHECKS]; /* in words from slot */
};

/* A frame of the walk under way. */
struct mt_walked {
	uintptr_t slot, bp;
	mt_frame_key key;
	const uintptr_t *bp_word, *cfa_word; /* loaded besides the return address */
	uint16_t kind;                       /* of the node */
	uint16_t flags;                      /* of the rule */
};

/* A frame beneath a parent, met before in this thread. */
struct mt_interned {
	mt_frame_key key;
	mt_node_id parent; /* 0: none */
	mt_node_id node;
};

struct mt_unwinder {
	/* The thread's own stack; span 0 while words elsewhere or frames in no loaded
	 * object are remembered: then the inline part is passed by. */
	uintptr_t low;
	size_t span;
	uint32_t generation; /* of the modules when all this was learnt */
	uint32_t prediction_mask;
	struct mt_prediction *predictions;
	uint16_t *
		hints; /* by return address: words to the next one that tells callers apart */
	struct mt_interned *interned;
	const uintptr_t **slots;
	uintptr_t *values;
	struct mt_level *levels;

	uint32_t count, capacity; /* of the remembered stack */
	uint32_t foreign_count;   /* words up to here are not all on the own stack */
	uint32_t cut;             /* frames left out outside: more than MT_MAX_DEPTH */
	mt_node_id root;
	uint32_t walked_capacity;
	struct mt_walked *walked;
	uint32_t missed;  /* since the predictions have their number */
	uint32_t useless; /* predictions lately: see predict.c */
	uint32_t spared;
	uint32_t loads;   /* of the modules when has_unknown was set */
	bool has_unknown; /* walked to a frame in no loaded object: code made at run time */
	uintptr_t stack_high, probed_page;
	struct mt_rules rules;
};

/* The unwinder of a slot, kept for the next thread in it. NULL: no memory. */
struct mt_unwinder *mt_unwinder_create(void);

/* For the calling thread: finds the bounds of its stack. */
void mt_unwinder_attach(struct mt_unwinder *unwinder);

/* All that was learnt is wrong: other code, or other nodes. */
void mt_unwinder_forget(struct mt_unwinder *unwinder);

/* What is remembered of the stack is wrong, or cannot be kept. */
void mt_unwinder_forget_stack(struct mt_unwinder *unwinder);

/* What the inline part did not predict. p: what did not hold; NULL: it was passed by. */
mt_traceback_id mt_unwind_miss(struct mt_recorder *recorder, struct mt_caller caller,
			       struct mt_prediction *p);

static inline uint32_t mt_unwind_interned_place(mt_node_id parent, mt_frame_key key)
{
	uint64_t mixed = (key ^ (uint64_t)parent << 24) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(mixed >> (64 - MT_INTERNED_BITS));
}

static inline uint32_t mt_unwind_hint_place(uintptr_t pc)
{
	return (uint32_t)(pc ^ pc >> 12) & (MT_HINTS - 1);
}

/* The next return address that tells callers apart; reads stay on the stack. */
static inline const uintptr_t *mt_unwind_hinted(const struct mt_unwinder *u,
						const uintptr_t *slot, uintptr_t pc)
{
	const uintptr_t *last = (const uintptr_t *)u->stack_high - 1;
	const uintptr_t *next = slot + u->hints[mt_unwind_hint_place(pc)];
	return next < last ? next : last;
}

/* Where a prediction for this stack would be. */
static inline struct mt_prediction *mt_unwind_guess(const struct mt_unwinder *u,
						    const uintptr_t *slot)
{
	const uintptr_t *second = mt_unwind_hinted(u, slot, *slot);
	const uintptr_t *third = mt_unwind_hinted(u, second, *second);
	uint64_t mixed = *slot * UINT64_C(0x9e3779b97f4a7c15) ^
			 (uintptr_t)slot * UINT64_C(0xd6e8feb86659fd93) ^
			 *second * UINT64_C(0xa0761d6478bd642f) ^
			 *third * UINT64_C(0xe7037ed1a0b428db);
	return &u->predictions[(mixed >> 40) & u->prediction_mask];
}

/* Whether the prediction begins with this frame and its place is still what it was. */
static inline bool mt_unwind_applies(const struct mt_unwinder *u,
				     const struct mt_prediction *p,
				     struct mt_caller caller, uintptr_t mark)
{
	return p->slot == ((uintptr_t)caller.slot | mark) && p->pc == *caller.slot &&
	       !((p->bp ^ caller.frame_pointer) & p->bp_mask) &&
	       (uintptr_t)u->slots[p->join] == p->join_slot &&
	       u->levels[p->join].node == p->join_node &&
	       u->levels[p->join].bp == p->join_bp;
}

/* Whether all words are as they were, from the inside out. */
static inline bool mt_unwind_holds(const struct mt_unwinder *u,
				   const struct mt_prediction *p, const uintptr_t *slot)
{
	for (uint32_t i = 0; i < p->checks; i += 4)
		if (slot[p->offsets[i]] != p->values[i] ||
		    slot[p->offsets[i + 1]] != p->values[i + 1] ||
		    slot[p->offsets[i + 2]] != p->values[i + 2] ||
		    slot[p->offsets[i + 3]] != p->values[i + 3])
			return false;
	const uintptr_t **slots = u->slots + p->join;
	const uintptr_t *values = u->values + p->join;
	for (; slots >= u->slots + MT_UNWIND_FIRST; slots -= 4, values -= 4)
		if (*slots[0] != values[0] || *slots[-1] != values[-1] ||
		    *slots[-2] != values[-2] || *slots[-3] != values[-3])
			return false;
	return true;
}

/*
 * The traceback that begins with the caller of a door, if it was predicted; else 0, and
 * *p is for mt_unwind_miss. Never while tracing is off: that is a generation of its own.
 */
static inline __attribute__((always_inline)) mt_traceback_id
mt_unwind_predicted(const struct mt_recorder *recorder, struct mt_caller caller,
		    struct mt_prediction **p)
{
	const struct mt_unwinder *u = recorder->unwinder;
	uint32_t generation =
		atomic_load_explicit(&mt_modules_generation, memory_order_relaxed);
	*p = NULL;
	if (__builtin_expect((uintptr_t)caller.slot - u->low >= u->span ||
				     u->generation != generation,
			     0))
		return 0;
	*p = mt_unwind_guess(u, caller.slot);
	if (__builtin_expect(!mt_unwind_applies(u, *p, caller, 0) ||
				     !mt_unwind_holds(u, *p, caller.slot),
			     0))
		return 0;
	(*p)->was_right = 1;
	mt_check_traceback(recorder, caller, (*p)->traceback);
	return (*p)->traceback;
}

/*
 * The traceback that begins with the caller of a door. 0: not to be recorded, or not
 * possible (counted).
 */
static inline mt_traceback_id mt_unwind_traceback(struct mt_recorder *recorder,
						  struct mt_caller caller)
{
	struct mt_prediction *p;
	mt_traceback_id id = mt_unwind_predicted(recorder, caller, &p);
	return __builtin_expect(id, 1) ? id : mt_unwind_miss(recorder, caller, p);
}

#endif
