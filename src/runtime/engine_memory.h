// How much of a model is in memory: all of it, mapped, or everything but routed experts, which a store brings
// from the disk. The arithmetic is `jaju plan`'s (memory/budget.h).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/status.h"
#include "memory/budget.h"
#include "memory/expert_store.h"
#include "model/model_sizes.h"
#include "model/weights.h"
#include "runtime/engine.h"

namespace jaju {

struct MemoryChoice {
  bool streamed = false;
  bool fits = false;  // all of it, in what may be taken
  MeasuredModel model{};
  MemoryBudget budget{};  // when streamed
  int64_t kv_bytes = 0;   // of the memory, for the cache
  int64_t chunk = 0;      // rows of a prompt step
  std::string notice{};   // one sentence for the user, or nothing
};

// What this process has in memory now.
int64_t resident_set();

// `options` as they took effect: context, type of cache, threads. program: the resident set before any weight
// was loaded, so that no resident of the model is counted twice. Errors: --memory does not hold what must
// always be there; the model is larger than --memory and its experts are not packed.
Result<MemoryChoice> choose_memory(const std::filesystem::path& dir, const ModelConfig& config,
                                   const EngineOptions& options, int64_t program);

// Makes the weights streamed and opens the store that brings their experts, with its pins under way.
// Errors: those of Weights::stream and ExpertStore::open; a mirror that is another model; a histogram of
// another model.
Result<std::unique_ptr<ExpertStore>> open_store(const std::filesystem::path& dir, const ModelConfig& config,
                                                const MemoryChoice& choice, const StreamOptions& options,
                                                Weights& weights, ThreadTeam& team);

}  // namespace jaju
