#include "train/loops.h"

#include <atomic>
#include <cstring>
#include <initializer_list>

namespace jaju::train {

namespace generic_loops {
extern const Loops table;
}
#if defined(__x86_64__)
namespace avx2_loops {
extern const Loops table;
}
namespace avx512_loops {
extern const Loops table;
}
#endif

namespace {

std::atomic<const Loops*> chosen_loops{nullptr};

const Loops* best() {
  for (const char* name : {"avx512", "avx2"}) {
    if (const Loops* found = find_loops(name)) return found;
  }
  return &generic_loops::table;
}

}  // namespace

int64_t attention_scratch(const AttentionDocument& d) {
  // As HeadScratch in loops_impl.h lays it out.
  const auto up = [](int64_t n, int64_t to) { return (n + to - 1) / to * to; };
  const int64_t n = up(d.length, 32);
  const int64_t qk = up(d.nope + d.rope, 16);
  const int64_t v = up(d.v, 16);
  return n * (4 * qk + 4 * v + 2 * 32 + d.rope) + 32 * qk;
}

int64_t narrow_scratch(const NarrowRows& a) {
  const auto up = [](int64_t n) { return (n + 15) / 16 * 16; };
  return 32 * (2 * up(a.cols) + up(a.outs));
}

const Loops* find_loops(const char* name) {
  if (std::strcmp(name, "generic") == 0) return &generic_loops::table;
#if defined(__x86_64__)
  if (std::strcmp(name, "avx2") == 0) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &avx2_loops::table : nullptr;
  }
  if (std::strcmp(name, "avx512") == 0) {
    const bool all = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    return all ? &avx512_loops::table : nullptr;
  }
#endif
  return nullptr;
}

const Loops& loops() {
  static const Loops* const fastest = best();
  const Loops* chosen = chosen_loops.load(std::memory_order_relaxed);
  return chosen != nullptr ? *chosen : *fastest;
}

void choose_loops(const Loops* chosen) {
  chosen_loops = chosen;
}

}  // namespace jaju::train
