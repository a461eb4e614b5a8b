// Packed products by AVX-VNNI, for CPUs that have VNNI without AVX-512: four products of bytes a lane, added
// to int32 at once, as packed_vnni.cc has them, in the halves of packed_avx2.cc. Weights become unsigned by
// adding 128 or 46, which the sums start out without.
#include <immintrin.h>
#include <unistd.h>

#include <array>

#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_avx_vnni {
namespace {

// Register tile: 12 accumulators, two vectors of weights, an input's broadcast. Few inputs as in
// packed_avx2.cc.
constexpr int kTileUnits = 2;
constexpr int kTileInputs = 6;
constexpr int64_t kFewInputs = 4;
constexpr int64_t kFewInputsOfTwo = 3;
template <int U, int C>
constexpr bool kHoldsGroup = U == 1 && C > 1;
constexpr int kAddedToWeights = packed_dot::kAdded;

#include "kernels/cpu/packed_halves.h"

#ifdef JAJU_EMULATED_AVX_VNNI
// As Intel's manual has them (volume 2, VPDPBUSD and VPDPWSSD).
inline I dpwssd(I sum, I a, I b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
inline I dpbusd(I sum, I unsigned_bytes, I signed_bytes) {
  const I even = _mm256_and_si256(unsigned_bytes, _mm256_set1_epi16(0xff));
  const I even_signed = _mm256_srai_epi16(_mm256_slli_epi16(signed_bytes, 8), 8);
  const I odd = _mm256_srli_epi16(unsigned_bytes, 8);
  return dpwssd(dpwssd(sum, even, even_signed), odd, _mm256_srai_epi16(signed_bytes, 8));
}
#else
inline I dpwssd(I sum, I a, I b) {
  return _mm256_dpwssd_avx_epi32(sum, a, b);
}
inline I dpbusd(I sum, I unsigned_bytes, I signed_bytes) {
  return _mm256_dpbusd_avx_epi32(sum, unsigned_bytes, signed_bytes);
}
#endif

// Unsigned weights of a step.
template <bool Q6>
struct Step {
  I weights;
  I add(I sum, I codes) const { return dpbusd(sum, weights, codes); }
  static I start(const std::byte* in, int64_t group) {
    return four_codes(in + (Q6 ? packed_dot::kQ6OffsetsAt : packed_dot::kOffsetsAt) + 4 * group);
  }
};

// q4i, see packed_levels.h.
struct Levels {
  I weights;
  I add(I sum, I codes) const { return dpbusd(sum, weights, codes); }
  static I start(const std::byte* in, int64_t group) {
    static_assert(packed_dot::kAdded == packed_dot::kLevelAdded << 3);
    return _mm256_srai_epi32(four_codes(in + packed_dot::kOffsetsAt + 4 * group), 3);
  }
};
// The sum has 16 bits, and a 0 beside the size takes what extends its sign.
inline I widen(I sum, I of_group, I size) {
  return dpwssd(sum, of_group, _mm256_and_si256(size, _mm256_set1_epi32(0xffff)));
}

#include "kernels/cpu/packed_levels.h"

// With many inputs q4i's levels are multiplied by their sizes when they are unpacked: sixteen steps of a
// block as products, to which 128 is added, and the scales.
template <>
struct WideSource<Scheme::q4i> : Wide {
  static constexpr int64_t kBytes = 16 * 32 + 32;

  static void unpack(const PackedSource<Scheme::q4i>& from, int64_t b, std::byte* to) {
    store(reinterpret_cast<float*>(to + 16 * 32),
          _mm256_mul_ps(from.block_scale(0, b), _mm256_set1_ps(0x1p8f)));
    const I high_bytes = _mm256_set1_epi16(static_cast<short>(0xff00));
    JAJU_UNROLL for (int g = 0; g < 4; ++g) {
      const I size = _mm256_srli_epi16(from.size(0, b, g), 8);
      I steps[4];
      JAJU_UNROLL for (int s = 0; s < 4; ++s) {
        const I levels =
            _mm256_sub_epi8(from.levels(0, b, g, s).weights, _mm256_set1_epi8(packed_dot::kLevelAdded));
        // A product of words is one of bytes in its high byte if the low factor is 0.
        const I even = _mm256_mullo_epi16(_mm256_slli_epi16(levels, 8), size);
        const I odd = _mm256_mullo_epi16(_mm256_and_si256(levels, high_bytes), size);
        steps[s] = _mm256_xor_si256(_mm256_or_si256(odd, _mm256_srli_epi16(even, 8)), _mm256_set1_epi8(-128));
      }
      JAJU_UNROLL for (int s = 0; s < 4; ++s) store_bytes(to + 32 * (4 * g + s), steps[s]);
    }
  }

  const std::byte* block(int unit, int64_t b) const {
    return first + unit * unit_bytes + (b - first_block) * kBytes;
  }
};

#include "kernels/cpu/packed_products.h"
#include "kernels/cpu/packed_tile.h"

}  // namespace

extern const packed_dot::Kernels kKernels = {quantize_row, dot_panels};

}  // namespace jaju::packed_avx_vnni
