// Products of q4i with many inputs where an instruction adds four products of bytes at once:
// packed_avx_vnni.cc and packed_vnni.cc. Included in each, inside its anonymous namespace, after it has told
//   dpbusd(sum, unsigned, signed)   that instruction
//   WideSource<Scheme::q4i>         of a block sixteen steps, levels times sizes with kAdded added, then the
//   scales
#pragma once

template <int U, int C>
inline void add_block(const WideSource<Scheme::q4i>& from, int64_t b, int64_t b_in_piece,
                      const std::byte* const (&in)[C], F (&acc)[U][C]) {
  const std::byte* block[U];
  JAJU_UNROLL for (int u = 0; u < U; ++u) block[u] = from.block(u, b);
  I sum[U][C];
  JAJU_UNROLL for (int c = 0; c < C; ++c) {
    const I start = four_codes(in[c] + packed_dot::kBlockOffsetsAt + 4 * b_in_piece);
    JAJU_UNROLL for (int u = 0; u < U; ++u) sum[u][c] = start;
  }
  JAJU_UNROLL for (int s = 0; s < 16; ++s) {
    I weights[U];
    JAJU_UNROLL for (int u = 0; u < U; ++u) weights[u] = bytes_at(block[u] + 4 * kLanes * s);
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const I input = four_codes(in[c] + b_in_piece * kBlockCols + 4 * s);
      JAJU_UNROLL for (int u = 0; u < U; ++u) sum[u][c] = dpbusd(sum[u][c], weights[u], input);
    }
  }
  JAJU_UNROLL for (int u = 0; u < U; ++u) {
    const F scale = set(block[u] + 16 * 4 * kLanes);
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[u][c] = fma(to_float(sum[u][c]), scale, acc[u][c]);
  }
}
