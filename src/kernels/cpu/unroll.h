// Before a loop over a register tile: unroll it whole, early. Left to itself gcc 12 keeps tiles with a tail
// in memory and copies every accumulator there and back, 130 cycles a tile (docs/log.md).
#pragma once

#if defined(__clang__)
#define JAJU_UNROLL _Pragma("unroll")
#else
#define JAJU_UNROLL _Pragma("GCC unroll 16")
#endif

// Has `value` computed here. Left to itself gcc 12 puts off the additions of a register tile until all its
// products are made and wait in memory (packed_avx2.cc: 72 of them in 450 instructions, none in 387).
template <typename Vector>
inline void compute_now(Vector& value) {
  asm volatile("" : "+x"(value));
}
