// Merges against the sums a test makes itself from the tensors it wrote.
#include "train/merge.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "base/file.h"
#include "formats/safetensors.h"
#include "model/synthetic_checkpoint.h"
#include "model/weights.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = R"({
  "model_type": "AXK1", "torch_dtype": "float32", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 24,
  "moe_intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
  "n_shared_experts": 1, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1,
  "first_k_dense_replace": 1, "moe_layer_freq": 1, "q_lora_rank": 8, "kv_lora_rank": 8, "qk_nope_head_dim": 8,
  "qk_rope_head_dim": 4, "v_head_dim": 8, "max_position_embeddings": 64, "tie_word_embeddings": true,
  "num_nextn_predict_layers": 0, "rope_scaling": null, "norm_topk_prob": true, "routed_scaling_factor": 2.5,
  "topk_method": "noaux_tc", "scoring_func": "sigmoid", "hidden_act": "silu"})";

class Merge : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / fmt::format("jaju_merge_{}", ::getpid());
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  // A model whose every element is moved by `shift` times its place: two shifts, two models.
  fs::path model(const std::string& name, double shift, DType dtype = DType::f32, int shards = 1,
                 const std::string& config_text = kConfig, const std::string& without = "") {
    const fs::path dir = root_ / name;
    const auto config = parse_config(config_text, "test");
    EXPECT_TRUE(config.ok()) << config.message();
    SyntheticCheckpoint checkpoint(*config, {.dtype = dtype, .fused = false, .router_bias = true});
    if (!without.empty()) checkpoint.remove(without);
    for (SyntheticTensor& t : checkpoint.tensors) {
      const auto width = static_cast<size_t>(size_of(t.dtype));
      for (size_t i = 0; i * width < t.bytes.size(); ++i) {
        const float value = load_as_f32(t.bytes.data(), t.dtype, static_cast<int64_t>(i)) +
                            static_cast<float>(shift * (1 + static_cast<double>(i % 7)));
        const uint16_t half = f32_to_bf16(value);
        std::memcpy(t.bytes.data() + i * width, width == 4 ? static_cast<const void*>(&value) : &half, width);
      }
    }
    fs::create_directories(dir);
    checkpoint.write(dir, shards);
    EXPECT_TRUE(write_file_atomic(dir / "config.json", config_text).ok());
    return dir;
  }

  static std::string bytes(const fs::path& dir, const std::string& tensor) {
    const auto open = Checkpoint::open(dir);
    EXPECT_TRUE(open.ok()) << open.message();
    const StoredTensor* t = (*open)->find(tensor);
    EXPECT_NE(t, nullptr);
    return {reinterpret_cast<const char*>(t->data), static_cast<size_t>(t->info.bytes)};
  }

  fs::path root_;
};

TEST_F(Merge, OfAModelWithItselfIsTheModel) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const fs::path a = model("a", 0.01, dtype);
    const fs::path to = root_ / "merged";
    ASSERT_TRUE(merge_models({{a, 0.7}, {a, 0.3}}, to).ok());
    const auto open = Checkpoint::open(a);
    ASSERT_TRUE(open.ok());
    for (const StoredTensor& t : (*open)->tensors()) {
      EXPECT_EQ(bytes(to, t.info.name), bytes(a, t.info.name)) << t.info.name;
    }
    EXPECT_EQ((*Checkpoint::open(to))->tensors().size(), (*open)->tensors().size());
    EXPECT_EQ(*read_file(to / "config.json", 1 << 20), kConfig);
  }
}

TEST_F(Merge, IsLinearInEveryTensor) {
  const fs::path a = model("a", 0.0);
  const fs::path b = model("b", 0.25);
  const fs::path c = model("c", -1.5);
  const auto check = [&](const std::vector<MergeSource>& sources, const std::vector<double>& shares) {
    const fs::path to = root_ / "merged";
    const Status merged = merge_models(sources, to);
    ASSERT_TRUE(merged.ok()) << merged.message();
    const auto result = Checkpoint::open(to);
    ASSERT_TRUE(result.ok()) << result.message();
    bool saw_bias = false;
    for (const StoredTensor& t : (*result)->tensors()) {
      saw_bias = saw_bias || t.info.name.find("e_score_correction_bias") != std::string::npos;
      ASSERT_EQ(t.info.dtype, DType::f32);
      std::vector<std::string> parts;
      for (const MergeSource& s : sources) parts.push_back(bytes(s.dir, t.info.name));
      for (int64_t i = 0; i < t.info.elements; ++i) {
        double want = 0;
        for (size_t s = 0; s < parts.size(); ++s) {
          want += shares[s] * static_cast<double>(load_as_f32(parts[s].data(), DType::f32, i));
        }
        ASSERT_FLOAT_EQ(load_as_f32(t.data, DType::f32, i), static_cast<float>(want))
            << t.info.name << " " << i;
      }
    }
    EXPECT_TRUE(saw_bias);
    // What came out is a model.
    const auto config = load_config(to);
    ASSERT_TRUE(config.ok()) << config.message();
    EXPECT_TRUE(Weights::load(to, *config).ok());
  };
  check({{a, 0.8}, {b, 0.2}}, {0.8, 0.2});
  check({{a, 4}, {b, 1}}, {0.8, 0.2});
  check({{a, 1.5}, {b, -0.5}}, {1.5, -0.5});
  check({{a, 1}, {b, 1}, {c, 2}}, {0.25, 0.25, 0.5});
}

TEST_F(Merge, KeepsShardsAndDtype) {
  const fs::path a = model("a", 0.0, DType::bf16, 3);
  const fs::path b = model("b", 0.25, DType::bf16);
  const fs::path to = root_ / "merged";
  ASSERT_TRUE(merge_models({{a, 1}, {b, 1}}, to).ok());
  const auto result = Checkpoint::open(to);
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ((*result)->file_count(), 3);
  const StoredTensor* t = (*result)->find("model.embed_tokens.weight");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->info.dtype, DType::bf16);
  const std::string left = bytes(a, t->info.name);
  const std::string right = bytes(b, t->info.name);
  for (int64_t i = 0; i < t->info.elements; ++i) {
    const float want =
        (load_as_f32(left.data(), DType::bf16, i) + load_as_f32(right.data(), DType::bf16, i)) / 2;
    uint16_t got;
    std::memcpy(&got, t->data + 2 * i, 2);
    ASSERT_EQ(got, f32_to_bf16(want)) << i;
  }
  // A single file over the shards of an earlier merge, and the other way round.
  ASSERT_TRUE(merge_models({{b, 1}, {a, 1}}, to).ok());
  EXPECT_EQ((*Checkpoint::open(to))->file_count(), 1);
  ASSERT_TRUE(merge_models({{a, 1}, {b, 1}}, to).ok());
  EXPECT_EQ((*Checkpoint::open(to))->file_count(), 3);
}

TEST_F(Merge, TakesTheTokenizerAlong) {
  const fs::path a = model("a", 0.0);
  const fs::path b = model("b", 0.25);
  ASSERT_TRUE(write_file_atomic(b / "tokenizer.json", "{\"b\":1}").ok());
  ASSERT_TRUE(write_file_atomic(b / "chat_template.jinja", "{{ x }}").ok());
  const fs::path to = root_ / "merged";
  ASSERT_TRUE(merge_models({{a, 1}, {b, 1}}, to).ok());
  EXPECT_EQ(*read_file(to / "tokenizer.json", 100), "{\"b\":1}");
  EXPECT_EQ(*read_file(to / "chat_template.jinja", 100), "{{ x }}");
  ASSERT_TRUE(write_file_atomic(a / "tokenizer.json", "{\"a\":1}").ok());
  EXPECT_NE(merge_models({{a, 1}, {b, 1}}, to).message().find("tokenizer.json"), std::string::npos);
}

TEST_F(Merge, RefusesWhatDoesNotFit) {
  const fs::path a = model("a", 0.0);
  const fs::path to = root_ / "merged";
  const auto message = [&](const fs::path& other) {
    return merge_models({{a, 1}, {other, 1}}, to).message();
  };

  std::string config = kConfig;
  config.replace(config.find("\"vocab_size\": 64"), 16, "\"vocab_size\": 96");
  EXPECT_NE(message(model("vocab", 0, DType::f32, 1, config)).find("'vocab_size' is 64"), std::string::npos);

  const std::string bias = "model.layers.1.mlp.gate.e_score_correction_bias";
  EXPECT_NE(message(model("lacks", 0, DType::f32, 1, kConfig, bias)).find(bias), std::string::npos);
  // And the other way round.
  EXPECT_NE(merge_models({{root_ / "lacks", 1}, {a, 1}}, to).message().find(bias), std::string::npos);

  EXPECT_NE(message(model("half", 0, DType::bf16)).find("is F32"), std::string::npos);
  EXPECT_NE(message(root_ / "nothing").find("nothing"), std::string::npos);
  EXPECT_NE(merge_models({{a, 1}}, to).message().find("two"), std::string::npos);
  EXPECT_NE(merge_models({{a, 1}, {a, -1}}, to).message().find("sum"), std::string::npos);
  EXPECT_NE(merge_models({{a, 1}, {model("b", 1), 1}}, a).message().find("overwrite"), std::string::npos);
  EXPECT_FALSE(fs::exists(to / "config.json"));

  // A shape the config does not give away.
  const fs::path wrong = root_ / "wrong";
  SyntheticCheckpoint checkpoint(*parse_config(kConfig, "test"), {.fused = false, .router_bias = true});
  checkpoint.remove("model.norm.weight");
  checkpoint.add("model.norm.weight", DType::f32, {4, 4});
  fs::create_directories(wrong);
  checkpoint.write(wrong);
  ASSERT_TRUE(write_file_atomic(wrong / "config.json", kConfig).ok());
  const std::string shape = message(wrong);
  EXPECT_NE(shape.find("model.norm.weight"), std::string::npos) << shape;
  EXPECT_NE(shape.find("(4, 4)"), std::string::npos) << shape;

  // NaN.
  const fs::path nan = root_ / "nan";
  SyntheticCheckpoint bad(*parse_config(kConfig, "test"), {.fused = false, .router_bias = true});
  const float value = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bad.at("model.norm.weight").bytes.data(), &value, 4);
  fs::create_directories(nan);
  bad.write(nan);
  ASSERT_TRUE(write_file_atomic(nan / "config.json", kConfig).ok());
  EXPECT_NE(message(nan).find("model.norm.weight"), std::string::npos);
  EXPECT_FALSE(fs::exists(to / "model.safetensors"));
}

TEST_F(Merge, ReadsWeightsBehindTheName) {
  const auto parsed = parse_merge_source("runs/a:0.8");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->dir, "runs/a");
  EXPECT_DOUBLE_EQ(parsed->weight, 0.8);
  EXPECT_DOUBLE_EQ(parse_merge_source("runs/a")->weight, 1.0);
  EXPECT_EQ(parse_merge_source("runs/a:b:-2")->dir, "runs/a:b");
  for (const char* bad : {"runs/a:", "runs/a:x", "runs/a:0.5x", ":0.5", "runs/a:nan", "runs/a:inf"}) {
    EXPECT_FALSE(parse_merge_source(bad).ok()) << bad;
  }
  // A directory that is called like that.
  const fs::path odd = root_ / "step:0.5";
  fs::create_directories(odd);
  EXPECT_EQ(parse_merge_source(odd.string())->dir, odd);
}

}  // namespace
}  // namespace jaju::train
