// Sets of Unicode characters, and how UTF-8 spells them as ranges of bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace jaju::grammar {

inline constexpr uint32_t kMaxCodePoint = 0x10FFFF;

// Sorted, disjoint, not adjacent ranges [first, second]. Surrogates are never members: they are not
// characters.
class CodePointSet {
 public:
  CodePointSet() = default;
  CodePointSet(uint32_t lo, uint32_t hi) { add(lo, hi); }
  static CodePointSet all() { return CodePointSet(0, kMaxCodePoint); }

  // Surrogates and what lies past U+10FFFF are left out.
  void add(uint32_t lo, uint32_t hi);
  void add(uint32_t c) { add(c, c); }
  void add(const CodePointSet& other);
  CodePointSet inverted() const;
  CodePointSet intersected(const CodePointSet& other) const;
  CodePointSet without(const CodePointSet& other) const { return intersected(other.inverted()); }

  bool empty() const { return ranges_.empty(); }
  bool contains(uint32_t c) const;
  int64_t size() const;
  const std::vector<std::pair<uint32_t, uint32_t>>& ranges() const { return ranges_; }
  bool operator==(const CodePointSet&) const = default;

 private:
  std::vector<std::pair<uint32_t, uint32_t>> ranges_;
};

struct ByteRange {
  uint8_t lo, hi;
};

// Calls `sequence` with 1 to 4 byte ranges for disjoint parts of [lo, hi] that together spell it, in order.
// REQUIRES: no surrogate inside.
void utf8_ranges(uint32_t lo, uint32_t hi, const std::function<void(const ByteRange*, int)>& sequence);

}  // namespace jaju::grammar
