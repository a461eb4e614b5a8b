#include "eval/score.h"

#include <algorithm>
#include <cmath>

#include "chat/output_parser.h"

namespace jaju::eval {
namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";

int64_t count(std::string_view text, std::string_view tag) {
  int64_t n = 0;
  for (size_t at = text.find(tag); at != std::string_view::npos; at = text.find(tag, at + tag.size())) ++n;
  return n;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

FormatError check_format(Mode mode, std::string_view text, std::string_view answer, bool finished) {
  if (!finished) return FormatError::unfinished;
  const int64_t opens = count(text, kOpen);
  const int64_t closes = count(text, kClose);
  if (mode == Mode::think) {
    if (closes == 0) return FormatError::no_close;
    if (opens > 0 || closes > 1) return FormatError::repeated_tag;
  } else if (opens + closes > 0) {
    return FormatError::think_tag;
  }
  return trim(answer).empty() ? FormatError::empty_answer : FormatError::none;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '\'';
}

// Full-width letters (U+FF21, U+FF41 and on) as those of ASCII.
std::string with_plain_letters(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = [&](size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0; };
    const bool capital = byte(i) == 0xef && byte(i + 1) == 0xbc && byte(i + 2) >= 0xa1 && byte(i + 2) <= 0xba;
    const bool small = byte(i) == 0xef && byte(i + 1) == 0xbd && byte(i + 2) >= 0x81 && byte(i + 2) <= 0x9a;
    if (capital || small) {
      out += static_cast<char>(capital ? 'A' + byte(i + 2) - 0xa1 : 'a' + byte(i + 2) - 0x81);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Where what is written stands behind spaces, brackets, quotes and asterisks.
size_t behind_marks(std::string_view text, size_t at) {
  while (at < text.size() && std::string_view(" \t\n([{*'\"`:").find(text[at]) != std::string_view::npos)
    ++at;
  return at;
}

// The letter of a choice at `at`, a small one where nothing but a mark or the end follows; 0: there is none.
char choice_letter(std::string_view text, size_t at, size_t n_choices) {
  if (at >= text.size()) return 0;
  const bool small = text[at] >= 'a' && text[at] <= 'z';
  const auto letter = static_cast<char>(small ? text[at] - 'a' + 'A' : text[at]);
  if (letter < 'A' || letter >= 'A' + static_cast<int>(n_choices)) return 0;
  const std::string_view rest = text.substr(at + 1);
  const bool marked =
      rest.empty() || std::string_view(".):]}*,;\n'\"`").find(rest[0]) != std::string_view::npos;
  // "B - text", and what no Latin word is: "B입니다".
  const bool parted = rest.starts_with(" - ") || rest.starts_with(" \u2013 ") || rest.starts_with(" = ") ||
                      (!rest.empty() && (static_cast<unsigned char>(rest[0]) & 0x80) != 0);
  return marked || (parted && !small) ? letter : 0;
}

}  // namespace

std::string_view name_of(Mode mode) {
  return mode == Mode::think ? "think" : "direct";
}

std::string_view name_of(FormatError error) {
  switch (error) {
    case FormatError::none:
      return "none";
    case FormatError::prompt_too_long:
      return "prompt_too_long";
    case FormatError::unfinished:
      return "unfinished";
    case FormatError::no_close:
      return "no_close";
    case FormatError::repeated_tag:
      return "repeated_tag";
    case FormatError::think_tag:
      return "think_tag";
    case FormatError::empty_answer:
      return "empty_answer";
  }
  return "";
}

std::string_view describe(FormatError error) {
  switch (error) {
    case FormatError::none:
      return "well formed";
    case FormatError::prompt_too_long:
      return "question longer than the context";
    case FormatError::unfinished:
      return "no end of turn";
    case FormatError::no_close:
      return "no </think>";
    case FormatError::repeated_tag:
      return "a tag repeated";
    case FormatError::think_tag:
      return "a tag in direct mode";
    case FormatError::empty_answer:
      return "empty answer";
  }
  return "";
}

char chosen_letter(std::string_view answer, std::span<const std::string> choices) {
  const std::string plain = with_plain_letters(trim(answer));
  const std::string_view text = plain;
  const auto letter_at = [&](size_t at) { return choice_letter(text, at, choices.size()); };
  // The text of a choice, word for word.
  for (size_t i = 0; i < choices.size() && text.size() > 1; ++i) {
    if (trim(choices[i]) == text) return static_cast<char>('A' + i);
  }
  // The whole, or the start of "B. text", "(B) text", "B - text".
  if (const char letter = letter_at(behind_marks(text, 0))) return letter;
  // What stands behind the last words that announce it.
  size_t said = std::string_view::npos;
  for (const std::string_view cue : {"nswer is", "nswer:", "정답은", "정답:", "답은", "답:", "\\boxed{"}) {
    const size_t at = text.rfind(cue);
    if (at != std::string_view::npos && (said == std::string_view::npos || at + cue.size() > said))
      said = at + cue.size();
  }
  if (said != std::string_view::npos) {
    if (const char letter = letter_at(behind_marks(text, said))) return letter;
  }
  // The one choice whose text occurs.
  char named = 0;
  int occurring = 0;
  for (size_t i = 0; i < choices.size(); ++i) {
    const std::string_view choice = trim(choices[i]);
    if (choice.size() < 2 || text.find(choice) == std::string_view::npos) continue;
    named = static_cast<char>('A' + i);
    ++occurring;
  }
  if (occurring == 1) return named;
  // The last capital that stands alone and is no word: not "A dog", not "I believe".
  for (size_t i = text.size(); i-- > 0;) {
    if (text[i] < 'A' || text[i] >= 'A' + static_cast<int>(choices.size())) continue;
    if ((i > 0 && is_word(text[i - 1])) || (i + 1 < text.size() && is_word(text[i + 1]))) continue;
    const bool word_follows = i + 2 < text.size() && text[i + 1] == ' ' && is_word(text[i + 2]);
    const bool begins = i == 0 || text[i - 1] == '\n' || (i > 1 && text[i - 1] == ' ' && text[i - 2] == '.');
    if (word_follows && (text[i] == 'I' || (text[i] == 'A' && begins))) continue;
    return text[i];
  }
  return 0;
}

Scored score(const Item& item, Mode mode, std::string text, int64_t tokens, bool finished) {
  Scored scored;
  scored.tokens = tokens;
  OutputParser parser({.thinking = mode == Mode::think, .tools = false});
  const auto take = [&](const std::vector<OutputEvent>& events) {
    for (const OutputEvent& event : events) {
      (event.kind == OutputEvent::Kind::reasoning ? scored.reasoning : scored.answer) += event.text;
    }
  };
  take(parser.push(text));
  take(parser.finish());
  scored.answer = trim(scored.answer);
  scored.format = check_format(mode, text, scored.answer, finished);
  scored.text = std::move(text);
  if (!finished || scored.answer.empty()) return scored;
  if (item.choices.empty()) {
    scored.correct = data::answer_matches(scored.answer, item.problem.expected);
  } else {
    scored.correct = chosen_letter(scored.answer, item.choices) == item.problem.expected.front();
  }
  return scored;
}

std::pair<double, double> wilson95(int64_t hits, int64_t n) {
  if (n <= 0) return {0.0, 1.0};
  constexpr double z = 1.959963984540054;  // the normal's 97.5 % point
  const auto total = static_cast<double>(n);
  const double share = static_cast<double>(hits) / total;
  const double middle = share + z * z / (2 * total);
  const double half = z * std::sqrt(share * (1 - share) / total + z * z / (4 * total * total));
  const double scale = 1 + z * z / total;
  return {std::max(0.0, (middle - half) / scale), std::min(1.0, (middle + half) / scale)};
}

}  // namespace jaju::eval
