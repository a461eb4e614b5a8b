// Views: shapes and strides over memory somebody else owns. No maths here.
//
// Row-major, PyTorch dimension order, last dimension contiguous, everywhere.
// A weight matrix is (rows = outputs, cols = inputs), as the checkpoint stores it: y = W x.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/check.h"
#include "tensor/dtype.h"
#include "tensor/fp4.h"
#include "tensor/packed.h"

namespace jaju {

// A read-only weight matrix. FP8 matrices carry one f32 factor per 128x128 block
// (DeepSeek-V3's `weight_scale_inv`): value = f8 * scale[row / 128][col / 128]. Quantised matrices lie in
// panels of 16 rows (packed.h): only slices that start at a panel, and no single rows.
struct Matrix {
  const void* data = nullptr;  // (rows, cols), row-major, contiguous; first element of row 0 of this view
  DType dtype = DType::f32;
  int64_t rows = 0;
  int64_t cols = 0;
  // (ceil(total_rows/128), ceil(cols/128)) of the whole tensor; null unless f8.
  const float* block_scales = nullptr;
  int64_t first_row = 0;         // row of the whole tensor that is row 0 here: places block_scales
  Scheme scheme = Scheme::none;  // else data is the first panel, dtype is u8
  // MXFP4 or NVFP4 as a checkpoint stores it (fp4.h), by scheme: data is (rows, cols / 2) bytes, dtype u8. It
  // waits to be packed; no kernel reads it. Null: anything else.
  const uint8_t* fp4_scales = nullptr;
  float fp4_factor = 1;

  static constexpr int64_t kScaleBlock = 128;

  bool empty() const { return data == nullptr; }
  bool packed() const { return scheme != Scheme::none && fp4_scales == nullptr; }
  bool stored_fp4() const { return fp4_scales != nullptr; }
  Fp4Rows fp4_rows() const { return {static_cast<const uint8_t*>(data), fp4_scales, fp4_factor}; }
  int64_t row_bytes() const {
    JAJU_CHECK(!packed());
    if (stored_fp4()) return cols / 2;
    return cols * size_of(dtype);
  }
  int64_t bytes() const { return packed() ? packed_bytes(scheme, rows, cols) : rows * row_bytes(); }
  const void* row(int64_t r) const { return static_cast<const char*>(data) + r * row_bytes(); }
  int64_t scale_cols() const { return (cols + kScaleBlock - 1) / kScaleBlock; }
  // Scales of row r, one per 128 columns.
  const float* row_scales(int64_t r) const {
    return block_scales + (first_row + r) / kScaleBlock * scale_cols();
  }
  // Whether row r's scales are numbers above zero, as they are in a file that is whole.
  bool scales_good(int64_t r) const {
    const float* const scales = row_scales(r);
    for (int64_t b = 0; b < scale_cols(); ++b) {
      if (!(scales[b] > 0.0f && scales[b] <= std::numeric_limits<float>::max())) return false;
    }
    return true;
  }
  // Panel p of a packed matrix.
  const std::byte* panel(int64_t p) const {
    JAJU_CHECK(packed());
    return static_cast<const std::byte*>(data) + p * panel_bytes(scheme, cols);
  }
  // Rows [begin, begin + count) as a matrix of their own. Of a packed matrix, whole panels or up to the end.
  Matrix slice_rows(int64_t begin, int64_t count) const {
    JAJU_CHECK(begin >= 0 && count >= 0 && begin + count <= rows);
    JAJU_CHECK(!packed() || (begin % kPanelRows == 0 && (count % kPanelRows == 0 || begin + count == rows)));
    Matrix m = *this;
    m.data = packed() ? panel(begin / kPanelRows) : row(begin);
    m.rows = count;
    m.first_row = first_row + begin;
    if (stored_fp4()) m.fp4_scales += begin * (cols / fp4_group(scheme));
    return m;
  }
  float at(int64_t r, int64_t c) const {
    if (packed()) return packed_at(scheme, data, cols, r, c);
    if (stored_fp4()) return fp4_at(scheme, fp4_rows(), cols, r, c);
    const float value = load_as_f32(row(r), dtype, c);
    return block_scales != nullptr ? value * row_scales(r)[c / kScaleBlock] : value;
  }
};

// f32 activations: n rows of `cols` values, `stride` values apart.
struct Rows {
  const float* data = nullptr;
  int64_t n = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  Rows() = default;
  Rows(const float* d, int64_t n_rows, int64_t n_cols) : Rows(d, n_rows, n_cols, n_cols) {}
  Rows(const float* d, int64_t n_rows, int64_t n_cols, int64_t row_stride)
      : data(d), n(n_rows), cols(n_cols), stride(row_stride) {}
  const float* row(int64_t r) const { return data + r * stride; }
};

struct MutRows {
  float* data = nullptr;
  int64_t n = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  MutRows() = default;
  MutRows(float* d, int64_t n_rows, int64_t n_cols) : MutRows(d, n_rows, n_cols, n_cols) {}
  MutRows(float* d, int64_t n_rows, int64_t n_cols, int64_t row_stride)
      : data(d), n(n_rows), cols(n_cols), stride(row_stride) {}
  float* row(int64_t r) const { return data + r * stride; }
  operator Rows() const { return {data, n, cols, stride}; }  // NOLINT: a view may always be read
};

}  // namespace jaju
