// The fused CPU loops of training: plain C++ that the compiler turns into vector code, compiled once per
// instruction set (loops_impl.h) and picked once per process. No LibTorch here; the autograd functions around
// them are in ops.cc, attention.cc and moe.cc, which also split the rows over threads.
//
// Pointers to activations are f32 or bf16, told by the `bf16` flag of the call. Rows are contiguous unless a
// stride is named; strides count elements.
#pragma once

#include <cstdint>

namespace jaju::train {

// Root-mean-square norm of rows, optionally of x + delta.
struct NormRows {
  int64_t cols = 0;
  float eps = 0;
  const float* weight = nullptr;
  const void* x = nullptr;  // bf16 when x_bf16
  bool x_bf16 = false;
  int64_t x_stride = 0;
  const void* delta = nullptr;  // in the type of y; null: none. Needs f32 x.
  float* sum = nullptr;         // x + delta; only with delta
  void* y = nullptr;
  bool y_bf16 = false;
  float* inverse = nullptr;  // 1 / rms, per row
};

struct NormBackward {
  int64_t cols = 0;
  const float* weight = nullptr;
  const void* x = nullptr;  // what was normed
  bool x_bf16 = false;
  int64_t x_stride = 0;
  const float* inverse = nullptr;
  const void* grad_y = nullptr;  // null: zero
  bool y_bf16 = false;
  const float* grad_sum = nullptr;  // gradient that joins behind the norm; null: none
  void* grad_x = nullptr;           // in the type of x
  uint16_t* grad_x_bf16 = nullptr;  // a bf16 copy of it; null: not wanted
};

struct SwigluRows {
  int64_t inner = 0;
  bool bf16 = false;
  const void* gate_up = nullptr;      // (rows, 2 inner)
  const float* row_weight = nullptr;  // null: 1
  void* out = nullptr;                // forward: (rows, inner)
  const void* grad_out = nullptr;     // backward
  void* grad_gate_up = nullptr;
  float* grad_weight = nullptr;  // per row; null: not wanted
};

// One document of causal attention; all heads. Pointers stand at its first row.
struct AttentionDocument {
  int64_t length = 0;
  int64_t n_heads = 0, nope = 0, rope = 0, v = 0;
  bool interleaved = true;
  bool bf16 = false;
  float scale = 1;
  const void* q = nullptr;       // (length, heads * (nope + rope))
  const void* kv = nullptr;      // (length, heads * (nope + v))
  const void* k_rope = nullptr;  // (length, rope), rows k_rope_stride apart
  int64_t k_rope_stride = 0;
  const float* cos_sin = nullptr;  // (length, rope)
  void* out = nullptr;             // (length, heads * v)
  const void* grad_out = nullptr;  // the rest: backward only
  void* grad_q = nullptr;
  void* grad_kv = nullptr;
  void* grad_k_rope = nullptr;  // (length, rope) contiguous
  float* scratch = nullptr;     // attention_scratch() floats
};

// Rows of logits become a loss each, and a gradient.
struct CrossEntropyRows {
  int64_t vocab = 0;
  bool bf16 = false;
  void* logits = nullptr;  // used as scratch
  void* grad = nullptr;    // d(sum of row_grad * log p) / d(logits), bf16 when grad_bf16; may be the logits
  bool grad_bf16 = false;
  const int64_t* targets = nullptr;  // all valid
  float inverse_temperature = 1;
  const float* row_grad = nullptr;  // null: no gradient
  float* log_p = nullptr;           // per row: log softmax(logits * inverse_temperature)[target]
};

// out[i] = base[i] + sum over k of packed[slots[i * top_k + k]].
struct CombineRows {
  int64_t cols = 0;
  int64_t top_k = 0;
  bool bf16 = false;
  const void* packed = nullptr;
  const int32_t* slots = nullptr;
  const void* base = nullptr;  // null: zero
  void* out = nullptr;
};

// A projection to few columns with f32 sums: the router's.
struct NarrowRows {
  int64_t cols = 0;  // of x
  int64_t outs = 0;
  bool bf16 = false;
  const void* x = nullptr;  // (rows, cols)
  const float* weight =
      nullptr;           // forward: (cols, outs), backward: (outs, cols); columns padded with zeros to 16s
  float* out = nullptr;  // (rows, outs), not padded
  const float* grad_out = nullptr;  // the rest: backward only
  void* grad_x = nullptr;
};

// Floats of scratch for narrow and narrow_backward.
int64_t narrow_scratch(const NarrowRows& a);

struct Loops {
  const char* name;
  void (*norm)(const NormRows&, int64_t first, int64_t last);
  // Adds to grad_weight (cols).
  void (*norm_backward)(const NormBackward&, int64_t first, int64_t last, float* grad_weight);
  void (*swiglu)(const SwigluRows&, int64_t first, int64_t last);
  void (*swiglu_backward)(const SwigluRows&, int64_t first, int64_t last);
  void (*attention)(const AttentionDocument&);
  void (*attention_backward)(const AttentionDocument&);
  void (*cross_entropy)(const CrossEntropyRows&, int64_t first, int64_t last);
  void (*combine)(const CombineRows&, int64_t first, int64_t last);
  void (*narrow)(const NarrowRows&, int64_t first, int64_t last, float* scratch);
  // Adds to grad_weight (outs, cols padded to 16s).
  void (*narrow_backward)(const NarrowRows&, int64_t first, int64_t last, float* scratch, float* grad_weight);
};

// Floats of scratch that a document of this length needs, forward or backward.
int64_t attention_scratch(const AttentionDocument& d);

// The best set for this CPU, or the one chosen below.
const Loops& loops();
// "avx512", "avx2", "generic"; null when this build or CPU has no such set. For tests.
const Loops* find_loops(const char* name);
void choose_loops(const Loops* chosen);  // null: the best again

}  // namespace jaju::train
