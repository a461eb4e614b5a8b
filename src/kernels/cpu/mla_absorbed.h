// Attention of decoding rows over the latents themselves, W_UK and W_UV absorbed into query and output
// (mla_block.h). Included once per ISA.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

// Absorbed attention of some decoding rows, a wave of them at a time, in three steps: queries through W_UK,
// scores and weighted latents, those through W_UV.
//
// A task takes as many heads of a row as leave work for every thread, and passes the cache once for all of
// them: a block comes from memory, or out of q8, once, and lies in the second-level cache while kMlaHeads
// heads after kMlaHeads read it, whose queries lie in the first.
//
// How a row is multiplied goes by the CPU and by where the row stands: in bf16, on AMX tiles, in f32, or,
// behind kInt16Positions of a CPU without fast products of bf16, in int16 (mla_int16.h).
//
// The cache of a row is cut into parts whose length depends on its position alone, each summed by itself, the
// parts then added from the first to the last: so the team can share one long cache, and the bits are the
// same where it does not.
struct AbsorbedRow {
  const SequenceSlice* slice;
  int64_t i;  // row of the slice
  int64_t positions() const { return slice->first_pos + i + 1; }
  int64_t row() const { return slice->first_row + i; }
  // Short enough that threads which share a cache do not wait long for the last part (docs/benchmarks.md).
  int64_t part() const {
    constexpr int64_t kLeast = 4 * kBlock;
    const int64_t share = ceil_div(ceil_div(positions(), kMlaParts), kBlock) * kBlock;
    return share > kLeast ? share : kLeast;
  }
  int64_t parts() const { return ceil_div(positions(), part()); }
  // body(start, n, first) for the blocks of a part, n positions each; first: of the part.
  template <typename Body>
  void for_blocks(int64_t which, const Body& body) const {
    const int64_t begin = which * part();
    const int64_t end = begin + part() < positions() ? begin + part() : positions();
    for (int64_t start = begin; start < end; start += kBlock) {
      body(start, end - start < kBlock ? end - start : kBlock, start == begin);
    }
  }
};

// What a task has for each of its heads: sums of exp(score - top) times the latents, and the softmax so far.
struct Weighted {
  float* sums;       // (heads, latent)
  Running* running;  // (heads)
};

inline bool absorbs_on_tiles([[maybe_unused]] const MlaArgs& a) {
#ifdef JAJU_HAS_BF16_DOT
  return has_bf16_tiles() && a.n_heads % bf16tiles::kSide == 0 && a.latent % (4 * bf16tiles::kSide) == 0 &&
         a.rope % bf16tiles::kDepth == 0;
#else
  return false;
#endif
}

struct Absorbed {
  Context& context;
  const MlaArgs& a;
  const AbsorbedRow* rows;
  int64_t n;                      // of them, all with caches of one kind
  bool in_bf16;                   // queries and weighted latents are then kept rounded
  bool on_tiles;                  // for bf16
  float* wide_queries;            // (n, heads, width)
  float* wide_latents = nullptr;  // (n, heads, latent); null where `latents` are there
  uint16_t* queries = nullptr;    // both rounded; null in f32, and the latents with packed weights
  uint16_t* latents = nullptr;
  uint16_t* heads_in = nullptr;  // (n, heads * qk): the queries as they came, rounded, for W_UK in bf16
  std::byte* codes = nullptr;    // (heads, n): what packed W_UK, and later W_UV, multiply, in int8
  bool in_pairs = false;         // queries in f32 have their columns in the order of dot_pairs.h
  const int16dot::Kernels* int16 = nullptr;  // for rows far enough behind; null: those go in f32 as well
  int16dot::CodedRows coded_queries = {};    // of those, (n * heads)
  int64_t parts_apart = 1;                   // from a thread's part of a cache to its next one, as a rule

  int64_t width() const { return a.latent + a.rope; }
  int64_t qk() const { return a.nope + a.rope; }
  bool goes_in_int16(int64_t r) const { return int16 != nullptr && rows[r].positions() >= kInt16Positions; }
  const std::byte* block_after(const AbsorbedRow& row, int64_t part, int64_t start) const;
  const uint16_t* bf16_block_after(const AbsorbedRow& row, int64_t part, int64_t start) const;

  template <typename RowAt>
  Inputs round_rows(int64_t head, int64_t cols, const RowAt& row_at) const;
  void absorb_queries(int64_t head) const;
  void absorb_in_int8(int64_t head) const;
  void place_query(int64_t r, int64_t head) const;
  void attend(Pieces scratch, int64_t r, int64_t h0, int64_t heads, int64_t part, const Weighted& to) const;
  void attend_on_tiles(Pieces scratch, int64_t r, int64_t h0, int64_t heads, int64_t part,
                       const Weighted& to) const;
  void attend_in_int16(Pieces scratch, int64_t r, int64_t h0, int64_t heads, int64_t part,
                       const Weighted& to) const;
  void pass_block(const Matrix& block, const uint16_t* next, bool first, int64_t r, int64_t h0, int64_t heads,
                  float* scores, const Weighted& to) const;
  void add_part(const Weighted& total, const Weighted& part, int64_t heads) const;
  void finish(const Weighted& total, int64_t r, int64_t h0, int64_t heads) const;
  void project(int64_t head) const;
};

// The block that a thread reads after the one at `start`, or null: what memory is asked for meanwhile, since
// a layer's blocks lie apart, each in a page with those of the other layers.
inline const std::byte* Absorbed::block_after(const AbsorbedRow& row, int64_t part, int64_t start) const {
  const LatentCache& cache = row.slice->cache;
  const bool ends = start + kBlock >= (part + 1) * row.part();
  const int64_t next = ends ? (part + parts_apart) * row.part() : start + kBlock;
  return next < row.positions() ? cache.block(next / kBlock) : nullptr;
}
// The same where rows of bf16 are multiplied as they lie.
inline const uint16_t* Absorbed::bf16_block_after(const AbsorbedRow& row, int64_t part, int64_t start) const {
  if (row.slice->cache.layout.type != CacheType::bf16) return nullptr;
  return reinterpret_cast<const uint16_t*>(block_after(row, part, start));
}

// In int8 what packed weights of a head multiply: row_at(r) has `cols` values, for each of the n rows.
template <typename RowAt>
inline Inputs Absorbed::round_rows(int64_t head, int64_t cols, const RowAt& row_at) const {
  const int64_t apart = packed_dot::row_stride(a.nope > a.latent ? a.nope : a.latent);
  return round_to_int8(codes + head * n * apart, apart, n, cols, row_at);
}

// A query in f32, absorbed, as its scores want it.
inline void Absorbed::place_query(int64_t r, int64_t head) const {
  const int64_t at = r * a.n_heads + head;
  if (goes_in_int16(r)) return code_query(*int16, wide_queries + at * width(), coded_queries, at);
  if (in_pairs) put_in_pair_order(wide_queries + at * width(), width());
}

// q_latent = W_UK^T q_nope for one head of every row, the rope half behind it; W_UK packed.
inline void Absorbed::absorb_in_int8(int64_t head) const {
  float* const to = wide_queries + head * width();
  const int64_t stride = a.n_heads * width();
  const auto query = [&](int64_t r) { return a.q.row(rows[r].row()) + head * qk(); };
  dot_block(a.w_uk_turned(head), 0, a.latent, round_rows(head, a.nope, query), 0, n, to, stride);
  for (int64_t r = 0; r < n; ++r) {
    float* const wide = to + r * stride;
    __builtin_memcpy(wide + a.latent, query(r) + a.nope, static_cast<size_t>(a.rope) * sizeof(float));
#ifdef JAJU_HAS_BF16_DOT
    if (in_bf16) bf16dot::round_row(wide, width(), queries + r * stride + head * width());
#endif
    place_query(r, head);
  }
}

// The same with W_UK of any type.
inline void Absorbed::absorb_queries(int64_t head) const {
  if (a.kv_b.packed()) return absorb_in_int8(head);
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
      float* const query = to + (r + t) * stride;
      for (int64_t k = 0; k < a.rope; ++k) query[a.latent + k] = q[t * a.q.stride + a.nope + k];
      place_query(r + t, head);
    }
    r += together - 1;
  }
}

// At most kMlaHeads heads from h0 on over the positions of one block; `first`: of their part. `next`: the
// block in bf16 that memory is asked for meanwhile, or null.
inline void Absorbed::pass_block(const Matrix& block, const uint16_t* next, bool first, int64_t r, int64_t h0,
                                 int64_t heads, float* scores, const Weighted& to) const {
  const int64_t first_query = (r * a.n_heads + h0) * width();
  float keep[kMlaHeads];
  const float* const kept = first ? nullptr : keep;
#ifdef JAJU_HAS_BF16_DOT
  if (in_bf16) {
    const auto* const positions = static_cast<const uint16_t*>(block.data);
    auto* const weights = reinterpret_cast<uint16_t*>(scores + kMlaHeads * kBlock);
    const uint16_t* x[kMlaHeads];
    for (int64_t h = 0; h < heads; ++h) x[h] = queries + first_query + h * width();
    bf16dot::dot_rows(positions, width(), block.rows, width(), x, heads, scores, kBlock, next);
    for (int64_t h = 0; h < heads; ++h) {
      keep[h] = softmax_step(scores + h * kBlock, block.rows, a.scale, to.running[h]);
      bf16dot::round_row(scores + h * kBlock, block.rows, weights + h * kBlock);
    }
    bf16dot::weigh_rows(positions, width(), block.rows, a.latent, weights, kBlock, heads, kept, to.sums,
                        a.latent);
    return;
  }
#endif
  if (in_pairs) {
    const PairRows rows_of_block{static_cast<const uint16_t*>(block.data), next, width()};
    dot_pairs(rows_of_block, block.rows, wide_queries + first_query, heads, scores, kBlock);
  } else {
    Inputs in;
    in.x = Rows(wide_queries + first_query, heads, width());
    dot_block(block, 0, block.rows, in, 0, heads, scores, kBlock);
  }
  for (int64_t h = 0; h < heads; ++h) {
    keep[h] = softmax_step(scores + h * kBlock, block.rows, a.scale, to.running[h]);
  }
  weigh_rows(block, a.latent, scores, kBlock, heads, kept, to.sums, a.latent);
}

#ifdef JAJU_HAS_BF16_DOT
// softmax_step for a column of scores in every lane, n of them `stride` apart. tops, totals: of the columns
// so far; keep: of each the factor for what was summed before.
inline void softmax_columns(float* s, int64_t n, int64_t stride, float scale, float* tops, float* totals,
                            float* keep) {
  V top = set1(-INFINITY);
  for (int64_t j = 0; j < n; ++j) {
    const V scaled = mul(load(s + j * stride), set1(scale));
    store(s + j * stride, scaled);
    top = max(top, scaled);
  }
  const V before = load(tops);
  top = max(before, top);
  V sums[4] = {zero(), zero(), zero(), zero()};  // one alone would wait for itself
  for (int64_t j = 0; j < n; ++j) {
    const V weight = exp(sub(load(s + j * stride), top));
    store(s + j * stride, weight);
    sums[j % 4] = add(sums[j % 4], weight);
  }
  const V kept = exp(sub(before, top));
  store(keep, kept);
  store(tops, top);
  store(totals, fma(load(totals), kept, add(add(sums[0], sums[1]), add(sums[2], sums[3]))));
}

// On tiles: positions are the rows of the scores, heads their columns, so nothing is summed across lanes; the
// weights, turned round, then weigh the latents.
inline void Absorbed::attend_on_tiles(Pieces scratch, int64_t r, int64_t h0, int64_t heads, int64_t part,
                                      const Weighted& to) const {
  const AbsorbedRow& row = rows[r];
  const LatentCache& cache = row.slice->cache;
  uint16_t* const query_columns = scratch.halves(heads * width());
  float* const scores = scratch.floats(kBlock * heads);  // (positions, heads)
  uint16_t* const weights = scratch.halves(heads * kBlock);
  float* const tops = scratch.floats(heads);
  float* const totals = scratch.floats(heads);
  float* const keep = scratch.floats(heads);
  uint16_t* const room = scratch.halves(cache.layout.type == CacheType::q8 ? kBlock * width() : 0);
  bf16tiles::pack_columns(queries + (r * a.n_heads + h0) * width(), width(), heads, width(), query_columns);
  for (int64_t h = 0; h < heads; ++h) {
    tops[h] = -INFINITY;
    totals[h] = 0;
  }
  const bf16tiles::Tiles tiles;
  row.for_blocks(part, [&](int64_t start, int64_t m, bool first) {
    const uint16_t* const block = block_in_bf16(cache, start / kBlock, m, room);
    const uint16_t* const next = bf16_block_after(row, part, start);
    bf16tiles::multiply(block, width(), kBlock, query_columns, width(), heads, scores, heads, false, next);
    // Positions that are not there yet weigh nothing.
    __builtin_memset(scores + m * heads, 0, static_cast<size_t>((kBlock - m) * heads) * sizeof(float));
    for (int64_t h = 0; h < heads; h += kLanes) {
      softmax_columns(scores + h, m, heads, a.scale, tops + h, totals + h, keep + h);
      bf16tiles::round_transposed(scores + h, heads, weights + h * kBlock);
    }
    bf16tiles::weigh_rows(block, width(), m, a.latent, weights, heads, first ? nullptr : keep, to.sums,
                          a.latent);
  });
  for (int64_t h = 0; h < heads; ++h) to.running[h] = {tops[h], totals[h]};
}
#endif

// In int16: a block is rounded once for all heads of the task.
inline void Absorbed::attend_in_int16(Pieces scratch, int64_t r, int64_t h0, int64_t heads, int64_t part,
                                      const Weighted& to) const {
  const AbsorbedRow& row = rows[r];
  const LatentCache& cache = row.slice->cache;
  float* const scores = scratch.floats(kMlaHeads * kBlock);
  int16_t* const weights = scratch.shorts(kMlaHeads * kBlock);
  const int16dot::CodedRows block = scratch.coded_rows(kBlock, a.latent, a.rope);
  float* const room = scratch.floats(width());
  const int32_t most_weight = most_weight_code(kBlock, most_code(a.latent));
  for (int64_t h = 0; h < heads; ++h) to.running[h] = {-INFINITY, 0.0f};
  row.for_blocks(part, [&](int64_t start, int64_t m, bool first) {
    code_block(*int16, cache, start / kBlock, m, room, block);
    const std::byte* const next = block_after(row, part, start);
    for (int64_t h = 0; h < heads; h += kMlaHeads) {
      const int64_t count = heads - h < kMlaHeads ? heads - h : kMlaHeads;
      // Every group of heads fetches its share of the next block.
      const int64_t bytes = next == nullptr ? 0 : LatentCache::block_bytes(cache.layout);
      const int64_t from = bytes * h / heads / kLineBytes * kLineBytes;
      const int64_t to_byte = bytes * (h + count) / heads;
      int16->dot(block, m, coded_queries.from(r * a.n_heads + h0 + h), count, scores, kBlock,
                 {next == nullptr ? nullptr : next + from, to_byte - from});
      float keep[kMlaHeads], factors[kMlaHeads];
      for (int64_t i = 0; i < count; ++i) {
        float* const s = scores + i * kBlock;
        keep[i] = softmax_step(s, m, a.scale, to.running[h + i]);
        factors[i] =
            int16->round_weights(s, block.latent_scales, m, most_weight, kBlock, weights + i * kBlock);
      }
      int16->weigh(block.codes, width(), m, a.latent, weights, kBlock, count, first ? nullptr : keep, factors,
                   to.sums + h * a.latent, a.latent);
    }
  });
}

// One part of one row's cache for heads [h0, h0 + heads).
inline void Absorbed::attend(Pieces scratch, int64_t r, int64_t h0, int64_t heads, int64_t part,
                             const Weighted& to) const {
#ifdef JAJU_HAS_BF16_DOT
  if (on_tiles) return attend_on_tiles(scratch, r, h0, heads, part, to);
#endif
  if (goes_in_int16(r)) return attend_in_int16(scratch, r, h0, heads, part, to);
  const AbsorbedRow& row = rows[r];
  const LatentCache& cache = row.slice->cache;
  float* const scores = scratch.floats(2 * kMlaHeads * kBlock);
  float* const room = scratch.floats(cache.layout.type == CacheType::q8 ? kBlock * width() : 0);
  for (int64_t h = 0; h < heads; ++h) to.running[h] = {-INFINITY, 0.0f};
  row.for_blocks(part, [&](int64_t start, int64_t m, bool first) {
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
    const uint16_t* const next = bf16_block_after(row, part, start);
    for (int64_t h = 0; h < heads; h += kMlaHeads) {
      const int64_t count = heads - h < kMlaHeads ? heads - h : kMlaHeads;
      pass_block(block, next, first, r, h0 + h, count, scores, {to.sums + h * a.latent, to.running + h});
    }
  });
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
    if (latents != nullptr) {
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
  Inputs in;
  if (w_uv.packed()) {
    in = round_rows(head, a.latent, [&](int64_t r) { return wide_latents + r * stride + head * a.latent; });
  } else if (latents != nullptr) {
    in.bf16 = latents + head * a.latent;
    in.bf16_stride = stride;
  } else {
    in.x = Rows(wide_latents + head * a.latent, n, a.latent, stride);
  }
  for (int64_t r = 0; r < n;) {
    int64_t together = 1;
    while (together < kInputBlock && r + together < n &&
           rows[r + together].row() == rows[r].row() + together) {
      ++together;
    }
    dot_block(w_uv, 0, a.v, in, r, together, a.out.row(rows[r].row()) + head * a.v, a.out.stride);
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

inline AbsorbedPlan plan_wave(const AbsorbedRow* rows, int64_t n, int64_t n_heads, int64_t threads,
                              bool on_tiles) {
  AbsorbedPlan plan;
  for (int64_t r = 0; r < n; ++r) {
    const int64_t parts = rows[r].parts();
    plan.parts = parts > plan.parts ? parts : plan.parts;
  }
  // As many tasks as keep threads from waiting long for the last one.
  const int64_t wanted = 4 * threads;
  plan.share_parts =
      threads > 1 && plan.parts > 1 && n < wanted && n * n_heads * plan.parts <= kMlaSharedHeads * threads;
  const int64_t tasks = plan.share_parts ? n * plan.parts : n;
  plan.groups = threads == 1 || tasks >= wanted ? 1 : ceil_div(wanted, tasks);
  plan.heads = ceil_div(n_heads, plan.groups);
  if (plan.heads < kMlaLeastHeads) plan.heads = n_heads < kMlaLeastHeads ? n_heads : kMlaLeastHeads;
  if (on_tiles) plan.heads = ceil_div(plan.heads, kMlaTileRows) * kMlaTileRows;
  plan.groups = ceil_div(n_heads, plan.heads);
  return plan;
}

inline void absorb_wave(Context& context, const MlaArgs& a, const AbsorbedRow* rows, int64_t n) {
  const int64_t width = a.latent + a.rope;
  Pieces scratch(context.shared_scratch);
  float* const wide_queries = scratch.floats(n * a.n_heads * width);
  const bool packed = a.kv_b.packed();
  const bool on_tiles = absorbs_on_tiles(a);
  const bool in_bf16 = mla_in_bf16(context, a, rows[0].slice->cache, on_tiles);
  Absorbed work{context, a, rows, n, in_bf16, in_bf16 && on_tiles, wide_queries};
  if (work.in_bf16) {
    work.queries = scratch.halves(n * a.n_heads * width);
  } else {
    work.in_pairs = rows[0].slice->cache.layout.type == CacheType::bf16 && width % kPairColumns == 0;
    work.int16 = mla_int16(context, a, rows[0].slice->cache, true);
    if (work.int16 != nullptr) work.coded_queries = scratch.coded_rows(n * a.n_heads, a.latent, a.rope);
  }
  if (work.in_bf16 && !packed) {
    work.latents = scratch.halves(n * a.n_heads * a.latent);
    work.heads_in = scratch.halves(n * a.n_heads * (a.nope + a.rope));
  } else {
    work.wide_latents = scratch.floats(n * a.n_heads * a.latent);
  }
  if (packed) work.codes = scratch.codes(n * a.n_heads, a.nope > a.latent ? a.nope : a.latent);
  const AbsorbedPlan plan = plan_wave(rows, n, a.n_heads, context.team.size(), work.on_tiles);
  if (plan.share_parts && plan.groups < context.team.size()) {
    work.parts_apart = context.team.size() / plan.groups;
  }
  const int64_t absorb_cost = product_cost(packed, a.n_heads * a.nope, a.latent, n);
  const int64_t project_cost = product_cost(packed, a.n_heads * a.v, a.latent, n);
  // For one row a task takes its heads through all three steps: what W_UK and W_UV lose by not being read for
  // several rows at once is nothing then, and two waits for all threads are saved.
  const bool at_once = n == 1 && !plan.share_parts && (!work.on_tiles || plan.groups >= context.team.size());
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
  JAJU_CHECK(a.kv_b.packed() == a.k_b.packed());
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
