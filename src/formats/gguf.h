// GGUF files: metadata and tensors, every number compared with the file before it is believed.
//
// Layout (https://github.com/ggml-org/ggml, docs/gguf.md; versions 2 and 3, little endian): "GGUF", version,
// counts of tensors and of key-value pairs, the pairs, a line per tensor (name, dimensions, type, offset),
// padding to `general.alignment`, the data. Nothing is copied from the file but names: values and tensors are
// views of the mapping. What a key means is the business of who asks for it.
//
// Refused, each with one sentence: other versions, big endian, more pairs or tensors than the file has bytes
// for, a key or tensor twice, arrays nested deeper than kMaxGgufNesting, dimensions of zero or that overflow,
// unknown types, tensors out of the file, out of line with the alignment, or on top of one another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mapped_file.h"
#include "base/status.h"
#include "formats/gguf_blocks.h"

namespace jaju {

inline constexpr int64_t kGgufDefaultAlignment = 32;
inline constexpr int64_t kMaxGgufAlignment = 65536;
inline constexpr size_t kMaxGgufName = 64;    // bytes of a tensor's name, the format's limit
inline constexpr size_t kMaxGgufKey = 65535;  // bytes of a key, the format's limit
inline constexpr int64_t kMaxGgufPairs = 65536;
inline constexpr int64_t kMaxGgufTensors = 1 << 20;
inline constexpr int kMaxGgufNesting = 2;     // arrays of arrays; no known file has them
inline constexpr int kMaxGgufShards = 99999;  // five digits

// Numbers as files store them.
enum class GgufValueType : uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};
// "u32", "string", ...
std::string_view name_of(GgufValueType type);
// The shortest decimal that stands for an f32: 0.1, where a plain conversion gives 0.10000000149.
double gguf_decimal(float value);

// One value of the metadata; a view of the file. Accessors answer "nothing" when the type does not fit: a
// file that says 'string' where a number belongs is the asker's error to word.
class GgufValue {
 public:
  GgufValueType type() const { return type_; }
  bool is_array() const { return type_ == GgufValueType::array; }

  // Any integer type whose value fits 63 bits; no floats, no booleans.
  std::optional<int64_t> integer() const;
  // Any integer or float type. An f32 comes as the shortest decimal that stands for it (0.1f is 0.1, as its
  // writer meant), so that text and binary forms of a config agree.
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  std::optional<std::string_view> text() const;  // any bytes, UTF-8 not checked

  // Of an array: its elements' type and how many there are (zero of anything else).
  GgufValueType element_type() const { return element_type_; }
  int64_t size() const { return size_; }
  // Element i as a value of its own.
  GgufValue at(int64_t i) const;

 private:
  friend class GgufParser;
  GgufValueType type_ = GgufValueType::u8;
  GgufValueType element_type_ = GgufValueType::u8;
  int64_t size_ = 0;
  std::string_view bytes_;                 // a scalar, a string's content, or an array of scalars
  std::vector<std::string_view> strings_;  // an array of strings
  std::vector<GgufValue> arrays_;          // an array of arrays
};

struct GgufTensor {
  std::string name;
  GgufType type = GgufType::f32;
  std::vector<int64_t> shape;  // row-major, outermost first: the reverse of how the file lists dimensions
  int64_t elements = 0;
  int64_t begin = 0;  // first byte, counted from the start of its file
  int64_t bytes = 0;
  int file = 0;                     // index for Gguf::file_name
  const std::byte* data = nullptr;  // set by Gguf; any address

  int64_t cols() const { return shape.back(); }
  int64_t rows() const { return elements / cols(); }
  int64_t row_bytes() const { return gguf_bytes(type, cols()); }
};

struct GgufHeader {
  uint32_t version = 3;
  int64_t alignment = kGgufDefaultAlignment;
  std::vector<std::pair<std::string, GgufValue>> metadata;  // in file order
  std::vector<GgufTensor> tensors;                          // in file order, without `data`
  int64_t data_begin = 0;
};

// `file` is the whole file (mapped) and must outlive the values; `what` names it in messages.
Result<GgufHeader> parse_gguf(std::span<const std::byte> file, const std::string& what);

// An open model: one file, or all shards of `NAME-00001-of-0000N.gguf`, whichever of them was named.
class Gguf {
 public:
  // Errors: parse_gguf's; a shard is missing, numbered otherwise than its name says, or holds a tensor that
  // another holds too; fewer tensors than split.tensors.count promises.
  static Result<std::unique_ptr<Gguf>> open(const std::filesystem::path& path);

  // Of the first file: shards behind it hold tensors only.
  const GgufHeader& header() const { return header_; }
  // Null when there is no such key.
  const GgufValue* find(std::string_view key) const;
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* find_tensor(std::string_view name) const;

  int file_count() const { return static_cast<int>(files_.size()); }
  const std::string& file_name(int file) const { return files_[static_cast<size_t>(file)]->path(); }
  int64_t file_bytes() const;
  // OK, or which file shrank since it was mapped.
  Status intact() const;

 private:
  Gguf() = default;
  Result<GgufHeader> add_file(const std::filesystem::path& path);
  Status add_shards(const std::filesystem::path& path, int64_t count);
  Status index_names();

  std::vector<std::unique_ptr<MappedFile>> files_;
  GgufHeader header_;
  std::vector<GgufTensor> tensors_;  // complete before the maps look into it
  std::unordered_map<std::string_view, const GgufValue*> by_key_;
  std::unordered_map<std::string_view, const GgufTensor*> by_name_;
};

}  // namespace jaju
