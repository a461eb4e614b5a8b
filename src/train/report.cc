#include "train/report.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "train/report_page.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMaxStages = 64;
constexpr size_t kMaxLayers = 256;
constexpr size_t kMaxExperts = 4096;
constexpr size_t kMaxKeyBytes = 60;
constexpr size_t kRecent = 50;
constexpr size_t kMaxFacts = 200;
constexpr int64_t kMaxRunJson = 1 << 20;

std::optional<double> finite(const json& value) {
  if (!value.is_number()) return std::nullopt;
  const double number = value.get<double>();
  return std::isfinite(number) ? std::optional<double>(number) : std::nullopt;
}

double number_of(const json& line, const char* key, double otherwise) {
  const auto found = line.find(key);
  return found == line.end() ? otherwise : finite(*found).value_or(otherwise);
}

// Seven digits are more than a screen shows, and half the bytes of all of them.
double shortened(double value) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const double scale = std::pow(10.0, 6 - std::floor(std::log10(std::fabs(value))));
  const double rounded = std::round(value * scale) / scale;
  return std::isfinite(rounded) ? rounded : value;
}

template <typename Items, typename Value>
ordered_json listed(const Items& items, Value value) {
  ordered_json list = ordered_json::array();
  for (const auto& item : items) list.push_back(shortened(value(item)));
  return list;
}

}  // namespace

int64_t MetricsCurves::series_of(const std::string& key) {
  const auto found = series_.find(key);
  if (found != series_.end()) return found->second;
  const auto n = static_cast<int64_t>(series_.size());
  if (n >= kMaxSeries || key.size() > kMaxKeyBytes) return -1;
  series_.emplace(key, n);
  return n;
}

void MetricsCurves::add_value(Point& point, const std::string& key, double value) {
  const int64_t series = series_of(key);
  if (series < 0) return;
  if (point.values.size() <= static_cast<size_t>(series))
    point.values.resize(static_cast<size_t>(series) + 1);
  Mean& mean = point.values[static_cast<size_t>(series)];
  mean.sum += value;
  ++mean.n;
  std::vector<double>& recent = recent_[key];
  if (recent.size() == kRecent) recent.erase(recent.begin());
  recent.push_back(value);
}

void MetricsCurves::add(std::string_view text) {
  if (text.empty()) return;
  const Result<json> parsed = parse_json(text, "line");
  if (!parsed.ok() || !parsed->is_object()) return skip();
  const json& line = *parsed;
  const auto step = line.find("step");
  if (step == line.end() || !step->is_number_integer()) return skip();
  const At at{number_of(line, "step", 0), number_of(line, "tokens", before_.tokens),
              number_of(line, "run_seconds", before_.seconds)};
  if (at.step < 0 || (lines_ > 0 && at.step <= before_.step)) return skip();
  before_ = at;
  ++lines_;

  const auto stage = line.find("stage");
  if (stage != line.end() && stage->is_string() && stages_.size() < kMaxStages) {
    const std::string name = stage->get<std::string>().substr(0, kMaxKeyBytes);
    if (stages_.empty() || stages_.back().name != name) stages_.push_back({name, at});
  }
  if (points_.empty() || in_last_point_ == lines_per_point_) {
    if (points_.size() == static_cast<size_t>(kMaxPoints)) halve_points();
    points_.emplace_back();
    in_last_point_ = 0;
  }
  ++in_last_point_;
  Point& point = points_.back();
  point.at = at;
  for (const auto& [key, value] : line.items()) {
    if (key == "step" || key == "tokens" || key == "run_seconds" || key == "load") continue;
    if (const std::optional<double> number = finite(value)) add_value(point, key, *number);
    if (!value.is_object()) continue;
    for (const auto& [name, part] : value.items()) {
      if (const std::optional<double> number = finite(part)) add_value(point, key + "." + name, *number);
    }
  }
  const auto load = line.find("load");
  if (load != line.end() && load->is_array()) add_load(*load, at);
}

void MetricsCurves::add_load(const json& load, const At& at) {
  Column measured;
  measured.at = at;
  size_t cells = 0;
  for (const json& layer : load) {
    if (measured.tokens.size() == kMaxLayers || !layer.is_object()) break;
    std::vector<double>& experts = measured.tokens.emplace_back();
    const auto tokens = layer.find("tokens");
    if (tokens == layer.end() || !tokens->is_array() || tokens->size() > kMaxExperts) continue;
    for (const json& n : *tokens) experts.push_back(std::max(0.0, finite(n).value_or(0.0)));
    cells += experts.size();
  }
  if (cells == 0 || cells > static_cast<size_t>(kMaxLoadCells)) return;
  if (columns_.empty() || in_last_column_ == loads_per_column_) {
    if (columns_.size() >= static_cast<size_t>(kMaxLoadColumns) ||
        (columns_.size() + 1) * cells > kMaxLoadCells) {
      halve_columns();
    }
    columns_.push_back(std::move(measured));
    in_last_column_ = 1;
    return;
  }
  ++in_last_column_;
  Column& column = columns_.back();
  column.at = at;
  if (column.tokens.size() < measured.tokens.size()) column.tokens.resize(measured.tokens.size());
  for (size_t l = 0; l < measured.tokens.size(); ++l) {
    std::vector<double>& sum = column.tokens[l];
    if (sum.size() != measured.tokens[l].size()) {
      sum = measured.tokens[l];
      continue;
    }
    for (size_t e = 0; e < sum.size(); ++e) sum[e] += measured.tokens[l][e];
  }
}

void MetricsCurves::halve_points() {
  std::vector<Point> halved;
  for (size_t i = 0; i < points_.size(); i += 2) {
    Point& first = halved.emplace_back(std::move(points_[i]));
    if (i + 1 == points_.size()) break;
    const Point& second = points_[i + 1];
    first.at = second.at;
    if (first.values.size() < second.values.size()) first.values.resize(second.values.size());
    for (size_t v = 0; v < second.values.size(); ++v) {
      first.values[v].sum += second.values[v].sum;
      first.values[v].n += second.values[v].n;
    }
  }
  points_ = std::move(halved);
  lines_per_point_ *= 2;
}

void MetricsCurves::halve_columns() {
  std::vector<Column> halved;
  for (size_t i = 0; i < columns_.size(); i += 2) {
    Column& first = halved.emplace_back(std::move(columns_[i]));
    if (i + 1 == columns_.size()) break;
    Column& second = columns_[i + 1];
    first.at = second.at;
    if (first.tokens.size() < second.tokens.size()) first.tokens.resize(second.tokens.size());
    for (size_t l = 0; l < second.tokens.size(); ++l) {
      if (first.tokens[l].size() != second.tokens[l].size()) {
        first.tokens[l] = std::move(second.tokens[l]);
        continue;
      }
      for (size_t e = 0; e < first.tokens[l].size(); ++e) first.tokens[l][e] += second.tokens[l][e];
    }
  }
  columns_ = std::move(halved);
  loads_per_column_ *= 2;
}

ordered_json MetricsCurves::to_json() const {
  ordered_json out;
  out["step"] = listed(points_, [](const Point& p) { return p.at.step; });
  out["tokens"] = listed(points_, [](const Point& p) { return p.at.tokens; });
  out["seconds"] = listed(points_, [](const Point& p) { return p.at.seconds; });
  out["series"] = ordered_json::object();
  out["last"] = ordered_json::object();
  for (const auto& [key, index] : series_) {
    ordered_json values = ordered_json::array();
    for (const Point& point : points_) {
      const Mean mean = static_cast<size_t>(index) < point.values.size()
                            ? point.values[static_cast<size_t>(index)]
                            : Mean{};
      const double value = mean.n > 0 ? mean.sum / static_cast<double>(mean.n) : 0;
      values.push_back(mean.n > 0 && std::isfinite(value) ? ordered_json(shortened(value)) : ordered_json());
    }
    out["series"][key] = std::move(values);
  }
  for (const auto& [key, values] : recent_) {
    // Rare measurements mean what they say; only what every step has is averaged.
    const bool every_step = !key.starts_with("held_out.") && key != "dead_experts";
    double sum = 0;
    for (const double value : values) sum += value;
    const double mean = every_step ? sum / static_cast<double>(values.size()) : values.back();
    out["last"][key] = std::isfinite(mean) ? ordered_json(shortened(mean)) : ordered_json();
  }
  out["stages"] = ordered_json::array();
  for (const Stage& stage : stages_) {
    out["stages"].push_back({{"name", stage.name},
                             {"step", stage.at.step},
                             {"tokens", stage.at.tokens},
                             {"seconds", shortened(stage.at.seconds)}});
  }
  if (columns_.empty()) return out;
  size_t layers = 0;
  for (const Column& column : columns_) layers = std::max(layers, column.tokens.size());
  ordered_json load;
  load["step"] = listed(columns_, [](const Column& c) { return c.at.step; });
  load["tokens"] = listed(columns_, [](const Column& c) { return c.at.tokens; });
  load["seconds"] = listed(columns_, [](const Column& c) { return c.at.seconds; });
  load["layers"] = ordered_json::array();
  for (size_t l = 0; l < layers; ++l) {
    ordered_json rows = ordered_json::array();
    for (const Column& column : columns_) {
      ordered_json cells = ordered_json::array();
      if (l < column.tokens.size()) {
        double sum = 0;
        for (const double n : column.tokens[l]) sum += n;
        const double mean = sum / std::max<double>(1, static_cast<double>(column.tokens[l].size()));
        for (const double n : column.tokens[l]) {
          // 0 is kept for experts without a single token.
          const double percent = mean > 0 && std::isfinite(mean) ? 100.0 * n / mean : 0;
          cells.push_back(n > 0 ? std::max<int64_t>(1, std::llround(std::min(percent, 1e6))) : 0);
        }
      }
      rows.push_back(std::move(cells));
    }
    load["layers"].push_back(std::move(rows));
  }
  out["load"] = std::move(load);
  return out;
}

namespace {

Status read_metrics(const fs::path& file, MetricsCurves& curves) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return error("cannot open {}: {}", file.string(), std::strerror(errno));
  std::vector<char> block(1 << 16);
  std::string line;
  bool too_long = false;
  const auto end_line = [&] {
    too_long ? curves.skip() : curves.add(line);
    line.clear();
    too_long = false;
  };
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())), in.gcount() > 0) {
    std::string_view rest(block.data(), static_cast<size_t>(in.gcount()));
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      const std::string_view part = rest.substr(0, end);
      if (line.size() + part.size() > static_cast<size_t>(MetricsCurves::kMaxLineBytes)) too_long = true;
      if (!too_long) line += part;
      if (end == std::string_view::npos) break;
      end_line();
      rest.remove_prefix(end + 1);
    }
  }
  if (in.bad()) return error("cannot read {}: {}", file.string(), std::strerror(errno));
  if (!line.empty() || too_long) end_line();  // a step that is being written, or was cut
  return {};
}

// Leaves of run.json as pairs of text: "machine.cpu", "...".
void flatten(const json& node, const std::string& name, ordered_json& facts) {
  if (facts.size() >= kMaxFacts) return;
  if (node.is_object()) {
    for (const auto& [key, value] : node.items())
      flatten(value, name.empty() ? key : name + "." + key, facts);
  } else if (!name.empty()) {
    std::string text = node.is_string() ? node.get<std::string>()
                                        : node.dump(-1, ' ', false, json::error_handler_t::replace);
    if (text.size() > 300) text = text.substr(0, 300);
    facts.push_back({name.substr(0, 100), text});
  }
}

std::string name_of_run(fs::path run) {
  run = fs::absolute(run).lexically_normal();
  if (run.filename().empty()) run = run.parent_path();
  return run.filename().string();
}

}  // namespace

std::string report_page(const ordered_json& data) {
  // Inside a script element "</" and "<!--" mean something; JSON may spell each "<" as an escape.
  const std::string text = data.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size() + 1024);
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  const std::string_view page = kReportPage;
  const std::string_view mark = "__JAJU_REPORT_DATA__";
  const size_t at = page.find(mark);
  std::string html(page.substr(0, at));
  html += safe;
  html += page.substr(at + mark.size());
  return html;
}

Result<ReportPage> make_report(const std::vector<fs::path>& runs) {
  ReportPage page;
  ordered_json data = {{"runs", ordered_json::array()}};
  for (const fs::path& run : runs) {
    std::error_code ignored;
    if (!fs::exists(run / "metrics.jsonl", ignored)) {
      return error("{} is not the directory of a run: it has no metrics.jsonl", run.string());
    }
    MetricsCurves curves;
    JAJU_RETURN_IF_ERROR(read_metrics(run / "metrics.jsonl", curves));
    if (curves.lines() == 0) {
      return error("{} holds no step yet; wait for the run's first one", (run / "metrics.jsonl").string());
    }
    page.lines += curves.lines();
    page.skipped += curves.skipped();
    ordered_json entry = {
        {"name", name_of_run(run)}, {"lines", curves.lines()}, {"skipped", curves.skipped()}};
    entry["facts"] = ordered_json::array();
    const Result<json> facts = read_json(run / "run.json", kMaxRunJson);
    if (facts.ok()) flatten(*facts, "", entry["facts"]);
    const Result<std::string> config = read_file(run / "config.toml", kMaxRunJson);
    entry["config"] = config.ok() ? *config : "";
    entry.update(curves.to_json());
    data["runs"].push_back(std::move(entry));
  }
  page.html = report_page(data);
  return page;
}

}  // namespace jaju::train
