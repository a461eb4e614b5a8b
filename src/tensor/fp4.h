// Four-bit floats (E2M1) with a scale for each group of columns: MXFP4 (groups of 32, scales E8M0; OCP
// Microscaling 1.0) and NVFP4 (groups of 16, scales E4M3 and one f32 for all), as checkpoints store them, and
// their way into panels (packed.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/packed.h"

namespace jaju {

constexpr int64_t fp4_group(Scheme scheme) {
  return scheme == Scheme::mxfp4 ? 32 : 16;
}

// Rows of a checkpoint's matrix. weight = code's value * scale * factor.
struct Fp4Rows {
  const uint8_t* codes = nullptr;   // (rows, cols / 2): column 2i is the low nibble of byte i
  const uint8_t* scales = nullptr;  // (rows, cols / group)
  float factor = 1;
};

// A matrix's columns are whole groups of 32 or 16.
inline float fp4_at(Scheme scheme, const Fp4Rows& m, int64_t cols, int64_t r, int64_t c) {
  const uint8_t both = m.codes[r * (cols / 2) + c / 2];
  const int code = c % 2 == 0 ? both & 15 : both >> 4;
  const uint8_t scale = m.scales[(r * cols + c) / fp4_group(scheme)];
  return 0.5f * m.factor * (scale_value(scheme, scale) * static_cast<float>(code_value(scheme, code)));
}

// True when all n scales are numbers, and not below zero.
bool fp4_scales_good(Scheme scheme, const uint8_t* scales, int64_t n);

// The same numbers as a panel: n_rows (1 to 16) rows of `cols` values to panel_bytes(scheme, cols) bytes at
// `out`.
void pack_fp4_panel(Scheme scheme, const Fp4Rows& rows, int64_t n_rows, int64_t cols, std::byte* out);

// What quantize_panel does for mxfp4 and nvfp4. Rows that are MXFP4's numbers already keep each of them.
void quantize_fp4_panel(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols,
                        const float* importance, std::byte* out);

}  // namespace jaju
