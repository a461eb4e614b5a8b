// Packed products on matrix tiles: what packed_amx.cc and its emulation (packed_amx_emulated.cc, for the
// tests of machines without tiles) share. Included in each, inside its anonymous namespace.
//
// A panel lies as a tile of the right-hand side does: a step, 4 columns of 16 rows, is a row of it, so the
// four steps of a group are a tile of 4 x 64 bytes. Sixteen inputs' codes of that group are the left-hand
// side, 16 x 16 bytes, and one instruction gives 16 x 16 sums. Groups have scales of their own, so a product
// cannot go deeper than 16 columns: a quarter of what the unit can, and still half of an AVX-512 dot
// product's instructions. q4i's scales are part of its bytes, but for one of 64 columns, which is all the
// depth there is.
//
// Slice: the columns of one product, Depth of them, 16 or 64. The sums of four slices go to memory and come
// back as vectors of a panel's 16 rows, to be scaled and added in the order that packed_dot.h gives; the unit
// multiplies the next four meanwhile.
//
// Machine: the tiles, 0 to 3 for sums, 4 and 5 for inputs, 6 and 7 for weights;
//   configure(depth), release()            of the thread
//   load_inputs<T>(from, stride), load_weights<T>(from), multiply<C>() = tile 4 + C % 2 times tile 6 + C % 2,
//   store<C>(to)
//   unpack(scheme, panel, b0, b1, to)      blocks of a panel: for each slice its steps as signed bytes, then
//                                          its 16 scales
//   fma(a, b, c)                           c = a * b + c, rounded once
#pragma once

// Vectors by the compilers' common extension; passed by reference only, see tensor/quantize.cc.
typedef float F [[gnu::vector_size(64)]];
typedef int32_t I [[gnu::vector_size(64)]];

constexpr int64_t kTileInputs = 16;
constexpr int64_t kBlocksOfPiece = packed_dot::kPieceCols / kBlockCols;
constexpr int64_t kSlicesAtOnce = 4;
constexpr int64_t kPanelsAtOnce = 2;
constexpr int64_t slice_bytes(int64_t depth) {
  return kPanelRows * (depth + static_cast<int64_t>(sizeof(float)));
}

// Sums of some slices, for 16 inputs: [slice][input][row].
struct alignas(64) SliceSums {
  int32_t at[kSlicesAtOnce][kTileInputs][kPanelRows];
};

// The inputs of a tile over one piece: 16 rows `stride` bytes apart.
struct InputTile {
  const std::byte* first;
  int64_t stride;
};

// They lie so already, or are copied to `room` (16 rows of a piece), with zeros for those that are missing.
inline InputTile gather(const std::byte* const* x, int64_t count, int64_t piece, std::byte* room) {
  const int64_t at = piece * packed_dot::kPieceBytes;
  if (count == kTileInputs) {
    const int64_t stride = x[1] - x[0];
    bool even = true;
    for (int64_t i = 2; i < count; ++i) even = even && x[i] - x[i - 1] == stride;
    if (even) return {x[0] + at, stride};
  }
  for (int64_t i = 0; i < kTileInputs; ++i) {
    std::byte* const to = room + i * packed_dot::kPieceCols;
    if (i < count) {
      __builtin_memcpy(to, x[i] + at, packed_dot::kPieceCols);
    } else {
      __builtin_memset(to, 0, packed_dot::kPieceCols);
    }
  }
  return {room, packed_dot::kPieceCols};
}

// Slices from `first` on, n of them, at most kSlicesAtOnce.
template <typename Machine, int64_t Depth>
inline void multiply_slices(const InputTile& in, int64_t first, int64_t n, const std::byte* weights,
                            SliceSums& sums) {
  const std::byte* const codes = in.first + first * Depth;
  const std::byte* const of = weights + first * slice_bytes(Depth);
  Machine::template load_inputs<4>(codes, in.stride);
  Machine::template load_weights<6>(of);
  Machine::template multiply<0>();
  if (n > 1) {
    Machine::template load_inputs<5>(codes + Depth, in.stride);
    Machine::template load_weights<7>(of + slice_bytes(Depth));
    Machine::template multiply<1>();
  }
  if (n > 2) {
    Machine::template load_inputs<4>(codes + 2 * Depth, in.stride);
    Machine::template load_weights<6>(of + 2 * slice_bytes(Depth));
    Machine::template multiply<2>();
  }
  if (n > 3) {
    Machine::template load_inputs<5>(codes + 3 * Depth, in.stride);
    Machine::template load_weights<7>(of + 3 * slice_bytes(Depth));
    Machine::template multiply<3>();
  }
  Machine::template store<0>(sums.at[0]);
  if (n > 1) Machine::template store<1>(sums.at[1]);
  if (n > 2) Machine::template store<2>(sums.at[2]);
  if (n > 3) Machine::template store<3>(sums.at[3]);
}

// acc[i] += sums of input i, each times its scale, slice by slice.
template <typename Machine, int64_t Depth>
inline void add_slices(const SliceSums& sums, int64_t first, int64_t n, const std::byte* weights,
                       F (&acc)[kTileInputs]) {
  for (int64_t s = 0; s < n; ++s) {
    F scale;
    __builtin_memcpy(&scale, weights + (first + s) * slice_bytes(Depth) + kPanelRows * Depth, sizeof scale);
    JAJU_UNROLL for (int64_t i = 0; i < kTileInputs; ++i) {
      I whole;
      __builtin_memcpy(&whole, sums.at[s][i], sizeof whole);
      const F value = __builtin_convertvector(whole, F);
      Machine::fma(value, scale, acc[i]);
    }
  }
}

// One piece of a panel times 16 inputs, of which `count` are there. sums: theirs so far, 16 rows each.
template <typename Machine, int64_t Depth>
[[gnu::noinline]] void multiply_piece(const InputTile& in, const std::byte* const* x, int64_t count,
                                      int64_t piece, int64_t blocks, const std::byte* weights, float* sums) {
  const int64_t slices = blocks * (kBlockCols / Depth);
  const auto from = [&](int64_t first) {
    return slices - first < kSlicesAtOnce ? slices - first : kSlicesAtOnce;
  };
  SliceSums of_slices[2];
  F acc[kTileInputs];
  JAJU_UNROLL for (int64_t i = 0; i < kTileInputs; ++i) acc[i] = F{};
  multiply_slices<Machine, Depth>(in, 0, from(0), weights, of_slices[0]);
  for (int64_t s = 0; s < slices; s += kSlicesAtOnce) {
    const int64_t next = s + kSlicesAtOnce;
    if (next < slices) {
      multiply_slices<Machine, Depth>(in, next, from(next), weights, of_slices[next / kSlicesAtOnce % 2]);
    }
    add_slices<Machine, Depth>(of_slices[s / kSlicesAtOnce % 2], s, from(s), weights, acc);
  }
  for (int64_t i = 0; i < count; ++i) {
    float one;
    __builtin_memcpy(&one, x[i] + piece * packed_dot::kPieceBytes + packed_dot::kScaleAt, sizeof one);
    const F piece_scale = F{} + one;
    F sum;
    __builtin_memcpy(&sum, sums + i * kPanelRows, sizeof sum);
    Machine::fma(acc[i], piece_scale, sum);
    __builtin_memcpy(sums + i * kPanelRows, &sum, sizeof sum);
  }
}

template <typename Machine, int64_t Depth>
inline void dot_on_tiles_of(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                            int64_t out_stride) {
  alignas(64) float sums[kPanelsAtOnce * packed_dot::kMaxInputs * kPanelRows];
  constexpr int64_t kPieceBytes = packed_dot::kPieceCols / Depth * slice_bytes(Depth);
  alignas(64) std::byte weights[kPanelsAtOnce * kPieceBytes];
  alignas(64) std::byte room[kTileInputs * packed_dot::kPieceCols];
  const int64_t panels = (w.rows + kPanelRows - 1) / kPanelRows;
  const int64_t blocks = (w.cols + kBlockCols - 1) / kBlockCols;
  const int64_t pieces = (blocks + kBlocksOfPiece - 1) / kBlocksOfPiece;
  const int64_t tiles = (n + kTileInputs - 1) / kTileInputs;
  Machine::configure(Depth);
  for (int64_t first = 0; first < panels; first += kPanelsAtOnce) {
    const int64_t count = panels - first < kPanelsAtOnce ? panels - first : kPanelsAtOnce;
    const std::byte* const panel = w.first + first * w.bytes;
    __builtin_memset(sums, 0, static_cast<size_t>(count * n * kPanelRows) * sizeof(float));
    for (int64_t p = 0; p < pieces; ++p) {
      const int64_t b0 = p * kBlocksOfPiece;
      const int64_t b1 = b0 + kBlocksOfPiece < blocks ? b0 + kBlocksOfPiece : blocks;
      for (int64_t u = 0; u < count; ++u) {
        Machine::unpack(w.scheme, panel + u * w.bytes, b0, b1, weights + u * kPieceBytes);
      }
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t i = n * t / tiles;
        const int64_t inputs = n * (t + 1) / tiles - i;
        const InputTile in = gather(x + i, inputs, p, room);
        for (int64_t u = 0; u < count; ++u) {
          multiply_piece<Machine, Depth>(in, x + i, inputs, p, b1 - b0, weights + u * kPieceBytes,
                                         sums + (u * n + i) * kPanelRows);
        }
      }
    }
    for (int64_t u = 0; u < count; ++u) {
      const int64_t r0 = (first + u) * kPanelRows;
      const int64_t rows = w.rows - r0 < kPanelRows ? w.rows - r0 : kPanelRows;
      float factors[kPanelRows];
      __builtin_memcpy(factors, panel + u * w.bytes, sizeof factors);
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t r = 0; r < rows; ++r) {
          out[i * out_stride + r0 + r] = sums[(u * n + i) * kPanelRows + r] * factors[r];
        }
      }
    }
  }
  Machine::release();
}

template <typename Machine>
inline void dot_on_tiles(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                         int64_t out_stride) {
  if (has_integer_groups(w.scheme)) return dot_on_tiles_of<Machine, kBlockCols>(w, x, n, out, out_stride);
  dot_on_tiles_of<Machine, kGroupCols>(w, x, n, out, out_stride);
}
