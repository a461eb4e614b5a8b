// Multi-head latent attention, both ways, one cache block (64 positions) at a time with a running softmax
// (Milakov and Gimelshein, arXiv 1805.02867). Blocks start at multiples of 64 positions whatever the chunk,
// so a prompt cut anywhere gives the same bits. Where Context::precision allows, weights are bf16 and the
// cache is not f32, queries, keys, values and softmax weights are rounded to bf16 and multiplied in pairs;
// sums stay f32. A block in q8 is widened before it is read, once for all heads of a row when decoding.
// Included once per ISA.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

constexpr int64_t kBlock = LatentCache::kPositions;

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

// Positions [0, n) of a block in q8 as f32 rows of `width` values: exact.
inline void widen_block(const LatentCache& cache, int64_t block, int64_t n, float* to) {
  const CacheRow& layout = cache.layout;
  const auto widen = [](const int8_t* codes, const uint16_t* scales, int64_t values, float* row) {
    for (int64_t k = 0; k < values; k += kLanes) {
      const V value = mul(load_i8(codes + k), set1(bf16_to_f32(scales[k / CacheRow::kGroup])));
      store_n(row + k, value, values - k < kLanes ? values - k : kLanes);
    }
  };
  const std::byte* from = cache.block(block);
  for (int64_t j = 0; j < n; ++j, from += layout.bytes(), to += layout.width()) {
    const int64_t rope_at = layout.rope_codes_at();
    widen(layout.codes(from), layout.scales(from), layout.latent, to);
    widen(layout.codes(from) + rope_at, layout.scales(from) + rope_at / CacheRow::kGroup, layout.rope,
          to + layout.latent);
  }
}

// The positions of one cache block as a matrix (n, width); `room` for q8, kBlock * width floats.
inline Matrix block_matrix(const LatentCache& cache, int64_t block, int64_t n, float* room) {
  Matrix m;
  m.data = cache.block(block);
  m.dtype = cache.layout.type == CacheType::bf16 ? DType::bf16 : DType::f32;
  m.rows = n;
  m.cols = cache.layout.width();
  if (cache.layout.type == CacheType::q8) {
    widen_block(cache, block, n, room);
    m.data = room;
  }
  return m;
}

#ifdef JAJU_HAS_BF16_DOT
// The same in bf16, of a cache that is bf16 or q8.
inline const uint16_t* block_in_bf16(const LatentCache& cache, int64_t block, int64_t n, uint16_t* room) {
  const CacheRow& layout = cache.layout;
  const std::byte* from = cache.block(block);
  if (layout.type == CacheType::bf16) return reinterpret_cast<const uint16_t*>(from);
  uint16_t* to = room;
  for (int64_t j = 0; j < n; ++j, from += layout.bytes(), to += layout.width()) {
    const int64_t rope_at = layout.rope_codes_at();
    bf16dot::widen_codes(layout.codes(from), layout.scales(from), layout.latent, to);
    bf16dot::widen_codes(layout.codes(from) + rope_at, layout.scales(from) + rope_at / CacheRow::kGroup,
                         layout.rope, to + layout.latent);
  }
  return room;
}
#endif

inline Matrix f32_matrix(const float* data, int64_t rows, int64_t cols) {
  Matrix m;
  m.data = data;
  m.rows = rows;
  m.cols = cols;
  return m;
}

// Whether attention over this cache goes in bf16. Asked of what never changes within a sequence.
inline bool mla_in_bf16(const Context& context, const MlaArgs& a, const LatentCache& cache) {
  return takes_bf16(context, a.kv_b.dtype) && cache.layout.type != CacheType::f32;
}

// Hands out a thread's or the shared scratch piece by piece, each at a cache line.
class Pieces {
 public:
  explicit Pieces(LineVector<float>& scratch) : next_(scratch.data()), end_(next_ + scratch.size()) {}
  float* floats(int64_t n) {
    float* const piece = next_;
    next_ += (n + 15) / 16 * 16;
    JAJU_CHECK(next_ <= end_);
    return piece;
  }
  uint16_t* halves(int64_t n) { return reinterpret_cast<uint16_t*>(floats((n + 1) / 2)); }

 private:
  float* next_;
  float* end_;
};

// One head of one slice, expanded: what both forms of expand_head share.
struct ExpandedHead {
  const MlaArgs& a;
  const SequenceSlice& s;
  int64_t head;
  float* sums;       // (n_rows, v)
  Running* running;  // (n_rows)

  int64_t qk() const { return a.nope + a.rope; }
  const float* query(int64_t i) const { return a.q.row(s.first_row + i) + head * qk(); }
  // Positions of the block at `start` that row i sees.
  int64_t visible(int64_t i, int64_t start, int64_t n) const {
    const int64_t up_to_itself = s.first_pos + i + 1 - start;
    return up_to_itself < n ? up_to_itself : n;
  }

  // body(start, n, first row that sees some of it) for every block of the cache.
  template <typename Body>
  void for_blocks(const Body& body) const {
    const int64_t end = s.first_pos + s.n_rows;
    for (int64_t start = 0; start < end; start += kBlock) {
      body(start, end - start < kBlock ? end - start : kBlock, start > s.first_pos ? start - s.first_pos : 0);
    }
  }

  void begin() const {
    for (int64_t i = 0; i < s.n_rows; ++i) running[i] = {-INFINITY, 0.0f};
  }

  void write() const {
    for (int64_t i = 0; i < s.n_rows; ++i) {
      float* const out = a.out.row(s.first_row + i) + head * a.v;
      const float factor = 1.0f / running[i].total;
      for (int64_t k = 0; k < a.v; ++k) out[k] = sums[i * a.v + k] * factor;
    }
  }
};

inline void expand_f32(Pieces scratch, const ExpandedHead& h) {
  const MlaArgs& a = h.a;
  const int64_t width = a.latent + a.rope;
  const int64_t qk = h.qk();
  float* const latents = scratch.floats(kBlock * width);
  float* const keys = scratch.floats(kBlock * qk);
  float* const values = scratch.floats(kBlock * a.v);
  float* const scores = scratch.floats(kMlaRows * kBlock);
  const Matrix w_uk = a.w_uk(h.head);
  const Matrix w_uv = a.w_uv(h.head);
  Inputs queries;
  queries.x = Rows(h.query(0), h.s.n_rows, qk, a.q.stride);
  h.for_blocks([&](int64_t start, int64_t n, int64_t first) {
    const Matrix block = block_matrix(h.s.cache, start / kBlock, n, latents);
    if (block.data != latents) {
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
    }
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
    const Matrix key_matrix = f32_matrix(keys, n, qk);
    const Matrix value_matrix = f32_matrix(values, n, a.v);
    float keep[kMlaRows];
    for (int64_t i = first; i < h.s.n_rows; i += kMlaRows) {
      const int64_t m = h.s.n_rows - i < kMlaRows ? h.s.n_rows - i : kMlaRows;
      for (int64_t j = 0; j < m; j += kInputBlock) {
        dot_block(key_matrix, 0, n, queries, i + j, m - j < kInputBlock ? m - j : kInputBlock,
                  scores + j * kBlock, kBlock);
      }
      for (int64_t j = 0; j < m; ++j) {
        float* const s = scores + j * kBlock;
        const int64_t seen = h.visible(i + j, start, n);
        keep[j] = softmax_step(s, seen, a.scale, h.running[i + j]);
        for (int64_t k = seen; k < n; ++k) s[k] = 0.0f;
      }
      weigh_rows(value_matrix, a.v, scores, kBlock, m, start == 0 ? nullptr : keep, h.sums + i * a.v, a.v);
    }
  });
}

#ifdef JAJU_HAS_BF16_DOT
// Rows of a latent's width that stay in the first-level cache while what they are multiplied with passes.
constexpr int64_t kCachedInputs = 24;

// Keys are expanded transposed, (qk, positions), so that queries weigh their rows: no sums across lanes.
inline void expand_bf16(Pieces scratch, const ExpandedHead& h) {
  const MlaArgs& a = h.a;
  const int64_t width = a.latent + a.rope;
  const int64_t qk = h.qk();
  const int64_t wider = a.nope > a.v ? a.nope : a.v;
  float* const wide = scratch.floats(kBlock * wider);     // keys or values before they are rounded
  uint16_t* const keys = scratch.halves(qk * kBlock);     // (qk, positions)
  uint16_t* const values = scratch.halves(kBlock * a.v);  // (positions, v)
  float* const scores = scratch.floats(kMlaRows * kBlock);
  uint16_t* const weights = scratch.halves(kMlaRows * kBlock);
  uint16_t* const queries = scratch.halves(h.s.n_rows * qk);
  uint16_t* const widened = scratch.halves(kBlock * width);  // of q8
  for (int64_t i = 0; i < h.s.n_rows; ++i) bf16dot::round_row(h.query(i), qk, queries + i * qk);
  const auto halves = [](const void* p) { return static_cast<const uint16_t*>(p); };
  const uint16_t* const w_uk = halves(a.w_uk(h.head).data);
  const uint16_t* const w_uv = halves(a.w_uv(h.head).data);
  h.for_blocks([&](int64_t start, int64_t n, int64_t first) {
    const uint16_t* const latents = block_in_bf16(h.s.cache, start / kBlock, n, widened);
    const uint16_t* x[kCachedInputs];
    for (int64_t d = 0; d < a.nope; d += kCachedInputs) {
      const int64_t m = a.nope - d < kCachedInputs ? a.nope - d : kCachedInputs;
      for (int64_t j = 0; j < m; ++j) x[j] = w_uk + (d + j) * a.latent;
      bf16dot::dot_rows(latents, width, n, a.latent, x, m, wide + d * kBlock, kBlock);
    }
    for (int64_t d = 0; d < a.nope; ++d) bf16dot::round_row(wide + d * kBlock, n, keys + d * kBlock);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t d = 0; d < a.rope; ++d)
        keys[(a.nope + d) * kBlock + j] = latents[j * width + a.latent + d];
    }
    for (int64_t j = 0; j < n; j += kCachedInputs) {
      const int64_t m = n - j < kCachedInputs ? n - j : kCachedInputs;
      for (int64_t i = 0; i < m; ++i) x[i] = latents + (j + i) * width;
      bf16dot::dot_rows(w_uv, a.latent, a.v, a.latent, x, m, wide + j * a.v, a.v);
    }
    for (int64_t j = 0; j < n; ++j) bf16dot::round_row(wide + j * a.v, a.v, values + j * a.v);
    float keep[kMlaRows];
    for (int64_t i = first; i < h.s.n_rows; i += kMlaRows) {
      const int64_t m = h.s.n_rows - i < kMlaRows ? h.s.n_rows - i : kMlaRows;
      bf16dot::weigh_rows(keys, kBlock, qk, n, queries + i * qk, qk, m, nullptr, scores, kBlock);
      for (int64_t j = 0; j < m; ++j) {
        float* const s = scores + j * kBlock;
        const int64_t seen = h.visible(i + j, start, n);
        keep[j] = softmax_step(s, seen, a.scale, h.running[i + j]);
        for (int64_t k = seen; k < n; ++k) s[k] = 0.0f;
        bf16dot::round_row(s, n, weights + j * kBlock);
      }
      bf16dot::weigh_rows(values, a.v, n, a.v, weights, kBlock, m, start == 0 ? nullptr : keep,
                          h.sums + i * a.v, a.v);
    }
  });
}
#endif

// All query rows of one slice for one head. Keys and values of a block are expanded once and serve every row.
inline void expand_head(Context& context, int thread, const MlaArgs& a, const SequenceSlice& s,
                        int64_t head) {
  Pieces scratch(context.thread_scratch[static_cast<size_t>(thread)]);
  float* const sums = scratch.floats(s.n_rows * a.v);
  auto* const running = reinterpret_cast<Running*>(scratch.floats(2 * s.n_rows));
  const ExpandedHead h{a, s, head, sums, running};
  h.begin();
#ifdef JAJU_HAS_BF16_DOT
  if (mla_in_bf16(context, a, s.cache)) {
    expand_bf16(scratch, h);
    return h.write();
  }
#endif
  expand_f32(scratch, h);
  h.write();
}

inline void mla_expanded(Context& context, const MlaArgs& a) {
  JAJU_CHECK(!a.kv_b.packed());
  const auto n_slices = static_cast<int64_t>(a.slices.size());
  int64_t cost = 0;
  for (const SequenceSlice& s : a.slices) {
    const int64_t positions = s.first_pos + s.n_rows;
    cost += product_cost((a.nope + a.v) * a.n_heads, a.latent, positions) +
            product_cost((a.nope + a.rope + a.v) * a.n_heads, positions, s.n_rows);
  }
  for_tasks(context, n_slices * a.n_heads, cost, [&](int64_t task, int thread) {
    expand_head(context, thread, a, a.slices[static_cast<size_t>(task / a.n_heads)], task % a.n_heads);
  });
}

// Absorbed attention of some decoding rows, a wave of them at a time, in three steps: queries through W_UK,
// scores and weighted latents, those through W_UV.
//
// A task takes as many heads of a row as leave work for every thread, and passes the cache once for all of
// them: a block comes from memory, or out of q8, once, and lies in the second-level cache while kMlaHeads
// heads after kMlaHeads read it, whose queries lie in the first.
//
// The cache of a row is cut into parts whose length depends on its position alone, each summed by itself, the
// parts then added from the first to the last: so the team can share one long cache, and the bits are the
// same where it does not.
struct AbsorbedRow {
  const SequenceSlice* slice;
  int64_t i;  // row of the slice
  int64_t positions() const { return slice->first_pos + i + 1; }
  int64_t row() const { return slice->first_row + i; }
  int64_t part() const {
    constexpr int64_t kLeast = 8 * kBlock;
    const int64_t share = ceil_div(ceil_div(positions(), kMlaParts), kBlock) * kBlock;
    return share > kLeast ? share : kLeast;
  }
  int64_t parts() const { return ceil_div(positions(), part()); }
};

// What a task has for each of its heads: sums of exp(score - top) times the latents, and the softmax so far.
struct Weighted {
  float* sums;       // (heads, latent)
  Running* running;  // (heads)
};

struct Absorbed {
  Context& context;
  const MlaArgs& a;
  const AbsorbedRow* rows;
  int64_t n;                      // of them, all with caches of one kind
  bool in_bf16;                   // queries and weighted latents are then kept rounded
  float* wide_queries;            // (n, heads, width)
  float* wide_latents = nullptr;  // (n, heads, latent); null in bf16
  uint16_t* queries = nullptr;    // both rounded; null in f32
  uint16_t* latents = nullptr;
  uint16_t* heads_in = nullptr;  // (n, heads * qk): the queries as they came, rounded

  int64_t width() const { return a.latent + a.rope; }
  int64_t qk() const { return a.nope + a.rope; }

  void absorb_queries(int64_t head) const;
  void attend(Pieces scratch, int64_t r, int64_t h0, int64_t heads, int64_t part, const Weighted& to) const;
  void pass_block(const Matrix& block, const void* next, bool first, int64_t r, int64_t h0, int64_t heads,
                  float* scores, const Weighted& to) const;
  void add_part(const Weighted& total, const Weighted& part, int64_t heads) const;
  void finish(const Weighted& total, int64_t r, int64_t h0, int64_t heads) const;
  void project(int64_t head) const;
};

// q_latent = W_UK^T q_nope for one head of every row, the rope half behind it.
inline void Absorbed::absorb_queries(int64_t head) const {
  const Matrix w_uk = a.w_uk(head);
  float* const to = wide_queries + head * width();
  const int64_t stride = a.n_heads * width();
#ifdef JAJU_HAS_BF16_DOT
  if (in_bf16) {
    const int64_t q_stride = a.n_heads * qk();
    for (int64_t r = 0; r < n; ++r) {
      bf16dot::round_row(a.q.row(rows[r].row()) + head * qk(), qk(), heads_in + r * q_stride + head * qk());
    }
    bf16dot::weigh_rows(static_cast<const uint16_t*>(w_uk.data), a.latent, a.nope, a.latent,
                        heads_in + head * qk(), q_stride, n, nullptr, to, stride);
    for (int64_t r = 0; r < n; ++r) {
      uint16_t* const query = queries + r * stride + head * width();
      bf16dot::round_row(to + r * stride, a.latent, query);
      for (int64_t k = 0; k < a.rope; ++k) {
        query[a.latent + k] = heads_in[r * q_stride + head * qk() + a.nope + k];
      }
    }
    return;
  }
#endif
  for (int64_t r = 0; r < n; ++r) {
    const float* const q = a.q.row(rows[r].row()) + head * qk();
    // Rows of several slices need not lie at one stride, so one by one; kWeighInputs of them where they do.
    int64_t together = 1;
    while (r + together < n && rows[r + together].row() == rows[r].row() + together) ++together;
    weigh_rows(w_uk, a.latent, q, a.q.stride, together, nullptr, to + r * stride, stride);
    for (int64_t t = 0; t < together; ++t) {
      for (int64_t k = 0; k < a.rope; ++k) {
        to[(r + t) * stride + a.latent + k] = q[t * a.q.stride + a.nope + k];
      }
    }
    r += together - 1;
  }
}

// At most kMlaHeads heads from h0 on over the positions of one block; `first`: of their part. `next`: the
// block in bf16 that memory is asked for meanwhile, or null.
inline void Absorbed::pass_block(const Matrix& block, [[maybe_unused]] const void* next, bool first,
                                 int64_t r, int64_t h0, int64_t heads, float* scores,
                                 const Weighted& to) const {
  const int64_t first_query = (r * a.n_heads + h0) * width();
  float keep[kMlaHeads];
  const float* const kept = first ? nullptr : keep;
#ifdef JAJU_HAS_BF16_DOT
  if (in_bf16) {
    const auto* const positions = static_cast<const uint16_t*>(block.data);
    auto* const weights = reinterpret_cast<uint16_t*>(scores + kMlaHeads * kBlock);
    const uint16_t* x[kMlaHeads];
    for (int64_t h = 0; h < heads; ++h) x[h] = queries + first_query + h * width();
    bf16dot::dot_rows(positions, width(), block.rows, width(), x, heads, scores, kBlock,
                      static_cast<const uint16_t*>(next));
    for (int64_t h = 0; h < heads; ++h) {
      keep[h] = softmax_step(scores + h * kBlock, block.rows, a.scale, to.running[h]);
      bf16dot::round_row(scores + h * kBlock, block.rows, weights + h * kBlock);
    }
    bf16dot::weigh_rows(positions, width(), block.rows, a.latent, weights, kBlock, heads, kept, to.sums,
                        a.latent);
    return;
  }
#endif
  Inputs in;
  in.x = Rows(wide_queries + first_query, heads, width());
  dot_block(block, 0, block.rows, in, 0, heads, scores, kBlock);
  for (int64_t h = 0; h < heads; ++h) {
    keep[h] = softmax_step(scores + h * kBlock, block.rows, a.scale, to.running[h]);
  }
  weigh_rows(block, a.latent, scores, kBlock, heads, kept, to.sums, a.latent);
}

// One part of one row's cache for heads [h0, h0 + heads).
inline void Absorbed::attend(Pieces scratch, int64_t r, int64_t h0, int64_t heads, int64_t part,
                             const Weighted& to) const {
  const AbsorbedRow& row = rows[r];
  const LatentCache& cache = row.slice->cache;
  float* const scores = scratch.floats(2 * kMlaHeads * kBlock);
  float* const room = scratch.floats(cache.layout.type == CacheType::q8 ? kBlock * width() : 0);
  const int64_t begin = part * row.part();
  const int64_t end = begin + row.part() < row.positions() ? begin + row.part() : row.positions();
  for (int64_t h = 0; h < heads; ++h) to.running[h] = {-INFINITY, 0.0f};
  for (int64_t start = begin; start < end; start += kBlock) {
    const int64_t m = end - start < kBlock ? end - start : kBlock;
    Matrix block;
#ifdef JAJU_HAS_BF16_DOT
    if (in_bf16) {
      block.data = block_in_bf16(cache, start / kBlock, m, reinterpret_cast<uint16_t*>(room));
      block.dtype = DType::bf16;
      block.rows = m;
      block.cols = width();
    }
#endif
    if (!in_bf16) block = block_matrix(cache, start / kBlock, m, room);
    // A layer's blocks lie apart, each in a page with those of the other layers.
    const bool follows = cache.layout.type == CacheType::bf16 && start + kBlock < row.positions();
    const void* const next = follows ? cache.block(start / kBlock + 1) : nullptr;
    for (int64_t h = 0; h < heads; h += kMlaHeads) {
      const int64_t count = heads - h < kMlaHeads ? heads - h : kMlaHeads;
      pass_block(block, next, start == begin, r, h0 + h, count, scores,
                 {to.sums + h * a.latent, to.running + h});
    }
  }
}

// total += part.
inline void Absorbed::add_part(const Weighted& total, const Weighted& part, int64_t heads) const {
  for (int64_t h = 0; h < heads; ++h) {
    Running& sum = total.running[h];
    const Running& more = part.running[h];
    const float top = sum.top > more.top ? sum.top : more.top;
    const float before = exp1(sum.top - top);
    const float now = exp1(more.top - top);
    sum = {top, sum.total * before + more.total * now};
    float* const to = total.sums + h * a.latent;
    const float* const from = part.sums + h * a.latent;
    for (int64_t k = 0; k < a.latent; ++k) to[k] = to[k] * before + from[k] * now;
  }
}

inline void Absorbed::finish(const Weighted& total, int64_t r, int64_t h0, int64_t heads) const {
  for (int64_t h = 0; h < heads; ++h) {
    float* const from = total.sums + h * a.latent;
    const int64_t at = (r * a.n_heads + h0 + h) * a.latent;
    scale_row(from, a.latent, 1.0f / total.running[h].total);
#ifdef JAJU_HAS_BF16_DOT
    if (in_bf16) {
      bf16dot::round_row(from, a.latent, latents + at);
      continue;
    }
#endif
    __builtin_memcpy(wide_latents + at, from, static_cast<size_t>(a.latent) * sizeof(float));
  }
}

// The weighted latents of one head through W_UV.
inline void Absorbed::project(int64_t head) const {
  const Matrix w_uv = a.w_uv(head);
  const int64_t stride = a.n_heads * a.latent;
  for (int64_t r = 0; r < n;) {
    int64_t together = 1;
    while (together < kInputBlock && r + together < n &&
           rows[r + together].row() == rows[r].row() + together) {
      ++together;
    }
    Inputs in;
    in.x = Rows(wide_latents + r * stride + head * a.latent, together, a.latent, stride);
    if (in_bf16) {
      in.bf16 = latents + r * stride + head * a.latent;
      in.bf16_stride = stride;
    }
    dot_block(w_uv, 0, a.v, in, 0, together, a.out.row(rows[r].row()) + head * a.v, a.out.stride);
    r += together;
  }
}

// How absorb_wave cuts its work: into `groups` of heads, and where few rows stand before long caches into the
// parts of those.
struct AbsorbedPlan {
  int64_t parts = 1;  // most of any row
  int64_t groups = 1;
  int64_t heads = 0;  // of a group
  bool share_parts = false;
};

inline AbsorbedPlan plan_wave(const AbsorbedRow* rows, int64_t n, int64_t n_heads, int64_t threads) {
  AbsorbedPlan plan;
  for (int64_t r = 0; r < n; ++r) plan.parts = rows[r].parts() > plan.parts ? rows[r].parts() : plan.parts;
  // As many tasks as keep threads from waiting long for the last one.
  const int64_t wanted = 4 * threads;
  plan.share_parts =
      threads > 1 && plan.parts > 1 && n < wanted && n * n_heads * plan.parts <= kMlaSharedHeads * threads;
  const int64_t tasks = plan.share_parts ? n * plan.parts : n;
  plan.groups = threads == 1 || tasks >= wanted ? 1 : ceil_div(wanted, tasks);
  plan.heads = ceil_div(n_heads, plan.groups);
  if (plan.heads < kMlaLeastHeads) plan.heads = n_heads < kMlaLeastHeads ? n_heads : kMlaLeastHeads;
  plan.groups = ceil_div(n_heads, plan.heads);
  return plan;
}

inline void absorb_wave(Context& context, const MlaArgs& a, const AbsorbedRow* rows, int64_t n) {
  const int64_t width = a.latent + a.rope;
  Pieces scratch(context.shared_scratch);
  float* const wide_queries = scratch.floats(n * a.n_heads * width);
  Absorbed work{context, a, rows, n, mla_in_bf16(context, a, rows[0].slice->cache), wide_queries};
  if (work.in_bf16) {
    work.queries = scratch.halves(n * a.n_heads * width);
    work.latents = scratch.halves(n * a.n_heads * a.latent);
    work.heads_in = scratch.halves(n * a.n_heads * (a.nope + a.rope));
  } else {
    work.wide_latents = scratch.floats(n * a.n_heads * a.latent);
  }
  const AbsorbedPlan plan = plan_wave(rows, n, a.n_heads, context.team.size());
  const int64_t absorb_cost = product_cost(a.n_heads * a.nope, a.latent, n);
  const int64_t project_cost = product_cost(a.n_heads * a.v, a.latent, n);
  // For one row a task takes its heads through all three steps: what W_UK and W_UV lose by not being read for
  // several rows at once is nothing then, and two waits for all threads are saved.
  const bool at_once = n == 1 && !plan.share_parts;
  if (!at_once) {
    for_tasks(context, a.n_heads, absorb_cost, [&](int64_t head, int) { work.absorb_queries(head); });
  }

  int64_t cost = at_once ? absorb_cost + project_cost : 0;
  for (int64_t r = 0; r < n; ++r) cost += product_cost(rows[r].positions(), width + a.latent, a.n_heads);
  const auto heads_of = [&](int64_t group) {
    const int64_t left = a.n_heads - group * plan.heads;
    return left < plan.heads ? left : plan.heads;
  };
  const auto weighted = [&](Pieces& from) {
    float* const sums = from.floats(plan.heads * a.latent);
    return Weighted{sums, reinterpret_cast<Running*>(from.floats(2 * plan.heads))};
  };
  if (!plan.share_parts) {
    for_tasks(context, n * plan.groups, cost, [&](int64_t task, int thread) {
      const int64_t r = task / plan.groups;
      const int64_t h0 = task % plan.groups * plan.heads;
      const int64_t heads = heads_of(task % plan.groups);
      Pieces room(context.thread_scratch[static_cast<size_t>(thread)]);
      const Weighted total = weighted(room);
      const Weighted part = weighted(room);
      for (int64_t h = 0; at_once && h < heads; ++h) work.absorb_queries(h0 + h);
      work.attend(room, r, h0, heads, 0, total);
      for (int64_t p = 1; p < rows[r].parts(); ++p) {
        work.attend(room, r, h0, heads, p, part);
        work.add_part(total, part, heads);
      }
      work.finish(total, r, h0, heads);
      for (int64_t h = 0; at_once && h < heads; ++h) work.project(h0 + h);
    });
    if (!at_once) {
      for_tasks(context, a.n_heads, project_cost, [&](int64_t head, int) { work.project(head); });
    }
  } else {
    // Weighted latents of (row, part, head).
    float* const sums = scratch.floats(n * plan.parts * a.n_heads * a.latent);
    auto* const running = reinterpret_cast<Running*>(scratch.floats(2 * n * plan.parts * a.n_heads));
    const auto at = [&](int64_t r, int64_t part, int64_t head) {
      const int64_t place = (r * plan.parts + part) * a.n_heads + head;
      return Weighted{sums + place * a.latent, running + place};
    };
    // Neighbouring tasks are heads of one part, so that threads which share them find it in their cache.
    for_tasks(context, n * plan.parts * plan.groups, cost, [&](int64_t task, int thread) {
      const int64_t group = task % plan.groups;
      const int64_t part = task / plan.groups % plan.parts;
      const int64_t r = task / plan.groups / plan.parts;
      if (part >= rows[r].parts()) return;
      work.attend(Pieces(context.thread_scratch[static_cast<size_t>(thread)]), r, group * plan.heads,
                  heads_of(group), part, at(r, part, group * plan.heads));
    });
    const int64_t add_cost = copy_cost(n * plan.parts * a.n_heads * a.latent);
    for_tasks(context, a.n_heads, add_cost + project_cost, [&](int64_t head, int) {
      for (int64_t r = 0; r < n; ++r) {
        const Weighted total = at(r, 0, head);
        for (int64_t p = 1; p < rows[r].parts(); ++p) work.add_part(total, at(r, p, head), 1);
        work.finish(total, r, head, 1);
      }
      work.project(head);
    });
  }
}

inline void mla_absorbed(Context& context, const MlaArgs& a) {
  JAJU_CHECK(!a.kv_b.packed());
  AbsorbedRow rows[kMlaWave];
  int64_t n = 0;
  const auto flush = [&] {
    if (n > 0) absorb_wave(context, a, rows, n);
    n = 0;
  };
  for (const SequenceSlice& s : a.slices) {
    for (int64_t i = 0; i < s.n_rows; ++i) {
      if (n == kMlaWave || (n > 0 && rows[0].slice->cache.layout != s.cache.layout)) flush();
      rows[n++] = {&s, i};
    }
  }
  flush();
}

}  // namespace
}  // namespace jaju::JAJU_ISA
