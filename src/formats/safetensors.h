// A checkpoint directory: one model.safetensors, or shards named by model.safetensors.index.json.
//
// Every file is mapped once, every header is checked (safetensors_header.h), and the index and the shards
// must tell the same story. What the tensors mean is the model room's business.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mapped_file.h"
#include "base/status.h"
#include "formats/safetensors_header.h"

namespace jaju {

// One tensor of an open checkpoint. `data` may lie at any address: read it with memcpy or unaligned loads.
struct StoredTensor {
  TensorInfo info;
  const std::byte* data = nullptr;
  int file = 0;  // index for Checkpoint::file_name
};

class Checkpoint {
 public:
  // `dir` holds model.safetensors (which wins) or model.safetensors.index.json with its shards.
  // Errors: neither is there, a shard is missing, a header is malformed, the index names something outside
  // the directory or a tensor its shard lacks, a shard holds a tensor the index does not place there.
  static Result<std::unique_ptr<Checkpoint>> open(const std::filesystem::path& dir);
  // One file, whatever its name.
  static Result<std::unique_ptr<Checkpoint>> open_file(const std::filesystem::path& file);

  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  // Null when there is no such tensor.
  const StoredTensor* find(std::string_view name) const;
  const std::string& file_name(int file) const { return files_[static_cast<size_t>(file)]->path(); }
  int file_count() const { return static_cast<int>(files_.size()); }
  // Size of all files together, headers included.
  int64_t file_bytes() const;

  // OK, or which file shrank since it was mapped.
  Status intact() const;
  // What was touched leaves this process's memory until it is touched again.
  void forget_pages() const;
  // Of every file (base/mapped_file.h). Returns the bytes that were moved.
  int64_t move_to_huge_pages(const std::function<bool()>& go_on);

 private:
  Checkpoint() = default;
  Status add_file(const std::filesystem::path& path);
  Status index_names();

  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<StoredTensor> tensors_;  // complete before by_name_ looks into it
  std::unordered_map<std::string_view, const StoredTensor*> by_name_;
};

// The weight_map of an index file: tensor name -> file name inside the same directory.
// Errors: not JSON, a name twice, a file name that leaves the directory.
Result<std::vector<std::pair<std::string, std::string>>> parse_safetensors_index(std::string_view json_text,
                                                                                 const std::string& what);

}  // namespace jaju
