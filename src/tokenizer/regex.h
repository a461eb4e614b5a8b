// Regular expressions of tokenizer.json, run by PCRE2 (JIT, UTF, Unicode properties, match limits).
//
// The files were written for Oniguruma's Ruby syntax. translate_regex() rewrites what the two engines read
// differently (\s, \w, \b, \h, \p{Script}, {n,m}+, class intersections, inline flags) and refuses what it
// cannot carry over, so a pattern means the same or is an error that names the part. One difference stays:
// which characters are letters, digits or marks is what the installed PCRE2 knows (10.42: Unicode 14; the
// library: 16), so text with characters newer than that may be cut elsewhere.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju {

// The pattern in PCRE2's spelling. Errors name the offending part.
Result<std::string> translate_regex(std::string_view pattern);

// Match memory of one thread; reusable over patterns and calls.
class RegexWorkspace {
 public:
  RegexWorkspace();
  ~RegexWorkspace();
  RegexWorkspace(const RegexWorkspace&) = delete;
  RegexWorkspace& operator=(const RegexWorkspace&) = delete;
  // Call once per text: forgets earlier limit hits.
  void reset() { limit_hits_ = 0; }

 private:
  friend class Regex;
  struct Impl;
  std::unique_ptr<Impl> impl_;
  int limit_hits_ = 0;
};

class Regex {
 public:
  // `what` names the source in messages.
  static Result<Regex> compile(std::string_view pattern, const std::string& what);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // The leftmost match in text[from, end). `text` must be valid UTF-8 and `from` a character boundary.
  // False when there is none, and also when the match limit was reached (a pattern that explodes on this
  // text): the rest then counts as unmatched, the same way every time.
  bool find(std::string_view text, size_t from, RegexWorkspace& workspace, size_t* begin, size_t* end) const;

  // Calls on_match(begin, end) for every match from left to right. An empty match right behind the previous
  // match does not count.
  template <typename F>
  void for_each_match(std::string_view text, RegexWorkspace& workspace, F&& on_match) const {
    size_t from = 0;
    size_t last_end = static_cast<size_t>(-1);
    size_t begin = 0;
    size_t end = 0;
    while (from <= text.size() && find(text, from, workspace, &begin, &end)) {
      if (begin == end && end == last_end) {
        from = end + 1;
        while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0) == 0x80) ++from;
        continue;
      }
      on_match(begin, end);
      from = last_end = end;
    }
  }

 private:
  struct Code;
  explicit Regex(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace jaju
