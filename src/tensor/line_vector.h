// A vector that starts at a cache line, so that rows of whole lines are loaded without crossing one.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "base/huge_pages.h"

namespace jaju {

// Elements that nobody gave a value are not set: buffers are made for the largest step, and a short one should
// cost no more than the memory it touches. Large ones are in huge pages.
template <typename T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};
  static constexpr size_t kLarge = 4 * kHugePage;  // bytes

  LineAllocator() = default;
  template <typename U>
  LineAllocator(const LineAllocator<U>&) {}  // NOLINT: allocators convert

  T* allocate(size_t n) {
    const size_t bytes = n * sizeof(T);
    if (bytes < kLarge) return static_cast<T*>(::operator new(bytes, kLine));
    std::byte* const data = map_huge_pages(bytes);
    if (data == nullptr) throw std::bad_alloc();
    return reinterpret_cast<T*>(data);
  }
  void deallocate(T* p, size_t n) {
    if (n * sizeof(T) < kLarge) {
      ::operator delete(p, kLine);
    } else {
      unmap_huge_pages(reinterpret_cast<std::byte*>(p), n * sizeof(T));
    }
  }
  template <typename U>
  void construct(U* p) {
    ::new (static_cast<void*>(p)) U;  // a float stays as it is
  }
  template <typename U, typename... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
  bool operator==(const LineAllocator&) const { return true; }
};

template <typename T>
using LineVector = std::vector<T, LineAllocator<T>>;

}  // namespace jaju
