// Guesses of what comes next, checked by the model in one step. Guesses never change an answer: the sampler
// draws from the model's own logits at every position, with the dice it would have thrown anyway, and a guess
// only counts where it equals what was drawn.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace jaju {

// Prompt lookup (Saxena, 2023): where the last few tokens stood before, what followed them then is likely to
// follow again. Strong on quoting, code edits and tables; free of cost elsewhere.
class PromptLookup {
 public:
  // Index of the whole text so far; call as tokens are added (never removed). Costs O(new tokens).
  void extend(std::span<const int32_t> text);
  // Appends up to `most` guesses of what follows `text` (which extend() has seen) to `out`; how many.
  int64_t draft(std::span<const int32_t> text, int64_t most, std::vector<int32_t>& out) const;

 private:
  static constexpr int64_t kLongest = 3;   // tokens that must agree; tried first
  static constexpr int64_t kShortest = 2;  // fewer agree by chance
  size_t slot(std::span<const int32_t> gram) const;

  // Position behind the latest occurrence of an n-gram, 0: none. Collisions lose the older entry; a hit
  // is compared with the text. A power of two long, half full at most.
  std::vector<int32_t> behind_;
  int64_t indexed_ = 0;  // tokens
};

// What a row costs and a token is worth, from the steps that were run: seconds of a step of answers against
// its rows, a line fitted with fading memory.
class StepCost {
 public:
  void add(int64_t rows, double seconds);
  double seconds(int64_t rows) const;  // of such a step; 0: nothing known
  double per_row() const;              // seconds one more row takes
 private:
  void learn_share();

  double n_ = 0, r_ = 0, rr_ = 0, t_ = 0, rt_ = 0;  // sums of 1, rows, rows^2, seconds, rows * seconds
  double share_ = 0.5;                              // slope of the line, of t_ / r_
};

// How many guesses a sequence should have checked: none where they have not paid lately, but one look again
// now and then.
class DraftGate {
 public:
  // `row_seconds`: cost of checking one guess; `token_seconds`: what a sure token is worth, one sequence's
  // share of a step. Call once a step.
  int64_t width(double row_seconds, double token_seconds, int64_t most);
  void report(int64_t drafted, int64_t accepted);
  // A step went by without a guess.
  void idle() { ++waited_; }

 private:
  double rate_ = 0.7;      // accepted of guesses that were checked, fading
  int64_t waited_ = 0;     // steps since the last guess was checked
  int64_t patience_ = 16;  // steps between looks; doubles while they fail
};

}  // namespace jaju
