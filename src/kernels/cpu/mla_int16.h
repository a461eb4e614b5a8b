// Attention of decoding rows in int16 (int16_dot.h): how queries and blocks of the cache are rounded.
// Included once per ISA.
//
// Latents and rope keys are rounded by themselves, a position or a head's query at a time: to 2,047 steps of
// either sign for 512 latents, where bf16 has 128 to 256 between a power of two and the next. Weights of the
// softmax, each times its position's scale, have 16,391 steps to the largest of a block and head.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

// Rows that see so many positions are multiplied in int16. Rounding a block costs as much as four heads save,
// and short caches are shared out by a few heads.
constexpr int64_t kInt16Positions = 256;
// And so many columns of the latent, and heads: a tile of scores adds its lanes and scales whatever its
// columns are, which of 64 (models/nano, six heads) is most of it, slower than f32 by nearly half.
constexpr int64_t kInt16Latent = 256;
constexpr int64_t kInt16Heads = 8;
constexpr int64_t kLineBytes = 64;

// The largest codes for which a sum of `columns` products stays below 2^31.
inline int32_t most_code(int64_t columns) {
  const auto most = static_cast<int32_t>(std::sqrt(2147483647.0 / static_cast<double>(columns)));
  return most < 32767 ? most : 32767;
}
// And of weights, for `rows` rows whose codes are at most `code`.
inline int32_t most_weight_code(int64_t rows, int32_t code) {
  const int64_t most = 2147483647 / (rows * code);
  return static_cast<int32_t>(most < 32767 ? most : 32767);
}

// The kernels of attention in int16, or null where it is not wanted: asked of what never changes within a
// sequence.
inline const int16dot::Kernels* mla_int16(const Context& context, const MlaArgs& a, const LatentCache& cache,
                                          bool absorbed) {
  const bool rounds = context.precision == Precision::fastest && cache.layout.type != CacheType::f32 &&
                      (a.kv_b.dtype == DType::bf16 || a.kv_b.packed());
  const int16dot::Kernels* const kernels = rounds ? int16_kernels() : nullptr;
  if (kernels == nullptr) return nullptr;
  const auto whole = [&](int64_t columns) { return columns % kernels->columns == 0; };
  if (!absorbed) return whole(a.nope + a.rope) && whole(a.v) ? kernels : nullptr;
  const bool pays = a.latent >= kInt16Latent && a.n_heads >= kInt16Heads;
  return pays && whole(a.latent) && whole(a.rope) ? kernels : nullptr;
}

// An absorbed query as row `at`.
inline void code_query(const int16dot::Kernels& kernels, const float* query, const int16dot::CodedRows& to,
                       int64_t at) {
  int16_t* const row = to.row(at);
  to.latent_scales[at] = kernels.round_row(query, to.latent, most_code(to.latent), row);
  to.rope_scales[at] = kernels.round_row(query + to.latent, to.rope, most_code(to.rope), row + to.latent);
}

// Positions [0, n) of a block, and up to a multiple of kRowsAtOnce rows that are nothing; room: a row in f32,
// for q8.
inline void code_block(const int16dot::Kernels& kernels, const LatentCache& cache, int64_t block, int64_t n,
                       float* room, const int16dot::CodedRows& to) {
  const CacheRow& layout = cache.layout;
  const int32_t most_latent = most_code(to.latent);
  const int32_t most_rope = most_code(to.rope);
  const std::byte* from = cache.block(block);
  int64_t j = 0;
  for (; j < n; ++j, from += layout.bytes()) {
    int16_t* const row = to.row(j);
    if (layout.type == CacheType::bf16) {
      const auto* const values = reinterpret_cast<const uint16_t*>(from);
      to.latent_scales[j] = kernels.round_bf16_row(values, to.latent, most_latent, row);
      to.rope_scales[j] = kernels.round_bf16_row(values + to.latent, to.rope, most_rope, row + to.latent);
    } else {
      widen_codes(layout, from, room, room + to.latent);
      to.latent_scales[j] = kernels.round_row(room, to.latent, most_latent, row);
      to.rope_scales[j] = kernels.round_row(room + to.latent, to.rope, most_rope, row + to.latent);
    }
  }
  for (; j % int16dot::kRowsAtOnce != 0; ++j) {
    __builtin_memset(to.row(j), 0, static_cast<size_t>(to.width()) * sizeof(int16_t));
    to.latent_scales[j] = to.rope_scales[j] = 0;
  }
}

}  // namespace
}  // namespace jaju::JAJU_ISA
