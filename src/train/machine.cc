// What this machine can do, for the training programs.
#include "train/machine.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "train/model.h"

namespace jaju::train {

MatmulPrecision default_precision() {
  if (torch::cuda::is_available()) return MatmulPrecision::bf16;
#if defined(__x86_64__)
  // AVX512_BF16: leaf 7, subleaf 1, EAX bit 5. CPUs with AMX have it, too.
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 5)) != 0) return MatmulPrecision::bf16;
#endif
  return MatmulPrecision::f32;
}

void tune_allocator() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
  mallopt(M_ARENA_MAX, 1);  // buffers taken by one thread and freed by another would make two heaps grow
#endif
}

void restart_with_passive_waiting(char** argv) {
  if (::getenv("OMP_WAIT_POLICY") != nullptr || ::setenv("OMP_WAIT_POLICY", "PASSIVE", 1) != 0) return;
  ::execv("/proc/self/exe", argv);
}

}  // namespace jaju::train
