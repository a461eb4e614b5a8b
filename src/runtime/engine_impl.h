// What Engine and Session share behind the public door.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "model/forward.h"
#include "runtime/engine.h"
#include "runtime/kv_pool.h"

namespace jaju {

// Runs `work`, which returns a Status or a Result; a failed allocation becomes an error that says what for.
template <typename Work>
auto within_memory(const char* purpose, const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {  // a vector larger than any memory
  }
  return error("not enough memory to {}: close other programs, or use a shorter context or a smaller model",
               purpose);
}

// What Session::generate and generate_batch ask of a request: parameters in range, a prompt of at least one
// token, all in the vocabulary, with room behind it.
Status check_request(std::span<const int32_t> prompt, const SamplingParams& params, int64_t vocab,
                     int64_t context);

// The largest of rows, rows / 2, rows / 4, ... whose working memory fits; 0 when one row does not.
int64_t rows_that_fit(int64_t rows, int64_t memory, const std::function<int64_t(int64_t)>& bytes_for);

struct Engine::Impl {
  ModelConfig config;
  std::unique_ptr<Weights> weights;
  EngineOptions options;
  std::optional<Topology> topology;  // where threads and weights are placed; outlives the team
  std::unique_ptr<ThreadTeam> team;
  std::unique_ptr<Context> context;
  std::unique_ptr<ExpertStore> store;  // null: experts are in memory
  std::unique_ptr<Forward> forward;
  std::unique_ptr<KvPool> pool;
  std::string notice;
  std::optional<StreamedModel> streamed;
  int64_t kv_budget = 0;          // bytes of pages the memory has room for; 0: nobody said
  std::atomic<int64_t> moved{0};  // bytes of weights in huge pages, once the mover is done
  std::jthread mover;             // last, so that it ends before what it moves

  // `where` names the model in messages. program: resident_set() before the weights were loaded, and `where`
  // is the model's directory; nothing: random weights.
  static Result<std::unique_ptr<Impl>> open(const std::string& where, ModelConfig config,
                                            std::unique_ptr<Weights> weights, const EngineOptions& options,
                                            std::optional<int64_t> program);
  Result<Evaluation> evaluate(std::span<const int32_t> tokens, bool all_positions);
};

struct Session::Impl {
  explicit Impl(Engine::Impl& e) : engine(e), pages(*e.pool) {}

  Engine::Impl& engine;
  KvPages pages;
  std::vector<int32_t> tokens;  // whose latents are in the cache
  std::vector<float> logits;    // (vocab)

  Result<Generation> generate(std::span<const int32_t> prompt, const SamplingParams& params,
                              const GenerateHooks& hooks);
  // Reads prompt tokens from `from` on; leaves the logits of the last one.
  Status prefill(std::span<const int32_t> prompt, int64_t from, const GenerateHooks& hooks);
  // One generated token in; leaves the logits of what follows.
  Status decode(int32_t token);
  Status step(std::span<const int32_t> step_tokens, AttentionMode mode, bool wants_logits);
};

}  // namespace jaju
