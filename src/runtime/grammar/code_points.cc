#include "runtime/grammar/code_points.h"

#include <algorithm>

namespace jaju::grammar {
namespace {

constexpr uint32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

int encode(uint32_t c, uint8_t out[4]) {
  if (c < 0x80) {
    out[0] = static_cast<uint8_t>(c);
    return 1;
  }
  if (c < 0x800) {
    out[0] = static_cast<uint8_t>(0xC0 | c >> 6);
    out[1] = static_cast<uint8_t>(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = static_cast<uint8_t>(0xE0 | c >> 12);
    out[1] = static_cast<uint8_t>(0x80 | (c >> 6 & 0x3F));
    out[2] = static_cast<uint8_t>(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = static_cast<uint8_t>(0xF0 | c >> 18);
  out[1] = static_cast<uint8_t>(0x80 | (c >> 12 & 0x3F));
  out[2] = static_cast<uint8_t>(0x80 | (c >> 6 & 0x3F));
  out[3] = static_cast<uint8_t>(0x80 | (c & 0x3F));
  return 4;
}

}  // namespace

void CodePointSet::add(uint32_t lo, uint32_t hi) {
  hi = std::min(hi, kMaxCodePoint);
  if (lo > hi) return;
  if (lo <= kLastSurrogate && hi >= kFirstSurrogate) {
    if (lo < kFirstSurrogate) add(lo, kFirstSurrogate - 1);
    if (hi > kLastSurrogate) add(kLastSurrogate + 1, hi);
    return;
  }
  // Everything that overlaps or touches [lo, hi] melts into it.
  auto first = std::lower_bound(ranges_.begin(), ranges_.end(), lo,
                                [](const auto& range, uint32_t value) { return range.second + 1 < value; });
  auto last = first;
  while (last != ranges_.end() && last->first <= hi + 1) {
    lo = std::min(lo, last->first);
    hi = std::max(hi, last->second);
    ++last;
  }
  first = ranges_.erase(first, last);
  ranges_.insert(first, {lo, hi});
}

void CodePointSet::add(const CodePointSet& other) {
  for (const auto& [lo, hi] : other.ranges_) add(lo, hi);
}

CodePointSet CodePointSet::inverted() const {
  CodePointSet out;
  uint32_t next = 0;
  for (const auto& [lo, hi] : ranges_) {
    if (lo > next) out.add(next, lo - 1);
    next = hi + 1;
  }
  if (next <= kMaxCodePoint) out.add(next, kMaxCodePoint);
  return out;
}

CodePointSet CodePointSet::intersected(const CodePointSet& other) const {
  CodePointSet out;
  size_t i = 0, j = 0;
  while (i < ranges_.size() && j < other.ranges_.size()) {
    const uint32_t lo = std::max(ranges_[i].first, other.ranges_[j].first);
    const uint32_t hi = std::min(ranges_[i].second, other.ranges_[j].second);
    if (lo <= hi) out.add(lo, hi);
    if (ranges_[i].second < other.ranges_[j].second) {
      ++i;
    } else {
      ++j;
    }
  }
  return out;
}

bool CodePointSet::contains(uint32_t c) const {
  auto it = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                             [](uint32_t value, const auto& range) { return value < range.first; });
  return it != ranges_.begin() && std::prev(it)->second >= c;
}

int64_t CodePointSet::size() const {
  int64_t n = 0;
  for (const auto& [lo, hi] : ranges_) n += hi - lo + 1;
  return n;
}

void utf8_ranges(uint32_t lo, uint32_t hi, const std::function<void(const ByteRange*, int)>& sequence) {
  // Cut where the length of the spelling changes.
  for (uint32_t edge : {0x7Fu, 0x7FFu, 0xFFFFu}) {
    if (lo <= edge && hi > edge) {
      utf8_ranges(lo, edge, sequence);
      utf8_ranges(edge + 1, hi, sequence);
      return;
    }
  }
  // Cut so that below the first byte that differs every continuation byte runs through all of 80..BF.
  for (int shift = 6; shift <= 18; shift += 6) {
    const uint32_t low_bits = (uint32_t{1} << shift) - 1;
    if (hi < 0x80 || (lo & ~low_bits) == (hi & ~low_bits)) continue;
    if ((lo & low_bits) != 0) {
      utf8_ranges(lo, lo | low_bits, sequence);
      utf8_ranges((lo | low_bits) + 1, hi, sequence);
      return;
    }
    if ((hi & low_bits) != low_bits) {
      utf8_ranges(lo, (hi & ~low_bits) - 1, sequence);
      utf8_ranges(hi & ~low_bits, hi, sequence);
      return;
    }
  }
  uint8_t a[4], b[4];
  const int n = encode(lo, a);
  encode(hi, b);
  ByteRange ranges[4];
  for (int i = 0; i < n; ++i) ranges[i] = {a[i], b[i]};
  sequence(ranges, n);
}

}  // namespace jaju::grammar
