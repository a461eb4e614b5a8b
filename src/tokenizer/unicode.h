// Character properties and UTF-8 walking for the tokenizer, as Rust's `char` methods define them (that is
// what the files were made with).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace jaju {

bool is_white_space(uint32_t c);  // the Unicode White_Space property
bool is_numeric(uint32_t c);      // categories Nd, Nl, No
bool is_punctuation(uint32_t c);  // ASCII punctuation (symbols too) or category P
bool is_mark(uint32_t c);         // category M
// Part of a word: alphabetic, mark, decimal digit, connector punctuation or join control.
bool is_word(uint32_t c);

// Next character of text known to be valid UTF-8; moves `pos` behind it.
inline uint32_t next_char(std::string_view text, size_t& pos) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const uint32_t b = byte(pos);
  if (b < 0x80) {
    pos += 1;
    return b;
  }
  if (b < 0xe0) {
    const uint32_t c = (b & 0x1f) << 6 | (byte(pos + 1) & 0x3f);
    pos += 2;
    return c;
  }
  if (b < 0xf0) {
    const uint32_t c = (b & 0x0f) << 12 | (byte(pos + 1) & 0x3f) << 6 | (byte(pos + 2) & 0x3f);
    pos += 3;
    return c;
  }
  const uint32_t c =
      (b & 0x07) << 18 | (byte(pos + 1) & 0x3f) << 12 | (byte(pos + 2) & 0x3f) << 6 | (byte(pos + 3) & 0x3f);
  pos += 4;
  return c;
}

// The character that ends right before `pos` (> 0); moves `pos` to its start.
inline uint32_t previous_char(std::string_view text, size_t& pos) {
  do {
    --pos;
  } while (pos > 0 && (static_cast<uint8_t>(text[pos]) & 0xc0) == 0x80);
  size_t start = pos;
  return next_char(text, start);
}

}  // namespace jaju
