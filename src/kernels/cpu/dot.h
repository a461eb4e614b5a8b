// The heart of the CPU backend: blocks of dot products W x, and weighted sums of rows, for every weight type.
// Included once per ISA, inside that ISA's namespace.
//
// One output is one vector accumulator that walks k from 0 up in steps of kLanes and is summed across lanes
// at the end, whatever the tile around it: so an output's bits depend on its row and input alone.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Loaders: one row of a matrix as f32 vectors. next(): the row behind it, without asking the matrix where it
// lies.
struct RowF32 {
  const float* p;
  explicit RowF32(const Matrix& m, int64_t r) : p(static_cast<const float*>(m.row(r))) {}
  V at(int64_t k) const { return load(p + k); }
  V at_n(int64_t k, int64_t n) const { return load_n(p + k, n); }
  void next(const Matrix& m) { p += m.cols; }
};
struct RowBf16 {
  const uint16_t* p;
  explicit RowBf16(const Matrix& m, int64_t r) : p(static_cast<const uint16_t*>(m.row(r))) {}
  V at(int64_t k) const { return load_bf16(p + k); }
  V at_n(int64_t k, int64_t n) const { return load_bf16_n(p + k, n); }
  void next(const Matrix& m) { p += m.cols; }
};
struct RowF16 {
  const uint16_t* p;
  explicit RowF16(const Matrix& m, int64_t r) : p(static_cast<const uint16_t*>(m.row(r))) {}
  V at(int64_t k) const { return load_f16(p + k); }
  V at_n(int64_t k, int64_t n) const { return load_f16_n(p + k, n); }
  void next(const Matrix& m) { p += m.cols; }
};
// A vector never straddles two scale blocks: k is a multiple of kLanes, which divides 128.
struct RowF8 {
  const uint8_t* p;
  const float* scales;
  int64_t r;
  explicit RowF8(const Matrix& m, int64_t row)
      : p(static_cast<const uint8_t*>(m.row(row))), scales(m.row_scales(row)), r(row) {}
  V at(int64_t k) const { return mul(load_f8(p + k), set1(scales[k / Matrix::kScaleBlock])); }
  V at_n(int64_t k, int64_t n) const {
    return mul(load_f8_n(p + k, n), set1(scales[k / Matrix::kScaleBlock]));
  }
  void next(const Matrix& m) { *this = RowF8(m, r + 1); }
};

// Calls body with the loader of the matrix's type: body(type_tag<RowX>).
template <typename Row>
struct RowType {
  using type = Row;
};
template <typename Body>
inline void with_row_type(DType t, const Body& body) {
  switch (t) {
    case DType::f32:
      return body(RowType<RowF32>());
    case DType::bf16:
      return body(RowType<RowBf16>());
    case DType::f16:
      return body(RowType<RowF16>());
    case DType::f8_e4m3:
      return body(RowType<RowF8>());
    default:
      JAJU_CHECK(!"weights are f32, bf16, f16 or f8");
  }
}

// Inputs of a matmul: rows of f32, row i being x.row(index ? index[i] : i), and where the caller prepared
// them the same rows rounded to bf16 for the BF16 dot product, and to int8 for packed matrices.
struct Inputs {
  Rows x;
  const int32_t* index = nullptr;
  const uint16_t* bf16 = nullptr;  // row r at bf16 + r * bf16_stride
  int64_t bf16_stride = 0;
  const std::byte* int8 = nullptr;  // row r at int8 + r * int8_stride
  int64_t int8_stride = 0;

  int64_t row_of(int64_t i) const { return index != nullptr ? index[i] : i; }
};

// A block of W visits its inputs kInputBlock at a time and, when there are several, kColBlock columns at a
// time, so that the inputs (192 KB) and what waits of the outputs (96 KB on AVX2) stay in the second-level
// cache and the weights of a tile in the first.
constexpr int64_t kRowBlock = kRowsOfTask;
constexpr int64_t kInputBlock = 96;
constexpr int64_t kColBlock = 512;

// From this many inputs on, weights are widened to f32 once and their columns are blocked; below, every two
// inputs read the stored rows again, from the caches. Widening f8 costs more than multiplying it twice.
constexpr int64_t kFewestBlocked = 4;
template <typename Row>
constexpr int64_t kBlockedFrom = std::is_same_v<Row, RowF8> ? kFewestBlocked : kBlockedInputs;
static_assert(kBlockedInputs >= kFewestBlocked);

// acc[a][c] += rows[a] . x[c] over columns [k0, k1), walking up in steps of kLanes.
template <typename Row, int R, int C>
inline void dot_tile(const Row* rows, const float* const* x, int64_t k0, int64_t k1, V (&acc)[R][C]) {
  int64_t k = k0;
  for (; k + kLanes <= k1; k += kLanes) {
    V weights[R];
    JAJU_UNROLL for (int a = 0; a < R; ++a) weights[a] = rows[a].at(k);
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const V input = load(x[c] + k);
      JAJU_UNROLL for (int a = 0; a < R; ++a) acc[a][c] = fma(weights[a], input, acc[a][c]);
    }
  }
  if (k == k1) return;
  V weights[R];
  JAJU_UNROLL for (int a = 0; a < R; ++a) weights[a] = rows[a].at_n(k, k1 - k);
  JAJU_UNROLL for (int c = 0; c < C; ++c) {
    const V input = load_n(x[c] + k, k1 - k);
    JAJU_UNROLL for (int a = 0; a < R; ++a) acc[a][c] = fma(weights[a], input, acc[a][c]);
  }
}

// out[c * out_stride + a] = sum(acc[a][c]).
template <int R, int C>
inline void sum_all(const V (&acc)[R][C], float* out, int64_t out_stride) {
  if constexpr (R == 4) {
    sum_tile<C>(acc, out, out_stride);
  } else {
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      JAJU_UNROLL for (int a = 0; a < R; ++a) out[c * out_stride + a] = sum(acc[a][c]);
    }
  }
}

// Few inputs (decode): straight from the stored weights, once over each row. The next rows are fetched into
// the second-level cache meanwhile, a line of each at a time: the hardware does not follow four short rows at
// once.
template <typename Row, int R, int C>
inline void dot_rows(const Matrix& w, int64_t r, const float* const* x, float* out, int64_t out_stride) {
  constexpr int64_t kAheadBytes = 24576;
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(*Row::p));
  const int64_t tile_bytes = R * w.row_bytes();
  const int64_t ahead = (kAheadBytes + tile_bytes - 1) / tile_bytes * tile_bytes;
  const auto row = [&](int k) { return Row(w, r + (k < R ? k : 0)); };
  const Row rows[4] = {row(0), row(1), row(2), row(3)};
  V acc[R][C];
  JAJU_UNROLL for (int a = 0; a < R; ++a) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[a][c] = zero();
  }
  int64_t k = 0;
  for (; k + kLine <= w.cols; k += kLine) {
    JAJU_UNROLL for (int a = 0; a < R; ++a) {
      _mm_prefetch(reinterpret_cast<const char*>(rows[a].p + k) + ahead, _MM_HINT_T1);
    }
    JAJU_UNROLL for (int64_t s = 0; s < kLine; s += kLanes) {
      V weights[R];
      JAJU_UNROLL for (int a = 0; a < R; ++a) weights[a] = rows[a].at(k + s);
      JAJU_UNROLL for (int c = 0; c < C; ++c) {
        const V input = load(x[c] + k + s);
        JAJU_UNROLL for (int a = 0; a < R; ++a) acc[a][c] = fma(weights[a], input, acc[a][c]);
      }
    }
  }
  if (k < w.cols) dot_tile<Row, R, C>(rows, x, k, w.cols, acc);
  sum_all<R, C>(acc, out, out_stride);
}

template <typename Row, int R>
inline void dot_few(const Matrix& w, int64_t r, const float* const* x, int64_t n, float* out,
                    int64_t stride) {
  for (; n >= 2; x += 2, n -= 2, out += 2 * stride) dot_rows<Row, R, 2>(w, r, x, out, stride);
  if (n == 1) dot_rows<Row, R, 1>(w, r, x, out, stride);
}

// A row already widened: element k of the matrix at p[k - k0].
struct RowWidened {
  const float* p;  // minus k0
  V at(int64_t k) const { return load(p + k); }
  V at_n(int64_t k, int64_t n) const { return load_n(p + k, n); }
};

// Weights that are read next, brought to the second-level cache a share at a time while something else is
// computed: columns from k on of n_rows rows, `row` the first. The hardware does not follow short pieces of
// four rows at once, and a prompt's weights come from memory.
class NextWeights {
 public:
  template <typename Row>
  NextWeights(const Row& row, const Matrix& w, int64_t n_rows, int64_t k, int64_t n_cols)
      : at_(reinterpret_cast<const char*>(row.p + k)),
        row_bytes_(w.row_bytes()),
        n_rows_(n_rows),
        lines_(ceil_div(n_cols * static_cast<int64_t>(sizeof(*row.p)), kLine)) {}

  // Lines of a row for each of so many calls of fetch().
  int64_t share(int64_t calls) const { return ceil_div(lines_, calls); }
  void fetch(int64_t share) {
    for (; share > 0 && lines_ > 0; --share, --lines_, at_ += kLine) {
      for (int64_t a = 0; a < n_rows_; ++a) _mm_prefetch(at_ + a * row_bytes_, _MM_HINT_T1);
    }
  }

 private:
  static constexpr int64_t kLine = 64;
  const char* at_;
  int64_t row_bytes_;
  int64_t n_rows_;
  int64_t lines_;
};

// Many inputs (prompts): the accumulators wait in `state` between column blocks, which adds in the same
// order.
template <int R, int C>
inline void dot_step(const RowWidened* rows, const float* const* x, int64_t k0, int64_t k1, int64_t cols,
                     float* state, float* out, int64_t out_stride) {
  V acc[R][C];
  JAJU_UNROLL for (int a = 0; a < R; ++a) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[a][c] = k0 == 0 ? zero() : load(state + (c * R + a) * kLanes);
  }
  dot_tile<RowWidened, R, C>(rows, x, k0, k1, acc);
  if (k1 == cols) return sum_all<R, C>(acc, out, out_stride);
  JAJU_UNROLL for (int c = 0; c < C; ++c) {
    JAJU_UNROLL for (int a = 0; a < R; ++a) store(state + (c * R + a) * kLanes, acc[a][c]);
  }
}

template <int R>
inline void dot_inputs(const RowWidened* rows, const float* const* x, int64_t n, int64_t k0, int64_t k1,
                       int64_t cols, float* state, float* out, int64_t stride, NextWeights next) {
  const int64_t share = next.share(ceil_div(n, kTileInputs));
  const auto step = [&](auto inputs) {
    constexpr int kInputs = decltype(inputs)::value;
    next.fetch(share);
    dot_step<R, kInputs>(rows, x, k0, k1, cols, state, out, stride);
    x += kInputs;
    n -= kInputs;
    state += kInputs * R * kLanes;
    out += kInputs * stride;
  };
  while (n >= kTileInputs) step(std::integral_constant<int, kTileInputs>());
  if constexpr (kTileInputs > 4) {
    if (n >= 4) step(std::integral_constant<int, 4>());
  }
  if (n >= 2) step(std::integral_constant<int, 2>());
  if (n == 1) step(std::integral_constant<int, 1>());
}

template <typename Row>
inline void dot_blocked(const Matrix& w, int64_t r0, int64_t r1, const float* const* x, int64_t n, float* out,
                        int64_t out_stride) {
  static_assert(kTileRows == 4);
  alignas(64) float state[kRowBlock * kInputBlock * kLanes];
  alignas(64) float wide[kTileRows * kColBlock];
  const auto cols_from = [&](int64_t k) { return w.cols - k < kColBlock ? w.cols - k : kColBlock; };
  const auto rows_from = [&](int64_t r) { return r + kTileRows <= r1 ? kTileRows : 1; };
  for (int64_t k0 = 0; k0 < w.cols; k0 += kColBlock) {
    const int64_t k1 = k0 + cols_from(k0);
    for (int64_t r = r0; r < r1;) {
      const int64_t tile = rows_from(r);
      RowWidened rows[kTileRows];
      for (int64_t a = 0; a < tile; ++a) {
        const Row row(w, r + a);
        if constexpr (std::is_same_v<Row, RowF32>) {
          rows[a].p = row.p;  // wide already
          continue;
        }
        float* const to = wide + a * kColBlock;
        int64_t k = k0;
        for (; k + kLanes <= k1; k += kLanes) store(to + (k - k0), row.at(k));
        if (k < k1) store_n(to + (k - k0), row.at_n(k, k1 - k), k1 - k);
        rows[a].p = to - k0;
      }
      const bool same_cols = r + tile < r1;
      const int64_t next_r = same_cols ? r + tile : r0;
      const int64_t next_k = same_cols ? k0 : k1;
      const NextWeights next(Row(w, next_r), w, rows_from(next_r), next_k, cols_from(next_k));
      float* const tile_state = state + (r - r0) * kInputBlock * kLanes;
      float* const tile_out = out + (r - r0);
      if (tile == kTileRows) {
        dot_inputs<kTileRows>(rows, x, n, k0, k1, w.cols, tile_state, tile_out, out_stride, next);
      } else {
        dot_inputs<1>(rows, x, n, k0, k1, w.cols, tile_state, tile_out, out_stride, next);
      }
      r += tile;
    }
  }
}

// Inputs of one call of dot_block. Those of the BF16 and int8 dot products wait in the second-level cache
// while the rows of W pass.
inline int64_t input_block(const Matrix& w, const Inputs& in) {
  if (w.packed()) return packed_dot::kMaxInputs;
#ifdef JAJU_HAS_BF16_DOT
  if (in.bf16 != nullptr && w.dtype == DType::bf16) {
    constexpr int64_t kValues = 192 * 1024;
    constexpr int64_t kStep = 24;  // whole tiles, whatever their width
    const int64_t fit = kValues / in.bf16_stride / kStep * kStep;
    return fit < kStep ? kStep : fit > bf16dot::kMaxInputs ? bf16dot::kMaxInputs : fit;
  }
#else
  (void)in;
#endif
  return kInputBlock;
}
constexpr int64_t kMostInputs = 96;
static_assert(kMostInputs >= kInputBlock && kMostInputs >= packed_dot::kMaxInputs);
#ifdef JAJU_HAS_BF16_DOT
static_assert(kMostInputs >= bf16dot::kMaxInputs);
#endif

// Rows [r0, r1) of a packed matrix, r0 at a panel.
inline void dot_packed(const Matrix& w, int64_t r0, int64_t r1, const Inputs& in, int64_t i0, int64_t n,
                       float* out, int64_t out_stride) {
  JAJU_CHECK(in.int8 != nullptr && r0 % kPanelRows == 0);
  const std::byte* x[packed_dot::kMaxInputs];
  for (int64_t i = 0; i < n; ++i) x[i] = in.int8 + in.row_of(i0 + i) * in.int8_stride;
  const packed_dot::Panels panels{w.scheme, w.panel(r0 / kPanelRows), panel_bytes(w.scheme, w.cols), r1 - r0,
                                  w.cols};
  packed_kernels().dot_panels(panels, x, n, out, out_stride);
}

// out[i * out_stride + (r - r0)] = W[r] . x[i0 + i] for r in [r0, r1), at most input_block() inputs.
inline void dot_block(const Matrix& w, int64_t r0, int64_t r1, const Inputs& in, int64_t i0, int64_t n,
                      float* out, int64_t out_stride) {
  if (w.packed()) return dot_packed(w, r0, r1, in, i0, n, out, out_stride);
#ifdef JAJU_HAS_BF16_DOT
  if (in.bf16 != nullptr && w.dtype == DType::bf16) {
    const uint16_t* x[bf16dot::kMaxInputs];
    for (int64_t i = 0; i < n; ++i) x[i] = in.bf16 + in.row_of(i0 + i) * in.bf16_stride;
    return bf16dot::dot_rows(static_cast<const uint16_t*>(w.row(r0)), w.cols, r1 - r0, w.cols, x, n, out,
                             out_stride);
  }
#endif
  const float* x[kInputBlock];
  for (int64_t i = 0; i < n; ++i) x[i] = in.x.row(in.row_of(i0 + i));
  with_row_type(w.dtype, [&](auto type) {
    using Row = typename decltype(type)::type;
    if (n >= kBlockedFrom<Row>) {
      for (int64_t r = r0; r < r1; r += kRowBlock) {
        dot_blocked<Row>(w, r, r + kRowBlock < r1 ? r + kRowBlock : r1, x, n, out + (r - r0), out_stride);
      }
      return;
    }
    int64_t r = r0;
    for (; r + kTileRows <= r1; r += kTileRows)
      dot_few<Row, kTileRows>(w, r, x, n, out + (r - r0), out_stride);
    for (; r < r1; ++r) dot_few<Row, 1>(w, r, x, n, out + (r - r0), out_stride);
  });
}

}  // namespace
}  // namespace jaju::JAJU_ISA
