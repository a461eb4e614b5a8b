#include "formats/gguf_blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>

#include "base/check.h"
#include "tensor/dtype.h"

namespace jaju {
namespace {

// Types we can neither read nor write appear by number only.
constexpr GgufType numbered(uint32_t n) {
  return static_cast<GgufType>(n);
}

// Numbers 4, 5, 31 to 33 and 36 to 38 were withdrawn from the format and stay refused.
constexpr GgufTypeInfo kTypes[] = {
    {GgufType::f32, "F32", 1, 4, true, true},          {GgufType::f16, "F16", 1, 2, true, true},
    {GgufType::q4_0, "Q4_0", 32, 18, true, true},      {GgufType::q4_1, "Q4_1", 32, 20, true, false},
    {GgufType::q5_0, "Q5_0", 32, 22, true, false},     {GgufType::q5_1, "Q5_1", 32, 24, true, false},
    {GgufType::q8_0, "Q8_0", 32, 34, true, true},      {numbered(9), "Q8_1", 32, 36, false, false},
    {GgufType::q2_k, "Q2_K", 256, 84, true, false},    {GgufType::q3_k, "Q3_K", 256, 110, true, false},
    {GgufType::q4_k, "Q4_K", 256, 144, true, false},   {GgufType::q5_k, "Q5_K", 256, 176, true, false},
    {GgufType::q6_k, "Q6_K", 256, 210, true, false},   {numbered(15), "Q8_K", 256, 292, false, false},
    {numbered(16), "IQ2_XXS", 256, 66, false, false},  {numbered(17), "IQ2_XS", 256, 74, false, false},
    {numbered(18), "IQ3_XXS", 256, 98, false, false},  {numbered(19), "IQ1_S", 256, 50, false, false},
    {GgufType::iq4_nl, "IQ4_NL", 32, 18, true, false}, {numbered(21), "IQ3_S", 256, 110, false, false},
    {numbered(22), "IQ2_S", 256, 82, false, false},    {GgufType::iq4_xs, "IQ4_XS", 256, 136, true, false},
    {numbered(24), "I8", 1, 1, false, false},          {numbered(25), "I16", 1, 2, false, false},
    {numbered(26), "I32", 1, 4, false, false},         {numbered(27), "I64", 1, 8, false, false},
    {numbered(28), "F64", 1, 8, false, false},         {numbered(29), "IQ1_M", 256, 56, false, false},
    {GgufType::bf16, "BF16", 1, 2, true, true},        {numbered(34), "TQ1_0", 256, 54, false, false},
    {numbered(35), "TQ2_0", 256, 66, false, false},    {GgufType::mxfp4, "MXFP4", 32, 17, true, false},
    {numbered(40), "NVFP4", 64, 36, false, false},
};

constexpr int kSuper = 256;  // values of a K block, and of IQ4_XS

// The sixteen levels of the IQ4 types, and E2M1 (OCP Microscaling 1.0) times two.
constexpr std::array<int8_t, 16> kIq4Levels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};
constexpr std::array<int8_t, 16> kE2m1Doubled = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

float f16_at(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return f16_to_f32(bits);
}

// Round to nearest, ties to even; NaN stays NaN, too large becomes infinity.
uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and above
  if (magnitude < 0x38800000u) {
    // Subnormal: counts of 2^-24. Adding 0.5 aligns them with a float's last bits, rounded by the adder.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(aligned) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return static_cast<uint16_t>(sign | (rounded - 0x38000000u) >> 13);
}

// Two values per byte: the low nibbles are the first half of the block, the high ones the second.
uint8_t nibble(const uint8_t* bytes, int half, int i) {
  return i < half ? bytes[i] & 0xf : bytes[i - half] >> 4;
}

void read_q8_0(const uint8_t* b, float* out) {
  const float scale = f16_at(b);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(b[2 + i])) * scale;
}

void read_q4_0(const uint8_t* b, float* out) {
  const float scale = f16_at(b);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(nibble(b + 2, 16, i) - 8) * scale;
}

// Scale and minimum, then nibbles.
void read_q4_1(const uint8_t* b, float* out) {
  const float scale = f16_at(b);
  const float minimum = f16_at(b + 2);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(nibble(b + 4, 16, i)) * scale + minimum;
}

// The fifth bits of Q5_0 and Q5_1: bit i of 32, before the nibbles.
int fifth_bit(const uint8_t* bits, int i) {
  return bits[i / 8] >> (i % 8) & 1;
}

void read_q5_0(const uint8_t* b, float* out) {
  const float scale = f16_at(b);
  for (int i = 0; i < 32; ++i) {
    out[i] = static_cast<float>((nibble(b + 6, 16, i) | fifth_bit(b + 2, i) << 4) - 16) * scale;
  }
}

void read_q5_1(const uint8_t* b, float* out) {
  const float scale = f16_at(b);
  const float minimum = f16_at(b + 2);
  for (int i = 0; i < 32; ++i) {
    out[i] = static_cast<float>(nibble(b + 8, 16, i) | fifth_bit(b + 4, i) << 4) * scale + minimum;
  }
}

void read_iq4_nl(const uint8_t* b, float* out) {
  const float scale = f16_at(b);
  for (int i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(kIq4Levels[nibble(b + 2, 16, i)]);
}

// The scale is a power of two, 2^(e - 127), halved here because the levels are doubled.
void read_mxfp4(const uint8_t* b, float* out) {
  const float scale = std::ldexp(1.0f, static_cast<int>(b[0]) - 128);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(kE2m1Doubled[nibble(b + 1, 16, i)]) * scale;
}

// In the K types below a super-block of 256 has 16 or 8 sub-blocks; `v` is a value's place in it. Bit planes
// of 2 bits hold 128 values in 32 bytes: value v uses byte v % 32 of its half, bits 2 * (v / 32 % 4).

// 84 bytes: 16 scales with minima (4 bits each), 64 of 2-bit values, scale and minimum of the whole.
void read_q2_k(const uint8_t* b, float* out) {
  const float scale = f16_at(b + 80);
  const float minimum = f16_at(b + 82);
  for (int v = 0; v < kSuper; ++v) {
    const uint8_t both = b[v / 16];
    const int q = b[16 + 32 * (v / 128) + v % 32] >> 2 * (v / 32 % 4) & 3;
    out[v] = scale * static_cast<float>(both & 0xf) * static_cast<float>(q) -
             minimum * static_cast<float>(both >> 4);
  }
}

// 110 bytes: 32 of high bits (bit v / 32 of byte v % 32), 64 of low pairs, 12 of 6-bit scales, the scale.
void read_q3_k(const uint8_t* b, float* out) {
  const uint8_t* packed = b + 96;
  std::array<float, 16> scales;
  for (int s = 0; s < 16; ++s) {
    const int low = s < 8 ? packed[s] & 0xf : packed[s - 8] >> 4;
    const int high = packed[8 + s % 4] >> 2 * (s / 4) & 3;
    scales[static_cast<size_t>(s)] = f16_at(b + 108) * static_cast<float>((low | high << 4) - 32);
  }
  for (int v = 0; v < kSuper; ++v) {
    const int low = b[32 + 32 * (v / 128) + v % 32] >> 2 * (v / 32 % 4) & 3;
    const int high = b[v % 32] >> (v / 32) & 1;
    out[v] = scales[static_cast<size_t>(v / 16)] * static_cast<float>(low + 4 * high - 4);
  }
}

// Scale and minimum of each 32 values of Q4_K and Q5_K: 8 of each, 6 bits, in 12 bytes. The last four keep
// their two high bits above the first eight's.
struct ScaleMin {
  std::array<float, 8> scale;
  std::array<float, 8> minimum;
  explicit ScaleMin(const uint8_t* b) {
    const uint8_t* packed = b + 4;
    for (int s = 0; s < 8; ++s) {
      const int sc = s < 4 ? packed[s] & 63 : (packed[s + 4] & 0xf) | packed[s - 4] >> 6 << 4;
      const int mn = s < 4 ? packed[s + 4] & 63 : packed[s + 4] >> 4 | packed[s] >> 6 << 4;
      scale[static_cast<size_t>(s)] = f16_at(b) * static_cast<float>(sc);
      minimum[static_cast<size_t>(s)] = f16_at(b + 2) * static_cast<float>(mn);
    }
  }
};

// 144 bytes: scale, minimum, 12 of theirs, 128 of nibbles (each 32 bytes hold 64 values, low nibbles first).
void read_q4_k(const uint8_t* b, float* out) {
  const ScaleMin sub(b);
  for (int v = 0; v < kSuper; ++v) {
    const auto s = static_cast<size_t>(v / 32);
    const int q = b[16 + 32 * (v / 64) + v % 32] >> 4 * (v / 32 % 2) & 0xf;
    out[v] = sub.scale[s] * static_cast<float>(q) - sub.minimum[s];
  }
}

// 176 bytes: as Q4_K with 32 bytes of fifth bits (bit v / 32 of byte v % 32) before the nibbles.
void read_q5_k(const uint8_t* b, float* out) {
  const ScaleMin sub(b);
  for (int v = 0; v < kSuper; ++v) {
    const auto s = static_cast<size_t>(v / 32);
    const int low = b[48 + 32 * (v / 64) + v % 32] >> 4 * (v / 32 % 2) & 0xf;
    const int high = b[16 + v % 32] >> (v / 32) & 1;
    out[v] = sub.scale[s] * static_cast<float>(low + 16 * high) - sub.minimum[s];
  }
}

// 210 bytes: 128 of nibbles (64 bytes per half; the first 64 of its values in the low ones), 64 of high
// pairs, 16 scales of 8 bits, the scale.
void read_q6_k(const uint8_t* b, float* out) {
  const float scale = f16_at(b + 208);
  for (int v = 0; v < kSuper; ++v) {
    const int half = v / 128;
    const int quarter = v / 32 % 4;
    const int low = b[64 * half + v % 64] >> 4 * (quarter / 2) & 0xf;
    const int high = b[128 + 32 * half + v % 32] >> 2 * quarter & 3;
    const auto sub = static_cast<int8_t>(b[192 + v / 16]);
    out[v] = scale * static_cast<float>(sub) * static_cast<float>((low | high << 4) - 32);
  }
}

// 136 bytes: scale, high pairs of the 8 scales (16 bits), their low nibbles (4 bytes), 8 runs of 16 bytes
// like IQ4_NL.
void read_iq4_xs(const uint8_t* b, float* out) {
  uint16_t high;
  std::memcpy(&high, b + 2, 2);
  for (int s = 0; s < 8; ++s) {
    const int low = b[4 + s / 2] >> 4 * (s % 2) & 0xf;
    const float scale = f16_at(b) * static_cast<float>((low | (high >> 2 * s & 3) << 4) - 32);
    for (int i = 0; i < 32; ++i) {
      out[32 * s + i] = scale * static_cast<float>(kIq4Levels[nibble(b + 8 + 16 * s, 16, i)]);
    }
  }
}

template <typename ReadBlock>
void each_block(const GgufTypeInfo& info, const void* blocks, int64_t n, float* out, ReadBlock read) {
  const auto* b = static_cast<const uint8_t*>(blocks);
  for (int64_t i = 0; i < n; i += info.block, b += info.bytes) read(b, out + i);
}

void write_q8_0(const float* values, uint8_t* b) {
  float largest = 0.0f;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(values[i]));
  const float scale = largest / 127.0f;
  const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
  const uint16_t stored = f32_to_f16(scale);
  std::memcpy(b, &stored, 2);
  for (int i = 0; i < 32; ++i) {
    b[2 + i] = static_cast<uint8_t>(
        static_cast<int8_t>(std::clamp(std::round(values[i] * inverse), -127.0f, 127.0f)));
  }
}

// The value of largest magnitude takes level 0, which stands for -8 scales: its sign picks the scale's.
void write_q4_0(const float* values, uint8_t* b) {
  float extreme = 0.0f;
  for (int i = 0; i < 32; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  const float scale = extreme / -8.0f;
  const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
  const uint16_t stored = f32_to_f16(scale);
  std::memcpy(b, &stored, 2);
  const auto level = [&](int i) {
    return static_cast<uint8_t>(std::clamp(values[i] * inverse + 8.5f, 0.0f, 15.0f));
  };
  for (int i = 0; i < 16; ++i) b[2 + i] = static_cast<uint8_t>(level(i) | level(i + 16) << 4);
}

}  // namespace

const GgufTypeInfo* gguf_type_info(uint32_t number) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const GgufTypeInfo& t) { return t.type == numbered(number); });
  return found == std::end(kTypes) ? nullptr : found;
}

const GgufTypeInfo& gguf_type_info(GgufType type) {
  const GgufTypeInfo* info = gguf_type_info(static_cast<uint32_t>(type));
  JAJU_CHECK(info != nullptr);
  return *info;
}

std::span<const GgufTypeInfo> gguf_types() {
  return kTypes;
}

int64_t gguf_bytes(GgufType type, int64_t n) {
  const GgufTypeInfo& info = gguf_type_info(type);
  JAJU_CHECK(n >= 0 && n % info.block == 0);
  return n / info.block * info.bytes;
}

void gguf_dequantise(GgufType type, const void* blocks, int64_t n, float* out) {
  const GgufTypeInfo& info = gguf_type_info(type);
  JAJU_CHECK(info.readable && n >= 0 && n % info.block == 0);
  switch (type) {
    case GgufType::f32:
      std::memcpy(out, blocks, static_cast<size_t>(4 * n));
      return;
    case GgufType::f16:
      for (int64_t i = 0; i < n; ++i) out[i] = load_as_f32(blocks, DType::f16, i);
      return;
    case GgufType::bf16:
      for (int64_t i = 0; i < n; ++i) out[i] = load_as_f32(blocks, DType::bf16, i);
      return;
    case GgufType::q4_0:
      return each_block(info, blocks, n, out, read_q4_0);
    case GgufType::q4_1:
      return each_block(info, blocks, n, out, read_q4_1);
    case GgufType::q5_0:
      return each_block(info, blocks, n, out, read_q5_0);
    case GgufType::q5_1:
      return each_block(info, blocks, n, out, read_q5_1);
    case GgufType::q8_0:
      return each_block(info, blocks, n, out, read_q8_0);
    case GgufType::q2_k:
      return each_block(info, blocks, n, out, read_q2_k);
    case GgufType::q3_k:
      return each_block(info, blocks, n, out, read_q3_k);
    case GgufType::q4_k:
      return each_block(info, blocks, n, out, read_q4_k);
    case GgufType::q5_k:
      return each_block(info, blocks, n, out, read_q5_k);
    case GgufType::q6_k:
      return each_block(info, blocks, n, out, read_q6_k);
    case GgufType::iq4_nl:
      return each_block(info, blocks, n, out, read_iq4_nl);
    case GgufType::iq4_xs:
      return each_block(info, blocks, n, out, read_iq4_xs);
    case GgufType::mxfp4:
      return each_block(info, blocks, n, out, read_mxfp4);
  }
}

void gguf_quantise(GgufType type, const float* values, int64_t n, void* out) {
  const GgufTypeInfo& info = gguf_type_info(type);
  JAJU_CHECK(info.writable && n >= 0 && n % info.block == 0);
  auto* b = static_cast<uint8_t*>(out);
  if (type == GgufType::f32) {
    std::memcpy(out, values, static_cast<size_t>(4 * n));
    return;
  }
  for (int64_t i = 0; i < n; i += info.block, b += info.bytes) {
    if (type == GgufType::q8_0) {
      write_q8_0(values + i, b);
    } else if (type == GgufType::q4_0) {
      write_q4_0(values + i, b);
    } else {
      const uint16_t half = type == GgufType::f16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
      std::memcpy(b, &half, 2);
    }
  }
}

bool gguf_fits(GgufType type, const float* values, int64_t n) {
  constexpr float kLargestF16 = 65504.0f;
  float limit = std::numeric_limits<float>::max();
  if (type == GgufType::f16) limit = kLargestF16;
  if (type == GgufType::q8_0) limit = kLargestF16 * 127.0f;
  if (type == GgufType::q4_0) limit = kLargestF16 * 8.0f;
  return std::all_of(values, values + n, [&](float v) { return std::fabs(v) <= limit; });  // false for NaN
}

}  // namespace jaju
