// A model's way through a GGUF file and back: same bits where the types are exact, the oracle's answers
// always.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "formats/safetensors.h"
#include "model/gguf_export.h"
#include "model/gguf_import.h"
#include "model/gguf_names.h"
#include "model/synthetic_checkpoint.h"
#include "runtime/engine.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

fs::path golden_dir(const std::string& name) {
  return fs::path(JAJU_TESTS_DIR) / "golden" / name;
}

class GgufModel : public testing::Test {
 protected:
  GgufModel() {
    std::string pattern = testing::TempDir() + "jaju_gguf_model_XXXXXX";
    dir = ::mkdtemp(pattern.data());
  }
  ~GgufModel() override { fs::remove_all(dir); }

  Evaluation evaluate(const fs::path& model, const std::vector<int32_t>& tokens) {
    auto engine = Engine::open(model, {.kv_type = KvType::f32, .precision = Precision::f32, .threads = 1});
    EXPECT_TRUE(engine.ok()) << engine.message();
    if (!engine.ok()) return {};
    auto evaluation = (*engine)->evaluate(tokens, true);
    EXPECT_TRUE(evaluation.ok()) << evaluation.message();
    return evaluation.ok() ? *evaluation : Evaluation{};
  }

  GgufExportReport write(const fs::path& model, const std::string& name, GgufType type,
                         const std::string& arch = "") {
    auto config = load_config(model);
    EXPECT_TRUE(config.ok()) << config.message();
    auto weights = Weights::load(model, *config);
    EXPECT_TRUE(weights.ok()) << weights.message();
    GgufExportOptions options;
    options.architecture = arch;
    options.type = type;
    options.name = name;
    auto report = export_gguf(**weights, *config, dir / name, options, team);
    EXPECT_TRUE(report.ok()) << report.message();
    return report.ok() ? *report : GgufExportReport{};
  }

  Result<GgufImportReport> read(const std::string& name, const fs::path& to, GgufImportOptions options = {}) {
    auto file = Gguf::open(dir / name);
    if (!file.ok()) return file.status();
    return import_gguf(**file, to, options, team);
  }
  void expect_refused(const std::string& name, const std::string& part) {
    const auto report = read(name, dir / "refused");
    ASSERT_FALSE(report.ok()) << "expected: " << part;
    EXPECT_NE(report.message().find(part), std::string::npos) << report.message();
    EXPECT_FALSE(fs::exists(dir / "refused"));
  }

  fs::path dir;
  ThreadTeam team{2};
};

nlohmann::json answers(const std::string& name) {
  auto json = read_json(golden_dir(name) / "golden.json", 1 << 20);
  EXPECT_TRUE(json.ok()) << json.message();
  return *json;
}

// As engine_test.cc compares: against float64 NumPy, by the largest logit.
void expect_close(const std::vector<float>& all, const std::vector<double>& want, double bound) {
  ASSERT_GE(all.size(), want.size());
  const float* got = all.data() + all.size() - want.size();
  double worst = 0;
  double largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - want[i]);
    if (std::isnan(difference) || difference > worst) worst = difference;
    largest = std::max(largest, std::abs(want[i]));
  }
  EXPECT_LT(worst / largest, bound);
}

// Every golden checkpoint, in the types that hold its values exactly.
TEST_F(GgufModel, ExactTypesGiveTheSameBits) {
  struct Case {
    const char* name;
    GgufType type;
    const char* arch;
  };
  for (const Case& c :
       {Case{"fused-bf16", GgufType::bf16, "axk1"}, Case{"mscale-all-f32", GgufType::f32, "axk1"},
        Case{"mtp-f32", GgufType::f32, "axk1"}, Case{"split-bias-f32", GgufType::f32, "axk1"},
        Case{"odd-layers-f32", GgufType::f32, "axk1"}, Case{"tiny-chat", GgufType::bf16, "axk1"},
        Case{"deepseek-v3-f32", GgufType::f32, "deepseek2"}}) {
    SCOPED_TRACE(c.name);
    const std::string file = std::string(c.name) + ".gguf";
    const GgufExportReport exported = write(golden_dir(c.name), file, c.type);
    EXPECT_EQ(exported.architecture, c.arch);
    EXPECT_EQ(exported.fallbacks, 0);
    GgufImportOptions options;
    options.shard_bytes = 200'000;  // several shards
    const auto imported = read(file, dir / c.name, options);
    ASSERT_TRUE(imported.ok()) << imported.message();
    EXPECT_GT(imported->shards, 1);
    EXPECT_FALSE(fs::exists(dir / (std::string(c.name) + ".partial")));
    EXPECT_FALSE(fs::exists(dir / c.name / "stage.json"));

    const nlohmann::json want = answers(c.name);
    const auto tokens = want["tokens"].get<std::vector<int32_t>>();
    const Evaluation before = evaluate(golden_dir(c.name), tokens);
    const Evaluation after = evaluate(dir / c.name, tokens);
    ASSERT_FALSE(after.logits.empty());
    EXPECT_EQ(after.logits, before.logits);
    EXPECT_EQ(after.mtp_logits, before.mtp_logits);
    EXPECT_EQ(after.experts, before.experts);
    EXPECT_EQ(before.mtp_logits.empty(), !want.contains("mtp_last_logits"));
    expect_close(after.logits, want["last_logits"].get<std::vector<double>>(), 1e-4);

    // Config fields the forward pass does not read.
    const auto was = load_config(golden_dir(c.name));
    const auto is = load_config(dir / c.name);
    ASSERT_TRUE(is.ok()) << is.message();
    EXPECT_EQ(is->max_context, was->max_context);
    EXPECT_EQ(is->topk_method == "noaux_tc", imported->config.has_router_bias);
    EXPECT_EQ(is->dtype, was->dtype);
    EXPECT_EQ(is->rms_norm_eps, was->rms_norm_eps);
  }
}

// The tensors themselves: every weight of the original is in the import, under the name its release has.
TEST_F(GgufModel, ImportHasTheOriginalTensors) {
  for (const char* name : {"fused-bf16", "deepseek-v3-f32"}) {
    SCOPED_TRACE(name);
    write(golden_dir(name), "m.gguf", name[0] == 'f' ? GgufType::bf16 : GgufType::f32);
    ASSERT_TRUE(read("m.gguf", dir / name).ok());
    const auto was = Checkpoint::open(golden_dir(name));
    const auto is = Checkpoint::open(dir / name);
    ASSERT_TRUE(was.ok() && is.ok());
    size_t compared = 0;
    for (const StoredTensor& t : (*was)->tensors()) {
      const StoredTensor* found = (*is)->find(t.info.name);
      if (found == nullptr) {
        // The dead norm of a dense layer.
        EXPECT_EQ(t.info.name, "model.layers.0.post_mlp_layernorm.weight");
        continue;
      }
      ASSERT_EQ(found->info.shape, t.info.shape) << t.info.name;
      for (int64_t i = 0; i < t.info.elements; ++i) {
        ASSERT_EQ(load_as_f32(found->data, found->info.dtype, i), load_as_f32(t.data, t.info.dtype, i))
            << t.info.name << " " << i;
      }
      ++compared;
    }
    EXPECT_EQ(compared, (*is)->tensors().size());
  }
}

// Lossy types stay near. The bound follows from the type: 8 bits of 127 levels keep each weight of a block
// within 1/254 of its largest; what 16 bits keep is far inside.
TEST_F(GgufModel, LossyTypesStayWithinTheirStep) {
  struct Case {
    GgufType type;
    double step;  // of the block's (or the value's own) magnitude
  };
  for (const Case& c : {Case{GgufType::q8_0, 1.0 / 254 + 1e-3}, Case{GgufType::f16, 1.0 / 2048},
                        Case{GgufType::bf16, 1.0 / 256}, Case{GgufType::q4_0, 1.0 / 16 + 1.0 / 16 + 1e-3}}) {
    SCOPED_TRACE(gguf_type_info(c.type).name);
    const std::string name = "split-bias-f32";
    const GgufExportReport exported = write(golden_dir(name), "m.gguf", c.type);
    const fs::path to = dir / std::string(gguf_type_info(c.type).name);
    GgufImportOptions options;
    options.dtype = GgufImportDtype::f32;
    ASSERT_TRUE(read("m.gguf", to, options).ok());
    const auto was = Checkpoint::open(golden_dir(name));
    const auto is = Checkpoint::open(to);
    ASSERT_TRUE(was.ok() && is.ok());
    for (const char* tensor : {"model.embed_tokens.weight", "model.layers.1.self_attn.o_proj.weight"}) {
      const StoredTensor* a = (*was)->find(tensor);
      const StoredTensor* b = (*is)->find(tensor);
      ASSERT_TRUE(a != nullptr && b != nullptr) << tensor;
      const int64_t block = gguf_type_info(c.type).block;
      bool changed = false;
      for (int64_t begin = 0; begin < a->info.elements; begin += block) {
        float largest = 0;
        for (int64_t i = begin; i < begin + block; ++i) {
          largest = std::max(largest, std::abs(load_as_f32(a->data, a->info.dtype, i)));
        }
        for (int64_t i = begin; i < begin + block; ++i) {
          const float x = load_as_f32(a->data, a->info.dtype, i);
          const float y = load_as_f32(b->data, b->info.dtype, i);
          changed = changed || x != y;
          ASSERT_LE(std::abs(x - y), c.step * largest + 6e-8) << tensor << " " << i;
        }
      }
      EXPECT_TRUE(changed) << tensor;
    }
    EXPECT_EQ(exported.fallbacks > 0, gguf_type_info(c.type).block > 1) << exported.fallbacks;  // nope is 16
    // And norms and routers are never touched.
    const StoredTensor* a = (*was)->find("model.layers.1.mlp.gate.weight");
    const StoredTensor* b = (*is)->find("model.layers.1.mlp.gate.weight");
    ASSERT_TRUE(a != nullptr && b != nullptr);
    EXPECT_EQ(std::memcmp(a->data, b->data, static_cast<size_t>(a->info.bytes)), 0);
  }
}

// A model that rotates halves instead of neighbours becomes one that rotates neighbours, with the same
// answers.
TEST_F(GgufModel, RotatedHalvesBecomeNeighbours) {
  for (const char* name : {"split-bias-f32", "deepseek-v3-f32"}) {
    SCOPED_TRACE(name);
    const fs::path halves = dir / (std::string(name) + "-halves");
    fs::copy(golden_dir(name), halves, fs::copy_options::recursive);
    auto text = read_file(halves / "config.json", 1 << 20);
    ASSERT_TRUE(text.ok());
    const size_t brace = text->find('{');
    // Gone if it says so already, then said the other way.
    nlohmann::json json = nlohmann::json::parse(text->substr(brace));
    json["rope_interleave"] = false;
    std::ofstream(halves / "config.json") << json.dump();
    const auto tokens = answers(name)["tokens"].get<std::vector<int32_t>>();
    const Evaluation before = evaluate(halves, tokens);
    EXPECT_NE(before.logits, evaluate(golden_dir(name), tokens).logits);
    write(halves, "halves.gguf", GgufType::f32);
    const fs::path to = dir / (std::string(name) + "-back");
    ASSERT_TRUE(read("halves.gguf", to).ok());
    const auto config = load_config(to);
    ASSERT_TRUE(config.ok());
    EXPECT_TRUE(config->rope.interleaved);
    const Evaluation after = evaluate(to, tokens);
    ASSERT_EQ(after.logits.size(), before.logits.size());
    // Sums of the rotary part run in another order: equal to rounding, not to the bit.
    expect_close(after.logits, std::vector<double>(before.logits.begin(), before.logits.end()), 1e-5);
    EXPECT_EQ(after.experts, before.experts);
  }
}

// --- files other programs wrote

// A deepseek2 file as older converters made it: attn_kv_b whole, head sizes in key_length, no groups.
class OlderFile : public GgufModel {
 protected:
  void SetUp() override {
    auto checkpoint = Checkpoint::open(golden_dir("deepseek-v3-f32"));
    ASSERT_TRUE(checkpoint.ok());
    auto parsed = load_config(golden_dir("deepseek-v3-f32"));
    ASSERT_TRUE(parsed.ok());
    config = *parsed;
    const ModelConfig& c = config;
    m.text("general.architecture", "deepseek2");
    const std::string p = "deepseek2.";
    m.u32(p + "block_count", c.n_layers);
    m.u32(p + "context_length", c.max_context);
    m.u32(p + "embedding_length", c.hidden_size);
    m.u32(p + "feed_forward_length", c.intermediate_size);
    m.u32(p + "attention.head_count", c.n_heads);
    m.u32(p + "attention.head_count_kv", c.n_heads);
    m.u32(p + "attention.key_length", c.qk_dim());
    m.u32(p + "attention.value_length", c.v_dim);
    m.u32(p + "attention.kv_lora_rank", c.kv_lora_rank);
    m.f32(p + "attention.layer_norm_rms_epsilon", c.rms_norm_eps);
    m.u32(p + "leading_dense_block_count", c.first_dense_layers);
    m.u32(p + "expert_count", c.n_routed_experts);
    m.u32(p + "expert_used_count", c.n_experts_per_token);
    m.u32(p + "expert_shared_count", c.n_shared_experts);
    m.u32(p + "expert_feed_forward_length", c.moe_intermediate_size);
    m.f32(p + "expert_weights_scale", c.routed_scaling_factor);
    m.boolean(p + "expert_weights_norm", c.norm_topk_prob);
    m.u32(p + "rope.dimension_count", c.qk_rope_dim);
    m.f32(p + "rope.freq_base", c.rope.theta);
    // The tensors by their names in the checkpoint, experts gathered.
    const auto raw = [&](const std::string& name) {
      const StoredTensor* t = (*checkpoint)->find(name);
      EXPECT_NE(t, nullptr) << name;
      return std::string(reinterpret_cast<const char*>(t->data), static_cast<size_t>(t->info.bytes));
    };
    using namespace gguf_names;
    for (const auto& t : (*checkpoint)->tensors()) {
      const std::string& name = t.info.name;
      if (name.find(".experts.") != std::string::npos) continue;
      std::string to;
      for (const Name& n : {kEmbed, kFinalNorm, kHead}) {
        if (name == n.checkpoint) to = n.gguf;
      }
      for (int64_t layer = 0; layer < c.n_layers; ++layer) {
        for (const Name& n : {kInputNorm, kQ, kKva, kKvaNorm, kKvb, kO, kPostAttentionNorm, kGate, kUp, kDown,
                              kRouter, kRouterBias, kSharedGate, kSharedUp, kSharedDown}) {
          if (name == in_checkpoint(layer, n.checkpoint)) to = in_gguf(layer, n.gguf);
        }
      }
      ASSERT_FALSE(to.empty()) << name;
      specs.push_back({to, GgufType::f32, t.info.shape});
      data.push_back(raw(name));
    }
    for (int64_t layer = c.first_dense_layers; layer < c.n_layers; ++layer) {
      std::string gate_up;
      std::string down;
      for (int64_t e = 0; e < c.n_routed_experts; ++e) {
        const std::string prefix = in_checkpoint(layer, fmt::format("mlp.experts.{}.", e));
        gate_up += raw(prefix + "gate_proj.weight") + raw(prefix + "up_proj.weight");
        down += raw(prefix + "down_proj.weight");
      }
      specs.push_back({in_gguf(layer, kGateUpExperts),
                       GgufType::f32,
                       {c.n_routed_experts, 2 * c.moe_intermediate_size, c.hidden_size}});
      data.push_back(gate_up);
      specs.push_back({in_gguf(layer, kDownExperts),
                       GgufType::f32,
                       {c.n_routed_experts, c.hidden_size, c.moe_intermediate_size}});
      data.push_back(down);
    }
  }

  void write_file(const std::string& name) {
    auto writer = GgufWriter::create(dir / name, m, specs);
    ASSERT_TRUE(writer.ok()) << writer.message();
    for (const std::string& bytes : data) {
      ASSERT_TRUE((*writer)->append(bytes.data(), static_cast<int64_t>(bytes.size())).ok());
    }
    ASSERT_TRUE((*writer)->finish().ok());
  }
  size_t index_of(const std::string& name) {
    for (size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].name == name) return i;
    }
    ADD_FAILURE() << name;
    return 0;
  }

  ModelConfig config;
  GgufMetadata m;
  std::vector<GgufTensorSpec> specs;
  std::vector<std::string> data;
};

TEST_F(OlderFile, GivesTheOraclesLogits) {
  m.u32("deepseek2.expert_gating_func", 2);
  m.u32("deepseek2.expert_group_count", config.n_group);
  m.u32("deepseek2.expert_group_used_count", config.topk_group);
  write_file("older.gguf");
  const auto report = read("older.gguf", dir / "older");
  ASSERT_TRUE(report.ok()) << report.message();
  EXPECT_TRUE(report->config.notes.empty());
  const nlohmann::json want = answers("deepseek-v3-f32");
  const auto tokens = want["tokens"].get<std::vector<int32_t>>();
  const Evaluation after = evaluate(dir / "older", tokens);
  EXPECT_EQ(after.logits, evaluate(golden_dir("deepseek-v3-f32"), tokens).logits);
  expect_close(after.logits, want["last_logits"].get<std::vector<double>>(), 1e-4);
}

TEST_F(OlderFile, SaysWhatTheFileLeavesOpen) {
  m.u32("deepseek2.expert_gating_func", 2);
  m.text("deepseek2.rope.scaling.type", "yarn");
  m.f32("deepseek2.rope.scaling.factor", 40);
  m.u32("deepseek2.rope.scaling.original_context_length", 4096);
  write_file("open.gguf");
  const auto report = read("open.gguf", dir / "open");
  ASSERT_TRUE(report.ok()) << report.message();
  ASSERT_EQ(report->config.notes.size(), 2u);
  EXPECT_NE(report->config.notes[0].find("grouped"), std::string::npos);
  EXPECT_NE(report->config.notes[1].find("log multiplier"), std::string::npos);
  EXPECT_EQ(report->config.config.n_group, 1);
  EXPECT_EQ(report->config.config.rope.mscale_all_dim, 0.0);
}

// DeepSeek-V3's own scaling: the log multiplier is a tenth of mscale_all_dim, and mscale equals it.
TEST_F(OlderFile, ReadsTheYarnLogMultiplier) {
  m.u32("deepseek2.expert_gating_func", 2);
  m.text("deepseek2.rope.scaling.type", "yarn");
  m.f32("deepseek2.rope.scaling.factor", 40);
  m.u32("deepseek2.rope.scaling.original_context_length", 4096);
  m.f32("deepseek2.rope.scaling.yarn_log_multiplier", 0.0707);
  write_file("yarn.gguf");
  const auto report = read("yarn.gguf", dir / "yarn");
  ASSERT_TRUE(report.ok()) << report.message();
  const RopeConfig& rope = report->config.config.rope;
  EXPECT_EQ(rope.mscale_all_dim, 0.707);
  EXPECT_EQ(rope.mscale, 0.707);
  EXPECT_EQ(rope.factor, 40.0);
  EXPECT_EQ(rope.original_context, 4096);
}

TEST_F(OlderFile, RefusesWhatDoesNotFit) {
  write_file("softmax.gguf");
  expect_refused("softmax.gguf", "softmax");
  m.u32("deepseek2.expert_gating_func", 2);
  const auto saved_specs = specs;
  const auto saved_data = data;
  const auto again = [&] {
    specs = saved_specs;
    data = saved_data;
  };
  const size_t norm = index_of("output_norm.weight");
  specs.erase(specs.begin() + static_cast<std::ptrdiff_t>(norm));
  data.erase(data.begin() + static_cast<std::ptrdiff_t>(norm));
  write_file("missing.gguf");
  expect_refused("missing.gguf", "missing 'output_norm.weight'");
  again();
  specs[norm].shape = {config.hidden_size / 2, 2};
  write_file("shape.gguf");
  expect_refused("shape.gguf", "'output_norm.weight' is (");
  again();
  specs.push_back({"blk.0.post_ffw_norm.weight", GgufType::f32, {1}});
  data.emplace_back(4, '\0');
  write_file("unknown.gguf");
  expect_refused("unknown.gguf", "blk.0.post_ffw_norm.weight");
  again();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(data[index_of("blk.1.attn_output.weight")].data() + 40, &nan, 4);
  write_file("nan.gguf");
  expect_refused("nan.gguf", "tensor 'blk.1.attn_output.weight' holds NaN");
  again();
  // A stage that a refusal left is taken up or cleared, never mistaken for a model.
  fs::remove_all(dir / "refused.partial");
  m.u32("deepseek2.expert_group_count", 5);
  write_file("groups.gguf");
  expect_refused("groups.gguf", "n_group");
}

TEST_F(GgufModel, RefusesOtherModelsAndMissingKeys) {
  const auto file = [&](const std::string& name, const GgufMetadata& m) {
    auto writer = GgufWriter::create(dir / name, m, {});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->finish().ok());
  };
  GgufMetadata none;
  file("none.gguf", none);
  expect_refused("none.gguf", "'general.architecture' is missing");
  GgufMetadata number;
  number.u32("general.architecture", 1);
  file("number.gguf", number);
  expect_refused("number.gguf", "'general.architecture' is missing");
  GgufMetadata other;
  other.text("general.architecture", "llama");
  file("other.gguf", other);
  expect_refused("other.gguf", "architecture 'llama': jaju imports 'axk1' and 'deepseek2'");
  GgufMetadata empty;
  empty.text("general.architecture", "axk1");
  file("empty.gguf", empty);
  expect_refused("empty.gguf", "'token_embd.weight' is missing");
}

// --- interrupted, and onto what is there

TEST_F(GgufModel, GoesOnWhereItStopped) {
  write(golden_dir("split-bias-f32"), "m.gguf", GgufType::f32);
  GgufImportOptions options;
  options.shard_bytes = 200'000;
  const auto whole = read("m.gguf", dir / "whole", options);
  ASSERT_TRUE(whole.ok()) << whole.message();
  ASSERT_GT(whole->shards, 4);
  // The disk goes away after a while: an append that fails stands for kill -9 as well, nothing is cleaned up
  // but the shard in work.
  int64_t limit = whole->bytes / 2;
  struct Stop {};
  options.progress = [&](int64_t done, int64_t) {
    if (done > limit) throw Stop();
  };
  EXPECT_THROW((void)read("m.gguf", dir / "again", options), Stop);
  EXPECT_FALSE(fs::exists(dir / "again"));
  ASSERT_TRUE(fs::exists(dir / "again.partial"));
  options.progress = nullptr;
  // Another import must not take these shards for its own.
  GgufImportOptions other = options;
  other.dtype = GgufImportDtype::bf16;
  const auto refused = read("m.gguf", dir / "again", other);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("left from other work"), std::string::npos) << refused.message();
  const auto resumed = read("m.gguf", dir / "again", options);
  ASSERT_TRUE(resumed.ok()) << resumed.message();
  EXPECT_GT(resumed->shards_kept, 1);
  EXPECT_LT(resumed->shards_kept, resumed->shards);
  for (const auto& entry : fs::directory_iterator(dir / "whole")) {
    const auto a = read_file(entry.path(), 1 << 24);
    const auto b = read_file(dir / "again" / entry.path().filename(), 1 << 24);
    ASSERT_TRUE(a.ok() && b.ok()) << entry.path();
    EXPECT_EQ(*a, *b) << entry.path();
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(dir / "whole"), {}),
            std::distance(fs::directory_iterator(dir / "again"), {}));
  const auto onto = read("m.gguf", dir / "again", options);
  ASSERT_FALSE(onto.ok());
  EXPECT_NE(onto.message().find("is there already"), std::string::npos);
}

TEST_F(GgufModel, ExportRefusesAndLeavesNothing) {
  const auto config = load_config(golden_dir("split-bias-f32"));
  ASSERT_TRUE(config.ok());
  auto weights = Weights::load(golden_dir("split-bias-f32"), *config);
  ASSERT_TRUE(weights.ok());
  GgufExportOptions options;
  options.architecture = "deepseek2";
  auto report = export_gguf(**weights, *config, dir / "x.gguf", options, team);
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.message().find("'deepseek2' has no place for"), std::string::npos);
  options.architecture = "axk1";
  options.type = GgufType::q4_k;
  report = export_gguf(**weights, *config, dir / "x.gguf", options, team);
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.message().find("does not write Q4_K"), std::string::npos);
  // A value f16 cannot hold.
  SyntheticCheckpoint wild(*config, {.fused = false});
  const float large = 1e6f;
  std::memcpy(wild.at("model.layers.1.self_attn.o_proj.weight").bytes.data(), &large, 4);
  fs::create_directories(dir / "wild");
  wild.write(dir / "wild");
  weights = Weights::load(dir / "wild", *config);
  ASSERT_TRUE(weights.ok()) << weights.message();
  options.type = GgufType::f16;
  report = export_gguf(**weights, *config, dir / "x.gguf", options, team);
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.message().find("tensor 'blk.1.attn_output.weight' holds"), std::string::npos)
      << report.message();
  for (const auto& entry : fs::directory_iterator(dir)) EXPECT_EQ(entry.path().filename(), "wild");
  options.type = GgufType::bf16;
  EXPECT_TRUE(export_gguf(**weights, *config, dir / "x.gguf", options, team).ok());
}

// DeepSeek's own scaling is what deepseek2 can say; without mscale_all_dim other programs compute something
// else.
TEST_F(GgufModel, ExportNotesScalingThatOthersMisread) {
  for (const bool all : {true, false}) {
    const fs::path model = dir / (all ? "all" : "none");
    fs::copy(golden_dir("deepseek-v3-f32"), model, fs::copy_options::recursive);
    auto json = read_json(model / "config.json", 1 << 20);
    ASSERT_TRUE(json.ok()) << json.message();
    (*json)["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}};
    (*json)["rope_scaling"]["mscale"] = 1.0;
    (*json)["rope_scaling"]["mscale_all_dim"] = all ? 1.0 : 0.0;
    std::ofstream(model / "config.json") << json->dump();
    const GgufExportReport report = write(model, all ? "all.gguf" : "none.gguf", GgufType::f32);
    EXPECT_EQ(report.notes.size(), all ? 0u : 1u);
    const auto imported = read(all ? "all.gguf" : "none.gguf", dir / (all ? "all-back" : "none-back"));
    ASSERT_TRUE(imported.ok()) << imported.message();
    const auto tokens = answers("deepseek-v3-f32")["tokens"].get<std::vector<int32_t>>();
    EXPECT_EQ(evaluate(dir / (all ? "all-back" : "none-back"), tokens).logits,
              evaluate(model, tokens).logits);
  }
}

// FP8 checkpoints go through their block scales.
TEST_F(GgufModel, Fp8ExportsAsItsValues) {
  ModelConfig c = *load_config(golden_dir("split-bias-f32"));
  SyntheticCheckpoint stored(c, {.dtype = DType::f8_e4m3});
  fs::create_directories(dir / "f8");
  stored.write(dir / "f8");
  fs::copy(golden_dir("split-bias-f32") / "config.json", dir / "f8" / "config.json");
  write(dir / "f8", "f8.gguf", GgufType::f32);
  ASSERT_TRUE(read("f8.gguf", dir / "back").ok());
  const std::vector<int32_t> tokens = {1, 5, 9, 33, 77, 120};
  const Evaluation before = evaluate(dir / "f8", tokens);
  ASSERT_FALSE(before.logits.empty());
  EXPECT_EQ(evaluate(dir / "back", tokens).logits, before.logits);
}

}  // namespace
}  // namespace jaju
