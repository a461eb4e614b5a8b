// Causal attention within documents over expanded keys and values (MLA's training form), rotary positions
// included.
#pragma once

#include "train/ops.h"

namespace jaju::train {

struct AttentionShape {
  int64_t n_heads = 0;
  int64_t nope = 0;
  int64_t rope = 0;
  int64_t v = 0;
  double scale = 1.0;       // on q.k
  bool interleaved = true;  // rotary pairs (2j, 2j+1); false: (j, j + rope/2)
};

// q (N, heads * (nope + rope)), kv (N, heads * (nope + v)) from kv_b_proj, k_rope (N, rope) shared by the
// heads; cos_sin (>= longest document, rope) f32: cosines then sines, by position. Returns (N, heads * v) in
// q's type.
Tensor causal_attention(const Tensor& q, const Tensor& kv, const Tensor& k_rope, const Tensor& cos_sin,
                        const Layout& layout, const AttentionShape& shape);

}  // namespace jaju::train
