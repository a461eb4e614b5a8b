// Dot products of bf16 pairs (AVX-512 BF16: vdpbf16ps), compiled with its own flags; call only where the CPU
// has it.
#pragma once

#include <cstdint>

#include "tensor/view.h"

namespace jaju::bf16dot {

// out[i * out_stride + (r - r0)] = W[r] . x[i] for bf16 W and n inputs already rounded to bf16.
void dot_block(const Matrix& w, int64_t r0, int64_t r1, const uint16_t* const* x, int64_t n, float* out,
               int64_t out_stride);

}  // namespace jaju::bf16dot
