// The kernels of int16_dot.h for any width of vector. Included in each int16_*.cc, inside its anonymous
// namespace, after vectors of f32 (vec_*.h) and of codes (I, kCodes of them), dot2 and the sizes of tiles.
#pragma once

using int16dot::Ahead;
using int16dot::CodedRows;
using int16dot::kRowsAtOnce;

// Below this a row counts as zero: its scale's reciprocal stays a number.
constexpr float kLeast = 0x1p-100f;

struct Factor {
  float scale;   // what a code stands for
  float factor;  // what a value is multiplied with, 0 where codes are zero
};
inline Factor factor_for(float largest, int32_t most) {
  if (!(largest <= std::numeric_limits<float>::max())) return {std::numeric_limits<float>::quiet_NaN(), 0.0f};
  if (largest < kLeast) return {0.0f, 0.0f};
  return {largest / static_cast<float>(most), static_cast<float>(most) / largest};
}

// The largest of n magnitudes, as numbers without sign: so that what is not finite is larger than all.
inline float largest_magnitude(const float* values, int64_t n) {
  I top = no_codes();
  for (int64_t k = 0; k < n; k += kLanes) top = larger(top, magnitudes(load(values + k)));
  return largest_of(top);
}

template <bool InOrder = false, typename Load>
inline void round_values(const Load& values, int64_t n, float factor, int16_t* codes) {
  for (int64_t k = 0; k < n; k += kCodes) {
    I packed = no_codes();  // what is not finite would be no code, even times 0
    if (factor != 0.0f) packed = pack(mul(values(k), set1(factor)), mul(values(k + kLanes), set1(factor)));
    store_codes(codes + k, InOrder ? in_order(packed) : packed);
  }
}

float round_row(const float* values, int64_t n, int32_t most, int16_t* codes) {
  const Factor f = factor_for(largest_magnitude(values, n), most);
  round_values([&](int64_t k) { return load(values + k); }, n, f.factor, codes);
  return f.scale;
}

float round_bf16_row(const uint16_t* values, int64_t n, int32_t most, int16_t* codes) {
  const Factor f = factor_for(largest_magnitude(values, n), most);
  round_values([&](int64_t k) { return load_bf16(values + k); }, n, f.factor, codes);
  return f.scale;
}

float round_in_order(const float* values, int64_t n, int32_t most, int16_t* codes) {
  const Factor f = factor_for(largest_magnitude(values, n), most);
  round_values<true>([&](int64_t k) { return load(values + k); }, n, f.factor, codes);
  return f.scale;
}

void round_columns(const float* values, int64_t n_rows, int64_t cols, int32_t most, int16_t* codes,
                   float* scales) {
  for (int64_t k = 0; k < cols; k += kCodes) {
    I top[2] = {no_codes(), no_codes()};
    for (int64_t r = 0; r < n_rows; ++r) {
      const float* const row = values + r * cols + k;
      top[0] = larger(top[0], magnitudes(load(row)));
      top[1] = larger(top[1], magnitudes(load(row + kLanes)));
    }
    float largest[kCodes], factors[kCodes];
    __builtin_memcpy(largest, top, sizeof largest);
    for (int64_t c = 0; c < kCodes; ++c) {
      const Factor f = factor_for(largest[c], most);
      scales[k + c] = f.scale;
      factors[c] = f.factor;
    }
    const V first = load(factors);
    const V second = load(factors + kLanes);
    for (int64_t r = 0; r < n_rows; ++r) {
      const float* const row = values + r * cols + k;
      store_codes(codes + r * cols + k, pack(mul(load(row), first), mul(load(row + kLanes), second)));
    }
  }
}

float round_weights(const float* weights, const float* scales, int64_t n, int32_t most, int64_t room,
                    int16_t* codes) {
  const auto scaled = [&](int64_t j) {
    const int64_t lanes = n - j < kLanes ? n - j : kLanes;
    return lanes <= 0 ? zero() : mul(load_n(weights + j, lanes), load_n(scales + j, lanes));
  };
  I top = no_codes();
  for (int64_t j = 0; j < n; j += kLanes) top = larger(top, magnitudes(scaled(j)));
  const Factor f = factor_for(largest_of(top), most);
  round_values<true>(scaled, room, f.factor, codes);
  return f.scale;
}

// A sum's zero, of which the compiler knows nothing: gcc 12 else has one for all sums, and moves every sum to
// another register in every round of the loop.
inline I start() {
  I sum = no_codes();
  compute_now(sum);
  return sum;
}

// Four rows from r on times C queries from q on.
template <int C>
[[gnu::noinline]] void dot_tile(const CodedRows& rows, int64_t r, const CodedRows& queries, int64_t q,
                                float* out, int64_t out_stride) {
  constexpr int R = kRowsAtOnce;
  const int64_t width = rows.width();
  const int16_t* const row = rows.row(r);
  const int16_t* const query = queries.row(q);
  I acc[R][C];
  const auto sum_columns = [&](int64_t from, int64_t to) {
    JAJU_UNROLL for (int a = 0; a < R; ++a) {
      JAJU_UNROLL for (int c = 0; c < C; ++c) acc[a][c] = start();
    }
    for (int64_t k = from; k < to; k += kCodes) {
      I of_query[C];
      JAJU_UNROLL for (int c = 0; c < C; ++c) of_query[c] = codes_at(query + c * width + k);
      JAJU_UNROLL for (int a = 0; a < R; ++a) {
        I of_row = codes_at(row + a * width + k);
        compute_now(of_row);
        JAJU_UNROLL for (int c = 0; c < C; ++c) acc[a][c] = dot2(acc[a][c], of_row, of_query[c]);
      }
    }
  };
  V sums[R][C];
  sum_columns(0, rows.latent);
  JAJU_UNROLL for (int a = 0; a < R; ++a) {
    const V scale = set1(rows.latent_scales[r + a]);
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      sums[a][c] = mul(to_float(acc[a][c]), mul(scale, set1(queries.latent_scales[q + c])));
    }
  }
  sum_columns(rows.latent, width);
  JAJU_UNROLL for (int a = 0; a < R; ++a) {
    const V scale = set1(rows.rope_scales[r + a]);
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      sums[a][c] = fma(to_float(acc[a][c]), mul(scale, set1(queries.rope_scales[q + c])), sums[a][c]);
    }
  }
  sum_tile<C>(sums, out + r, out_stride);
}

template <int C>
inline void dot_queries(const CodedRows& rows, int64_t r, const CodedRows& queries, int64_t q, int64_t n,
                        float* out, int64_t out_stride) {
  if constexpr (C > 1) {
    if (n < C) return dot_queries<C - 1>(rows, r, queries, q, n, out, out_stride);
  }
  dot_tile<C>(rows, r, queries, q, out, out_stride);
}

void dot(const CodedRows& rows, int64_t n_rows, const CodedRows& queries, int64_t n, float* out,
         int64_t out_stride, const Ahead& ahead) {
  constexpr int64_t kLine = 64;
  const int64_t tiles = (n + kTileQueries - 1) / kTileQueries;
  const int64_t in_all = (n_rows + kRowsAtOnce - 1) / kRowsAtOnce * tiles;
  int64_t fetched = 0;
  int64_t done = 0;
  for (int64_t r = 0; r < n_rows; r += kRowsAtOnce) {
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t share = ahead.bytes * ++done / in_all;
      for (; fetched < share; fetched += kLine) _mm_prefetch(ahead.first + fetched, _MM_HINT_T1);
      const int64_t q = n * t / tiles;
      dot_queries<kTileQueries>(rows, r, queries, q, n * (t + 1) / tiles - q, out + q * out_stride,
                                out_stride);
    }
  }
}

// The columns of one vector of codes for H inputs, at `codes` and `out` those of the first row and input.
template <int H>
inline void weigh_tile(const int16_t* codes, int64_t stride, int64_t n_rows, const int16_t* weights,
                       int64_t weights_stride, const float* keep, const float* factors, float* out,
                       int64_t out_stride) {
  I acc[H][2];
  JAJU_UNROLL for (int h = 0; h < H; ++h) {
    acc[h][0] = start();
    acc[h][1] = start();
  }
  for (int64_t j = 0; j < n_rows; j += 2, codes += 2 * stride) {
    I pairs[2];
    interleave(codes_at(codes), codes_at(codes + stride), pairs);
    JAJU_UNROLL for (int h = 0; h < H; ++h) {
      const I weight = pair_at(weights + h * weights_stride + j);
      acc[h][0] = dot2(acc[h][0], weight, pairs[0]);
      acc[h][1] = dot2(acc[h][1], weight, pairs[1]);
    }
  }
  JAJU_UNROLL for (int h = 0; h < H; ++h) {
    const V factor = set1(factors[h]);
    JAJU_UNROLL for (int c = 0; c < 2; ++c) {
      float* const to = out + h * out_stride + c * kLanes;
      const V before = keep == nullptr ? zero() : mul(set1(keep[h]), load(to));
      store(to, fma(to_float(acc[h][c]), factor, before));
    }
  }
}

void weigh(const int16_t* codes, int64_t stride, int64_t n_rows, int64_t cols, const int16_t* weights,
           int64_t weights_stride, int64_t n, const float* keep, const float* factors, float* out,
           int64_t out_stride) {
  for (int64_t k = 0; k < cols; k += kCodes) {
    int64_t h = 0;
    const auto pass = [&](auto inputs) {
      constexpr int H = decltype(inputs)::value;
      for (; h + H <= n; h += H) {
        weigh_tile<H>(codes + k, stride, n_rows, weights + h * weights_stride, weights_stride,
                      keep == nullptr ? nullptr : keep + h, factors + h, out + h * out_stride + k,
                      out_stride);
      }
    };
    pass(std::integral_constant<int, kWeighHeads>());
    if constexpr (kWeighHeads > 4) pass(std::integral_constant<int, 4>());
    pass(std::integral_constant<int, 2>());
    pass(std::integral_constant<int, 1>());
  }
}

constexpr int16dot::Kernels kTable = {kCodes,        round_row, round_bf16_row, round_in_order, round_columns,
                                      round_weights, dot,       weigh};
