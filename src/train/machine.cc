#include "train/machine.h"

#include <malloc.h>
#include <sys/utsname.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstdlib>
#include <fstream>

#include "base/thread_team.h"
#include "train/model.h"

namespace jaju::train {
namespace {

// The value of "KEY : value" in /proc/cpuinfo or /proc/meminfo.
std::string proc_value(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const size_t colon = line.find(':');
    const size_t start = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    if (start != std::string::npos) return line.substr(start);
  }
  return "";
}

}  // namespace

Machine this_machine() {
  struct utsname system {};
  ::uname(&system);
  return {proc_value("/proc/cpuinfo", "model name"), usable_cpus(), proc_value("/proc/meminfo", "MemTotal"),
          fmt::format("{} {}", system.sysname, system.release)};
}

double available_memory() {
  const std::string kilobytes = proc_value("/proc/meminfo", "MemAvailable");
  return kilobytes.empty() ? 0.0 : std::atof(kilobytes.c_str()) * 1024.0;
}

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

}  // namespace jaju::train
