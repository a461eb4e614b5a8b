#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/file.h"
#include "base/json.h"

namespace jaju {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxConfigBytes = 16'000'000;
// Far above any model that exists, low enough that every product of two of them fits 63 bits.
constexpr int64_t kMaxWidth = int64_t{1} << 22;
constexpr int64_t kMaxVocab = int64_t{1} << 26;
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kMaxContext = int64_t{1} << 40;
constexpr double kMaxParameters = 1e16;

// A value from the file as it may stand in a message.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  constexpr size_t kLongest = 60;
  return text.size() > kLongest ? text.substr(0, kLongest) + "..." : text;
}

// Reads fields of one JSON object and remembers the first error, so that the reading code stays a list of
// fields. A field that is absent or null leaves its target as it is.
class Reader {
 public:
  // `prefix` stands before field names in messages ("rope_scaling.").
  Reader(const Json& object, std::string what, std::string prefix = "")
      : object_(object), what_(std::move(what)), prefix_(std::move(prefix)) {}

  const Status& status() const { return status_; }

  // The value, or null when the field is absent or null.
  const Json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  template <typename... Args>
  void fail(const char* name, fmt::format_string<Args...> format, Args&&... args) {
    if (!status_.ok()) return;
    status_ = error("{}: '{}{}' {}", what_, prefix_, name, fmt::format(format, std::forward<Args>(args)...));
  }

  void integer(const char* name, int64_t low, int64_t high, int64_t& target) {
    if (const Json* value = find(name)) target = checked_integer(name, *value, low, high, target);
  }

  void number(const char* name, double above, double high, double& target) {
    const Json* value = find(name);
    if (value == nullptr) return;
    const double x = value->is_number() ? value->get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (x > above && x <= high) {
      target = x;
    } else {
      fail(name, "is {}, it must be a number above {} and at most {}", shown(*value), above, high);
    }
  }

  void boolean(const char* name, bool& target) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (value->is_boolean()) {
      target = value->get<bool>();
    } else {
      fail(name, "is {}, it must be true or false", shown(*value));
    }
  }

  void text(const char* name, std::string& target) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (value->is_string() && value->get_ref<const std::string&>().size() <= 64) {
      target = value->get<std::string>();
    } else {
      fail(name, "is {}, it must be a short string", shown(*value));
    }
  }

  int64_t checked_integer(const char* name, const Json& value, int64_t low, int64_t high, int64_t fallback) {
    const bool fits = value.is_number_integer() &&
                      !(value.is_number_unsigned() &&
                        value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
    if (fits && value.get<int64_t>() >= low && value.get<int64_t>() <= high) return value.get<int64_t>();
    fail(name, "is {}, it must be a whole number from {} to {}", shown(value), low, high);
    return fallback;
  }

 private:
  const Json& object_;
  std::string what_;
  std::string prefix_;
  Status status_;
};

// What transformers' DeepseekV3Config assumes for fields that a file leaves out.
ModelConfig deepseek_v3_defaults() {
  ModelConfig c;
  c.vocab_size = 129280;
  c.n_heads = 128;
  c.max_context = 4096;
  c.n_routed_experts = 256;
  c.first_dense_layers = 3;
  c.topk_method = "noaux_tc";
  c.has_post_mlp_norm = false;
  return c;
}

Status read_model_type(const Json& root, const std::string& what, ModelConfig& config) {
  Reader in(root, what);
  std::string type;
  in.text("model_type", type);
  JAJU_RETURN_IF_ERROR(in.status());
  if (type.empty())
    return error("{}: 'model_type' is missing: jaju runs \"AXK1\", \"axk1\" and \"deepseek_v3\"", what);
  if (type == "deepseek_v3") {
    config = deepseek_v3_defaults();
  } else if (type != "AXK1" && type != "axk1") {
    return error("{}: 'model_type' is {}: jaju runs \"AXK1\", \"axk1\" and \"deepseek_v3\"", what,
                 shown(type));
  }
  config.model_type = type;
  return {};
}

void read_sizes(Reader& in, ModelConfig& c) {
  in.integer("vocab_size", 1, kMaxVocab, c.vocab_size);
  in.integer("hidden_size", 1, kMaxWidth, c.hidden_size);
  in.integer("intermediate_size", 1, kMaxWidth, c.intermediate_size);
  in.integer("moe_intermediate_size", 1, kMaxWidth, c.moe_intermediate_size);
  in.integer("num_hidden_layers", 1, kMaxLayers, c.n_layers);
  in.integer("max_position_embeddings", 1, kMaxContext, c.max_context);
  in.integer("num_nextn_predict_layers", 0, kMaxLayers, c.n_mtp_layers);
  in.number("rms_norm_eps", 0.0, 1.0, c.rms_norm_eps);
  in.boolean("tie_word_embeddings", c.tie_word_embeddings);
  in.text("dtype", c.dtype);
  if (in.find("dtype") == nullptr) in.text("torch_dtype", c.dtype);
  std::string activation = "silu";
  in.text("hidden_act", activation);
  if (activation != "silu") in.fail("hidden_act", "is \"{}\", only \"silu\" is supported", activation);
}

void read_attention(Reader& in, const Json& root, ModelConfig& c) {
  in.integer("num_attention_heads", 1, 4096, c.n_heads);
  int64_t kv_heads = c.n_heads;
  in.integer("num_key_value_heads", 1, 4096, kv_heads);
  if (kv_heads != c.n_heads) {
    in.fail("num_key_value_heads", "is {}, latent attention needs it to equal num_attention_heads ({})",
            kv_heads, c.n_heads);
  }
  // Here null has a meaning of its own: one q_proj.
  const auto q_rank = root.find("q_lora_rank");
  if (q_rank != root.end() && q_rank->is_null()) c.q_lora_rank = 0;
  in.integer("q_lora_rank", 1, kMaxWidth, c.q_lora_rank);
  in.integer("kv_lora_rank", 1, kMaxWidth, c.kv_lora_rank);
  in.integer("qk_nope_head_dim", 1, 65536, c.qk_nope_dim);
  in.integer("qk_rope_head_dim", 2, 65536, c.qk_rope_dim);
  in.integer("v_head_dim", 1, 65536, c.v_dim);
  if (c.qk_rope_dim % 2 != 0) in.fail("qk_rope_head_dim", "is {}, it must be even", c.qk_rope_dim);
  int64_t qk_dim = c.qk_dim();
  in.integer("qk_head_dim", 1, 131072, qk_dim);
  if (qk_dim != c.qk_dim()) {
    in.fail("qk_head_dim", "is {}, but qk_nope_head_dim + qk_rope_head_dim is {}", qk_dim, c.qk_dim());
  }
  bool attention_bias = false;
  in.boolean("attention_bias", attention_bias);
  if (attention_bias) in.fail("attention_bias", "is true, projections with biases are not supported");
}

void read_experts(Reader& in, const Json& root, ModelConfig& c) {
  in.integer("n_routed_experts", 1, kMaxExperts, c.n_routed_experts);
  const auto shared = root.find("n_shared_experts");
  if (shared != root.end() && shared->is_null()) c.n_shared_experts = 0;
  in.integer("n_shared_experts", 0, 1024, c.n_shared_experts);
  in.integer("num_experts_per_tok", 1, kMaxExperts, c.n_experts_per_token);
  in.integer("first_k_dense_replace", 0, kMaxLayers, c.first_dense_layers);
  in.integer("moe_layer_freq", 1, kMaxLayers, c.moe_layer_freq);
  for (const auto& [name, target] :
       {std::pair{"n_group", &c.n_group}, std::pair{"topk_group", &c.topk_group}}) {
    const auto group = root.find(name);
    if (group != root.end() && group->is_null()) *target = 1;
    in.integer(name, 1, kMaxExperts, *target);
  }
  if (root.contains("n_group") && root.at("n_group").is_null()) c.topk_group = 1;  // no groups to choose from
  // The class default of 4 is for 8 groups; a file with fewer groups and no topk_group keeps them all.
  if (!root.contains("topk_group")) c.topk_group = std::min(c.topk_group, c.n_group);
  in.boolean("norm_topk_prob", c.norm_topk_prob);
  in.number("routed_scaling_factor", 0.0, 1e6, c.routed_scaling_factor);
  std::string scoring = "sigmoid";
  in.text("scoring_func", scoring);
  if (scoring != "sigmoid") in.fail("scoring_func", "is \"{}\", only \"sigmoid\" is supported", scoring);
  in.text("topk_method", c.topk_method);
  if (c.topk_method != "none" && c.topk_method != "noaux_tc") {
    in.fail("topk_method", "is \"{}\", only \"none\" and \"noaux_tc\" are supported", c.topk_method);
  }

  if (c.n_routed_experts % c.n_group != 0) {
    in.fail("n_group", "is {}, which does not divide n_routed_experts ({})", c.n_group, c.n_routed_experts);
    return;
  }
  const int64_t group_size = c.n_routed_experts / c.n_group;
  if (c.n_group > 1 && group_size < 2) {
    in.fail("n_group", "is {}, but a group is scored by its two best experts and would hold one", c.n_group);
  }
  if (c.topk_group > c.n_group) in.fail("topk_group", "is {}, above n_group ({})", c.topk_group, c.n_group);
  if (c.n_experts_per_token > c.topk_group * group_size) {
    in.fail("num_experts_per_tok", "is {}, but the {} chosen groups hold only {} experts",
            c.n_experts_per_token, c.topk_group, c.topk_group * group_size);
  }
}

// An id, or -1 where the file says null or -1 (no such token).
void read_token_id(Reader& in, const char* name, int64_t vocab, int64_t& target) {
  in.integer(name, -1, vocab - 1, target);
}

void read_token_ids(Reader& in, ModelConfig& c) {
  read_token_id(in, "bos_token_id", c.vocab_size, c.bos_token_id);
  read_token_id(in, "pad_token_id", c.vocab_size, c.pad_token_id);
  const Json* eos = in.find("eos_token_id");
  if (eos == nullptr) return;
  const Json list = eos->is_array() ? *eos : Json::array({*eos});
  if (list.size() > 256) {
    in.fail("eos_token_id", "lists {} tokens, more than 256", list.size());
    return;
  }
  for (const Json& id : list) {
    const int64_t token = in.checked_integer("eos_token_id", id, -1, c.vocab_size - 1, -1);
    if (token >= 0) c.eos_token_ids.push_back(token);
  }
}

// The object that describes the rotary embedding: rope_scaling (older files) or rope_parameters (transformers
// 5).
Result<const Json*> find_rope(const Json& root, const std::string& what, std::string& name) {
  for (const char* candidate : {"rope_scaling", "rope_parameters"}) {
    const auto found = root.find(candidate);
    if (found == root.end() || found->is_null()) continue;
    if (!found->is_object())
      return error("{}: '{}' is {}, it must be an object", what, candidate, shown(*found));
    if (found->empty()) continue;
    name = candidate;
    return &*found;
  }
  return nullptr;
}

void read_yarn(Reader& in, RopeConfig& rope, int64_t max_context) {
  rope.yarn = true;
  if (in.find("factor") == nullptr) in.fail("factor", "is missing, YaRN needs it");
  in.number("factor", 0.0, 1e6, rope.factor);
  rope.original_context = max_context;  // what transformers assumes when the field is absent
  in.integer("original_max_position_embeddings", 1, kMaxContext, rope.original_context);
  in.number("beta_fast", 0.0, 1e6, rope.beta_fast);
  in.number("beta_slow", 0.0, 1e6, rope.beta_slow);
  if (rope.beta_fast < rope.beta_slow) {
    in.fail("beta_fast", "is {}, below beta_slow ({})", rope.beta_fast, rope.beta_slow);
  }
  // Zero is a value people write for "not given".
  const double just_below_zero = -std::numeric_limits<double>::denorm_min();
  in.number("mscale", just_below_zero, 1e3, rope.mscale);
  in.number("mscale_all_dim", just_below_zero, 1e3, rope.mscale_all_dim);
  in.number("attention_factor", 0.0, 1e3, rope.attention_factor);
  bool truncate = true;
  in.boolean("truncate", truncate);
  if (!truncate) in.fail("truncate", "is false, only YaRN with whole correction bounds is supported");
}

Status read_rope(const Json& root, const std::string& what, ModelConfig& c) {
  Reader top(root, what);
  double top_theta = 0.0;
  top.number("rope_theta", 1.0, 1e15, top_theta);
  top.boolean("rope_interleave", c.rope.interleaved);
  JAJU_RETURN_IF_ERROR(top.status());
  if (top_theta > 0.0) c.rope.theta = top_theta;

  std::string name;
  JAJU_ASSIGN(const Json* object, find_rope(root, what, name));
  if (object == nullptr) return {};
  Reader in(*object, what, name + ".");
  double theta = 0.0;
  in.number("rope_theta", 1.0, 1e15, theta);
  if (theta > 0.0 && top_theta > 0.0 && theta != top_theta) {
    in.fail("rope_theta", "is {}, but the top level says {}", theta, top_theta);
  }
  if (theta > 0.0) c.rope.theta = theta;

  std::string type;
  std::string older;
  in.text("rope_type", type);
  in.text("type", older);
  if (!type.empty() && !older.empty() && type != older) {
    in.fail("rope_type", "is \"{}\", but 'type' beside it is \"{}\"", type, older);
  }
  if (type.empty()) type = older.empty() ? "default" : older;
  if (type == "yarn") {
    read_yarn(in, c.rope, c.max_context);
  } else if (type != "default") {
    in.fail("rope_type", "is {}, only \"default\" and \"yarn\" are supported", shown(type));
  }
  return in.status();
}

Status check_fp8(Reader& in) {
  std::string format = "e4m3";
  in.text("fmt", format);
  if (format != "e4m3" && format != "float8_e4m3fn")
    in.fail("fmt", "is \"{}\", only \"e4m3\" is supported", format);
  const Json* block = in.find("weight_block_size");
  if (block == nullptr || *block != Json::array({128, 128})) {
    in.fail("weight_block_size", "is {}, only [128, 128] is supported",
            block == nullptr ? "missing" : shown(*block));
  }
  return in.status();
}

// Only validated: which tensors are FP8, MXFP4 or NVFP4, and their scales, is read from the weights
// themselves.
Status check_quantization(const Json& root, const std::string& what) {
  const auto found = root.find("quantization_config");
  if (found == root.end() || found->is_null()) return {};
  if (!found->is_object())
    return error("{}: 'quantization_config' is {}, it must be an object", what, shown(*found));
  Reader in(*found, what, "quantization_config.");
  std::string method;
  in.text("quant_method", method);
  if (method == "fp8") return check_fp8(in);
  std::string format;
  if (method == "compressed-tensors") {
    in.text("format", format);
    if (format != "mxfp4-pack-quantized" && format != "nvfp4-pack-quantized") {
      in.fail("format", "is \"{}\", only \"mxfp4-pack-quantized\" and \"nvfp4-pack-quantized\" are supported",
              format);
    }
  } else if (method == "modelopt") {
    in.text("quant_algo", format);
    if (format != "NVFP4") in.fail("quant_algo", "is \"{}\", only \"NVFP4\" is supported", format);
  } else if (method != "mxfp4") {
    in.fail(
        "quant_method",
        "is {}, only \"fp8\", \"mxfp4\", \"compressed-tensors\" and \"modelopt\" are supported: use the bf16 "
        "release or convert it",
        method.empty() ? "missing" : shown(method));
  }
  return in.status();
}

// Each size may be fine by itself and their product still absurd; counts are 63-bit integers.
Status check_total(const ModelConfig& c, const std::string& what) {
  const auto d = [](int64_t n) { return static_cast<double>(n); };
  const double expert = 3.0 * d(c.hidden_size) * d(c.moe_intermediate_size);
  const double attention =
      d(c.hidden_size) * d(c.q_lora_rank + c.kv_width() + c.n_heads * (c.qk_dim() + c.v_dim)) +
      d(c.n_heads) * (d(c.qk_dim()) * d(c.q_lora_rank) + d(c.qk_nope_dim + c.v_dim) * d(c.kv_lora_rank));
  const double layer =
      attention + d(c.n_routed_experts + c.n_shared_experts) * expert +
      d(c.hidden_size) * (3.0 * d(c.intermediate_size) + d(c.n_routed_experts) + 2.0 * d(c.hidden_size));
  const double total = 2.0 * d(c.vocab_size) * d(c.hidden_size) + d(c.n_layers + c.n_mtp_layers) * layer;
  if (total < kMaxParameters) return {};
  return error("{} describes a model of {:.2g} parameters: one of its sizes must be wrong", what, total);
}

}  // namespace

Result<ModelConfig> parse_config(std::string_view json_text, const std::string& what) {
  JAJU_ASSIGN(const Json root, parse_json(json_text, what));
  if (!root.is_object()) return error("{} must hold a JSON object", what);
  ModelConfig config;
  JAJU_RETURN_IF_ERROR(read_model_type(root, what, config));
  Reader in(root, what);
  read_sizes(in, config);
  read_attention(in, root, config);
  read_experts(in, root, config);
  read_token_ids(in, config);
  JAJU_RETURN_IF_ERROR(in.status());
  JAJU_RETURN_IF_ERROR(read_rope(root, what, config));
  JAJU_RETURN_IF_ERROR(check_quantization(root, what));
  JAJU_RETURN_IF_ERROR(check_total(config, what));
  return config;
}

Result<ModelConfig> load_config(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::filesystem::path file =
      std::filesystem::is_directory(path, ignored) ? path / "config.json" : path;
  JAJU_ASSIGN(const std::string text, read_file(file, kMaxConfigBytes));
  return parse_config(text, file.string());
}

ParameterCount count_parameters(const ModelConfig& c, bool with_router_bias, bool with_mtp) {
  const int64_t h = c.hidden_size;
  const int64_t q = c.q_lora_rank == 0
                        ? h * c.n_heads * c.qk_dim()
                        : h * c.q_lora_rank + c.q_lora_rank + c.q_lora_rank * c.n_heads * c.qk_dim();
  const int64_t kv =
      h * c.kv_width() + c.kv_lora_rank + c.kv_lora_rank * c.n_heads * (c.qk_nope_dim + c.v_dim);
  const int64_t attention = q + kv + c.n_heads * c.v_dim * h;
  const int64_t expert = 3 * h * c.moe_intermediate_size;
  const int64_t router = c.n_routed_experts * (h + (with_router_bias ? 1 : 0));
  const int64_t layer_norms = h * (c.has_post_mlp_norm ? 3 : 2);
  int64_t n_moe = 0;
  for (int64_t layer = 0; layer < c.n_layers; ++layer) n_moe += c.is_moe(layer) ? 1 : 0;

  ParameterCount count;
  count.embedding = c.vocab_size * h;
  count.head = c.tie_word_embeddings ? 0 : c.vocab_size * h;
  count.attention = c.n_layers * attention;
  count.dense_mlp = (c.n_layers - n_moe) * 3 * h * c.intermediate_size;
  count.routed_experts = n_moe * c.n_routed_experts * expert;
  count.shared_experts = n_moe * c.n_shared_experts * expert;
  count.routers = n_moe * router;
  count.norms = c.n_layers * layer_norms + h;
  if (with_mtp) {
    // enorm, hnorm and shared_head.norm, eh_proj, and one MoE layer; embedding and head are the main model's.
    const int64_t block = 3 * h + 2 * h * h + attention + layer_norms + router +
                          (c.n_routed_experts + c.n_shared_experts) * expert;
    count.mtp = c.n_mtp_layers * block;
  }
  count.active = count.total() - n_moe * (c.n_routed_experts - c.n_experts_per_token) * expert;
  return count;
}

}  // namespace jaju
