#include "train/run_status.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jaju::train {
namespace {

TEST(NewestMetrics, TellsTheLastStepAndTheMeanLoss) {
  NewestMetrics metrics;
  EXPECT_EQ(metrics.describe(true, {}), "");
  for (int step = 1; step <= 60; ++step) {
    metrics.add(fmt::format(R"({{"step":{},"stage":"warm","tokens":{},"loss":{},"lr":2e-3,"grad_norm":0.5,)"
                            R"("imbalance":1.5,"run_seconds":{},"tokens_per_second":1000}})",
                            step, 1000 * step, step, step));
  }
  metrics.add(R"({"step":61,"loss":)");  // cut short
  const std::string text = metrics.describe(true, {120'000, 0});
  for (const char* part : {"training  step 60, stage warm\n", "60.0 k of 120 k (50 %)", "loss      35.5000",
                           "last 50 steps", "1.50x", "60 s so far, 60 s left"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(text.find("steps  "), std::string::npos);
  EXPECT_NE(metrics.describe(false, {0, 80}).find("steps     60 of 80\n"), std::string::npos);
}

// A terminal obeys escape sequences, so none of the file reach it.
TEST(NewestMetrics, QuotesNoControlBytes) {
  NewestMetrics metrics;
  metrics.add(R"({"step":1,"loss":1,"stage":"\u001b[2Ja\nb","held_out":{"\u001b]0;x\u0007":2,"\u007f":3}})");
  const std::string text = metrics.describe(false, {});
  EXPECT_NE(text.find("[2Ja"), std::string::npos) << text;
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c != 0x7f) || c < 0) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6) << text;
}

TEST(NewestMetrics, TakesAnyTypes) {
  NewestMetrics metrics;
  for (const char* line : {"", "[]", "{}", "null", R"({"loss":"1"})", R"({"loss":null})", "\xff"})
    metrics.add(line);
  EXPECT_EQ(metrics.describe(true, {}), "");
  metrics.add(
      R"({"loss":1e308,"step":-1e300,"stage":[],"held_out":[1],"dead_experts":"x","tokens":{},"lr":null})");
  EXPECT_NE(metrics.describe(true, {1, 1}).find("stage ?"), std::string::npos);
}

}  // namespace
}  // namespace jaju::train
