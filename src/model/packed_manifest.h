// packed.json: how a packed model was made, and the checksum of every tensor.
//
//   {"format": "jaju-packed", "version": 1, "experts": "q4", "rest": "q8", "source": "...",
//    "calibration_tokens": 131072, "shards": [{"file": "model-00001-of-00002.safetensors", "tensors":
//    {"model.norm.weight": "0123456789abcdef", ...}}]}
//
// "calibration_tokens" is there when the matrices were weighed by importance (importance.h). Checksums are
// XXH3-64 over the tensor's bytes, padding included, as 16 hex digits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "tensor/packed.h"

namespace jaju {

constexpr const char* kPackedManifestFile = "packed.json";
constexpr const char* kPackedFormat = "jaju-packed";
constexpr int64_t kMaxPackedManifest = int64_t{256} << 20;

struct PackedShardSums {
  std::string file;
  std::vector<std::pair<std::string, uint64_t>> tensors;  // in the order of the file
};

struct PackedManifest {
  Scheme experts = Scheme::none;
  Scheme rest = Scheme::none;
  std::string source;
  int64_t calibration_tokens = 0;  // of the text that told which columns matter; 0: not calibrated
  std::vector<PackedShardSums> shards{};

  // Null: not written yet.
  const PackedShardSums* find(std::string_view file) const;
};

std::string to_json(const PackedManifest& manifest);
// `what` names the text in messages. Errors: no JSON, another format or a later version, a field that is
// missing or of the wrong type, a file name that leaves the directory.
Result<PackedManifest> parse_packed_manifest(std::string_view text, const std::string& what);

}  // namespace jaju
