// From logits to a token: bias, penalties, temperature, top-k, top-p, min-p, and a seeded stream of dice.
//
// Order of operations (the one Transformers documents; llama.cpp's default chain differs in applying
// temperature last):
//   1. logit_bias is added
//   2. repetition_penalty: a positive logit is divided, any other multiplied, once per token seen (CTRL)
//   3. presence_penalty and frequency_penalty * count are subtracted for tokens of the answer (OpenAI)
//   4. temperature divides; 0 stops here and takes the largest
//   5. top_k, then top_p over what top_k left, then min_p over what top_p left
//   6. one draw from the rest, probabilities in proportion
// A mask (constrained decoding) bans tokens before all of that.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"

namespace jaju {

struct SamplingParams {
  float temperature = 0.6f;         // 0: greedy, ties go to the lowest id
  int top_k = 0;                    // 0: off
  float top_p = 0.95f;              // 1: off; at least one token is always kept
  float min_p = 0.0f;               // 0: off; keeps tokens with p >= min_p * p(best)
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

// xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64: the same stream on every machine.
class Dice {
 public:
  explicit Dice(uint64_t seed);
  explicit Dice(const uint64_t (&state)[4]) : state_{state[0], state[1], state[2], state[3]} {}
  uint64_t next();
  // 53 random bits, in [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_[4];
};

// What else a caller wants of one sample.
struct SampleRequest {
  // One bit per token (token_constraint.h): tokens without it are banned, before everything else. Empty: all
  // may come.
  std::span<const uint64_t> mask{};
  std::span<const int32_t> banned{};  // these too
  int32_t forced = -1;                // this token, whatever the logits say; no dice are thrown
  int top_logprobs = -1;              // -1: none; 0: the token's own; n: also the n likeliest
};

struct Sampled {
  int32_t token = 0;
  // Of the raw logits: log-softmax before masks, bias, penalties and temperature.
  float logprob = 0;
  std::vector<std::pair<int32_t, float>> top;  // likeliest first, ties by id
};

class Sampler {
 public:
  Sampler(const SamplingParams& params, int64_t vocab_size);

  // Tokens of the prompt, once, before the first sample.
  void observe_prompt(std::span<const int32_t> tokens);

  // Picks the next token and remembers it. `logits` (vocab_size) is changed in place.
  // Error: a logit is NaN or +infinity, or nothing is left to choose. -infinity bans a token. Same seed,
  // logits and history: same token, on every machine.
  Result<int32_t> sample(std::span<float> logits);
  // The same with wishes. `out` is reused: its vector keeps its memory.
  Status sample(std::span<float> logits, const SampleRequest& request, Sampled& out);

 private:
  struct Candidate {
    float logit;  // after every penalty
    int32_t id;
  };

  Status choose(std::span<float> logits, const SampleRequest& request, int32_t& token);
  void report(std::span<const float> raw, int top, Sampled& out);
  void remember(int32_t token);
  bool apply_penalties(std::span<float> logits) const;  // whether it changed any
  int32_t draw(std::span<const float> logits, float best);
  // Leaves the tokens that top-k, top-p and min-p keep in candidates_, their weights beside them.
  void narrow(std::span<const float> logits, float best);
  void gather(std::span<const float> logits, float least);
  bool keep_top_p(float best, double total);
  static bool before(const Candidate& a, const Candidate& b);  // the better one first

  SamplingParams params_;
  std::vector<int32_t> count_;     // (vocab), times in the answer
  std::vector<bool> seen_;         // (vocab), in prompt or answer
  std::vector<int32_t> seen_ids_;  // ids with seen_ set
  std::vector<Candidate> candidates_;
  std::vector<double> weights_;  // of candidates_: exp((logit - best) / temperature)
  std::vector<float> raw_;       // logits as they came; only where log-probabilities are asked for
  Dice dice_;
};

}  // namespace jaju
