// The header of a safetensors file, parsed and checked before a single tensor byte is looked at.
//
// Layout (https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian N, N bytes of JSON
// {"name": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}, ..., "__metadata__": {"k": "v"}},
// then the data. Offsets count from the first data byte and must tile the data: no overlap, no hole, nothing
// behind the last tensor. Every number is compared with the real file size; sums and products are checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/dtype.h"

namespace jaju {

inline constexpr int64_t kMaxSafetensorsHeader = 100'000'000;  // bytes, the reference implementation's limit
inline constexpr int kMaxTensorDims = 8;

struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;  // empty: a scalar
  int64_t elements = 0;
  int64_t begin = 0;  // first byte, counted from the start of the file
  int64_t bytes = 0;
};

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // in file order
  std::map<std::string, std::string> metadata;
};

// `file` is the whole file (mapped); `what` names it in messages. Errors: one sentence naming file and
// tensor.
Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> file, const std::string& what);

// Number of elements of `shape`; nothing when a dimension is negative or the product leaves 63 bits.
std::optional<int64_t> element_count(std::span<const int64_t> shape);

// "(192, 4096)".
std::string shape_text(std::span<const int64_t> shape);

}  // namespace jaju
