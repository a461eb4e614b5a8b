// From what a user asks for (context, sequences, threads) to bytes, by the functions that allocate them. With
// memory/budget.h this is the arithmetic `jaju plan` and the engine share.
#pragma once

#include <cstdint>

#include "memory/budget.h"
#include "model/model_sizes.h"
#include "runtime/engine.h"

namespace jaju {

struct RunShape {
  int64_t context = 0;    // positions of each sequence
  int64_t sequences = 1;  // that hold a cache at the same time
  KvType kv_type = KvType::automatic;
  int threads = 1;
  int64_t chunk = 256;        // rows of the largest step; at least `sequences`
  int64_t logit_rows = 0;     // rows of a step that want logits, if it has as many; 0: one a sequence
  int64_t kv_bytes = 0;       // pages that the sequences share; 0: a full context for each
  int64_t program_bytes = 0;  // of the program, beyond its margin (RunSizes)
};

// The cache (kv_view.h), a Forward of `chunk` rows (Forward::working_bytes), and the logits of a step.
RunSizes run_sizes(const ModelConfig& config, LayerKinds kinds, const RunShape& shape);

// Rows of a prompt step when experts must be read from the drive: a pass over them costs the same for any
// number of rows, so the step is as large as a third of the memory that residents and cache leave: 4,096 or
// the context, else the multiple of 64 that fits, but no less than 64 and shape.chunk. (The third costs some
// places for experts, and so a few hits of every token; a second pass costs a prompt all its misses again.)
int64_t streaming_chunk(const ModelConfig& config, const MeasuredModel& model, const RunShape& shape,
                        int64_t memory);

// `shape` as it is run within `memory`: with its chunk where everything fits, else with streaming_chunk's.
RunShape fit_shape(const ModelConfig& config, const MeasuredModel& model, RunShape shape, int64_t memory);

}  // namespace jaju
