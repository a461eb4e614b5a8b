// What Engine and Session share behind the public door.
#pragma once

#include <memory>
#include <vector>

#include "model/forward.h"
#include "runtime/engine.h"
#include "runtime/kv_pool.h"

namespace jaju {

struct Engine::Impl {
  ModelConfig config;
  std::unique_ptr<Weights> weights;
  EngineOptions options;
  std::unique_ptr<ThreadTeam> team;
  std::unique_ptr<Context> context;
  std::unique_ptr<Forward> forward;
  std::unique_ptr<KvPool> pool;
};

struct Session::Impl {
  explicit Impl(Engine::Impl& e) : engine(e), pages(*e.pool) {}

  Engine::Impl& engine;
  KvPages pages;
  std::vector<int32_t> tokens;  // whose latents are in the cache
  std::vector<float> logits;    // (vocab)

  // Reads prompt tokens from `from` on; leaves the logits of the last one.
  Status prefill(std::span<const int32_t> prompt, int64_t from, const GenerateHooks& hooks);
  // One generated token in; leaves the logits of what follows.
  Status decode(int32_t token);
  Status step(std::span<const int32_t> step_tokens, AttentionMode mode, bool wants_logits);
};

}  // namespace jaju
