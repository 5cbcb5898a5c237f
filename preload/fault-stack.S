/*
 * fault-stack.S - call a function on another stack; see fault.c.
 * Inside the traced process.
 */
#ifndef __x86_64__
#error "calls on another stack are not known for this architecture"
#endif

	.text
	.globl	fault_call_on_stack
	.hidden	fault_call_on_stack
	.type	fault_call_on_stack, @function
fault_call_on_stack:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	movq	%rdx, %rsp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	movq	%rbp, %rsp
	popq	%rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	fault_call_on_stack, . - fault_call_on_stack

	.section .note.GNU-stack, "", @progbits
