// What the forward pass sees of one sequence's cache: a list of pages. Whoever owns the pages (runtime) fills
// it in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ops.h"

namespace jaju {

// A page holds LatentCache::kPositions positions of every layer: (layer, position), each a CacheRow.
struct KvView {
  std::byte* const* pages = nullptr;
  CacheRow layout;

  LatentCache layer(int64_t index) const { return {pages, index * LatentCache::block_bytes(layout), layout}; }
};

inline int64_t kv_page_bytes(int64_t n_layers, const CacheRow& layout) {
  return n_layers * LatentCache::block_bytes(layout);
}

}  // namespace jaju
