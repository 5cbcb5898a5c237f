/*
 * door.h - a function of ours that takes the place of the program's.
 * Inside the traced process; doors are all that the library exports, besides its interface.
 */
#ifndef MT_PRELOAD_DOOR_H
#define MT_PRELOAD_DOOR_H

/* Never inlined into another door: its frame is where the traceback begins. */
#define DOOR __attribute__((visibility("default"), noinline))

/*
 * A door that hands its caller to a function of ours in registers behind its own
 * arguments, and is gone: in assembler, because C has no name for what is in rsp and rbp
 * when a function is entered.
 */
#define DOOR_OF(name, function, slot, frame_pointer)                                     \
	__asm__(".pushsection .text.hot,\"ax\",@progbits\n"                              \
		".p2align 4\n"                                                           \
		".globl " #name "\n"                                                     \
		".type " #name ", @function\n" #name ":\n"                               \
		".cfi_startproc\n"                                                       \
		"mov %rsp, " slot "\n"                                                   \
		"mov %rbp, " frame_pointer "\n"                                          \
		"jmp " #function "\n"                                                    \
		".cfi_endproc\n"                                                         \
		".size " #name ", . - " #name "\n"                                       \
		".popsection");

#endif
