#include "chat/jinja/text.h"

#include <algorithm>
#include <cstring>

#include "base/utf8.h"

namespace jaju::jinja {

size_t Text::run_at(size_t byte) const {
  auto it = std::upper_bound(runs_.begin(), runs_.end(), byte,
                             [](size_t b, const Run& run) { return b < run.end; });
  return static_cast<size_t>(it - runs_.begin());
}

bool Text::trusted_at(size_t byte) const {
  return runs_[run_at(byte)].trusted;
}

void Text::append(std::string_view bytes, bool trusted) {
  if (bytes.empty()) return;
  bytes_.append(bytes);
  if (!runs_.empty() && runs_.back().trusted == trusted) {
    runs_.back().end = bytes_.size();
  } else {
    runs_.push_back({bytes_.size(), trusted});
  }
}

void Text::append(const Text& other, size_t begin, size_t end) {
  if (&other == this) {
    Text copy = other;
    append(copy, begin, end);
    return;
  }
  other.for_runs(begin, end, [this](std::string_view bytes, bool trusted) { append(bytes, trusted); });
}

Text Text::substr(size_t begin, size_t end) const {
  Text out;
  if (begin < end) out.append(*this, begin, end);
  return out;
}

bool is_ascii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

namespace {
bool starts_char(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}
}  // namespace

size_t find_text(std::string_view bytes, std::string_view part, size_t from) {
  if (from > bytes.size()) return std::string_view::npos;
  if (part.empty()) return from;
  // std::string::find compares anew at every position: n * m for two long runs of one letter.
  const void* found = memmem(bytes.data() + from, bytes.size() - from, part.data(), part.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
}

std::string_view clip(std::string_view bytes, size_t most) {
  if (bytes.size() <= most) return bytes;
  while (most > 0 && !starts_char(bytes[most])) --most;
  return bytes.substr(0, most);
}

std::vector<size_t> char_offsets(std::string_view bytes) {
  std::vector<size_t> offsets;
  offsets.reserve(bytes.size() + 1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 0 || starts_char(bytes[i])) offsets.push_back(i);
  }
  offsets.push_back(bytes.size());
  return offsets;
}

size_t count_chars(std::string_view bytes) {
  size_t n = 0;
  for (char c : bytes) n += starts_char(c) ? 1 : 0;
  return n;
}

size_t space_at(std::string_view bytes, size_t at) {
  if (at >= bytes.size()) return 0;
  unsigned char c = static_cast<unsigned char>(bytes[at]);
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F) ? 1 : 0;
  uint32_t cp = 0;
  int length = utf8_length(bytes.substr(at), &cp);
  bool space = cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 ||
               cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
  return length > 0 && space ? static_cast<size_t>(length) : 0;
}

size_t space_before(std::string_view bytes, size_t end) {
  if (end == 0) return 0;
  size_t start = end - 1;
  while (start > 0 && end - start < 4 && !starts_char(bytes[start])) --start;
  size_t length = space_at(bytes, start);
  return length == end - start ? length : 0;
}

}  // namespace jaju::jinja
