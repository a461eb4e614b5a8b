#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/file.h"

namespace jaju {
namespace {

bool is_terminal(int fd) {
  const char* term = std::getenv("TERM");
  return ::isatty(fd) == 1 && (term == nullptr || std::strcmp(term, "dumb") != 0);
}

// At most two units: "3m 20s", "1h 5m".
std::string short_time(double seconds) {
  const auto s = static_cast<int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m {}s", s / 60, s % 60);
  return fmt::format("{}h {}m", s / 3600, s % 3600 / 60);
}

}  // namespace

bool stderr_is_terminal() {
  return is_terminal(STDERR_FILENO);
}
bool stdout_is_terminal() {
  return is_terminal(STDOUT_FILENO);
}
bool colour_allowed() {
  const char* value = std::getenv("NO_COLOR");
  return value == nullptr || *value == '\0';
}

Progress::Progress(std::string label, std::string unit, int64_t total, bool quiet)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      enabled_(!quiet && stderr_is_terminal()) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::update(int64_t done) {
  const Clock::time_point now = Clock::now();
  using std::chrono::duration;
  const double elapsed = duration<double>(now - start_).count();
  if (!enabled_ || elapsed < 0.3 || now - last_draw_ < std::chrono::milliseconds(100)) return;
  last_draw_ = now;
  shown_ = true;
  const double share =
      total_ > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total_), 0.0, 1.0) : 0.0;
  const double rate = static_cast<double>(done) / elapsed;
  const bool bytes = unit_ == "B";
  const auto amount = [&](double n) { return bytes ? human_bytes(n) : fmt::format("{:.0f}", n); };
  constexpr int kWidth = 24;
  const int filled = static_cast<int>(share * kWidth);
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
  const std::string left = rate > 0 ? short_time(static_cast<double>(total_ - done) / rate) : "?";
  const std::string line =
      fmt::format("\r\x1b[K{} {:3.0f}% {} {}/{}{} {}{}/s {}", label_, share * 100, bar,
                  amount(static_cast<double>(done)), amount(static_cast<double>(total_)),
                  bytes ? "" : " " + unit_, amount(rate), bytes ? "" : " " + unit_, left);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace jaju
