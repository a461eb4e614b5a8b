#include "base/amx.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace jaju {
namespace {

Amx ask() {
#if defined(__x86_64__) && defined(__linux__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return {};
  const Amx has{(d & (1u << 22)) != 0, (d & (1u << 25)) != 0};  // AMX-BF16, AMX-INT8
  const bool tile = (d & (1u << 24)) != 0;                      // AMX-TILE
  if (!tile || (!has.bf16 && !has.int8)) return {};
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0 ? has : Amx{};
#else
  return {};
#endif
}

}  // namespace

Amx amx() {
  static const Amx granted = ask();
  return granted;
}

}  // namespace jaju
