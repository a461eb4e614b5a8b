#include "cli/cli.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/utf8.h"

namespace jaju::cli {

const std::vector<std::string> kKvTypes = {"auto", "f32", "bf16", "q8"};
const std::vector<std::string> kNumaModes = {"auto", "on", "off"};
const std::vector<std::string> kHugePageModes = {"auto", "off", "on"};
namespace {

// Letters to add, drop, change or swap with their neighbour (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = static_cast<int>(i);
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const int change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

void note(std::string_view sentence) {
  std::fflush(stdout);
  const std::string line = fmt::format("jaju: {}\n", sentence);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

int fail(const Status& status) {
  note(status.message());
  return kFailure;
}

int fail_usage(const Status& status) {
  note(status.message());
  return kUsage;
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Status flush_stdout() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return error("the output could not be written: {}", std::strerror(errno));
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  if (word.size() > 64) return best;
  int best_distance = 3;  // further away it is another word, not a slip
  for (const std::string& candidate : candidates) {
    const bool starts_same = word.size() >= 2 && candidate.compare(0, word.size(), word) == 0;
    const int distance = starts_same ? 1 : edit_distance(word, candidate);
    const bool mostly_same = 2 * distance < static_cast<int>(std::max(word.size(), candidate.size())) + 1;
    if (distance < best_distance && mostly_same) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string with_commas(int64_t n) {
  const std::string digits = std::to_string(n);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0 && digits[i - 1] != '-') out += ',';
    out += digits[i];
  }
  return out;
}

std::string short_count(int64_t n) {
  const auto value = static_cast<double>(n);
  if (value >= 1e9) return fmt::format("{:.3g} B", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.3g} M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.3g} k", value / 1e3);
  return std::to_string(n);
}

std::string readable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const int length = utf8_length(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (length == 0 || first < 0x20 || first == 0x7f) {
      out += first == '\n' ? "\\n" : first == '\t' ? "\\t" : fmt::format("\\x{:02x}", first);
      bytes.remove_prefix(1);
    } else {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
  }
  return out;
}

Result<std::vector<int32_t>> parse_ids(std::string_view text, const std::string& what) {
  std::vector<int32_t> ids;
  const auto skip_spaces = [&] {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\t'))
      text.remove_prefix(1);
  };
  skip_spaces();
  if (text.empty()) return error("{} is empty: give token ids separated by commas, like 1,2,3", what);
  while (true) {
    skip_spaces();
    const std::string_view item = text.substr(0, text.find(','));
    int32_t id = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (failure != std::errc()) {
      return error("{}: '{}' is not a list of token ids; separate them by commas, like 1,2,3", what,
                   item.substr(0, 40));
    }
    ids.push_back(id);
    text.remove_prefix(end - text.data());
    skip_spaces();
    if (text.empty()) return ids;
    if (text.front() != ',') {
      return error("{}: '{}' is not a list of token ids; separate them by commas, like 1,2,3", what,
                   item.substr(0, 40));
    }
    text.remove_prefix(1);
  }
}

}  // namespace jaju::cli
