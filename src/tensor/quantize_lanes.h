// What the searches of quantize_nearest.cc, quantize_trellis.cc and quantize_integer.cc share: rows of a
// panel side by side, in vectors of which each lane is a row. No sum crosses lanes, so that the instruction
// set and the number of lanes change the speed and no bit. Each search's body is compiled once per
// instruction set, by target attributes, with as many lanes as its registers have: compilers take wider
// vectors apart, and comparisons and selections of those one lane at a time. It is inlined into each and
// calls nothing that could be shared.
#pragma once

#include <cstdint>
#include <cstring>

#include "tensor/packed.h"

namespace jaju::lanes {

constexpr int kRows = kPanelRows;
constexpr int kCols = kGroupCols;

// Vectors by the compilers' common extension: arithmetic and comparisons lane by lane. Passed by reference
// only: by value their place would depend on the instruction set.
template <int Lanes>
struct Vectors;
#define JAJU_VECTORS(Lanes)                            \
  template <>                                          \
  struct Vectors<Lanes> {                              \
    typedef float F [[gnu::vector_size(4 * Lanes)]];   \
    typedef int32_t I [[gnu::vector_size(4 * Lanes)]]; \
  };
JAJU_VECTORS(4)
JAJU_VECTORS(8)
JAJU_VECTORS(16)
#undef JAJU_VECTORS
template <int Lanes>
using Floats = typename Vectors<Lanes>::F;
template <int Lanes>
using Ints = typename Vectors<Lanes>::I;
template <class V>
constexpr int kLanesOf = sizeof(V) / 4;
template <class F>
using MaskOf = Ints<kLanesOf<F>>;

#define JAJU_INLINE [[gnu::always_inline]] inline

// Lanes from `row` on of a value that all rows have.
template <class V, class T>
JAJU_INLINE void load(V& to, const T (&rows)[kRows], int row) {
  std::memcpy(&to, rows + row, sizeof to);
}
template <class V, class T>
JAJU_INLINE void store(T (&rows)[kRows], int row, const V& from) {
  std::memcpy(rows + row, &from, sizeof from);
}
template <class V>
JAJU_INLINE void select(V& to, const MaskOf<V>& mask, const V& yes, const V& no) {
  to = mask ? yes : no;
}
template <class F>
JAJU_INLINE void take_less(F& to, const F& other) {
  to = other < to ? other : to;
}
template <class F>
JAJU_INLINE void clamp(F& x, float low, float high) {
  const F l = F{} + low;
  const F h = F{} + high;
  x = x < l ? l : x;
  x = x > h ? h : x;
}
// To nearest, ties to even, for |x| < 2^22.
template <class F>
JAJU_INLINE void round(F& x) {
  const F shift = F{} + 0x1.8p23f;
  x = (x + shift) - shift;
}
template <class F>
JAJU_INLINE void magnitude(F& to, const F& x) {
  using I = MaskOf<F>;
  to = (F)((I)x & (I{} + 0x7fffffff));
}

// Some columns of each row: a group's, or a block's.
template <int64_t Cols>
struct Columns {
  alignas(64) float values[Cols][kRows];
  alignas(64) float inverse_factors[kRows];  // 0 where the row is 0
  float weights[Cols];
};
using Group = Columns<kGroupCols>;
using Block = Columns<kBlockCols>;
template <int64_t Cols>
struct FoundIn {
  alignas(64) int32_t scales[kRows];       // bytes of scales, or a block's 32 bits
  alignas(64) int32_t codes[Cols][kRows];  // as code_at reads them
};
using Found = FoundIn<kGroupCols>;
using FoundBlock = FoundIn<kBlockCols>;
using Search = void (*)(const Group&, Found&);
using BlockSearch = void (*)(const Block&, FoundBlock&);

// A group in units of its rows' factors, its largest magnitudes, and the error of all zeros.
template <class F>
JAJU_INLINE void scale_group(const Group& g, int row, F (&x)[kCols], F& largest, F& error_of_zeros) {
  largest = F{};
  error_of_zeros = F{};
  F inverse;
  load(inverse, g.inverse_factors, row);
  for (int c = 0; c < kCols; ++c) {
    load(x[c], g.values[c], row);
    x[c] *= inverse;
    F size;
    magnitude(size, x[c]);
    select(largest, size > largest, size, largest);
    error_of_zeros += g.weights[c] * x[c] * x[c];
  }
}
// Sizes to try, lane by lane: those whose squares, as scales, make the largest magnitude a value between
// least and most. From 1 to `top`, at least one.
template <class F>
JAJU_INLINE void sizes_to_try(const F& largest, float least, float most, float top, F& size, F& last) {
  for (int lane = 0; lane < kLanesOf<F>; ++lane) {
    const float from = __builtin_ceilf(__builtin_sqrtf(largest[lane] / most));
    const float to = __builtin_floorf(__builtin_sqrtf(largest[lane] / least));
    size[lane] = from < 1 ? 1 : from > top ? top : from;
    last[lane] = to > top ? top : to < size[lane] ? size[lane] : to;
  }
}
// False: no lane has another. One that has had its last tries it again.
template <class F>
JAJU_INLINE bool next_size(F& size, const F& last) {
  bool more = false;
  for (int lane = 0; lane < kLanesOf<F>; ++lane) {
    if (size[lane] < last[lane]) {
      size[lane] += 1;
      more = true;
    }
  }
  return more;
}

// Compiles search<S, Lanes> for each instruction set and tells the best this CPU has. After the templates, in
// the same namespace. Input: Group or Block, Result as its search has it.
#define JAJU_SEARCH(Name, Target, Lanes, Input, Result)                           \
  template <Scheme S>                                                             \
  Target void Name(const Input& g, Result& found) {                               \
    for (int row = 0; row < kRows; row += Lanes) search<S, Lanes>(g, row, found); \
  }
#if defined(__x86_64__)
#define JAJU_SEARCHES(Input, Result)                                                                      \
  JAJU_SEARCH(search_any, , 4, Input, Result)                                                             \
  JAJU_SEARCH(search_avx2, [[gnu::target("avx2")]], 8, Input, Result)                                     \
  JAJU_SEARCH(search_avx512, [[gnu::target("avx512f,avx512dq")]], 16, Input, Result)                      \
  template <Scheme S>                                                                                     \
  void (*fastest())(const Input&, Result&) {                                                              \
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return search_avx512<S>; \
    if (__builtin_cpu_supports("avx2")) return search_avx2<S>;                                            \
    return search_any<S>;                                                                                 \
  }
#else
#define JAJU_SEARCHES(Input, Result)          \
  JAJU_SEARCH(search_any, , 4, Input, Result) \
  template <Scheme S>                         \
  void (*fastest())(const Input&, Result&) {  \
    return search_any<S>;                     \
  }
#endif

// For q8, q6 and q4.
Search nearest_search(Scheme scheme);
// For q3 and q2.
Search trellis_search(Scheme scheme);
// For q4i, and what a row's largest magnitude is to be in units of its factor.
BlockSearch integer_search();
constexpr float kIntegerTop = 32767.0f * 120;

}  // namespace jaju::lanes
