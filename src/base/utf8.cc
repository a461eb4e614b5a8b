#include "base/utf8.h"

namespace jaju {
namespace {

// What a lead byte promises: total length, and the range its second byte must lie in (Unicode 15, table 3-7).
struct Lead {
  int length;
  uint8_t second_min;
  uint8_t second_max;
};

Lead lead_of(uint8_t b) {
  if (b < 0x80) return {1, 0, 0};
  if (b < 0xc2) return {0, 0, 0};
  if (b < 0xe0) return {2, 0x80, 0xbf};
  if (b == 0xe0) return {3, 0xa0, 0xbf};
  if (b == 0xed) return {3, 0x80, 0x9f};
  if (b < 0xf0) return {3, 0x80, 0xbf};
  if (b == 0xf0) return {4, 0x90, 0xbf};
  if (b < 0xf4) return {4, 0x80, 0xbf};
  if (b == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

// Number of leading bytes that fit one character (1..length), or 0 when the first cannot start one.
int matching_bytes(std::string_view text, const Lead& lead) {
  if (lead.length == 0 || text.empty()) return 0;
  int n = 1;
  for (; n < lead.length && n < static_cast<int>(text.size()); ++n) {
    const auto b = static_cast<uint8_t>(text[static_cast<size_t>(n)]);
    const uint8_t low = n == 1 ? lead.second_min : 0x80;
    const uint8_t high = n == 1 ? lead.second_max : 0xbf;
    if (b < low || b > high) break;
  }
  return n;
}

}  // namespace

int utf8_length(std::string_view text, uint32_t* code_point) {
  if (text.empty()) return 0;
  const auto first = static_cast<uint8_t>(text[0]);
  const Lead lead = lead_of(first);
  if (lead.length == 0 || matching_bytes(text, lead) != lead.length) return 0;
  if (code_point != nullptr) {
    uint32_t value = lead.length == 1 ? first : first & (0x7fu >> lead.length);
    for (int i = 1; i < lead.length; ++i)
      value = value << 6 | (static_cast<uint8_t>(text[static_cast<size_t>(i)]) & 0x3fu);
    *code_point = value;
  }
  return lead.length;
}

bool utf8_is_prefix(std::string_view text) {
  if (text.empty()) return true;
  const Lead lead = lead_of(static_cast<uint8_t>(text[0]));
  const auto size = static_cast<int>(text.size());
  return lead.length > size && matching_bytes(text, lead) == size;
}

bool utf8_valid(std::string_view text) {
  while (!text.empty()) {
    const int n = utf8_length(text);
    if (n == 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string utf8_replace_invalid(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    int n = utf8_length(text);
    if (n > 0) {
      out.append(text.substr(0, static_cast<size_t>(n)));
    } else {
      out += "\xef\xbf\xbd";
      n = matching_bytes(text, lead_of(static_cast<uint8_t>(text[0])));
      if (n == 0) n = 1;
    }
    text.remove_prefix(static_cast<size_t>(n));
  }
  return out;
}

std::string printable(std::string_view name) {
  constexpr size_t kLongest = 120;
  std::string text = utf8_replace_invalid(name.substr(0, kLongest));
  for (char& c : text) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return name.size() > kLongest ? text + "..." : text;
}

void utf8_append(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

}  // namespace jaju
