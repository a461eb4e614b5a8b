#include "train/config.h"

#include <gtest/gtest.h>

namespace jaju::train {
namespace {

const char* kRecipe = R"([run]
seed = 7
checkpoint_minutes = 2
[model]
vocab_size = 4096
hidden_size = 128
intermediate_size = 384
moe_intermediate_size = 32
num_hidden_layers = 6
num_attention_heads = 4
max_position_embeddings = 256
q_lora_rank = 64
kv_lora_rank = 32
qk_nope_head_dim = 24
qk_rope_head_dim = 8
v_head_dim = 32
n_routed_experts = 16
num_experts_per_tok = 4
n_group = 4
topk_group = 2
num_nextn_predict_layers = 1
tie_word_embeddings = true
[data]
text = "data/text"
chat = "/data/chat"
[optimizer]
kind = "muon"
betas = [0.9, 0.99]
[[stage]]
name = "warm"
tokens = 1_000_000
warmup = 50_000
lr = 2e-3
mix = { text = 3, chat = 1 }
[[stage]]
name = "decay"
tokens = 500_000
lr = 2e-3
lr_end = 2e-4
mix = { chat = 1 }
mtp_weight = 0.1
long_documents = "drop"
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// The sentence, which must hold every word of `says`.
void expect_error(const std::string& text, const std::vector<std::string>& says,
                  const std::vector<std::string>& overrides = {}) {
  const Result<TrainConfig> config = parse_train_config(text, "r.toml", overrides);
  ASSERT_FALSE(config.ok()) << says.front();
  for (const std::string& word : says) {
    EXPECT_NE(config.message().find(word), std::string::npos) << config.message() << " lacks " << word;
  }
  EXPECT_EQ(config.message().find('\n'), std::string::npos) << config.message();
}

TEST(TrainConfigTest, ReadsARecipe) {
  const Result<TrainConfig> config = parse_train_config(kRecipe, "r.toml");
  ASSERT_TRUE(config.ok()) << config.message();
  EXPECT_EQ(config->run.seed, 7u);
  EXPECT_EQ(config->model.n_layers, 6);
  EXPECT_EQ(config->model.n_group, 4);
  EXPECT_EQ(config->model.model_type, "AXK1");
  EXPECT_TRUE(config->model.has_post_mlp_norm);
  EXPECT_TRUE(config->model.tie_word_embeddings);
  EXPECT_EQ(config->optimizer.kind, OptimizerKind::muon);
  EXPECT_EQ(config->optimizer.beta2, 0.99);
  EXPECT_EQ(config->optimizer.weight_decay, 0.1);
  EXPECT_EQ(config->balance.bias_step, 1e-3);
  ASSERT_EQ(config->stages.size(), 2u);
  EXPECT_EQ(config->stages[0].shape, LrShape::constant);
  EXPECT_EQ(config->stages[0].mtp_weight, 0.3);
  EXPECT_EQ(config->stages[1].shape, LrShape::linear);
  EXPECT_EQ(config->stages[1].lr_end, 2e-4);
  EXPECT_EQ(config->stages[1].long_documents, LongDocuments::drop);
  EXPECT_EQ(config->total_tokens(), 1'500'000);
  EXPECT_EQ(config->peak_lr(), 2e-3);
  ASSERT_NE(config->find_source("chat"), nullptr);
  EXPECT_EQ(config->find_source("chat")->dir, "/data/chat");
  EXPECT_TRUE(config->find_source("text")->dir.is_absolute());
}

TEST(TrainConfigTest, TheKeptCopyMeansTheSame) {
  const Result<TrainConfig> config =
      parse_train_config(kRecipe, "r.toml", {"run.seed=9", "stage.decay.lr=1e-3"});
  ASSERT_TRUE(config.ok()) << config.message();
  EXPECT_EQ(config->run.seed, 9u);
  EXPECT_EQ(config->stages[1].lr, 1e-3);
  const Result<TrainConfig> again = parse_train_config(config->toml, "copy");
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(again->run.seed, 9u);
  EXPECT_EQ(again->stages[1].lr, 1e-3);
  EXPECT_EQ(again->find_source("text")->dir, config->find_source("text")->dir);
  EXPECT_EQ(again->toml, config->toml);
}

TEST(TrainConfigTest, ErrorsNameFileLineAndKey) {
  expect_error(replaced(kRecipe, "seed = 7", "sed = 7"), {"r.toml line 2", "run.sed", "no key"});
  expect_error(replaced(kRecipe, "seed = 7", "seed = \"7\""), {"r.toml line 2", "run.seed", "whole number"});
  expect_error(replaced(kRecipe, "seed = 7", "seed = -1"), {"r.toml line 2", "run.seed", "-1"});
  expect_error(replaced(kRecipe, "seed = 7", "seed = "), {"r.toml line 2"});
  expect_error(replaced(kRecipe, "tokens = 1_000_000", "tokens = 0"), {"r.toml line 31", "stage.0.tokens"});
  expect_error(replaced(kRecipe, "tokens = 1_000_000\n", ""), {"stage.0.tokens", "missing"});
  expect_error(replaced(kRecipe, "chat = 1 }", "chatt = 1 }"), {"r.toml line 34", "chatt", "[data]"});
  expect_error(replaced(kRecipe, "chat = 1 }", "chat = 0 }"), {"r.toml line 34", "chat", "above 0"});
  expect_error(replaced(kRecipe, "betas = [0.9, 0.99]", "betas = [0.9, 1.0]"), {"betas", "line 28"});
  expect_error(replaced(kRecipe, "\"muon\"", "\"sgd\""), {"optimizer.kind", "adamw, muon"});
  expect_error(replaced(kRecipe, "n_group = 4", "n_group = 5"), {"r.toml line 19", "n_group", "divide"});
  expect_error(replaced(kRecipe, "hidden_size = 128\n", ""), {"model.hidden_size", "missing"});
  expect_error(replaced(kRecipe, "vocab_size = 4096", "vocab_size = 4096.5"), {"line 5", "vocab_size"});
  expect_error(replaced(kRecipe, "[data]", "[dta]"), {"dta"});
  expect_error(replaced(kRecipe, "num_nextn_predict_layers = 1", "num_nextn_predict_layers = 2"),
               {"0 and 1"});
  expect_error(replaced(kRecipe, "name = \"decay\"", "name = \"warm\""), {"two stages", "warm"});
  expect_error(replaced(kRecipe, "lr_end = 2e-4", "lr_end = 2e-4\ncontext = 512"), {"decay", "512", "256"});
  expect_error(replaced(kRecipe, "lr_end = 2e-4", "lr_end = nan"), {"lr_end"});
  expect_error("", {"[model]"});
}

TEST(TrainConfigTest, OverridesAreCheckedLikeTheFile) {
  expect_error(kRecipe, {"--set run.sed=1", "run.sed"}, {"run.sed=1"});
  expect_error(kRecipe, {"--set run.seed=x", "whole number"}, {"run.seed=x"});
  expect_error(kRecipe, {"--set stage.nope.lr=1", "nope"}, {"stage.nope.lr=1"});
  expect_error(kRecipe, {"--set run", "key=value"}, {"run"});
  expect_error(kRecipe, {"--set run.seed.x=1"}, {"run.seed.x=1"});
  const Result<TrainConfig> config = parse_train_config(
      kRecipe, "r.toml", {"data.text=/elsewhere", "stage.0.tokens=50001", "run.precision=bf16"});
  ASSERT_TRUE(config.ok()) << config.message();
  EXPECT_EQ(config->find_source("text")->dir, "/elsewhere");
  EXPECT_EQ(config->stages[0].tokens, 50001);
  EXPECT_EQ(config->run.precision, "bf16");
}

TEST(TrainConfigTest, InitFromStandsAlone) {
  std::string text = "[model]\ninit_from = \"m\"\n[data]\na = \"d\"\n[[stage]]\ntokens = 10\n";
  const Result<TrainConfig> config = parse_train_config(text, "r.toml");
  ASSERT_TRUE(config.ok()) << config.message();
  EXPECT_TRUE(config->init_from.is_absolute());
  ASSERT_EQ(config->stages[0].mix.size(), 1u);  // one source needs no mix
  expect_error(replaced(text, "[data]", "hidden_size = 8\n[data]"), {"line 3", "hidden_size"});
}

}  // namespace
}  // namespace jaju::train
