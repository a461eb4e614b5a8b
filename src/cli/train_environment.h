// Environment variables that LibTorch's libraries read when they are loaded, so before main() of a program
// that trains. `jaju train` sets them for the program it starts; a program that was started without them
// starts itself again.
#pragma once

#include <unistd.h>

#include <cstdlib>

namespace jaju::cli {

// Sets them for a program that is started next; true when one changed. What the user chose for OpenMP stays.
inline bool set_train_environment() {
  bool changed = false;
  // Between two parallel regions GNU OpenMP's threads spin for milliseconds by default. Where other work
  // shares the CPUs, spinning takes the time the region's last thread waits for: a step took 3.6 s instead of
  // 0.4 s. 10,000 turns bridge the gaps inside a step and no more. Not OMP_WAIT_POLICY=PASSIVE: it does not
  // spin at all, so that every one of a step's hundreds of regions would have to wake its threads.
  if (std::getenv("OMP_WAIT_POLICY") == nullptr && std::getenv("GOMP_SPINCOUNT") == nullptr) {
    ::setenv("GOMP_SPINCOUNT", "10000", 1);
    changed = true;
  }
#if defined(__x86_64__)
  // OPENBLAS_CORETYPE names a CPU whose kernels to use. Set for an older one than this (to make results of
  // many machines alike) it costs speed: 8192x192x192 ran at 31 GFLOP/s as "Haswell", at 174 with the
  // library's own choice (OpenBLAS 0.3.21, two cores of a Sapphire Rapids). JAJU_KEEP_BLAS leaves it alone.
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr && std::getenv("JAJU_KEEP_BLAS") == nullptr &&
      __builtin_cpu_supports("avx512f")) {
    ::unsetenv("OPENBLAS_CORETYPE");
    changed = true;
  }
#endif
  return changed;
}

// First thing in main() of a program that is linked with LibTorch: its libraries are loaded already, and a
// second start reads the corrected environment. Comes back when there was nothing to correct, or when the
// restart failed: then slower, not wrong.
inline void restart_with_train_environment(char** argv) {
  if (set_train_environment()) ::execv("/proc/self/exe", argv);
}

}  // namespace jaju::cli
