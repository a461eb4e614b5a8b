// What tiles.h offers to bf16_tiles.cc, in plain code, as Intel's manual describes it (volume 2, TDPBF16PS
// and its neighbours): for tests on machines without tiles.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace jaju::tiles {
namespace {

struct Tile {
  uint8_t bytes[16][64];
  template <typename T>
  T at(int row, int i) const {
    T value;
    std::memcpy(&value, &bytes[row][i * static_cast<int>(sizeof(T))], sizeof value);
    return value;
  }
};
thread_local Tile registers[8];
thread_local bool configured = false;

inline void configure() {
  configured = true;
}
inline void release() {
  configured = false;
}

template <int T>
inline void load(const void* from, int64_t stride) {
  JAJU_CHECK(configured);
  for (int64_t r = 0; r < 16; ++r) {
    std::memcpy(registers[T].bytes[r], static_cast<const char*>(from) + r * stride, 64);
  }
}
template <int T>
inline void store(void* to, int64_t stride) {
  JAJU_CHECK(configured);
  for (int64_t r = 0; r < 16; ++r) {
    std::memcpy(static_cast<char*>(to) + r * stride, registers[T].bytes[r], 64);
  }
}
template <int T>
inline void zero() {
  registers[T] = Tile{};
}

// Subnormals count as zero.
inline float flushed(float x) {
  return std::abs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x;
}
inline float widened(uint16_t bf16) {
  const uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return flushed(x);
}

// Sums of the even terms and of the odd ones, which then meet.
template <int C, int A, int B>
inline void dot_bf16() {
  JAJU_CHECK(configured);
  for (int m = 0; m < 16; ++m) {
    for (int n = 0; n < 16; ++n) {
      float sums[2] = {0, 0};
      for (int k = 0; k < 16; ++k) {
        for (int odd = 0; odd < 2; ++odd) {
          const float a = widened(registers[A].at<uint16_t>(m, 2 * k + odd));
          const float b = widened(registers[B].at<uint16_t>(k, 2 * n + odd));
          sums[odd] = flushed(std::fma(a, b, sums[odd]));
        }
      }
      const float sum = flushed(flushed(registers[C].at<float>(m, n)) + flushed(sums[0] + sums[1]));
      std::memcpy(&registers[C].bytes[m][n * 4], &sum, sizeof sum);
    }
  }
}

}  // namespace
}  // namespace jaju::tiles
