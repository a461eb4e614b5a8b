// What tests of backends share: random matrices, and a backend by name.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/ops.h"

namespace jaju {

inline constexpr float kEps = 0x1p-24f;

inline std::vector<float> random_values(size_t n, uint32_t seed, float scale = 1.0f) {
  std::mt19937 dice(seed);
  std::vector<float> out(n);
  for (float& x : out) x = scale * (static_cast<float>(dice() >> 8) * 0x1p-23f - 1.0f);
  return out;
}

// A matrix of any weight type with its bytes and scales.
struct OwnedMatrix {
  std::vector<uint8_t> bytes;
  std::vector<float> scales;
  Matrix view;
};

inline OwnedMatrix random_matrix(DType type, int64_t rows, int64_t cols, uint32_t seed) {
  OwnedMatrix m;
  m.view.dtype = type;
  m.view.rows = rows;
  m.view.cols = cols;
  const std::vector<float> values = random_values(static_cast<size_t>(rows * cols), seed);
  std::mt19937 dice(seed);
  m.bytes.resize(static_cast<size_t>(rows * cols * size_of(type)));
  for (size_t i = 0; i < values.size(); ++i) {
    if (type == DType::f32) std::memcpy(m.bytes.data() + 4 * i, &values[i], 4);
    if (type == DType::bf16) {
      const uint16_t bits = f32_to_bf16(values[i]);
      std::memcpy(m.bytes.data() + 2 * i, &bits, 2);
    }
    if (type == DType::f16) {  // any finite pattern: exponent field below 31
      const auto bits = static_cast<uint16_t>((dice() & 0x83ffu) | (dice() % 20u) << 10);
      std::memcpy(m.bytes.data() + 2 * i, &bits, 2);
    }
    if (type == DType::f8_e4m3) {
      const auto bits = static_cast<uint8_t>(dice());
      m.bytes[i] = (bits & 0x7f) == 0x7f ? 0x20 : bits;
    }
  }
  if (type == DType::f8_e4m3) {
    m.scales =
        random_values(static_cast<size_t>(((rows + 127) / 128) * ((cols + 127) / 128)), seed + 1, 0.01f);
    m.view.block_scales = m.scales.data();
  }
  m.view.data = m.bytes.data();
  return m;
}

// A row as int8 times a scale for each 256 columns.
inline std::vector<double> rounded_to_int8(const float* x, int64_t cols) {
  std::vector<double> out(static_cast<size_t>(cols));
  for (int64_t first = 0; first < cols; first += 256) {
    const int64_t last = std::min(cols, first + 256);
    float largest = 0;
    for (int64_t c = first; c < last; ++c) largest = std::max(largest, std::abs(x[c]));
    for (int64_t c = first; largest > 0 && c < last; ++c) {
      const float code = std::nearbyint(x[c] * (127.0f / largest));
      out[static_cast<size_t>(c)] = static_cast<double>(code) * static_cast<double>(largest / 127.0f);
    }
  }
  return out;
}

class Backend : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const Ops* found = backend(GetParam());
    if (found == nullptr) GTEST_SKIP() << "this CPU cannot run " << GetParam();
    ops = found;
  }
  Context context_for(ThreadTeam& threads, const Ops& table, Precision precision = Precision::f32) {
    Context context(threads, table, precision);
    reserve_scratch(context, {.max_rows = 256,
                              .max_input = 256 * staggered_stride(2048, 4),
                              .max_groups = 4,
                              .n_heads = 16,
                              .nope = 64,
                              .rope = 32,
                              .v = 64,
                              .latent = 256});
    return context;
  }
  virtual const Ops* backend(const std::string& name) const { return find_ops(name); }
  const Ops* ops = nullptr;
  ThreadTeam team{2};
};

}  // namespace jaju
