// Scores of decoding rows: dot products of bf16 rows, two columns of which are widened at a time, with f32
// inputs. Included once per ISA, after dot.h.
//
// A register of bf16 becomes the columns at even places and those at odd ones by an instruction for each,
// which a vector widened by itself takes two for; so inputs have their columns in that order.
//
// As in dot.h an output is one accumulator that walks its columns upwards, lanes added at the end: its bits
// depend on its row and input alone.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

// Columns that change places among themselves: rows of a multiple of them can be multiplied so.
constexpr int64_t kPairColumns = 2 * kLanes;

// Of every kPairColumns values those at even places first.
inline void put_in_pair_order(float* x, int64_t n) {
  for (int64_t k = 0; k < n; k += kPairColumns) {
    V even, odd;
    split_pairs(load(x + k), load(x + k + kLanes), even, odd);
    store(x + k, even);
    store(x + k + kLanes, odd);
  }
}

// Rows of bf16 one behind the other, and those that are fetched into the second-level cache meanwhile: as
// many, or null.
struct PairRows {
  const uint16_t* first;
  const uint16_t* next;
  int64_t cols;  // a multiple of kPairColumns
};

// R rows from row r on times C inputs; P rows from `ahead` on are fetched.
template <int R, int C, int P>
[[gnu::noinline]] void pair_tile(const PairRows& w, int64_t r, const float* x, float* out, int64_t out_stride,
                                 const uint16_t* ahead) {
  const uint16_t* const rows = w.first + r * w.cols;
  V acc[R][C];
  JAJU_UNROLL for (int a = 0; a < R; ++a) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[a][c] = zero();
  }
  // Once over the rows for either half: both at once are more registers than there are.
  const auto pass = [&](auto half) {
    constexpr bool kOdd = decltype(half)::value;
    const float* const from = x + (kOdd ? kLanes : 0);
    for (int64_t k = 0; k < w.cols; k += kPairColumns) {
      V weights[R];
      JAJU_UNROLL for (int a = 0; a < R; ++a) {
        const uint16_t* const pairs = rows + a * w.cols + k;
        weights[a] = kOdd ? load_bf16_odd(pairs) : load_bf16_even(pairs);
      }
      JAJU_UNROLL for (int a = 0; a < P && !kOdd; ++a) _mm_prefetch(ahead + a * w.cols + k, _MM_HINT_T1);
      JAJU_UNROLL for (int c = 0; c < C; ++c) {
        const V input = load(from + c * w.cols + k);
        JAJU_UNROLL for (int a = 0; a < R; ++a) acc[a][c] = fma(weights[a], input, acc[a][c]);
      }
    }
  };
  pass(std::false_type());
  pass(std::true_type());
  sum_all<R, C>(acc, out + r, out_stride);
}

template <int R, int C, int P>
inline void pair_inputs(const PairRows& w, int64_t r, const float* x, int64_t n, float* out,
                        int64_t out_stride, const uint16_t* ahead) {
  if constexpr (C > 1) {
    if (n < C) return pair_inputs<R, C - 1, P>(w, r, x, n, out, out_stride, ahead);
  }
  pair_tile<R, C, P>(w, r, x, out, out_stride, ahead);
}

// out[i * out_stride + r] = row r . x[i] for n inputs, w.cols values apart and in pair order. Inputs go in
// groups of equal size, which share the fetching, so that memory is asked all the time.
inline void dot_pairs(const PairRows& w, int64_t n_rows, const float* x, int64_t n, float* out,
                      int64_t out_stride) {
  const int64_t groups = (n + kPairInputs - 1) / kPairInputs;
  const uint16_t* const next = w.next != nullptr ? w.next : w.first;
  const auto pass = [&](auto rows, int64_t r) {
    constexpr int R = decltype(rows)::value;
    constexpr int kTwo = R < 2 ? R : 2;
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t i = n * g / groups;
      const int64_t count = n * (g + 1) / groups - i;
      const int64_t first = R * g / groups;
      const auto run = [&](auto tile) {
        tile(w, r, x + i * w.cols, count, out + i * out_stride, out_stride, next + (r + first) * w.cols);
      };
      switch (w.next == nullptr ? 0 : R * (g + 1) / groups - first) {
        case 0:
          run(pair_inputs<R, kPairInputs, 0>);
          break;
        case 1:
          run(pair_inputs<R, kPairInputs, 1>);
          break;
        case 2:
          run(pair_inputs<R, kPairInputs, kTwo>);
          break;
        default:
          run(pair_inputs<R, kPairInputs, R>);
          break;
      }
    }
  };
  int64_t r = 0;
  for (; r + kTileRows <= n_rows; r += kTileRows) pass(std::integral_constant<int, kTileRows>(), r);
  for (; r < n_rows; ++r) pass(std::integral_constant<int, 1>(), r);
}

}  // namespace
}  // namespace jaju::JAJU_ISA
