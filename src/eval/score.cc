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
  const std::string_view text = trim(answer);
  const auto is_choice = [&](char c) { return c >= 'A' && c < 'A' + static_cast<int>(choices.size()); };
  // The whole, or the start of "B. text", "(B) text", "B: text".
  size_t at = 0;
  while (at < text.size() && (text[at] == '(' || text[at] == '[' || text[at] == '*')) ++at;
  if (at < text.size() && is_choice(text[at])) {
    const size_t next = at + 1;
    if (next == text.size() || std::string_view(".):]*,\n").find(text[next]) != std::string_view::npos)
      return text[at];
  }
  for (size_t i = text.size(); i-- > 0;) {
    if (!is_choice(text[i])) continue;
    if ((i > 0 && is_word(text[i - 1])) || (i + 1 < text.size() && is_word(text[i + 1]))) continue;
    // The English article: "A dog", not "the answer is A because" at the end of a clause.
    const bool article = text[i] == 'A' && i + 2 < text.size() && text[i + 1] == ' ' && is_word(text[i + 2]);
    if (article && (i == 0 || text[i - 1] == '\n' || (i > 1 && text[i - 1] == ' ' && text[i - 2] == '.')))
      continue;
    return text[i];
  }
  for (size_t i = 0; i < choices.size(); ++i) {
    if (trim(choices[i]) == text) return static_cast<char>('A' + i);
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
