// The kernel of packed_amx.cc over tiles in plain code, so that its tests run on any machine. Part of the
// tests only.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_amx_emulated {
namespace {

#include "kernels/cpu/packed_amx_tile.h"

// The eight tiles of a thread, as Intel's manual describes them (volume 2, TDPBSSD and its neighbours). What
// the hardware refuses, stops.
struct Tile {
  int64_t rows = 0, row_bytes = 0;
  int8_t bytes[16][64];
  int32_t sums[16][16];
};
thread_local Tile tiles[8];
thread_local bool configured = false;

struct Machine {
  static void configure(int64_t depth) {
    for (int t = 0; t < 8; ++t) {
      tiles[t].rows = t < 6 ? kTileInputs : depth / 4;
      tiles[t].row_bytes = t == 4 || t == 5 ? depth : 4 * kPanelRows;
    }
    configured = true;
  }
  static void release() { configured = false; }

  static void load(Tile& tile, const std::byte* from, int64_t stride) {
    JAJU_CHECK(configured);
    for (int64_t r = 0; r < tile.rows; ++r) {
      __builtin_memcpy(tile.bytes[r], from + r * stride, static_cast<size_t>(tile.row_bytes));
    }
  }
  template <int T>
  static void load_inputs(const std::byte* from, int64_t stride) {
    load(tiles[T], from, stride);
  }
  template <int T>
  static void load_weights(const std::byte* from) {
    load(tiles[T], from, 4 * kPanelRows);
  }
  template <int C>
  static void multiply() {
    const Tile& a = tiles[4 + C % 2];
    const Tile& b = tiles[6 + C % 2];
    Tile& c = tiles[C];
    JAJU_CHECK(configured && a.row_bytes / 4 == b.rows && c.rows == a.rows && c.row_bytes == b.row_bytes);
    for (int64_t m = 0; m < c.rows; ++m) {
      for (int64_t n = 0; n < c.row_bytes / 4; ++n) {
        int32_t sum = 0;
        for (int64_t k = 0; k < b.rows; ++k) {
          for (int64_t j = 0; j < 4; ++j) sum += a.bytes[m][4 * k + j] * b.bytes[k][4 * n + j];
        }
        c.sums[m][n] = sum;
      }
    }
  }
  template <int C>
  static void store(int32_t (&to)[kTileInputs][kPanelRows]) {
    __builtin_memcpy(to, tiles[C].sums, sizeof to);
  }

  // By packed_at, from a copy of the panel whose rows have factor 1.
  static void unpack(Scheme scheme, const std::byte* panel, int64_t b0, int64_t b1, std::byte* to) {
    const int64_t cols = b1 * kBlockCols;
    std::vector<std::byte> copy(panel, panel + panel_bytes(scheme, cols));
    const float one = 1;
    for (int64_t r = 0; r < kPanelRows; ++r) __builtin_memcpy(copy.data() + 4 * r, &one, sizeof one);
    const int64_t depth = has_integer_groups(scheme) ? kBlockCols : kGroupCols;
    for (int64_t first = b0 * kBlockCols; first < cols; first += depth, to += slice_bytes(depth)) {
      const std::byte* const block =
          copy.data() + kPanelHeaderBytes + first / kBlockCols * block_bytes(scheme);
      for (int64_t r = 0; r < kPanelRows; ++r) {
        const auto byte = static_cast<uint8_t>(block[first % kBlockCols / kGroupCols * kPanelRows + r]);
        const float scale =
            has_integer_groups(scheme) ? integer_scales_at(block, r).block() : scale_value(scheme, byte);
        __builtin_memcpy(to + kPanelRows * depth + 4 * r, &scale, sizeof scale);
        for (int64_t c = 0; c < depth; ++c) {
          const float value = scale == 0 ? 0 : packed_at(scheme, copy.data(), cols, r, first + c) / scale;
          to[c / 4 * (4 * kPanelRows) + 4 * r + c % 4] = static_cast<std::byte>(static_cast<int8_t>(value));
        }
      }
    }
  }

  static void fma(const F& a, const F& b, F& c) {
    for (int lane = 0; lane < kPanelRows; ++lane) c[lane] = __builtin_fmaf(a[lane], b[lane], c[lane]);
  }
};

}  // namespace

void dot_panels(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                int64_t out_stride) {
  dot_on_tiles<Machine>(w, x, n, out, out_stride);
}

}  // namespace jaju::packed_amx_emulated
