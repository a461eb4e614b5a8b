// Products of q4i by levels and sizes (tensor/packed.h), for the three files of packed_source.h: a group's
// products of unsigned levels and codes are added up in 16 bits, multiplied by the group's size, and added to
// the block's in 32. Included in each, inside its anonymous namespace, after it has told what packed_source.h
// wants, and:
//   struct Levels                a step's levels with kLevelAdded added
//     add(sum, codes)            a group's sum so far, as int16, with this step's products
//     start(in, group)           what such a sum starts with
//   widen(sum, of_group, size)   the block's sum with that of a group times its size
//   struct RowScales             32 bits of each row (IntegerScales)
//     size(g)                    256 times the sizes of a group, as widen wants them
//     block()                    scales of the block, divided by 256
// 256 times, because what a shuffle of bytes finds needs no sign extended then; sums stay below 2^31.
#pragma once

#include "kernels/cpu/packed_source.h"

// Adds a group's products to the sums of the block: an input at a time against all levels of the group, ...
template <int U, int C, typename Source>
inline void add_levels_by_input(const Source& from, int64_t b, int64_t b_in_piece, int g,
                                const std::byte* const (&in)[C], I (&sum)[U][C]) {
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
// ... or a step at a time against all inputs.
template <int U, int C, typename Source>
inline void add_levels_by_step(const Source& from, int64_t b, int64_t b_in_piece, int g,
                               const std::byte* const (&in)[C], I (&sum)[U][C]) {
  I of_group[U][C];
  JAJU_UNROLL for (int c = 0; c < C; ++c) {
    const I start = Levels::start(in[c], b_in_piece * 4 + g);
    JAJU_UNROLL for (int u = 0; u < U; ++u) of_group[u][c] = start;
  }
  JAJU_UNROLL for (int s = 0; s < 4; ++s) {
    Levels levels[U];
    JAJU_UNROLL for (int u = 0; u < U; ++u) levels[u] = from.levels(u, b, g, s);
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const I input = four_codes(in[c] + b_in_piece * kBlockCols + g * kGroupCols + 4 * s);
      JAJU_UNROLL for (int u = 0; u < U; ++u) {
        of_group[u][c] = levels[u].add(of_group[u][c], input);
        compute_now(of_group[u][c]);
      }
    }
  }
  JAJU_UNROLL for (int u = 0; u < U; ++u) {
    const I size = from.size(u, b, g);
    JAJU_UNROLL for (int c = 0; c < C; ++c) sum[u][c] = widen(sum[u][c], of_group[u][c], size);
  }
}

template <int U, int C, typename Source>
inline void add_block_by_levels(const Source& from, int64_t b, int64_t b_in_piece,
                                const std::byte* const (&in)[C], F (&acc)[U][C]) {
  I sum[U][C] = {};
  JAJU_UNROLL for (int g = 0; g < 4; ++g) {
    if constexpr (C == 1 || kHoldsGroup<U, C>) {
      add_levels_by_input<U, C>(from, b, b_in_piece, g, in, sum);
    } else {
      add_levels_by_step<U, C>(from, b, b_in_piece, g, in, sum);
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
