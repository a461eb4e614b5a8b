#include "runtime/memory_plan.h"

#include <algorithm>

#include "model/forward.h"
#include "model/kv_view.h"

namespace jaju {
namespace {

constexpr int64_t kLeastChunk = 64;
constexpr int64_t kMostChunk = 4096;
constexpr int64_t kChunkShare = 12;

}  // namespace

RunSizes run_sizes(const ModelConfig& config, LayerKinds kinds, const RunShape& shape) {
  const int64_t layers = config.n_layers + (kinds.mtp ? 1 : 0);
  const int64_t pages = (shape.context + LatentCache::kPositions - 1) / LatentCache::kPositions;
  RunSizes run;
  run.kv_bytes = shape.sequences * pages * kv_page_bytes(layers, cache_row(config, shape.kv_type));
  run.buffer_bytes = Forward::working_bytes(config, kinds, shape.chunk, shape.threads) +
                     (shape.logit_rows > 0 ? shape.logit_rows : shape.sequences) * config.vocab_size *
                         static_cast<int64_t>(sizeof(float));
  return run;
}

int64_t streaming_chunk(const ModelConfig& config, const MeasuredModel& model, const RunShape& shape,
                        int64_t memory) {
  RunShape trial = shape;
  const int64_t room =
      (memory - model.sizes.resident_bytes() - run_sizes(config, model.kinds, shape).kv_bytes) / kChunkShare;
  const int64_t least = std::min(std::max(kLeastChunk, shape.sequences), shape.context);
  for (trial.chunk = std::min(kMostChunk, shape.context); trial.chunk > least; trial.chunk /= 2) {
    if (run_sizes(config, model.kinds, trial).buffer_bytes <= room) return trial.chunk;
  }
  return least;
}

}  // namespace jaju
