// `jaju train report`: one self-contained HTML page about one run or several.
//
// The page holds everything: curves, heat maps of the experts' load, facts; it opens without a network, light
// or dark, in Korean or English. What is read, metrics.jsonl and run.json, counts as outside bytes: lines
// that are no step are skipped and counted, and nothing of them can become markup or script.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju::train {

// metrics.jsonl, thinned while it is read: memory does not grow with the run's length.
//
// Every number of a line is a series under its key; numbers in objects get "held_out.book" for a key. A
// "load" list
// ([{"tokens": [per expert]}, ...], one per MoE layer) is summed into columns over time.
class MetricsCurves {
 public:
  static constexpr int64_t kMaxPoints =
      1600;  // of a curve; half of them at least, once there are as many steps
  static constexpr int64_t kMaxSeries = 96;          // further keys are left out
  static constexpr int64_t kMaxLineBytes = 1 << 20;  // a longer line is skipped
  static constexpr int64_t kMaxLoadCells = 200'000;  // columns * layers * experts
  static constexpr int64_t kMaxLoadColumns = 160;

  // One line, without its line break. A line without a whole number "step" above that of the line before it
  // is skipped and counted.
  void add(std::string_view line);
  // A line that was too long to be read.
  void skip() { ++skipped_; }

  int64_t lines() const { return lines_; }  // taken
  int64_t skipped() const { return skipped_; }

  // {"step": [...], "tokens", "seconds", "series": {key: [number or null, ...]}, "stages": [{"name", "step",
  // "tokens", "seconds"}], "load": {"step", "tokens", "seconds", "layers": [[[load / mean in percent, per
  // expert], per column]]}, "last": {key: mean over the last points that have it}}.
  nlohmann::ordered_json to_json() const;

 private:
  struct At {
    double step = 0, tokens = 0, seconds = 0;
  };
  struct Mean {
    double sum = 0;
    int64_t n = 0;
  };
  struct Point {
    At at;                     // of its last step
    std::vector<Mean> values;  // by series
  };
  struct Column {
    At at;
    std::vector<std::vector<double>> tokens;  // per layer and expert; an empty layer: not measured
  };
  struct Stage {
    std::string name;
    At at;  // of its first step
  };

  int64_t series_of(const std::string& key);
  void add_value(Point& point, const std::string& key, double value);
  void add_load(const nlohmann::json& load, const At& at);
  void halve_points();
  void halve_columns();

  std::map<std::string, int64_t> series_;
  std::vector<Point> points_;
  int64_t lines_per_point_ = 1;
  int64_t in_last_point_ = 0;
  std::vector<Column> columns_;
  int64_t loads_per_column_ = 1;
  int64_t in_last_column_ = 0;
  std::vector<Stage> stages_;
  At before_;
  std::map<std::string, std::vector<double>> recent_;  // the last values of each series, oldest first
  int64_t lines_ = 0;
  int64_t skipped_ = 0;
};

struct ReportPage {
  std::string html;
  int64_t lines = 0;    // steps read, of all runs
  int64_t skipped = 0;  // lines that are none
};

// Several runs are laid over each other. Errors: a directory without metrics.jsonl, an unreadable file.
Result<ReportPage> make_report(const std::vector<std::filesystem::path>& runs);

// The page around its data: `data` is JSON, written so that it cannot end the element it stands in.
std::string report_page(const nlohmann::ordered_json& data);

}  // namespace jaju::train
