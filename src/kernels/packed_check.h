// Whether this machine multiplies a packed matrix rightly: asked before anything is measured.
#pragma once

#include "base/status.h"
#include "kernels/ops.h"

namespace jaju {

// Multiplies the first rows of `w` with inputs of whole numbers that int8 holds exactly, one input and as
// many as max_rows allows, and compares with the decoded weights in double precision: what is left is the
// rounding of f32 sums, whose bound is derived from the number of terms. The context's scratch must hold
// max_rows inputs of w.cols. Error: scheme, row, input and how far it is off.
Status check_packed_product(Context& context, const Matrix& w, int64_t max_rows);

}  // namespace jaju
