// Attention of a prompt's rows: keys and values of a block of positions are expanded from the latents, a head
// at a time (mla_block.h). Included once per ISA.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

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

// A block's latents in int8, for packed W_UK and W_UV.
class LatentCodes {
 public:
  LatentCodes(Pieces& scratch, const MlaArgs& a) : a_(a) {
    if (!a.kv_b.packed()) return;
    codes_ = scratch.codes(kBlock, a.latent);
    latents_ = scratch.floats(kBlock * a.latent);
    ropes_ = scratch.floats(kBlock * a.rope);
  }
  // Positions [0, n) of a block of the cache.
  Inputs round(const LatentCache& cache, int64_t block, int64_t n) const {
    widen_block(cache, block, n, latents_, a_.latent, ropes_, a_.rope);
    return round(latents_, n);
  }
  // The same, widened already, (n, latent).
  Inputs round(const float* latents, int64_t n) const {
    return round_to_int8(codes_, packed_dot::row_stride(a_.latent), n, a_.latent,
                         [&](int64_t j) { return latents + j * a_.latent; });
  }

 private:
  const MlaArgs& a_;
  std::byte* codes_ = nullptr;
  float* latents_ = nullptr;
  float* ropes_ = nullptr;
};

// Of a block's n latents in int8: keys (nope, positions) of packed W_UK. room: kBlock * nope floats.
inline void expand_packed_keys(const ExpandedHead& h, const Inputs& latents, int64_t n, float* room,
                               float* keys) {
  const int64_t nope = h.a.nope;
  dot_block(h.a.w_uk(h.head), 0, nope, latents, 0, n, room, nope);
  for (int64_t d = 0; d < nope; ++d) {
    for (int64_t j = 0; j < n; ++j) keys[d * kBlock + j] = room[j * nope + d];
  }
}
// Values (positions, v) of packed W_UV.
inline void expand_packed_values(const ExpandedHead& h, const Inputs& latents, int64_t n, float* values) {
  dot_block(h.a.w_uv(h.head), 0, h.a.v, latents, 0, n, values, h.a.v);
}

// Both of a block's latents in f32, (n, latent), with weights that are not packed. room: kMlaKeyRows rows of
// W_UK.
inline void expand_plain(const ExpandedHead& h, const float* latents, int64_t n, float* room, float* keys,
                         float* values) {
  const MlaArgs& a = h.a;
  const Matrix w_uk = a.w_uk(h.head);
  const Matrix latent_matrix = f32_matrix(latents, n, a.latent);
  for (int64_t d = 0; d < a.nope; d += kMlaKeyRows) {
    const int64_t m = a.nope - d < kMlaKeyRows ? a.nope - d : kMlaKeyRows;
    for (int64_t i = 0; i < m; ++i) widen_row(w_uk, d + i, room + i * a.latent);
    Inputs rows;
    rows.x = Rows(room, m, a.latent);
    dot_block(latent_matrix, 0, n, rows, 0, m, keys + d * kBlock, kBlock);
  }
  Inputs c;
  c.x = Rows(latents, n, a.latent);
  for (int64_t j = 0; j < n; j += kInputBlock) {
    const int64_t m = n - j < kInputBlock ? n - j : kInputBlock;
    dot_block(a.w_uv(h.head), 0, a.v, c, j, m, values + j * a.v, a.v);
  }
}

// A block's keys and values in f32. Keys are expanded transposed, (qk, positions), so that queries weigh
// their rows: no sums across lanes. So they are in bf16 and int16.
class WideBlock {
 public:
  float* keys;    // (qk, kBlock)
  float* values;  // (kBlock, v)

  WideBlock(Pieces& scratch, const ExpandedHead& h)
      : keys(scratch.floats(kBlock * h.qk())),
        values(scratch.floats(kBlock * h.a.v)),
        h_(h),
        codes_(scratch, h.a),
        latents_(scratch.floats(kBlock * h.a.latent)),
        ropes_(scratch.floats(kBlock * h.a.rope)),
        room_(scratch.floats(h.a.kv_b.packed() ? kBlock * h.a.nope : kMlaKeyRows * h.a.latent)) {}
  // Positions [start, start + n).
  void expand(int64_t start, int64_t n) const {
    const MlaArgs& a = h_.a;
    widen_block(h_.s.cache, start / kBlock, n, latents_, a.latent, ropes_, a.rope);
    if (a.kv_b.packed()) {
      const Inputs in_int8 = codes_.round(latents_, n);
      expand_packed_keys(h_, in_int8, n, room_, keys);
      expand_packed_values(h_, in_int8, n, values);
    } else {
      expand_plain(h_, latents_, n, room_, keys, values);
    }
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t d = 0; d < a.rope; ++d) keys[(a.nope + d) * kBlock + j] = ropes_[j * a.rope + d];
    }
  }

 private:
  const ExpandedHead& h_;
  LatentCodes codes_;
  float* latents_;
  float* ropes_;
  float* room_;
};

inline void expand_f32(Pieces scratch, const ExpandedHead& h) {
  static_assert(kMlaKeyRows <= kInputBlock);
  const MlaArgs& a = h.a;
  const int64_t qk = h.qk();
  const WideBlock block(scratch, h);
  float* const scores = scratch.floats(kMlaRows * kBlock);
  float* const queries = scratch.floats(h.s.n_rows * qk);
  for (int64_t i = 0; i < h.s.n_rows; ++i) {
    __builtin_memcpy(queries + i * qk, h.query(i), static_cast<size_t>(qk) * sizeof(float));
  }
  h.for_blocks([&](int64_t start, int64_t n, int64_t first) {
    block.expand(start, n);
    const Matrix key_matrix = f32_matrix(block.keys, qk, kBlock);
    const Matrix value_matrix = f32_matrix(block.values, n, a.v);
    float keep[kMlaRows];
    for (int64_t i = first; i < h.s.n_rows; i += kMlaRows) {
      const int64_t m = h.s.n_rows - i < kMlaRows ? h.s.n_rows - i : kMlaRows;
      weigh_rows(key_matrix, n, queries + i * qk, qk, m, nullptr, scores, kBlock);
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

// In int16 (mla_int16.h): a query and a key are rounded whole, rope with the rest. They are of a size, unlike
// what is absorbed.
inline void expand_int16(const int16dot::Kernels& int16, Pieces scratch, const ExpandedHead& h) {
  const MlaArgs& a = h.a;
  const int64_t qk = h.qk();
  const WideBlock block(scratch, h);
  int16_t* const keys = scratch.shorts(qk * kBlock);  // (qk, positions)
  float* const key_scales = scratch.floats(kBlock);
  int16_t* const values = scratch.shorts(kBlock * a.v);  // (positions, v)
  float* const value_scales = scratch.floats(kBlock);
  float* const scores = scratch.floats(kMlaRows * kBlock);
  int16_t* const weights = scratch.shorts(kMlaRows * kBlock);
  int16_t* const queries = scratch.shorts(h.s.n_rows * qk);
  float* const query_scales = scratch.floats(h.s.n_rows);
  const int32_t most_value = most_code(a.v);
  const int32_t most_weight = most_weight_code(kBlock, most_value);
  for (int64_t i = 0; i < h.s.n_rows; ++i) {
    query_scales[i] = int16.round_in_order(h.query(i), qk, most_code(qk), queries + i * qk);
  }
  h.for_blocks([&](int64_t start, int64_t n, int64_t first) {
    block.expand(start, n);
    int16.round_columns(block.keys, qk, kBlock, most_code(qk), keys, key_scales);
    for (int64_t j = 0; j < n; ++j) {
      value_scales[j] = int16.round_row(block.values + j * a.v, a.v, most_value, values + j * a.v);
    }
    float keep[kMlaRows], factors[kMlaRows];
    for (int64_t i = first; i < h.s.n_rows; i += kMlaRows) {
      const int64_t m = h.s.n_rows - i < kMlaRows ? h.s.n_rows - i : kMlaRows;
      int16.weigh(keys, kBlock, qk, kBlock, queries + i * qk, qk, m, nullptr, query_scales + i, scores,
                  kBlock);
      for (int64_t j = 0; j < m; ++j) {
        float* const s = scores + j * kBlock;
        for (int64_t k = 0; k < kBlock; ++k) s[k] *= key_scales[k];
        const int64_t seen = h.visible(i + j, start, n);
        keep[j] = softmax_step(s, seen, a.scale, h.running[i + j]);
        factors[j] = int16.round_weights(s, value_scales, seen, most_weight, kBlock, weights + j * kBlock);
      }
      int16.weigh(values, a.v, n, a.v, weights, kBlock, m, start == 0 ? nullptr : keep, factors,
                  h.sums + i * a.v, a.v);
    }
  });
}

#ifdef JAJU_HAS_BF16_DOT
// Rows of a latent's width that stay in the first-level cache while what they are multiplied with passes.
constexpr int64_t kCachedInputs = 24;

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
  const bool packed = a.kv_b.packed();
  const LatentCodes codes(scratch, a);
  float* const room = scratch.floats(packed ? kBlock * a.nope : 0);
  for (int64_t i = 0; i < h.s.n_rows; ++i) bf16dot::round_row(h.query(i), qk, queries + i * qk);
  const auto halves = [](const void* p) { return static_cast<const uint16_t*>(p); };
  const uint16_t* const w_uk = halves(a.w_uk(h.head).data);
  const uint16_t* const w_uv = halves(a.w_uv(h.head).data);
  h.for_blocks([&](int64_t start, int64_t n, int64_t first) {
    const uint16_t* const latents = block_in_bf16(h.s.cache, start / kBlock, n, widened);
    const uint16_t* x[kCachedInputs];
    Inputs in_int8;
    if (packed) {
      in_int8 = codes.round(h.s.cache, start / kBlock, n);
      expand_packed_keys(h, in_int8, n, room, wide);
    }
    for (int64_t d = 0; !packed && d < a.nope; d += kCachedInputs) {
      const int64_t m = a.nope - d < kCachedInputs ? a.nope - d : kCachedInputs;
      for (int64_t j = 0; j < m; ++j) x[j] = w_uk + (d + j) * a.latent;
      bf16dot::dot_rows(latents, width, n, a.latent, x, m, wide + d * kBlock, kBlock);
    }
    for (int64_t d = 0; d < a.nope; ++d) bf16dot::round_row(wide + d * kBlock, n, keys + d * kBlock);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t d = 0; d < a.rope; ++d)
        keys[(a.nope + d) * kBlock + j] = latents[j * width + a.latent + d];
    }
    if (packed) expand_packed_values(h, in_int8, n, wide);
    for (int64_t j = 0; !packed && j < n; j += kCachedInputs) {
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

inline bool expands_on_tiles(const MlaArgs& a) {
  return has_bf16_tiles() && a.nope % bf16tiles::kSide == 0 && a.v % bf16tiles::kSide == 0 &&
         a.latent % bf16tiles::kDepth == 0 && (a.nope + a.rope) % bf16tiles::kDepth == 0;
}

// bf16tiles::pack_columns of a matrix in q8, whose panels have as many rows as the unit columns.
inline void pack_q8_columns(const Matrix& w, uint16_t* to) {
  static_assert(kPanelRows == bf16tiles::kSide);
  JAJU_CHECK(w.scheme == Scheme::q8 && w.rows % kPanelRows == 0);
  for (int64_t p = 0; p < w.rows / kPanelRows; ++p) {
    float factors[kPanelRows];
    __builtin_memcpy(factors, w.panel(p), sizeof factors);
    for (int64_t k = 0; k < w.cols; k += 4) {
      const std::byte* const block =
          w.panel(p) + kPanelHeaderBytes + k / kBlockCols * block_bytes(Scheme::q8);
      const int64_t in_block = k % kBlockCols;
      uint8_t scales[kPanelRows];
      __builtin_memcpy(scales, block + in_block / kGroupCols * kPanelRows, sizeof scales);
      uint32_t codes[kPanelRows];  // four columns of each row
      constexpr int64_t kScaleBytes = kPanelRows * kBlockCols / kGroupCols;
      __builtin_memcpy(codes, block + kScaleBytes + in_block / 4 * static_cast<int64_t>(sizeof codes),
                       sizeof codes);
      for (int shift = 0; shift < 32; shift += 16, to += 2 * kPanelRows) {
        float pairs[2 * kPanelRows];
        for (int64_t r = 0; r < kPanelRows; ++r) {
          const auto b = static_cast<int>(static_cast<int8_t>(scales[r]));
          const int scale = b < 0 ? -b * b : b * b;
          const int first = static_cast<int>(codes[r] >> shift & 255) - 128;
          const int second = static_cast<int>(codes[r] >> (shift + 8) & 255) - 128;
          pairs[2 * r] = factors[r] * static_cast<float>(scale * first);
          pairs[2 * r + 1] = factors[r] * static_cast<float>(scale * second);
        }
        bf16dot::round_row(pairs, 2 * kPanelRows, to);
      }
    }
  }
}

// The same on tiles: W_UK, W_UV, then a block's keys and values in the unit's order.
inline void expand_on_tiles(Pieces scratch, const ExpandedHead& h) {
  const MlaArgs& a = h.a;
  const int64_t width = a.latent + a.rope;
  const int64_t qk = h.qk();
  const int64_t wider = a.nope > a.v ? a.nope : a.v;
  float* const wide = scratch.floats(kBlock * wider);  // keys or values before they are rounded
  uint16_t* const w_uk = scratch.halves(a.latent * a.nope);
  uint16_t* const w_uv = scratch.halves(a.latent * a.v);
  uint16_t* const keys = scratch.halves(kBlock * qk);
  uint16_t* const key_columns = scratch.halves(kBlock * qk);
  uint16_t* const values = scratch.halves(kBlock * a.v);
  float* const scores = scratch.floats(kMlaRows * kBlock);
  uint16_t* const weights = scratch.halves(kMlaRows * kBlock);
  uint16_t* const queries = scratch.halves((h.s.n_rows + kMlaTileRows) * qk);
  uint16_t* const widened = scratch.halves(kBlock * width);  // of q8
  for (int64_t i = 0; i < h.s.n_rows; ++i) bf16dot::round_row(h.query(i), qk, queries + i * qk);
  const auto pack = [](const Matrix& w, uint16_t* to) {
    if (w.packed()) return pack_q8_columns(w, to);
    bf16tiles::pack_columns(static_cast<const uint16_t*>(w.data), w.cols, w.rows, w.cols, to);
  };
  pack(a.w_uk(h.head), w_uk);
  pack(a.w_uv(h.head), w_uv);
  const bf16tiles::Tiles tiles;
  h.for_blocks([&](int64_t start, int64_t n, int64_t first) {
    const uint16_t* const latents = block_in_bf16(h.s.cache, start / kBlock, n, widened);
    bf16tiles::multiply(latents, width, kBlock, w_uk, a.latent, a.nope, wide, a.nope, false);
    for (int64_t j = 0; j < n; ++j) {
      uint16_t* const key = keys + j * qk;
      bf16dot::round_row(wide + j * a.nope, a.nope, key);
      __builtin_memcpy(key + a.nope, latents + j * width + a.latent,
                       static_cast<size_t>(a.rope) * sizeof *key);
    }
    bf16tiles::pack_columns(keys, qk, kBlock, qk, key_columns);
    bf16tiles::multiply(latents, width, kBlock, w_uv, a.latent, a.v, wide, a.v, false);
    // Positions that are not there yet weigh nothing; what stands in their places could be no number.
    __builtin_memset(wide + n * a.v, 0, static_cast<size_t>((kBlock - n) * a.v) * sizeof(float));
    bf16tiles::pack_rows(wide, a.v, kBlock, a.v, values);
    for (int64_t i = first; i < h.s.n_rows; i += kMlaRows) {
      const int64_t m = h.s.n_rows - i < kMlaRows ? h.s.n_rows - i : kMlaRows;
      const int64_t rows = ceil_div(m, kMlaTileRows) * kMlaTileRows;
      float* const sums = h.sums + i * a.v;
      bf16tiles::multiply(queries + i * qk, qk, rows, key_columns, qk, kBlock, scores, kBlock, false);
      for (int64_t j = 0; j < m; ++j) {
        float* const s = scores + j * kBlock;
        const int64_t seen = h.visible(i + j, start, n);
        const float keep = softmax_step(s, seen, a.scale, h.running[i + j]);
        for (int64_t k = seen; k < kBlock; ++k) s[k] = 0.0f;
        bf16dot::round_row(s, kBlock, weights + j * kBlock);
        if (start > 0 && keep != 1) scale_row(sums + j * a.v, a.v, keep);
      }
      bf16tiles::multiply(weights, kBlock, rows, values, kBlock, a.v, sums, a.v, start > 0);
    }
  });
}
#endif

// All query rows of one slice for one head. Keys and values of a block are expanded once and serve every row.
inline void expand_head(Context& context, int thread, const MlaArgs& a, const SequenceSlice& s,
                        int64_t head) {
  Pieces scratch(context.thread_scratch[static_cast<size_t>(thread)]);
  float* const sums = scratch.floats((s.n_rows + kMlaTileRows) * a.v);
  auto* const running = reinterpret_cast<Running*>(scratch.floats(2 * s.n_rows));
  const ExpandedHead h{a, s, head, sums, running};
  h.begin();
#ifdef JAJU_HAS_BF16_DOT
  const bool on_tiles = expands_on_tiles(a);
  if (mla_in_bf16(context, a, s.cache, on_tiles)) {
    on_tiles ? expand_on_tiles(scratch, h) : expand_bf16(scratch, h);
    return h.write();
  }
#endif
  if (const int16dot::Kernels* const int16 = mla_int16(context, a, s.cache, false); int16 != nullptr) {
    expand_int16(*int16, scratch, h);
  } else {
    expand_f32(scratch, h);
  }
  h.write();
}

inline void mla_expanded(Context& context, const MlaArgs& a) {
  const auto n_slices = static_cast<int64_t>(a.slices.size());
  int64_t cost = 0;
  for (const SequenceSlice& s : a.slices) {
    const int64_t positions = s.first_pos + s.n_rows;
    cost += product_cost(a.kv_b, positions) +
            product_cost((a.nope + a.rope + a.v) * a.n_heads, positions, s.n_rows);
  }
  for_tasks(context, n_slices * a.n_heads, cost, [&](int64_t task, int thread) {
    expand_head(context, thread, a, a.slices[static_cast<size_t>(task / a.n_heads)], task % a.n_heads);
  });
}

}  // namespace
}  // namespace jaju::JAJU_ISA
