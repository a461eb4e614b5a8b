// `jaju data synth`: a training set, a test set and plain text, from a seed.
//
// A directory with
//   train.jsonl     problems, one JSON object per line (problem.h), in the order they were drawn
//   test.jsonl      problems whose hash puts them on the test side (is_test_problem), even over levels
//   text.jsonl      {"text", "language"}: plain documents for pre-training
//   manifest.json   seed, mix, counts by task, language and difficulty, XXH3-64 of each file; written last
//
// The same options give the same bytes, whatever the number of threads. No question appears twice, and none
// of the test questions is in training, also not with other spacing or capitals (decontaminate.h, run at the
// end).
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "data/problem.h"

namespace jaju::data {

struct SynthOptions {
  std::filesystem::path to;
  int64_t train = 100000;
  int64_t test = 2000;
  int64_t texts = 0;
  uint64_t seed = 1;
  std::vector<std::string> tasks;  // families or groups by name; empty: all, by their weights
  // Code and relative weight; empty: ko 4, en 4, zh, ja and es 2/3 each.
  std::vector<std::pair<std::string, double>> languages;
  int max_difficulty = 5;
  int threads = 0;    // 0: all this process may use
  bool quiet = true;  // no progress bar
  const std::atomic<bool>* cancel = nullptr;
};

// Errors: an unknown task or language (the nearest is named), a disk that is full, fewer distinct problems
// than asked for, a test question in training. Leaves no half-written file under the final names.
Status synthesize(const SynthOptions& options);

// Counts of problems, for the manifest and `jaju data stats`.
struct ProblemCounts {
  int64_t problems = 0;
  int64_t question_bytes = 0;
  int64_t thinking_bytes = 0;
  int64_t answer_bytes = 0;
  std::map<std::string, int64_t> by_task;
  std::map<std::string, int64_t> by_language;
  std::map<int, int64_t> by_difficulty;
  // task, language, difficulty
  std::map<std::string, std::map<std::string, std::map<int, int64_t>>> cells;

  void add(const Problem& problem);
};
nlohmann::ordered_json to_json(const ProblemCounts& counts);

}  // namespace jaju::data
