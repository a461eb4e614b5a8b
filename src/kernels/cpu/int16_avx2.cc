// Products of rows in 16 bits by AVX2: vpmaddwd and an addition. Compiled with the flags of avx2.cc, whose
// rules hold here.
#include <immintrin.h>

#include <limits>
#include <type_traits>

#include "kernels/cpu/int16_dot.h"
#include "kernels/cpu/unroll.h"
#include "kernels/cpu/vec_avx2.h"

namespace jaju::avx2 {
namespace {

#include "kernels/cpu/int16_halves.h"

// Register tiles: queries of four rows' scores, and heads of two vectors of sums. What a product waits in
// takes a register as well.
constexpr int kTileQueries = 2;
constexpr int kWeighHeads = 4;

// sum + the product of either pair.
inline I dot2(I sum, I a, I b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

#include "kernels/cpu/int16_tile.h"

}  // namespace
}  // namespace jaju::avx2

namespace jaju::int16dot {

extern const Kernels kAvx2 = avx2::kTable;

}  // namespace jaju::int16dot
