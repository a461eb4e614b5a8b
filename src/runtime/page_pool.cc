#include "runtime/page_pool.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/check.h"

namespace jaju {

void PagePool::Free::operator()(std::byte* p) const {
  std::free(p);
}

PagePool::PagePool(int64_t n_layers, const CacheRow& layout, int64_t capacity)
    : n_layers_(n_layers),
      layout_(layout),
      page_bytes_(kv_page_bytes(n_layers, layout)),
      capacity_(capacity) {}

PagePool::~PagePool() = default;

// One page more. False: there is no memory for it at the moment, but others may give some back.
bool PagePool::grow() try {
  constexpr size_t kAlignment = 64;  // a cache line, and a vector
  const size_t bytes = (static_cast<size_t>(page_bytes_) + kAlignment - 1) / kAlignment * kAlignment;
  std::unique_ptr<std::byte[], Free> memory(static_cast<std::byte*>(std::aligned_alloc(kAlignment, bytes)));
  if (memory == nullptr) return false;
  // Places nobody has written are read in one case: by drafts (the MTP layer behind a cached prefix).
  std::memset(memory.get(), 0, bytes);
  auto page = std::make_unique<CachePage>(CachePage{memory.get()});
  if (pages_.size() == pages_.capacity()) pages_.reserve(2 * pages_.size() + 8);
  memory_.reserve(pages_.capacity());
  free_.reserve(pages_.capacity());  // release() allocates nothing
  free_.push_back(page.get());
  pages_.push_back(std::move(page));
  memory_.push_back(std::move(memory));
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

CachePage* PagePool::take() {
  if (in_use_ >= capacity_ || (free_.empty() && !grow())) return nullptr;
  CachePage* const page = free_.back();
  free_.pop_back();
  page->holders = 1;
  ++in_use_;
  return page;
}

void PagePool::hold(CachePage* page) {
  JAJU_CHECK(page->holders > 0);
  idle_ -= is_idle(*page) ? 1 : 0;
  ++page->holders;
}

void PagePool::release(CachePage* page) {
  JAJU_CHECK(page->holders > 0);
  idle_ -= is_idle(*page) ? 1 : 0;
  --page->holders;
  idle_ += is_idle(*page) ? 1 : 0;
  if (page->holders > 0) return;
  JAJU_CHECK(!page->stored);
  --in_use_;
  free_.push_back(page);
}

void PagePool::set_stored(CachePage* page, bool stored) {
  idle_ -= is_idle(*page) ? 1 : 0;
  page->stored = stored;
  idle_ += is_idle(*page) ? 1 : 0;
}

void PagePool::copy(const CachePage& from, CachePage& to, int64_t n) const {
  JAJU_CHECK(n >= 0 && n <= LatentCache::kPositions);
  for (int64_t layer = 0; layer < n_layers_; ++layer) {
    std::memcpy(this->layer(to, layer), this->layer(from, layer), static_cast<size_t>(n * layout_.bytes()));
  }
}

}  // namespace jaju
