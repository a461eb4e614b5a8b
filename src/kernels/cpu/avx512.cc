// The AVX-512 backend: the shared kernels over sixteen lanes, and the BF16 dot product where the CPU has it.
// Compiled with its own flags; see avx2.cc for what that forbids.
#include <immintrin.h>

#include <cmath>
#include <span>
#include <type_traits>
#include <vector>

#include "kernels/backends.h"
#include "kernels/cpu/bf16_dot.h"
#include "kernels/cpu/bf16_tiles.h"
#include "kernels/cpu/int16_dot.h"
#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

#define JAJU_ISA avx512
#define JAJU_ISA_NAME "avx512"
#define JAJU_HAS_BF16_DOT 1

namespace jaju::avx512 {
namespace {
bool has_bf16_dot() {
  static const bool has = cpu_has_bf16_dot();
  return has;
}
bool has_fast_bf16_dot() {
  static const bool has = cpu_has_fast_bf16_dot();
  return has;
}
bool has_bf16_tiles() {
  return uses_bf16_tiles();
}
const int16dot::Kernels* int16_kernels() {
  static const int16dot::Kernels* const best = cpu_has_vnni() ? &int16dot::kVnni : nullptr;
  return best;
}
const packed_dot::Kernels& packed_kernels() {
  static const packed_dot::Kernels& best = uses_int8_tiles() ? packed_amx::kKernels
                                           : cpu_has_vnni()  ? packed_vnni::kKernels
                                                             : packed_avx2::kKernels;
  return best;
}
}  // namespace
}  // namespace jaju::avx512

// clang-format off
#include "kernels/cpu/vec_avx512.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/dot.h"
#include "kernels/cpu/dot_pairs.h"
#include "kernels/cpu/weigh.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/mla_block.h"
#include "kernels/cpu/mla_int16.h"
#include "kernels/cpu/mla_expanded.h"
#include "kernels/cpu/mla_absorbed.h"
#include "kernels/cpu/table.h"
