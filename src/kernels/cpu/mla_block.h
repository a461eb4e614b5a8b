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

}  // namespace
}  // namespace jaju::JAJU_ISA
