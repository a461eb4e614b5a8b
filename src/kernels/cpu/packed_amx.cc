// Packed products on AMX tiles (Sapphire Rapids and later), for many inputs; VNNI for few. Same bits as both
// other files. Compiled with its own flags; see avx2.cc for what that forbids.
#include <immintrin.h>

#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_amx {
namespace {

#include "kernels/cpu/packed_amx_tile.h"

// Below this a tile of inputs is too empty.
constexpr int64_t kLeastInputs = 17;

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// Tile numbers are part of the instruction: literals, by macros of the compiler's.
struct Machine {
  static void configure(int64_t depth) {
    TileConfig config;
    for (int t = 0; t < 8; ++t) {
      config.rows[t] = static_cast<uint8_t>(t < 6 ? kTileInputs : depth / 4);
      config.row_bytes[t] = static_cast<uint16_t>(t == 4 || t == 5 ? depth : 4 * kPanelRows);
    }
    __asm__ volatile("" ::"r"(&config) : "memory");  // gcc 12's _tile_loadconfig tells of 8 of its 64 bytes
    _tile_loadconfig(&config);
  }
  static void release() { _tile_release(); }

  // gcc's _tile_loadd does not say that it reads memory: what was written before must be there.
  static void settle() { __asm__ volatile("" ::: "memory"); }
  template <int T>
  static void load_inputs(const std::byte* from, int64_t stride) {
    static_assert(T == 4 || T == 5);
    settle();
    if constexpr (T == 4) _tile_loadd(4, from, stride);
    if constexpr (T == 5) _tile_loadd(5, from, stride);
  }
  template <int T>
  static void load_weights(const std::byte* from) {
    static_assert(T == 6 || T == 7);
    settle();
    constexpr int64_t kStride = 4 * kPanelRows;
    if constexpr (T == 6) _tile_loadd(6, from, kStride);
    if constexpr (T == 7) _tile_loadd(7, from, kStride);
  }
  template <int C>
  static void multiply() {
    if constexpr (C == 0) {
      _tile_zero(0);
      _tile_dpbssd(0, 4, 6);
    } else if constexpr (C == 1) {
      _tile_zero(1);
      _tile_dpbssd(1, 5, 7);
    } else if constexpr (C == 2) {
      _tile_zero(2);
      _tile_dpbssd(2, 4, 6);
    } else {
      static_assert(C == 3);
      _tile_zero(3);
      _tile_dpbssd(3, 5, 7);
    }
  }
  template <int C>
  static void store(int32_t (&to)[kTileInputs][kPanelRows]) {
    constexpr int64_t kStride = kPanelRows * static_cast<int64_t>(sizeof(int32_t));
    if constexpr (C == 0) _tile_stored(0, to, kStride);
    if constexpr (C == 1) _tile_stored(1, to, kStride);
    if constexpr (C == 2) _tile_stored(2, to, kStride);
    if constexpr (C == 3) _tile_stored(3, to, kStride);
  }
  static void unpack(Scheme scheme, const std::byte* panel, int64_t b0, int64_t b1, std::byte* to) {
    packed_vnni::unpack_blocks(scheme, panel, b0, b1, to);
  }
  static void fma(const F& a, const F& b, F& c) {
    c = reinterpret_cast<F>(_mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b),
                                            reinterpret_cast<__m512>(c)));
  }
};

void quantize_row(const float* from, int64_t cols, std::byte* to) {
  packed_vnni::kKernels.quantize_row(from, cols, to);
}

void dot_panels(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                int64_t out_stride) {
  if (n < kLeastInputs) return packed_vnni::kKernels.dot_panels(w, x, n, out, out_stride);
  dot_on_tiles<Machine>(w, x, n, out, out_stride);
}

}  // namespace

extern const packed_dot::Kernels kKernels = {quantize_row, dot_panels};

}  // namespace jaju::packed_amx
