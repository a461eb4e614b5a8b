// Owns the pages of the latent cache. Pages are handed out whole and come back whole; see model/kv_view.h for
// what is in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "model/kv_view.h"

namespace jaju {

class KvPool {
 public:
  KvPool(int64_t n_layers, const CacheRow& layout)
      : page_bytes_(kv_page_bytes(n_layers, layout)), layout_(layout) {}

  // Error: no memory left.
  Result<std::byte*> take();
  void give_back(std::byte* page) { free_.push_back(page); }

  int64_t page_bytes() const { return page_bytes_; }
  const CacheRow& layout() const { return layout_; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  int64_t page_bytes_;
  CacheRow layout_;
  std::vector<std::unique_ptr<std::byte[], Free>> pages_;
  std::vector<std::byte*> free_;
};

// The pages of one sequence, growing at its end.
class KvPages {
 public:
  explicit KvPages(KvPool& pool) : pool_(pool) {}
  ~KvPages() { truncate(0); }
  KvPages(const KvPages&) = delete;
  KvPages& operator=(const KvPages&) = delete;

  // Makes room for `positions` positions in all.
  Status reserve(int64_t positions);
  // Gives back the pages no position below `positions` needs.
  void truncate(int64_t positions);
  // Becomes a copy of the first `positions` positions of `other`, which must hold them (same pool).
  Status copy_from(const KvPages& other, int64_t positions);
  KvView view() const { return {pages_.data(), pool_.layout()}; }

 private:
  KvPool& pool_;
  std::vector<std::byte*> pages_;
};

}  // namespace jaju
