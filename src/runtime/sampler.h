// From logits to a token: penalties, bias, temperature, top-k, top-p, min-p, and a seeded stream of dice.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"

namespace jaju {

struct SamplingParams {
  float temperature = 0.6f;  // 0: greedy, ties go to the lowest id
  int top_k = 0;             // 0: off
  float top_p = 0.95f;       // 1: off; at least one token is always kept
  float min_p = 0.0f;        // 0: off; keeps tokens with p >= min_p * p(best)
  float repetition_penalty = 1.0f;  // 1: off; CTRL's rule over prompt and answer, as Transformers
  float presence_penalty = 0.0f;    // OpenAI's rule, over the answer only
  float frequency_penalty = 0.0f;
  uint64_t seed = 0;
  std::vector<std::pair<int32_t, float>> logit_bias;  // added to the logit; -100 bans in practice
  int64_t max_tokens = -1;                            // -1: until the context is full
  std::vector<int32_t> stop_tokens;

  // Names the field that is out of range (NaN included), or a token id outside the vocabulary.
  Status validate(int64_t vocab_size) const;
};

class Sampler {
 public:
  Sampler(const SamplingParams& params, int64_t vocab_size);

  // Tokens of the prompt, once, before the first sample.
  void observe_prompt(std::span<const int32_t> tokens);

  // Picks the next token and remembers it. `logits` (vocab_size) is changed in place.
  // Error: a logit is NaN, or nothing is left to choose. Same seed, logits and history: same token, on every machine.
  Result<int32_t> sample(std::span<float> logits);

 private:
  SamplingParams params_;
  std::vector<int32_t> count_;       // (vocab), times in the answer
  std::vector<bool> seen_;           // (vocab), in prompt or answer
  std::vector<int32_t> seen_ids_;    // ids with seen_ set
  std::vector<std::pair<float, int32_t>> candidates_;
  uint64_t state_[4];  // xoshiro256**
};

}  // namespace jaju
