// Multi-head latent attention, both ways, one cache block (64 positions) at a time with a running softmax
// (Milakov and Gimelshein, arXiv 1805.02867). Blocks start at multiples of 64 positions whatever the chunk,
// so a prompt cut anywhere gives the same bits. Always f32, whatever Context::precision says. Included once
// per ISA.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

constexpr int64_t kBlock = LatentCache::kPositions;
// Heads that share one pass over a cache block when decoding.
constexpr int64_t kHeadTile = 8;

// Running softmax of one query: scores seen so far have maximum `top` and sum of exponentials `total`.
struct Running {
  float top;
  float total;
};

// Turns n raw scores into weights exp(s * scale - top) in place; returns the factor for what was summed
// before.
inline float softmax_step(float* s, int64_t n, float scale, Running& running) {
  V top = set1(-INFINITY);
  for (int64_t j = 0; j < n; j += kLanes) {
    const int64_t lanes = n - j < kLanes ? n - j : kLanes;
    const V scaled = mul(load_n(s + j, lanes), set1(scale));
    store_n(s + j, scaled, lanes);
    top = max(top, fill_after(scaled, lanes, -INFINITY));
  }
  const float block_top = largest(top);
  const float new_top = running.top > block_top ? running.top : block_top;
  const float keep = running.top == -INFINITY ? 0.0f : exp1(running.top - new_top);
  V total = zero();
  for (int64_t j = 0; j < n; j += kLanes) {
    const int64_t lanes = n - j < kLanes ? n - j : kLanes;
    const V weight = exp(sub(load_n(s + j, lanes), set1(new_top)));
    store_n(s + j, weight, lanes);
    total = add(total, fill_after(weight, lanes, 0.0f));
  }
  running.top = new_top;
  running.total = running.total * keep + sum(total);
  return keep;
}

inline void scale_row(float* x, int64_t n, float factor) {
  for (int64_t k = 0; k < n; ++k) x[k] *= factor;
}

// The positions of one cache block as a matrix (n, width).
inline Matrix block_matrix(const LatentCache& cache, int64_t block, int64_t n) {
  Matrix m;
  m.data = cache.block(block);
  m.dtype = cache.dtype;
  m.rows = n;
  m.cols = cache.width;
  return m;
}

// All query rows of one slice for one head. Keys and values of a block are expanded once and serve every row.
inline void expand_head(Context& context, int thread, const MlaArgs& a, const SequenceSlice& s,
                        int64_t head) {
  const int64_t width = a.latent + a.rope;
  const int64_t qk = a.nope + a.rope;
  float* const latents = context.thread_scratch[static_cast<size_t>(thread)].data();  // (kBlock, width)
  float* const keys = latents + kBlock * width;                                       // (kBlock, nope + rope)
  float* const values = keys + kBlock * qk;                                           // (kBlock, v)
  float* const scores = values + kBlock * a.v;                                        // (n_rows, kBlock)
  auto* const running = reinterpret_cast<Running*>(scores + s.n_rows * kBlock);       // (n_rows)
  const Matrix w_uk = a.w_uk(head);
  const Matrix w_uv = a.w_uv(head);
  const auto out = [&](int64_t i) { return a.out.row(s.first_row + i) + head * a.v; };
  Inputs queries;
  queries.x = Rows(a.q.row(s.first_row) + head * qk, s.n_rows, qk, a.q.stride);
  for (int64_t i = 0; i < s.n_rows; ++i) {
    running[i] = {-INFINITY, 0.0f};
    for (int64_t k = 0; k < a.v; ++k) out(i)[k] = 0.0f;
  }
  const int64_t end = s.first_pos + s.n_rows;
  for (int64_t start = 0; start < end; start += kBlock) {
    const int64_t n = end - start < kBlock ? end - start : kBlock;
    const Matrix block = block_matrix(s.cache, start / kBlock, n);
    with_row_type(block.dtype, [&](auto type) {
      using Row = typename decltype(type)::type;
      for (int64_t j = 0; j < n; ++j) {
        const Row row(block, j);
        for (int64_t k = 0; k < width; k += kLanes) {
          const int64_t lanes = width - k < kLanes ? width - k : kLanes;
          store_n(latents + j * width + k, row.at_n(k, lanes), lanes);
        }
      }
    });
    Inputs c;
    c.x = Rows(latents, n, a.latent, width);
    for (int64_t j = 0; j < n; j += kInputBlock) {
      const int64_t m = n - j < kInputBlock ? n - j : kInputBlock;
      dot_block(w_uk, 0, a.nope, c, j, m, keys + j * qk, qk);
      dot_block(w_uv, 0, a.v, c, j, m, values + j * a.v, a.v);
    }
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t k = 0; k < a.rope; ++k) keys[j * qk + a.nope + k] = latents[j * width + a.latent + k];
    }
    Matrix key_matrix;
    key_matrix.data = keys;
    key_matrix.rows = n;
    key_matrix.cols = qk;
    Matrix value_matrix = key_matrix;
    value_matrix.data = values;
    value_matrix.cols = a.v;
    // Rows before the block's start see none of it.
    const int64_t first = start > s.first_pos ? start - s.first_pos : 0;
    for (int64_t i = first; i < s.n_rows; i += kInputBlock) {
      const int64_t m = s.n_rows - i < kInputBlock ? s.n_rows - i : kInputBlock;
      dot_block(key_matrix, 0, n, queries, i, m, scores + i * kBlock, kBlock);
    }
    for (int64_t i = first; i < s.n_rows; ++i) {
      const int64_t visible = s.first_pos + i + 1 - start;
      const int64_t n_keys = visible < n ? visible : n;
      const float keep = softmax_step(scores + i * kBlock, n_keys, a.scale, running[i]);
      add_weighted_rows(value_matrix, scores + i * kBlock, n_keys, a.v, keep, out(i));
    }
  }
  for (int64_t i = 0; i < s.n_rows; ++i) scale_row(out(i), a.v, 1.0f / running[i].total);
}

inline void mla_expanded(Context& context, const MlaArgs& a) {
  const auto n_slices = static_cast<int64_t>(a.slices.size());
  context.team.parallel_for(n_slices * a.n_heads, [&](int64_t task, int thread) {
    expand_head(context, thread, a, a.slices[static_cast<size_t>(task / a.n_heads)], task % a.n_heads);
  });
}

// One query row, heads [h0, h0 + n_heads).
inline void absorb_heads(Context& context, int thread, const MlaArgs& a, const SequenceSlice& s, int64_t i,
                         int64_t h0, int64_t n_heads) {
  const int64_t width = a.latent + a.rope;
  const int64_t qk = a.nope + a.rope;
  float* const q_latent =
      context.thread_scratch[static_cast<size_t>(thread)].data();  // (kHeadTile, latent + rope)
  float* const weighted = q_latent + kHeadTile * width;            // (kHeadTile, latent)
  float* const scores = weighted + kHeadTile * a.latent;           // (kHeadTile, kBlock)
  Running running[kHeadTile];
  for (int64_t h = 0; h < n_heads; ++h) {
    const float* q = a.q.row(s.first_row + i) + (h0 + h) * qk;
    running[h] = {-INFINITY, 0.0f};
    for (int64_t k = 0; k < a.latent; ++k) q_latent[h * width + k] = weighted[h * a.latent + k] = 0.0f;
    add_weighted_rows(a.w_uk(h0 + h), q, a.nope, a.latent, 0.0f, q_latent + h * width);
    for (int64_t k = 0; k < a.rope; ++k) q_latent[h * width + a.latent + k] = q[a.nope + k];
  }
  Inputs queries;
  queries.x = Rows(q_latent, n_heads, width);
  const int64_t end = s.first_pos + i + 1;
  for (int64_t start = 0; start < end; start += kBlock) {
    const int64_t n = end - start < kBlock ? end - start : kBlock;
    const Matrix block = block_matrix(s.cache, start / kBlock, n);
    dot_block(block, 0, n, queries, 0, n_heads, scores, kBlock);
    for (int64_t h = 0; h < n_heads; ++h) {
      const float keep = softmax_step(scores + h * kBlock, n, a.scale, running[h]);
      add_weighted_rows(block, scores + h * kBlock, n, a.latent, keep, weighted + h * a.latent);
    }
  }
  for (int64_t h = 0; h < n_heads; ++h) {
    scale_row(weighted + h * a.latent, a.latent, 1.0f / running[h].total);
    Inputs latent;
    latent.x = Rows(weighted + h * a.latent, 1, a.latent);
    dot_block(a.w_uv(h0 + h), 0, a.v, latent, 0, 1, a.out.row(s.first_row + i) + (h0 + h) * a.v, a.v);
  }
}

inline void mla_absorbed(Context& context, const MlaArgs& a) {
  const int64_t tiles = ceil_div(a.n_heads, kHeadTile);
  for (const SequenceSlice& s : a.slices) {
    context.team.parallel_for(s.n_rows * tiles, [&](int64_t task, int thread) {
      const int64_t h0 = task % tiles * kHeadTile;
      const int64_t n = a.n_heads - h0 < kHeadTile ? a.n_heads - h0 : kHeadTile;
      absorb_heads(context, thread, a, s, task / tiles, h0, n);
    });
  }
}

}  // namespace
}  // namespace jaju::JAJU_ISA
