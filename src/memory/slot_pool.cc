#include "memory/slot_pool.h"

#include <sys/mman.h>

#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "memory/extent.h"

namespace jaju {

constexpr int64_t kHugePage = int64_t{2} << 20;

Result<SlotPool> SlotPool::map(int64_t slot_bytes, int64_t count) {
  JAJU_CHECK(slot_bytes > 0 && slot_bytes % kIoAlignment == 0 && count > 0);
  SlotPool pool;
  pool.slot_bytes_ = slot_bytes;
  pool.count_ = count;
  if (count > INT64_MAX / 2 / slot_bytes)
    return error("{} slots of {} bytes: no machine has that", count, slot_bytes);
  pool.mapped_ = slot_bytes * count;  // a tail smaller than a huge page gets small ones
  // A little more, of which the part that starts at a huge page is kept.
  const auto all = static_cast<size_t>(pool.mapped_ + kHugePage);
  void* const at =
      ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    return error("the system does not give {} for experts: use a smaller --memory",
                 human_bytes(static_cast<double>(pool.mapped_)));
  }
  auto* const base = static_cast<std::byte*>(at);
  const auto address = reinterpret_cast<uintptr_t>(at);
  const size_t before = (kHugePage - address % kHugePage) % kHugePage;
  if (before > 0) ::munmap(base, before);
  ::munmap(base + before + pool.mapped_, static_cast<size_t>(kHugePage) - before);
  pool.data_ = base + before;
  ::madvise(pool.data_, static_cast<size_t>(pool.mapped_), MADV_HUGEPAGE);
  // Weights are worth nothing in a core file, and a child that only calls exec needs none of them.
  ::madvise(pool.data_, static_cast<size_t>(pool.mapped_), MADV_DONTDUMP);
  ::madvise(pool.data_, static_cast<size_t>(pool.mapped_), MADV_DONTFORK);
  return pool;
}

SlotPool::SlotPool(SlotPool&& other) noexcept {
  *this = std::move(other);
}

SlotPool& SlotPool::operator=(SlotPool&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(slot_bytes_, other.slot_bytes_);
  std::swap(count_, other.count_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

SlotPool::~SlotPool() {
  if (data_ != nullptr) ::munmap(data_, static_cast<size_t>(mapped_));
}

}  // namespace jaju
