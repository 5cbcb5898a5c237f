/*
 * exotic.c - frames that compilers do not make, with unwind information that is right: other
 * base registers, expressions, remembered states, a return address that was moved, calls with a
 * misaligned stack. They call each other in all orders. (Not a register kept in another
 * that is itself saved: libunwind 1.6 takes the value that this has in the caller.) Arguments: number of events, seed.
 */
#include <stdint.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

typedef void callee(int argument);
typedef void exotic(callee *next, int argument);

exotic by_rbx;
exotic by_r12;
exotic by_expression;
exotic by_arithmetic;
exotic bp_elsewhere;
exotic restores_state;
exotic pushes_around;
exotic return_address_moved;

__asm__(".text\n"
	".type by_rbx, @function\n"
	"by_rbx:\n"
	".cfi_startproc\n"
	"push %rbx\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rbx, 0\n"
	"mov %rsp, %rbx\n"
	".cfi_def_cfa_register %rbx\n"
	"and $-256, %rsp\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"mov %rbx, %rsp\n"
	".cfi_def_cfa_register %rsp\n"
	"pop %rbx\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_restore %rbx\n"
	"ret\n"
	".cfi_endproc\n"
	".size by_rbx, .-by_rbx\n"
	".type by_r12, @function\n"
	"by_r12:\n"
	".cfi_startproc\n"
	"push %r12\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %r12, 0\n"
	"push %rbp\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rbp, 0\n"
	"mov %rsp, %r12\n"
	".cfi_def_cfa_register %r12\n"
	"sub $200, %rsp\n"
	"and $-64, %rsp\n"
	"mov $7, %ebp\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"mov %r12, %rsp\n"
	".cfi_def_cfa_register %rsp\n"
	"pop %rbp\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_restore %rbp\n"
	"pop %r12\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_restore %r12\n"
	"ret\n"
	".cfi_endproc\n"
	".size by_r12, .-by_r12\n"
	".type by_expression, @function\n"
	"by_expression:\n"
	".cfi_startproc\n"
	"mov %rsp, %rax\n"
	"sub $64, %rsp\n"
	"and $-128, %rsp\n"
	"mov %rax, 16(%rsp)\n"
	"/* CFA = *(rsp + 16) + 8 */\n"
	".cfi_escape 0x0f, 5, 0x77, 16, 0x06, 0x23, 8\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"mov 16(%rsp), %rsp\n"
	".cfi_def_cfa %rsp, 8\n"
	"ret\n"
	".cfi_endproc\n"
	".size by_expression, .-by_expression\n"
	".type by_arithmetic, @function\n"
	"by_arithmetic:\n"
	".cfi_startproc\n"
	"sub $40, %rsp\n"
	".cfi_adjust_cfa_offset 40\n"
	"/* CFA = rsp + (3 << 4), by constants and a shift */\n"
	".cfi_escape 0x0f, 6, 0x77, 0, 0x33, 0x34, 0x24, 0x22\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"add $40, %rsp\n"
	".cfi_def_cfa %rsp, 8\n"
	"ret\n"
	".cfi_endproc\n"
	".size by_arithmetic, .-by_arithmetic\n"
	".type bp_elsewhere, @function\n"
	"bp_elsewhere:\n"
	".cfi_startproc\n"
	"sub $40, %rsp\n"
	".cfi_adjust_cfa_offset 40\n"
	"mov %rbp, 8(%rsp)\n"
	"/* rbp is at rsp + 8: an expression from the CFA */\n"
	".cfi_escape 0x10, 6, 3, 0x11, 0x58, 0x22\n"
	"mov $3, %ebp\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"mov 8(%rsp), %rbp\n"
	".cfi_restore %rbp\n"
	"add $40, %rsp\n"
	".cfi_adjust_cfa_offset -40\n"
	"ret\n"
	".cfi_endproc\n"
	".size bp_elsewhere, .-bp_elsewhere\n"
	".type restores_state, @function\n"
	"restores_state:\n"
	".cfi_startproc\n"
	"push %rbp\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rbp, 0\n"
	"mov %rsp, %rbp\n"
	".cfi_def_cfa_register %rbp\n"
	"test $1, %esi\n"
	"jz 1f\n"
	".cfi_remember_state\n"
	"pop %rbp\n"
	".cfi_def_cfa %rsp, 8\n"
	".cfi_restore %rbp\n"
	"sub $8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"add $8, %rsp\n"
	".cfi_adjust_cfa_offset -8\n"
	"ret\n"
	"1:\n"
	".cfi_restore_state\n"
	"sub $32, %rsp\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"leave\n"
	".cfi_def_cfa %rsp, 8\n"
	".cfi_restore %rbp\n"
	"ret\n"
	".cfi_endproc\n"
	".size restores_state, .-restores_state\n"
	".type pushes_around, @function\n"
	"pushes_around:\n"
	".cfi_startproc\n"
	"push %rsi\n"
	".cfi_adjust_cfa_offset 8\n"
	"push %rdi\n"
	".cfi_adjust_cfa_offset 8\n"
	"push %rdi\n"
	".cfi_adjust_cfa_offset 8\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"pop %rax\n"
	".cfi_adjust_cfa_offset -8\n"
	"pop %rdi\n"
	".cfi_adjust_cfa_offset -8\n"
	"mov 0(%rsp), %rdi\n"
	"call *%rax\n"
	"pop %rsi\n"
	".cfi_adjust_cfa_offset -8\n"
	"ret\n"
	".cfi_endproc\n"
	".size pushes_around, .-pushes_around\n"
	".type return_address_moved, @function\n"
	"return_address_moved:\n"
	".cfi_startproc\n"
	"/* The return address is kept further in, and its old place overwritten. */\n"
	"pop %rax\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_register %rip, %rax\n"
	"sub $40, %rsp\n"
	".cfi_adjust_cfa_offset 40\n"
	"mov %rax, 16(%rsp)\n"
	"/* rip at CFA - 24, where CFA = rsp + 40 */\n"
	".cfi_offset %rip, -24\n"
	"movq $0, 32(%rsp)\n"
	"mov %rdi, %rcx\n"
	"mov %esi, %edi\n"
	"call *%rcx\n"
	"mov 16(%rsp), %rax\n"
	".cfi_register %rip, %rax\n"
	"add $40, %rsp\n"
	".cfi_adjust_cfa_offset -40\n"
	"push %rax\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_offset %rip, -8\n"
	"ret\n"
	".cfi_endproc\n"
	".size return_address_moved, .-return_address_moved\n");

static uint64_t state_of_random;
static long events_left;
static volatile int after;

static uint32_t pick(uint32_t n)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(state_of_random >> 33) % n;
}

static NOINLINE void event(int n)
{
	char *volatile p = malloc((size_t)(n * 7 % 400) + 1);
	free(p);
	events_left--;
}

static exotic *const exotics[] = {
	by_rbx,       by_r12,         by_expression, by_arithmetic,
	bp_elsewhere, restores_state, pushes_around, return_address_moved,
};

static NOINLINE void go_on(int depth)
{
	volatile char space[24];
	space[depth & 15] = 1;
	event(depth);
	if (depth > 0 && events_left > 0)
		exotics[pick(sizeof(exotics) / sizeof(*exotics))](go_on, depth - 1);
	if (pick(3) == 0)
		event(depth + 1);
	after += space[depth & 15];
}

/* Needs rbp of the frames further in. */
static NOINLINE void with_array(int depth)
{
	volatile char *space = __builtin_alloca(16 + pick(100));
	space[0] = 1;
	exotics[pick(sizeof(exotics) / sizeof(*exotics))](go_on, depth);
	after += space[0];
}

int main(int argc, char **argv)
{
	events_left = argc > 1 ? atol(argv[1]) : 10000;
	state_of_random = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) | 1;
	while (events_left > 0)
		with_array((int)pick(6));
	return 0;
}
