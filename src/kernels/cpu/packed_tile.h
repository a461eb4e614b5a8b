// What packed_avx2.cc and packed_vnni.cc share. Included in each, inside its anonymous namespace, after it
// has told its vectors: F of kLanes floats and I of as many int32 or four times as many bytes, which hold
// kLanes rows of a panel.
#pragma once

constexpr int64_t kGroups = packed_dot::kPieceCols / kGroupCols;
constexpr int64_t kBlocksOfPiece = packed_dot::kPieceCols / kBlockCols;
constexpr int kParts = kPanelRows / kLanes;  // of a panel
// From this many inputs on, columns are blocked, so that the pieces of a tile's inputs stay in the
// first-level cache while the panels pass.
constexpr int64_t kPiecesAtOnce = 4;
constexpr int64_t kPanelsAtOnce = 2;
// Decoding reads this far ahead of the block at work.
constexpr int64_t kAheadBytes = 4096;

template <Scheme S>
constexpr int64_t kBlockBytes = kPanelRows* kBlockCols / kGroupCols +
                                kPanelRows* kBlockCols* code_bits(S) / 8;

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
      offsets[g] = -128 * sum;
      q6_offsets[g] = -46 * sum;
    }
    __builtin_memcpy(to, codes, sizeof codes);
    __builtin_memcpy(to + packed_dot::kOffsetsAt, offsets, sizeof offsets);
    __builtin_memcpy(to + packed_dot::kQ6OffsetsAt, q6_offsets, sizeof q6_offsets);
    __builtin_memset(to + packed_dot::kScaleAt, 0, packed_dot::kPieceBytes - packed_dot::kScaleAt);
    __builtin_memcpy(to + packed_dot::kScaleAt, &scale, sizeof scale);
  }
}

// kLanes rows of a panel, from `part` rows on, over pieces [p0, p1) of `blocks` blocks in all, times C
// inputs. sums: C * kLanes floats, the outputs so far.
template <Scheme S, int C, bool Ahead>
[[gnu::noinline]] void dot_tile(const std::byte* panel, int part, int64_t blocks, int64_t p0, int64_t p1,
                                const std::byte* const* x, float* sums) {
  const std::byte* in[C];
  JAJU_UNROLL for (int c = 0; c < C; ++c) in[c] = x[c] + p0 * packed_dot::kPieceBytes;
  const std::byte* block = panel + kPanelHeaderBytes + p0 * kBlocksOfPiece * kBlockBytes<S>;
  for (int64_t p = p0; p < p1; ++p) {
    const int64_t left = blocks - p * kBlocksOfPiece;
    const int64_t n_blocks = left < kBlocksOfPiece ? left : kBlocksOfPiece;
    F acc[C];
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[c] = zero();
    for (int64_t b = 0; b < n_blocks; ++b, block += kBlockBytes<S>) {
      if constexpr (Ahead) {
        JAJU_UNROLL for (int64_t line = 0; line < kBlockBytes<S>; line += 64) {
          _mm_prefetch(reinterpret_cast<const char*>(block + kAheadBytes + line), _MM_HINT_T0);
        }
      }
      JAJU_UNROLL for (int g = 0; g < 4; ++g) {
        const Weights<S> weights(block, part, g);
        const F scale = scales(block + g * kPanelRows + part);
        JAJU_UNROLL for (int c = 0; c < C; ++c) {
          const std::byte* const codes = in[c] + b * kBlockCols + g * kGroupCols;
          I sum = Weights<S>::start(in[c], b * 4 + g);
          JAJU_UNROLL for (int s = 0; s < 4; ++s) sum = weights.add_step(sum, s, four_codes(codes + 4 * s));
          acc[c] = fma(to_float(sum), scale, acc[c]);
        }
      }
    }
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const F piece_scale = set1(in[c] + packed_dot::kScaleAt);
      store(sums + c * kLanes, fma(acc[c], piece_scale, load(sums + c * kLanes)));
      in[c] += packed_dot::kPieceBytes;
    }
  }
}

// Sizes of a tile; a count between two takes the larger, its last input several times.
template <Scheme S>
inline void dot_inputs(const std::byte* panel, int part, int64_t blocks, int64_t p0, int64_t p1,
                       const std::byte* const* x, int64_t n, float* sums) {
  const auto run = [&](auto tile, int64_t size) {
    if (n == size) return tile(panel, part, blocks, p0, p1, x, sums);
    const std::byte* padded[kTileInputs];
    alignas(64) float padded_sums[kTileInputs * kLanes];
    for (int64_t i = 0; i < size; ++i) padded[i] = x[i < n ? i : n - 1];
    __builtin_memset(padded_sums, 0, sizeof padded_sums);
    __builtin_memcpy(padded_sums, sums, static_cast<size_t>(n * kLanes) * sizeof(float));
    tile(panel, part, blocks, p0, p1, padded, padded_sums);
    __builtin_memcpy(sums, padded_sums, static_cast<size_t>(n * kLanes) * sizeof(float));
  };
  if (n == 1) return run(dot_tile<S, 1, true>, 1);
  if (n == 2) return run(dot_tile<S, 2, true>, 2);
  if constexpr (kTileInputs <= 4) {
    if (n == 3) return run(dot_tile<S, 3, true>, 3);
    return run(dot_tile<S, 4, true>, 4);
  } else {
    if (n == 3) return run(dot_tile<S, 3, true>, 3);
    if (n == 4) return run(dot_tile<S, 4, true>, 4);
    if (n <= 6) return run(dot_tile<S, 6, false>, 6);
    if (n <= 8) return run(dot_tile<S, 8, false>, 8);
    if (n <= 12) return run(dot_tile<S, 12, false>, 12);
    return run(dot_tile<S, kTileInputs, false>, kTileInputs);
  }
}

template <Scheme S>
inline void dot_scheme(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                       int64_t out_stride) {
  alignas(64) float sums[kPanelsAtOnce * packed_dot::kMaxInputs * kPanelRows];
  const int64_t blocks = (w.cols + kBlockCols - 1) / kBlockCols;
  const int64_t pieces = (w.cols + packed_dot::kPieceCols - 1) / packed_dot::kPieceCols;
  const int64_t panels = (w.rows + kPanelRows - 1) / kPanelRows;
  // Equal tiles.
  const int64_t tiles = (n + kTileInputs - 1) / kTileInputs;
  const int64_t at_once = tiles == 1 ? 1 : kPanelsAtOnce;
  const int64_t pieces_at_once = tiles == 1 ? pieces : kPiecesAtOnce;
  for (int64_t first = 0; first < panels; first += at_once) {
    const int64_t last = first + at_once < panels ? first + at_once : panels;
    __builtin_memset(sums, 0, static_cast<size_t>((last - first) * n * kPanelRows) * sizeof(float));
    for (int64_t p0 = 0; p0 < pieces; p0 += pieces_at_once) {
      const int64_t p1 = p0 + pieces_at_once < pieces ? p0 + pieces_at_once : pieces;
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t i = n * t / tiles;
        const int64_t count = n * (t + 1) / tiles - i;
        for (int64_t p = first; p < last; ++p) {
          for (int part = 0; part < kParts; ++part) {
            float* const to = sums + (((p - first) * kParts + part) * n + i) * kLanes;
            dot_inputs<S>(w.first + p * w.bytes, part * kLanes, blocks, p0, p1, x + i, count, to);
          }
        }
      }
    }
    for (int64_t p = first; p < last; ++p) {
      for (int part = 0; part < kParts; ++part) {
        const int64_t r = p * kPanelRows + part * kLanes;
        const int64_t rows = w.rows - r < kLanes ? w.rows - r : kLanes;
        const F factors = set(w.first + p * w.bytes + 4 * part * kLanes);
        const float* const from = sums + ((p - first) * kParts + part) * n * kLanes;
        for (int64_t i = 0; i < n && rows > 0; ++i) {
          store_n(out + i * out_stride + r, mul(load(from + i * kLanes), factors), rows);
        }
      }
    }
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
    case Scheme::none:
      break;
  }
}
