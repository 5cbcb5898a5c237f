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
	MT_PREDICTION_CHECKS = 8,
	MT_SIGNS_BITS = 10,
	MT_SIGNS = 1 << MT_SIGNS_BITS,
	MT_SIGN_OFFSET_BITS = 16,
	MT_MOST_SIGNS = 3, /* on the way to a prediction */
	MT_MAX_PREDICTIONS = 4096,
	MT_STRIKES = 4, /* predictions in a row that were not worth making */
	MT_SPARED = 64, /* events that are walked then, before the next is made */
	MT_INTERNED_BITS = 11,
	MT_INTERNED = 1 << MT_INTERNED_BITS,
};

enum {
	MT_LEVEL_NEEDS_BP = 1 << 30,
	MT_LEVEL_IS_EXACT = 1 << 29, /* interrupted: cannot be joined or predicted from */
	MT_LEVEL_DEPTH = (1 << 29) - 1, /* frames from here outward */
};

/* A word of the remembered stack. */
struct mt_word {
	const uintptr_t *slot;
	uintptr_t value;
};

/* What is known there. As large as the word: both are found from one pointer. */
struct mt_level {
	uint64_t place; /* mt_level_place; 0: the word is no frame */
	uintptr_t
		bp; /* the frame's rbp where a frame from here outward needs it, else 0 */
};
static_assert(sizeof(struct mt_level) == sizeof(struct mt_word), "see mt_unwind_level");

/*
 * The traceback from a frame outward and, of the frame's slot, what tells two on the
 * same stack apart.
 */
static inline uint64_t mt_level_place(mt_node_id node, const uintptr_t *slot)
{
	return (uint64_t)node << 32 | (uint32_t)((uintptr_t)slot / sizeof(*slot));
}

static inline mt_node_id mt_level_node(const struct mt_level *level)
{
	return (mt_node_id)(level->place >> 32);
}

enum {
	MT_PREDICTION_IS_TWIN = 2, /* as mt_prediction.slot, of no event */
	/* In mt_prediction.extra: rbp matters at the event, at the join. */
	MT_PREDICTION_NEEDS_BP = 1 << 0,
	MT_PREDICTION_JOIN_NEEDS_BP = 1 << 1,
	MT_PREDICTION_IS_LONG = 1 << 2, /* its twin has more checks */
	/* What rbp has to be takes the place of a check. */
	MT_PREDICTION_BP = MT_PREDICTION_CHECKS - 1,
	MT_PREDICTION_JOIN_BP = MT_PREDICTION_CHECKS - 2,
};

/*
 * 128 bytes; the first line decides whether the second is worth a look. Checks are compared four
 * at a time: what is left over repeats the return address. Where they are not enough, the
 * prediction in the place beside it, its twin, gives its own for them.
 */
struct mt_prediction {
	_Alignas(64) uintptr_t slot; /* | 1: only from the inside out; 0: none */
	uintptr_t pc;
	const struct mt_word *join; /* the rest is the remembered stack from here */
	uint64_t join_place;
	union {
		struct mt_state_counter *counter; /* of the traceback */
		const uintptr_t *join_slot; /* whole, where other stacks take part */
	};
	mt_traceback_id traceback;
	uint16_t extra; /* MT_PREDICTION_*; 0: none */
	uint8_t checks; /* a multiple of 4 */
	uint8_t rights; /* how often right: mt_unwind_count_right */
	uint16_t offsets[MT_PREDICTION_CHECKS]; /* in words from slot */
	uintptr_t values[MT_PREDICTION_CHECKS];
};
static_assert(sizeof(struct mt_prediction) == 128, "two lines");

/*
 * Where stacks are alike in what is known of them so far (at first slot and return address), the
 * offset of a word that tells them apart, in words from the slot. The place is given by the
 * highest bits of what is known, mixed, two entries to each; the entry repeats all but the last
 * 16, which are the offset. No prediction is taken for right by them: they only say where it would be.
 */
typedef uint64_t mt_sign;

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
	/* The remembered stack: its first word, and the way from a word to its level. */
	const struct mt_word *first_word;
	ptrdiff_t to_levels;
	mt_sign *signs;
	struct mt_prediction *predictions;
	uint32_t prediction_mask;
	uint32_t generation; /* of the modules when all this was learnt */
	/*
	 * Of the places of predictions: from 0 the strikes, below it the events to be spared a
	 * prediction. Where stacks alternate, a walk of a few frames costs less than one
	 * that is hardly ever right.
	 */
	int8_t *worth;
	struct mt_word *words;
	struct mt_level *levels;

	uint32_t *states; /* of levels: depth and MT_LEVEL_* */

	/* The thread's own stack; span 0 while words elsewhere or frames in no loaded
	 * object are remembered: then the inline part is passed by. */
	uintptr_t low;
	size_t span;
	struct mt_interned *interned;

	uint32_t count, capacity; /* of the remembered stack */
	uint32_t foreign_count;   /* words up to here are not all on the own stack */
	uint32_t cut;             /* frames left out outside: more than MT_MAX_DEPTH */
	mt_node_id root;
	uint32_t walked_capacity;
	struct mt_walked *walked;
	uint32_t missed; /* since the predictions have their number */
	uint32_t loads;  /* of the modules when has_unknown was set */
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

/* What the inline part did not predict: it tried, or the event is spared a prediction there. */
mt_traceback_id mt_unwind_miss(struct mt_recorder *recorder, struct mt_caller caller);
mt_traceback_id mt_unwind_spared(struct mt_recorder *recorder, struct mt_caller caller,
				 uint32_t place);

/* The same where the inline part was passed by. */
mt_traceback_id mt_unwind_otherwise(struct mt_recorder *recorder,
				    struct mt_caller caller);

static inline uint32_t mt_unwind_interned_place(mt_node_id parent, mt_frame_key key)
{
	uint64_t mixed = (key ^ (uint64_t)parent << 24) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(mixed >> (64 - MT_INTERNED_BITS));
}

static inline const struct mt_level *mt_unwind_level(const struct mt_unwinder *u,
						     const struct mt_word *word)
{
	return (const struct mt_level *)((const char *)word + u->to_levels);
}

static inline uint64_t mt_unwind_mix(uintptr_t pc, const uintptr_t *slot)
{
	return (pc ^ (uintptr_t)slot << 24) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t mt_unwind_mix_sign(uint64_t mixed, uintptr_t word)
{
	return (mixed ^ word) * UINT64_C(0xd6e8feb86659fd93);
}

static inline bool mt_sign_is_for(mt_sign sign, uint64_t mixed)
{
	return (sign ^ mixed) >> MT_SIGN_OFFSET_BITS == 0;
}

/* The two entries that a sign may have, the younger first. */
static inline mt_sign *mt_unwind_signs(const struct mt_unwinder *u, uint64_t mixed)
{
	return &u->signs[mixed >> (65 - MT_SIGNS_BITS) << 1];
}

/* The sign if there is one; another otherwise. */
static inline mt_sign mt_unwind_sign(const struct mt_unwinder *u, uint64_t mixed)
{
	const mt_sign *pair = mt_unwind_signs(u, mixed);
	mt_sign younger = pair[0], older = pair[1];
	return mt_sign_is_for(younger, mixed) ? younger : older;
}

static inline uint32_t mt_sign_offset(mt_sign sign)
{
	return sign & ((1 << MT_SIGN_OFFSET_BITS) - 1);
}

/* Where in predictions and worth. */
static inline uint32_t mt_unwind_place(const struct mt_unwinder *u, uint64_t mixed)
{
	return (uint32_t)(mixed >> 32) & u->prediction_mask;
}

static inline bool mt_unwind_is_spared(const struct mt_unwinder *u, uint32_t place)
{
	return u->worth[place] < 0;
}

/* In unary, so that it ends at 8. */
static inline void mt_unwind_count_right(struct mt_prediction *p)
{
	p->rights = (uint8_t)(p->rights << 1 | 1);
}

/* Whether the prediction begins with this frame. */
static inline bool mt_unwind_begins(const struct mt_prediction *p, uintptr_t slot,
				    uintptr_t pc)
{
	return p->slot == slot && p->pc == pc;
}

/* Whether its place in the remembered stack is still what it was. */
static inline bool mt_unwind_joins(const struct mt_unwinder *u,
				   const struct mt_prediction *p)
{
	return mt_unwind_level(u, p->join)->place == p->join_place;
}

static inline struct mt_prediction *mt_unwind_twin(const struct mt_unwinder *u,
						   const struct mt_prediction *p)
{
	return u->predictions + ((p - u->predictions) ^ 1);
}

/* Whether the words of its own are as they were. */
static inline __attribute__((always_inline)) bool
mt_unwind_holds_inside(const struct mt_prediction *p, const uintptr_t *slot)
{
	for (uint32_t i = 0; i < p->checks; i += 4)
		if (slot[p->offsets[i]] != p->values[i] ||
		    slot[p->offsets[i + 1]] != p->values[i + 1] ||
		    slot[p->offsets[i + 2]] != p->values[i + 2] ||
		    slot[p->offsets[i + 3]] != p->values[i + 3])
			return false;
	return true;
}

/* Whether rbp is right where it matters, and so are the words of the twin. */
static inline bool mt_unwind_has_extra(const struct mt_unwinder *u,
				       const struct mt_prediction *p,
				       struct mt_caller caller)
{
	return (!(p->extra & MT_PREDICTION_NEEDS_BP) ||
		p->values[MT_PREDICTION_BP] == caller.frame_pointer) &&
	       (!(p->extra & MT_PREDICTION_JOIN_NEEDS_BP) ||
		p->values[MT_PREDICTION_JOIN_BP] == mt_unwind_level(u, p->join)->bp) &&
	       (!(p->extra & MT_PREDICTION_IS_LONG) ||
		mt_unwind_holds_inside(mt_unwind_twin(u, p), caller.slot));
}

/* Along signs, of which this is the first, to where the prediction is, if there is one. */
static inline __attribute__((always_inline)) uint32_t
mt_unwind_follow(const struct mt_unwinder *u, const uintptr_t *slot, uint64_t mixed,
		 mt_sign sign)
{
	int left = MT_MOST_SIGNS;
	do {
		mixed = mt_unwind_mix_sign(mixed, slot[mt_sign_offset(sign)]);
		sign = mt_unwind_sign(u, mixed);
	} while (--left && mt_sign_is_for(sign, mixed));
	return mt_unwind_place(u, mixed);
}

/* The same from the event's slot, whether there are signs or not. */
static inline uint32_t mt_unwind_find(const struct mt_unwinder *u, const uintptr_t *slot)
{
	uint64_t mixed = mt_unwind_mix(*slot, slot);
	mt_sign sign = mt_unwind_sign(u, mixed);
	return mt_sign_is_for(sign, mixed) ? mt_unwind_follow(u, slot, mixed, sign)
					   : mt_unwind_place(u, mixed);
}

/* Whether the prediction begins with the caller's frame, and what is extra holds. */
static inline __attribute__((always_inline)) bool
mt_unwind_is_for(const struct mt_unwinder *u, const struct mt_prediction *p,
		 struct mt_caller caller)
{
	return mt_unwind_begins(p, (uintptr_t)caller.slot, *caller.slot) &&
	       (__builtin_expect(!p->extra, 1) || mt_unwind_has_extra(u, p, caller));
}

/* Whether the remembered words are as they were. */
static inline __attribute__((always_inline)) bool
mt_unwind_holds_outside(const struct mt_unwinder *u, const struct mt_prediction *p)
{
	const struct mt_word *first = u->first_word;
	for (const struct mt_word *word = p->join; word >= first; word -= 4)
		if (*word[0].slot != word[0].value || *word[-1].slot != word[-1].value ||
		    *word[-2].slot != word[-2].value || *word[-3].slot != word[-3].value)
			return false;
	return true;
}

/* As below, while the unwinder is up to date and its span is not 0. */
mt_traceback_id mt_unwind_own(struct mt_recorder *recorder, struct mt_caller caller);

/*
 * The traceback that begins with the caller of a door. 0: not to be recorded, or not
 * possible (counted). While tracing is off there is none: that is a generation of its own.
 */
static inline mt_traceback_id mt_unwind_traceback(struct mt_recorder *recorder,
						  struct mt_caller caller)
{
	const struct mt_unwinder *u = recorder->unwinder;
	bool is_own = (uintptr_t)caller.slot - u->low < u->span &&
		      u->generation == mt_modules_current();
	return __builtin_expect(is_own, 1) ? mt_unwind_own(recorder, caller)
					   : mt_unwind_otherwise(recorder, caller);
}

#endif
