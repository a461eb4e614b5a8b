// Kept apart from the products: this file is compiled for any CPU.
#include <atomic>

#include "base/amx.h"
#include "train/bf16_product.h"
#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#endif

namespace jaju::train {
namespace {

std::atomic<Bf16Isa> limit{Bf16Isa::amx};

Bf16Isa ask() {
#if defined(__x86_64__) && defined(__linux__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) {
    return Bf16Isa::none;
  }
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) == 0 || (a & (1u << 5)) == 0)
    return Bf16Isa::none;  // AVX512_BF16
  return amx().bf16 ? Bf16Isa::amx : Bf16Isa::avx512;
#else
  return Bf16Isa::none;
#endif
}

}  // namespace

Bf16Isa bf16_isa() {
  static const Bf16Isa best = ask();
  const Bf16Isa most = limit.load(std::memory_order_relaxed);
  return best < most ? best : most;
}

void limit_bf16_isa(Bf16Isa most) {
  limit = most;
}

}  // namespace jaju::train
