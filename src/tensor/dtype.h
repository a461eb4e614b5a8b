// Element types of tensors on disk and in memory, and exact scalar conversions between them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace jaju {

enum class DType : uint8_t { f32, f16, bf16, f8_e4m3, f64, i64, i32, i16, i8, u8, boolean };

constexpr int64_t size_of(DType t) {
  switch (t) {
    case DType::f64:
    case DType::i64: return 8;
    case DType::f32:
    case DType::i32: return 4;
    case DType::f16:
    case DType::bf16:
    case DType::i16: return 2;
    case DType::f8_e4m3:
    case DType::i8:
    case DType::u8:
    case DType::boolean: return 1;
  }
  return 0;
}

// The spelling safetensors uses: "F32", "BF16", "F8_E4M3", ...
constexpr std::string_view name_of(DType t) {
  switch (t) {
    case DType::f32: return "F32";
    case DType::f16: return "F16";
    case DType::bf16: return "BF16";
    case DType::f8_e4m3: return "F8_E4M3";
    case DType::f64: return "F64";
    case DType::i64: return "I64";
    case DType::i32: return "I32";
    case DType::i16: return "I16";
    case DType::i8: return "I8";
    case DType::u8: return "U8";
    case DType::boolean: return "BOOL";
  }
  return "?";
}

constexpr std::optional<DType> dtype_from_name(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i) {
    if (name_of(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

// True for the types a weight matrix may have.
constexpr bool is_weight_type(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::bf16 || t == DType::f8_e4m3;
}

inline float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

// Round to nearest, ties to even; NaN stays NaN.
inline uint16_t f32_to_bf16(float value) {
  const uint32_t u = std::bit_cast<uint32_t>(value);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((u >> 16) | 0x40u);
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

inline float f16_to_f32(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1fu;
  const uint32_t mantissa = h & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  const float subnormal = static_cast<float>(mantissa) * 0x1p-24f;
  return sign != 0 ? -subnormal : subnormal;
}

// FP8 E4M3 (the "FN" kind): bias 7, no infinities, 0x7f and 0xff are NaN, largest 448.
inline float f8_e4m3_to_f32(uint8_t bits) {
  const uint32_t magnitude = bits & 0x7fu;
  if (magnitude == 0x7fu) return std::numeric_limits<float>::quiet_NaN();
  const uint32_t exponent = magnitude >> 3;
  const uint32_t mantissa = magnitude & 7u;
  const float value = exponent == 0 ? static_cast<float>(mantissa) * 0x1p-9f
                                    : std::bit_cast<float>(((exponent + 120u) << 23) | (mantissa << 20));
  return (bits & 0x80u) != 0 ? -value : value;
}

// Element i of an array of weight type t.
inline float load_as_f32(const void* data, DType t, int64_t i) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  if (t == DType::f8_e4m3) return f8_e4m3_to_f32(bytes[i]);
  if (t == DType::f32) {
    float value;
    std::memcpy(&value, bytes + 4 * i, 4);
    return value;
  }
  uint16_t half;
  std::memcpy(&half, bytes + 2 * i, 2);
  return t == DType::f16 ? f16_to_f32(half) : bf16_to_f32(half);
}

}  // namespace jaju
