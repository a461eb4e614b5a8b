// Many independent generations at once, for evaluation and for reinforcement learning: a fixed number of
// slots, each step one batch, a finished sequence's slot refilled at once from the queue.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/status.h"
#include "runtime/engine.h"
#include "runtime/sampler.h"

namespace jaju {

struct BatchRequest {
  std::vector<int32_t> prompt;
  SamplingParams params;  // seed and stop tokens included
};

struct BatchAnswer {
  std::vector<int32_t> tokens;  // the stop token not included
  StopReason reason = StopReason::length;
  int32_t stop_token = -1;  // which stop token ended it; -1: none
};

// Answers in the order of the requests; each the same as Session::generate would give alone. `slots` is how
// many sequences run side by side, at most the engine's prefill_chunk (the rows of a step). A prompt that
// begins like one being answered copies that one's cache, so the same prompt many times over is read once
// while its requests stand side by side in the list. `on_done(finished, total)` is called after each step.
// Stops early (StopReason::cancelled, with the tokens so far) when `cancel` becomes true. Errors: a request
// Session::generate would refuse (its index is named), no memory, damaged weights.
Result<std::vector<BatchAnswer>> generate_batch(
    Engine& engine, std::span<const BatchRequest> requests, int64_t slots,
    const std::function<void(int64_t, int64_t)>& on_done = nullptr,
    const std::atomic<bool>* cancel = nullptr);

}  // namespace jaju
