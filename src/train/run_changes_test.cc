#include "train/run_changes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecipe = R"(
[run]
seed = 3
threads = 2
[model]
vocab_size = 64
hidden_size = 32
intermediate_size = 64
moe_intermediate_size = 16
num_hidden_layers = 3
num_attention_heads = 2
max_position_embeddings = 48
q_lora_rank = 16
kv_lora_rank = 16
qk_nope_head_dim = 8
qk_rope_head_dim = 8
v_head_dim = 8
n_routed_experts = 8
num_experts_per_tok = 2
n_group = 2
topk_group = 1
[data]
count = "/data/count"
[[stage]]
name = "warm"
tokens = 4000
context = 48
lr = 5e-3
[[stage]]
name = "long"
tokens = 3000
context = 48
lr = 4e-3
)";

class RunChangesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    run_ = fs::temp_directory_path() / fmt::format("jaju_run_changes_{}", ::getpid());
    fs::remove_all(run_);
    fs::create_directories(run_);
    ASSERT_TRUE(write_file_atomic(run_ / "config.toml", recipe().toml).ok());
  }
  void TearDown() override { fs::remove_all(run_); }

  static TrainConfig recipe(const std::vector<std::string>& changes = {}, const std::string& text = kRecipe) {
    const Result<TrainConfig> config = parse_train_config(text, "recipe", changes);
    EXPECT_TRUE(config.ok()) << config.message();
    return *config;
  }
  // The error of going on with a recipe when so many stages were begun; what was noted is in note_.
  std::string check(const TrainConfig& now, size_t begun = 0) {
    note_.clear();
    return check_changes(run_, now, begun, [&](const std::string& text) { note_ += text; }).message();
  }

  fs::path run_;
  std::string note_;
};

TEST_F(RunChangesTest, TheSameRecipeAndHowARunIsKeptSayNothing) {
  EXPECT_EQ(check(recipe()), "");
  EXPECT_EQ(note_, "");
  EXPECT_EQ(check(recipe({"run.threads=8", "run.keep=5", "run.device=cpu", "run.checkpoint_minutes=1"})), "");
  EXPECT_EQ(note_, "");
}

TEST_F(RunChangesTest, WhatMayChangeIsTold) {
  EXPECT_EQ(check(recipe({"stage.long.lr=1e-3", "optimizer.clip=0.5"})), "");
  EXPECT_NE(note_.find("stage.long.lr was 0.004 and is 0.001"), std::string::npos) << note_;
  EXPECT_NE(note_.find("optimizer.clip is new: 0.5"), std::string::npos) << note_;
  EXPECT_EQ(note_.find("warm"), std::string::npos) << note_;
}

TEST_F(RunChangesTest, ValuesThatDifferFarBehindAreTold) {
  const std::string far(100, 'x');
  EXPECT_EQ(check(recipe({"data.count=/" + far + "/a"})), "");
  ASSERT_TRUE(write_file_atomic(run_ / "config.toml", recipe({"data.count=/" + far + "/a"}).toml).ok());
  EXPECT_EQ(check(recipe({"data.count=/" + far + "/b"})), "");
  EXPECT_NE(note_.find("x/a' and is ..."), std::string::npos) << note_;
  EXPECT_NE(note_.find("x/b'"), std::string::npos) << note_;
}

TEST_F(RunChangesTest, SizesAndSeedAreRefused) {
  EXPECT_NE(check(recipe({"model.hidden_size=64"})).find("[model]"), std::string::npos);
  EXPECT_NE(check(recipe({"model.n_shared_experts=2"})).find("[model]"), std::string::npos);
  EXPECT_NE(check(recipe({"run.seed=4"})).find("'run.seed' is 4 and was 3"), std::string::npos);
  // The default said in words is no change.
  EXPECT_EQ(check(recipe({"model.n_shared_experts=1"})), "");
}

TEST_F(RunChangesTest, StagesThatWereBegunKeepTheirOrder) {
  std::string swapped = kRecipe;
  swapped.replace(swapped.find("\"warm\""), 6, "\"cool\"");
  EXPECT_NE(check(recipe({}, swapped), 1).find("stage 1 was 'warm'"), std::string::npos);
  EXPECT_EQ(check(recipe({}, swapped), 0), "");
  const std::string more =
      std::string(kRecipe) + "[[stage]]\nname = \"last\"\ntokens = 100\ncontext = 48\nlr = 1e-4\n";
  EXPECT_EQ(check(recipe({}, more), 2), "");
  EXPECT_NE(note_.find("stage.last.lr is new: 0.0001"), std::string::npos) << note_;
  const std::string less = std::string(kRecipe).substr(0, std::string(kRecipe).rfind("[[stage]]"));
  EXPECT_EQ(check(recipe({}, less), 1), "");  // "long" was still to come
  EXPECT_NE(check(recipe({}, less), 2).find("is not there now"), std::string::npos);
}

TEST_F(RunChangesTest, PositionsThatAreInForceStay) {
  EXPECT_EQ(check(recipe({"stage.long.yarn_factor=2.0"}), 1), "");
  EXPECT_NE(check(recipe({"stage.long.yarn_factor=2.0"}), 2).find("began with yarn_factor 0"),
            std::string::npos);
}

TEST_F(RunChangesTest, ReinforcementLearningKeepsItsSeedAndTellsTheRest) {
  const auto rl = [](const std::vector<std::string>& changes) {
    const Result<RlRecipe> r = parse_rl_recipe(
        "[run]\nseed = 3\n[model]\ninit_from = \"/models/a\"\n[rl]\nproblems = \"/problems\"\n", "recipe",
        changes);
    EXPECT_TRUE(r.ok()) << r.message();
    return *r;
  };
  const auto check_rl = [&](const RlRecipe& now) {
    note_.clear();
    return check_changes(run_, now, [&](const std::string& text) { note_ += text; }).message();
  };
  ASSERT_TRUE(write_file_atomic(run_ / "config.toml", rl({}).toml).ok());
  EXPECT_EQ(check_rl(rl({"run.threads=2"})), "");
  EXPECT_EQ(note_, "");
  EXPECT_EQ(check_rl(rl({"rl.lr=1e-4"})), "");
  EXPECT_NE(note_.find("rl.lr is new: 0.0001"), std::string::npos) << note_;
  EXPECT_NE(check_rl(rl({"run.seed=4"})).find("'run.seed' is 4 and was 3"), std::string::npos);
}

TEST_F(RunChangesTest, ARecipeThatCannotBeReadIsNoEnd) {
  fs::remove(run_ / "config.toml");
  EXPECT_EQ(check(recipe({"run.seed=4"})), "");
  EXPECT_EQ(note_, "");
  ASSERT_TRUE(write_file_atomic(run_ / "config.toml", "[run\n").ok());
  EXPECT_EQ(check(recipe()), "");
  EXPECT_NE(note_.find("config.toml"), std::string::npos) << note_;
}

}  // namespace
}  // namespace jaju::train
