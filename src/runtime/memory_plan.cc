#include "runtime/memory_plan.h"

#include <algorithm>

#include "model/forward.h"
#include "model/kv_view.h"

namespace jaju {
namespace {

constexpr int64_t kLeastChunk = 64;
constexpr int64_t kMostChunk = 4096;
constexpr int64_t kChunkShare = 3;

}  // namespace

RunSizes run_sizes(const ModelConfig& config, LayerKinds kinds, const RunShape& shape) {
  const int64_t layers = config.n_layers + (kinds.mtp ? 1 : 0);
  const int64_t pages = (shape.context + LatentCache::kPositions - 1) / LatentCache::kPositions;
  const int64_t logit_rows = shape.logit_rows > 0 ? std::min(shape.logit_rows, shape.chunk) : shape.sequences;
  RunSizes run;
  run.kv_bytes = shape.kv_bytes > 0
                     ? shape.kv_bytes
                     : shape.sequences * pages * kv_page_bytes(layers, cache_row(config, shape.kv_type));
  run.buffer_bytes = Forward::working_bytes(config, kinds, shape.chunk, shape.threads) +
                     logit_rows * config.vocab_size * static_cast<int64_t>(sizeof(float));
  run.program_bytes = shape.program_bytes;
  return run;
}

int64_t streaming_chunk(const ModelConfig& config, const MeasuredModel& model, const RunShape& shape,
                        int64_t memory) {
  RunShape trial = shape;
  const RunSizes run = run_sizes(config, model.kinds, shape);
  const int64_t room =
      (memory - model.sizes.resident_bytes() - run.kv_bytes - run.program_bytes) / kChunkShare;
  const int64_t least =
      std::max(shape.chunk, std::min(std::max(kLeastChunk, shape.sequences), shape.context));
  const auto fits = [&](int64_t rows) {
    trial.chunk = rows;
    return run_sizes(config, model.kinds, trial).buffer_bytes <= room;
  };
  const int64_t most = std::min(kMostChunk, shape.context);
  if (most <= least || fits(most)) return std::max(most, least);
  int64_t rows = most / kLeastChunk * kLeastChunk;
  while (rows > least && !fits(rows)) rows -= kLeastChunk;
  return std::max(rows, least);
}

RunShape fit_shape(const ModelConfig& config, const MeasuredModel& model, RunShape shape, int64_t memory) {
  if (model.sizes.experts() > 0 && full_memory(model.sizes, run_sizes(config, model.kinds, shape)) > memory)
    shape.chunk = streaming_chunk(config, model, shape, memory);
  return shape;
}

}  // namespace jaju
