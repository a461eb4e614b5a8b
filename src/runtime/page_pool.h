// The scheduler's cache pages: bounded in number, counted, shared between sequences and the prefix cache.
// See model/kv_view.h for what is in a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "model/kv_view.h"

namespace jaju {

// A page is written by the one sequence that took it, at positions nobody else reads yet. Every other holder
// only reads.
struct CachePage {
  std::byte* data = nullptr;
  int64_t holders = 0;  // sequences, and the prefix cache as one
  bool stored = false;  // the prefix cache is a holder
};

class PagePool {
 public:
  // At most `capacity` pages; memory is taken as it is needed and then kept.
  PagePool(int64_t n_layers, const CacheRow& layout, int64_t capacity);
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // A page with one holder, the caller. Null: all are taken, or the system has no memory for one at the
  // moment. New memory is zero; a page used before holds what it held.
  CachePage* take();
  void hold(CachePage* page);
  void release(CachePage* page);
  void set_stored(CachePage* page, bool stored);  // holders are counted apart: hold() and release()

  // Where a layer's positions begin.
  std::byte* layer(const CachePage& page, int64_t index) const {
    return page.data + index * LatentCache::block_bytes(layout_);
  }
  // Copies positions [0, n) of every layer.
  void copy(const CachePage& from, CachePage& to, int64_t n) const;

  void set_capacity(int64_t pages) { capacity_ = pages; }
  int64_t capacity() const { return capacity_; }
  int64_t in_use() const { return in_use_; }  // with a holder
  int64_t idle() const { return idle_; }      // of them: held by the prefix cache alone
  int64_t obtainable() const { return capacity_ - in_use_ + idle_; }
  int64_t page_bytes() const { return page_bytes_; }
  int64_t n_layers() const { return n_layers_; }
  const CacheRow& layout() const { return layout_; }

 private:
  bool grow();
  static bool is_idle(const CachePage& p) { return p.stored && p.holders == 1; }

  struct Free {
    void operator()(std::byte* p) const;
  };
  int64_t n_layers_;
  CacheRow layout_;
  int64_t page_bytes_;
  int64_t capacity_;
  int64_t in_use_ = 0;
  int64_t idle_ = 0;
  std::vector<std::unique_ptr<std::byte[], Free>> memory_;
  std::vector<std::unique_ptr<CachePage>> pages_;
  std::vector<CachePage*> free_;
};

}  // namespace jaju
