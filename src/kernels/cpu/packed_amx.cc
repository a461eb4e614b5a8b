// Packed products on AMX tiles (Sapphire Rapids and later): of q4i, for many inputs; AVX-512 VNNI for all
// else. Same bits as both other files. Compiled with its own flags; see avx2.cc for what that forbids.
#include <immintrin.h>

#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/tiles.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_amx {
namespace {

// Fewer inputs than this leave a tile too empty.
constexpr int64_t kLeastOfTile = 12;

struct Machine {
  static void configure() { tiles::configure(); }
  static void release() { tiles::release(); }
  template <int B>
  static void load(const std::byte* weights) {
    tiles::load<B>(weights, 4 * kPanelRows);
  }
  template <int B>
  static void multiply(const std::byte* inputs, int64_t stride, int32_t (&to)[16][16]) {
    constexpr int kInputs = 4 + B % 2;
    constexpr int kSums = 6 + B % 2;
    tiles::load<kInputs>(inputs, stride);
    tiles::zero<kSums>();
    tiles::dot_int8<kSums, kInputs, B>();
    tiles::store<kSums>(to, sizeof to[0]);
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
