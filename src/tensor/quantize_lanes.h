// What the searches of quantize.cc, quantize_trellis.cc and quantize_integer.cc share: the 16 rows of a panel
// side by side, in vectors of 16 floats of which each lane is a row. No sum crosses lanes, so that the
// instruction set changes the speed and no bit. Each search's body is compiled once per instruction set, by
// target attributes; it is inlined into each and calls nothing that could be shared.
#pragma once

#include <cstdint>

#include "tensor/packed.h"

namespace jaju::lanes {

constexpr int kLanes = kPanelRows;
constexpr int kCols = kGroupCols;

// Vectors by the compilers' common extension: arithmetic and comparisons lane by lane. Passed by reference
// only: by value their place would depend on the instruction set.
typedef float F [[gnu::vector_size(4 * kLanes)]];
typedef int32_t I [[gnu::vector_size(4 * kLanes)]];

#define JAJU_INLINE [[gnu::always_inline]] inline

JAJU_INLINE void select(F& to, const I& mask, const F& yes, const F& no) {
  to = mask ? yes : no;
}
JAJU_INLINE void select(I& to, const I& mask, const I& yes, const I& no) {
  to = mask ? yes : no;
}
JAJU_INLINE void take_less(F& to, const F& other) {
  to = other < to ? other : to;
}
JAJU_INLINE void clamp(F& x, float low, float high) {
  const F l = F{} + low;
  const F h = F{} + high;
  select(x, x < l, l, x);
  select(x, x > h, h, x);
}
// To nearest, ties to even, for |x| < 2^22.
JAJU_INLINE void round(F& x) {
  const F shift = F{} + 0x1.8p23f;
  x = (x + shift) - shift;
}
JAJU_INLINE void magnitude(F& to, const F& x) {
  to = (F)((I)x & (I{} + 0x7fffffff));
}

// Some columns of each row: a group's, or a block's.
template <int64_t Cols>
struct Columns {
  F values[Cols];
  float weights[Cols];
  F inverse_factors;  // of the rows; 0 where the row is 0
};
using Group = Columns<kGroupCols>;
using Block = Columns<kBlockCols>;
struct Found {
  I scales;        // bytes of scales
  I codes[kCols];  // as code_at reads them
};
using Search = void (*)(const Group&, Found&);
struct FoundBlock {
  I scales;  // 32 bits of each row
  I codes[kBlockCols];
};
using BlockSearch = void (*)(const Block&, FoundBlock&);

// A group in units of its rows' factors, its largest magnitudes, and the error of all zeros.
JAJU_INLINE void scale_group(const Group& g, F (&x)[kCols], F& largest, F& error_of_zeros) {
  largest = F{};
  error_of_zeros = F{};
  for (int c = 0; c < kCols; ++c) {
    x[c] = g.values[c] * g.inverse_factors;
    F size;
    magnitude(size, x[c]);
    select(largest, size > largest, size, largest);
    error_of_zeros += g.weights[c] * x[c] * x[c];
  }
}
// Sizes to try, lane by lane: those whose squares, as scales, make the largest magnitude a value between
// least and most. From 1 to `top`, at least one.
JAJU_INLINE void sizes_to_try(const F& largest, float least, float most, float top, F& size, F& last) {
  for (int lane = 0; lane < kLanes; ++lane) {
    const float from = __builtin_ceilf(__builtin_sqrtf(largest[lane] / most));
    const float to = __builtin_floorf(__builtin_sqrtf(largest[lane] / least));
    size[lane] = from < 1 ? 1 : from > top ? top : from;
    last[lane] = to > top ? top : to < size[lane] ? size[lane] : to;
  }
}
// False: no lane has another. One that has had its last tries it again.
JAJU_INLINE bool next_size(F& size, const F& last) {
  bool more = false;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (size[lane] < last[lane]) {
      size[lane] += 1;
      more = true;
    }
  }
  return more;
}

// Compiles search<S> for each instruction set and tells the best this CPU has. After the templates, in the
// same namespace. Input: Group or Block, Result as its search has it.
#if defined(__x86_64__)
#define JAJU_SEARCHES(Input, Result)                                                                      \
  template <Scheme S>                                                                                     \
  void search_any(const Input& g, Result& found) {                                                        \
    search<S>(g, found);                                                                                  \
  }                                                                                                       \
  template <Scheme S>                                                                                     \
  [[gnu::target("avx2")]] void search_avx2(const Input& g, Result& found) {                               \
    search<S>(g, found);                                                                                  \
  }                                                                                                       \
  template <Scheme S>                                                                                     \
  [[gnu::target("avx512f,avx512dq")]] void search_avx512(const Input& g, Result& found) {                 \
    search<S>(g, found);                                                                                  \
  }                                                                                                       \
  template <Scheme S>                                                                                     \
  void (*fastest())(const Input&, Result&) {                                                              \
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return search_avx512<S>; \
    if (__builtin_cpu_supports("avx2")) return search_avx2<S>;                                            \
    return search_any<S>;                                                                                 \
  }
#else
#define JAJU_SEARCHES(Input, Result)               \
  template <Scheme S>                              \
  void search_any(const Input& g, Result& found) { \
    search<S>(g, found);                           \
  }                                                \
  template <Scheme S>                              \
  void (*fastest())(const Input&, Result&) {       \
    return search_any<S>;                          \
  }
#endif

// For q3 and q2.
Search trellis_search(Scheme scheme);
// For q4i, and what a row's largest magnitude is to be in units of its factor.
BlockSearch integer_search();
constexpr float kIntegerTop = 32767.0f * 120;

}  // namespace jaju::lanes
