/*
 * syscall.h - the kernel without the C library in between.
 * Inside the traced process: usable before relocation is done, leaves errno alone and
 * cannot be interposed. Results are the kernel's: negative values are -errno.
 */
#ifndef MT_TRACER_RECORD_SYSCALL_H
#define MT_TRACER_RECORD_SYSCALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#if defined(__x86_64__)

static inline long mt_syscall6(long number, long a, long b, long c, long d, long e,
			       long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#elif defined(__aarch64__)

static inline long mt_syscall6(long number, long a, long b, long c, long d, long e,
			       long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

#else
#error "this machine's system calls are not known here"
#endif

static inline long mt_syscall3(long number, long a, long b, long c)
{
	return mt_syscall6(number, a, b, c, 0, 0, 0);
}

/* What mmap returned is an address, not a negative errno. */
static inline bool mt_syscall_is_address(long result)
{
	return (unsigned long)result < (unsigned long)-4095;
}

#endif
