#include "model/config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace jaju {
namespace {

using Json = nlohmann::json;

const std::string kGolden = JAJU_TESTS_DIR "/golden/";

Json axk1() {
  auto text = read_file(kGolden + "axk1-config.json", 1 << 20);
  EXPECT_TRUE(text.ok()) << text.message();
  return Json::parse(*text);
}

Result<ModelConfig> parse(const Json& json) {
  return parse_config(json.dump(), "config.json");
}

Result<ModelConfig> with(const char* pointer, const Json& value) {
  Json json = axk1();
  json[Json::json_pointer(pointer)] = value;
  return parse(json);
}

void expect_error(const Result<ModelConfig>& result, const std::string& part) {
  ASSERT_FALSE(result.ok()) << "expected: " << part;
  EXPECT_NE(result.message().find(part), std::string::npos) << result.message();
  EXPECT_EQ(result.message().find("config.json"), 0u) << result.message();
  EXPECT_EQ(result.message().find('\n'), std::string::npos) << result.message();
}

TEST(Config, ReadsTheRealModel) {
  auto c = load_config(kGolden + "axk1-config.json");
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c->model_type, "AXK1");
  EXPECT_EQ(c->dtype, "bfloat16");
  EXPECT_EQ(c->n_layers, 61);
  EXPECT_EQ(c->n_routed_experts, 192);
  EXPECT_EQ(c->qk_dim(), 192);
  EXPECT_EQ(c->kv_width(), 576);
  EXPECT_EQ(c->max_context, 131072);
  EXPECT_TRUE(c->rope.yarn);
  EXPECT_TRUE(c->rope.interleaved);
  EXPECT_EQ(c->rope.factor, 4.0);
  EXPECT_EQ(c->rope.original_context, 32768);
  EXPECT_EQ(c->rope.mscale, 1.0);
  EXPECT_EQ(c->rope.mscale_all_dim, 0.0);
  EXPECT_EQ(c->bos_token_id, 163691);
  EXPECT_EQ(c->eos_token_ids, std::vector<int64_t>{163704});
  EXPECT_FALSE(c->is_moe(0));
  EXPECT_TRUE(c->is_moe(1));
  EXPECT_TRUE(c->has_post_mlp_norm);
}

// The published number, and the parts of facts sheet 3.3 added up independently of the code.
TEST(Config, CountsTheRealModelToTheLastParameter) {
  auto c = load_config(kGolden + "axk1-config.json");
  ASSERT_TRUE(c.ok()) << c.message();
  const ParameterCount n = count_parameters(*c, false, false);
  EXPECT_EQ(n.total(), 518'983'059'456);
  EXPECT_EQ(n.routed_experts, 507'343'011'840);
  EXPECT_EQ(n.shared_experts, 2'642'411'520);
  EXPECT_EQ(n.attention, 6'168'569'856);
  EXPECT_EQ(n.dense_mlp, 396'361'728);
  EXPECT_EQ(n.routers, 82'575'360);
  EXPECT_EQ(n.norms, 1'318'912);
  EXPECT_EQ(n.embedding + n.head, 2'348'810'240);
  // attention + dense MLP + 60 layers of 8 routed and 1 shared expert + routers + norms + both tables
  EXPECT_EQ(n.active,
            6'168'569'856 + 396'361'728 + 60 * 9 * 44'040'192LL + 82'575'360 + 1'318'912 + 2'348'810'240);
  EXPECT_EQ(n.active, 32'779'339'776);
  EXPECT_EQ(n.mtp, 0);

  EXPECT_EQ(count_parameters(*c, true, false).total(), 518'983'059'456 + 60 * 192);
  c->n_mtp_layers = 1;
  // 192 + 1 experts, attention, router, eh_proj, six norms of the hidden size (facts sheet, section 4: 8.71B)
  EXPECT_EQ(count_parameters(*c, false, true).mtp,
            193 * 44'040'192LL + 101'124'096 + 1'376'256 + 2 * 7168 * 7168 + 6 * 7168);
}

TEST(Config, EveryFieldComesFromTheFile) {
  const Json small = Json::parse(R"({
    "model_type": "axk1", "dtype": "float32", "vocab_size": 100, "hidden_size": 24, "intermediate_size": 40,
    "moe_intermediate_size": 12, "num_hidden_layers": 5, "num_attention_heads": 3, "max_position_embeddings": 77,
    "q_lora_rank": 10, "kv_lora_rank": 9, "qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "v_head_dim": 5,
    "n_routed_experts": 12, "n_shared_experts": 2, "num_experts_per_tok": 3, "n_group": 3, "topk_group": 2,
    "first_k_dense_replace": 2, "moe_layer_freq": 2, "norm_topk_prob": false, "routed_scaling_factor": 1.5,
    "topk_method": "noaux_tc", "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "num_nextn_predict_layers": 2,
    "bos_token_id": 7, "pad_token_id": 8, "eos_token_id": [3, 4], "rope_interleave": false, "rope_theta": 500.0})");
  auto c = parse(small);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c->model_type, "axk1");
  EXPECT_EQ(c->dtype, "float32");
  EXPECT_EQ(c->vocab_size, 100);
  EXPECT_EQ(c->hidden_size, 24);
  EXPECT_EQ(c->intermediate_size, 40);
  EXPECT_EQ(c->moe_intermediate_size, 12);
  EXPECT_EQ(c->n_layers, 5);
  EXPECT_EQ(c->n_heads, 3);
  EXPECT_EQ(c->max_context, 77);
  EXPECT_EQ(c->q_lora_rank, 10);
  EXPECT_EQ(c->kv_lora_rank, 9);
  EXPECT_EQ(c->qk_nope_dim, 6);
  EXPECT_EQ(c->qk_rope_dim, 4);
  EXPECT_EQ(c->v_dim, 5);
  EXPECT_EQ(c->n_routed_experts, 12);
  EXPECT_EQ(c->n_shared_experts, 2);
  EXPECT_EQ(c->n_experts_per_token, 3);
  EXPECT_EQ(c->n_group, 3);
  EXPECT_EQ(c->topk_group, 2);
  EXPECT_EQ(c->first_dense_layers, 2);
  EXPECT_EQ(c->moe_layer_freq, 2);
  EXPECT_FALSE(c->norm_topk_prob);
  EXPECT_EQ(c->routed_scaling_factor, 1.5);
  EXPECT_EQ(c->topk_method, "noaux_tc");
  EXPECT_EQ(c->rms_norm_eps, 1e-5);
  EXPECT_TRUE(c->tie_word_embeddings);
  EXPECT_EQ(c->n_mtp_layers, 2);
  EXPECT_EQ(c->bos_token_id, 7);
  EXPECT_EQ(c->pad_token_id, 8);
  EXPECT_EQ(c->eos_token_ids, (std::vector<int64_t>{3, 4}));
  EXPECT_FALSE(c->rope.interleaved);
  EXPECT_EQ(c->rope.theta, 500.0);
  EXPECT_FALSE(c->rope.yarn);
  EXPECT_EQ((std::vector<bool>{c->is_moe(1), c->is_moe(2), c->is_moe(3), c->is_moe(4)}),
            (std::vector<bool>{false, true, false, true}));
  EXPECT_EQ(count_parameters(*c, false, false).head, 0);
}

TEST(Config, RopeSpellings) {
  const Json yarn = {{"rope_type", "yarn"}, {"factor", 8},       {"original_max_position_embeddings", 64},
                     {"rope_theta", 5e5},   {"mscale", nullptr}, {"attention_factor", 1.25}};
  Json json = axk1();
  json.erase("rope_scaling");
  json.erase("rope_theta");
  json["rope_parameters"] = yarn;
  auto c = parse(json);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_TRUE(c->rope.yarn);
  EXPECT_EQ(c->rope.theta, 5e5);
  EXPECT_EQ(c->rope.factor, 8.0);
  EXPECT_EQ(c->rope.original_context, 64);
  EXPECT_EQ(c->rope.mscale, 0.0);
  EXPECT_EQ(c->rope.attention_factor, 1.25);
  EXPECT_EQ(c->rope.beta_fast, 32.0);

  json["rope_theta"] = 10000.0;
  expect_error(parse(json), "'rope_parameters.rope_theta' is 500000, but the top level says 10000");

  for (const Json& none :
       {Json(nullptr), Json::object(), Json{{"type", "default"}}, Json{{"rope_type", "default"}}}) {
    auto plain = with("/rope_scaling", none);
    ASSERT_TRUE(plain.ok()) << plain.message();
    EXPECT_FALSE(plain->rope.yarn);
  }
  expect_error(with("/rope_scaling/type", "llama3"), "'rope_scaling.rope_type' is \"llama3\"");
  expect_error(with("/rope_scaling/rope_type", "linear"), "but 'type' beside it is \"yarn\"");
  expect_error(with("/rope_scaling", "yarn"), "must be an object");
  expect_error(with("/rope_scaling/factor", 0), "'rope_scaling.factor' is 0");
  expect_error(with("/rope_scaling/factor", nullptr), "'rope_scaling.factor' is missing");
  expect_error(with("/rope_scaling/factor", "4"), "'rope_scaling.factor' is \"4\"");
  expect_error(with("/rope_scaling/original_max_position_embeddings", 0), "whole number from 1");
  expect_error(with("/rope_scaling/original_max_position_embeddings", 32768.5), "whole number");
  expect_error(with("/rope_scaling/beta_fast", 0.5), "below beta_slow");
  expect_error(with("/rope_scaling/mscale", -1), "'rope_scaling.mscale' is -1");
  expect_error(with("/rope_scaling/truncate", false), "'rope_scaling.truncate' is false");
  expect_error(with("/rope_theta", 1), "'rope_theta' is 1");
}

TEST(Config, SpecialValues) {
  auto c = with("/eos_token_id", nullptr);
  ASSERT_TRUE(c.ok());
  EXPECT_TRUE(c->eos_token_ids.empty());
  c = with("/eos_token_id", {163691, 163704});
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->eos_token_ids, (std::vector<int64_t>{163691, 163704}));
  c = with("/pad_token_id", -1);
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->pad_token_id, -1);
  c = with("/q_lora_rank", nullptr);
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->q_lora_rank, 0);
  c = with("/n_shared_experts", nullptr);
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->n_shared_experts, 0);
  c = with("/n_group", nullptr);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c->n_group, 1);
  EXPECT_EQ(c->topk_group, 1);
  c = parse(Json{{"model_type", "deepseek_v3"}});
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_FALSE(c->has_post_mlp_norm);
  // DeepSeek-V3, published as 671B: 671,026,404,352 in shapes added up by hand, and 58 x 256 biases.
  EXPECT_EQ(c->n_heads, 128);
  EXPECT_EQ(count_parameters(*c, true, false).total(), 671'026'419'200);
}

TEST(Config, QuantizationIsFp8BlocksFourBitFloatsOrNothing) {
  const Json fp8 = {{"quant_method", "fp8"},
                    {"fmt", "e4m3"},
                    {"activation_scheme", "dynamic"},
                    {"weight_block_size", {128, 128}}};
  EXPECT_TRUE(with("/quantization_config", fp8).ok());
  EXPECT_TRUE(with("/quantization_config", nullptr).ok());
  Json other = fp8;
  other["quant_method"] = "gptq";
  expect_error(with("/quantization_config", other), "'quantization_config.quant_method' is \"gptq\"");
  other["quant_method"] = "compressed-tensors";
  other["format"] = "int-quantized";
  expect_error(with("/quantization_config", other), "'quantization_config.format' is \"int-quantized\"");
  for (const char* format : {"nvfp4-pack-quantized", "mxfp4-pack-quantized"}) {
    other["format"] = format;
    EXPECT_TRUE(with("/quantization_config", other).ok());
  }
  EXPECT_TRUE(with("/quantization_config", {{"quant_method", "modelopt"}, {"quant_algo", "NVFP4"}}).ok());
  expect_error(with("/quantization_config", {{"quant_method", "modelopt"}, {"quant_algo", "FP8"}}),
               "'quantization_config.quant_algo' is \"FP8\"");
  EXPECT_TRUE(with("/quantization_config", {{"quant_method", "mxfp4"}}).ok());
  other = fp8;
  other["weight_block_size"] = {64, 128};
  expect_error(with("/quantization_config", other), "is [64,128], only [128, 128]");
  other.erase("weight_block_size");
  expect_error(with("/quantization_config", other), "missing");
  expect_error(with("/quantization_config", "fp8"), "must be an object");
}

TEST(Config, RefusesWhatItCannotRun) {
  expect_error(with("/model_type", "llama"), "'model_type' is \"llama\"");
  expect_error(with("/model_type", nullptr), "'model_type' is missing");
  expect_error(with("/model_type", 3), "'model_type' is 3");
  expect_error(with("/hidden_act", "gelu"), "'hidden_act' is \"gelu\"");
  expect_error(with("/attention_bias", true), "'attention_bias' is true");
  expect_error(with("/scoring_func", "softmax"), "'scoring_func' is \"softmax\"");
  expect_error(with("/topk_method", "greedy"), "'topk_method' is \"greedy\"");
  expect_error(with("/num_key_value_heads", 8), "'num_key_value_heads' is 8");
  expect_error(with("/qk_head_dim", 128), "'qk_head_dim' is 128");
  expect_error(with("/n_group", 7), "does not divide n_routed_experts (192)");
  expect_error(with("/n_group", 192), "would hold one");
  expect_error(with("/topk_group", 9), "'topk_group' is 9, above n_group (8)");
  expect_error(with("/num_experts_per_tok", 97), "the 4 chosen groups hold only 96 experts");
  expect_error(with("/qk_rope_head_dim", 63), "must be even");
}

TEST(Config, RefusesNumbersOutOfRange) {
  for (const char* field :
       {"vocab_size", "hidden_size", "intermediate_size", "moe_intermediate_size", "num_hidden_layers",
        "num_attention_heads", "max_position_embeddings", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim",
        "qk_rope_head_dim", "v_head_dim", "n_routed_experts", "num_experts_per_tok", "n_group", "topk_group",
        "moe_layer_freq"}) {
    const std::string pointer = std::string("/") + field;
    for (const Json& bad : {Json(0), Json(-1), Json(2.5), Json("8"), Json(true), Json(Json::array()),
                            Json(uint64_t{1} << 63), Json(INT64_MAX), Json(1e300)}) {
      expect_error(with(pointer.c_str(), bad), fmt::format("'{}'", field));
    }
  }
  for (const char* field : {"rms_norm_eps", "routed_scaling_factor", "rope_theta"}) {
    const std::string pointer = std::string("/") + field;
    for (const Json& bad : {Json(0), Json(-1.0), Json("x"), Json(true), Json(1e300)}) {
      expect_error(with(pointer.c_str(), bad), fmt::format("'{}'", field));
    }
  }
  expect_error(with("/bos_token_id", 163840), "'bos_token_id' is 163840");
  expect_error(with("/eos_token_id", {1, -2}), "'eos_token_id' is -2");
  expect_error(with("/eos_token_id", "x"), "'eos_token_id'");
  expect_error(with("/eos_token_id", Json(std::vector<int>(300, 1))), "lists 300 tokens");
  expect_error(with("/norm_topk_prob", 1), "'norm_topk_prob' is 1");
  expect_error(with("/torch_dtype", 16), "'torch_dtype' is 16");
  expect_error(with("/n_routed_experts", kMaxExperts + 8), "'n_routed_experts' is 4104");
  Json huge = axk1();
  for (const char* field : {"hidden_size", "moe_intermediate_size", "intermediate_size"})
    huge[field] = 1 << 22;
  huge["num_hidden_layers"] = 4096;
  huge["n_routed_experts"] = kMaxExperts;
  expect_error(parse(huge), "one of its sizes must be wrong");
}

TEST(Config, RefusesWhatIsNotAConfig) {
  expect_error(parse_config("", "config.json"), "not valid JSON");
  expect_error(parse_config("[]", "config.json"), "must hold a JSON object");
  expect_error(parse_config(R"({"model_type": "AXK1", "rms_norm_eps": NaN})", "config.json"),
               "not valid JSON");
  expect_error(parse_config(R"({"model_type": "AXK1", "rms_norm_eps": 1e999})", "config.json"),
               "config.json");
  expect_error(parse_config(R"({"model_type": "AXK1", "model_type": "llama"})", "config.json"), "twice");
  expect_error(
      parse_config(R"({"model_type": "AXK1", "x": )" + std::string(9999, '[') + std::string(9999, ']') + "}",
                   "config.json"),
      "deeper");
  EXPECT_FALSE(load_config("/nonexistent/dir").ok());
}

}  // namespace
}  // namespace jaju
