// Writes a safetensors file in one pass: the tensors are announced first, then their bytes follow in order.
//
// Nothing is kept in memory but the header. The bytes go to a temporary file beside `path`; finish() makes it
// durable and renames it, so a reader sees the old file or the whole new one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "tensor/dtype.h"

namespace jaju {

struct TensorSpec {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
};

class SafetensorsWriter {
 public:
  // The data begins at a multiple of data_alignment in the file (64: a cache line, so that the first tensor
  // suits any vector load); the header is padded with spaces. Errors: a name twice or not UTF-8, an
  // impossible shape, a path that cannot be written.
  static Result<std::unique_ptr<SafetensorsWriter>> create(
      const std::filesystem::path& path, const std::vector<TensorSpec>& tensors,
      const std::map<std::string, std::string>& metadata = {}, int64_t data_alignment = 64);
  ~SafetensorsWriter();  // without finish(): removes the temporary file
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // The next `bytes` bytes of data, in the announced order; pieces may be of any size.
  Status append(const void* data, int64_t bytes);
  // Errors: fewer bytes were appended than announced, or the disk refused them.
  Status finish();

 private:
  SafetensorsWriter() = default;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::FILE* file_ = nullptr;
  int64_t announced_ = 0;  // data bytes
  int64_t written_ = 0;
};

// Writes DIR/model.safetensors.index.json for shards that lie in `dir`: (tensor name, file name) pairs.
Status write_safetensors_index(const std::filesystem::path& dir,
                               const std::vector<std::pair<std::string, std::string>>& weight_map,
                               int64_t total_bytes);

}  // namespace jaju
