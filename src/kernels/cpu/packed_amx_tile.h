// Packed products on matrix tiles, of q4i: what packed_amx.cc and its emulation (packed_amx_emulated.cc, for
// the tests of machines without tiles) share. Included in each, inside its anonymous namespace.
//
// A panel lies as a tile of the right-hand side does: a step, 4 columns of 16 rows, is a row of it, and the
// 16 steps of a block are all 16 rows. Sixteen inputs' codes of those 64 columns are the left-hand side, and
// one instruction gives 16 x 16 sums. They go to memory and come back as vectors of a panel's 16 rows, to be
// scaled and added in the order that packed_dot.h gives, a tile of inputs later: the unit multiplies
// meanwhile. The other schemes have a scale for every 16 columns, and a product would use a quarter of the
// unit: AVX-512 is faster (docs/log.md).
//
// Machine: the tiles, 0 to 3 for the blocks of a piece, 4 and 5 for inputs, 6 and 7 for sums;
//   configure(), release()              of the thread
//   load<B>(weights)                    block B of the piece
//   multiply<B>(inputs, stride, to)     its product with a tile of inputs, rows `stride` bytes apart
//   unpack(panel, b0, b1, to)           blocks of a panel: of each its 16 steps as signed bytes, then its 16
//                                       scales
//   fma(a, b, c)                        c = a * b + c, rounded once
#pragma once

// Vectors by the compilers' common extension; passed by reference only, see tensor/quantize.cc.
typedef float F [[gnu::vector_size(64)]];
typedef int32_t I [[gnu::vector_size(64)]];

constexpr int64_t kTileInputs = 16;
// Tiles of inputs that share a panel's loads. Where they are copied first it is better to copy one at a time
// (41 ns a product, 45 with two on Emerald Rapids; where they are not, 39 and 35).
constexpr int64_t kTilesAtOnce = 2;
constexpr int64_t kBlocksOfPiece = packed_dot::kPieceCols / kBlockCols;
static_assert(kBlocksOfPiece == 4);
constexpr int64_t kPanelsAtOnce = 2;
constexpr int64_t kBlockBytes = kPanelRows * (kBlockCols + static_cast<int64_t>(sizeof(float)));
constexpr int64_t kUnpackedBytes = kBlocksOfPiece * kBlockBytes;

// Sums of a block, for 16 inputs: [input][row].
using BlockSums = int32_t[kTileInputs][kPanelRows];

// Whether input rows lie at equal distances.
inline bool lie_evenly(const std::byte* const* x, int64_t n) {
  for (int64_t i = 2; i < n; ++i) {
    if (x[i] - x[i - 1] != x[1] - x[0]) return false;
  }
  return true;
}

// The inputs of a tile over one piece: 16 rows `stride` bytes apart, of which `count` are there, and their
// scales.
struct InputTile {
  const std::byte* first;
  int64_t stride;
  int64_t count;
  float scales[kTileInputs];

  // Where they do not lie so they are copied to `room` (16 rows of a piece), with zeros for those missing.
  void gather(const std::byte* const* x, int64_t n, bool even, int64_t piece, std::byte* room) {
    const int64_t at = piece * packed_dot::kPieceBytes;
    count = n < kTileInputs ? n : kTileInputs;
    for (int64_t i = 0; i < count; ++i) {
      __builtin_memcpy(&scales[i], x[i] + at + packed_dot::kScaleAt, sizeof scales[i]);
    }
    if (even && count == kTileInputs) {
      first = x[0] + at;
      stride = x[1] - x[0];
      return;
    }
    for (int64_t i = 0; i < kTileInputs; ++i) {
      std::byte* const to = room + i * packed_dot::kPieceCols;
      if (i < count) {
        __builtin_memcpy(to, x[i] + at, packed_dot::kPieceCols);
      } else {
        __builtin_memset(to, 0, packed_dot::kPieceCols);
      }
    }
    first = room;
    stride = packed_dot::kPieceCols;
  }
};

// One piece of a panel, unpacked, times some tiles of inputs.
struct Piece {
  const InputTile* inputs;
  int64_t tiles;
  int64_t blocks;
  const std::byte* weights;
  float* sums;  // of all inputs so far, 16 each
  // What is unpacked next, and its lines, which are on their way from memory meanwhile.
  const std::byte* ahead;
  int64_t ahead_lines;

  // acc[i] += sums of input i times the block's scales.
  void add(const BlockSums& of_block, int64_t block, F (&acc)[kTileInputs]) const {
    F scale;
    __builtin_memcpy(&scale, weights + block * kBlockBytes + kPanelRows * kBlockCols, sizeof scale);
    JAJU_UNROLL for (int64_t i = 0; i < kTileInputs; ++i) {
      I whole;
      __builtin_memcpy(&whole, of_block[i], sizeof whole);
      Machine::fma(__builtin_convertvector(whole, F), scale, acc[i]);
    }
  }

  // Of a tile, times their scales of the piece.
  void add_to_sums(int64_t tile, const F (&acc)[kTileInputs]) const {
    const InputTile& in = inputs[tile];
    JAJU_UNROLL for (int64_t i = 0; i < kTileInputs; ++i) {
      if (i == in.count) break;
      F sum;
      float* const to = sums + (tile * kTileInputs + i) * kPanelRows;
      __builtin_memcpy(&sum, to, sizeof sum);
      Machine::fma(acc[i], F{} + in.scales[i], sum);
      __builtin_memcpy(to, &sum, sizeof sum);
    }
  }

  void fetch(int64_t tile) const {
    const int64_t each = (ahead_lines + tiles - 1) / tiles;
    for (int64_t line = tile * each; line < (tile + 1) * each && line < ahead_lines; ++line) {
      __builtin_prefetch(ahead + line * 64, 0, 2);
    }
  }

  // Tiles are multiplied while the sums of the one before are added. Whole: all four blocks.
  template <bool Whole>
  [[gnu::noinline]] void multiply() const {
    alignas(64) BlockSums of_blocks[2][kBlocksOfPiece];
    const auto load = [&]<int B>() {
      if (Whole || B < blocks) Machine::template load<B>(weights + B * kBlockBytes);
    };
    load.template operator()<0>();
    load.template operator()<1>();
    load.template operator()<2>();
    load.template operator()<3>();
    const auto multiply_block = [&]<int B>(int64_t tile) {
      if (!Whole && B >= blocks) return;
      const InputTile& in = inputs[tile];
      Machine::template multiply<B>(in.first + B * kBlockCols, in.stride, of_blocks[tile % 2][B]);
    };
    F acc[kTileInputs];
    const auto add_block = [&]<int B>(int64_t tile) {
      if (Whole || B < blocks) add(of_blocks[tile % 2][B], B, acc);
    };
    // Written out: told once as a loop over blocks, gcc 12 makes it 8 % slower.
    for (int64_t tile = 0; tile <= tiles; ++tile) {
      JAJU_UNROLL for (int64_t i = 0; i < kTileInputs; ++i) acc[i] = F{};
      if (tile < tiles) fetch(tile);
      if (tile == 0) {
        multiply_block.template operator()<0>(tile);
        multiply_block.template operator()<1>(tile);
        multiply_block.template operator()<2>(tile);
        multiply_block.template operator()<3>(tile);
        continue;
      }
      if (tile < tiles) {
        multiply_block.template operator()<0>(tile);
        add_block.template operator()<0>(tile - 1);
        multiply_block.template operator()<1>(tile);
        add_block.template operator()<1>(tile - 1);
        multiply_block.template operator()<2>(tile);
        add_block.template operator()<2>(tile - 1);
        multiply_block.template operator()<3>(tile);
        add_block.template operator()<3>(tile - 1);
      } else {
        add_block.template operator()<0>(tile - 1);
        add_block.template operator()<1>(tile - 1);
        add_block.template operator()<2>(tile - 1);
        add_block.template operator()<3>(tile - 1);
      }
      add_to_sums(tile - 1, acc);
    }
  }
};

// Sums times row factors to their places.
inline void write_panel(const packed_dot::Panels& w, int64_t panel, const float* sums, int64_t n, float* out,
                        int64_t out_stride) {
  const int64_t r0 = panel * kPanelRows;
  const int64_t rows = w.rows - r0 < kPanelRows ? w.rows - r0 : kPanelRows;
  F factors;
  __builtin_memcpy(&factors, w.first + panel * w.bytes, sizeof factors);
  for (int64_t i = 0; i < n; ++i) {
    F sum;
    __builtin_memcpy(&sum, sums + i * kPanelRows, sizeof sum);
    sum *= factors;
    float* const to = out + i * out_stride + r0;
    if (rows == kPanelRows) {
      __builtin_memcpy(to, &sum, sizeof sum);
    } else {
      __builtin_memcpy(to, &sum, static_cast<size_t>(rows) * sizeof(float));
    }
  }
}

inline void dot_on_tiles(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                         int64_t out_stride) {
  const bool even = lie_evenly(x, n);
  const int64_t inputs_at_once = (even ? kTilesAtOnce : 1) * kTileInputs;
  alignas(64) float sums[kPanelsAtOnce * packed_dot::kMaxInputs * kPanelRows];
  alignas(64) std::byte room[kTileInputs * packed_dot::kPieceCols];
  alignas(64) std::byte weights[kPanelsAtOnce * kUnpackedBytes];
  InputTile inputs[kTilesAtOnce];
  const int64_t panels = (w.rows + kPanelRows - 1) / kPanelRows;
  const int64_t blocks = (w.cols + kBlockCols - 1) / kBlockCols;
  const int64_t passes = (n + inputs_at_once - 1) / inputs_at_once;
  Machine::configure();
  for (int64_t first = 0; first < panels; first += kPanelsAtOnce) {
    const int64_t count = panels - first < kPanelsAtOnce ? panels - first : kPanelsAtOnce;
    const std::byte* const panel = w.first + first * w.bytes;
    __builtin_memset(sums, 0, static_cast<size_t>(count * n * kPanelRows) * sizeof(float));
    for (int64_t b0 = 0; b0 < blocks; b0 += kBlocksOfPiece) {
      const int64_t b1 = b0 + kBlocksOfPiece < blocks ? b0 + kBlocksOfPiece : blocks;
      const int64_t number = b0 / kBlocksOfPiece;
      for (int64_t u = 0; u < count; ++u) {
        Machine::unpack(panel + u * w.bytes, b0, b1, weights + u * kUnpackedBytes);
      }
      // The pieces that follow, and at the end the first ones of the next panels.
      const bool ends = b1 == blocks;
      const int64_t left = ends ? blocks : blocks - b1;
      const int64_t next = (left < kBlocksOfPiece ? left : kBlocksOfPiece) * block_bytes(Scheme::q4i) / 64;
      const std::byte* const ahead =
          (ends ? panel + count * w.bytes : panel + b1 * block_bytes(Scheme::q4i)) + kPanelHeaderBytes;
      const int64_t share = (next + passes - 1) / passes;
      for (int64_t pass = 0; pass < passes; ++pass) {
        const int64_t i0 = pass * inputs_at_once;
        const int64_t m = n - i0 < inputs_at_once ? n - i0 : inputs_at_once;
        for (int64_t i = 0; i < m; i += kTileInputs) {
          inputs[i / kTileInputs].gather(x + i0 + i, m - i, even, number, room);
        }
        const int64_t fetched = pass * share;
        for (int64_t u = 0; u < count; ++u) {
          const Piece piece{inputs,
                            (m + kTileInputs - 1) / kTileInputs,
                            b1 - b0,
                            weights + u * kUnpackedBytes,
                            sums + (u * n + i0) * kPanelRows,
                            ahead + u * w.bytes + fetched * 64,
                            next - fetched < share ? next - fetched : share};
          b1 - b0 == kBlocksOfPiece ? piece.multiply<true>() : piece.multiply<false>();
        }
      }
    }
    for (int64_t u = 0; u < count; ++u) {
      write_panel(w, first + u, sums + u * n * kPanelRows, n, out, out_stride);
    }
  }
  Machine::release();
}
