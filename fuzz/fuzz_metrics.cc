// Feeds arbitrary lines to the readers of metrics.jsonl: the curves of `train report` and the words of `train
// status`.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "train/report.h"
#include "train/run_status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jaju::train;  // NOLINT
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  MetricsCurves curves;
  NewestMetrics newest;
  int64_t lines = 0;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) ++lines;
    curves.add(rest.substr(0, end));
    newest.add(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  JAJU_CHECK(curves.lines() + curves.skipped() == lines);

  // Curves of equal length, in a page where nothing of them is markup.
  const nlohmann::ordered_json out = curves.to_json();
  JAJU_CHECK(out["step"].size() <= static_cast<size_t>(MetricsCurves::kMaxPoints));
  JAJU_CHECK(out["series"].size() <= static_cast<size_t>(MetricsCurves::kMaxSeries));
  for (const auto& values : out["series"]) JAJU_CHECK(values.size() == out["step"].size());
  const std::string page = report_page({{"runs", {out}}});
  static const std::string empty = report_page({{"runs", nlohmann::ordered_json::array()}});
  JAJU_CHECK(std::count(page.begin(), page.end(), '<') == std::count(empty.begin(), empty.end(), '<'));

  // Words for a terminal: UTF-8, and no control byte but the line breaks.
  for (const bool running : {false, true}) {
    const std::string text = newest.describe(running, {1e6, running ? 50 : 0});
    JAJU_CHECK(jaju::utf8_valid(text) && (text.empty() || text.back() == '\n'));
    JAJU_CHECK(std::none_of(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
    }));
  }
  return 0;
}
