// Packed products by AVX2: pairs of products of bytes in int16, pairs of those in int32. Two halves of a
// panel, eight rows each. One factor of such a product is unsigned, and a pair must stay below 2^15: q6 adds
// 46 to weights, at most 90 * 127 * 2; the others take the magnitude of the weight (at most 127 * 127 * 2),
// the input taking its sign.
#include <immintrin.h>
#include <unistd.h>

#include <array>

#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_avx2 {
namespace {

// Register tile: three inputs of both halves of a panel, which share an input's broadcast. Four inputs pass
// each half by itself, ...
constexpr int kTileUnits = 2;
constexpr int kTileInputs = 3;
constexpr int64_t kFewInputs = 4;
constexpr int64_t kFewInputsOfTwo = 3;
// ... whose weights of a group, unpacked on the way, are worth keeping, some of them in memory then.
template <int U, int C>
constexpr bool kHoldsGroup = U == 1 && C > 1;
constexpr int kAddedToWeights = 0;

#include "kernels/cpu/packed_halves.h"

inline I add_pairs(I sum, I unsigned_bytes, I signed_bytes) {
  const I pairs = _mm256_maddubs_epi16(unsigned_bytes, signed_bytes);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// Weights of a step, eight rows.
template <bool Q6>
struct Step {
  I weights;
  I add(I sum, I codes) const {
    return add_pairs(sum, _mm256_abs_epi8(weights), _mm256_sign_epi8(codes, weights));
  }
  static I start(const std::byte*, int64_t) { return _mm256_setzero_si256(); }
};
// With 46 added.
template <>
struct Step<true> {
  I weights;
  I add(I sum, I codes) const { return add_pairs(sum, weights, codes); }
  static I start(const std::byte* in, int64_t group) {
    return four_codes(in + packed_dot::kQ6OffsetsAt + 4 * group);
  }
};

// q4i, see packed_levels.h: sums of 8 columns in each half of 32 bits, at most 8 * (15 + 16) * 127. Of what
// was added to the levels each takes off one half: c being codes, d those of the other half, that leaves
// sum(level * c) + 8 * (sum(c) - sum(d)), which is no larger.
struct Levels {
  I weights;
  I add(I sum, I codes) const { return _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, codes)); }
  static I start(const std::byte* in, int64_t group) {
    int16_t offset;
    __builtin_memcpy(&offset, in + packed_dot::kLevelOffsetsAt + 2 * group, sizeof offset);
    return _mm256_set1_epi16(offset);
  }
};
static_assert(8 * (kQ4iMostLevel + packed_dot::kLevelAdded) * 127 < 1 << 15);
inline I widen(I sum, I of_group, I size) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(of_group, size));
}

#include "kernels/cpu/packed_levels.h"

// q4i's levels of a block, its sizes and its scales.
template <>
struct WideSource<Scheme::q4i> : Wide {
  static constexpr int64_t kSizesAt = 16 * 32;
  static constexpr int64_t kBlockScaleAt = kSizesAt + 4 * 32;
  static constexpr int64_t kBytes = kBlockScaleAt + 32;

  static void unpack(const PackedSource<Scheme::q4i>& from, int64_t b, std::byte* to) {
    I sizes[4];
    JAJU_UNROLL for (int g = 0; g < 4; ++g) sizes[g] = from.size(0, b, g);
    const F scale = from.block_scale(0, b);
    JAJU_UNROLL for (int g = 0; g < 4; ++g) {
      I steps[4];
      JAJU_UNROLL for (int s = 0; s < 4; ++s) steps[s] = from.levels(0, b, g, s).weights;
      JAJU_UNROLL for (int s = 0; s < 4; ++s) store_bytes(to + 32 * (4 * g + s), steps[s]);
      store_bytes(to + kSizesAt + 32 * g, sizes[g]);
    }
    store(reinterpret_cast<float*>(to + kBlockScaleAt), scale);
  }

  const std::byte* block(int unit, int64_t b) const {
    return first + unit * unit_bytes + (b - first_block) * kBytes;
  }
  Levels levels(int unit, int64_t b, int g, int s) const {
    return {bytes_at(block(unit, b) + 32 * (4 * g + s))};
  }
  I size(int unit, int64_t b, int g) const { return bytes_at(block(unit, b) + kSizesAt + 32 * g); }
  F block_scale(int unit, int64_t b) const { return set(block(unit, b) + kBlockScaleAt); }
};

template <int U, int C>
inline void add_block(const WideSource<Scheme::q4i>& from, int64_t b, int64_t b_in_piece,
                      const std::byte* const (&in)[C], F (&acc)[U][C]) {
  add_block_by_levels(from, b, b_in_piece, in, acc);
}

#include "kernels/cpu/packed_tile.h"

}  // namespace

extern const packed_dot::Kernels kKernels = {quantize_row, dot_panels};

}  // namespace jaju::packed_avx2
