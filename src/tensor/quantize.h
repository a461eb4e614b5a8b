// f32 weights to panels of a packed matrix (packed.h) and back. Deterministic: the same bytes on every
// machine, and a row's bytes depend on that row alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/packed.h"

namespace jaju {

// Quantises n_rows (1 to 16) rows of `cols` values, row-major, to panel_bytes(scheme, cols) bytes at `out`,
// which are all written.
//
// For each group every scale that may suit is tried, of both signs and with each offset the scheme has, and
// the one with the least squared error stays; a value takes the nearest that the scheme offers, and the rings
// of q3 and q2 the best walk (quantize_trellis.cc). Scales have few
// bits, so that all near the best can be tried: a least-squares scale rounded to one of them is among them.
// q4i's groups share a scale of 16 bits, of which some are tried (quantize_integer.cc). How long each takes:
// docs/quantisation.md.
//
// importance: a column's weight in that sum, >= 0, usually the mean square of its input; null: all 1. One
// hundredth of a group's mean (q4i: a block's) is added to each, so that columns calibration did not see keep
// a say.
//
// Values must be finite (a caller who is not sure checks): NaN and infinity count as 0. So do rows whose
// largest magnitude is below 2^-100.
void quantize_panel(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols, const float* importance,
                    std::byte* out);

// The weights of a panel: n_rows rows of `cols` values. The same as packed_at, faster.
void dequantize_panel(Scheme scheme, const std::byte* panel, int64_t n_rows, int64_t cols, float* rows);

}  // namespace jaju
