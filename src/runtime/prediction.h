// How fast a model will be on a machine, before anything is read: the arithmetic behind `jaju plan`.
//
// A step of b tokens, one of each of b sequences:
//   residents   every weight but the embedding table once, and each sequence's cache once; or the products
//               of b rows, whichever takes longer
//   experts     those that somebody visits, from memory and through the products, likewise
//   drive       those of them that the cache does not hold (memory/hit_rate.h), each once
//   time = residents + max(experts, drive)
// for while a layer's missing experts arrive its others are computed, but the next layer's attention must be
// through before its router can ask. (Prefetching hides part of that; it is not counted on.) This is the
// ceiling of reads, W / (B (1 - h)), joined with those of memory and arithmetic.
//
// A prompt goes through in chunks, each of which touches nearly every expert of every layer once. A chunk
// takes what a decoding step takes, with its rows for b and its attention among the residents.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "memory/budget.h"
#include "memory/expert_use.h"
#include "memory/hit_rate.h"
#include "memory/machine.h"
#include "model/config.h"
#include "model/model_sizes.h"
#include "runtime/memory_plan.h"

namespace jaju {

// Half-life of a visit in the expert store's cache (memory/expert_use.h), rows.
inline constexpr double kCacheHalfLife = ExpertUse::kHalfLife;

// What one token costs.
struct TokenCosts {
  double dense_bytes = 0;  // residents but the embedding table and what stands twice
  double kv_bytes = 0;     // of one cached position
  double dense_ops = 0;    // products with residents, head excepted
  double head_ops = 0;
  double expert_ops = 0;    // one routed expert
  double position_ops = 0;  // attention of a prompt's row over one earlier position
};
TokenCosts token_costs(const ModelConfig& config, const MeasuredModel& model, KvType kv_type);

enum class Limit { drive, memory, arithmetic };
const char* name_of(Limit limit);

// One routing's figures.
struct Speed {
  double hit_rate = 0;            // of one sequence's visits; 1 when everything is resident
  double read_per_token = 0;      // bytes from the drive, decoding
  double decode = 0;              // tokens a second, all sequences together
  double decode_drive_share = 0;  // of a step's time, that the drive is waited for
  Limit decode_limit = Limit::memory;
  double prompt = 0;  // tokens a second
  Limit prompt_limit = Limit::arithmetic;
  double first_token_seconds = 0;       // after a prompt of prompt_tokens, with a cache in use
  double cold_first_token_seconds = 0;  // the same, loading and an empty cache included
};

struct PlanInput {
  ModelConfig config;
  MeasuredModel model;
  RunShape shape;  // chunk 0: chosen
  int64_t memory = 0;
  Machine machine;
  int64_t prompt_tokens = 1000;  // of the prompt in question; at most the context
};

struct Plan {
  MemoryBudget budget;
  RunShape shape;           // chunk as chosen
  double load_seconds = 0;  // residents from the drive; without a store the whole model
  int64_t prompt_tokens = 0;
};
// Error: it does not fit (divide_memory).
Result<Plan> make_plan(const PlanInput& input);
Speed predict(const PlanInput& input, const Plan& plan, const Routing& routing);

// What a plan says of an engine whose experts come from the disk, for its own budget, context and threads.
struct Prediction {
  Speed uniform, skewed;     // routing
  std::optional<Speed> own;  // with the routing seen so far
};
// `machine` with the engine's threads; `sequences` that answer together. Nothing: the model is in memory.
std::optional<Prediction> predict(const Engine& engine, const Machine& machine, int64_t sequences);

// What happened, to be shown beside it: tokens/s, and what the store did for `tokens` of them.
struct Decoded {
  double speed = 0;
  int64_t tokens = 0;
  StoreFigures store;
};
// Lines "plan ...", "its routing ..." and "it was ...", each with its label padded to `width`. Experts that
// were read ahead do not count as found in memory: the plan does not count on them either.
std::string describe_prediction(const Prediction& prediction, const Decoded& decoded, int width);

// A change and what comes of it, decoding with the given routing.
struct Advice {
  std::string change;   // "16 GB more memory"
  std::string command;  // how, where there is one: "--memory 40G"
  double decode = 0;    // tokens a second then
  double prompt = 0;
  double gain = 1;  // of both, answers counting twice; at least 1.03
};
// At most `most`, the largest gains first. Considered: the memory that is free, more memory, a second drive,
// fewer bits for experts, a shorter context, a cache in 8 bits, eight sequences, twice the cores. `experts`
// is how they are stored now: of a model that is not packed, packing is the advice on bits.
std::vector<Advice> advise(const PlanInput& input, const Routing& routing, const std::string& experts,
                           size_t most = 3);

}  // namespace jaju
