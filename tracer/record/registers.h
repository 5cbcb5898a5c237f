/*
 * registers.h - step from frame to caller with all registers, as the CFI says it word for word.
 * Inside the traced process. For the few stacks with a frame whose rule needs more than rsp and
 * rbp: a hundred times slower than rules.h, and nothing of it is remembered.
 */
#ifndef MT_TRACER_RECORD_REGISTERS_H
#define MT_TRACER_RECORD_REGISTERS_H

#include "tracer/record/cfi.h"
#include "tracer/record/stack.h"

#include <stdbool.h>
#include <stdint.h>

/* By DWARF number; the return address column holds the pc. */
struct mt_registers {
	uintptr_t values[MT_REG_COUNT];
	uint32_t known; /* bit per register */
	bool is_exact;  /* pc is the next instruction, not a return address */
};

enum mt_registers_step {
	MT_REGISTERS_CALLER, /* the registers are the caller's now */
	MT_REGISTERS_END,    /* there is none */
	MT_REGISTERS_BROKEN, /* it cannot be found */
};

/* Those of the function that this is expanded in, at this instruction. */
#define MT_REGISTERS_CAPTURE(registers)                                                  \
	do {                                                                             \
		uintptr_t *values_ = (registers)->values;                                \
		__asm__ volatile("mov %%rbx, 24(%0)\n\t"                                 \
				 "mov %%rbp, 48(%0)\n\t"                                 \
				 "mov %%rsp, 56(%0)\n\t"                                 \
				 "mov %%r12, 96(%0)\n\t"                                 \
				 "mov %%r13, 104(%0)\n\t"                                \
				 "mov %%r14, 112(%0)\n\t"                                \
				 "mov %%r15, 120(%0)\n\t"                                \
				 "lea 0f(%%rip), %%rax\n"                                \
				 "0:\tmov %%rax, 128(%0)"                                \
				 :                                                       \
				 : "r"(values_)                                          \
				 : "rax", "memory");                                     \
		(registers)->known = 1u << MT_REG_RBX | 1u << MT_REG_BP |                \
				     1u << MT_REG_SP | 1u << MT_REG_RA |                 \
				     0xfu << MT_REG_R12;                                 \
		(registers)->is_exact = true;                                            \
	} while (0)

/*
 * One step. own: the thread's stack, on which words from rsp up can be loaded; for others,
 * the kernel is asked. *module is that of the frame left. cfi is scratch.
 */
enum mt_registers_step mt_registers_step(struct mt_registers *registers,
					 const struct mt_stack *own, struct mt_cfi *cfi,
					 uint32_t *module);

#endif
