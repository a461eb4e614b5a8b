// A shape in words becomes the config.json it would have, and goes through the same checks.
#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/benchmark.h"

namespace jaju {
namespace {

struct Word {
  const char* name;
  const char* field;
  const char* meaning;
};

constexpr Word kWords[] = {
    {"hidden", "hidden_size", "width of the residual stream"},
    {"layers", "num_hidden_layers", "layers"},
    {"dense", "first_k_dense_replace", "of them dense, at the front"},
    {"ff", "intermediate_size", "inner width of a dense layer"},
    {"experts", "n_routed_experts", "experts of a layer"},
    {"used", "num_experts_per_tok", "experts a token visits"},
    {"shared", "n_shared_experts", "experts every token visits"},
    {"width", "moe_intermediate_size", "inner width of an expert"},
    {"groups", "n_group", "groups of experts"},
    {"topk_groups", "topk_group", "groups a token may visit"},
    {"heads", "num_attention_heads", "attention heads"},
    {"q_lora", "q_lora_rank", "width between the two query projections"},
    {"kv_lora", "kv_lora_rank", "latent of the cache"},
    {"nope", "qk_nope_head_dim", "head's width without positions"},
    {"rope", "qk_rope_head_dim", "head's width with positions"},
    {"v", "v_head_dim", "head's value width"},
    {"vocab", "vocab_size", "vocabulary"},
    {"context", "max_position_embeddings", "most positions"},
};

// The words that are not whole numbers of config.json.
constexpr const char* kDtype = "dtype";
constexpr const char* kRest = "rest";
constexpr const char* kPostNorm = "post_norm";

// "q8, q6, ... or nvfp4"
std::string scheme_names() {
  std::string names;
  for (const Scheme scheme : kSchemes) {
    names += names.empty() ? "" : scheme == *std::rbegin(kSchemes) ? " or " : ", ";
    names += name_of(scheme);
  }
  return names;
}

}  // namespace

std::string shape_help() {
  std::string text;
  for (const Word& word : kWords) text += fmt::format("  {:<12} {}\n", word.name, word.meaning);
  text +=
      fmt::format("  {:<12} {}\n", kPostNorm, "1: the norm behind the experts (A.X K1), 0: none (DeepSeek)");
  text +=
      fmt::format("  {:<12} of the weights: bf16, f16, f32 or f8, or experts as `jaju pack` makes them: {}\n",
                  kDtype, scheme_names());
  text += fmt::format("  {:<12} {}\n", kRest, "of packed matrices that are no experts (q8)");
  return text;
}

namespace {

Result<RandomTypes> parse_types(std::string_view option, const std::string& dtype, const std::string& rest) {
  RandomTypes types;
  if (const std::optional<Scheme> experts = scheme_named(dtype)) {
    const std::optional<Scheme> others = scheme_named(rest.empty() ? "q8" : rest);
    if (!others) return error("{}: rest is '{}', it must be one of {}", option, rest, scheme_names());
    types.experts = *experts;
    types.rest = *others;
    return types;
  }
  for (const auto& [name, type] : {std::pair{"bf16", DType::bf16}, std::pair{"f16", DType::f16},
                                   std::pair{"f32", DType::f32}, std::pair{"f8", DType::f8_e4m3}}) {
    if (dtype != name) continue;
    if (!rest.empty())
      return error("{}: rest={} goes with a quantised dtype, not with {}", option, rest, name);
    types.dtype = type;
    return types;
  }
  return error("{}: dtype is '{}', it must be bf16, f16, f32, f8, {}", option, dtype, scheme_names());
}

}  // namespace

Result<SyntheticShape> parse_shape(std::string_view text, std::string_view option) {
  nlohmann::json config = {{"model_type", "AXK1"}};
  SyntheticShape shape;
  std::string dtype = "bf16";
  std::string rest_type;
  std::set<std::string_view> names;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      return error("{}: '{}' is not of the form name=value, like hidden=2048", option, item);
    }
    const std::string_view name = item.substr(0, equals);
    const std::string_view value = item.substr(equals + 1);
    if (!names.insert(name).second) return error("{}: {} is there twice", option, name);
    if (name == kDtype) {
      dtype = value;
      continue;
    }
    if (name == kRest) {
      rest_type = value;
      continue;
    }
    int64_t number = -1;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (failure != std::errc() || end != value.data() + value.size() || number < 0) {
      return error("{}: {} is '{}', it must be a whole number", option, name, value);
    }
    if (name == kPostNorm) {
      if (number == 0) config["model_type"] = "deepseek_v3";
      continue;
    }
    const auto* const known =
        std::find_if(std::begin(kWords), std::end(kWords), [&](const Word& w) { return w.name == name; });
    if (known == std::end(kWords)) {
      return error("{}: there is no '{}'; `jaju bench --help` lists the names", option, name);
    }
    config[known->field] = number;
  }
  // What is not named is A.X K1's, also in a config of DeepSeek's kind, which would have other defaults.
  const ModelConfig k1;
  const std::pair<const char*, int64_t> usual[] = {{"vocab_size", k1.vocab_size},
                                                   {"num_attention_heads", k1.n_heads},
                                                   {"max_position_embeddings", k1.max_context},
                                                   {"n_routed_experts", k1.n_routed_experts},
                                                   {"first_k_dense_replace", k1.first_dense_layers}};
  for (const auto& [field, number] : usual) config.emplace(field, number);
  if (config.value("q_lora_rank", 1) == 0) config["q_lora_rank"] = nullptr;
  // A.X K1 has 8 groups of which 4 may be visited; other numbers of experts need not divide so.
  const int64_t experts = config.value("n_routed_experts", k1.n_routed_experts);
  if (!config.contains("n_group") &&
      (experts % 8 != 0 || experts < 16 || config.value("num_experts_per_tok", int64_t{8}) > experts / 2)) {
    config["n_group"] = 1;
  }
  JAJU_ASSIGN(shape.types, parse_types(option, dtype, rest_type));
  config["dtype"] = dtype == "f32" ? "float32" : dtype == "f16" ? "float16" : "bfloat16";
  shape.config_json = config.dump(1) + "\n";
  JAJU_ASSIGN(shape.config, parse_config(shape.config_json, std::string(option)));
  return shape;
}

}  // namespace jaju
