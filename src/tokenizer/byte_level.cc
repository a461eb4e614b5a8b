#include "tokenizer/byte_level.h"

#include "base/utf8.h"
#include "tokenizer/unicode.h"

namespace jaju {
namespace {

bool is_itself(uint32_t b) {
  return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xff && b != 0xad);
}

struct Alphabet {
  std::array<uint16_t, 256> chars{};
  std::array<int16_t, 324> bytes{};
  Alphabet() {
    bytes.fill(-1);
    uint32_t next = 256;
    for (uint32_t b = 0; b < 256; ++b) {
      const uint32_t c = is_itself(b) ? b : next++;
      chars[b] = static_cast<uint16_t>(c);
      bytes[c] = static_cast<int16_t>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

const std::array<uint16_t, 256>& byte_level_chars() {
  return alphabet().chars;
}

int byte_of_char(uint32_t c) {
  return c < alphabet().bytes.size() ? alphabet().bytes[c] : -1;
}

std::string to_byte_level(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char b : bytes) utf8_append(out, alphabet().chars[static_cast<uint8_t>(b)]);
  return out;
}

bool from_byte_level(std::string_view text, std::string& out) {
  const size_t before = out.size();
  for (size_t pos = 0; pos < text.size();) {
    const int b = byte_of_char(next_char(text, pos));
    if (b < 0) {
      out.resize(before);
      return false;
    }
    out += static_cast<char>(b);
  }
  return true;
}

}  // namespace jaju
