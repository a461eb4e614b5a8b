// Products of rows in 16 bits by AVX-VNNI: vpdpwssd. Compiled with its own flags; call only where the CPU has
// it.
#include <immintrin.h>

#include <limits>
#include <type_traits>

#include "kernels/cpu/int16_dot.h"
#include "kernels/cpu/unroll.h"
#include "kernels/cpu/vec_avx2.h"

namespace jaju::avx2 {
namespace {

#include "kernels/cpu/int16_halves.h"

// Register tiles: queries of four rows' scores, and heads of two vectors of sums.
constexpr int kTileQueries = 3;
constexpr int kWeighHeads = 6;

// sum + the product of either pair.
inline I dot2(I sum, I a, I b) {
  return _mm256_dpwssd_avx_epi32(sum, a, b);
}

#include "kernels/cpu/int16_tile.h"

}  // namespace
}  // namespace jaju::avx2

namespace jaju::int16dot {

extern const Kernels kAvxVnni = avx2::kTable;

}  // namespace jaju::int16dot
