// A progress bar on stderr for long work: a bar with rate and ETA on a terminal, nothing otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace jaju {

class Progress {
 public:
  // `label` says what is done ("reading prompt"); `unit` what is counted ("tokens", or "B" for bytes).
  // Stays silent for the first 300 ms, when stderr is not a terminal, and when `quiet`.
  Progress(std::string label, std::string unit, int64_t total, bool quiet = false);
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done);

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  std::string unit_;
  int64_t total_;
  bool shown_ = false;
  bool enabled_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_{};
};

// True when stderr is a terminal that may be drawn on and coloured (TERM not dumb).
bool stderr_is_terminal();
bool stdout_is_terminal();
// False when NO_COLOR is set and not empty (no-color.org).
bool colour_allowed();

}  // namespace jaju
