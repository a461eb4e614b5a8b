// Products of q4i by levels and sizes (tensor/packed.h), for packed_avx2.cc and packed_vnni.cc: a group's
// products of unsigned levels and codes are added up in 16 bits, multiplied by the group's size, and added to
// the block's in 32. Included in each, inside its anonymous namespace, after it has told what packed_source.h
// wants, and:
//   struct Levels                a step's levels with kLevelAdded added
//     add(sum, codes)            a group's sum so far, as int16, with this step's products
//     start(in, group)           what such a sum starts with
//   block_start(sizes, in, b)    what the block's sum starts with, by the sizes of its four groups
//   widen(sum, of_group, size)   the block's sum with that of a group times its size
//   struct RowScales             32 bits of each row (IntegerScales)
//     size(g)                    256 times the sizes of a group, as widen wants them
//     block()                    scales of the block, divided by 256
// 256 times, because what a shuffle of bytes finds needs no sign extended then; sums stay below 2^31.
#pragma once

#include "kernels/cpu/packed_source.h"

template <int U, int C, typename Source>
inline void add_block_by_levels(const Source& from, int64_t b, int64_t b_in_piece,
                                const std::byte* const (&in)[C], F (&acc)[U][C]) {
  I sum[U][C];
  JAJU_UNROLL for (int u = 0; u < U; ++u) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const I sizes[4] = {from.size(u, b, 0), from.size(u, b, 1), from.size(u, b, 2), from.size(u, b, 3)};
      sum[u][c] = block_start(sizes, in[c], b_in_piece);
    }
  }
  JAJU_UNROLL for (int g = 0; g < 4; ++g) {
    Levels levels[U][4];
    I size[U];
    JAJU_UNROLL for (int u = 0; u < U; ++u) {
      JAJU_UNROLL for (int s = 0; s < 4; ++s) levels[u][s] = from.levels(u, b, g, s);
      size[u] = from.size(u, b, g);
    }
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const std::byte* const codes = in[c] + b_in_piece * kBlockCols + g * kGroupCols;
      const I start = Levels::start(in[c], b_in_piece * 4 + g);
      I of_group[U];
      JAJU_UNROLL for (int u = 0; u < U; ++u) of_group[u] = start;
      JAJU_UNROLL for (int s = 0; s < 4; ++s) {
        const I input = four_codes(codes + 4 * s);
        JAJU_UNROLL for (int u = 0; u < U; ++u) of_group[u] = levels[u][s].add(of_group[u], input);
      }
      JAJU_UNROLL for (int u = 0; u < U; ++u) sum[u][c] = widen(sum[u][c], of_group[u], size[u]);
    }
  }
  JAJU_UNROLL for (int u = 0; u < U; ++u) {
    const F scale = from.block_scale(u, b);
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[u][c] = fma(to_float(sum[u][c]), scale, acc[u][c]);
  }
}

template <int U, int C>
inline void add_block(const PackedSource<Scheme::q4i>& from, int64_t b, int64_t b_in_piece,
                      const std::byte* const (&in)[C], F (&acc)[U][C]) {
  add_block_by_levels(from, b, b_in_piece, in, acc);
}
