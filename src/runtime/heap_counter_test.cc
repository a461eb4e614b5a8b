// Counts what the test program takes from the heap. A file of its own: where the compiler sees both a `new`
// and this `delete` it warns of a mismatch that is none.
#include <atomic>
#include <cstdlib>
#include <new>

#include "runtime/scheduler_test_tools.h"

namespace {

std::atomic<int64_t> allocations{0};

}  // namespace

int64_t jaju::heap_allocations() {
  return allocations;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
