// Packed products on AMX tiles (Sapphire Rapids and later): of q4i, for many inputs; AVX-512 VNNI for all
// else. Same bits as both other files. Compiled with its own flags; see avx2.cc for what that forbids.
#include <immintrin.h>

#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_amx {
namespace {

// Fewer inputs than this leave a tile too empty.
constexpr int64_t kLeastOfTile = 12;

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// Tile numbers are part of the instruction: literals, by macros of the compiler's.
struct Machine {
  // gcc 12's tile instructions do not say which memory they read or write: what was written before must be
  // there, and what is read after comes from there.
  static void settle() { __asm__ volatile("" ::: "memory"); }

  static void configure() {
    TileConfig config;
    for (int t = 0; t < 8; ++t) {
      config.rows[t] = 16;
      config.row_bytes[t] = 64;
    }
    __asm__ volatile("" ::"r"(&config) : "memory");
    _tile_loadconfig(&config);
  }
  static void release() { _tile_release(); }

  template <int B>
  static void load(const std::byte* weights) {
    settle();
    if constexpr (B == 0) _tile_loadd(0, weights, 64);
    if constexpr (B == 1) _tile_loadd(1, weights, 64);
    if constexpr (B == 2) _tile_loadd(2, weights, 64);
    if constexpr (B == 3) _tile_loadd(3, weights, 64);
  }
  template <int B>
  static void multiply(const std::byte* inputs, int64_t stride, int32_t (&to)[16][16]) {
    settle();
    if constexpr (B % 2 == 0) {
      _tile_loadd(4, inputs, stride);
      _tile_zero(6);
      if constexpr (B == 0) _tile_dpbssd(6, 4, 0);
      if constexpr (B == 2) _tile_dpbssd(6, 4, 2);
      _tile_stored(6, to, 64);
    } else {
      _tile_loadd(5, inputs, stride);
      _tile_zero(7);
      if constexpr (B == 1) _tile_dpbssd(7, 5, 1);
      if constexpr (B == 3) _tile_dpbssd(7, 5, 3);
      _tile_stored(7, to, 64);
    }
    settle();
  }
  static void unpack(const std::byte* panel, int64_t b0, int64_t b1, std::byte* to) {
    packed_vnni::unpack_blocks(panel, b0, b1, to);
  }
  typedef float Lanes [[gnu::vector_size(64)]];
  static void fma(const Lanes& a, const Lanes& b, Lanes& c) {
    c = reinterpret_cast<Lanes>(_mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b),
                                                reinterpret_cast<__m512>(c)));
  }
};

#include "kernels/cpu/packed_amx_tile.h"

void quantize_row(const float* from, int64_t cols, std::byte* to) {
  packed_vnni::kKernels.quantize_row(from, cols, to);
}

void dot_panels(const packed_dot::Panels& w, const std::byte* const* x, int64_t n, float* out,
                int64_t out_stride) {
  const int64_t last = n % kTileInputs;
  const int64_t on_tiles = !has_integer_groups(w.scheme) ? 0 : last < kLeastOfTile ? n - last : n;
  if (on_tiles > 0) dot_on_tiles(w, x, on_tiles, out, out_stride);
  if (on_tiles == n) return;
  packed_vnni::kKernels.dot_panels(w, x + on_tiles, n - on_tiles, out + on_tiles * out_stride, out_stride);
}

}  // namespace

extern const packed_dot::Kernels kKernels = {quantize_row, dot_panels};

}  // namespace jaju::packed_amx
