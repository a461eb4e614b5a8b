// How one position of one layer lies in the latent cache: [kv latent | rotated rope key] in f32, bf16 or 8
// bits. Whoever needs the bytes of a row, a block or a page asks here.
//
// q8: a signed byte a value, in groups of 32 values that share one bf16 scale.
//
//   codes   latent, then rope key, each filled up to whole groups with zeros
//   scales  one for each group
//   zeros   up to a multiple of 32 bytes, so that no group of any row straddles a cache line
//
// A.X K1 (512 + 64 values): 640 bytes against 1,152 in bf16. Groups of 64 would take 608 and err more: by a
// twelfth on normal values, by a quarter where a row has two outliers (cache_row_test.cc). The rope key has
// groups of its own: it is not normed, the latent is. Scales are bf16 because they then have the range of f32
// and a code times a scale is exact in f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tensor/dtype.h"

namespace jaju {

enum class CacheType : uint8_t { f32, bf16, q8 };  // the numbers stand in files (cache_file_format.h)

constexpr std::string_view name_of(CacheType t) {
  return t == CacheType::f32 ? "f32" : t == CacheType::bf16 ? "bf16" : "q8";
}

struct CacheRow {
  static constexpr int64_t kGroup = 32;

  CacheType type = CacheType::f32;
  int64_t latent = 0;
  int64_t rope = 0;

  constexpr int64_t width() const { return latent + rope; }
  constexpr int64_t bytes() const {
    if (type == CacheType::f32) return width() * size_of(DType::f32);
    if (type == CacheType::bf16) return width() * size_of(DType::bf16);
    return whole_groups(code_bytes() + groups() * size_of(DType::bf16));
  }

  // Of q8 only.
  constexpr int64_t rope_codes_at() const { return whole_groups(latent); }
  constexpr int64_t code_bytes() const { return rope_codes_at() + whole_groups(rope); }
  constexpr int64_t groups() const { return code_bytes() / kGroup; }
  const int8_t* codes(const std::byte* row) const { return reinterpret_cast<const int8_t*>(row); }
  const uint16_t* scales(const std::byte* row) const {
    return reinterpret_cast<const uint16_t*>(row + code_bytes());
  }

  // Writes width() values as a row. q8: no value moves by more than half its group's scale, which is at most
  // the largest of the group / 127 * (1 + 2^-7). A group with a value that is not finite becomes NaN.
  void store(const float* values, std::byte* row) const;
  // Value k of a row.
  float load(const std::byte* row, int64_t k) const;

  bool operator==(const CacheRow&) const = default;

 private:
  static constexpr int64_t whole_groups(int64_t n) { return (n + kGroup - 1) / kGroup * kGroup; }
};

}  // namespace jaju
