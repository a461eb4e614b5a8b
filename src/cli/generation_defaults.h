// How a model wants to be sampled: its generation_config.json, else A.X K1's published example.
#pragma once

#include <filesystem>
#include <string>

#include "base/status.h"
#include "model/config.h"
#include "runtime/sampler.h"
#include "tokenizer/tokenizer.h"

namespace jaju::cli {

struct GenerationDefaults {
  SamplingParams sampling;  // stop_tokens filled in
  std::string source;       // "generation_config.json", or "A.X K1's published defaults"
};

// Reads dir/generation_config.json (at most 1 MB) when it is there. Fields used: do_sample, temperature,
// top_k, top_p, min_p, repetition_penalty, max_new_tokens, eos_token_id. Errors name the field. Stop tokens:
// its eos_token_id, config.json's, and <|endoftext|> and <|im_end|> where the tokenizer has them (facts
// sheet, 1: the release's classes disagree on which of the two ends an answer, so both do).
Result<GenerationDefaults> load_generation_defaults(const std::filesystem::path& dir,
                                                    const ModelConfig& config, const Tokenizer& tokenizer);

}  // namespace jaju::cli
