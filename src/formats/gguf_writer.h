// Writes a GGUF file (version 3) in one pass: metadata and tensors are announced first, then their bytes
// follow in order.
//
// Nothing is kept in memory but the header. The bytes go to a temporary file beside `path`; finish() makes it
// durable and renames it, so a reader sees the old file or the whole new one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "formats/gguf_blocks.h"

namespace jaju {

// Key-value pairs in the order they are added. Keys are our own words, so a wrong one is a mistake of ours.
class GgufMetadata {
 public:
  void u16(std::string_view key, uint16_t value);
  void u32(std::string_view key, int64_t value);  // REQUIRES: fits
  void i32(std::string_view key, int64_t value);  // REQUIRES: fits
  void f32(std::string_view key, double value);
  void f64(std::string_view key, double value);
  void boolean(std::string_view key, bool value);
  void text(std::string_view key, std::string_view value);
  void texts(std::string_view key, std::span<const std::string> values);
  void integers(std::string_view key, std::span<const int32_t> values);

  // Every pair of `other`, behind those that are here.
  void add(const GgufMetadata& other);

  int64_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  void begin(std::string_view key, uint32_t type);
  std::string bytes_;
  int64_t count_ = 0;
};

struct GgufTensorSpec {
  std::string name;  // at most 63 bytes: ggml keeps a zero behind it
  GgufType type = GgufType::f32;
  std::vector<int64_t> shape;  // row-major, outermost first
};

class GgufWriter {
 public:
  // Errors: a name twice, empty or too long, an impossible shape, rows that are no multiple of the type's
  // block, a path that cannot be written.
  static Result<std::unique_ptr<GgufWriter>> create(const std::filesystem::path& path,
                                                    const GgufMetadata& metadata,
                                                    const std::vector<GgufTensorSpec>& tensors);
  ~GgufWriter();  // without finish(): removes the temporary file
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;

  // The next `bytes` bytes of tensor data, in the announced order; pieces may be of any size. The padding
  // between tensors is written here.
  Status append(const void* data, int64_t bytes);
  // Errors: fewer bytes were appended than announced, or the disk refused them.
  Status finish();

 private:
  GgufWriter() = default;
  Status take_file();
  Status put(const void* data, int64_t bytes);
  Status pad();

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::FILE* file_ = nullptr;
  std::vector<int64_t> sizes_;  // bytes of each tensor
  size_t tensor_ = 0;           // the one being written
  int64_t done_ = 0;            // bytes of it
  int64_t position_ = 0;        // in the file
};

}  // namespace jaju
