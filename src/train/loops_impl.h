// The loops of loops.h; included once per instruction set, with JAJU_LOOPS naming the namespace. Uses nothing
// of the standard library: the linker keeps one copy of an inline function for the whole program, and it must
// not be one that was compiled for a CPU this process does not have.
#include "train/loops.h"

namespace jaju::train::JAJU_LOOPS {
namespace {

using int64 = int64_t;

struct Bf16 {
  uint16_t bits;
};

#define JAJU_INLINE static inline __attribute__((always_inline))

JAJU_INLINE float from_bits(uint32_t u) {
  return __builtin_bit_cast(float, u);
}
JAJU_INLINE uint32_t to_bits(float f) {
  return __builtin_bit_cast(uint32_t, f);
}

JAJU_INLINE float get(float x) {
  return x;
}
JAJU_INLINE float get(Bf16 x) {
  return from_bits(static_cast<uint32_t>(x.bits) << 16);
}
JAJU_INLINE void put(float& to, float x) {
  to = x;
}
// To nearest, ties to even; NaN stays NaN.
JAJU_INLINE void put(Bf16& to, float x) {
  const uint32_t u = to_bits(x);
  const uint32_t rounded = u + 0x7fffu + ((u >> 16) & 1u);
  const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
  to.bits = static_cast<uint16_t>((nan ? (u | 0x400000u) : rounded) >> 16);
}

// e^x by 2^n * e^r, |r| <= ln 2 / 2; relative error below 2e-7. Below -87 it stays at e^-87, above 88 at
// e^88.
JAJU_INLINE float exp_of(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float shifted = x * 1.44269504089f + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const uint32_t exponent = (to_bits(shifted) - to_bits(kRound) + 127u) << 23;
  return p * from_bits(exponent);
}

// 1 / (1 + e^-x). The quotient by Newton's method from an estimate within 12 %: three steps reach f32, and
// cost a quarter of a vector division.
JAJU_INLINE float sigmoid(float x) {
  const float d = 1.0f + exp_of(-x);
  float r = from_bits(0x7ef311c7u - to_bits(d));
  r = r * (2.0f - d * r);
  r = r * (2.0f - d * r);
  return r * (2.0f - d * r);
}

// ---- norms ----

template <typename X, typename Y>
void norm_rows(const NormRows& a, int64 first, int64 last) {
  const int64 cols = a.cols;
  const float* const w = a.weight;
  for (int64 r = first; r < last; ++r) {
    const X* const x = static_cast<const X*>(a.x) + r * a.x_stride;
    Y* const y = static_cast<Y*>(a.y) + r * cols;
    float squares = 0;
    if (a.delta != nullptr) {
      const Y* const delta = static_cast<const Y*>(a.delta) + r * cols;
      float* const sum = a.sum + r * cols;
#pragma omp simd reduction(+ : squares)
      for (int64 i = 0; i < cols; ++i) {
        const float value = get(x[i]) + get(delta[i]);
        sum[i] = value;
        squares += value * value;
      }
    } else {
#pragma omp simd reduction(+ : squares)
      for (int64 i = 0; i < cols; ++i) squares += get(x[i]) * get(x[i]);
    }
    const float inverse = 1.0f / __builtin_sqrtf(squares / static_cast<float>(cols) + a.eps);
    a.inverse[r] = inverse;
    if (a.delta != nullptr) {
      const float* const sum = a.sum + r * cols;
#pragma omp simd
      for (int64 i = 0; i < cols; ++i) put(y[i], sum[i] * inverse * w[i]);
    } else {
#pragma omp simd
      for (int64 i = 0; i < cols; ++i) put(y[i], get(x[i]) * inverse * w[i]);
    }
  }
}

template <typename X, typename Y>
void norm_backward_rows(const NormBackward& a, int64 first, int64 last, float* grad_weight) {
  const int64 cols = a.cols;
  const float* const w = a.weight;
  for (int64 r = first; r < last; ++r) {
    const X* const x = static_cast<const X*>(a.x) + r * a.x_stride;
    X* const gx = static_cast<X*>(a.grad_x) + r * cols;
    const float* const more = a.grad_sum == nullptr ? nullptr : a.grad_sum + r * cols;
    Bf16* const copy = a.grad_x_bf16 == nullptr ? nullptr : reinterpret_cast<Bf16*>(a.grad_x_bf16) + r * cols;
    if (a.grad_y == nullptr) {
      for (int64 i = 0; i < cols; ++i) put(gx[i], more == nullptr ? 0.0f : more[i]);
    } else {
      const Y* const gy = static_cast<const Y*>(a.grad_y) + r * cols;
      const float inverse = a.inverse[r];
      float dot = 0;
#pragma omp simd reduction(+ : dot)
      for (int64 i = 0; i < cols; ++i) {
        const float gy_x = get(gy[i]) * (get(x[i]) * inverse);
        grad_weight[i] += gy_x;
        dot += gy_x * w[i];
      }
      const float mean = dot / static_cast<float>(cols) * inverse;
      if (more == nullptr) {
#pragma omp simd
        for (int64 i = 0; i < cols; ++i) put(gx[i], inverse * (get(gy[i]) * w[i] - get(x[i]) * mean));
      } else {
#pragma omp simd
        for (int64 i = 0; i < cols; ++i)
          put(gx[i], inverse * (get(gy[i]) * w[i] - get(x[i]) * mean) + more[i]);
      }
    }
    if (copy != nullptr) {
#pragma omp simd
      for (int64 i = 0; i < cols; ++i) put(copy[i], get(gx[i]));
    }
  }
}

void norm(const NormRows& a, int64 first, int64 last) {
  if (a.x_bf16) {
    a.y_bf16 ? norm_rows<Bf16, Bf16>(a, first, last) : norm_rows<Bf16, float>(a, first, last);
  } else {
    a.y_bf16 ? norm_rows<float, Bf16>(a, first, last) : norm_rows<float, float>(a, first, last);
  }
}

void norm_backward(const NormBackward& a, int64 first, int64 last, float* gw) {
  if (a.x_bf16) {
    a.y_bf16 ? norm_backward_rows<Bf16, Bf16>(a, first, last, gw)
             : norm_backward_rows<Bf16, float>(a, first, last, gw);
  } else {
    a.y_bf16 ? norm_backward_rows<float, Bf16>(a, first, last, gw)
             : norm_backward_rows<float, float>(a, first, last, gw);
  }
}

// ---- SwiGLU ----

template <typename T>
void swiglu_rows(const SwigluRows& a, int64 first, int64 last) {
  const int64 n = a.inner;
  for (int64 r = first; r < last; ++r) {
    const T* const gate = static_cast<const T*>(a.gate_up) + r * 2 * n;
    const T* const up = gate + n;
    T* const out = static_cast<T*>(a.out) + r * n;
    const float weight = a.row_weight == nullptr ? 1.0f : a.row_weight[r];
#pragma omp simd
    for (int64 i = 0; i < n; ++i) {
      const float g = get(gate[i]);
      put(out[i], g * sigmoid(g) * get(up[i]) * weight);
    }
  }
}

template <typename T>
void swiglu_backward_rows(const SwigluRows& a, int64 first, int64 last) {
  const int64 n = a.inner;
  for (int64 r = first; r < last; ++r) {
    const T* const gate = static_cast<const T*>(a.gate_up) + r * 2 * n;
    const T* const up = gate + n;
    const T* const grad = static_cast<const T*>(a.grad_out) + r * n;
    T* const grad_gate = static_cast<T*>(a.grad_gate_up) + r * 2 * n;
    T* const grad_up = grad_gate + n;
    const float weight = a.row_weight == nullptr ? 1.0f : a.row_weight[r];
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64 i = 0; i < n; ++i) {
      const float g = get(gate[i]);
      const float u = get(up[i]);
      const float s = sigmoid(g);
      const float silu = g * s;
      const float go = get(grad[i]);
      dot += go * silu * u;
      put(grad_up[i], go * weight * silu);
      put(grad_gate[i], go * weight * u * (s + silu * (1.0f - s)));
    }
    if (a.grad_weight != nullptr) a.grad_weight[r] = dot;
  }
}

void swiglu(const SwigluRows& a, int64 first, int64 last) {
  a.bf16 ? swiglu_rows<Bf16>(a, first, last) : swiglu_rows<float>(a, first, last);
}

void swiglu_backward(const SwigluRows& a, int64 first, int64 last) {
  a.bf16 ? swiglu_backward_rows<Bf16>(a, first, last) : swiglu_backward_rows<float>(a, first, last);
}

// ---- small matrices in f32 ----

// As wide as the instruction set's registers: gcc keeps wider vectors in memory, sums of tiles among them.
constexpr int64 kLanes = JAJU_LOOPS_LANES;
typedef float Vector __attribute__((vector_size(4 * JAJU_LOOPS_LANES)));
typedef float UnalignedVector __attribute__((vector_size(4 * JAJU_LOOPS_LANES), aligned(4), may_alias));

JAJU_INLINE Vector load(const float* p) {
  return *reinterpret_cast<const UnalignedVector*>(p);
}
JAJU_INLINE void store(float* p, Vector v) {
  *reinterpret_cast<UnalignedVector*>(p) = v;
}

constexpr int kRows = JAJU_LOOPS_ROWS;
constexpr int kVectors = JAJU_LOOPS_VECTORS;

// Columns of small matrices come in 16s, whatever the registers hold.
constexpr int64 padded(int64 n) {
  return (n + 15) / 16 * 16;
}

// A tile of R rows and C vectors. a[r * a_row + k * a_col].
template <int R, int C>
JAJU_INLINE void tile(int64 depth, const float* a, int64 a_row, int64 a_col, const float* b, int64 b_row,
                      float* c, int64 c_row, bool add) {
  Vector sum[R][C];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int j = 0; j < C; ++j) sum[r][j] = add ? load(c + r * c_row + j * kLanes) : Vector{};
  }
  for (int64 k = 0; k < depth; ++k) {
    Vector row[C];
#pragma GCC unroll 16
    for (int j = 0; j < C; ++j) row[j] = load(b + k * b_row + j * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float x = a[r * a_row + k * a_col];
#pragma GCC unroll 16
      for (int j = 0; j < C; ++j) sum[r][j] += row[j] * x;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int j = 0; j < C; ++j) store(c + r * c_row + j * kLanes, sum[r][j]);
  }
}

// C (rows, cols) = A (rows, depth) B (depth, cols), or += when add. cols counts whole vectors: B and C are
// padded.
void multiply(int64 rows, int64 cols, int64 depth, const float* a, int64 a_row, int64 a_col, const float* b,
              int64 b_row, float* c, int64 c_row, bool add) {
  int64 j = 0;
  for (; j + kVectors * kLanes <= cols; j += kVectors * kLanes) {
    int64 r = 0;
    for (; r + kRows <= rows; r += kRows) {
      tile<kRows, kVectors>(depth, a + r * a_row, a_row, a_col, b + j, b_row, c + r * c_row + j, c_row, add);
    }
    for (; r < rows; ++r) {
      tile<1, kVectors>(depth, a + r * a_row, a_row, a_col, b + j, b_row, c + r * c_row + j, c_row, add);
    }
  }
  for (; j < cols; j += kLanes) {
    int64 r = 0;
    for (; r + kRows <= rows; r += kRows) {
      tile<kRows, 1>(depth, a + r * a_row, a_row, a_col, b + j, b_row, c + r * c_row + j, c_row, add);
    }
    for (; r < rows; ++r)
      tile<1, 1>(depth, a + r * a_row, a_row, a_col, b + j, b_row, c + r * c_row + j, c_row, add);
  }
}

// ---- attention ----

constexpr int64 kBlock = 32;  // query rows at once: their scores stay in the nearest cache

// Scratch of one head: everything f32, columns padded to 16s, rows to whole blocks.
struct HeadScratch {
  int64 n, qk, qk_cols, v_cols;
  float *q, *k, *kt, *v, *vt, *scores, *grad_scores, *grad_out, *grad_q, *grad_k, *grad_v, *grad_rope;

  HeadScratch(const AttentionDocument& d, bool backward) {
    n = (d.length + kBlock - 1) / kBlock * kBlock;
    qk = d.nope + d.rope;
    qk_cols = padded(qk);
    v_cols = padded(d.v);
    float* next = d.scratch;
    const auto take = [&](int64 floats) {
      float* const at = next;
      next += floats;
      return at;
    };
    q = take(n * qk_cols);
    kt = take(qk * n);
    v = take(n * v_cols);
    scores = take(kBlock * n);
    grad_out = take(n * v_cols);
    if (!backward) return;
    k = take(n * qk_cols);
    vt = take(d.v * n);
    grad_scores = take(kBlock * n);
    grad_q = take(kBlock * qk_cols);
    grad_k = take(n * qk_cols);
    grad_v = take(n * v_cols);
    grad_rope = take(n * d.rope);
  }
};

// out = the rope values in turned by the angle of this position; `sign` -1 turns back (the gradient's way).
JAJU_INLINE void turn(const float* in, const float* cos_sin, int64 rope, bool interleaved, float sign,
                      float* out) {
  const int64 pairs = rope / 2;
  for (int64 j = 0; j < pairs; ++j) {
    const int64 a = interleaved ? 2 * j : j;
    const int64 b = interleaved ? 2 * j + 1 : j + pairs;
    const float c = cos_sin[j];
    const float s = cos_sin[pairs + j] * sign;
    const float x = in[a];
    const float y = in[b];
    out[a] = x * c - y * s;
    out[b] = x * s + y * c;
  }
}

constexpr int64 kMaxRope = 512;

template <typename T>
JAJU_INLINE void turn_from(const T* in, const float* cos_sin, int64 rope, bool interleaved, float* out) {
  float wide[kMaxRope];
  for (int64 i = 0; i < rope; ++i) wide[i] = get(in[i]);
  turn(wide, cos_sin, rope, interleaved, 1.0f, out);
}

// Lays out one head: q scaled and turned, keys turned and transposed, values; padding is zero.
template <typename T>
void gather_head(const AttentionDocument& d, int64 head, bool backward, HeadScratch& h) {
  const int64 q_row = d.n_heads * h.qk;
  const int64 kv_row = d.n_heads * (d.nope + d.v);
  for (int64 i = 0; i < h.n; ++i) {
    float* const q = h.q + i * h.qk_cols;
    float* const v = h.v + i * h.v_cols;
    if (i >= d.length) {
      for (int64 c = 0; c < h.qk_cols; ++c) q[c] = 0;
      for (int64 c = 0; c < h.v_cols; ++c) v[c] = 0;
      for (int64 c = 0; c < h.qk; ++c) h.kt[c * h.n + i] = 0;
      if (backward) {
        for (int64 c = 0; c < d.v; ++c) h.vt[c * h.n + i] = 0;
        for (int64 c = 0; c < h.qk_cols; ++c) h.k[i * h.qk_cols + c] = 0;
        for (int64 c = 0; c < h.v_cols; ++c) h.grad_out[i * h.v_cols + c] = 0;
      }
      continue;
    }
    const float* const angles = d.cos_sin + i * d.rope;
    const T* const q_in = static_cast<const T*>(d.q) + i * q_row + head * h.qk;
    for (int64 c = 0; c < d.nope; ++c) q[c] = get(q_in[c]);
    turn_from(q_in + d.nope, angles, d.rope, d.interleaved, q + d.nope);
    for (int64 c = 0; c < h.qk; ++c) q[c] *= d.scale;
    for (int64 c = h.qk; c < h.qk_cols; ++c) q[c] = 0;

    const T* const kv_in = static_cast<const T*>(d.kv) + i * kv_row + head * (d.nope + d.v);
    const T* const rope_in = static_cast<const T*>(d.k_rope) + i * d.k_rope_stride;
    float turned[kMaxRope];
    turn_from(rope_in, angles, d.rope, d.interleaved, turned);
    for (int64 c = 0; c < d.nope; ++c) h.kt[c * h.n + i] = get(kv_in[c]);
    for (int64 c = 0; c < d.rope; ++c) h.kt[(d.nope + c) * h.n + i] = turned[c];
    for (int64 c = 0; c < d.v; ++c) v[c] = get(kv_in[d.nope + c]);
    for (int64 c = d.v; c < h.v_cols; ++c) v[c] = 0;
    if (!backward) continue;
    float* const k = h.k + i * h.qk_cols;
    for (int64 c = 0; c < d.nope; ++c) k[c] = get(kv_in[c]);
    for (int64 c = 0; c < d.rope; ++c) k[d.nope + c] = turned[c];
    for (int64 c = h.qk; c < h.qk_cols; ++c) k[c] = 0;
    for (int64 c = 0; c < d.v; ++c) h.vt[c * h.n + i] = v[c];
    const T* const go = static_cast<const T*>(d.grad_out) + i * d.n_heads * d.v + head * d.v;
    for (int64 c = 0; c < d.v; ++c) h.grad_out[i * h.v_cols + c] = get(go[c]);
    for (int64 c = d.v; c < h.v_cols; ++c) h.grad_out[i * h.v_cols + c] = 0;
  }
}

// scores of rows [i0, i0 + kBlock) over keys [0, i0 + kBlock) as softmax shares, 0 in the future.
void shares_of_block(const HeadScratch& h, int64 i0) {
  const int64 keys = i0 + kBlock;
  multiply(kBlock, keys, h.qk, h.q + i0 * h.qk_cols, h.qk_cols, 1, h.kt, h.n, h.scores, h.n, false);
  for (int64 i = 0; i < kBlock; ++i) {
    float* const row = h.scores + i * h.n;
    const int64 seen = i0 + i + 1;
    float largest = row[0];
#pragma omp simd reduction(max : largest)
    for (int64 j = 0; j < seen; ++j) largest = row[j] > largest ? row[j] : largest;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64 j = 0; j < seen; ++j) {
      const float e = exp_of(row[j] - largest);
      row[j] = e;
      sum += e;
    }
    const float inverse = 1.0f / sum;
#pragma omp simd
    for (int64 j = 0; j < seen; ++j) row[j] *= inverse;
    for (int64 j = seen; j < keys; ++j) row[j] = 0;
  }
}

template <typename T>
void attention_document(const AttentionDocument& d) {
  HeadScratch h(d, false);
  for (int64 head = 0; head < d.n_heads; ++head) {
    gather_head<T>(d, head, false, h);
    float* const block = h.grad_out;  // free in the forward pass
    for (int64 i0 = 0; i0 < d.length; i0 += kBlock) {
      shares_of_block(h, i0);
      multiply(kBlock, h.v_cols, i0 + kBlock, h.scores, h.n, 1, h.v, h.v_cols, block, h.v_cols, false);
      for (int64 i = 0; i < kBlock && i0 + i < d.length; ++i) {
        T* const out = static_cast<T*>(d.out) + (i0 + i) * d.n_heads * d.v + head * d.v;
        for (int64 c = 0; c < d.v; ++c) put(out[c], block[i * h.v_cols + c]);
      }
    }
  }
}

template <typename T>
void attention_backward_document(const AttentionDocument& d) {
  HeadScratch h(d, true);
  for (int64 i = 0; i < h.n * d.rope; ++i) h.grad_rope[i] = 0;
  for (int64 head = 0; head < d.n_heads; ++head) {
    gather_head<T>(d, head, true, h);
    for (int64 i = 0; i < h.n * h.qk_cols; ++i) h.grad_k[i] = 0;
    for (int64 i = 0; i < h.n * h.v_cols; ++i) h.grad_v[i] = 0;
    for (int64 i0 = 0; i0 < d.length; i0 += kBlock) {
      const int64 keys = i0 + kBlock;
      shares_of_block(h, i0);
      const float* const go = h.grad_out + i0 * h.v_cols;
      // grad of V += shares^T grad_out;  grad of shares = grad_out V^T
      multiply(keys, h.v_cols, kBlock, h.scores, 1, h.n, go, h.v_cols, h.grad_v, h.v_cols, true);
      multiply(kBlock, keys, d.v, go, h.v_cols, 1, h.vt, h.n, h.grad_scores, h.n, false);
      for (int64 i = 0; i < kBlock; ++i) {
        const float* const share = h.scores + i * h.n;
        float* const grad = h.grad_scores + i * h.n;
        float dot = 0;
#pragma omp simd reduction(+ : dot)
        for (int64 j = 0; j < keys; ++j) dot += share[j] * grad[j];
#pragma omp simd
        for (int64 j = 0; j < keys; ++j) grad[j] = share[j] * (grad[j] - dot);
      }
      // The scale is in q already: grad of k is grad_scores^T q, grad of q needs it once more.
      multiply(keys, h.qk_cols, kBlock, h.grad_scores, 1, h.n, h.q + i0 * h.qk_cols, h.qk_cols, h.grad_k,
               h.qk_cols, true);
      multiply(kBlock, h.qk_cols, keys, h.grad_scores, h.n, 1, h.k, h.qk_cols, h.grad_q, h.qk_cols, false);
      for (int64 i = 0; i < kBlock && i0 + i < d.length; ++i) {
        float* const gq = h.grad_q + i * h.qk_cols;
        for (int64 c = 0; c < h.qk; ++c) gq[c] *= d.scale;
        float back[kMaxRope];
        turn(gq + d.nope, d.cos_sin + (i0 + i) * d.rope, d.rope, d.interleaved, -1.0f, back);
        T* const out = static_cast<T*>(d.grad_q) + (i0 + i) * d.n_heads * h.qk + head * h.qk;
        for (int64 c = 0; c < d.nope; ++c) put(out[c], gq[c]);
        for (int64 c = 0; c < d.rope; ++c) put(out[d.nope + c], back[c]);
      }
    }
    for (int64 i = 0; i < d.length; ++i) {
      T* const out = static_cast<T*>(d.grad_kv) + (i * d.n_heads + head) * (d.nope + d.v);
      for (int64 c = 0; c < d.nope; ++c) put(out[c], h.grad_k[i * h.qk_cols + c]);
      for (int64 c = 0; c < d.v; ++c) put(out[d.nope + c], h.grad_v[i * h.v_cols + c]);
      for (int64 c = 0; c < d.rope; ++c) h.grad_rope[i * d.rope + c] += h.grad_k[i * h.qk_cols + d.nope + c];
    }
  }
  for (int64 i = 0; i < d.length; ++i) {
    float back[kMaxRope];
    turn(h.grad_rope + i * d.rope, d.cos_sin + i * d.rope, d.rope, d.interleaved, -1.0f, back);
    T* const out = static_cast<T*>(d.grad_k_rope) + i * d.rope;
    for (int64 c = 0; c < d.rope; ++c) put(out[c], back[c]);
  }
}

void attention(const AttentionDocument& d) {
  d.bf16 ? attention_document<Bf16>(d) : attention_document<float>(d);
}

void attention_backward(const AttentionDocument& d) {
  d.bf16 ? attention_backward_document<Bf16>(d) : attention_backward_document<float>(d);
}

// ---- losses and experts ----

template <typename T, typename G>
void cross_entropy_rows(const CrossEntropyRows& a, int64 first, int64 last) {
  const int64 n = a.vocab;
  const float scale = a.inverse_temperature;
  for (int64 r = first; r < last; ++r) {
    T* const row = static_cast<T*>(a.logits) + r * n;
    float largest = get(row[0]);
#pragma omp simd reduction(max : largest)
    for (int64 i = 0; i < n; ++i) largest = get(row[i]) > largest ? get(row[i]) : largest;
    const int64 target = a.targets[r];
    const float hit = (get(row[target]) - largest) * scale;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64 i = 0; i < n; ++i) {
      const float e = exp_of((get(row[i]) - largest) * scale);
      put(row[i], e);
      sum += e;
    }
    a.log_p[r] = hit - __builtin_logf(sum);
    if (a.row_grad == nullptr) continue;
    G* const out = static_cast<G*>(a.grad) + r * n;
    const float grad = a.row_grad[r] * scale;
    const float share = -grad / sum;
#pragma omp simd
    for (int64 i = 0; i < n; ++i) put(out[i], get(row[i]) * share);
    put(out[target], grad + exp_of(hit) * share);
  }
}

void cross_entropy(const CrossEntropyRows& a, int64 first, int64 last) {
  if (a.bf16) {
    cross_entropy_rows<Bf16, Bf16>(a, first, last);
  } else if (a.grad_bf16) {
    cross_entropy_rows<float, Bf16>(a, first, last);
  } else {
    cross_entropy_rows<float, float>(a, first, last);
  }
}

template <typename T>
void combine_rows(const CombineRows& a, int64 first, int64 last) {
  constexpr int64 kPiece = 256;
  for (int64 r = first; r < last; ++r) {
    T* const out = static_cast<T*>(a.out) + r * a.cols;
    for (int64 at = 0; at < a.cols; at += kPiece) {
      const int64 n = a.cols - at < kPiece ? a.cols - at : kPiece;
      float sum[kPiece];
      if (a.base == nullptr) {
        for (int64 i = 0; i < n; ++i) sum[i] = 0;
      } else {
        const T* const base = static_cast<const T*>(a.base) + r * a.cols + at;
#pragma omp simd
        for (int64 i = 0; i < n; ++i) sum[i] = get(base[i]);
      }
      for (int64 k = 0; k < a.top_k; ++k) {
        const T* const from = static_cast<const T*>(a.packed) + a.slots[r * a.top_k + k] * a.cols + at;
#pragma omp simd
        for (int64 i = 0; i < n; ++i) sum[i] += get(from[i]);
      }
#pragma omp simd
      for (int64 i = 0; i < n; ++i) put(out[at + i], sum[i]);
    }
  }
}

void combine(const CombineRows& a, int64 first, int64 last) {
  a.bf16 ? combine_rows<Bf16>(a, first, last) : combine_rows<float>(a, first, last);
}

template <typename T>
void widen_block(const NarrowRows& a, int64 first, int64 n, int64 cols, float* wide) {
  for (int64 r = 0; r < n; ++r) {
    const T* const x = static_cast<const T*>(a.x) + (first + r) * a.cols;
#pragma omp simd
    for (int64 i = 0; i < a.cols; ++i) wide[r * cols + i] = get(x[i]);
    for (int64 i = a.cols; i < cols; ++i) wide[r * cols + i] = 0;
  }
}

template <typename T>
void narrow_rows(const NarrowRows& a, int64 first, int64 last, float* scratch) {
  const int64 cols = padded(a.cols);
  const int64 outs = padded(a.outs);
  float* const wide = scratch;
  float* const sums = scratch + kBlock * cols;
  for (int64 at = first; at < last; at += kBlock) {
    const int64 n = last - at < kBlock ? last - at : kBlock;
    widen_block<T>(a, at, n, cols, wide);
    multiply(n, outs, a.cols, wide, cols, 1, a.weight, outs, sums, outs, false);
    for (int64 r = 0; r < n; ++r) {
      for (int64 i = 0; i < a.outs; ++i) a.out[(at + r) * a.outs + i] = sums[r * outs + i];
    }
  }
}

template <typename T>
void narrow_backward_rows(const NarrowRows& a, int64 first, int64 last, float* scratch, float* grad_weight) {
  const int64 cols = padded(a.cols);
  float* const wide = scratch;
  float* const sums = scratch + kBlock * cols;
  for (int64 at = first; at < last; at += kBlock) {
    const int64 n = last - at < kBlock ? last - at : kBlock;
    const float* const g = a.grad_out + at * a.outs;
    widen_block<T>(a, at, n, cols, wide);
    multiply(a.outs, cols, n, g, 1, a.outs, wide, cols, grad_weight, cols, true);
    multiply(n, cols, a.outs, g, a.outs, 1, a.weight, cols, sums, cols, false);
    for (int64 r = 0; r < n; ++r) {
      T* const gx = static_cast<T*>(a.grad_x) + (at + r) * a.cols;
#pragma omp simd
      for (int64 i = 0; i < a.cols; ++i) put(gx[i], sums[r * cols + i]);
    }
  }
}

void narrow(const NarrowRows& a, int64 first, int64 last, float* scratch) {
  a.bf16 ? narrow_rows<Bf16>(a, first, last, scratch) : narrow_rows<float>(a, first, last, scratch);
}

void narrow_backward(const NarrowRows& a, int64 first, int64 last, float* scratch, float* grad_weight) {
  a.bf16 ? narrow_backward_rows<Bf16>(a, first, last, scratch, grad_weight)
         : narrow_backward_rows<float>(a, first, last, scratch, grad_weight);
}

}  // namespace

extern const Loops table;
const Loops table = {JAJU_LOOPS_NAME,    norm,          norm_backward, swiglu, swiglu_backward, attention,
                     attention_backward, cross_entropy, combine,       narrow, narrow_backward};

}  // namespace jaju::train::JAJU_LOOPS
