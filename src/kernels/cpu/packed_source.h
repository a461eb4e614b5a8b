// What packed_avx2.cc, packed_avx_vnni.cc and packed_vnni.cc share: inputs in int8, and where a tile's
// weights come from. Included in each, inside its anonymous namespace, after it has told its vectors: F of
// kLanes floats and I of as many int32 or four times as many bytes, which hold kLanes rows of a panel.
// packed_levels.h and packed_tile.h go on.
#pragma once

constexpr int64_t kGroups = packed_dot::kPieceCols / kGroupCols;
constexpr int64_t kBlocksOfPiece = packed_dot::kPieceCols / kBlockCols;
constexpr int kParts = kPanelRows / kLanes;  // of a panel
// With more than kFewInputs inputs this much is unpacked at once: it and the pieces of a tile's inputs stay
// in the first-level cache.
constexpr int64_t kPiecesAtOnce = 2;
constexpr int64_t kPanelsAtOnce = 2;

// Decoding fetches this far ahead of the block at work, to the first-level cache where that is large enough
// (docs/benchmarks.md, "What binds").
constexpr int64_t kAheadBytes = 4096;
inline bool fetches_to_first_level() {
  constexpr int64_t kLargeEnough = 48 * 1024;
  static const bool large = sysconf(_SC_LEVEL1_DCACHE_SIZE) >= kLargeEnough;
  return large;
}

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
    int32_t block_offsets[kBlocksOfPiece] = {};
    int16_t level_offsets[kGroups];
    for (int64_t g = 0; g < kGroups; ++g) {
      int32_t sum = 0;
      for (int64_t c = 0; c < kGroupCols; ++c) sum += codes[g * kGroupCols + c];
      offsets[g] = -packed_dot::kAdded * sum;
      q6_offsets[g] = -packed_dot::kQ6Added * sum;
      block_offsets[g * kGroupCols / kBlockCols] -= packed_dot::kAdded * sum;
      level_offsets[g] = static_cast<int16_t>(-packed_dot::kLevelAdded / 2 * sum);
    }
    __builtin_memcpy(to, codes, sizeof codes);
    __builtin_memcpy(to + packed_dot::kOffsetsAt, offsets, sizeof offsets);
    __builtin_memcpy(to + packed_dot::kQ6OffsetsAt, q6_offsets, sizeof q6_offsets);
    __builtin_memset(to + packed_dot::kScaleAt, 0, packed_dot::kPieceBytes - packed_dot::kScaleAt);
    __builtin_memcpy(to + packed_dot::kScaleAt, &scale, sizeof scale);
    __builtin_memcpy(to + packed_dot::kBlockOffsetsAt, block_offsets, sizeof block_offsets);
    __builtin_memcpy(to + packed_dot::kLevelOffsetsAt, level_offsets, sizeof level_offsets);
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
  bool fetches_to_first = false;

  const std::byte* block(int unit, int64_t b) const {
    return first + unit / kParts * panel_bytes + kPanelHeaderBytes + b * kBlockBytes<S>;
  }
  int row(int unit) const { return part + unit % kParts * kLanes; }
  Step<kQ6> step(int unit, int64_t b, int g, int s) const {
    return {unpack_step<S>(block(unit, b), row(unit), g, s)};
  }
  F scale(int unit, int64_t b, int g) const { return scales<S>(block(unit, b) + g * kPanelRows + row(unit)); }
  // q4i, see packed_levels.h.
  Levels levels(int unit, int64_t b, int g, int s) const {
    return {unpack_step<S>(block(unit, b), row(unit), g, s)};
  }
  I size(int unit, int64_t b, int g) const { return row_scales(unit, b).size(g); }
  F block_scale(int unit, int64_t b) const { return row_scales(unit, b).block(); }
  RowScales row_scales(int unit, int64_t b) const { return {bytes_at(block(unit, b) + 4 * row(unit))}; }
  // Inlined always: to gcc a function that only fetches has no effect, and its calls go.
  [[gnu::always_inline]] void fetch(int unit, int64_t b) const {
    if (row(unit) != 0) return;
    const std::byte* from = block(unit, b) + kAheadBytes;
    if (from >= first + (unit / kParts + 1) * panel_bytes) from += skip;
    const char* const lines = reinterpret_cast<const char*>(from);
    if (fetches_to_first) {
      JAJU_UNROLL for (int64_t at = 0; at < kBlockBytes<S>; at += 64) _mm_prefetch(lines + at, _MM_HINT_T0);
    } else {
      JAJU_UNROLL for (int64_t at = 0; at < kBlockBytes<S>; at += 64) _mm_prefetch(lines + at, _MM_HINT_T1);
    }
  }
};

// ... or, where several tiles of inputs pass, what was unpacked of them before, a block at a time: ...
struct Wide {
  const std::byte* first;
  int64_t unit_bytes;
  int64_t first_block;
  // What is to be unpacked next, of the tile's panels, and how many lines of each a block fetches of it:
  // few at a time, since what fetches more than the cache has room to wait for stands still.
  const std::byte* ahead;
  int64_t ahead_panel_bytes;
  int64_t ahead_lines;

  [[gnu::always_inline]] void fetch(int unit, int64_t b) const {
    if (unit % kParts != 0) return;
    const std::byte* const from =
        ahead + unit / kParts * ahead_panel_bytes + (b - first_block) * ahead_lines * 64;
    for (int64_t line = 0; line < ahead_lines; ++line) {
      _mm_prefetch(reinterpret_cast<const char*>(from + 64 * line), _MM_HINT_T1);
    }
  }
};

// ... for each group its steps and scales.
constexpr int64_t kWideGroupBytes = 16 * kLanes + 4 * kLanes;
template <Scheme S>
struct WideSource : Wide {
  static constexpr bool kQ6 = S == Scheme::q6;
  static constexpr int64_t kBytes = 4 * kWideGroupBytes;  // of a block

  // Block b of one unit.
  static void unpack(const PackedSource<S>& from, int64_t b, std::byte* to) {
    JAJU_UNROLL for (int g = 0; g < 4; ++g, to += kWideGroupBytes) {
      Step<kQ6> steps[4];  // all before the first is stored: a compiler must take it that bytes overlap
      JAJU_UNROLL for (int s = 0; s < 4; ++s) steps[s] = from.step(0, b, g, s);
      const F scale = from.scale(0, b, g);
      JAJU_UNROLL for (int s = 0; s < 4; ++s) store_bytes(to + 4 * kLanes * s, steps[s].weights);
      store(reinterpret_cast<float*>(to + 16 * kLanes), scale);
    }
  }

  const std::byte* group(int unit, int64_t b, int g) const {
    return first + unit * unit_bytes + (b - first_block) * kBytes + g * kWideGroupBytes;
  }
  Step<kQ6> step(int unit, int64_t b, int g, int s) const {
    return {bytes_at(group(unit, b, g) + 4 * kLanes * s)};
  }
  F scale(int unit, int64_t b, int g) const { return set(group(unit, b, g) + 16 * kLanes); }
};
