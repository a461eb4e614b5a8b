// The plain truth: every operation in loops a reader can check against the facts sheet, f32 throughout.
// Slow on purpose. One output at a time, so batch and threads cannot matter.

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/backends.h"

namespace jaju::ref {
namespace {

float silu(float x) {
  return x / (1.0f + std::exp(-x));
}

float dot_row(const Matrix& w, int64_t row, const float* x) {
  float sum = 0;
  for (int64_t k = 0; k < w.cols; ++k) sum += w.at(row, k) * x[k];
  return sum;
}

void embed(Context& context, const Matrix& table, std::span<const int32_t> ids, MutRows out) {
  context.team.parallel_for(out.n, [&](int64_t i, int) {
    for (int64_t c = 0; c < table.cols; ++c) out.row(i)[c] = table.at(ids[static_cast<size_t>(i)], c);
  });
}

void rms_norm(Context& context, Rows x, const float* weight, float eps, MutRows y) {
  context.team.parallel_for(x.n, [&](int64_t i, int) {
    float sum = 0;
    for (int64_t c = 0; c < x.cols; ++c) sum += x.row(i)[c] * x.row(i)[c];
    const float factor = 1.0f / std::sqrt(sum / static_cast<float>(x.cols) + eps);
    for (int64_t c = 0; c < x.cols; ++c) y.row(i)[c] = weight[c] * (x.row(i)[c] * factor);
  });
}

void add(Context& context, MutRows x, Rows y) {
  context.team.parallel_for(x.n, [&](int64_t i, int) {
    for (int64_t c = 0; c < x.cols; ++c) x.row(i)[c] += y.row(i)[c];
  });
}

void products(Context& context, std::span<const Product> products, Rows x) {
  for (const Product& p : products) {
    JAJU_CHECK(x.cols == p.w.cols && p.y.cols == p.w.rows && x.n == p.y.n);
    context.team.parallel_for(p.w.rows, [&](int64_t r, int) {
      for (int64_t i = 0; i < x.n; ++i) p.y.row(i)[r] = dot_row(p.w, r, x.row(i));
    });
  }
}

void rope(Context& context, MutRows x, int64_t first, int64_t n_heads, int64_t head_stride, int64_t n_pairs,
          const float* cos_sin, bool interleaved) {
  context.team.parallel_for(x.n, [&](int64_t i, int) {
    const float* cosine = cos_sin + i * 2 * n_pairs;
    const float* sine = cosine + n_pairs;
    for (int64_t h = 0; h < n_heads; ++h) {
      float* head = x.row(i) + first + h * head_stride;
      for (int64_t j = 0; j < n_pairs; ++j) {
        float& a = interleaved ? head[2 * j] : head[j];
        float& b = interleaved ? head[2 * j + 1] : head[j + n_pairs];
        const float a0 = a;
        a = a0 * cosine[j] - b * sine[j];
        b = b * cosine[j] + a0 * sine[j];
      }
    }
  });
}

void append_latent(Context&, Rows kv, std::span<const SequenceSlice> slices) {
  for (const SequenceSlice& s : slices) {
    for (int64_t i = 0; i < s.n_rows; ++i) {
      s.cache.layout.store(kv.row(s.first_row + i), s.cache.row(s.first_pos + i));
    }
  }
}

// Softmax of n scores in place.
void softmax(float* s, int64_t n) {
  const float top = *std::max_element(s, s + n);
  float sum = 0;
  for (int64_t j = 0; j < n; ++j) sum += s[j] = std::exp(s[j] - top);
  for (int64_t j = 0; j < n; ++j) s[j] /= sum;
}

// The reference allocates in its loops: it is truth, not speed.
void mla_expanded(Context& context, const MlaArgs& a) {
  for (const SequenceSlice& s : a.slices) {
    context.team.parallel_for(a.n_heads, [&](int64_t h, int) {
      const Matrix w_uk = a.w_uk(h);
      const Matrix w_uv = a.w_uv(h);
      const int64_t end = s.first_pos + s.n_rows;
      std::vector<float> keys(static_cast<size_t>(end * (a.nope + a.rope)));
      std::vector<float> values(static_cast<size_t>(end * a.v));
      std::vector<float> c(static_cast<size_t>(a.latent));
      for (int64_t j = 0; j < end; ++j) {
        float* const key = keys.data() + j * (a.nope + a.rope);
        for (int64_t k = 0; k < a.latent; ++k) c[static_cast<size_t>(k)] = s.cache.at(j, k);
        for (int64_t d = 0; d < a.nope; ++d) key[d] = dot_row(w_uk, d, c.data());
        for (int64_t d = 0; d < a.rope; ++d) key[a.nope + d] = s.cache.at(j, a.latent + d);
        for (int64_t d = 0; d < a.v; ++d)
          values[static_cast<size_t>(j * a.v + d)] = dot_row(w_uv, d, c.data());
      }
      std::vector<float> score(static_cast<size_t>(end));
      for (int64_t i = 0; i < s.n_rows; ++i) {
        const float* q = a.q.row(s.first_row + i) + h * (a.nope + a.rope);
        float* const out = a.out.row(s.first_row + i) + h * a.v;
        const int64_t n_keys = s.first_pos + i + 1;
        for (int64_t j = 0; j < n_keys; ++j) {
          const float* key = keys.data() + j * (a.nope + a.rope);
          float sum = 0;
          for (int64_t d = 0; d < a.nope + a.rope; ++d) sum += q[d] * key[d];
          score[static_cast<size_t>(j)] = sum * a.scale;
        }
        softmax(score.data(), n_keys);
        std::fill(out, out + a.v, 0.0f);
        for (int64_t j = 0; j < n_keys; ++j) {
          const float* value = values.data() + j * a.v;
          for (int64_t d = 0; d < a.v; ++d) out[d] += score[static_cast<size_t>(j)] * value[d];
        }
      }
    });
  }
}

void mla_absorbed(Context& context, const MlaArgs& a) {
  JAJU_CHECK(a.kv_b.packed() == a.k_b.packed());
  for (const SequenceSlice& s : a.slices) {
    context.team.parallel_for(s.n_rows * a.n_heads, [&](int64_t task, int) {
      const int64_t i = task / a.n_heads;
      const int64_t h = task % a.n_heads;
      const float* q = a.q.row(s.first_row + i) + h * (a.nope + a.rope);
      float* const out = a.out.row(s.first_row + i) + h * a.v;
      const int64_t n_keys = s.first_pos + i + 1;
      const Matrix w_uk = a.w_uk(h);
      const Matrix w_uv = a.w_uv(h);
      std::vector<float> q_latent(static_cast<size_t>(a.latent));  // W_UK^T q_nope
      for (int64_t d = 0; d < a.nope; ++d) {
        for (int64_t k = 0; k < a.latent; ++k) {
          const float weight = a.k_b.empty() ? w_uk.at(d, k) : a.k_b.at(h * a.latent + k, d);
          q_latent[static_cast<size_t>(k)] += q[d] * weight;
        }
      }
      std::vector<float> score(static_cast<size_t>(n_keys));
      for (int64_t j = 0; j < n_keys; ++j) {
        float sum = 0;
        for (int64_t k = 0; k < a.latent; ++k) sum += q_latent[static_cast<size_t>(k)] * s.cache.at(j, k);
        for (int64_t d = 0; d < a.rope; ++d) sum += q[a.nope + d] * s.cache.at(j, a.latent + d);
        score[static_cast<size_t>(j)] = sum * a.scale;
      }
      softmax(score.data(), n_keys);
      std::vector<float> weighted(static_cast<size_t>(a.latent));  // sum_j p_j c_j
      for (int64_t j = 0; j < n_keys; ++j) {
        for (int64_t k = 0; k < a.latent; ++k) {
          weighted[static_cast<size_t>(k)] += score[static_cast<size_t>(j)] * s.cache.at(j, k);
        }
      }
      for (int64_t d = 0; d < a.v; ++d) out[d] = dot_row(w_uv, d, weighted.data());
    });
  }
}

void mlps(Context& context, std::span<const ExpertGroup> groups, Rows x) {
  for (const ExpertGroup& g : groups) {
    const MutRows h(g.inner, g.n, g.gate.rows, staggered_stride(g.gate.rows, sizeof(float)));
    const MutRows y(g.out, g.n, g.down.rows);
    context.team.parallel_for(h.cols, [&](int64_t r, int) {
      for (int64_t i = 0; i < g.n; ++i) {
        const float* row = x.row(g.rows != nullptr ? g.rows[i] : i);
        h.row(i)[r] = silu(dot_row(g.gate, r, row)) * dot_row(g.up, r, row);
      }
    });
    context.team.parallel_for(y.cols, [&](int64_t r, int) {
      for (int64_t i = 0; i < g.n; ++i) y.row(i)[r] = dot_row(g.down, r, h.row(i));
    });
  }
}

void combine_experts(Context&, Rows y, const int32_t* slots, const float* weights, int64_t top_k, Rows shared,
                     MutRows out) {
  for (int64_t i = 0; i < out.n; ++i) {
    for (int64_t c = 0; c < out.cols; ++c) {
      float sum = 0;
      for (int64_t k = 0; k < top_k; ++k) sum += weights[i * top_k + k] * y.row(slots[i * top_k + k])[c];
      out.row(i)[c] = shared.data != nullptr ? sum + shared.row(i)[c] : sum;
    }
  }
}

}  // namespace

const Ops& ops() {
  static constexpr Ops kOps = {"ref",         embed,        rms_norm,     add,  products,       rope,
                               append_latent, mla_absorbed, mla_expanded, mlps, combine_experts};
  return kOps;
}

}  // namespace jaju::ref
