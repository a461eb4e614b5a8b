// One answer of a model, taken apart and judged.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "eval/dataset.h"
#include "tokenizer/tokenizer.h"

namespace jaju::eval {

enum class Mode { think, direct };
std::string_view name_of(Mode mode);  // "think", "direct"

// What is wrong with the form of an answer, whatever it says. The first that holds is the one counted.
enum class FormatError {
  none,
  prompt_too_long,  // no room for an answer: nothing was generated
  unfinished,       // no end of turn: the token limit or the context came first
  no_close,         // thinking: </think> never came
  repeated_tag,     // thinking: a <think>, or a second </think>
  think_tag,        // not thinking: <think> or </think>
  empty_answer,     // nothing but white space where the answer should be
};
inline constexpr FormatError kFormatErrors[] = {FormatError::prompt_too_long, FormatError::unfinished,
                                                FormatError::no_close,        FormatError::repeated_tag,
                                                FormatError::think_tag,       FormatError::empty_answer};
std::string_view name_of(FormatError error);   // "unfinished", for JSON
std::string_view describe(FormatError error);  // "no end of turn", for people

struct Scored {
  bool correct = false;  // the answer says what is expected, and ended
  FormatError format = FormatError::none;
  std::string text;       // all that was generated, tags included, without the end of turn
  std::string reasoning;  // before </think>
  std::string answer;     // behind it
  int64_t tokens = 0;     // generated, the end of turn not counted
};

// `text`: the decoded tokens with special ones shown. `finished`: the end of turn came.
Scored score(const Item& item, Mode mode, std::string text, int64_t tokens, bool finished);

// The letter an answer to a multiple-choice question gives, or 0: the answer as a whole ("B", "(B)", "B.
// text"), else the last letter that stands alone ("정답은 B입니다", "so it is (C)"), else the choice it
// repeats.
char chosen_letter(std::string_view answer, std::span<const std::string> choices);

// Wilson's score interval for `hits` of n at 95 % (Wilson 1927): both ends, as shares; {0, 1} for n = 0.
std::pair<double, double> wilson95(int64_t hits, int64_t n);

}  // namespace jaju::eval
