#include "model/gguf_config.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace jaju {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kGatingSigmoid = 2;  // llama.cpp: 1 softmax, 2 sigmoid
constexpr int64_t kMost = int64_t{1} << 40;

// Reads keys `<arch>.<name>` and remembers the first error, so that the reading code stays a list of keys.
class Keys {
 public:
  Keys(const Gguf& file, std::string arch) : file_(file), arch_(std::move(arch)) {}

  const Status& status() const { return status_; }
  bool has(const std::string& name) const { return find(name) != nullptr; }

  int64_t integer(const std::string& name) {
    const GgufValue* value = required(name);
    return value == nullptr ? 0 : whole(name, *value);
  }
  int64_t integer_or(const std::string& name, int64_t absent) {
    const GgufValue* value = find(name);
    return value == nullptr ? absent : whole(name, *value);
  }
  double number_or(const std::string& name, double absent) {
    const GgufValue* value = find(name);
    if (value == nullptr) return absent;
    const auto number = value->number();
    if (!number || !std::isfinite(*number)) fail(name, "a finite number", *value);
    return number.value_or(absent);
  }
  bool boolean_or(const std::string& name, bool absent) {
    const GgufValue* value = find(name);
    if (value == nullptr) return absent;
    if (!value->boolean()) fail(name, "true or false", *value);
    return value->boolean().value_or(absent);
  }
  std::string text_or(const std::string& name, const std::string& absent) {
    const GgufValue* value = find(name);
    if (value == nullptr) return absent;
    const auto text = value->text();
    if (!text || !utf8_valid(*text)) {
      fail(name, "a string of UTF-8", *value);
      return absent;
    }
    return std::string(*text);
  }

 private:
  const GgufValue* find(const std::string& name) const { return file_.find(arch_ + "." + name); }
  const GgufValue* required(const std::string& name) {
    const GgufValue* value = find(name);
    if (value == nullptr && status_.ok()) {
      status_ = error("{}: the key '{}.{}' is missing: the file is no complete model", file_.file_name(0),
                      arch_, name);
    }
    return value;
  }
  int64_t whole(const std::string& name, const GgufValue& value) {
    const auto number = value.integer();
    if (!number || *number < 0 || *number > kMost) {
      fail(name, "a whole number", value);
      return 0;
    }
    return *number;
  }
  void fail(const std::string& name, const char* expected, const GgufValue& value) {
    if (!status_.ok()) return;
    status_ = error("{}: '{}.{}' is of type {} or out of range, it must be {}", file_.file_name(0), arch_,
                    name, name_of(value.type()), expected);
  }

  const Gguf& file_;
  std::string arch_;
  Status status_;
};

// An id of tokenizer.ggml.*, or null where there is none or it is not below the vocabulary.
Json token_id(const Gguf& file, const char* name, int64_t vocab) {
  const GgufValue* value = file.find(std::string("tokenizer.ggml.") + name);
  const auto id = value != nullptr ? value->integer() : std::nullopt;
  if (!id || *id < 0 || *id >= vocab) return nullptr;
  return *id;
}

// Everything that may end an answer: eos, and the ends of a turn and of a message where they have ids of
// their own.
Json end_tokens(const Gguf& file, int64_t vocab) {
  Json ids = Json::array();
  for (const char* name : {"eos_token_id", "eot_token_id", "eom_token_id"}) {
    const Json id = token_id(file, name, vocab);
    if (!id.is_null() && std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? ids[0] : ids;
}

// A decimal of few digits that a product of two decimals blurred: 0.0707 * 10 is 0.707.
double tidy(double value) {
  return std::strtod(fmt::format("{:.9g}", value).c_str(), nullptr);
}

void read_rope(Keys& keys, const std::string& arch, Json& j, std::vector<std::string>& notes) {
  j["rope_theta"] = keys.number_or("rope.freq_base", 10000.0);
  // Both architectures rotate neighbouring pairs, the order in which released checkpoints keep their rows:
  // converters leave them as they are.
  j["rope_interleave"] = true;
  const std::string type = keys.text_or("rope.scaling.type", "none");
  const double factor = keys.number_or("rope.scaling.factor", 1.0);
  if (type == "none" || (type != "yarn" && factor == 1.0)) {
    j["rope_scaling"] = nullptr;
    return;
  }
  Json rope = {{"rope_type", type}, {"factor", factor}};
  rope["original_max_position_embeddings"] =
      keys.integer_or("rope.scaling.original_context_length", keys.integer("context_length"));
  rope["beta_fast"] = keys.number_or("rope.scaling.yarn_beta_fast", 32.0);
  rope["beta_slow"] = keys.number_or("rope.scaling.yarn_beta_slow", 1.0);
  // deepseek2 keeps a tenth of mscale_all_dim as the log multiplier and stands for mscale equal to it.
  const double all_dim = tidy(10.0 * keys.number_or("rope.scaling.yarn_log_multiplier", 0.0));
  if (all_dim != 0.0) {
    rope["mscale"] = keys.number_or("rope.scaling.mscale", all_dim);
    rope["mscale_all_dim"] = all_dim;
  } else if (keys.has("rope.scaling.mscale")) {
    rope["mscale"] = keys.number_or("rope.scaling.mscale", 0.0);
  }
  const double attention = keys.number_or("rope.scaling.yarn_attn_factor", 0.0);
  if (attention != 0.0) rope["attention_factor"] = attention;
  if (arch == kGgufArchDeepseek2 && all_dim == 0.0 && attention == 0.0) {
    notes.push_back(
        "the file gives YaRN without a log multiplier: imported as a config.json without mscale_all_dim, as "
        "the "
        "original has it (some programs scale the attention a second time for such files)");
  }
  j["rope_scaling"] = std::move(rope);
}

Status read_experts(Keys& keys, const std::string& arch, Json& j, std::vector<std::string>& notes,
                    const std::string& what) {
  const int64_t gating = keys.integer_or("expert_gating_func", arch == kGgufArchAxk1 ? kGatingSigmoid : 1);
  JAJU_RETURN_IF_ERROR(keys.status());
  if (gating != kGatingSigmoid) {
    return error("{}: the experts are chosen by {}, jaju runs sigmoid routing (A.X K1, DeepSeek-V3) only",
                 what, gating == 1 ? "softmax (DeepSeek-V2 and its kin)" : fmt::format("rule {}", gating));
  }
  j["n_routed_experts"] = keys.integer("expert_count");
  const int64_t shared = keys.integer_or("expert_shared_count", 0);
  j["n_shared_experts"] = shared;
  j["num_experts_per_tok"] = keys.integer("expert_used_count");
  j["n_group"] = std::max<int64_t>(keys.integer_or("expert_group_count", 1), 1);
  j["topk_group"] = std::max<int64_t>(keys.integer_or("expert_group_used_count", 1), 1);
  if (!keys.has("expert_group_count")) {
    notes.push_back(
        "the file does not say how experts are grouped: imported as one group; DeepSeek-V3 itself has "
        "n_group 8 and "
        "topk_group 4, which you may set in config.json");
  }
  j["scoring_func"] = "sigmoid";
  j["norm_topk_prob"] = keys.boolean_or("expert_weights_norm", false);
  const double scale = keys.number_or("expert_weights_scale", 1.0);
  j["routed_scaling_factor"] = scale == 0.0 ? 1.0 : scale;
  j["first_k_dense_replace"] = keys.integer_or("leading_dense_block_count", 0);
  j["moe_layer_freq"] = keys.integer_or("moe_every_n_layers", 1);
  return keys.status();
}

// Head sizes. Files with the split attn_k_b and attn_v_b describe the absorbed form in key_length and the
// heads in *_mla; older ones have the heads in key_length.
Status read_heads(Keys& keys, Json& j, const std::string& what) {
  const int64_t rope = keys.integer("rope.dimension_count");
  const int64_t key = keys.has("attention.key_length_mla") ? keys.integer("attention.key_length_mla")
                                                           : keys.integer("attention.key_length");
  const int64_t value = keys.has("attention.value_length_mla") ? keys.integer("attention.value_length_mla")
                                                               : keys.integer("attention.value_length");
  JAJU_RETURN_IF_ERROR(keys.status());
  if (key <= rope) {
    return error("{}: a head's key has {} values and {} of them are rotated: no latent attention jaju knows",
                 what, key, rope);
  }
  j["qk_nope_head_dim"] = key - rope;
  j["qk_rope_head_dim"] = rope;
  j["v_head_dim"] = value;
  return {};
}

}  // namespace

Result<GgufConfig> config_from_gguf(const Gguf& file, const std::string& dtype) {
  const std::string& what = file.file_name(0);
  const GgufValue* named = file.find("general.architecture");
  const auto arch = named != nullptr ? named->text() : std::nullopt;
  if (!arch) return error("{}: 'general.architecture' is missing: the file is no model", what);
  if (*arch != kGgufArchAxk1 && *arch != kGgufArchDeepseek2) {
    return error("{} holds a model of architecture '{}': jaju imports 'axk1' and 'deepseek2'", what,
                 printable(arch->substr(0, 60)));
  }
  GgufConfig out;
  out.architecture = *arch;
  const bool axk1 = out.architecture == kGgufArchAxk1;
  Keys keys(file, out.architecture);

  Json j;
  j["architectures"] = {axk1 ? "AXK1ForCausalLM" : "DeepseekV3ForCausalLM"};
  j["model_type"] = axk1 ? "axk1" : "deepseek_v3";
  const GgufTensor* embed = file.find_tensor("token_embd.weight");
  if (embed == nullptr)
    return error("{}: tensor 'token_embd.weight' is missing: the file is no complete model", what);
  const int64_t vocab = keys.integer_or("vocab_size", embed->rows());
  j["vocab_size"] = vocab;
  j["hidden_size"] = keys.integer("embedding_length");
  j["intermediate_size"] = keys.integer_or("feed_forward_length", 1);
  j["moe_intermediate_size"] = keys.integer("expert_feed_forward_length");
  // block_count counts MTP blocks too.
  const int64_t blocks = keys.integer("block_count");
  const int64_t mtp = keys.integer_or("nextn_predict_layers", 0);
  JAJU_RETURN_IF_ERROR(keys.status());
  if (mtp >= blocks) return error("{}: {} of {} blocks are said to be for MTP", what, mtp, blocks);
  j["num_hidden_layers"] = blocks - mtp;
  j["num_nextn_predict_layers"] = mtp;
  const int64_t heads = keys.integer("attention.head_count");
  j["num_attention_heads"] = heads;
  j["num_key_value_heads"] = heads;  // the file's count is of the absorbed form: one
  const int64_t q_rank = keys.integer_or("attention.q_lora_rank", 0);
  j["q_lora_rank"] = q_rank == 0 ? Json(nullptr) : Json(q_rank);
  j["kv_lora_rank"] = keys.integer("attention.kv_lora_rank");
  JAJU_RETURN_IF_ERROR(read_heads(keys, j, what));
  JAJU_RETURN_IF_ERROR(read_experts(keys, out.architecture, j, out.notes, what));
  // Over the tensors, which are as many as the file holds; block_count is only a claim.
  out.has_router_bias = std::any_of(file.tensors().begin(), file.tensors().end(), [](const GgufTensor& t) {
    return t.name.starts_with("blk.") &&
           (t.name.ends_with(".exp_probs_b.bias") || t.name.ends_with(".exp_probs_b"));
  });
  j["topk_method"] = out.has_router_bias ? "noaux_tc" : "none";
  j["hidden_act"] = "silu";
  j["rms_norm_eps"] = keys.number_or("attention.layer_norm_rms_epsilon", 1e-6);
  j["max_position_embeddings"] = keys.integer("context_length");
  read_rope(keys, out.architecture, j, out.notes);
  JAJU_RETURN_IF_ERROR(keys.status());
  j["tie_word_embeddings"] = file.find_tensor("output.weight") == nullptr;
  j["attention_bias"] = false;
  j["bos_token_id"] = token_id(file, "bos_token_id", vocab);
  j["pad_token_id"] = token_id(file, "padding_token_id", vocab);
  j["eos_token_id"] = end_tokens(file, vocab);
  j["torch_dtype"] = dtype;
  out.json = j.dump(2) + "\n";
  JAJU_ASSIGN(out.config, parse_config(out.json, what + ", read as a config.json"));
  return out;
}

namespace {

// f32, which other programs ask for, where it says the same decimal; else f64 (in our own architecture).
void add_number(GgufMetadata& out, const std::string& key, double value, bool axk1) {
  if (axk1 && gguf_decimal(static_cast<float>(value)) != value) {
    out.f64(key, value);
  } else {
    out.f32(key, value);
  }
}

}  // namespace

const char* default_gguf_arch(const ModelConfig& config) {
  return config.has_post_mlp_norm ? kGgufArchAxk1 : kGgufArchDeepseek2;
}

Status config_to_gguf(const ModelConfig& c, const std::string& arch, int64_t n_mtp, GgufMetadata& out) {
  if (arch != kGgufArchAxk1 && arch != kGgufArchDeepseek2) {
    return error("there is no GGUF architecture '{}' here: it is 'axk1' or 'deepseek2'", arch);
  }
  const bool axk1 = arch == kGgufArchAxk1;
  if (!axk1 && c.has_post_mlp_norm) {
    return error(
        "the model normalises after its experts (A.X K1), which 'deepseek2' has no place for: export it as "
        "axk1");
  }
  if (axk1 && !c.has_post_mlp_norm) {
    return error(
        "the model has no norm after its experts (DeepSeek-V3), which 'axk1' expects: export it as "
        "deepseek2");
  }
  const bool two_scales = c.rope.yarn && c.rope.mscale != c.rope.mscale_all_dim &&
                          !(c.rope.mscale_all_dim == 0.0 && (c.rope.mscale == 0.0 || c.rope.mscale == 1.0));
  if (!axk1 && (c.moe_layer_freq != 1 || two_scales)) {
    return error(
        "'deepseek2' cannot say {}, so the model cannot be exported",
        two_scales ? "that mscale and mscale_all_dim differ" : "that only every n-th layer has experts");
  }
  const std::string p = arch + ".";
  out.u32(p + "block_count", c.n_layers + n_mtp);
  out.u32(p + "context_length", std::min<int64_t>(c.max_context, 0xffffffff));
  out.u32(p + "embedding_length", c.hidden_size);
  out.u32(p + "feed_forward_length", c.intermediate_size);
  out.u32(p + "vocab_size", c.vocab_size);
  out.u32(p + "attention.head_count", c.n_heads);
  // The cache's view: every head shares one key of latent and rope, one value that is the latent.
  out.u32(p + "attention.head_count_kv", 1);
  out.u32(p + "attention.key_length", c.kv_width());
  out.u32(p + "attention.value_length", c.kv_lora_rank);
  out.u32(p + "attention.key_length_mla", c.qk_dim());
  out.u32(p + "attention.value_length_mla", c.v_dim);
  if (c.q_lora_rank > 0) out.u32(p + "attention.q_lora_rank", c.q_lora_rank);
  out.u32(p + "attention.kv_lora_rank", c.kv_lora_rank);
  add_number(out, p + "attention.layer_norm_rms_epsilon", c.rms_norm_eps, axk1);
  out.u32(p + "leading_dense_block_count", c.first_dense_layers);
  if (c.moe_layer_freq != 1) out.u32(p + "moe_every_n_layers", c.moe_layer_freq);
  out.u32(p + "expert_count", c.n_routed_experts);
  out.u32(p + "expert_used_count", c.n_experts_per_token);
  out.u32(p + "expert_shared_count", c.n_shared_experts);
  out.u32(p + "expert_feed_forward_length", c.moe_intermediate_size);
  out.u32(p + "expert_gating_func", kGatingSigmoid);
  out.u32(p + "expert_group_count", c.n_group);
  out.u32(p + "expert_group_used_count", c.topk_group);
  add_number(out, p + "expert_weights_scale", c.routed_scaling_factor, axk1);
  out.boolean(p + "expert_weights_norm", c.norm_topk_prob);
  if (n_mtp > 0) out.u32(p + "nextn_predict_layers", n_mtp);
  out.u32(p + "rope.dimension_count", c.qk_rope_dim);
  add_number(out, p + "rope.freq_base", c.rope.theta, axk1);
  if (!c.rope.yarn) return {};
  out.text(p + "rope.scaling.type", "yarn");
  add_number(out, p + "rope.scaling.factor", c.rope.factor, axk1);
  out.u32(p + "rope.scaling.original_context_length", std::min<int64_t>(c.rope.original_context, 0xffffffff));
  add_number(out, p + "rope.scaling.yarn_beta_fast", c.rope.beta_fast, axk1);
  add_number(out, p + "rope.scaling.yarn_beta_slow", c.rope.beta_slow, axk1);
  if (c.rope.mscale_all_dim != 0.0)
    add_number(out, p + "rope.scaling.yarn_log_multiplier", tidy(0.1 * c.rope.mscale_all_dim), axk1);
  if (axk1 && c.rope.mscale != c.rope.mscale_all_dim)
    add_number(out, p + "rope.scaling.mscale", c.rope.mscale, axk1);
  if (c.rope.attention_factor != 0.0)
    add_number(out, p + "rope.scaling.yarn_attn_factor", c.rope.attention_factor, axk1);
  return {};
}

}  // namespace jaju
