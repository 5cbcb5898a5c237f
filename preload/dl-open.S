/*
 * dl-open.S - dlopen and dlmopen without RTLD_DEEPBIND; see dl.h.
 * Inside the traced process. The stack and the return address are the caller's own when
 * the real function begins.
 */
#ifndef __x86_64__
#error "dlopen and dlmopen need a door for this architecture"
#endif

#define RTLD_DEEPBIND 8

	.text

/* \mode holds the flags; the arguments survive in %rdi, %rsi and %rdx. */
	.macro DOOR name, mode
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	andl	$~RTLD_DEEPBIND, \mode
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	call	dl_before_open
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	*dl_real_\name(%rip)
	.cfi_endproc
	.size	\name, . - \name
	.endm

	DOOR dlopen, %esi
	DOOR dlmopen, %edx

	.section .note.GNU-stack, "", @progbits
