/*
 * cfi.h - call frame information: how the caller's registers are found at an address.
 * Inside the traced process. Reads the .eh_frame of loaded objects in place; needs no memory
 * but the caller's scratch.
 */
#ifndef MT_TRACER_RECORD_CFI_H
#define MT_TRACER_RECORD_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DWARF's numbers of the x86-64 registers that we name. */
enum {
	MT_REG_RAX = 0,
	MT_REG_RBX = 3,
	MT_REG_BP = 6,
	MT_REG_SP = 7,
	MT_REG_R12 = 12,
	MT_REG_R13 = 13,
	MT_REG_R14 = 14,
	MT_REG_R15 = 15,
	MT_REG_RA = 16, /* the return address */
	MT_REG_COUNT = 17,

	MT_CFI_MAX_SAVED = 8, /* nested DW_CFA_remember_state */
};

/* Where the caller's value of a register is. */
enum mt_cfi_kind {
	MT_CFI_SAME = 0,       /* not said: unchanged */
	MT_CFI_UNDEFINED,      /* lost; of the return address: there is no caller */
	MT_CFI_OFFSET,         /* in memory at CFA + value */
	MT_CFI_VAL_OFFSET,     /* is CFA + value */
	MT_CFI_REGISTER,       /* in register number value */
	MT_CFI_EXPRESSION,     /* in memory at the address that the expression computes */
	MT_CFI_VAL_EXPRESSION, /* is what the expression computes */
};

/*
 * value: offset, register, or the address of an expression: its ULEB length, then it. In one
 * word, as rows are copied all the time.
 */
struct mt_cfi_rule {
	int64_t value : 56;
	uint64_t kind : 8; /* enum mt_cfi_kind */
};

/* One row of the table that the CFI of a function stands for. */
struct mt_cfi_row {
	struct mt_cfi_rule registers[MT_REG_COUNT];
	uint32_t cfa_kind; /* MT_CFI_VAL_OFFSET from cfa_register, or MT_CFI_EXPRESSION */
	uint32_t cfa_register;
	int64_t cfa_value;
};

struct mt_cfi {
	const struct mt_cfi_row *row; /* the result */
	bool is_signal_frame;         /* the caller was interrupted: its pc is exact */
	/* Used while a row is computed: it is the last one, those before it are saved. */
	struct mt_cfi_row initial;
	struct mt_cfi_row rows[1 + MT_CFI_MAX_SAVED];
};

/*
 * The row for the instruction at pc, from the object whose PT_GNU_EH_FRAME segment is at
 * header. False: the object says nothing about pc, or something that we don't know.
 */
bool mt_cfi_find(struct mt_cfi *cfi, const uint8_t *header, uintptr_t pc);

uint64_t mt_cfi_uleb(const uint8_t **at);
int64_t mt_cfi_sleb(const uint8_t **at);

/* Unaligned, little endian. */
static inline uint64_t mt_cfi_bytes(const uint8_t *at, int count)
{
	uint64_t value = 0;
	for (int i = 0; i < count; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

#endif
