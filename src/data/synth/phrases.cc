#include "data/synth/phrases.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/utf8.h"

namespace jaju::data {
namespace {

enum class Ending { open, rieul, closed };  // no final consonant, ㄹ, another one

struct Forms {
  std::string_view closed, open;
};

constexpr std::array<Forms, 15> kForms = {{
    {"은", "는"},
    {"이", "가"},
    {"을", "를"},
    {"과", "와"},
    {"이랑", "랑"},
    {"으로", "로"},
    {"이에요", "예요"},
    {"이야", "야"},
    {"이다", "다"},
    {"이죠", "죠"},
    {"이고", "고"},
    {"이면", "면"},
    {"이라", "라"},
    {"이나", "나"},
    {"이니", "니"},
}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// How the number that `text` ends in is read: 영 일 이 삼 사 오 육 칠 팔 구, and 십 백 천 만 억 after zeros.
Ending ending_of_number(std::string_view text) {
  size_t start = text.size();
  while (start > 0 && (is_digit(text[start - 1]) || text[start - 1] == ',')) --start;
  const char before = start > 0 ? text[start - 1] : ' ';
  if (start >= 2 && is_digit(text[start - 2])) {
    if (before == ':') {  // 14:05 오 분; 14:00 열네 시
      return text.substr(start) == "00" ? Ending::open : Ending::closed;
    }
    if (before == '/') {  // the numerator is read last
      return ending_of_number(text.substr(0, start - 1));
    }
  }
  const char last = text.back();
  if (last == '0') {
    const size_t zeros = text.size() - 1 - std::min(text.size() - 1, text.find_last_not_of("0,"));
    const bool whole = before != '.';
    return whole && zeros >= 12 && zeros < 16 ? Ending::open
                                              : Ending::closed;  // 조 is open, 영 to 억 are not
  }
  switch (last) {
    case '1':
    case '7':
    case '8':
      return Ending::rieul;
    case '3':
    case '6':
      return Ending::closed;
    default:
      return Ending::open;
  }
}

Ending ending_of_latin(std::string_view text) {
  size_t start = text.size();
  while (start > 0 && is_letter(text[start - 1])) --start;
  const std::string_view word = text.substr(start);
  if (start > 0 && is_digit(text[start - 1])) {  // a unit after its number
    if (word == "kg" || word == "g" || word == "mg" || word == "t") return Ending::closed;
    if (word.back() == 'm' || word == "L" || word == "mL" || word == "l" || word == "ml") return Ending::open;
  }
  const char last = static_cast<char>(word.back() | 0x20);
  if (word.size() == 1) {  // the letter's name: 엘, 엠, 엔, 아르
    return last == 'l' ? Ending::rieul : last == 'm' || last == 'n' ? Ending::closed : Ending::open;
  }
  if (last == 'l') return Ending::rieul;
  if (word.ends_with("ng") || std::string_view("mnpbkc").find(last) != std::string_view::npos) {
    return Ending::closed;
  }
  return Ending::open;
}

Ending ending_of(std::string_view text) {
  // What is not heard: quotes, brackets, blanks.
  for (bool again = true; again && !text.empty();) {
    again = false;
    for (const std::string_view silent :
         {" ", ")", "]", "\"", "'", "`", "”", "’", "」", "』", "》", ".", "?"}) {
      if (text.ends_with(silent)) {
        text.remove_suffix(silent.size());
        again = true;
      }
    }
  }
  if (text.empty()) return Ending::open;
  const char last = text.back();
  if (is_digit(last)) return ending_of_number(text);
  if (is_letter(last)) return ending_of_latin(text);
  for (size_t size = 1; size <= std::min<size_t>(4, text.size()); ++size) {
    uint32_t code_point = 0;
    const std::string_view tail = text.substr(text.size() - size);
    if (utf8_length(tail, &code_point) != static_cast<int>(size)) continue;
    if (code_point < 0xAC00 || code_point > 0xD7A3) return Ending::open;  // %: 퍼센트; other scripts: no rule
    const uint32_t final_consonant = (code_point - 0xAC00) % 28;
    return final_consonant == 0 ? Ending::open : final_consonant == 8 ? Ending::rieul : Ending::closed;
  }
  return Ending::open;
}

const Forms* forms_named(std::string_view particle) {
  const auto found = std::find_if(kForms.begin(), kForms.end(), [&](const Forms& forms) {
    return forms.closed == particle || forms.open == particle;
  });
  return found == kForms.end() ? nullptr : &*found;
}

}  // namespace

std::string_view josa(std::string_view word_or_number, Josa kind) {
  const Forms& forms = kForms[static_cast<size_t>(kind)];
  const Ending ending = ending_of(word_or_number);
  if (kind == Josa::by && ending == Ending::rieul) return forms.open;
  return ending == Ending::open ? forms.open : forms.closed;
}

std::string with_josa(std::string_view word_or_number, Josa kind) {
  std::string out(word_or_number);
  out += josa(word_or_number, kind);
  return out;
}

std::string fill(std::string_view pattern, std::span<const Slot> slots) {
  std::string out;
  while (!pattern.empty()) {
    const size_t open = std::min(pattern.find('{'), pattern.size());
    out += pattern.substr(0, open);
    pattern.remove_prefix(open);
    if (pattern.empty()) break;
    if (pattern.starts_with("{{")) {
      out += '{';
      pattern.remove_prefix(2);
      continue;
    }
    const size_t close = pattern.find('}');
    JAJU_CHECK(close != std::string_view::npos);
    const std::string_view inside = pattern.substr(1, close - 1);
    pattern.remove_prefix(close + 1);
    const size_t bar = inside.find('|');
    const std::string_view name = inside.substr(0, bar);
    const auto slot =
        std::find_if(slots.begin(), slots.end(), [&](const Slot& s) { return s.first == name; });
    JAJU_CHECK(slot != slots.end());
    out += slot->second;
    if (bar == std::string_view::npos) continue;
    const Forms* forms = forms_named(inside.substr(bar + 1));
    JAJU_CHECK(forms != nullptr);
    out += josa(slot->second, static_cast<Josa>(forms - kForms.data()));
  }
  return out;
}

std::string fill(std::string_view pattern, std::initializer_list<Slot> slots) {
  return fill(pattern, std::span<const Slot>(slots.begin(), slots.size()));
}

std::span<const std::string_view> Patterns::in(Language language) const {
  return choose<std::span<const std::string_view>>(language, ko, en, zh, ja, es);
}

std::string phrase(Dice& dice, Language language, const Patterns& patterns,
                   std::initializer_list<Slot> slots) {
  return fill(dice.pick(patterns.in(language)), slots);
}

std::string with_commas(int64_t n) {
  std::string out = std::to_string(n);
  const int first = n < 0 ? 1 : 0;
  for (int at = static_cast<int>(out.size()) - 3; at > first; at -= 3)
    out.insert(static_cast<size_t>(at), ",");
  return out;
}

}  // namespace jaju::data
