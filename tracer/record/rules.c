/*
 * rules.c - from unwind information to rules.
 * Inside the traced process.
 */
#include "tracer/record/rules.h"

#include "tracer/record/modules.h"
#include "tracer/record/pages.h"

enum {
	FIRST_SETS = 512,
	MAX_SETS = 8192, /* 256 KiB */
	OP_DEREF = 0x06,
	OP_BREG0 = 0x70,
	MIN_PC = 4096,
};

static size_t cache_bytes(uint32_t sets)
{
	return (size_t)sets * MT_RULES_WAYS * sizeof(struct mt_rule);
}

/* The older of a set's rules makes room. */
static struct mt_rule *take_place(const struct mt_rules *rules, uintptr_t pc)
{
	struct mt_rule *set = &rules->entries[mt_rules_set(rules, pc) * MT_RULES_WAYS];
	set[1] = set[0];
	return &set[0];
}

static void take_over(const struct mt_rules *rules, const struct mt_rules *old)
{
	uint32_t places = (old->set_mask + 1) * MT_RULES_WAYS;
	for (uint32_t i = places; i-- > 0;)
		if (old->entries[i].key)
			*take_place(rules, mt_frame_key_pc(old->entries[i].key)) =
				old->entries[i];
	mt_pages_unmap(old->entries, cache_bytes(old->set_mask + 1));
}

static bool resize(struct mt_rules *rules, uint32_t sets)
{
	struct mt_rule *entries = mt_pages_map_sparse(cache_bytes(sets));
	if (!entries)
		return false;
	mt_pages_populate(entries, cache_bytes(sets));
	struct mt_rules old = {.entries = rules->entries, .set_mask = rules->set_mask};
	rules->entries = entries;
	rules->set_mask = sets - 1;
	rules->fills = 0;
	if (old.entries)
		take_over(rules, &old);
	return true;
}

bool mt_rules_init(struct mt_rules *rules)
{
	return rules->entries || resize(rules, FIRST_SETS);
}

void mt_rules_forget(struct mt_rules *rules)
{
	mt_pages_discard(rules->entries, cache_bytes(rules->set_mask + 1));
	rules->fills = 0;
}

/* The expression is "register + offset", and then a load if deref. */
static bool is_register_offset(int64_t block, int reg, bool deref, int64_t *offset)
{
	const uint8_t *at = (const uint8_t *)(uintptr_t)block;
	uint64_t length = mt_cfi_uleb(&at);
	const uint8_t *end = at + length;
	if (at >= end || *at++ != OP_BREG0 + reg)
		return false;
	*offset = mt_cfi_sleb(&at);
	if (deref && (at >= end || *at++ != OP_DEREF))
		return false;
	return at == end;
}

static bool is_kernel_frame(const struct mt_cfi_row *row)
{
	int64_t sp, bp, pc;
	return row->cfa_kind == MT_CFI_EXPRESSION &&
	       row->registers[MT_REG_BP].kind == MT_CFI_EXPRESSION &&
	       row->registers[MT_REG_RA].kind == MT_CFI_EXPRESSION &&
	       is_register_offset(row->cfa_value, MT_REG_SP, true, &sp) &&
	       is_register_offset(row->registers[MT_REG_BP].value, MT_REG_SP, false,
				  &bp) &&
	       is_register_offset(row->registers[MT_REG_RA].value, MT_REG_SP, false,
				  &pc) &&
	       sp == MT_SIGNAL_SP && bp == MT_SIGNAL_BP && pc == MT_SIGNAL_PC;
}

static bool compile_cfa(struct mt_rule *rule, const struct mt_cfi_row *row)
{
	int64_t offset = row->cfa_value;
	if (row->cfa_kind == MT_CFI_EXPRESSION) {
		if (!is_register_offset(row->cfa_value, MT_REG_BP, true, &offset))
			return false;
		rule->type = MT_RULE_BP_LOAD;
		rule->flags = MT_RULE_USES_BP;
	} else if (row->cfa_register == MT_REG_SP) {
		rule->type = MT_RULE_SP;
	} else if (row->cfa_register == MT_REG_BP) {
		rule->type = MT_RULE_BP;
		rule->flags = MT_RULE_USES_BP;
	} else {
		return false;
	}
	rule->cfa = (int32_t)offset;
	return rule->cfa == offset;
}

static bool compile_bp(struct mt_rule *rule, const struct mt_cfi_rule *bp)
{
	int64_t offset = bp->value;
	if (bp->kind == MT_CFI_SAME || bp->kind == MT_CFI_UNDEFINED)
		return true;
	if (bp->kind == MT_CFI_EXPRESSION) {
		if (!is_register_offset(bp->value, MT_REG_BP, false, &offset))
			return false;
		rule->flags |= MT_RULE_BP_BY_BP | MT_RULE_USES_BP;
	} else if (bp->kind != MT_CFI_OFFSET) {
		return false;
	}
	rule->flags |= MT_RULE_RESTORES_BP;
	rule->bp = (int16_t)(offset / 8);
	return rule->bp * 8 == offset;
}

static void compile(struct mt_rule *rule, const struct mt_cfi *cfi)
{
	const struct mt_cfi_row *row = cfi->row;
	const struct mt_cfi_rule *ra = &row->registers[MT_REG_RA];
	if (cfi->is_signal_frame) {
		rule->type = is_kernel_frame(row) ? MT_RULE_SIGNAL : MT_RULE_OTHER;
		rule->flags = MT_RULE_RESTORES_BP;
	} else if (ra->kind == MT_CFI_UNDEFINED)
		rule->type = MT_RULE_END;
	else if (ra->kind == MT_CFI_SAME || !row->cfa_kind)
		rule->type = MT_RULE_BAD;
	else if (ra->kind != MT_CFI_OFFSET || ra->value != -8 ||
		 row->registers[MT_REG_SP].kind != MT_CFI_SAME ||
		 !compile_cfa(rule, row) || !compile_bp(rule, &row->registers[MT_REG_BP]))
		rule->type = MT_RULE_OTHER;
}

static bool is_close(const struct mt_rule *rule)
{
	return rule->type == MT_RULE_SP && rule->cfa > 0 && rule->cfa % 8 == 0 &&
	       !(rule->flags & MT_RULE_USES_BP) &&
	       (!(rule->flags & MT_RULE_RESTORES_BP) ||
		(rule->bp < 0 && rule->bp * 8 >= -rule->cfa));
}

/* Half of the rules of a full cache would have to leave soon. */
static struct mt_rule *make_place(struct mt_rules *rules, uintptr_t pc)
{
	uint32_t places = (rules->set_mask + 1) * MT_RULES_WAYS;
	if (rules->fills++ > places / 2 && rules->set_mask + 1 < MAX_SETS)
		resize(rules, (rules->set_mask + 1) * 4);
	return take_place(rules, pc);
}

const struct mt_rule *mt_rules_fill(struct mt_rules *rules, uintptr_t pc)
{
	rules->passing =
		(struct mt_rule){.key = mt_frame_key_make(pc, 0), .type = MT_RULE_BAD};
	struct mt_module_match match;
	if (pc < MIN_PC || pc >> (MT_PC_BITS - 1) || !mt_modules_find(pc, &match))
		return &rules->passing;
	struct mt_rule *rule = &rules->passing;
	rule->key = mt_frame_key_make(pc, match.id);
	if (match.unwinding && mt_cfi_find(&rules->cfi, match.unwinding, pc))
		compile(rule, &rules->cfi);
	else if (match.unwinding && mt_cfi_find(&rules->cfi, match.unwinding, pc + 1))
		rule->flags = MT_RULE_BEFORE_ENTRY;
	if (is_close(rule))
		rule->flags |= MT_RULE_IS_CLOSE;
	struct mt_rule *kept = make_place(rules, pc);
	*kept = *rule;
	return kept;
}
