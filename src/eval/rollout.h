// Rollouts for reinforcement learning: several sampled answers to each problem, and what each is worth.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "chat/chat.h"
#include "data/problem.h"
#include "eval/score.h"
#include "runtime/engine.h"
#include "tokenizer/tokenizer.h"

namespace jaju::eval {

struct RolloutOptions {
  int64_t samples = 8;  // of each prompt
  float temperature = 1;
  float top_p = 1;  // 1 samples from the policy itself, which the importance ratios of RL assume
  int64_t max_tokens = 400;
  int64_t slots = 64;
  uint64_t seed = 0;
  std::function<void(int64_t done, int64_t total)> on_done;
  const std::atomic<bool>* cancel = nullptr;
};

struct Rollout {
  // What was sampled, the stop token at its end where there was one: all of it is the policy's own choice.
  std::vector<int32_t> tokens;
  bool finished = false;  // the end of turn came
  bool correct = false;
  FormatError format = FormatError::none;
  // (+1 correct, -1 not) + (0 well formed, -1 not).
  float reward = 0;
  // Why, for logs: "correct", "wrong: expected 57, got 58", "correct, but a tag repeated".
  std::string reason;
};

struct RolloutPrompt {
  const data::Problem* problem = nullptr;
  Mode mode = Mode::think;
};

struct RolloutGroup {
  std::vector<int32_t> prompt;
  std::vector<Rollout> samples;
};

// A group for every prompt, in order. The same options and weights give the same rollouts. A prompt that
// fills the context has no samples. Errors: cancelled, and those of evaluate().
Result<std::vector<RolloutGroup>> rollout(Engine& engine, const Tokenizer& tokenizer,
                                          const ChatTemplate& chat, std::span<const RolloutPrompt> prompts,
                                          const RolloutOptions& options);

}  // namespace jaju::eval
