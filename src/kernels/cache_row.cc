#include "kernels/cache_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace jaju {
namespace {

// The smallest bf16 that is at least x, x >= 0: codes then never leave -127 to 127.
uint16_t round_up_to_bf16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return static_cast<uint16_t>((bits + 0xffffu) >> 16);
}

// n values, at most a group, as codes; returns the scale.
uint16_t store_group(const float* values, int64_t n, int8_t* codes) {
  constexpr float kLargestCode = 127.0f;
  float largest = 0;
  bool finite = true;
  for (int64_t k = 0; k < n; ++k) {
    const float size = std::abs(values[k]);
    finite = finite && size <= std::numeric_limits<float>::max();
    largest = std::max(largest, size);
  }
  std::memset(codes, 0, CacheRow::kGroup);
  if (!finite) return f32_to_bf16(std::numeric_limits<float>::quiet_NaN());
  const uint16_t scale = round_up_to_bf16(largest / kLargestCode);
  // Subnormal scales would have no reciprocal; what they would hold is far below anything a sum notices.
  if (bf16_to_f32(scale) < std::numeric_limits<float>::min()) return 0;
  const float factor = 1.0f / bf16_to_f32(scale);
  // Rounds to the nearest whole number, ties to even, without a call.
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23
  for (int64_t k = 0; k < n; ++k) {
    const float rounded = values[k] * factor + kRounder;
    codes[k] = static_cast<int8_t>(std::bit_cast<int32_t>(rounded) - std::bit_cast<int32_t>(kRounder));
  }
  return scale;
}

}  // namespace

void CacheRow::store(const float* values, std::byte* row) const {
  if (type == CacheType::f32) {
    std::memcpy(row, values, static_cast<size_t>(bytes()));
    return;
  }
  if (type == CacheType::bf16) {
    auto* const to = reinterpret_cast<uint16_t*>(row);
    for (int64_t k = 0; k < width(); ++k) to[k] = f32_to_bf16(values[k]);
    return;
  }
  auto* const to = reinterpret_cast<int8_t*>(row);
  auto* scale = reinterpret_cast<uint16_t*>(row + code_bytes());
  for (int64_t k = 0; k < latent; k += kGroup) {
    *scale++ = store_group(values + k, std::min(kGroup, latent - k), to + k);
  }
  for (int64_t k = 0; k < rope; k += kGroup) {
    *scale++ = store_group(values + latent + k, std::min(kGroup, rope - k), to + rope_codes_at() + k);
  }
  auto* const end = reinterpret_cast<std::byte*>(scale);
  std::memset(end, 0, static_cast<size_t>(row + bytes() - end));
}

float CacheRow::load(const std::byte* row, int64_t k) const {
  if (type == CacheType::f32) return load_as_f32(row, DType::f32, k);
  if (type == CacheType::bf16) return load_as_f32(row, DType::bf16, k);
  const int64_t at = k < latent ? k : rope_codes_at() + (k - latent);
  return static_cast<float>(codes(row)[at]) * bf16_to_f32(scales(row)[at / kGroup]);
}

}  // namespace jaju
