// What the forward pass sees of one sequence's cache: a list of pages. Whoever owns the pages (runtime) fills
// it in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ops.h"

namespace jaju {

// A page holds LatentCache::kPositions positions of every layer: (layer, position, kv_width), f32 or bf16.
struct KvView {
  std::byte* const* pages = nullptr;
  DType dtype = DType::f32;
  int64_t width = 0;  // ModelConfig::kv_width()

  LatentCache layer(int64_t index) const {
    return {pages, index * LatentCache::kPositions * width * size_of(dtype), dtype, width};
  }
};

inline int64_t kv_page_bytes(int64_t n_layers, int64_t width, DType dtype) {
  return n_layers * LatentCache::kPositions * width * size_of(dtype);
}

}  // namespace jaju
