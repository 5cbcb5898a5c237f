/*
 * registers.c - see registers.h. Inside the traced process.
 */
#include "tracer/record/registers.h"

#include "tracer/record/modules.h"

enum {
	EXPRESSION_DEPTH = 16,
	EXPRESSION_STEPS = 256, /* they may jump back */
	RED_ZONE = 128,
};

/* DWARF expressions, as far as unwind information uses them. */
enum {
	OP_ADDR = 0x03,
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08, /* then 1s 2u 2s 4u 4s 8u 8s */
	OP_CONSTU = 0x10,
	OP_CONSTS = 0x11,
	OP_DUP = 0x12,
	OP_DROP = 0x13,
	OP_OVER = 0x14,
	OP_SWAP = 0x16,
	OP_AND = 0x1a,
	OP_MINUS = 0x1c,
	OP_MUL = 0x1e,
	OP_OR = 0x21,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_SHR = 0x25,
	OP_SHRA = 0x26,
	OP_XOR = 0x27,
	OP_BRA = 0x28,
	OP_EQ = 0x29,
	OP_GE = 0x2a,
	OP_GT = 0x2b,
	OP_LE = 0x2c,
	OP_LT = 0x2d,
	OP_NE = 0x2e,
	OP_SKIP = 0x2f,
	OP_LIT0 = 0x30,
	OP_BREG0 = 0x70,
	OP_DEREF_SIZE = 0x94,
	OP_NOP = 0x96,
};

struct stepper {
	const struct mt_registers *from;
	const struct mt_stack *own;
	uintptr_t cfa;
};

struct machine {
	const struct stepper *stepper;
	uintptr_t stack[EXPRESSION_DEPTH];
	int depth;
	const uint8_t *at, *start, *end;
};

static bool get_register(const struct mt_registers *registers, uint64_t number,
			 uintptr_t *value)
{
	if (number >= MT_REG_COUNT || !(registers->known >> number & 1))
		return false;
	*value = registers->values[number];
	return true;
}

static bool load(const struct stepper *s, uintptr_t address, uintptr_t *value)
{
	uintptr_t sp = s->from->values[MT_REG_SP];
	bool is_on_own = sp - s->own->low < s->own->high - s->own->low &&
			 address >= sp - RED_ZONE &&
			 address - s->own->low < s->own->high - s->own->low;
	if (address % sizeof(*value) || (!is_on_own && !mt_stack_can_read(address)))
		return false;
	*value = *(const uintptr_t *)address;
	return true;
}

static bool push(struct machine *m, uintptr_t value)
{
	if (m->depth == EXPRESSION_DEPTH)
		return false;
	m->stack[m->depth++] = value;
	return true;
}

static bool run_binary(struct machine *m, uint8_t op)
{
	if (m->depth < 2)
		return false;
	uintptr_t b = m->stack[--m->depth];
	uintptr_t *a = &m->stack[m->depth - 1];
	intptr_t left = (intptr_t)*a, right = (intptr_t)b;
	switch (op) {
	case OP_AND:
		*a &= b;
		return true;
	case OP_MINUS:
		*a -= b;
		return true;
	case OP_MUL:
		*a *= b;
		return true;
	case OP_OR:
		*a |= b;
		return true;
	case OP_PLUS:
		*a += b;
		return true;
	case OP_XOR:
		*a ^= b;
		return true;
	case OP_SHL:
		*a = b < 64 ? *a << b : 0;
		return true;
	case OP_SHR:
		*a = b < 64 ? *a >> b : 0;
		return true;
	case OP_SHRA:
		*a = (uintptr_t)(left >> (b < 64 ? b : 63));
		return true;
	case OP_EQ:
		*a = left == right;
		return true;
	case OP_GE:
		*a = left >= right;
		return true;
	case OP_GT:
		*a = left > right;
		return true;
	case OP_LE:
		*a = left <= right;
		return true;
	case OP_LT:
		*a = left < right;
		return true;
	case OP_NE:
		*a = left != right;
		return true;
	default:
		return false;
	}
}

static bool jump(struct machine *m, bool is_taken)
{
	int16_t by = (int16_t)mt_cfi_bytes(m->at, 2);
	m->at += 2;
	if (!is_taken)
		return true;
	m->at += by;
	return m->at >= m->start && m->at <= m->end;
}

static bool run_constant(struct machine *m, uint8_t op)
{
	int bytes = 1 << ((op - OP_CONST1U) / 2);
	uint64_t value = mt_cfi_bytes(m->at, bytes);
	bool is_signed = (op - OP_CONST1U) % 2;
	if (is_signed && bytes < 8 && value >> (8 * bytes - 1))
		value |= ~UINT64_C(0) << (8 * bytes);
	m->at += bytes;
	return push(m, value);
}

static bool run_deref(struct machine *m, int bytes)
{
	uintptr_t word;
	if (!m->depth || bytes > 8 || bytes < 1)
		return false;
	uintptr_t *top = &m->stack[m->depth - 1];
	unsigned shift = *top % 8 * 8;
	if (shift / 8 + (unsigned)bytes > 8 ||
	    !load(m->stepper, *top & ~(uintptr_t)7, &word))
		return false;
	*top = word >> shift;
	if (bytes < 8)
		*top &= (UINT64_C(1) << (8 * bytes)) - 1;
	return true;
}

static bool run_stack(struct machine *m, uint8_t op)
{
	if (m->depth < (op == OP_OVER || op == OP_SWAP ? 2 : 1))
		return false;
	uintptr_t *top = &m->stack[m->depth - 1];
	if (op == OP_DUP)
		return push(m, *top);
	if (op == OP_OVER)
		return push(m, top[-1]);
	if (op == OP_SWAP) {
		uintptr_t former = top[0];
		top[0] = top[-1];
		top[-1] = former;
		return true;
	}
	m->depth--;
	return true;
}

static bool run_op(struct machine *m, uint8_t op)
{
	uintptr_t value;
	if (op >= OP_LIT0 && op < OP_LIT0 + 32)
		return push(m, op - OP_LIT0);
	if (op >= OP_BREG0 && op < OP_BREG0 + 32) {
		int64_t offset = mt_cfi_sleb(&m->at);
		return get_register(m->stepper->from, op - OP_BREG0, &value) &&
		       push(m, value + (uintptr_t)offset);
	}
	if (op >= OP_CONST1U && op < OP_CONSTU)
		return run_constant(m, op);
	switch (op) {
	case OP_ADDR:
		value = mt_cfi_bytes(m->at, 8);
		m->at += 8;
		return push(m, value);
	case OP_CONSTU:
		return push(m, mt_cfi_uleb(&m->at));
	case OP_CONSTS:
		return push(m, (uintptr_t)mt_cfi_sleb(&m->at));
	case OP_DEREF:
		return run_deref(m, 8);
	case OP_DEREF_SIZE:
		return run_deref(m, *m->at++);
	case OP_PLUS_UCONST:
		value = mt_cfi_uleb(&m->at);
		return m->depth && (m->stack[m->depth - 1] += value, true);
	case OP_DUP:
	case OP_DROP:
	case OP_OVER:
	case OP_SWAP:
		return run_stack(m, op);
	case OP_SKIP:
		return jump(m, true);
	case OP_BRA:
		return m->depth && jump(m, m->stack[--m->depth] != 0);
	case OP_NOP:
		return true;
	default:
		return run_binary(m, op);
	}
}

/* block: ULEB length, then the expression. An initial value is on the stack if given. */
static bool evaluate(const struct stepper *s, int64_t block, const uintptr_t *initial,
		     uintptr_t *result)
{
	const uint8_t *at = (const uint8_t *)(uintptr_t)block;
	uint64_t length = mt_cfi_uleb(&at);
	struct machine m = {.stepper = s, .at = at, .start = at, .end = at + length};
	if (initial)
		push(&m, *initial);
	for (int steps = 0; m.at < m.end; steps++)
		if (steps == EXPRESSION_STEPS || !run_op(&m, *m.at++))
			return false;
	if (!m.depth)
		return false;
	*result = m.stack[m.depth - 1];
	return true;
}

static bool find_cfa(struct stepper *s, const struct mt_cfi_row *row)
{
	if (row->cfa_kind == MT_CFI_EXPRESSION)
		return evaluate(s, row->cfa_value, NULL, &s->cfa);
	if (row->cfa_kind != MT_CFI_VAL_OFFSET ||
	    !get_register(s->from, row->cfa_register, &s->cfa))
		return false;
	s->cfa += (uintptr_t)row->cfa_value;
	return true;
}

/* False: the caller's value cannot be known. */
static bool find_register(const struct stepper *s, const struct mt_cfi_rule *rule,
			  uint64_t number, uintptr_t *value)
{
	uintptr_t address;
	switch (rule->kind) {
	case MT_CFI_SAME:
		return get_register(s->from, number, value);
	case MT_CFI_OFFSET:
		return load(s, s->cfa + (uintptr_t)rule->value, value);
	case MT_CFI_VAL_OFFSET:
		*value = s->cfa + (uintptr_t)rule->value;
		return true;
	case MT_CFI_REGISTER:
		return get_register(s->from, (uint64_t)rule->value, value);
	case MT_CFI_EXPRESSION:
		return evaluate(s, rule->value, &s->cfa, &address) &&
		       load(s, address, value);
	case MT_CFI_VAL_EXPRESSION:
		return evaluate(s, rule->value, &s->cfa, value);
	default:
		return false;
	}
}

/* A call may change these, so that they are unknown in the caller unless saved. */
static bool is_lost_in_call(uint64_t number)
{
	return number != MT_REG_RBX && number != MT_REG_BP && number < MT_REG_R12;
}

static void find_registers(const struct stepper *s, const struct mt_cfi *cfi,
			   struct mt_registers *caller)
{
	for (uint64_t i = 0; i < MT_REG_COUNT; i++) {
		const struct mt_cfi_rule *rule = &cfi->row->registers[i];
		caller->values[i] = 0;
		if (i == MT_REG_SP && rule->kind == MT_CFI_SAME) {
			caller->values[i] = s->cfa;
			caller->known |= 1u << i;
		} else if ((rule->kind != MT_CFI_SAME ||
			    (!is_lost_in_call(i) && i != MT_REG_RA)) &&
			   find_register(s, rule, i, &caller->values[i])) {
			caller->known |= 1u << i;
		}
	}
}

/* No memcpy: it may be an IFUNC that is not resolved yet. */
static void replace(struct mt_registers *to, const struct mt_registers *from)
{
	for (int i = 0; i < MT_REG_COUNT; i++) {
		to->values[i] = from->values[i];
		__asm__("" : "+r"(i));
	}
	to->known = from->known;
	to->is_exact = from->is_exact;
}

/* As MT_RULE_BEFORE_ENTRY. */
static bool is_entry(const struct mt_registers *registers, struct mt_cfi *cfi,
		     const struct mt_module_match *match)
{
	return !registers->is_exact && match->unwinding &&
	       mt_cfi_find(cfi, match->unwinding, registers->values[MT_REG_RA]);
}

enum mt_registers_step mt_registers_step(struct mt_registers *registers,
					 const struct mt_stack *own, struct mt_cfi *cfi,
					 uint32_t *module)
{
	uintptr_t pc = registers->values[MT_REG_RA];
	uintptr_t sp = registers->values[MT_REG_SP];
	struct mt_module_match match;
	*module = 0;
	if (!mt_modules_find(pc - !registers->is_exact, &match))
		return MT_REGISTERS_BROKEN;
	*module = match.id;
	if (!match.unwinding ||
	    !mt_cfi_find(cfi, match.unwinding, pc - !registers->is_exact))
		return mt_stack_is_entry(sp) || is_entry(registers, cfi, &match)
			       ? MT_REGISTERS_END
			       : MT_REGISTERS_BROKEN;
	if (cfi->row->registers[MT_REG_RA].kind == MT_CFI_UNDEFINED)
		return MT_REGISTERS_END;
	struct stepper stepper = {.from = registers, .own = own};
	if (!find_cfa(&stepper, cfi->row))
		return MT_REGISTERS_BROKEN;
	struct mt_registers caller;
	caller.known = 0;
	caller.is_exact = cfi->is_signal_frame;
	find_registers(&stepper, cfi, &caller);
	uint32_t needed = 1u << MT_REG_RA | 1u << MT_REG_SP;
	if ((caller.known & needed) != needed ||
	    (!caller.is_exact && caller.values[MT_REG_SP] <= sp))
		return MT_REGISTERS_BROKEN;
	replace(registers, &caller);
	return registers->values[MT_REG_RA] ? MT_REGISTERS_CALLER : MT_REGISTERS_END;
}
