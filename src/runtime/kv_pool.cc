#include "runtime/kv_pool.h"

#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "base/file.h"

namespace jaju {

void KvPool::Free::operator()(std::byte* p) const {
  std::free(p);
}

Result<std::byte*> KvPool::take() {
  if (!free_.empty()) {
    std::byte* const page = free_.back();
    free_.pop_back();
    return page;
  }
  constexpr size_t kAlignment = 64;  // a cache line, and a vector
  const size_t bytes = (static_cast<size_t>(page_bytes_) + kAlignment - 1) / kAlignment * kAlignment;
  auto* const page = static_cast<std::byte*>(std::aligned_alloc(kAlignment, bytes));
  if (page == nullptr) {
    return error("no memory for another {} of cache: use a shorter --context",
                 human_bytes(static_cast<double>(page_bytes_)));
  }
  pages_.emplace_back(page);
  return page;
}

Status KvPages::reserve(int64_t positions) {
  while (static_cast<int64_t>(pages_.size()) * LatentCache::kPositions < positions) {
    JAJU_ASSIGN(std::byte * page, pool_.take());
    pages_.push_back(page);
  }
  return {};
}

void KvPages::truncate(int64_t positions) {
  const int64_t needed = (positions + LatentCache::kPositions - 1) / LatentCache::kPositions;
  while (static_cast<int64_t>(pages_.size()) > needed) {
    pool_.give_back(pages_.back());
    pages_.pop_back();
  }
}

Status KvPages::copy_from(const KvPages& other, int64_t positions) {
  JAJU_CHECK(&pool_ == &other.pool_);
  truncate(positions);
  JAJU_RETURN_IF_ERROR(reserve(positions));
  JAJU_CHECK(pages_.size() <= other.pages_.size());
  // Whole pages: what the last one holds behind `positions` is written over before it is read.
  for (size_t i = 0; i < pages_.size(); ++i) {
    std::memcpy(pages_[i], other.pages_[i], static_cast<size_t>(pool_.page_bytes()));
  }
  return {};
}

}  // namespace jaju
