#include "cli/generation_defaults.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

// A field that is missing or null keeps the default.
const nlohmann::json* field(const nlohmann::json& file, const char* name) {
  const auto at = file.find(name);
  return at == file.end() || at->is_null() ? nullptr : &*at;
}

Status read_float(const nlohmann::json& file, const char* name, float* out, const std::string& what) {
  const nlohmann::json* value = field(file, name);
  if (value == nullptr) return {};
  if (!value->is_number()) return error("{}: field '{}' must be a number", what, name);
  *out = value->get<float>();
  return {};
}

Status read_count(const nlohmann::json& file, const char* name, int64_t* out, const std::string& what) {
  const nlohmann::json* value = field(file, name);
  if (value == nullptr) return {};
  if (!value->is_number_integer() || *value < 0 || *value > INT32_MAX) {
    return error("{}: field '{}' must be a whole number of at least 0", what, name);
  }
  *out = value->get<int64_t>();
  return {};
}

Status read_stop_tokens(const nlohmann::json& file, std::vector<int32_t>* out, int64_t vocab,
                        const std::string& what) {
  const nlohmann::json* value = field(file, "eos_token_id");
  if (value == nullptr) return {};
  const nlohmann::json list = value->is_array() ? *value : nlohmann::json::array({*value});
  for (const nlohmann::json& id : list) {
    if (!id.is_number_integer() || id < 0 || id >= vocab) {
      return error("{}: field 'eos_token_id' holds {}, which is not an id below {}", what,
                   id.dump().substr(0, 40), vocab);
    }
    out->push_back(id.get<int32_t>());
  }
  return {};
}

}  // namespace

Result<GenerationDefaults> load_generation_defaults(const fs::path& dir, const ModelConfig& config,
                                                    const Tokenizer& tokenizer) {
  GenerationDefaults defaults;
  defaults.source = "A.X K1's published defaults";
  SamplingParams& sampling = defaults.sampling;  // temperature 0.6, top-p 0.95
  const fs::path path = dir / "generation_config.json";
  std::error_code failure;
  if (fs::exists(path, failure)) {
    const std::string what = path.string();
    JAJU_ASSIGN(const nlohmann::json file, read_json(path, 1'000'000));
    if (!file.is_object()) return error("{}: expected a JSON object", what);
    JAJU_RETURN_IF_ERROR(read_float(file, "temperature", &sampling.temperature, what));
    JAJU_RETURN_IF_ERROR(read_float(file, "top_p", &sampling.top_p, what));
    JAJU_RETURN_IF_ERROR(read_float(file, "min_p", &sampling.min_p, what));
    JAJU_RETURN_IF_ERROR(read_float(file, "repetition_penalty", &sampling.repetition_penalty, what));
    int64_t top_k = 0;
    JAJU_RETURN_IF_ERROR(read_count(file, "top_k", &top_k, what));
    sampling.top_k = static_cast<int>(top_k);
    JAJU_RETURN_IF_ERROR(read_count(file, "max_new_tokens", &sampling.max_tokens, what));
    if (const nlohmann::json* sample = field(file, "do_sample"); sample != nullptr) {
      if (!sample->is_boolean()) return error("{}: field 'do_sample' must be true or false", what);
      if (!sample->get<bool>()) sampling.temperature = 0.0f;
    }
    JAJU_RETURN_IF_ERROR(read_stop_tokens(file, &sampling.stop_tokens, config.vocab_size, what));
    defaults.source = "generation_config.json";
    if (const Status valid = sampling.validate(config.vocab_size); !valid.ok()) {
      return error("{}: {}", what, valid.message());
    }
  }
  for (const int64_t id : config.eos_token_ids) {
    if (id >= 0 && id < config.vocab_size) sampling.stop_tokens.push_back(static_cast<int32_t>(id));
  }
  for (const char* content : {"<|endoftext|>", "<|im_end|>"}) {
    const std::optional<TokenId> id = tokenizer.id_of(content);
    if (id && *id < config.vocab_size) sampling.stop_tokens.push_back(*id);
  }
  std::sort(sampling.stop_tokens.begin(), sampling.stop_tokens.end());
  sampling.stop_tokens.erase(std::unique(sampling.stop_tokens.begin(), sampling.stop_tokens.end()),
                             sampling.stop_tokens.end());
  return defaults;
}

}  // namespace jaju::cli
