#include "train/run_dir.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/file.h"
#include "train/metrics.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;

class RunDirTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / fmt::format("jaju_run_dir_{}", ::getpid());
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void checkpoint(RunDir& run, int64_t step, bool stage_end, const std::string& note = "") {
    auto partial = run.begin_checkpoint();
    ASSERT_TRUE(partial.ok()) << partial.message();
    const nlohmann::json state = {{"step", step}, {"stage_end", stage_end}, {"note", note}};
    ASSERT_TRUE(write_file_atomic(*partial / "state.json", state.dump()).ok());
    const Status done = run.commit_checkpoint(*partial, step, 2);
    ASSERT_TRUE(done.ok()) << done.message();
  }

  std::vector<int64_t> steps() const {
    std::vector<int64_t> all;
    for (const CheckpointInfo& info : list_checkpoints(root_)) all.push_back(info.step);
    return all;
  }

  fs::path root_;
};

TEST_F(RunDirTest, KeepsTheNewestAndTheEndsOfStages) {
  auto run = RunDir::open(root_, true);
  ASSERT_TRUE(run.ok()) << run.message();
  checkpoint(**run, 5, false);
  checkpoint(**run, 10, true);
  checkpoint(**run, 20, false);
  EXPECT_EQ(steps(), (std::vector<int64_t>{10, 20}));
  checkpoint(**run, 30, false);
  checkpoint(**run, 1'000'000, false);
  EXPECT_EQ(steps(), (std::vector<int64_t>{10, 30, 1'000'000}));
  EXPECT_EQ(*read_file(root_ / "checkpoints" / "latest", 100), "step-1000000\n");
  checkpoint(**run, 1'000'000, false, "again");  // the same step replaces itself
  EXPECT_EQ(steps(), (std::vector<int64_t>{10, 30, 1'000'000}));
  EXPECT_EQ(list_checkpoints(root_).back().state["note"], "again");
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "checkpoints"), fs::directory_iterator()), 4);
}

TEST_F(RunDirTest, WhatWasLeftHalfWrittenIsNoCheckpointAndGoesAway) {
  auto run = RunDir::open(root_, true);
  ASSERT_TRUE(run.ok());
  checkpoint(**run, 5, false);
  const fs::path left = root_ / "checkpoints" / ".partial-99999999";
  fs::create_directories(left);
  std::ofstream(left / "state.json") << R"({"step": 7})";
  fs::create_directories(root_ / "checkpoints" / "step-x");
  EXPECT_EQ(steps(), (std::vector<int64_t>{5}));
  checkpoint(**run, 9, false);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_EQ(steps(), (std::vector<int64_t>{5, 9}));
}

TEST_F(RunDirTest, OneTrainerAtATime) {
  EXPECT_FALSE(RunDir::open(root_, false).ok());
  {
    auto run = RunDir::open(root_, true);
    ASSERT_TRUE(run.ok());
    EXPECT_TRUE(is_training(root_));
    auto second = RunDir::open(root_, true);
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.message().find("another process"), std::string::npos);
  }
  EXPECT_FALSE(is_training(root_));
  EXPECT_TRUE(RunDir::open(root_, false).ok());
}

TEST_F(RunDirTest, MetricsAreTrimmedToTheCheckpoint) {
  auto run = RunDir::open(root_, true);
  ASSERT_TRUE(run.ok());
  for (int step = 1; step <= 4; ++step) {
    StepReport report;
    report.step = step;
    report.loss = 1.0 / step;
    ASSERT_TRUE((*run)->append_metrics(metrics_line(report)).ok());
  }
  std::ofstream(root_ / "metrics.jsonl", std::ios::app)
      << R"({"step": 2, "loss": 0.)";  // the machine died here
  ASSERT_TRUE((*run)->trim_metrics(2).ok());
  std::ifstream in(root_ / "metrics.jsonl");
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1]["step"], 2);
  EXPECT_EQ(lines[1]["loss"].get<double>(), 0.5);
}

TEST_F(RunDirTest, FindsTheModelOfARun) {
  EXPECT_FALSE(find_model_dir(root_).ok());
  auto run = RunDir::open(root_, true);
  ASSERT_TRUE(run.ok());
  checkpoint(**run, 5, false);
  EXPECT_EQ(find_model_dir(root_)->filename(), "step-000005");
  std::ofstream(root_ / "config.json") << "{}";
  EXPECT_EQ(find_model_dir(root_)->filename(), "step-000005")
      << "the run goes on, the model beside it does not";
  const fs::path model = root_ / "model";
  fs::create_directories(model);
  std::ofstream(model / "config.json") << "{}";
  EXPECT_EQ(*find_model_dir(model), model);
}

TEST_F(RunDirTest, ACheckpointJustWrittenStays) {
  auto run = RunDir::open(root_, true);
  ASSERT_TRUE(run.ok());
  checkpoint(**run, 30, false);
  checkpoint(**run, 37, false);  // which cannot be used: the run goes on from 30
  const fs::path partial = *(*run)->begin_checkpoint();
  std::ofstream(partial / "state.json") << "{}";
  ASSERT_TRUE((*run)->commit_checkpoint(partial, 31, 1).ok());
  EXPECT_TRUE(fs::exists(root_ / "checkpoints" / "step-000031"));
  EXPECT_FALSE(fs::exists(root_ / "checkpoints" / "step-000030"));
}

TEST_F(RunDirTest, WhatCannotBeReadIsNoNewRun) {
  EXPECT_TRUE(check_checkpoints(root_).ok());
  fs::create_directories(root_ / "checkpoints" / "step-000007");
  std::ofstream(root_ / "checkpoints" / "step-000007" / "state.json") << "";
  EXPECT_NE(check_checkpoints(root_).message().find("step-000007"), std::string::npos);
}

TEST_F(RunDirTest, FilesOfOthersAreLeftAlone) {
  fs::create_directories(root_);
  std::ofstream(root_ / "config.toml") << "mine";
  const auto run = RunDir::open(root_, true);
  ASSERT_FALSE(run.ok());
  EXPECT_NE(run.message().find("config.toml is there"), std::string::npos) << run.message();
  EXPECT_FALSE(fs::exists(root_ / "checkpoints"));
}

TEST(MetricsTest, LossesReadBackExactly) {
  StepReport report;
  report.loss = 2.3456789012345678;
  report.mtp_loss = 0.1f;
  report.load = {{{3, 0, 3}}, {{2, 2, 2}}};
  report.held_out["text"] = 1.0 / 3;
  const nlohmann::json line = nlohmann::json::parse(metrics_line(report));
  EXPECT_EQ(line["loss"].get<double>(), 2.3456789012345678);
  EXPECT_EQ(line["mtp_loss"].get<double>(), static_cast<double>(0.1f));
  EXPECT_EQ(line["held_out"]["text"].get<double>(), 1.0 / 3);
  EXPECT_EQ(line["dead_experts"], 1);
  EXPECT_EQ(line["load"][0]["max"], 3);
  EXPECT_NEAR(line["load"][0]["cv"].get<double>(), std::sqrt(0.5), 1e-4);
  EXPECT_EQ(line["load"][1]["cv"], 0.0);
  EXPECT_EQ(metrics_line(report).find('\n'), std::string::npos);
}

TEST(MetricsTest, NumbersAreShortForPeople) {
  EXPECT_EQ(short_tokens(999), "999");
  EXPECT_EQ(short_tokens(12'345), "12.3 k");
  EXPECT_EQ(short_tokens(1.5e9), "1.50 B");
  EXPECT_EQ(short_duration(42), "42 s");
  EXPECT_EQ(short_duration(3120), "52 min");
  EXPECT_EQ(short_duration(12'000), "3 h 20 min");
  EXPECT_EQ(short_duration(-1), "?");
}

}  // namespace
}  // namespace jaju::train
