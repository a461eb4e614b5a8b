// Attention in bf16 without AVX-512: the shared kernels over AVX2's eight lanes, with bf16 dot products and
// products on tiles in plain code, so that its tests run on any CPU with AVX2. Part of the tests only.
#include <immintrin.h>

#include <cmath>
#include <span>
#include <type_traits>
#include <vector>

// Everything below under names of its own.
#define avx2 plain_bf16
#define bf16dot plain_bf16_dot
#define bf16tiles plain_bf16_tiles

#include "base/check.h"
#include "kernels/backends.h"
#include "kernels/cpu/bf16_dot.h"
#include "kernels/cpu/bf16_tiles.h"
#include "kernels/cpu/int16_dot.h"
#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/plain_bf16.h"
#include "kernels/cpu/unroll.h"

#define JAJU_ISA avx2
#define JAJU_ISA_NAME "plain-bf16"
#define JAJU_HAS_BF16_DOT 1

namespace jaju::bf16dot {

void round_row(const float* from, int64_t n, uint16_t* to) {
  for (int64_t k = 0; k < n; ++k) to[k] = f32_to_bf16(from[k]);
}

void widen_codes(const int8_t* codes, const uint16_t* scales, int64_t n, uint16_t* to) {
  for (int64_t k = 0; k < n; ++k)
    to[k] = f32_to_bf16(static_cast<float>(codes[k]) * bf16_to_f32(scales[k / 32]));
}

void dot_rows(const uint16_t* w, int64_t w_stride, int64_t n_rows, int64_t cols, const uint16_t* const* x,
              int64_t n, float* out, int64_t out_stride, const uint16_t*) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t r = 0; r < n_rows; ++r) {
      float sum = 0;
      for (int64_t k = 0; k < cols; ++k) sum += bf16_to_f32(w[r * w_stride + k]) * bf16_to_f32(x[i][k]);
      out[i * out_stride + r] = sum;
    }
  }
}

void weigh_rows(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width, const uint16_t* a,
                int64_t a_stride, int64_t n, const float* keep, float* out, int64_t out_stride) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < width; ++k) {
      float sum = keep != nullptr ? keep[i] * out[i * out_stride + k] : 0;
      for (int64_t j = 0; j < n_rows; ++j)
        sum += bf16_to_f32(a[i * a_stride + j]) * bf16_to_f32(b[j * b_stride + k]);
      out[i * out_stride + k] = sum;
    }
  }
}

}  // namespace jaju::bf16dot

namespace jaju::bf16tiles {
namespace {

thread_local bool configured = false;

// Where b[k][c] lies, of `depth` rows.
int64_t place(int64_t k, int64_t c, int64_t depth) {
  return c / kSide * depth * kSide + k / 2 * 2 * kSide + 2 * (c % kSide) + k % 2;
}

}  // namespace

// Not one within the other: releasing the inner one's would take the outer one's.
Tiles::Tiles() {
  JAJU_CHECK(!configured);
  configured = true;
}
Tiles::~Tiles() {
  configured = false;
}

void pack_columns(const uint16_t* from, int64_t stride, int64_t cols, int64_t depth, uint16_t* to) {
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t c = 0; c < cols; ++c) to[place(k, c, depth)] = from[c * stride + k];
  }
}

void pack_rows(const float* from, int64_t stride, int64_t rows, int64_t cols, uint16_t* to) {
  const int64_t depth = (rows + kDepth - 1) / kDepth * kDepth;
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t c = 0; c < cols; ++c)
      to[place(k, c, depth)] = k < rows ? f32_to_bf16(from[k * stride + c]) : uint16_t{0};
  }
}

void multiply(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* b, int64_t depth,
              int64_t cols, float* c, int64_t c_stride, bool add, const uint16_t*) {
  JAJU_CHECK(configured);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) {
      float sum = add ? c[i * c_stride + j] : 0;
      for (int64_t k = 0; k < depth; ++k)
        sum += bf16_to_f32(a[i * a_stride + k]) * bf16_to_f32(b[place(k, j, depth)]);
      c[i * c_stride + j] = sum;
    }
  }
}

void weigh_rows(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width, const uint16_t* a,
                int64_t n, const float* keep, float* out, int64_t out_stride) {
  JAJU_CHECK(configured);
  bf16dot::weigh_rows(b, b_stride, n_rows, width, a, 64, n, keep, out, out_stride);
}

// Of as many columns as there are lanes here: callers go on by them.
void round_transposed(const float* from, int64_t stride, uint16_t* to) {
  constexpr int64_t kColumns = 8;
  for (int64_t c = 0; c < kColumns; ++c) {
    for (int64_t r = 0; r < 64; ++r) to[c * 64 + r] = f32_to_bf16(from[r * stride + c]);
  }
}

}  // namespace jaju::bf16tiles

namespace jaju::avx2 {
bool with_tiles = false;
namespace {
bool has_bf16_dot() {
  return true;
}
bool has_fast_bf16_dot() {
  return true;
}
bool has_bf16_tiles() {
  return with_tiles;
}
const int16dot::Kernels* int16_kernels() {
  return nullptr;
}
const packed_dot::Kernels& packed_kernels() {
  return packed_avx2::kKernels;
}
}  // namespace
}  // namespace jaju::avx2

// clang-format off
#include "kernels/cpu/vec_avx2.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/dot.h"
#include "kernels/cpu/dot_pairs.h"
#include "kernels/cpu/weigh.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/mla_block.h"
#include "kernels/cpu/mla_int16.h"
#include "kernels/cpu/mla_expanded.h"
#include "kernels/cpu/mla_absorbed.h"
#include "kernels/cpu/table.h"
