// The verdict on an answer: a reward in training and a score in evaluation, so what it accepts is spelled out
// here and everything else is wrong.
//
// A value is made of digits and the signs between them: "-5", "1,234", "3/4", "1 1/2", "2.50", "14:05",
// "2024-03-05", "13 r 1". Both sides are brought to one spelling and compared as text:
//  - leading zeros go, except behind a colon, where two digits are the rule ("9:05" is not "9:5");
//  - commas that group thousands go ("1,234,567"); other commas stay;
//  - zeros at the end of a decimal go, its point stays: "2.50" is "2.5", but "2.0" is not "2" (Python prints
//    them differently);
//  - "-0" is "0"; U+2212 is "-", and so is a dash (U+2013, U+FF0D) that no digit stands before;
//  - a minus parted from its number by spaces or a currency sign counts ("x = - 5") where nothing stands before
//    that it could take the number from, and no list begins.
// Only the last value of the answer counts, so a list of guesses earns nothing but what it ends with. Digits
// inside a name ("x2", "B12"), in an exponent ("m^2") or spelled as code ("0x1f", "1e5") are no value.
#include <vector>

#include "base/utf8.h"
#include "data/problem.h"

namespace jaju::data {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

constexpr std::string_view kSigns = ".,/:-";

std::string with_ascii_minus(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const std::string_view sign = text.substr(i, 3);
    const bool dash = sign == "\xe2\x80\x93" || sign == "\xef\xbc\x8d";                // U+2013, U+FF0D
    if (sign == "\xe2\x88\x92" || (dash && (out.empty() || !is_digit(out.back())))) {  // U+2212
      out += '-';
      i += 3;
    } else {
      out += text[i++];
    }
  }
  return out;
}

std::string without_leading_zeros(std::string_view digits) {
  while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);
  return std::string(digits);
}

struct Parts {
  std::vector<std::string_view> numbers;  // runs of digits
  std::string signs;                      // signs[i] stands between numbers[i] and numbers[i + 1]
};

bool groups_thousands(const Parts& parts, size_t first, size_t last) {
  if (parts.numbers[first].size() > 3 || parts.numbers[first] == "0") return false;
  for (size_t i = first + 1; i <= last; ++i) {
    if (parts.numbers[i].size() != 3) return false;
  }
  return true;
}

// One spelling of digits and signs without white space.
std::string canonical(std::string_view text) {
  bool negative = false;
  if (text[0] == '-') {
    negative = true;
    text.remove_prefix(1);
  }
  Parts parts;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && is_digit(text[i])) continue;
    parts.numbers.push_back(text.substr(begin, i - begin));
    if (i < text.size()) parts.signs += text[i];
    begin = i + 1;
  }
  // Thousands: a run of commas with three digits behind each.
  std::vector<std::string> numbers;
  std::string signs;
  for (size_t i = 0; i < parts.numbers.size();) {
    size_t last = i;
    while (last < parts.signs.size() && parts.signs[last] == ',') ++last;
    const bool grouped = last > i && groups_thousands(parts, i, last);
    std::string digits(parts.numbers[i]);
    if (grouped) {
      for (size_t j = i + 1; j <= last; ++j) digits += parts.numbers[j];
      i = last;
    }
    numbers.push_back(digits);
    if (i < parts.signs.size()) signs += parts.signs[i];
    ++i;
  }
  const bool decimal = signs == ".";
  std::string out;
  bool zero = true;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) out += signs[i - 1];
    std::string part = numbers[i];
    if (decimal && i == 1) {
      while (!part.empty() && part.back() == '0') part.pop_back();
    } else if (i == 0 || signs[i - 1] != ':') {
      part = without_leading_zeros(part);
    }
    zero = zero && part.find_first_not_of('0') == std::string::npos;
    out += part;
  }
  return (negative && !zero ? "-" : "") + out;
}

// Digits with single signs between them, from `at`; returns the end.
size_t end_of_number(std::string_view text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  while (at + 1 < text.size() && kSigns.find(text[at]) != std::string_view::npos && is_digit(text[at + 1])) {
    ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
  }
  return at;
}

struct Value {
  std::string text;  // canonical; empty: digits that are no value
  size_t begin = 0;
  size_t end = 0;
};

// Where " r 1" (a remainder) of "13 r 1" has its digits, or npos.
size_t remainder_digits(std::string_view text, size_t at) {
  while (at < text.size() && text[at] == ' ') ++at;
  if (at >= text.size() || (text[at] != 'r' && text[at] != 'R')) return std::string_view::npos;
  ++at;
  while (at < text.size() && text[at] == ' ') ++at;
  return at < text.size() && is_digit(text[at]) ? at : std::string_view::npos;
}

bool only_digits(std::string_view text) {
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return !text.empty();
}

constexpr std::string_view kCurrencies[] = {"$", "\xe2\x82\xa9", "\xc2\xa5", "\xe2\x82\xac", "\xc2\xa3"};

// Where a minus stands before spaces or a currency sign before `first`, and nothing that it could take the
// number from before that: "x = - 5", "-$5", not "7 - 5". npos: there is none.
size_t parted_minus(std::string_view text, size_t first) {
  const auto before_spaces = [&](size_t at) {
    while (at > 0 && text[at - 1] == ' ') --at;
    return at;
  };
  size_t at = before_spaces(first);
  for (const std::string_view currency : kCurrencies) {
    if (at >= currency.size() && text.substr(at - currency.size(), currency.size()) == currency) {
      at = before_spaces(at - currency.size());
      break;
    }
  }
  if (at == first || at == 0 || text[at - 1] != '-') return std::string_view::npos;
  const size_t operand = before_spaces(at - 1);
  // "- 5" where a line begins is an item of a list.
  const bool begins = operand == 0 || text[operand - 1] == '\n';
  const bool nothing = begins ? text[at] != ' '
                              : std::string_view("=(:,;[{").find(text[operand - 1]) != std::string_view::npos;
  return nothing ? at - 1 : std::string_view::npos;
}

// The next value at or behind `from`; begin is text.size() when there is none.
Value next_value(std::string_view text, size_t from) {
  Value value;
  size_t at = from;
  while (at < text.size() && !is_digit(text[at])) ++at;
  value.begin = value.end = at;
  if (at >= text.size()) return value;
  const size_t first = at;
  size_t end = end_of_number(text, at);
  bool named = first > 0 && is_letter(text[first - 1]);  // "x2"
  if (first > 0 && text[first - 1] == '^') named = true;
  // ".5": half a number; not behind what ends in a point ("No.18", "so...18").
  if (first > 0 && text[first - 1] == '.') {
    const char before = first > 1 ? text[first - 2] : ' ';
    named = !(is_letter(before) || before == '.' || (static_cast<unsigned char>(before) & 0x80) != 0);
  }
  if (first > 0 && text[first - 1] == '-') {
    const char before = first > 1 ? text[first - 2] : ' ';
    // Behind a letter, a digit or a bracket the sign is a hyphen or an operation ("x-5", "7--5").
    if (is_letter(before) || is_digit(before) || before == '-' || before == ')') {
      named = true;
    } else {
      value.begin = first - 1;
    }
  }
  const std::string_view head = text.substr(first, end - first);
  value.text = canonical(text.substr(value.begin, end - value.begin));
  if (const size_t minus = parted_minus(text, first); minus != std::string_view::npos && minus >= from) {
    value.begin = minus;
    std::string negative(1, '-');
    negative += head;
    value.text = canonical(negative);
  }
  if (const size_t digits = remainder_digits(text, end);
      digits != std::string_view::npos && head.find_first_of(kSigns) == std::string_view::npos) {
    end = end_of_number(text, digits);
    const std::string_view rest = text.substr(digits, end - digits);
    value.text = only_digits(rest) ? value.text + " r " + without_leading_zeros(rest) : "";
  } else if (only_digits(head) && end + 1 < text.size() && text[end] == ' ' && is_digit(text[end + 1])) {
    // A mixed number: "1 1/2".
    const size_t fraction_end = end_of_number(text, end + 1);
    const std::string fraction = canonical(text.substr(end + 1, fraction_end - end - 1));
    const size_t bar = fraction.find('/');
    if (bar != std::string::npos && bar == fraction.find_last_of(kSigns) &&
        bar == fraction.find_first_of(kSigns)) {
      value.text += ' ' + fraction;
      end = fraction_end;
    }
  }
  // "0x1f", "1e5": letters with more digits behind them. "5km" is fine.
  size_t tail = end;
  while (tail < text.size() && is_letter(text[tail])) ++tail;
  if (tail > end && tail < text.size() && is_digit(text[tail])) {
    named = true;
    while (tail < text.size() && (is_letter(text[tail]) || is_digit(text[tail]))) ++tail;
    end = tail;
  }
  value.end = end;
  if (named) value.text.clear();
  return value;
}

// `expected` as one value from end to end, with a currency sign before it or a percent sign behind it at
// most; empty when it is other text.
std::string as_value(std::string_view expected) {
  for (const std::string_view currency : kCurrencies) {
    if (expected.substr(0, currency.size()) == currency) {
      expected.remove_prefix(currency.size());
      break;
    }
  }
  if (!expected.empty() && expected.back() == '%') expected.remove_suffix(1);
  const Value value = next_value(expected, 0);
  return value.begin == 0 && value.end == expected.size() ? value.text : "";
}

std::string last_value(std::string_view answer) {
  std::string last;
  for (size_t at = 0; at < answer.size();) {
    const Value value = next_value(answer, at);
    if (value.begin >= answer.size()) break;
    // A name with digits ("x2") is passed over; an operand ("x-5") or a code spelling stands for something
    // else.
    const char before = value.begin > 0 ? answer[value.begin - 1] : ' ';
    const bool name = value.text.empty() && (is_letter(before) || before == '^');
    if (!name) last = value.text;
    at = value.end;
  }
  return last;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Runs of white space become one space, or one line break where they hold one and `keep_lines`.
std::string spaced(std::string_view text, bool keep_lines) {
  std::string out;
  bool space = false;
  bool line = false;
  for (const char c : trimmed(text)) {
    if (is_space(c)) {
      space = true;
      line = line || c == '\n';
      continue;
    }
    if (space) out += line && keep_lines ? '\n' : ' ';
    space = line = false;
    out += c;
  }
  return out;
}

constexpr std::string_view kEnders[] = {
    ".", "!", "?", "\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f", "\xe2\x80\xa6", "\xc2\xa1", "\xc2\xbf",
    ",", ":", ";"};
constexpr std::string_view kQuotes[] = {
    "\"",           "'",           "`", "*", "\xe2\x80\x9c", "\xe2\x80\x9d", "\xe2\x80\x98", "\xe2\x80\x99",
    "\xe3\x80\x8c", "\xe3\x80\x8d"};

bool strip_one(std::string_view& text, std::string_view mark) {
  bool stripped = false;
  while (!text.empty() && text.substr(0, mark.size()) == mark) {
    text.remove_prefix(mark.size());
    stripped = true;
  }
  while (text.size() >= mark.size() && text.substr(text.size() - mark.size()) == mark) {
    text.remove_suffix(mark.size());
    stripped = true;
  }
  return stripped;
}

std::string_view bare(std::string_view text, bool quotes) {
  for (bool again = true; again && !text.empty();) {
    again = false;
    for (const std::string_view mark : kEnders) again |= strip_one(text, mark);
    if (quotes) {
      for (const std::string_view mark : kQuotes) again |= strip_one(text, mark);
    }
    const std::string_view inner = trimmed(text);
    again |= inner.size() != text.size();
    text = inner;
  }
  return text;
}

// Equal, where the first letter of an ASCII word may be a capital on either side. The rest of a word keeps
// its case: "HELLO" is what .upper() prints and "hello" is not.
bool equal_but_capitals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const bool starts = i == 0 || (!is_letter(a[i - 1]) && static_cast<signed char>(a[i - 1]) > 0);
    if (!starts || !is_letter(a[i]) || (a[i] ^ b[i]) != 0x20) return false;
  }
  return true;
}

bool same_text(std::string_view answer, const std::string& expected, bool keep_lines) {
  const std::string text = spaced(answer, keep_lines);
  if (text == expected) return true;
  // Quotes of the expected text are part of it; around the answer they are decoration.
  const std::string_view wanted = bare(expected, false);
  if (wanted.empty()) return false;  // nothing but punctuation: only exactly
  return equal_but_capitals(bare(text, false), wanted) || equal_but_capitals(bare(text, true), wanted);
}

// What stands in the last `code span` or ```fence``` of the answer (the fence's language left out); empty:
// none.
std::string_view last_code(std::string_view answer) {
  const size_t close = answer.find_last_of('`');
  if (close == std::string_view::npos) return {};
  size_t run = close;
  while (run > 0 && answer[run - 1] == '`') --run;
  const size_t ticks = close + 1 - run;
  if (ticks >= 3) {
    const size_t open = run == 0 ? std::string_view::npos : answer.rfind("```", run - 1);
    if (open == std::string_view::npos) return {};
    std::string_view inside = answer.substr(open + 3, run - open - 3);
    const size_t line = inside.find('\n');
    return line == std::string_view::npos ? inside : inside.substr(line + 1);
  }
  const size_t open = run == 0 ? std::string_view::npos : answer.rfind('`', run - 1);
  return open == std::string_view::npos ? std::string_view() : answer.substr(open + 1, run - open - 1);
}

}  // namespace

bool answer_matches(std::string_view answer, std::string_view expected) {
  answer = trimmed(answer);
  expected = trimmed(expected);
  if (expected.empty()) return false;  // nothing to check is not a success
  if (answer == expected) return true;
  const std::string value = as_value(with_ascii_minus(expected));
  if (!value.empty()) return last_value(with_ascii_minus(answer)) == value;

  const bool lines = expected.find('\n') != std::string_view::npos;
  const std::string wanted = spaced(expected, lines);
  if (same_text(answer, wanted, lines)) return true;
  if (const std::string_view code = last_code(answer); !code.empty() && spaced(code, lines) == wanted)
    return true;
  const size_t line = answer.find_last_of('\n');
  return !lines && line != std::string_view::npos && same_text(answer.substr(line + 1), wanted, false);
}

}  // namespace jaju::data
