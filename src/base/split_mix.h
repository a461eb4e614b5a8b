// SplitMix64 (Steele, Lea and Flood, 2014): a small stream of dice, the same on every machine, and a good
// mixer of bits.
#pragma once

#include <cstdint>

namespace jaju {

// The next 64 bits of the stream. Two streams whose states differ by a multiple of the constant are one
// stream, shifted: mix a counter before it becomes a state.
constexpr uint64_t split_mix64(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Every bit of x moves every bit of the result.
constexpr uint64_t mix64(uint64_t x) {
  return split_mix64(x);
}

}  // namespace jaju
