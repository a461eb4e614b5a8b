// Questions to score a model with, read from JSON lines. Layouts, told apart by their keys:
//
//   our own          {"question", "answer", "expected", "task", "language", "difficulty"}   (data/problem.h)
//   question/answer  {"question" or "problem", "answer"}; "#### 42" in the answer (GSM8K) marks the value
//   choices          {"question", "choices" or "options": [...], "answer"}; also {"text": [...], "label":
//                    [...]} (ARC) and keys "A", "B", ... beside the question (KMMLU)
//
// The answer of a choice is a letter ("answer" or "answerKey"), or a number: counted from 0 for a list
// (MMLU), from 1 where the choices are keys (KMMLU); a text that equals one choice counts as well. "task",
// "subject", "category" or "Category" names the task, else the file's name; "language" may be missing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/problem.h"

namespace jaju::eval {

struct Item {
  data::Problem problem;             // expected: for choices the letter, "A" first; difficulty 0: not given
  std::vector<std::string> choices;  // empty: a free answer
};

// `what` names the line in errors; `default_task` stands in where the line names none.
Result<Item> item_from_json(std::string_view line, const std::string& what, const std::string& default_task);

struct ItemOptions {
  int64_t limit = 0;                              // at most so many in all; 0: no limit
  int64_t per_task = 0;                           // at most so many of a task; 0: no limit
  std::vector<std::string> tasks{}, languages{};  // only these; empty: all
  int difficulty = 0;                             // only this one; 0: all
  // Files of training data: what they ask, or ask in other words with the same numbers, is left out
  // (data/decontaminate.h).
  std::vector<std::filesystem::path> unless_in{};
};

// Reads a file of JSON lines (at most 1 GB), in its order; empty lines are skipped. Error: one sentence that
// names the line.
Result<std::vector<Item>> read_items(const std::filesystem::path& path, const ItemOptions& options);
// Keeps what the options allow, in order. Errors: a training file that can not be read, nothing left.
Result<std::vector<Item>> select_items(std::vector<Item> items, const ItemOptions& options);

// What the user says: the question, and for choices a line for each and the request for one letter.
std::string user_message(const Item& item);

}  // namespace jaju::eval
