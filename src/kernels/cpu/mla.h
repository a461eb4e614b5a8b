// Multi-head latent attention, both ways, one cache block (64 positions) at a time with a running softmax
// (Milakov and Gimelshein, arXiv 1805.02867). Blocks start at multiples of 64 positions whatever the chunk,
// so a prompt cut anywhere gives the same bits. Where Context::precision allows, and weights and cache are
// bf16, queries, keys, values and softmax weights are rounded to bf16 and multiplied in pairs; sums stay f32.
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

// The positions of one cache block as a matrix (n, width).
inline Matrix block_matrix(const LatentCache& cache, int64_t block, int64_t n) {
  Matrix m;
  m.data = cache.block(block);
  m.dtype = cache.dtype;
  m.rows = n;
  m.cols = cache.width;
  return m;
}

inline Matrix f32_matrix(const float* data, int64_t rows, int64_t cols) {
  Matrix m;
  m.data = data;
  m.rows = rows;
  m.cols = cols;
  return m;
}

// Whether attention over this cache goes in bf16. Asked of what never changes within a sequence.
inline bool mla_in_bf16(const Context& context, const MlaArgs& a, const LatentCache& cache) {
  return takes_bf16(context, a.kv_b.dtype) && cache.dtype == DType::bf16;
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
    const Matrix block = block_matrix(h.s.cache, start / kBlock, n);
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
  for (int64_t i = 0; i < h.s.n_rows; ++i) bf16dot::round_row(h.query(i), qk, queries + i * qk);
  const auto halves = [](const void* p) { return static_cast<const uint16_t*>(p); };
  const uint16_t* const w_uk = halves(a.w_uk(h.head).data);
  const uint16_t* const w_uv = halves(a.w_uv(h.head).data);
  h.for_blocks([&](int64_t start, int64_t n, int64_t first) {
    const uint16_t* const latents = halves(h.s.cache.block(start / kBlock));
    const uint16_t* x[kBlock];
    for (int64_t d = 0; d < a.nope; d += kBlock) {
      const int64_t m = a.nope - d < kBlock ? a.nope - d : kBlock;
      for (int64_t j = 0; j < m; ++j) x[j] = w_uk + (d + j) * a.latent;
      bf16dot::dot_rows(latents, width, n, a.latent, x, m, wide + d * kBlock, kBlock);
    }
    for (int64_t d = 0; d < a.nope; ++d) bf16dot::round_row(wide + d * kBlock, n, keys + d * kBlock);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t d = 0; d < a.rope; ++d)
        keys[(a.nope + d) * kBlock + j] = latents[j * width + a.latent + d];
      x[j] = latents + j * width;
    }
    bf16dot::dot_rows(w_uv, a.latent, a.v, a.latent, x, n, wide, a.v);
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
  int64_t tiles() const { return ceil_div(a.n_heads, kMlaHeads); }

  void absorb_queries(int64_t head) const;
  void attend(float* weighted, Running* running, int thread, int64_t r, int64_t h0, int64_t heads,
              int64_t part) const;
  void add_part(float* sum, Running* total, const float* part, const Running* running, int64_t heads) const;
  void finish(float* weighted, const Running* running, int64_t r, int64_t h0, int64_t heads) const;
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

// One part of one row's cache for heads [h0, h0 + heads): weighted (heads, latent) = sum of exp(score - top)
// times the latents.
inline void Absorbed::attend(float* weighted, Running* running, int thread, int64_t r, int64_t h0,
                             int64_t heads, int64_t part) const {
  const AbsorbedRow& row = rows[r];
  // Behind what attend_all keeps in the same scratch.
  auto& scratch = context.thread_scratch[static_cast<size_t>(thread)];
  float* const scores = scratch.data() + kMlaHeads * 2 * a.latent;
  const int64_t first_query = (r * a.n_heads + h0) * width();
  const int64_t begin = part * row.part();
  const int64_t end = begin + row.part() < row.positions() ? begin + row.part() : row.positions();
  float keep[kMlaHeads];
  for (int64_t h = 0; h < heads; ++h) running[h] = {-INFINITY, 0.0f};
  for (int64_t start = begin; start < end; start += kBlock) {
    const int64_t m = end - start < kBlock ? end - start : kBlock;
    const Matrix block = block_matrix(row.slice->cache, start / kBlock, m);
    const float* const kept = start == begin ? nullptr : keep;
#ifdef JAJU_HAS_BF16_DOT
    if (in_bf16) {
      const auto* const positions = static_cast<const uint16_t*>(block.data);
      auto* const weights = reinterpret_cast<uint16_t*>(scores + kMlaHeads * kBlock);
      const uint16_t* x[kMlaHeads];
      for (int64_t h = 0; h < heads; ++h) x[h] = queries + first_query + h * width();
      bf16dot::dot_rows(positions, width(), m, width(), x, heads, scores, kBlock);
      for (int64_t h = 0; h < heads; ++h) {
        keep[h] = softmax_step(scores + h * kBlock, m, a.scale, running[h]);
        bf16dot::round_row(scores + h * kBlock, m, weights + h * kBlock);
      }
      bf16dot::weigh_rows(positions, width(), m, a.latent, weights, kBlock, heads, kept, weighted, a.latent);
      continue;
    }
#endif
    Inputs in;
    in.x = Rows(wide_queries + first_query, heads, width());
    dot_block(block, 0, m, in, 0, heads, scores, kBlock);
    for (int64_t h = 0; h < heads; ++h) keep[h] = softmax_step(scores + h * kBlock, m, a.scale, running[h]);
    weigh_rows(block, a.latent, scores, kBlock, heads, kept, weighted, a.latent);
  }
}

// sum, total += part, running.
inline void Absorbed::add_part(float* sum, Running* total, const float* part, const Running* running,
                               int64_t heads) const {
  for (int64_t h = 0; h < heads; ++h) {
    const float top = total[h].top > running[h].top ? total[h].top : running[h].top;
    const float before = exp1(total[h].top - top);
    const float now = exp1(running[h].top - top);
    total[h] = {top, total[h].total * before + running[h].total * now};
    for (int64_t k = 0; k < a.latent; ++k) {
      sum[h * a.latent + k] = sum[h * a.latent + k] * before + part[h * a.latent + k] * now;
    }
  }
}

inline void Absorbed::finish(float* weighted, const Running* running, int64_t r, int64_t h0,
                             int64_t heads) const {
  for (int64_t h = 0; h < heads; ++h) {
    float* const from = weighted + h * a.latent;
    const int64_t at = (r * a.n_heads + h0 + h) * a.latent;
    scale_row(from, a.latent, 1.0f / running[h].total);
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

inline void absorb_wave(Context& context, const MlaArgs& a, const AbsorbedRow* rows, int64_t n) {
  const int64_t threads = context.team.size();
  const int64_t width = a.latent + a.rope;
  Pieces scratch(context.shared_scratch);
  float* const wide_queries = scratch.floats(n * a.n_heads * width);
  Absorbed work{context, a, rows, n, mla_in_bf16(context, a, rows[0].slice->cache), wide_queries};
  if (work.in_bf16) {
    work.queries = scratch.halves(n * a.n_heads * width);
    work.latents = reinterpret_cast<uint16_t*>(wide_queries);  // not read any more when these come
    work.heads_in = scratch.halves(n * a.n_heads * (a.nope + a.rope));
  } else {
    work.wide_latents = scratch.floats(n * a.n_heads * a.latent);
  }
  for_tasks(context, a.n_heads, product_cost(a.n_heads * a.nope, a.latent, n),
            [&](int64_t head, int) { work.absorb_queries(head); });

  int64_t cost = 0;
  int64_t most_parts = 1;
  for (int64_t r = 0; r < n; ++r) {
    cost += product_cost(rows[r].positions(), width + a.latent, a.n_heads);
    most_parts = rows[r].parts() > most_parts ? rows[r].parts() : most_parts;
  }
  const int64_t tiles = work.tiles();
  const auto heads_of = [&](int64_t tile) {
    const int64_t left = a.n_heads - tile * kMlaHeads;
    return left < kMlaHeads ? left : kMlaHeads;
  };
  const bool share_caches = most_parts > 1 && n * tiles < 2 * threads;
  if (!share_caches) {
    for_tasks(context, n * tiles, cost, [&](int64_t task, int thread) {
      const int64_t r = task / tiles;
      const int64_t h0 = task % tiles * kMlaHeads;
      const int64_t heads = heads_of(task % tiles);
      float* const sum = context.thread_scratch[static_cast<size_t>(thread)].data();
      float* const part = sum + kMlaHeads * a.latent;
      Running total[kMlaHeads];
      Running running[kMlaHeads];
      work.attend(sum, total, thread, r, h0, heads, 0);
      for (int64_t p = 1; p < rows[r].parts(); ++p) {
        work.attend(part, running, thread, r, h0, heads, p);
        work.add_part(sum, total, part, running, heads);
      }
      work.finish(sum, total, r, h0, heads);
    });
  } else {
    const int64_t part_floats = kMlaHeads * (a.latent + 2);
    float* const parts = scratch.floats(n * tiles * kMlaParts * part_floats);
    const auto weighted = [&](int64_t tile, int64_t p) {
      return parts + (tile * kMlaParts + p) * part_floats;
    };
    const auto running = [&](int64_t tile, int64_t p) {
      return reinterpret_cast<Running*>(weighted(tile, p) + kMlaHeads * a.latent);
    };
    for_tasks(context, n * tiles * most_parts, cost, [&](int64_t task, int thread) {
      const int64_t tile = task / most_parts;  // of all rows
      const int64_t p = task % most_parts;
      const int64_t r = tile / tiles;
      if (p >= rows[r].parts()) return;
      work.attend(weighted(tile, p), running(tile, p), thread, r, tile % tiles * kMlaHeads,
                  heads_of(tile % tiles), p);
    });
    for_tasks(context, n * tiles, copy_cost(n * tiles * most_parts * part_floats), [&](int64_t tile, int) {
      const int64_t r = tile / tiles;
      const int64_t heads = heads_of(tile % tiles);
      for (int64_t p = 1; p < rows[r].parts(); ++p) {
        work.add_part(weighted(tile, 0), running(tile, 0), weighted(tile, p), running(tile, p), heads);
      }
      work.finish(weighted(tile, 0), running(tile, 0), r, tile % tiles * kMlaHeads, heads);
    });
  }
  for_tasks(context, a.n_heads, product_cost(a.n_heads * a.v, a.latent, n),
            [&](int64_t head, int) { work.project(head); });
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
      if (n == kMlaWave || (n > 0 && rows[0].slice->cache.dtype != s.cache.dtype)) flush();
      rows[n++] = {&s, i};
    }
  }
  flush();
}

}  // namespace
}  // namespace jaju::JAJU_ISA
