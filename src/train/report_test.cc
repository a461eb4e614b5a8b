#include "train/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace jaju::train {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string step_line(int64_t step, double loss, const std::string& more = "") {
  return fmt::format(R"({{"step":{},"stage":"warm","tokens":{},"run_seconds":{},"loss":{}{}}})", step,
                     step * 100, static_cast<double>(step) / 2, loss, more);
}

TEST(MetricsCurves, KeepsEveryNumberUnderItsKey) {
  MetricsCurves curves;
  curves.add(step_line(1, 4.5));
  curves.add(step_line(2, 3.5, R"(,"held_out":{"book":3.25},"reward":0.5)"));
  const ordered_json out = curves.to_json();
  EXPECT_EQ(out["step"], json({1.0, 2.0}));
  EXPECT_EQ(out["tokens"], json({100.0, 200.0}));
  EXPECT_EQ(out["series"]["loss"], json({4.5, 3.5}));
  EXPECT_EQ(out["series"]["held_out.book"], json({nullptr, 3.25}));
  EXPECT_EQ(out["series"]["reward"][1], 0.5);
  EXPECT_EQ(out["last"]["loss"], 4.0);
  EXPECT_FALSE(out.contains("load"));
}

TEST(MetricsCurves, SkipsAndCountsWhatIsNoStep) {
  MetricsCurves curves;
  const std::string nested = std::string(5000, '[') + std::string(5000, ']');
  for (const std::string& line :
       {std::string("{\"step\":3,\"loss\":1"), std::string("[]"), std::string("{}"),
        std::string("{\"step\":\"1\"}"), std::string("{\"step\":-1}"), std::string("{\"step\":1.5}"),
        std::string("\xff\xfe"), nested, "{\"step\":1,\"load\":" + nested + "}"}) {
    curves.add(line);
  }
  EXPECT_EQ(curves.skipped(), 9);
  EXPECT_EQ(curves.lines(), 0);
  curves.add(step_line(5, 1));
  curves.add(step_line(5, 1));  // the same step again
  curves.add(step_line(4, 1));
  EXPECT_EQ(curves.skipped(), 11);
  EXPECT_EQ(curves.lines(), 1);
  // Values of the wrong type are left out, their line is not.
  curves.add(R"({"step":6,"loss":"<b>","held_out":[1],"load":{"a":1},"lr":null,"stage":7})");
  curves.add(R"({"step":7,"load":[{"tokens":["x",null,{}]},7,null]})");
  curves.add(R"({"step":8,"load":[{"tokens":[-5,1e300,1e300]}],"loss":1e308})");
  curves.add(R"({"step":9,"loss":1e308})");
  EXPECT_EQ(curves.lines(), 5);
  EXPECT_FALSE(json::parse(curves.to_json().dump()).is_discarded());
}

TEST(MetricsCurves, ThinsLongRunsToMeans) {
  MetricsCurves curves;
  const int64_t steps = 10'000;
  for (int64_t s = 1; s <= steps; ++s) curves.add(step_line(s, static_cast<double>(s)));
  const ordered_json out = curves.to_json();
  const auto points = static_cast<int64_t>(out["step"].size());
  EXPECT_LE(points, MetricsCurves::kMaxPoints);
  EXPECT_GE(points, MetricsCurves::kMaxPoints / 2);
  EXPECT_EQ(out["step"].back(), static_cast<double>(steps));
  // 8 steps are one point: their mean, at the last of them.
  EXPECT_EQ(out["step"][0], 8.0);
  EXPECT_EQ(out["series"]["loss"][0], 4.5);
  EXPECT_EQ(out["series"]["loss"][1], 12.5);
  EXPECT_EQ(out["last"]["loss"], static_cast<double>(steps) - 24.5);
}

TEST(MetricsCurves, SumsLoadAndShowsItAgainstTheMean) {
  MetricsCurves curves;
  curves.add(step_line(1, 1, R"(,"load":[{"tokens":[30,10,0,0]},{"tokens":[5,5]}])"));
  curves.add(step_line(2, 1, R"(,"load":[{"tokens":[10,10,10,10]}])"));  // the second layer was not measured
  ordered_json load = curves.to_json()["load"];
  EXPECT_EQ(load["layers"][0], json({{300, 100, 0, 0}, {100, 100, 100, 100}}));
  EXPECT_EQ(load["layers"][1], json({{100, 100}, json::array()}));

  MetricsCurves many;
  for (int64_t s = 1; s <= 1000; ++s) {
    many.add(step_line(s, 1, s % 2 == 0 ? R"(,"load":[{"tokens":[8,0]}])" : R"(,"load":[{"tokens":[0,8]}])"));
  }
  load = many.to_json()["load"];
  EXPECT_LE(load["step"].size(), static_cast<size_t>(MetricsCurves::kMaxLoadColumns));
  EXPECT_EQ(load["layers"][0][0], json({100, 100}));  // even over the steps of a column
  // Many experts: fewer columns, so that the page stays small.
  std::string wide;
  for (int e = 0; e < 4000; ++e) wide += e == 0 ? "1" : ",1";
  MetricsCurves experts;
  for (int64_t s = 1; s <= 200; ++s) experts.add(step_line(s, 1, ",\"load\":[{\"tokens\":[" + wide + "]}]"));
  EXPECT_LE(experts.to_json()["load"]["step"].size() * 4000,
            static_cast<size_t>(MetricsCurves::kMaxLoadCells));
}

TEST(MetricsCurves, BoundsSeriesAndNames) {
  MetricsCurves curves;
  std::string line = "{\"step\":1";
  for (int i = 0; i < 1000; ++i) line += fmt::format(",\"k{}\":{}", i, i);
  curves.add(line + ",\"" + std::string(500, 'x') + "\":1}");
  for (int64_t s = 2; s < 500; ++s) curves.add(fmt::format(R"({{"step":{},"stage":"s{}"}})", s, s));
  const ordered_json out = curves.to_json();
  EXPECT_EQ(out["series"].size(), static_cast<size_t>(MetricsCurves::kMaxSeries));
  EXPECT_LE(out["stages"].size(), 64u);
}

class ReportFiles : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / fmt::format("jaju-report-{}", ::getpid());
    std::filesystem::create_directories(dir_ / "run");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(dir_ / "run" / name) << text; }
  std::filesystem::path dir_;
};

// The JSON the page carries, as a browser would find it.
json data_of(const std::string& html) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const size_t from = html.find(open) + open.size();
  return json::parse(html.substr(from, html.find("</script", from) - from));
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_F(ReportFiles, OutsideTextNeverBecomesMarkup) {
  const std::string evil = R"(</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>)";
  const std::string quoted = json(evil).dump();
  write("run.json", "{\"machine\":{\"cpu\":" + quoted + "}," + quoted + ":1}");
  write("config.toml", "# " + evil);
  write("metrics.jsonl", "{\"step\":1,\"stage\":" + quoted + "," + quoted + ":4,\"held_out\":{" + quoted +
                             ":1}}\n" + step_line(2, 1) + "\n{\"step\":3,\"lo");
  const Result<ReportPage> page = make_report({dir_ / "run"});
  ASSERT_TRUE(page.ok()) << page.message();
  EXPECT_EQ(page->lines, 2);
  EXPECT_EQ(page->skipped, 1);
  const std::string clean = report_page({{"runs", json::array()}});
  for (const char* markup : {"<script", "</script", "<img", "<!--"}) {
    EXPECT_EQ(count(page->html, markup), count(clean, markup)) << markup;
  }
  const json data = data_of(page->html);
  EXPECT_EQ(data["runs"][0]["config"], "# " + evil);
  EXPECT_EQ(data["runs"][0]["stages"][0]["name"], evil.substr(0, 60));
  EXPECT_EQ(data["runs"][0]["skipped"], 1);
}

TEST_F(ReportFiles, LongAndBinaryLinesAreSkipped) {
  std::string text = step_line(1, 2) + "\n" + std::string(3 << 20, 'x') + "\n" + step_line(2, 1) + "\n";
  text += std::string("\0\xff\n", 3);
  write("metrics.jsonl", text);
  const Result<ReportPage> page = make_report({dir_ / "run"});
  ASSERT_TRUE(page.ok()) << page.message();
  EXPECT_EQ(page->lines, 2);
  EXPECT_EQ(page->skipped, 2);
}

TEST_F(ReportFiles, SaysWhatIsMissing) {
  const Result<ReportPage> none = make_report({dir_ / "run"});
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.message().find("metrics.jsonl"), std::string::npos);
  write("metrics.jsonl", "");
  EXPECT_NE(make_report({dir_ / "run"}).message().find("no step yet"), std::string::npos);
}

TEST(ReportPage, LoadsNothingFromElsewhere) {
  const std::string page = report_page({{"runs", json::array()}});
  for (const char* link :
       {" src=", "@import", "url(http", "<link", "fetch(", "innerHTML", "document.write", "eval("}) {
    EXPECT_EQ(page.find(link), std::string::npos) << link;
  }
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

}  // namespace
}  // namespace jaju::train
