// What packed_avx2.cc, packed_avx_vnni.cc and packed_vnni.cc share: the tiles, and how they cover a product.
// Included in each, inside its anonymous namespace, after packed_levels.h and what it has of its own for q4i.
#pragma once

// Adds a group's products, U units by C inputs, to `acc`: an input at a time against all weights of the
// group, where registers hold those, ...
template <int U, int C, typename Source>
inline void add_group_by_input(const Source& from, int64_t b, int64_t b_in_piece, int g,
                               const std::byte* const (&in)[C], F (&acc)[U][C]) {
  using StepOf = Step<Source::kQ6>;
  StepOf weights[U][4];
  F scale[U];
  JAJU_UNROLL for (int u = 0; u < U; ++u) {
    JAJU_UNROLL for (int s = 0; s < 4; ++s) weights[u][s] = from.step(u, b, g, s);
    scale[u] = from.scale(u, b, g);
  }
  JAJU_UNROLL for (int c = 0; c < C; ++c) {
    const std::byte* const codes = in[c] + b_in_piece * kBlockCols + g * kGroupCols;
    const I start = StepOf::start(in[c], b_in_piece * 4 + g);
    I sum[U];
    JAJU_UNROLL for (int u = 0; u < U; ++u) sum[u] = start;
    JAJU_UNROLL for (int s = 0; s < 4; ++s) {
      const I input = four_codes(codes + 4 * s);
      JAJU_UNROLL for (int u = 0; u < U; ++u) sum[u] = weights[u][s].add(sum[u], input);
    }
    JAJU_UNROLL for (int u = 0; u < U; ++u) acc[u][c] = fma(to_float(sum[u]), scale[u], acc[u][c]);
  }
}
// ... or a step at a time against all inputs.
template <int U, int C, typename Source>
inline void add_group_by_step(const Source& from, int64_t b, int64_t b_in_piece, int g,
                              const std::byte* const (&in)[C], F (&acc)[U][C]) {
  using StepOf = Step<Source::kQ6>;
  I sum[U][C];
  JAJU_UNROLL for (int c = 0; c < C; ++c) {
    const I start = StepOf::start(in[c], b_in_piece * 4 + g);
    JAJU_UNROLL for (int u = 0; u < U; ++u) sum[u][c] = start;
  }
  JAJU_UNROLL for (int s = 0; s < 4; ++s) {
    StepOf weights[U];
    JAJU_UNROLL for (int u = 0; u < U; ++u) weights[u] = from.step(u, b, g, s);
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const I input = four_codes(in[c] + b_in_piece * kBlockCols + g * kGroupCols + 4 * s);
      JAJU_UNROLL for (int u = 0; u < U; ++u) {
        sum[u][c] = weights[u].add(sum[u][c], input);
        compute_now(sum[u][c]);
      }
    }
  }
  JAJU_UNROLL for (int u = 0; u < U; ++u) {
    const F scale = from.scale(u, b, g);
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[u][c] = fma(to_float(sum[u][c]), scale, acc[u][c]);
  }
}

// A block's products. packed_levels.h has q4i's.
template <int U, int C, typename Source>
inline void add_block(const Source& from, int64_t b, int64_t b_in_piece, const std::byte* const (&in)[C],
                      F (&acc)[U][C]) {
  JAJU_UNROLL for (int g = 0; g < 4; ++g) {
    if constexpr (kHoldsGroup<U, C>) {
      add_group_by_input<U, C>(from, b, b_in_piece, g, in, acc);
    } else {
      add_group_by_step<U, C>(from, b, b_in_piece, g, in, acc);
    }
  }
}

// U units over pieces [p0, p1) of `blocks` blocks in all, times C inputs. sums: the outputs so far, kLanes of
// a unit and an input; units are unit_sums apart.
template <int U, int C, typename Source>
[[gnu::noinline]] void dot_tile(const Source& source, int64_t blocks, int64_t p0, int64_t p1,
                                const std::byte* const* x, float* sums, int64_t unit_sums) {
  const Source from = source;
  const std::byte* in[C];
  JAJU_UNROLL for (int c = 0; c < C; ++c) in[c] = x[c] + p0 * packed_dot::kPieceBytes;
  for (int64_t p = p0; p < p1; ++p) {
    const int64_t left = blocks - p * kBlocksOfPiece;
    const int64_t n_blocks = left < kBlocksOfPiece ? left : kBlocksOfPiece;
    F acc[U][C];
    JAJU_UNROLL for (int u = 0; u < U; ++u) {
      JAJU_UNROLL for (int c = 0; c < C; ++c) acc[u][c] = zero();
    }
    for (int64_t i = 0; i < n_blocks; ++i) {
      const int64_t b = p * kBlocksOfPiece + i;
      JAJU_UNROLL for (int u = 0; u < U; ++u) from.fetch(u, b);
      add_block(from, b, i, in, acc);
    }
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const F piece_scale = set1(in[c] + packed_dot::kScaleAt);
      JAJU_UNROLL for (int u = 0; u < U; ++u) {
        float* const to = sums + u * unit_sums + c * kLanes;
        store(to, fma(acc[u][c], piece_scale, load(to)));
      }
      in[c] += packed_dot::kPieceBytes;
    }
  }
}

// The same for n inputs, at most C.
template <int U, int C, typename Source>
inline void dot_inputs(const Source& source, int64_t blocks, int64_t p0, int64_t p1,
                       const std::byte* const* x, int64_t n, float* sums, int64_t unit_sums) {
  if constexpr (C > 1) {
    if (n < C) return dot_inputs<U, C - 1>(source, blocks, p0, p1, x, n, sums, unit_sums);
  }
  dot_tile<U, C>(source, blocks, p0, p1, x, sums, unit_sums);
}

// Few inputs, at most kFewInputs: two units at once, from one end to the other, or one.
template <Scheme S>
inline void dot_few(const packed_dot::Panels& w, int64_t first, int64_t panels, const std::byte* const* x,
                    int64_t n, float* sums) {
  const int64_t blocks = (w.cols + kBlockCols - 1) / kBlockCols;
  const int64_t pieces = (blocks + kBlocksOfPiece - 1) / kBlocksOfPiece;
  const int64_t units = panels * kParts;
  const bool to_first = fetches_to_first_level();
  const auto source = [&](int64_t unit, int64_t at_once) {
    return PackedSource<S>{w.first + (first + unit / kParts) * w.bytes, w.bytes,
                           static_cast<int>(unit % kParts) * kLanes,
                           at_once > kParts ? (at_once / kParts - 1) * w.bytes : 0, to_first};
  };
  int64_t u = 0;
  if (n <= kFewInputsOfTwo) {
    for (; u + 2 <= units; u += 2) {
      dot_inputs<2, kFewInputsOfTwo>(source(u, 2), blocks, 0, pieces, x, n, sums + u * n * kLanes,
                                     n * kLanes);
    }
  }
  for (; u < units; ++u) {
    dot_inputs<1, kFewInputs>(source(u, 1), blocks, 0, pieces, x, n, sums + u * n * kLanes, 0);
  }
}

// Fetches the lines in which the first blocks of some panels lie.
template <Scheme S>
inline void fetch_first(const packed_dot::Panels& w, int64_t first, int64_t panels, int64_t blocks) {
  for (int64_t panel = first; panel < first + panels; ++panel) {
    const std::byte* const from = w.first + panel * w.bytes + kPanelHeaderBytes;
    for (int64_t at = 0; at < blocks * kBlockBytes<S>; at += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(from + at), _MM_HINT_T1);
    }
  }
}

// More: some pieces of the panels are unpacked for all inputs, which pass in tiles of equal size.
template <Scheme S>
inline void dot_many(const packed_dot::Panels& w, int64_t first, int64_t panels, const std::byte* const* x,
                     int64_t n, float* sums) {
  using Source = WideSource<S>;
  constexpr int64_t kUnitBytes = kPiecesAtOnce * kBlocksOfPiece * Source::kBytes;
  alignas(64) std::byte wide[kPanelsAtOnce * kParts * kUnitBytes];
  const int64_t blocks = (w.cols + kBlockCols - 1) / kBlockCols;
  const int64_t pieces = (blocks + kBlocksOfPiece - 1) / kBlocksOfPiece;
  const int64_t tiles = (n + kTileInputs - 1) / kTileInputs;
  const int64_t units = panels * kParts;
  constexpr int64_t kBlocksAtOnce = kPiecesAtOnce * kBlocksOfPiece;
  fetch_first<S>(w, first, panels, blocks < kBlocksAtOnce ? blocks : kBlocksAtOnce);
  for (int64_t p0 = 0; p0 < pieces; p0 += kPiecesAtOnce) {
    const int64_t p1 = p0 + kPiecesAtOnce < pieces ? p0 + kPiecesAtOnce : pieces;
    const int64_t b0 = p0 * kBlocksOfPiece;
    const int64_t b1 = p1 * kBlocksOfPiece < blocks ? p1 * kBlocksOfPiece : blocks;
    for (int64_t u = 0; u < units; ++u) {
      const PackedSource<S> source{w.first + (first + u / kParts) * w.bytes, w.bytes,
                                   static_cast<int>(u % kParts) * kLanes};
      std::byte* to = wide + u * kUnitBytes;
      for (int64_t b = b0; b < b1; ++b, to += Source::kBytes) Source::unpack(source, b, to);
    }
    // While tiles pass, what comes next is on its way from memory, a share with each: the pieces that follow,
    // and at the end the first ones of the next panels.
    const bool ends = b1 == blocks;
    const int64_t left = ends ? blocks : blocks - b1;
    const int64_t next_blocks = left < kBlocksAtOnce ? left : kBlocksAtOnce;
    const std::byte* const next = w.first + (ends ? first + panels : first) * w.bytes + kPanelHeaderBytes +
                                  (ends ? 0 : b1) * kBlockBytes<S>;
    const int64_t shares = tiles * (b1 - b0);
    const int64_t ahead_lines = (next_blocks * kBlockBytes<S> / 64 + shares - 1) / shares;
    for (int64_t t = 0; t < tiles; ++t) {
      const std::byte* const ahead = next + t * (b1 - b0) * ahead_lines * 64;
      const int64_t i = n * t / tiles;
      const int64_t count = n * (t + 1) / tiles - i;
      int64_t u = 0;
      if constexpr (kTileUnits == 2) {
        for (; u + 2 <= units; u += 2) {
          const Source source{
              {wide + u * kUnitBytes, kUnitBytes, b0, ahead + u / kParts * w.bytes, w.bytes, ahead_lines}};
          dot_inputs<2, kTileInputs>(source, blocks, p0, p1, x + i, count, sums + (u * n + i) * kLanes,
                                     n * kLanes);
        }
      }
      if constexpr (kParts % kTileUnits == 0) continue;
      for (; u < units; ++u) {
        const Source source{{wide + u * kUnitBytes, kUnitBytes, b0, ahead + u / kParts * w.bytes, w.bytes,
                             u % kParts == 0 ? ahead_lines : 0}};
        dot_inputs<1, kTileInputs>(source, blocks, p0, p1, x + i, count, sums + (u * n + i) * kLanes, 0);
      }
    }
  }
}

// Sums times row factors to their places: an output row's share of all panels at once, since rows lie pages
// apart.
inline void write_panels(const packed_dot::Panels& w, int64_t first, int64_t panels, int64_t n,
                         const float* sums, float* out, int64_t out_stride) {
  const int64_t r0 = first * kPanelRows;
  const int64_t rows = w.rows - r0 < panels * kPanelRows ? w.rows - r0 : panels * kPanelRows;
  F factors[kPanelsAtOnce * kParts];
  for (int64_t u = 0; u < panels * kParts; ++u) {
    factors[u] = set(w.first + (first + u / kParts) * w.bytes + 4 * (u % kParts) * kLanes);
  }
  for (int64_t i = 0; i < n; ++i) {
    float* const to = out + i * out_stride + r0;
    for (int64_t u = 0; u * kLanes < rows; ++u) {
      const F values = mul(load(sums + (u * n + i) * kLanes), factors[u]);
      const int64_t left = rows - u * kLanes;
      if (left >= kLanes) {
        store_anywhere(to + u * kLanes, values);
      } else {
        store_n(to + u * kLanes, values, left);
      }
    }
  }
}

template <Scheme S>
inline void dot_scheme(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                       int64_t out_stride) {
  alignas(64) float sums[kPanelsAtOnce * packed_dot::kMaxInputs * kPanelRows];
  const int64_t panels = (w.rows + kPanelRows - 1) / kPanelRows;
  for (int64_t first = 0; first < panels; first += kPanelsAtOnce) {
    const int64_t count = panels - first < kPanelsAtOnce ? panels - first : kPanelsAtOnce;
    __builtin_memset(sums, 0, static_cast<size_t>(count * n * kPanelRows) * sizeof(float));
    if (n <= kFewInputs) {
      dot_few<S>(w, first, count, x, n, sums);
    } else {
      dot_many<S>(w, first, count, x, n, sums);
    }
    write_panels(w, first, count, n, sums, out, out_stride);
  }
}

void dot_panels(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                int64_t out_stride) {
  switch (w.scheme) {
    case Scheme::q8:
      return dot_scheme<Scheme::q8>(w, x, n, out, out_stride);
    case Scheme::q6:
      return dot_scheme<Scheme::q6>(w, x, n, out, out_stride);
    case Scheme::q4:
      return dot_scheme<Scheme::q4>(w, x, n, out, out_stride);
    case Scheme::q4i:
      return dot_scheme<Scheme::q4i>(w, x, n, out, out_stride);
    case Scheme::q3:
      return dot_scheme<Scheme::q3>(w, x, n, out, out_stride);
    case Scheme::q2:
      return dot_scheme<Scheme::q2>(w, x, n, out, out_stride);
    case Scheme::mxfp4:
      return dot_scheme<Scheme::mxfp4>(w, x, n, out, out_stride);
    case Scheme::nvfp4:
      return dot_scheme<Scheme::nvfp4>(w, x, n, out, out_stride);
    case Scheme::none:
      break;
  }
}
