#include "formats/safetensors_header.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace jaju {
namespace {

constexpr size_t kHeaderDepth = 8;  // the format needs three levels

// Where one header entry is read from, for messages.
struct Place {
  const std::string& file;
  std::string_view tensor;

  Status fail(std::string_view problem) const {
    return error("{}: tensor '{}' {}", file, printable(tensor), problem);
  }
};

Status read_shape(const simdjson::dom::element& value, const Place& place, TensorInfo& tensor) {
  simdjson::dom::array dims;
  if (value.get(dims) != simdjson::SUCCESS) return place.fail("has a 'shape' that is not a list");
  if (dims.size() > kMaxTensorDims) {
    return place.fail(fmt::format("has {} dimensions, more than {}", dims.size(), kMaxTensorDims));
  }
  for (const simdjson::dom::element dim : dims) {
    int64_t n = 0;
    if (dim.get(n) != simdjson::SUCCESS || n < 0) {
      return place.fail("has a 'shape' with something that is not a non-negative 64-bit integer");
    }
    tensor.shape.push_back(n);
  }
  const std::optional<int64_t> elements = element_count(tensor.shape);
  if (!elements) return place.fail(fmt::format("has the impossible shape {}", shape_text(tensor.shape)));
  tensor.elements = *elements;
  return {};
}

// `data_begin` and `data_bytes` describe the data section of the real file.
Status read_offsets(const simdjson::dom::element& value, const Place& place, int64_t data_begin,
                    int64_t data_bytes, TensorInfo& tensor) {
  simdjson::dom::array pair;
  int64_t begin = 0;
  int64_t end = 0;
  if (value.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
      pair.at(0).get(begin) != simdjson::SUCCESS || pair.at(1).get(end) != simdjson::SUCCESS || begin < 0 ||
      end < begin) {
    return place.fail("has 'data_offsets' that are not [begin, end] with 0 <= begin <= end");
  }
  if (end > data_bytes) {
    return place.fail(fmt::format(
        "ends at data byte {} but the file holds only {}: it is truncated, copy or download it again", end,
        data_bytes));
  }
  tensor.begin = data_begin + begin;
  tensor.bytes = end - begin;
  return {};
}

Status read_tensor(const simdjson::dom::element& value, const Place& place, int64_t data_begin,
                   int64_t data_bytes, TensorInfo& tensor) {
  tensor.name = std::string(place.tensor);
  simdjson::dom::object entry;
  if (value.get(entry) != simdjson::SUCCESS) return place.fail("has a header entry that is not an object");
  int seen_dtype = 0;
  int seen_shape = 0;
  int seen_offsets = 0;
  for (const auto [key, field] : entry) {
    if (key == "dtype") {
      ++seen_dtype;
      std::string_view name;
      if (field.get(name) != simdjson::SUCCESS) return place.fail("has a 'dtype' that is not a string");
      const std::optional<DType> dtype = dtype_from_name(name);
      if (!dtype) return place.fail(fmt::format("has dtype '{}', which jaju cannot read", printable(name)));
      tensor.dtype = *dtype;
    } else if (key == "shape") {
      if (++seen_shape == 1) JAJU_RETURN_IF_ERROR(read_shape(field, place, tensor));
    } else if (key == "data_offsets") {
      ++seen_offsets;
      JAJU_RETURN_IF_ERROR(read_offsets(field, place, data_begin, data_bytes, tensor));
    }
  }
  if (seen_dtype != 1 || seen_shape != 1 || seen_offsets != 1) {
    return place.fail("must have exactly one each of 'dtype', 'shape' and 'data_offsets' in the header");
  }
  int64_t expected = 0;
  if (__builtin_mul_overflow(tensor.elements, size_of(tensor.dtype), &expected) || expected != tensor.bytes) {
    return place.fail(fmt::format("is {} {} but its data_offsets cover {} bytes", name_of(tensor.dtype),
                                  shape_text(tensor.shape), tensor.bytes));
  }
  return {};
}

Status read_metadata(const simdjson::dom::element& value, const std::string& what,
                     std::map<std::string, std::string>& metadata) {
  simdjson::dom::object entries;
  if (value.get(entries) != simdjson::SUCCESS) return error("{}: '__metadata__' is not an object", what);
  for (const auto [key, field] : entries) {
    std::string_view text;
    if (field.get(text) != simdjson::SUCCESS) {
      return error("{}: '__metadata__' field '{}' is not a string", what, printable(key));
    }
    if (!metadata.emplace(std::string(key), std::string(text)).second) {
      return error("{}: '__metadata__' has '{}' twice", what, printable(key));
    }
  }
  return {};
}

Status check_names(const std::vector<TensorInfo>& tensors, const std::string& what) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const TensorInfo& t : tensors) names.push_back(t.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    return error("{}: tensor '{}' appears twice in the header", what, printable(*twice));
  return {};
}

// Tensors sorted by place must cover [data_begin, file_bytes) exactly.
Status check_tiling(const std::vector<TensorInfo>& tensors, int64_t data_begin, int64_t file_bytes,
                    const std::string& what) {
  int64_t covered = data_begin;
  for (const TensorInfo& t : tensors) {
    if (t.begin < covered) {
      return error("{}: tensor '{}' overlaps the tensor before it", what, printable(t.name));
    }
    if (t.begin > covered) {
      return error("{}: {} bytes before tensor '{}' belong to no tensor", what, t.begin - covered,
                   printable(t.name));
    }
    covered = t.begin + t.bytes;
  }
  if (covered != file_bytes) {
    return error("{}: {} bytes after the last tensor{} belong to no tensor", what, file_bytes - covered,
                 tensors.empty() ? std::string() : fmt::format(" '{}'", printable(tensors.back().name)));
  }
  return {};
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> file, const std::string& what) {
  const auto file_bytes = static_cast<int64_t>(file.size());
  if (file_bytes < 8) return error("{} is too short for a safetensors file ({} bytes)", what, file_bytes);
  uint64_t header_bytes = 0;
  for (int i = 7; i >= 0; --i)
    header_bytes = header_bytes << 8 | static_cast<uint64_t>(file[static_cast<size_t>(i)]);
  if (header_bytes > static_cast<uint64_t>(kMaxSafetensorsHeader)) {
    return error("{} is not a safetensors file: its header would be {} bytes long, the limit is {}", what,
                 header_bytes, kMaxSafetensorsHeader);
  }
  if (header_bytes > static_cast<uint64_t>(file_bytes - 8)) {
    return error("{} is truncated: its header needs {} bytes, {} are there", what, header_bytes,
                 file_bytes - 8);
  }
  const int64_t data_begin = 8 + static_cast<int64_t>(header_bytes);
  // A private copy: the file may change under a mapping, and simdjson wants padding.
  const simdjson::padded_string text(reinterpret_cast<const char*>(file.data()) + 8, header_bytes);
  if (text.size() != header_bytes) return error("{}: no memory for a header of {} bytes", what, header_bytes);
  if (header_bytes < 2 || text.data()[0] != '{') {
    return error("{} is not a safetensors file: its header does not start with '{{'", what);
  }
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (parser.allocate(header_bytes, kHeaderDepth) != simdjson::SUCCESS) {
    return error("{}: no memory for a header of {} bytes", what, header_bytes);
  }
  if (const auto code = parser.parse(text).get(root); code != simdjson::SUCCESS) {
    return error("{}: the header is not a valid JSON object ({})", what, simdjson::error_message(code));
  }

  SafetensorsHeader header;
  bool seen_metadata = false;
  for (const auto [name, value] : root) {
    if (name == "__metadata__") {
      if (std::exchange(seen_metadata, true)) return error("{}: '__metadata__' appears twice", what);
      JAJU_RETURN_IF_ERROR(read_metadata(value, what, header.metadata));
      continue;
    }
    TensorInfo tensor;
    JAJU_RETURN_IF_ERROR(read_tensor(value, {what, name}, data_begin, file_bytes - data_begin, tensor));
    header.tensors.push_back(std::move(tensor));
  }
  JAJU_RETURN_IF_ERROR(check_names(header.tensors, what));
  // Empty tensors sort before the tensor that starts at the same byte.
  std::sort(header.tensors.begin(), header.tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes);
  });
  JAJU_RETURN_IF_ERROR(check_tiling(header.tensors, data_begin, file_bytes, what));
  return header;
}

std::optional<int64_t> element_count(std::span<const int64_t> shape) {
  int64_t n = 1;
  for (const int64_t dim : shape) {
    if (dim < 0 || __builtin_mul_overflow(n, dim, &n)) return std::nullopt;
  }
  return n;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return text + ")";
}

}  // namespace jaju
