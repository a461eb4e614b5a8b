// Ctrl-C while an answer is being made: stops the answer, not the program.
#pragma once

#include <atomic>
#include <csignal>

namespace jaju::cli {

// While it lives, SIGINT only sets a flag. One at a time. With `second_ends`, a second Ctrl-C ends the
// program (exit 130), for the case that the first is not noticed soon.
class InterruptScope {
 public:
  explicit InterruptScope(bool second_ends);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  const std::atomic<bool>* flag() const;
  bool hit() const { return flag()->load(); }

 private:
  struct sigaction before_;
};

}  // namespace jaju::cli
