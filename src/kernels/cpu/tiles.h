// AMX: the eight tile registers of a thread, 16 rows of 64 bytes each. Instructions as text, since their
// numbers are part of them and gcc 12's own macros do not say which memory they read and write. Included
// where the compiler has -mamx-tile, -mamx-int8 or -mamx-bf16; tests have the same in plain code
// (tiles_emulated.h).
#pragma once

#include <cstdint>

#ifdef JAJU_EMULATED_TILES
#include "kernels/cpu/tiles_emulated.h"
#else

namespace jaju::tiles {
namespace {

// All tiles whole, from here until released. Nothing may block in between: the system saves 8 KiB more.
inline void configure() {
  struct alignas(64) Config {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  } config;
  for (int t = 0; t < 8; ++t) {
    config.rows[t] = 16;
    config.row_bytes[t] = 64;
  }
  asm volatile("ldtilecfg %0" ::"m"(config) : "memory");
}
inline void release() {
  asm volatile("tilerelease" ::: "memory");
}

// Rows `stride` bytes apart.
template <int T>
inline void load(const void* from, int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(T) : "memory");
}
template <int T>
inline void store(void* to, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(T) : "memory");
}
template <int T>
inline void zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(T));
}

// C += A B: A 16 rows of 64 int8, or of 32 bf16; B 16 columns, four or two values of a column side by side.
template <int C, int A, int B>
inline void dot_int8() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
}
template <int C, int A, int B>
inline void dot_bf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
}

}  // namespace
}  // namespace jaju::tiles

#endif
