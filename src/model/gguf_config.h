// GGUF metadata <-> ModelConfig, for the two architectures that are ours to read and write:
//
//   axk1       A.X K1. Our own mapping: no released one exists (facts: llama.cpp's names for its successor).
//   deepseek2  DeepSeek-V3 and its kin, as llama.cpp and ik_llama.cpp name them: no post-MLP norm.
//
// Numbers in GGUF are f32; they come back as the decimal their writer meant (GgufValue::number), so 1e-6 is
// 1e-6 again. What the format has no key for and the forward pass needs goes under axk1's own keys; an export
// as deepseek2 of a config that would lose something is refused.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "model/config.h"

namespace jaju {

inline constexpr const char* kGgufArchAxk1 = "axk1";
inline constexpr const char* kGgufArchDeepseek2 = "deepseek2";

struct GgufConfig {
  std::string architecture;        // "axk1" or "deepseek2"
  ModelConfig config;              // what parse_config reads in `json`
  std::string json;                // config.json of the import
  std::vector<std::string> notes;  // what the file left open, and what was assumed; a sentence each
  bool has_router_bias = false;
};

// The metadata as a config, cross-checked where tensors tell the same (vocabulary, tied head, router bias).
// `dtype` is what config.json shall say. Errors: another architecture, softmax routing, a key of the wrong
// type or missing, any value that config.json may not have.
Result<GgufConfig> config_from_gguf(const Gguf& file, const std::string& dtype);

// "axk1" for a model with the post-MLP norm, else "deepseek2".
const char* default_gguf_arch(const ModelConfig& config);

// Adds the keys `<arch>.*` that describe `config`. n_mtp is the number of MTP blocks that will be in the
// file. Errors: the architecture cannot say it (post-MLP norm, experts every n layers, two different mscales
// in deepseek2).
Status config_to_gguf(const ModelConfig& config, const std::string& arch, int64_t n_mtp, GgufMetadata& out);

}  // namespace jaju
