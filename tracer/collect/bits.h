/*
 * bits.h - sets of blocks as bits. Outside.
 */
#ifndef MT_TRACER_COLLECT_BITS_H
#define MT_TRACER_COLLECT_BITS_H

#include <stdint.h>

/* Without an instruction for it that every processor has, a call into the compiler's library. */
static inline uint32_t mt_count_bits(uint64_t word)
{
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) +
	       (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

#endif
