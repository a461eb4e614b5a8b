// The AVX2 backend: the shared kernels over eight lanes. Compiled with -mavx2 -mfma -mf16c; nothing here may
// run before ops.cc has looked at the CPU, and everything but ops() is in an anonymous namespace, so that no
// code made with these flags can be linked in for other callers.
#include <immintrin.h>

#include <cmath>
#include <span>
#include <type_traits>
#include <vector>

#include "kernels/backends.h"
#include "kernels/cpu/int16_dot.h"
#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

#define JAJU_ISA avx2
#define JAJU_ISA_NAME "avx2"

namespace jaju::avx2 {
namespace {
bool has_bf16_dot() {
  return false;
}
bool has_fast_bf16_dot() {
  return false;
}
const int16dot::Kernels* int16_kernels() {
  static const int16dot::Kernels* const best =
      uses_avx_vnni() ? &int16dot::kAvxVnni : &int16dot::kAvx2;
  return best;
}
const packed_dot::Kernels& packed_kernels() {
  static const packed_dot::Kernels& best =
      uses_avx_vnni() ? packed_avx_vnni::kKernels : packed_avx2::kKernels;
  return best;
}
}  // namespace
}  // namespace jaju::avx2

// clang-format off
#include "kernels/cpu/vec_avx2.h"
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
