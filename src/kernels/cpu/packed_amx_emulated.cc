// The kernel of packed_amx.cc, of q4i, over tiles in plain code, so that its tests run on any machine. Part
// of the tests only.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_amx_emulated {
namespace {

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
  static void configure() {
    for (Tile& tile : tiles) tile = {16, 64, {}, {}};
    configured = true;
  }
  static void release() { configured = false; }

  static void load(Tile& tile, const std::byte* from, int64_t stride) {
    JAJU_CHECK(configured);
    for (int64_t r = 0; r < tile.rows; ++r) {
      __builtin_memcpy(tile.bytes[r], from + r * stride, static_cast<size_t>(tile.row_bytes));
    }
  }
  template <int B>
  static void load(const std::byte* weights) {
    load(tiles[B], weights, 64);
  }
  template <int B>
  static void multiply(const std::byte* inputs, int64_t stride, int32_t (&to)[16][16]) {
    Tile& a = tiles[4 + B % 2];
    const Tile& b = tiles[B];
    Tile& c = tiles[6 + B % 2];
    load(a, inputs, stride);
    JAJU_CHECK(a.row_bytes / 4 == b.rows && c.rows == a.rows && c.row_bytes == b.row_bytes);
    for (int64_t m = 0; m < c.rows; ++m) {
      for (int64_t n = 0; n < c.row_bytes / 4; ++n) {
        int32_t sum = 0;
        for (int64_t k = 0; k < b.rows; ++k) {
          for (int64_t j = 0; j < 4; ++j) sum += a.bytes[m][4 * k + j] * b.bytes[k][4 * n + j];
        }
        c.sums[m][n] = sum;
      }
    }
    __builtin_memcpy(to, c.sums, sizeof to);
  }

  // By packed_at, from a copy of the panel whose rows have factor 1.
  static void unpack(const std::byte* panel, int64_t b0, int64_t b1, std::byte* to) {
    constexpr Scheme kScheme = Scheme::q4i;
    const int64_t cols = b1 * kBlockCols;
    std::vector<std::byte> copy(panel, panel + panel_bytes(kScheme, cols));
    const float one = 1;
    for (int64_t r = 0; r < kPanelRows; ++r) __builtin_memcpy(copy.data() + 4 * r, &one, sizeof one);
    for (int64_t b = b0; b < b1; ++b, to += kPanelRows * (kBlockCols + 4)) {
      const std::byte* const block = copy.data() + kPanelHeaderBytes + b * block_bytes(kScheme);
      for (int64_t r = 0; r < kPanelRows; ++r) {
        const float scale = integer_scales_at(block, r).block();
        __builtin_memcpy(to + kPanelRows * kBlockCols + 4 * r, &scale, sizeof scale);
        for (int64_t c = 0; c < kBlockCols; ++c) {
          const float value =
              scale == 0 ? 0 : packed_at(kScheme, copy.data(), cols, r, b * kBlockCols + c) / scale;
          to[c / 4 * (4 * kPanelRows) + 4 * r + c % 4] = static_cast<std::byte>(static_cast<int8_t>(value));
        }
      }
    }
  }

  typedef float Lanes [[gnu::vector_size(64)]];
  static void fma(const Lanes& a, const Lanes& b, Lanes& c) {
    for (int lane = 0; lane < kPanelRows; ++lane) c[lane] = __builtin_fmaf(a[lane], b[lane], c[lane]);
  }
};

#include "kernels/cpu/packed_amx_tile.h"

}  // namespace

void dot_panels(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                int64_t out_stride) {
  dot_on_tiles(w, x, n, out, out_stride);
}

}  // namespace jaju::packed_amx_emulated
