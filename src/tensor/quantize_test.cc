// Errors of the schemes against those of ggml's types of equal size, each with a search over scales of its
// own (the formats as published, encoders ours), and the bytes against a decoder that walks them in the order
// packed.h tells.
#include "tensor/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/view.h"

namespace jaju {
namespace {

enum class Kind { normal, student_t4, outliers };
constexpr Kind kKinds[] = {Kind::normal, Kind::student_t4, Kind::outliers};

std::vector<float> weights_of(Kind kind, int64_t n, uint32_t seed) {
  std::mt19937 dice(seed);
  std::normal_distribution<float> normal;
  std::student_t_distribution<float> student(4);
  std::vector<float> out(static_cast<size_t>(n));
  for (float& w : out) {
    w = 0.02f * (kind == Kind::student_t4 ? student(dice) : normal(dice));
    if (kind == Kind::outliers && dice() % 100 == 0) w *= 8;
  }
  return out;
}

std::vector<std::byte> quantized(Scheme scheme, const std::vector<float>& rows, int64_t n_rows, int64_t cols,
                                 const float* importance = nullptr) {
  std::vector<std::byte> out(static_cast<size_t>(packed_bytes(scheme, n_rows, cols)), std::byte{0xee});
  for (int64_t r = 0; r < n_rows; r += kPanelRows) {
    quantize_panel(scheme, rows.data() + r * cols, std::min(kPanelRows, n_rows - r), cols, importance,
                   out.data() + r / kPanelRows * panel_bytes(scheme, cols));
  }
  return out;
}

Matrix view_of(Scheme scheme, const std::vector<std::byte>& bytes, int64_t rows, int64_t cols) {
  Matrix m;
  m.data = bytes.data();
  m.dtype = DType::u8;
  m.rows = rows;
  m.cols = cols;
  m.scheme = scheme;
  return m;
}

double squared_error(Scheme scheme, const std::vector<float>& w, int64_t rows, int64_t cols,
                     const float* importance = nullptr, const float* measured_by = nullptr) {
  const std::vector<std::byte> bytes = quantized(scheme, w, rows, cols, importance);
  double sum = 0;
  std::vector<float> decoded(static_cast<size_t>(kPanelRows * cols));
  for (int64_t r = 0; r < rows; r += kPanelRows) {
    const int64_t n = std::min(kPanelRows, rows - r);
    dequantize_panel(scheme, bytes.data() + r / kPanelRows * panel_bytes(scheme, cols), n, cols,
                     decoded.data());
    for (int64_t i = 0; i < n * cols; ++i) {
      const double off = static_cast<double>(decoded[static_cast<size_t>(i)]) -
                         static_cast<double>(w[static_cast<size_t>(r * cols + i)]);
      sum += off * off * (measured_by != nullptr ? static_cast<double>(measured_by[i % cols]) : 1.0);
    }
  }
  return sum;
}

// --- ggml's formats. Each returns the least squared error its search finds for 256 values. ---

using Values = std::span<const float>;

float to_f16(float x) {  // normal range only
  int exponent;
  const float fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 11)), exponent - 11);
}

float nearest_whole(float x, float low, float high) {
  return std::clamp(std::nearbyint(x), low, high);
}

float largest_of(Values v) {
  float m = 0;
  for (const float x : v) m = std::max(m, std::abs(x));
  return m;
}

// With values from a table (or whole numbers) times a scale.
template <typename Nearest>
double error_with(Values v, float scale, const Nearest& nearest) {
  double sum = 0;
  for (const float x : v) {
    const double off =
        static_cast<double>(x) - static_cast<double>(scale * (scale != 0 ? nearest(x / scale) : 0.0f));
    sum += off * off;
  }
  return sum;
}

struct BestScale {
  float scale = 0;
  double error = std::numeric_limits<double>::max();
};

// Scales of both signs that make the largest value one of top * 0.7 .. 1.3, each also refined by least
// squares.
template <typename Nearest>
BestScale best_scale(Values v, float top, bool as_f16, const Nearest& nearest) {
  BestScale best;
  const float m = largest_of(v);
  const auto attempt = [&](float scale) {
    if (as_f16) scale = to_f16(scale);
    const double error = error_with(v, scale, nearest);
    if (error < best.error) best = {scale, error};
  };
  for (int step = -20; step <= 20; ++step) {
    for (const float sign : {1.0f, -1.0f}) {
      const float scale = sign * m / top * (1 + 0.015f * static_cast<float>(step));
      attempt(scale);
      double products = 0, squares = 0;
      for (const float x : v) {
        const auto value = static_cast<double>(nearest(x / scale));
        products += static_cast<double>(x) * value;
        squares += value * value;
      }
      if (squares > 0) attempt(static_cast<float>(products / squares));
    }
  }
  return best;
}

double q8_0(Values v) {
  const auto nearest = [](float x) { return nearest_whole(x, -127, 127); };
  double sum = 0;
  for (size_t i = 0; i < v.size(); i += 32) sum += best_scale(v.subspan(i, 32), 127, true, nearest).error;
  return sum;
}

float iq4_level(float x) {
  static constexpr float kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};
  return *std::min_element(std::begin(kLevels), std::end(kLevels),
                           [&](float a, float b) { return std::abs(a - x) < std::abs(b - x); });
}

double iq4_nl(Values v) {
  double sum = 0;
  for (size_t i = 0; i < v.size(); i += 32) sum += best_scale(v.subspan(i, 32), 120, true, iq4_level).error;
  return sum;
}

// Groups whose scales are whole numbers within [-most - 1, most] times an f16.
template <typename Nearest>
double with_whole_scales(Values v, size_t group, float top, float most, const Nearest& nearest) {
  std::vector<float> scales;
  float largest = 0;
  for (size_t i = 0; i < v.size(); i += group) {
    scales.push_back(best_scale(v.subspan(i, group), top, false, nearest).scale);
    largest = std::max(largest, std::abs(scales.back()));
  }
  double best = std::numeric_limits<double>::max();
  for (int step = -3; step <= 3; ++step) {
    const float unit = to_f16(largest / most * (1 + 0.01f * static_cast<float>(step)));
    double sum = 0;
    for (size_t g = 0; g < scales.size(); ++g) {
      double least = std::numeric_limits<double>::max();
      for (float by = -2; by <= 2; ++by) {
        const float scale = unit * nearest_whole(scales[g] / unit + by, -most - 1, most);
        least = std::min(least, error_with(v.subspan(g * group, group), scale, nearest));
      }
      sum += least;
    }
    best = std::min(best, sum);
  }
  return best;
}

double iq4_xs(Values v) {
  return with_whole_scales(v, 32, 120, 31, iq4_level);
}
double q6_k(Values v) {
  return with_whole_scales(v, 16, 31.5f, 127, [](float x) { return nearest_whole(x, -32, 31); });
}
double q3_k(Values v) {
  return with_whole_scales(v, 16, 3.7f, 31, [](float x) { return nearest_whole(x, -4, 3); });
}

// scale * q - minimum, q from 0 to `most`, scale and minimum >= 0.
double affine_error(Values v, float most, float scale, float minimum) {
  double sum = 0;
  for (const float x : v) {
    const float q = scale > 0 ? nearest_whole((x + minimum) / scale, 0, most) : 0;
    const double off = static_cast<double>(x) - static_cast<double>(scale * q - minimum);
    sum += off * off;
  }
  return sum;
}

struct Affine {
  float scale = 0;
  float minimum = 0;
};

// Both ends moved by `inner` steps of 3 % inwards and 8 outwards, each refined by least squares.
Affine best_affine(Values v, float most, int inner) {
  const float low = std::min(0.0f, *std::min_element(v.begin(), v.end()));
  const float high = std::max(*std::max_element(v.begin(), v.end()), low + 1e-9f);
  Affine best;
  double least = std::numeric_limits<double>::max();
  for (int i = -inner; i <= 8; ++i) {
    for (int j = -inner; j <= 8; ++j) {
      float minimum = -low * (1 + 0.03f * static_cast<float>(i));
      float scale = (high * (1 + 0.03f * static_cast<float>(j)) + minimum) / most;
      for (int round = 0; round < 3 && scale > 0; ++round) {
        if (const double error = affine_error(v, most, scale, minimum); error < least) {
          least = error;
          best = {scale, minimum};
        }
        double q1 = 0, q2 = 0, x1 = 0, xq = 0;
        for (const float x : v) {
          const auto q = static_cast<double>(nearest_whole((x + minimum) / scale, 0, most));
          q1 += q;
          q2 += q * q;
          x1 += static_cast<double>(x);
          xq += static_cast<double>(x) * q;
        }
        const auto n = static_cast<double>(v.size());
        if (n * q2 - q1 * q1 <= 0) break;
        scale = static_cast<float>((n * xq - x1 * q1) / (n * q2 - q1 * q1));
        minimum = static_cast<float>((static_cast<double>(scale) * q1 - x1) / n);
        if (minimum < 0) {
          minimum = 0;
          scale = static_cast<float>(xq / q2);
        }
      }
    }
  }
  return best;
}

// Groups whose scales and minima are whole numbers up to `most_scale` times an f16 each.
double with_whole_scales_and_minima(Values v, size_t group, float most, float most_scale, int inner) {
  std::vector<Affine> groups;
  float scale = 0, minimum = 0;
  for (size_t i = 0; i < v.size(); i += group) {
    groups.push_back(best_affine(v.subspan(i, group), most, inner));
    scale = std::max(scale, groups.back().scale);
    minimum = std::max(minimum, groups.back().minimum);
  }
  double best = std::numeric_limits<double>::max();
  for (int i = -1; i <= 1; ++i) {
    for (int j = -1; j <= 1; ++j) {
      const float step = 0.63f / most_scale;
      const float unit = to_f16(scale / most_scale * (1 + step * static_cast<float>(i)));
      const float unit_of_minimum = to_f16(minimum / most_scale * (1 + step * static_cast<float>(j)));
      double sum = 0;
      for (size_t g = 0; g < groups.size(); ++g) {
        double least = std::numeric_limits<double>::max();
        for (float a = -2; a <= 2; ++a) {
          for (float b = -2; b <= 2; ++b) {
            const float s = unit * nearest_whole(groups[g].scale / unit + a, 0, most_scale);
            const float m =
                minimum > 0
                    ? unit_of_minimum * nearest_whole(groups[g].minimum / unit_of_minimum + b, 0, most_scale)
                    : 0;
            least = std::min(least, affine_error(v.subspan(g * group, group), most, s, m));
          }
        }
        sum += least;
      }
      best = std::min(best, sum);
    }
  }
  return best;
}

double q4_k(Values v) {
  return with_whole_scales_and_minima(v, 32, 15, 63, 8);
}
double q2_k(Values v) {
  return with_whole_scales_and_minima(v, 16, 3, 15, 18);
}

double over_all(const std::vector<float>& w, double (*error)(Values)) {
  double sum = 0;
  for (size_t i = 0; i < w.size(); i += 256) sum += error(Values(w).subspan(i, 256));
  return sum;
}

// Mean squared error as part of the weights' mean square (seed 17):
//
//                q8       Q8_0     q6       Q6_K     q4       Q4_K     IQ4_NL   IQ4_XS
//   normal       1.96e-5  2.32e-5  2.49e-4  2.68e-4  4.10e-3  4.79e-3  5.33e-3  5.40e-3
//   Student t4   3.36e-5  4.55e-5  3.15e-4  4.53e-4  4.60e-3  7.02e-3  8.04e-3  8.18e-3
//   1 % x 8      4.03e-5  6.30e-5  3.73e-4  5.92e-4  4.75e-3  7.64e-3  1.02e-2  1.05e-2
//
//                q4i      q3       Q3_K     q2       Q2_K
//   normal       4.50e-3  1.37e-2  2.04e-2  5.94e-2  6.63e-2
//   Student t4   5.30e-3  1.50e-2  2.92e-2  6.04e-2  8.00e-2
//   1 % x 8      6.02e-3  1.61e-2  3.36e-2  5.61e-2  7.47e-2
//
// Groups of 32 with one f16 scale each: q6 3.9e-4 on normal weights, and q4 with IQ4's levels is IQ4_NL.
TEST(Quantize, ErrorIsNoLargerThanThatOfTypesOfEqualSize) {
  constexpr int64_t kRows = 32, kCols = 2048;
  const struct {
    Scheme scheme;
    double figures[3];  // ours in the table
    const char* type;
    double (*error)(Values);
  } pairs[] = {{Scheme::q8, {1.96e-5, 3.36e-5, 4.03e-5}, "Q8_0", q8_0},
               {Scheme::q6, {2.49e-4, 3.15e-4, 3.73e-4}, "Q6_K", q6_k},
               {Scheme::q4, {4.10e-3, 4.60e-3, 4.75e-3}, "Q4_K", q4_k},
               {Scheme::q4, {4.10e-3, 4.60e-3, 4.75e-3}, "IQ4_NL", iq4_nl},
               {Scheme::q4, {4.10e-3, 4.60e-3, 4.75e-3}, "IQ4_XS", iq4_xs},
               {Scheme::q4i, {4.50e-3, 5.30e-3, 6.02e-3}, "Q4_K", q4_k},
               {Scheme::q3, {1.37e-2, 1.50e-2, 1.61e-2}, "Q3_K", q3_k},
               {Scheme::q2, {5.94e-2, 6.04e-2, 5.61e-2}, "Q2_K", q2_k}};
  for (const Kind kind : kKinds) {
    const std::vector<float> w = weights_of(kind, kRows * kCols, 17);
    double power = 0;
    for (const float x : w) power += static_cast<double>(x) * static_cast<double>(x);
    for (const auto& [scheme, figures, type, error] : pairs) {
      const double ours = squared_error(scheme, w, kRows, kCols) / power;
      const double theirs = over_all(w, error) / power;
      const double figure = figures[static_cast<int>(kind)];
      EXPECT_NEAR(ours, figure, 0.01 * figure) << name_of(scheme) << ", kind " << static_cast<int>(kind);
      EXPECT_LE(ours, theirs) << name_of(scheme) << " against " << type << ", kind "
                              << static_cast<int>(kind);
    }
  }
}

// The bytes of a block in their order, and what packed.h says of each.
std::vector<float> decoded_in_order(Scheme scheme, const uint8_t* panel, int64_t cols) {
  const int64_t blocks = (cols + 63) / 64;
  std::vector<float> out(static_cast<size_t>(16 * blocks * 64));
  std::vector<int> code(out.size());
  const uint8_t* p = panel + 64;
  std::vector<uint8_t> scale(static_cast<size_t>(16 * blocks * 4));
  std::vector<int> block_scale(static_cast<size_t>(16 * blocks));
  for (int64_t b = 0; b < blocks; ++b) {
    const auto at = [&](int64_t row, int64_t col) -> int& {
      return code[static_cast<size_t>(row * blocks * 64 + b * 64 + col)];
    };
    for (int64_t r = 0; scheme == Scheme::q4i && r < 16; ++r, p += 4) {
      block_scale[static_cast<size_t>(r * blocks + b)] = p[0] + 256 * p[1];
      for (int64_t g = 0; g < 4; ++g) {
        scale[static_cast<size_t>(r * blocks * 4 + b * 4 + g)] = p[2 + g / 2] >> 4 * (g % 2) & 15;
      }
    }
    for (int64_t g = 0; scheme != Scheme::q4i && g < 4; ++g) {
      for (int64_t r = 0; r < 16; ++r) scale[static_cast<size_t>(r * blocks * 4 + b * 4 + g)] = *p++;
    }
    if (scheme == Scheme::q3 || scheme == Scheme::q2) {
      // A row's 32 bits, twice behind one another: the bit below the lowest is the highest.
      const auto column = [](int64_t k) { return 4 * (k % 4) + k / 4; };
      for (int64_t g = 0; g < 4; ++g, p += 64) {
        for (int64_t r = 0; r < 16; ++r) {
          uint32_t bits;
          std::memcpy(&bits, p + 4 * r, 4);
          const uint64_t twice = uint64_t{bits} << 32 | bits;
          for (int64_t k = 0; k < 16; ++k) {
            at(r, 16 * g + column(k)) = scheme == Scheme::q2 ? static_cast<int>(twice >> (30 + 2 * k) & 15)
                                                             : static_cast<int>(twice >> (31 + 2 * k) & 7);
          }
        }
      }
      for (int64_t v = 0; scheme == Scheme::q3 && v < 2; ++v) {
        for (int64_t i = 0; i < 64; ++i, ++p) {
          for (int64_t bit = 0; bit < 8; ++bit) at(i / 4, 32 * v + 4 * bit + i % 4) += (*p >> bit & 1) << 3;
        }
      }
      continue;
    }
    for (int64_t half = 0; half < 64; half += 32) {
      for (int64_t v = 0; v < (scheme == Scheme::q8 ? 8 : 4); ++v) {
        for (int64_t i = 0; i < 64; ++i, ++p) {
          if (scheme == Scheme::q8) {
            at(i / 4, half + 4 * v + i % 4) = *p;
          } else {
            at(i / 4, half + 4 * v + i % 4) = *p & 15;
            at(i / 4, half + 4 * (v + 4) + i % 4) = *p >> 4;
          }
        }
      }
      for (int64_t u = 0; scheme == Scheme::q6 && u < 2; ++u) {
        for (int64_t i = 0; i < 64; ++i, ++p) {
          for (int64_t j = 0; j < 4; ++j) at(i / 4, half + 4 * (4 * u + j) + i % 4) += (*p >> 2 * j & 3) << 4;
        }
      }
    }
  }
  EXPECT_EQ(p - panel, panel_bytes(scheme, cols));
  for (int64_t r = 0; r < 16; ++r) {
    float factor;
    std::memcpy(&factor, panel + 4 * r, 4);
    for (int64_t c = 0; c < blocks * 64; ++c) {
      const int k = code[static_cast<size_t>(r * blocks * 64 + c)];
      const uint8_t byte = scale[static_cast<size_t>(r * blocks * 4 + c / 16)];
      const int s = static_cast<int8_t>(byte);
      double unit = s * std::abs(s);
      int value = k - 128;
      if (scheme == Scheme::q4) value = kQ4Values[static_cast<size_t>(k)];
      if (scheme == Scheme::q4i) {  // one step near zero, two beyond; sizes 2 and 4 to 10, then below zero
        const int u = k - 8;
        const int size = byte % 8 == 0 ? 2 : 3 + byte % 8;
        value = (u < -4 ? 2 * u + 4 : u > 5 ? 2 * u - 5 : u) * (byte < 8 ? size : -size);
        unit = block_scale[static_cast<size_t>(r * blocks + c / 64)];
      }
      if (scheme == Scheme::q6) {  // one step up to the knee, two from there
        const int u = std::abs(k - 32);
        value = (k < 32 ? -1 : 1) * (u <= 18 ? u : 18 + 2 * (u - 18));
      }
      if (scheme == Scheme::q3 || scheme == Scheme::q2) {
        const auto& values = scheme == Scheme::q3 ? kQ3Values : kQ2Values;
        const auto& offsets = scheme == Scheme::q3 ? kQ3Offsets : kQ2Offsets;
        value = values[static_cast<size_t>(k)] + offsets[byte / 16 % 8];
        unit = (byte < 128 ? 1 : -1) * (byte % 16) * (byte % 16);
      }
      if (scheme == Scheme::mxfp4 || scheme == Scheme::nvfp4) {
        const int doubled[] = {0, 1, 2, 3, 4, 6, 8, 12};
        value = (k < 8 ? 1 : -1) * doubled[k % 8];
        unit =
            scheme == Scheme::mxfp4 ? std::ldexp(1.0, byte - 127) : static_cast<double>(f8_e4m3_to_f32(byte));
      }
      out[static_cast<size_t>(r * blocks * 64 + c)] = factor * static_cast<float>(unit * value);
    }
  }
  return out;
}

TEST(Quantize, BytesLieAsPackedHTells) {
  for (const Scheme scheme : kSchemes) {
    for (const auto& [rows, cols] :
         {std::pair<int64_t, int64_t>{16, 64}, {16, 300}, {5, 33}, {1, 1}, {37, 129}}) {
      const std::vector<float> w = weights_of(Kind::student_t4, rows * cols, 3);
      const std::vector<std::byte> bytes = quantized(scheme, w, rows, cols);
      const Matrix m = view_of(scheme, bytes, rows, cols);
      EXPECT_EQ(m.bytes(), static_cast<int64_t>(bytes.size()));
      for (int64_t p = 0; p * 16 < rows; ++p) {
        const auto* panel = reinterpret_cast<const uint8_t*>(m.panel(p));
        const std::vector<float> want = decoded_in_order(scheme, panel, cols);
        const int64_t stride = (cols + 63) / 64 * 64;
        const int64_t n = std::min<int64_t>(16, rows - 16 * p);
        std::vector<float> got(static_cast<size_t>(n * cols));
        dequantize_panel(scheme, m.panel(p), n, cols, got.data());
        for (int64_t r = 0; r < 16; ++r) {
          for (int64_t c = 0; c < stride; ++c) {
            const float expected = want[static_cast<size_t>(r * stride + c)];
            if (r >= n) {
              ASSERT_EQ(expected, 0);  // missing rows are nothing
            } else if (c < cols) {
              ASSERT_EQ(m.at(16 * p + r, c), expected) << name_of(scheme) << " " << r << " " << c;
              ASSERT_EQ(got[static_cast<size_t>(r * cols + c)], expected);
              if (p > 0) {
                ASSERT_EQ(m.slice_rows(16 * p, n).at(r, c), expected);
              }
            } else if (c / 16 * 16 >= cols) {
              ASSERT_EQ(expected, 0);  // so are missing groups
            }
          }
        }
      }
    }
  }
}

// No value is further from its weight than half the widest gap between values, at the scale that fits the
// group.
TEST(Quantize, EveryValueIsNear) {
  const int64_t cols = 512;
  const std::vector<float> w = weights_of(Kind::normal, 16 * cols, 5);
  for (const auto& [scheme, part] :
       {std::pair{Scheme::q8, 0.006f}, {Scheme::q6, 0.035f}, {Scheme::q4, 0.2f}, {Scheme::q4i, 0.2f}}) {
    const std::vector<std::byte> bytes = quantized(scheme, w, 16, cols);
    for (int64_t i = 0; i < 16 * cols; i += 16) {
      const float most = part * largest_of(Values(w).subspan(static_cast<size_t>(i), 16));
      for (int64_t c = i; c < i + 16; ++c) {
        ASSERT_NEAR(packed_at(scheme, bytes.data(), cols, c / cols, c % cols), w[static_cast<size_t>(c)],
                    most);
      }
    }
  }
}

// A ring is the best there is with its scale and offset, so no change of one pair, or of one high bit of q3,
// leaves less. A walk that closes wrongly would.
TEST(Quantize, NoPairOfARingIsBetterChanged) {
  const int64_t cols = 64;
  const std::vector<float> w = weights_of(Kind::student_t4, 16 * cols, 8);
  for (const Scheme scheme : {Scheme::q3, Scheme::q2}) {
    std::vector<std::byte> bytes = quantized(scheme, w, 16, cols);
    const auto group_error = [&](int64_t r, int64_t first) {
      double sum = 0;
      for (int64_t c = first; c < first + 16; ++c) {
        const double off = static_cast<double>(packed_at(scheme, bytes.data(), cols, r, c)) -
                           static_cast<double>(w[static_cast<size_t>(r * cols + c)]);
        sum += off * off;
      }
      return sum;
    };
    for (int64_t r = 0; r < 16; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        const double kept = group_error(r, c / 16 * 16);
        for (const CodePlace& place : {low_bits_at(scheme, r, c), high_bits_at(scheme, r, c)}) {
          for (int other = 1; other < 1 << place.width; ++other) {
            std::byte& byte = bytes[static_cast<size_t>(kPanelHeaderBytes + place.at)];
            const std::byte old = byte;
            byte ^= static_cast<std::byte>(other << place.shift);
            EXPECT_GE(group_error(r, c / 16 * 16), kept * (1 - 1e-5)) << name_of(scheme) << r << ' ' << c;
            byte = old;
          }
        }
      }
    }
  }
}

TEST(Quantize, ARowDependsOnItselfAlone) {
  const int64_t cols = 100;
  const std::vector<float> w = weights_of(Kind::outliers, 16 * cols, 6);
  for (const Scheme scheme : kSchemes) {
    const std::vector<std::byte> all = quantized(scheme, w, 16, cols);
    for (int64_t r = 0; r < 16; ++r) {
      const std::vector<float> row(w.begin() + r * cols, w.begin() + (r + 1) * cols);
      const std::vector<std::byte> alone = quantized(scheme, row, 1, cols);
      for (int64_t c = 0; c < cols; ++c) {
        ASSERT_EQ(packed_at(scheme, all.data(), cols, r, c), packed_at(scheme, alone.data(), cols, 0, c));
      }
    }
  }
}

// The searches are compiled for several instruction sets, with 4, 8 or 16 rows side by side. A machine has
// but one of them to test; these figures are from all three, and from before there were three.
TEST(Quantize, TheSameBytesOnEveryMachine) {
  constexpr int64_t kRows = 16, kCols = 200;
  std::vector<float> w, importance;
  uint32_t state = 1;
  const auto dice = [&state] {
    return static_cast<int32_t>((state = state * 1664525 + 1013904223) >> 16) - 32768;
  };
  for (int64_t i = 0; i < kRows * kCols; ++i) {
    const auto x = static_cast<float>(dice());
    w.push_back(x * (dice() % 64 == 0 ? 8.0f : 1.0f));
  }
  for (int64_t c = 0; c < kCols; ++c) importance.push_back(static_cast<float>(dice() + 32769));
  const auto hash = [](const std::vector<std::byte>& bytes) {  // FNV-1a
    uint64_t h = 0xcbf29ce484222325;
    for (const std::byte b : bytes) h = (h ^ static_cast<uint64_t>(b)) * 0x100000001b3;
    return h;
  };
  const struct {
    Scheme scheme;
    uint64_t plain, weighted;
  } known[] = {{Scheme::q8, 0x8f3566095ae02f08, 0xac192994a2de1f34},
               {Scheme::q6, 0xcab4c3047db70d1a, 0x578f1260af4dde79},
               {Scheme::q4, 0xa0c6188015988204, 0x71d01919e40c62f7},
               {Scheme::q4i, 0xffe3fe67ed2e6723, 0x0db8ce6232a8748d},
               {Scheme::q3, 0x8208282f2865f472, 0x9606bee1c3c02bae},
               {Scheme::q2, 0xffaf29d700181512, 0x0c61136b8802f6f6}};
  for (const auto& [scheme, plain, weighted] : known) {
    EXPECT_EQ(hash(quantized(scheme, w, kRows, kCols)), plain) << name_of(scheme);
    EXPECT_EQ(hash(quantized(scheme, w, kRows, kCols, importance.data())), weighted) << name_of(scheme);
  }
}

TEST(Quantize, ScalingByAPowerOfTwoScalesTheResult) {
  const int64_t cols = 64;
  const std::vector<float> w = weights_of(Kind::normal, 16 * cols, 7);
  for (const Scheme scheme : kSchemes) {
    const std::vector<std::byte> plain = quantized(scheme, w, 16, cols);
    for (const float by : {0x1p-60f, 0x1p90f}) {
      std::vector<float> scaled = w;
      for (float& x : scaled) x *= by;
      const std::vector<std::byte> bytes = quantized(scheme, scaled, 16, cols);
      for (int64_t i = 0; i < 16 * cols; ++i) {
        ASSERT_EQ(packed_at(scheme, bytes.data(), cols, i / cols, i % cols),
                  by * packed_at(scheme, plain.data(), cols, i / cols, i % cols));
      }
    }
  }
}

TEST(Quantize, ImportanceMovesTheErrorWhereItCostsLess) {
  const int64_t rows = 16, cols = 1024;
  const std::vector<float> w = weights_of(Kind::student_t4, rows * cols, 8);
  std::vector<float> importance(static_cast<size_t>(cols));
  std::mt19937 dice(9);
  for (float& x : importance) x = std::exp(static_cast<float>(dice() % 1000) * 0.006f);  // 1 to 400
  for (const Scheme scheme : {Scheme::q6, Scheme::q4, Scheme::q4i, Scheme::q3, Scheme::q2}) {
    const double plain = squared_error(scheme, w, rows, cols, nullptr, importance.data());
    const double weighted = squared_error(scheme, w, rows, cols, importance.data(), importance.data());
    EXPECT_LT(weighted, 0.9 * plain) << name_of(scheme);
    EXPECT_GT(squared_error(scheme, w, rows, cols, importance.data()), squared_error(scheme, w, rows, cols));
  }
  // None at all is as good as equal.
  const std::vector<float> none(static_cast<size_t>(cols), 0.0f);
  EXPECT_EQ(quantized(Scheme::q4, w, rows, cols, none.data()), quantized(Scheme::q4, w, rows, cols));
}

TEST(Quantize, ZerosNothingAndWhatIsNoNumber) {
  const int64_t cols = 48;
  for (const Scheme scheme : kSchemes) {
    std::vector<float> w(static_cast<size_t>(4 * cols), 0.0f), plain = w;
    for (int64_t c = 0; c < cols; ++c) {
      w[static_cast<size_t>(cols + c)] = c == 3    ? NAN
                                         : c == 20 ? -INFINITY
                                                   : 0.01f * static_cast<float>(c - 20);
      plain[static_cast<size_t>(cols + c)] = c == 3 ? 0 : 0.01f * static_cast<float>(c - 20);
      w[static_cast<size_t>(2 * cols + c)] = c < 16 ? 1.0f : 0.0f;  // a group of zeros beside others
      w[static_cast<size_t>(3 * cols + c)] = 1e-38f;
    }
    const std::vector<std::byte> bytes = quantized(scheme, w, 4, cols);
    const std::vector<std::byte> zeroed = quantized(scheme, plain, 4, cols);
    for (int64_t c = 0; c < cols; ++c) {
      EXPECT_EQ(packed_at(scheme, bytes.data(), cols, 0, c), 0);
      EXPECT_EQ(packed_at(scheme, bytes.data(), cols, 3, c), 0);
      // What is no number counts as 0, to the bit.
      EXPECT_EQ(packed_at(scheme, bytes.data(), cols, 1, c), packed_at(scheme, zeroed.data(), cols, 1, c));
      EXPECT_NEAR(packed_at(scheme, bytes.data(), cols, 2, c), c < 16 ? 1 : 0, 0.01f);
      if (c >= 16) {
        EXPECT_EQ(packed_at(scheme, bytes.data(), cols, 2, c), 0);
      }
    }
  }
}

TEST(PackedMatrixDeathTest, SlicesAtPanelsOnlyAndHasNoRows) {
  const std::vector<float> w = weights_of(Kind::normal, 40 * 32, 4);
  const std::vector<std::byte> bytes = quantized(Scheme::q4, w, 40, 32);
  const Matrix m = view_of(Scheme::q4, bytes, 40, 32);
  EXPECT_EQ(m.slice_rows(16, 16).bytes(), panel_bytes(Scheme::q4, 32));
  EXPECT_EQ(m.slice_rows(16, 24).rows, 24);
  EXPECT_DEATH(m.slice_rows(8, 16), "internal error");
  EXPECT_DEATH(m.slice_rows(0, 8), "internal error");
  EXPECT_DEATH(m.row(0), "internal error");
}

}  // namespace
}  // namespace jaju
