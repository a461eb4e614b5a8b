// Is a test question in the training data? Two measures:
//
//  - The same question: equal after taking out case, white space and punctuation between words. One is too
//  many.
//  - Shared 13-grams, the measure the field has used since GPT-3 (Brown et al., 2020, appendix C): 13 words
//    in a row that stand in both, a word being a run of letters, a run of digits, or one CJK character or
//    other sign. Between sets of synthetic problems sentences recur with other numbers, so for them a shared
//    13-gram is no proof; it is reported as a share, and how many test questions are covered from end to end.
//
// A third is for problems: the same numbers asked in other words ("47*86=?", "47 곱하기 86은?") with the same
// answer. numbers_key() is what synthesize() uses to keep such twins of test problems out of training.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "data/problem.h"

namespace jaju::data {

// Case folded, white space and ASCII punctuation between letters gone ("3 + 4 = ?" keeps its signs).
std::string normalised_question(std::string_view question);
uint64_t question_key(std::string_view question);  // hash of the normalised question

// Hash of task, expected value and the numbers of the question in ascending order; nullopt when the question
// has fewer than four digits in all: the small tables ("3*4") are to be known, not held out.
std::optional<uint64_t> numbers_key(const Problem& problem);

inline constexpr int kNgram = 13;
// Hashes of the 13-grams of `text`, in order; a shorter text gives none.
std::vector<uint64_t> ngram_hashes(std::string_view text);

struct ContaminationReport {
  int64_t test_questions = 0;
  int64_t train_records = 0;
  int64_t same_question = 0;          // test questions that are in training
  int64_t same_numbers = 0;           // test problems whose numbers and answer are, in other words
  int64_t shared_ngram = 0;           // test questions that share a 13-gram with training
  int64_t covered = 0;                // test questions all of whose 13-grams are in training
  int64_t too_short = 0;              // test questions of fewer than 13 words
  std::vector<std::string> examples;  // up to 5 of the same questions, with their places
};

// Files of problems, of {"question"}, {"text"} or {"messages"} objects, or plain text. Memory grows with the
// test files only; each may hold at most 10 million questions. Errors: a bad line, an unreadable file.
Result<ContaminationReport> check_contamination(const std::vector<std::filesystem::path>& train,
                                                const std::vector<std::filesystem::path>& test);

// For each problem whether a file of `train` asks the same question, or the same numbers in other words.
// Memory grows with `problems` only. Errors: as above.
Result<std::vector<bool>> seen_in_training(std::span<const Problem> problems,
                                           const std::vector<std::filesystem::path>& train);

}  // namespace jaju::data
