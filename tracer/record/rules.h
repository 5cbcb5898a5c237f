/*
 * rules.h - how to step from a frame to its caller, in 16 bytes.
 * Inside the traced process, under the guard. A thread has its own cache of rules: no
 * other thread ever sees an entry half written.
 */
#ifndef MT_TRACER_RECORD_RULES_H
#define MT_TRACER_RECORD_RULES_H

#include "tracer/record/cfi.h"
#include "tracer/record/tracebacks.h"

#include <stdbool.h>
#include <stdint.h>

enum mt_rule_type {
	MT_RULE_NONE = 0, /* an empty place in the cache */
	MT_RULE_SP,       /* CFA = rsp + cfa */
	MT_RULE_BP,       /* CFA = rbp + cfa */
	MT_RULE_BP_LOAD,  /* CFA = *(rbp + cfa): a realigned stack */
	MT_RULE_SIGNAL,   /* the kernel's signal frame: registers in a ucontext */
	MT_RULE_END,      /* there is no caller */
	MT_RULE_OTHER,    /* needs other registers: registers.h */
	MT_RULE_BAD,      /* no unwind information */
};

enum {
	MT_RULE_RESTORES_BP = 1 << 0, /* rbp of the caller is in memory, at ... */
	MT_RULE_BP_BY_BP = 1 << 1,    /* ... rbp + 8 * bp, else CFA + 8 * bp */
	MT_RULE_USES_BP = 1 << 2,     /* rbp is needed to take this step */
	/* With MT_RULE_BAD: the next address is a function's first. As a return address
	 * nobody but makecontext and its like put it there: the stack begins here. */
	MT_RULE_BEFORE_ENTRY = 1 << 3,
	/* With MT_RULE_SP: what is loaded lies in the frame or just beyond, by the
	 * numbers alone. */
	MT_RULE_IS_CLOSE = 1 << 4,

	/* The kernel's frame, from rsp at the return from the handler. */
	MT_SIGNAL_BP = 120,
	MT_SIGNAL_SP = 160,
	MT_SIGNAL_PC = 168,

	MT_RULES_WAYS = 2,
};

struct mt_rule {
	/* The address of the instruction (of the call, where a frame made one), module. */
	mt_frame_key key;
	int32_t cfa;
	int16_t bp;
	uint8_t type;  /* enum mt_rule_type */
	uint8_t flags; /* MT_RULE_* */
};
_Static_assert(sizeof(struct mt_rule) == 16, "four to a cache line");

struct mt_rules {
	struct mt_rule *entries;
	uint32_t set_mask;
	uint32_t fills;         /* since the cache has its size */
	struct mt_rule passing; /* an answer that must not be kept */
	struct mt_cfi cfi;
};

/* False: no memory. */
bool mt_rules_init(struct mt_rules *rules);
void mt_rules_forget(struct mt_rules *rules);

/* Not in the cache: ask the object's unwind information. Never NULL. */
const struct mt_rule *mt_rules_fill(struct mt_rules *rules, uintptr_t pc);

static inline uint32_t mt_rules_set(const struct mt_rules *rules, uintptr_t pc)
{
	return (uint32_t)(pc * UINT64_C(0x9e3779b97f4a7c15) >> 40) & rules->set_mask;
}

/* The rule for the instruction at pc, if it is in the cache; else NULL. */
static inline const struct mt_rule *mt_rules_known(const struct mt_rules *rules,
						   uintptr_t pc)
{
	const struct mt_rule *set =
		&rules->entries[mt_rules_set(rules, pc) * MT_RULES_WAYS];
	if (__builtin_expect((uintptr_t)(set[0].key << 16) == pc << 16, 1))
		return &set[0];
	return (uintptr_t)(set[1].key << 16) == pc << 16 ? &set[1] : NULL;
}

/* The same, or else it is made. Valid until the next call. */
static inline const struct mt_rule *mt_rules_find(struct mt_rules *rules, uintptr_t pc)
{
	const struct mt_rule *rule = mt_rules_known(rules, pc);
	return rule ? rule : mt_rules_fill(rules, pc);
}

#endif
