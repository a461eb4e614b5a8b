// Multi-head latent attention, both ways, one cache block (64 positions) at a time with a running softmax
// (Milakov and Gimelshein, arXiv 1805.02867). Blocks start at multiples of 64 positions whatever the chunk,
// so a prompt cut anywhere gives the same bits. Where Context::precision allows, weights are bf16 or packed
// and the cache is not f32, queries, keys, values and softmax weights are rounded to bf16 and multiplied in
// pairs, or to int16 (mla_int16.h); sums stay f32. What a packed W_UK or W_UV multiplies is rounded to int8,
// a row of one head by itself; only prompts on tiles have those in bf16 instead. A block in q8 is widened
// before it is read, once for all heads of a row when decoding. Included once per ISA.
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

inline Matrix f32_matrix(const float* data, int64_t rows, int64_t cols) {
  Matrix m;
  m.data = data;
  m.rows = rows;
  m.cols = cols;
  return m;
}

// The positions of a block that is not in q8, as they lie.
inline Matrix rows_of_block(const LatentCache& cache, int64_t block, int64_t n) {
  Matrix m;
  m.data = cache.block(block);
  m.dtype = cache.layout.type == CacheType::bf16 ? DType::bf16 : DType::f32;
  m.rows = n;
  m.cols = cache.layout.width();
  return m;
}

// n values that a loader gives, as f32.
template <typename Row>
inline void widen(const Row& row, int64_t n, float* to) {
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) store(to + k, row.at(k));
  if (k < n) store_n(to + k, row.at_n(k, n - k), n - k);
}
inline void widen_row(const Matrix& m, int64_t r, float* to) {
  with_row_type(m.dtype, [&](auto type) { widen(typename decltype(type)::type(m, r), m.cols, to); });
}

// A row's codes of q8, from a group's first on: filled up to whole groups, so that none lies behind them.
struct RowCodes {
  const int8_t* codes;
  const uint16_t* scales;
  V at(int64_t k) const { return mul(load_i8(codes + k), set1(bf16_to_f32(scales[k / CacheRow::kGroup]))); }
  V at_n(int64_t k, int64_t) const { return at(k); }
};

inline void widen_codes(const CacheRow& layout, const std::byte* row, float* latent, float* rope) {
  const int64_t rope_at = layout.rope_codes_at();
  const RowCodes of_latent{layout.codes(row), layout.scales(row)};
  const RowCodes of_rope{of_latent.codes + rope_at, of_latent.scales + rope_at / CacheRow::kGroup};
  widen(of_latent, layout.latent, latent);
  widen(of_rope, layout.rope, rope);
}

// Positions [0, n) of a block in f32, exactly: latents and rope keys, each a row every `latent_stride` and
// `rope_stride` values.
inline void widen_block(const LatentCache& cache, int64_t block, int64_t n, float* latents,
                        int64_t latent_stride, float* ropes, int64_t rope_stride) {
  const CacheRow& layout = cache.layout;
  if (layout.type != CacheType::q8) {
    const Matrix rows = rows_of_block(cache, block, n);
    with_row_type(rows.dtype, [&](auto type) {
      using Row = typename decltype(type)::type;
      for (int64_t j = 0; j < n; ++j) {
        Row row(rows, j);
        widen(row, layout.latent, latents + j * latent_stride);
        row.p += layout.latent;
        widen(row, layout.rope, ropes + j * rope_stride);
      }
    });
    return;
  }
  const std::byte* from = cache.block(block);
  for (int64_t j = 0; j < n; ++j, from += layout.bytes()) {
    widen_codes(layout, from, latents + j * latent_stride, ropes + j * rope_stride);
  }
}

// The positions of one cache block as a matrix (n, width); `room` for q8, kBlock * width floats.
inline Matrix block_matrix(const LatentCache& cache, int64_t block, int64_t n, float* room) {
  if (cache.layout.type != CacheType::q8) return rows_of_block(cache, block, n);
  const int64_t width = cache.layout.width();
  widen_block(cache, block, n, room, width, room + cache.layout.latent, width);
  return f32_matrix(room, n, width);
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

// Whether attention over this cache goes in bf16; on_tiles: whether it would then go to AMX tiles. Asked of
// what never changes within a sequence.
inline bool mla_in_bf16(const Context& context, const MlaArgs& a, const LatentCache& cache, bool on_tiles) {
  return (a.kv_b.dtype == DType::bf16 || a.kv_b.packed()) && cache.layout.type != CacheType::f32 &&
         rounds_to_bf16(context, on_tiles || has_fast_bf16_dot());
}

// n rows in int8, `apart` bytes apart, for packed matrices: row_at(r) has `cols` values.
template <typename RowAt>
inline Inputs round_to_int8(std::byte* to, int64_t apart, int64_t n, int64_t cols, const RowAt& row_at) {
  for (int64_t r = 0; r < n; ++r) packed_kernels().quantize_row(row_at(r), cols, to + r * apart);
  Inputs in;
  in.int8 = to;
  in.int8_stride = apart;
  return in;
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
  int16_t* shorts(int64_t n) { return reinterpret_cast<int16_t*>(floats((n + 1) / 2)); }
  int16dot::CodedRows coded_rows(int64_t n, int64_t latent, int64_t rope) {
    int16_t* const rows = shorts(n * (latent + rope));
    float* const latent_scales = floats(n);
    return {rows, latent_scales, floats(n), latent, rope};
  }
  // n rows in int8, row_stride(cols) apart.
  std::byte* codes(int64_t n, int64_t cols) {
    const int64_t bytes = n * packed_dot::row_stride(cols);
    return reinterpret_cast<std::byte*>(floats(bytes / static_cast<int64_t>(sizeof(float))));
  }

 private:
  float* next_;
  float* end_;
};

}  // namespace
}  // namespace jaju::JAJU_ISA
