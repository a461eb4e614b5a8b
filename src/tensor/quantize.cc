// The search runs on the 16 rows of a panel side by side, in vectors of 16 floats of which each lane is a
// row: no sum crosses lanes, so that the instruction set changes the speed and no bit. Its body is compiled
// once per instruction set, by target attributes; it is inlined into each and calls nothing that could be
// shared.
#include "tensor/quantize.h"

#include <bit>
#include <cmath>

#include "base/check.h"

namespace jaju {
namespace {

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

// value: what the scheme has nearest to x.
template <Scheme S>
JAJU_INLINE void nearest(const F& x, F& value) {
  if constexpr (S == Scheme::q8) {
    value = x;
    clamp(value, -127, 127);
    round(value);
  } else if constexpr (S == Scheme::q6) {
    constexpr float kKnee = kQ6Knee;
    F inner = x;
    clamp(inner, -kKnee, kKnee);
    F u = 0.5f * (x + inner);
    clamp(u, -32, 31);
    round(u);
    inner = u;
    clamp(inner, -kKnee, kKnee);
    value = 2.0f * u - inner;
  } else {
    value = F{} + static_cast<float>(kQ4Values[0]);
#pragma GCC unroll 16
    for (size_t k = 1; k < kQ4Values.size(); ++k) {
      const auto low = static_cast<float>(kQ4Values[k - 1]);
      const auto high = static_cast<float>(kQ4Values[k]);
      select(value, x >= F{} + 0.5f * (low + high), F{} + high, value);
    }
  }
}

// Scales to try for a group whose largest magnitude is m: those that make it a value between kLeast and
// kMost, which is where measurement found the best (kTop: the lesser of the ends of the values).
template <Scheme S>
struct Range;
template <>
struct Range<Scheme::q8> {
  static constexpr float kTop = 127, kLeast = 119, kMost = 131;
};
template <>
struct Range<Scheme::q6> {
  static constexpr float kTop = 44, kLeast = 34, kMost = 56;
};
template <>
struct Range<Scheme::q4> {
  static constexpr float kTop = 111, kLeast = 98, kMost = 150;
};

constexpr float kLargestCode = 127;
constexpr float kLeastMagnitude = 0x1p-100f;

struct Group {
  F values[kCols];
  float weights[kCols];
  F inverse_factors;  // of the rows; 0 where the row is 0
};
struct Found {
  F codes;          // of the scales, whole numbers
  F values[kCols];  // whole numbers
};

template <Scheme S>
JAJU_INLINE void search(const Group& g, Found& found) {
  F x[kCols];  // in units of the row factor
  F largest = F{};
  F best = F{};
  for (int c = 0; c < kCols; ++c) {
    x[c] = g.values[c] * g.inverse_factors;
    const F magnitude = (F)((I)x[c] & (I{} + 0x7fffffff));
    select(largest, magnitude > largest, magnitude, largest);
    best += g.weights[c] * x[c] * x[c];
    found.values[c] = F{};
  }
  found.codes = F{};  // 0 is the first candidate
  // Codes from `code` to `last`, lane by lane; a lane that has had its last tries it again.
  F code, last;
  for (int lane = 0; lane < kLanes; ++lane) {
    const float least = __builtin_ceilf(__builtin_sqrtf(largest[lane] / Range<S>::kMost));
    const float most = __builtin_floorf(__builtin_sqrtf(largest[lane] / Range<S>::kLeast));
    code[lane] = least < 1 ? 1 : least > kLargestCode ? kLargestCode : least;
    last[lane] = most > kLargestCode ? kLargestCode : most < code[lane] ? code[lane] : most;
  }
  for (bool more = true; more;) {
    const F scale = code * code;
    const F inverse = 1.0f / scale;
    for (float sign = 1; sign >= -1; sign -= 2) {
      if (S == Scheme::q8 && sign < 0) break;  // its values are symmetric
      F error = F{};
      for (int c = 0; c < kCols; ++c) {
        const F scaled = x[c] * (sign * inverse);
        F value;
        nearest<S>(scaled, value);
        const F off = scaled - value;
        error += g.weights[c] * off * off;
      }
      error *= scale * scale;
      const I better = error < best;
      select(best, better, error, best);
      select(found.codes, better, sign * code, found.codes);
    }
    more = false;
    for (int lane = 0; lane < kLanes; ++lane) {
      if (code[lane] < last[lane]) {
        code[lane] += 1;
        more = true;
      }
    }
  }
  const I none = found.codes == F{};
  F magnitude = (F)((I)found.codes & (I{} + 0x7fffffff));
  F scale = found.codes * magnitude;
  select(scale, none, F{} + 1.0f, scale);
  for (int c = 0; c < kCols; ++c) {
    F scaled = x[c] / scale;
    select(scaled, none, F{}, scaled);
    nearest<S>(scaled, found.values[c]);
  }
}

template <Scheme S>
void search_any(const Group& g, Found& found) {
  search<S>(g, found);
}
#if defined(__x86_64__)
template <Scheme S>
[[gnu::target("avx2")]] void search_avx2(const Group& g, Found& found) {
  search<S>(g, found);
}
template <Scheme S>
[[gnu::target("avx512f,avx512dq")]] void search_avx512(const Group& g, Found& found) {
  search<S>(g, found);
}
#endif

using Search = void (*)(const Group&, Found&);
template <Scheme S>
Search fastest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return search_avx512<S>;
  if (__builtin_cpu_supports("avx2")) return search_avx2<S>;
#endif
  return search_any<S>;
}

float lesser_end(Scheme scheme) {
  return scheme == Scheme::q8   ? Range<Scheme::q8>::kTop
         : scheme == Scheme::q6 ? Range<Scheme::q6>::kTop
                                : Range<Scheme::q4>::kTop;
}

float finite_or_zero(float x) {
  return std::isfinite(x) ? x : 0.0f;
}

}  // namespace

void quantize_panel(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols, const float* importance,
                    std::byte* out) {
  JAJU_CHECK(scheme != Scheme::none && n_rows > 0 && n_rows <= kPanelRows && cols > 0);
  static const Search searches[] = {nullptr, fastest<Scheme::q8>(), fastest<Scheme::q6>(),
                                    fastest<Scheme::q4>()};
  const Search run = searches[static_cast<size_t>(scheme)];
  uint8_t code_at[256];  // by value + 128
  for (int code = 0; code < 1 << code_bits(scheme); ++code) {
    const int value = code_value(scheme, code);
    if (value >= -127) code_at[value + 128] = static_cast<uint8_t>(code);
  }
  std::memset(out, 0, static_cast<size_t>(panel_bytes(scheme, cols)));

  Group group;
  for (int lane = 0; lane < kLanes; ++lane) {
    float largest = 0;
    for (int64_t c = 0; lane < n_rows && c < cols; ++c) {
      const float magnitude = std::fabs(finite_or_zero(rows[lane * cols + c]));
      if (magnitude > largest) largest = magnitude;
    }
    // With the largest code the row's largest magnitude is a value at either end.
    const float factor = largest / (lesser_end(scheme) * kLargestCode * kLargestCode);
    const bool zero = largest < kLeastMagnitude;
    group.inverse_factors[lane] = zero ? 0.0f : 1.0f / factor;
    const float stored = zero ? 0.0f : factor;
    std::memcpy(out + 4 * lane, &stored, 4);
  }

  for (int64_t first = 0; first < cols; first += kCols) {
    const int64_t width = cols - first < kCols ? cols - first : kCols;
    float sum = 0;
    for (int64_t c = 0; c < width; ++c) sum += importance == nullptr ? 1.0f : importance[first + c];
    const float mean = sum / static_cast<float>(width);
    const bool weighted = importance != nullptr && std::isnormal(mean) && mean > 0;
    for (int64_t c = 0; c < kCols; ++c) {
      group.weights[c] = c >= width ? 0.0f : weighted ? importance[first + c] / mean + 0.01f : 1.0f;
      group.values[c] = F{};
      for (int64_t r = 0; c < width && r < n_rows; ++r) {
        group.values[c][r] = finite_or_zero(rows[r * cols + first + c]);
      }
    }
    Found found;
    run(group, found);

    std::byte* const block = out + kPanelHeaderBytes + first / kBlockCols * block_bytes(scheme);
    const int64_t col = first % kBlockCols;
    for (int64_t r = 0; r < n_rows; ++r) {
      block[col / kGroupCols * kPanelRows + r] = static_cast<std::byte>(static_cast<int8_t>(found.codes[r]));
    }
    for (int64_t c = 0; c < kCols; ++c) {
      for (int64_t r = 0; r < kPanelRows; ++r) {
        const unsigned code = code_at[static_cast<int>(found.values[c][r]) + 128];
        const CodePlace low = low_bits_at(scheme, r, col + c);
        const unsigned low_bits = scheme == Scheme::q8 ? code : code & 0xf;
        block[low.byte] |= static_cast<std::byte>(low_bits << low.shift);
        if (scheme == Scheme::q6) {
          const CodePlace high = high_bits_at(r, col + c);
          block[high.byte] |= static_cast<std::byte>(code >> 4 << high.shift);
        }
      }
    }
  }
}

void dequantize_panel(Scheme scheme, const std::byte* panel, int64_t n_rows, int64_t cols, float* rows) {
  JAJU_CHECK(scheme != Scheme::none && n_rows > 0 && n_rows <= kPanelRows && cols > 0);
  for (int64_t r = 0; r < n_rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) rows[r * cols + c] = packed_at(scheme, panel, cols, r, c);
  }
}

}  // namespace jaju
