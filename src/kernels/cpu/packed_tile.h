// What packed_avx2.cc and packed_vnni.cc share. Included in each, inside its anonymous namespace, after it
// has told its vectors: F of kLanes floats and I of as many int32 or four times as many bytes, which hold
// kLanes rows of a panel.
#pragma once

constexpr int64_t kGroups = packed_dot::kPieceCols / kGroupCols;
constexpr int64_t kBlocksOfPiece = packed_dot::kPieceCols / kBlockCols;
constexpr int kParts = kPanelRows / kLanes;  // of a panel
// With more than kFewInputs inputs this much is unpacked at once: it and the pieces of a tile's inputs stay
// in the first-level cache.
constexpr int64_t kPiecesAtOnce = 2;
constexpr int64_t kPanelsAtOnce = 2;
// Decoding reads this far ahead of the block at work.
constexpr int64_t kAheadBytes = 4096;

template <Scheme S>
constexpr int64_t kBlockBytes = 64 + 128 * code_bits(S);
static_assert(kBlockBytes<Scheme::q6> == block_bytes(Scheme::q6));

void quantize_row(const float* from, int64_t cols, std::byte* to) {
  for (int64_t first = 0; first < cols; first += packed_dot::kPieceCols, to += packed_dot::kPieceBytes) {
    const int64_t width = cols - first < packed_dot::kPieceCols ? cols - first : packed_dot::kPieceCols;
    alignas(64) float values[packed_dot::kPieceCols];
    __builtin_memcpy(values, from + first, static_cast<size_t>(width) * sizeof(float));
    __builtin_memset(values + width, 0, static_cast<size_t>(packed_dot::kPieceCols - width) * sizeof(float));
    // As integers, because NaN is above all there.
    int32_t largest_bits = 0;
    for (int64_t c = 0; c < packed_dot::kPieceCols; ++c) {
      int32_t bits;
      __builtin_memcpy(&bits, values + c, sizeof bits);
      bits &= 0x7fffffff;
      largest_bits = bits > largest_bits ? bits : largest_bits;
    }
    float largest;
    __builtin_memcpy(&largest, &largest_bits, sizeof largest);
    const bool finite = largest_bits < 0x7f800000;
    const bool some = finite && largest >= 0x1p-100f;
    const float scale = some ? largest / 127.0f : finite ? 0.0f : __builtin_nanf("");
    alignas(64) int8_t codes[packed_dot::kPieceCols];
    round_to_codes(values, some ? 127.0f / largest : 0.0f, codes);
    if (!some) __builtin_memset(codes, 0, sizeof codes);
    alignas(64) int32_t offsets[kGroups];
    alignas(64) int32_t q6_offsets[kGroups];
    for (int64_t g = 0; g < kGroups; ++g) {
      int32_t sum = 0;
      for (int64_t c = 0; c < kGroupCols; ++c) sum += codes[g * kGroupCols + c];
      offsets[g] = -packed_dot::kAdded * sum;
      q6_offsets[g] = -packed_dot::kQ6Added * sum;
    }
    __builtin_memcpy(to, codes, sizeof codes);
    __builtin_memcpy(to + packed_dot::kOffsetsAt, offsets, sizeof offsets);
    __builtin_memcpy(to + packed_dot::kQ6OffsetsAt, q6_offsets, sizeof q6_offsets);
    __builtin_memset(to + packed_dot::kScaleAt, 0, packed_dot::kPieceBytes - packed_dot::kScaleAt);
    __builtin_memcpy(to + packed_dot::kScaleAt, &scale, sizeof scale);
  }
}

// Where a tile's weights come from: the panels themselves, unpacked as they pass, ...
template <Scheme S>
struct PackedSource {
  static constexpr bool kQ6 = S == Scheme::q6;
  const std::byte* first;  // the panel in which the first unit lies; units are kLanes rows of a panel
  int64_t panel_bytes;
  int part;  // row of that panel that is the first unit's first
  // What follows the panels at work: those of the next tile, which start `skip` bytes behind their ends.
  int64_t skip = 0;

  const std::byte* block(int unit, int64_t b) const {
    return first + unit / kParts * panel_bytes + kPanelHeaderBytes + b * kBlockBytes<S>;
  }
  int row(int unit) const { return part + unit % kParts * kLanes; }
  Step<kQ6> step(int unit, int64_t b, int g, int s) const {
    return {unpack_step<S>(block(unit, b), row(unit), g, s)};
  }
  F scale(int unit, int64_t b, int g) const { return scales<S>(block(unit, b) + g * kPanelRows + row(unit)); }
  // Inlined always: to gcc a function that only fetches has no effect, and its calls go.
  [[gnu::always_inline]] void fetch(int unit, int64_t b) const {
    if (row(unit) != 0) return;
    const std::byte* from = block(unit, b) + kAheadBytes;
    if (from >= first + (unit / kParts + 1) * panel_bytes) from += skip;
    JAJU_UNROLL for (int64_t line = 0; line < kBlockBytes<S>; line += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(from + line), _MM_HINT_T0);
    }
  }
};

// ... or, where several tiles of inputs pass, what was unpacked of them before: for each group its steps and
// scales.
constexpr int64_t kWideGroupBytes = 16 * kLanes + 4 * kLanes;
template <bool Q6>
struct WideSource {
  static constexpr bool kQ6 = Q6;
  const std::byte* first;
  int64_t unit_bytes;
  int64_t first_block;
  // What is to be unpacked next, of the tile's panels, and how many lines of each a block fetches of it:
  // few at a time, since what fetches more than the cache has room to wait for stands still.
  const std::byte* ahead;
  int64_t ahead_panel_bytes;
  int64_t ahead_lines;

  const std::byte* group(int unit, int64_t b, int g) const {
    return first + unit * unit_bytes + ((b - first_block) * 4 + g) * kWideGroupBytes;
  }
  Step<kQ6> step(int unit, int64_t b, int g, int s) const {
    return {bytes_at(group(unit, b, g) + 4 * kLanes * s)};
  }
  F scale(int unit, int64_t b, int g) const { return set(group(unit, b, g) + 16 * kLanes); }
  [[gnu::always_inline]] void fetch(int unit, int64_t b) const {
    if (unit % kParts != 0) return;
    const std::byte* const from =
        ahead + unit / kParts * ahead_panel_bytes + (b - first_block) * ahead_lines * 64;
    for (int64_t line = 0; line < ahead_lines; ++line) {
      _mm_prefetch(reinterpret_cast<const char*>(from + 64 * line), _MM_HINT_T1);
    }
  }
};

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
      JAJU_UNROLL for (int u = 0; u < U; ++u) sum[u][c] = weights[u].add(sum[u][c], input);
    }
  }
  JAJU_UNROLL for (int u = 0; u < U; ++u) {
    const F scale = from.scale(u, b, g);
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[u][c] = fma(to_float(sum[u][c]), scale, acc[u][c]);
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
      JAJU_UNROLL for (int g = 0; g < 4; ++g) {
        if constexpr (C >= kHoldsGroupFrom) {
          add_group_by_input<U, C>(from, b, i, g, in, acc);
        } else {
          add_group_by_step<U, C>(from, b, i, g, in, acc);
        }
      }
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
  const auto source = [&](int64_t unit, int64_t at_once) {
    return PackedSource<S>{w.first + (first + unit / kParts) * w.bytes, w.bytes,
                           static_cast<int>(unit % kParts) * kLanes,
                           at_once > kParts ? (at_once / kParts - 1) * w.bytes : 0};
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
  constexpr bool kQ6 = S == Scheme::q6;
  constexpr int64_t kUnitBytes = kPiecesAtOnce * kGroups * kWideGroupBytes;
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
      for (int64_t b = b0; b < b1; ++b) {
        JAJU_UNROLL for (int g = 0; g < 4; ++g) {
          Step<kQ6> steps[4];  // all before the first is stored: a compiler must take it that bytes overlap
          JAJU_UNROLL for (int s = 0; s < 4; ++s) steps[s] = source.step(0, b, g, s);
          const F scale = source.scale(0, b, g);
          JAJU_UNROLL for (int s = 0; s < 4; ++s) store_bytes(to + 4 * kLanes * s, steps[s].weights);
          store(reinterpret_cast<float*>(to + 16 * kLanes), scale);
          to += kWideGroupBytes;
        }
      }
    }
    // While tiles pass, what comes next is on its way from memory, a share with each.
    const int64_t next_blocks = blocks - b1 < b1 - b0 ? blocks - b1 : b1 - b0;
    const int64_t shares = tiles * (b1 - b0);
    const int64_t ahead_lines = (next_blocks * kBlockBytes<S> / 64 + shares - 1) / shares;
    for (int64_t t = 0; t < tiles; ++t) {
      const std::byte* const ahead = w.first + first * w.bytes + kPanelHeaderBytes + b1 * kBlockBytes<S> +
                                     t * (b1 - b0) * ahead_lines * 64;
      const int64_t i = n * t / tiles;
      const int64_t count = n * (t + 1) / tiles - i;
      int64_t u = 0;
      if constexpr (kTileUnits == 2) {
        for (; u + 2 <= units; u += 2) {
          const WideSource<kQ6> source{wide + u * kUnitBytes, kUnitBytes, b0,
                                       ahead + u * w.bytes,   w.bytes,    ahead_lines};
          dot_inputs<2, kTileInputs>(source, blocks, p0, p1, x + i, count, sums + (u * n + i) * kLanes,
                                     n * kLanes);
        }
      }
      for (; u < units; ++u) {
        const WideSource<kQ6> source{
            wide + u * kUnitBytes,        kUnitBytes, b0,
            ahead + u / kParts * w.bytes, w.bytes,    u % kParts == 0 ? ahead_lines : 0};
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
