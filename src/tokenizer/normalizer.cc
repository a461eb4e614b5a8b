#include "tokenizer/normalizer.h"

#include <utf8proc.h>

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/growth.h"
#include "tokenizer/unicode.h"

namespace jaju {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

int combining_class(int32_t c) {
  return c < 0x300 ? 0 : utf8proc_get_property(c)->combining_class;
}

// Decompositions that came with Unicode 12 to 15. The library's tables are older, and the ids must be the
// same.
bool decomposes_only_since_unicode_12(int32_t c) {
  return c == 0x32ff || (c >= 0xa7f2 && c <= 0xa7f4) || c == 0xab69 || (c >= 0x10781 && c <= 0x107ba) ||
         c == 0x11938 || (c >= 0x1e030 && c <= 0x1e06d) || c == 0x1f16c || (c >= 0x1fbf0 && c <= 0x1fbf9);
}

// utf8proc's own loop orders marks by bubble sort, quadratic on a hostile run of them; so only its tables and
// its (linear) composition are used here.
void normalize_unicode(std::string& text, bool compose, bool compatibility) {
  if (is_ascii(text)) return;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                      (compatibility ? UTF8PROC_COMPAT : 0));
  std::vector<int32_t> points;
  points.reserve(text.size() + 1);
  constexpr int kMaxExpansion = 32;  // the longest decomposition has 18 characters
  int32_t buffer[kMaxExpansion];
  for (size_t pos = 0; pos < text.size();) {
    const auto c = static_cast<int32_t>(next_char(text, pos));
    int boundary = 0;
    const auto n = c < 0x80 || decomposes_only_since_unicode_12(c)
                       ? -1
                       : utf8proc_decompose_char(c, buffer, kMaxExpansion, options, &boundary);
    if (n < 0 || n > kMaxExpansion) {
      points.push_back(c);
    } else {
      points.insert(points.end(), buffer, buffer + n);
    }
  }
  for (size_t i = 0; i < points.size();) {
    if (combining_class(points[i]) == 0) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < points.size() && combining_class(points[end]) != 0) ++end;
    std::stable_sort(points.begin() + static_cast<std::ptrdiff_t>(i),
                     points.begin() + static_cast<std::ptrdiff_t>(end),
                     [](int32_t a, int32_t b) { return combining_class(a) < combining_class(b); });
    i = end;
  }
  if (compose) {
    const auto n =
        utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()),
                                 static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (n >= 0) points.resize(static_cast<size_t>(n));
  }
  text.clear();
  for (const int32_t c : points) utf8_append(text, static_cast<uint32_t>(c));
}

void lowercase(std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const uint32_t c = next_char(text, pos);
    if (c == 0x130) {  // the one character whose lower case is two
      utf8_append(out, 'i');
      utf8_append(out, 0x307);
    } else {
      utf8_append(out, static_cast<uint32_t>(utf8proc_tolower(static_cast<int32_t>(c))));
    }
  }
  text = std::move(out);
}

void strip(std::string& text, bool left, bool right) {
  size_t end = text.size();
  while (right && end > 0) {
    size_t pos = end;
    if (!is_white_space(previous_char(text, pos))) break;
    end = pos;
  }
  size_t begin = 0;
  while (left && begin < end) {
    size_t pos = begin;
    if (!is_white_space(next_char(text, pos))) break;
    begin = pos;
  }
  text = text.substr(begin, end - begin);
}

void strip_accents(std::string& text) {
  std::string out;
  for (size_t pos = 0; pos < text.size();) {
    const size_t start = pos;
    if (!is_mark(next_char(text, pos))) out.append(text, start, pos - start);
  }
  text = std::move(out);
}

}  // namespace

std::string replace_all(const std::string& text, std::string_view literal, std::string_view content) {
  if (literal.empty()) return text;
  std::string out;
  size_t from = 0;
  for (size_t at = text.find(literal); at != std::string::npos; at = text.find(literal, from)) {
    out.append(text, from, at - from);
    out += content;
    from = at + literal.size();
  }
  if (from == 0) return text;
  out.append(text, from);
  return out;
}

std::string replace_all(const std::string& text, const Regex& regex, std::string_view content,
                        RegexWorkspace& workspace) {
  std::string out;
  size_t from = 0;
  regex.for_each_match(text, workspace, [&](size_t begin, size_t end) {
    out.append(text, from, begin - from);
    out += content;
    from = end;
  });
  out.append(text, from);
  return out;
}

Result<Normalizer> Normalizer::create(std::vector<NormalizerSpec> specs, const std::string& what) {
  using Kind = NormalizerSpec::Kind;
  Normalizer normalizer;
  Growth growth;
  for (auto& spec : specs) {
    Step step;
    if (spec.kind == Kind::replace) growth.replace(spec.pattern, spec.content);
    if (spec.kind == Kind::byte_level) growth.times(2);
    if (spec.kind == NormalizerSpec::Kind::replace && spec.pattern.is_regex) {
      JAJU_ASSIGN(Regex regex, Regex::compile(spec.pattern.text, what + ": normalizer Replace"));
      step.regex.push_back(std::move(regex));
    }
    step.spec = std::move(spec);
    normalizer.steps_.push_back(std::move(step));
  }
  JAJU_RETURN_IF_ERROR(growth.check(what, "normalizer"));
  return normalizer;
}

void Normalizer::apply(std::string& text, RegexWorkspace& workspace) const {
  using Kind = NormalizerSpec::Kind;
  for (const Step& step : steps_) {
    const NormalizerSpec& s = step.spec;
    switch (s.kind) {
      case Kind::nfc:
        normalize_unicode(text, true, false);
        break;
      case Kind::nfd:
        normalize_unicode(text, false, false);
        break;
      case Kind::nfkc:
        normalize_unicode(text, true, true);
        break;
      case Kind::nfkd:
        normalize_unicode(text, false, true);
        break;
      case Kind::lowercase:
        lowercase(text);
        break;
      case Kind::strip:
        strip(text, s.left, s.right);
        break;
      case Kind::strip_accents:
        strip_accents(text);
        break;
      case Kind::replace:
        text = step.regex.empty() ? replace_all(text, s.pattern.text, s.content)
                                  : replace_all(text, step.regex[0], s.content, workspace);
        break;
      case Kind::prepend:
        if (!text.empty()) text.insert(0, s.content);
        break;
      case Kind::byte_level:
        text = to_byte_level(text);
        break;
    }
  }
}

}  // namespace jaju
