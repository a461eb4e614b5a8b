// A Problem: one question whose answer a program can check, with a worked thinking trace. The unit that
// `jaju data synth` writes, `jaju data prepare` turns into tokens, `jaju train` learns from and rewards, and
// `jaju eval` scores. Every problem is paired: the same question is answered with and without the trace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju::data {

struct Problem {
  std::string id;        // hash of language and question, 16 hex digits (problem_id)
  std::string task;      // family: "add", "mul", "money", "python_output", ...
  std::string language;  // "ko", "en", "zh", "ja", "es"
  int difficulty = 1;    // 1 (easiest) to 5
  std::string question;  // what the user types
  std::string thinking;  // the worked trace, without tags; no white space at either end
  std::string answer;  // what the assistant says after </think>, in either mode; no white space at either end
  std::string expected;  // the value the answer must hold: "57", "3/4", "14:05", "yes", ...
};

// 16 hex digits of XXH3-64 over language, a zero byte and the question with runs of white space as one space.
std::string problem_id(std::string_view language, std::string_view question);

// `text` without white space at its ends, runs of white space inside as one space.
std::string one_spaced(std::string_view text);

// One JSON object on one line, keys in the order of the struct; no line break at the end.
std::string to_json_line(const Problem& problem);
// `what` names the place in the error ("train.jsonl line 12"). Errors: not an object, a key missing or of the
// wrong type; `id` may be absent and is computed then, unknown keys are ignored.
Result<Problem> problem_from_json(std::string_view line, const std::string& what);

// True when `answer` says `expected`: exactly, after trimming; or, where `expected` is a number, a fraction,
// a time, a date or another value made of digits and the signs between them, when the last such value in
// `answer` equals it (leading zeros, thousands commas and a full stop at the end of the sentence do not
// matter); or, for other text, when both are equal without outer punctuation, runs of white space and the
// case of a word's first letter, or `answer`'s last line or last `code span` is. An empty `expected` matches
// nothing. The exact rules, with their reasons, stand at the top of answer_matches.cc.
bool answer_matches(std::string_view answer, std::string_view expected);

}  // namespace jaju::data
