#include "train/console.h"

#include <cstdio>

#include "base/progress.h"

namespace jaju::train {

int fail(const Status& status, int code) {
  std::fflush(stdout);
  std::fprintf(stderr, "jaju: %s\n", status.message().c_str());
  return code;
}

Console::Console(std::string label, bool quiet)
    : label_(label.empty() ? "" : std::move(label) + " "), quiet_(quiet), terminal_(stderr_is_terminal()) {}

void Console::step(const StepReport& report) {
  const std::string line = console_line(report);
  report.held_out.empty() ? redraw(line) : keep(line);
}

void Console::step(const RlReport& report) {
  keep(console_line(report));
}

void Console::sampling(int64_t step, int64_t round, int64_t done, int64_t total) {
  if (!terminal_) return;
  redraw(fmt::format("step {}  sampling, round {}: {} of {} answers", step, round, done, total));
}

void Console::note(const std::string& sentence) {
  clear();
  std::fprintf(stderr, "jaju: %s\n", sentence.c_str());
}

void Console::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

void Console::keep(const std::string& line) {
  if (quiet_) return;
  clear();
  std::fprintf(stderr, "%s%s\n", label_.c_str(), line.c_str());
  std::fflush(stderr);
  next_ = Clock::now() + (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(30'000));
}

void Console::redraw(const std::string& line) {
  if (quiet_ || Clock::now() < next_) return;
  if (!terminal_) return keep(line);
  // No wrap: a line longer than the window would leave pieces behind.
  std::fprintf(stderr, "\r\x1b[K\x1b[?7l%s%s\x1b[?7h", label_.c_str(), line.c_str());
  std::fflush(stderr);
  drawn_ = true;
  next_ = Clock::now() + std::chrono::milliseconds(200);
}

}  // namespace jaju::train
