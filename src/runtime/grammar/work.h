// The account of one compilation: counts what is built, reads the clock, keeps the first error.
//
// Builders ask `failed()` in their loops and unwind; whoever called them looks at `status()` once. That keeps
// recursive lowering readable and every budget in one place.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "base/status.h"
#include "runtime/grammar/grammar.h"

namespace jaju::grammar {

class Work {
 public:
  explicit Work(const GrammarBudget& budget)
      : budget_(budget),
        deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(budget.max_compile_ms)) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  const GrammarBudget& budget() const { return budget_; }
  bool failed() const { return !status_.ok(); }
  const Status& status() const { return status_; }

  // Keeps the first error.
  void fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  // Counts n built things (expressions, states). False when the compilation is to stop.
  bool symbols(int64_t n) {
    symbols_ += n;
    if (symbols_ > budget_.max_symbols) {
      fail(error("the grammar needs more than {} symbols (max_symbols); make it smaller",
                 budget_.max_symbols));
    }
    return steps(n);
  }
  // Counts n steps of work that keeps nothing, and looks at the clock now and then.
  bool steps(int64_t n) {
    until_clock_ -= n;
    if (until_clock_ < 0) {
      until_clock_ = 4096;
      if (std::chrono::steady_clock::now() > deadline_) {
        fail(error("compiling the grammar took longer than {} ms (max_compile_ms); make it smaller",
                   budget_.max_compile_ms));
      }
    }
    return !failed();
  }

 private:
  GrammarBudget budget_;
  std::chrono::steady_clock::time_point deadline_;
  Status status_;
  int64_t symbols_ = 0;
  int64_t until_clock_ = 4096;
};

}  // namespace jaju::grammar
