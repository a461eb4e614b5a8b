// Counts what the test program takes from the heap, and refuses it where a test says so. A file of its own:
// where the compiler sees both a `new` and this `delete` it warns of a mismatch that is none. Sanitizers have
// their own heap, so nothing is counted under them.
#include <atomic>
#include <cstdlib>
#include <new>

#include "runtime/scheduler_test_tools.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define JAJU_OWN_HEAP 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JAJU_OWN_HEAP 0
#endif

#ifdef JAJU_OWN_HEAP

int64_t jaju::heap_allocations() {
  return -1;
}
void jaju::fail_allocation(int64_t) {}

#else

namespace {

std::atomic<int64_t> allocations{0};
std::atomic<int64_t> until_failure{-1};

}  // namespace

int64_t jaju::heap_allocations() {
  return allocations;
}
void jaju::fail_allocation(int64_t after) {
  until_failure = after;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (until_failure >= 0 && until_failure-- == 0) throw std::bad_alloc();
  if (void* const p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

#endif
