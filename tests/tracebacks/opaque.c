/*
 * opaque.c - code without unwind information: hand-written assembler, and code that is made at
 * run time. What it calls is recorded up to it and marked as truncated.
 * Argument: rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NOINLINE __attribute__((noinline))

static volatile int after;

/* Calls its argument with garbage in rbp, and with a frame of odd size. */
void without_information(void (*callee)(int), int argument);
/* The same with the usual frame, which tells a reader of frame pointers nothing wrong. */
void with_frame_only(void (*callee)(int), int argument);
/* Has information that ends before its last call returns. */
void partly(void (*callee)(int), int argument);
__asm__(".text\n"
	".type without_information, @function\n"
	"without_information:\n"
	"push %rbp\n"
	"sub $48, %rsp\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"lea 8(%rsp), %rbp\n"
	"call *%rax\n"
	"add $48, %rsp\n"
	"pop %rbp\n"
	"ret\n"
	".size without_information, .-without_information\n"
	".type with_frame_only, @function\n"
	"with_frame_only:\n"
	"push %rbp\n"
	"mov %rsp, %rbp\n"
	"mov %rdi, %rax\n"
	"mov %esi, %edi\n"
	"call *%rax\n"
	"pop %rbp\n"
	"ret\n"
	".size with_frame_only, .-with_frame_only\n"
	".type partly, @function\n"
	"partly:\n"
	".cfi_startproc\n"
	"push %rbx\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rbx, 0\n"
	"mov %rdi, %rbx\n"
	"mov %esi, %edi\n"
	"call *%rbx\n"
	".cfi_endproc\n"
	"mov $3, %edi\n"
	"call *%rbx\n"
	"pop %rbx\n"
	"ret\n"
	".size partly, .-partly\n");

static NOINLINE void event(int n)
{
	char *volatile p = malloc((size_t)(n * 7 % 400) + 1);
	free(p);
}

static NOINLINE void in_frames(int depth)
{
	volatile char space[24];
	space[depth & 15] = 1;
	event(depth);
	if (depth > 0)
		in_frames(depth - 1);
	after += space[depth & 15];
}

static const unsigned char code[] = {
	0x48, 0x83, 0xec, 0x18, /* sub $24, %rsp */
	0x48, 0x89, 0xf8,       /* mov %rdi, %rax */
	0x89, 0xf7,             /* mov %esi, %edi */
	0xff, 0xd0,             /* call *%rax */
	0x48, 0x83, 0xc4, 0x18, /* add $24, %rsp */
	0xc3,                   /* ret */
};

static NOINLINE void through_new_code(int argument)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	memcpy(page, code, sizeof(code));
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	((void (*)(void (*)(int), int))page)(in_frames, argument);
	munmap(page, 4096);
}

int main(int argc, char **argv)
{
	for (int i = argc > 1 ? atoi(argv[1]) : 100; i > 0; i--) {
		in_frames(3);
		without_information(in_frames, i % 5);
		with_frame_only(in_frames, i % 6);
		partly(in_frames, i % 4);
		through_new_code(i % 3);
	}
	return 0;
}
