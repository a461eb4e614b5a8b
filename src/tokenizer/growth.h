// How much a chain of steps from a tokenizer.json may lengthen a text. Each step may be harmless and the
// chain still double the text 256 times, so the product is bounded when the file is read.
#pragma once

#include <algorithm>
#include <string>

#include "base/status.h"
#include "tokenizer/spec.h"

namespace jaju {

class Growth {
 public:
  // A step that makes at most `factor` bytes of one.
  void times(double factor) { product_ *= std::max(factor, 1.0); }
  // Every match of the pattern, one byte or more of a regex, becomes `content`.
  void replace(const PatternSpec& pattern, const std::string& content) {
    const size_t shortest = pattern.is_regex ? 1 : std::max<size_t>(pattern.text.size(), 1);
    times(static_cast<double>(content.size() + (pattern.is_regex ? 1 : 0)) / static_cast<double>(shortest));
  }
  // Well-known files stay below 10; `part` is the part of the file ("normalizer").
  Status check(const std::string& what, const char* part) const {
    constexpr double kMost = 1000;
    if (product_ <= kMost) return {};
    return error(
        "{}: the {} could make a text more than {:.0f} times as long; use a tokenizer.json from a known "
        "source",
        what, part, kMost);
  }

 private:
  double product_ = 1;
};

}  // namespace jaju
