#include "runtime/describe_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"

namespace jaju {

std::string describe_store(const StoreFigures& f, double seconds, int64_t tokens, int width) {
  const auto percent = [](uint64_t part, uint64_t whole) {
    return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  std::string text = fmt::format(
      "{:<{}}{} asked for: {:.1f}% pinned, {:.1f}% cached, {:.1f}% read ahead, {:.1f}% read ({} slots of "
      "{})\n",
      "experts", width, f.asked(), percent(f.pinned, f.asked()), percent(f.cached, f.asked()),
      percent(f.prefetched, f.asked()), percent(f.read, f.asked()), f.slots,
      human_bytes(static_cast<double>(f.slot_bytes)));
  text += fmt::format("{:<{}}{} read", "", width, human_bytes(static_cast<double>(f.bytes)));
  const double needed = static_cast<double>(f.prefetched + f.read) * static_cast<double>(f.slot_bytes);
  if (needed > 0) text += fmt::format(", {:.2f}x what was missing", static_cast<double>(f.bytes) / needed);
  if (tokens > 0)
    text +=
        fmt::format(", {} a token", human_bytes(static_cast<double>(f.bytes) / static_cast<double>(tokens)));
  text += fmt::format("; {}/s while reading; waited {:.0f}% of the time\n", human_bytes(f.bytes_per_second()),
                      seconds > 0 ? std::min(100.0, 100 * f.wait_seconds / seconds) : 0.0);
  text += fmt::format(
      "{:<{}}prefetch {}: {:.0f}% of the guesses right, {:.0f}% of those that were read; {:.0f}% of what was "
      "missing read ahead, {:.2f} s of reading hidden\n",
      "", width, f.prefetch_on ? "on" : "off", 100 * f.precision(), percent(f.prefetched, f.prefetches),
      100 * f.recall(), f.hidden_seconds());
  return text;
}

}  // namespace jaju
