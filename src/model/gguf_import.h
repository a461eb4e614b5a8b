// A GGUF model as a directory in the released layout: config.json and safetensors, which `jaju run` opens.
//
// Streams: a few tens of megabytes of memory, whatever the model's size. Everything is written into
// DIR.partial, shard by shard; the directory gets its name when it is complete. An import that was
// interrupted goes on with the shards it has when it is called again with the same file and options.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "formats/gguf.h"
#include "model/gguf_config.h"

namespace jaju {

enum class GgufImportDtype {
  keep,  // F32, F16 and BF16 as they are, quantised types become BF16
  bf16,
  f32,  // exact for every type
};

struct GgufImportOptions {
  // Of the matrices. Norms, routers and their biases are small and stay F32 as in the file.
  GgufImportDtype dtype = GgufImportDtype::keep;
  int64_t shard_bytes = 5'000'000'000;  // a larger tensor gets a shard of its own
  // More files of the directory, by name: tokenizer.json and its kin.
  std::map<std::string, std::string> files;
  std::function<void(int64_t done, int64_t total)> progress;  // bytes written; may be null
};

struct GgufImportReport {
  GgufConfig config;
  int64_t tensors = 0;
  int64_t parameters = 0;
  int64_t bytes = 0;
  int shards = 0;
  int shards_kept = 0;  // that an interrupted import had finished
};

// Errors: those of config_from_gguf; tensors missing, unknown, of another shape than the metadata says or of
// a type that cannot be read; values that are not finite; `dir` is there and not empty; DIR.partial belongs
// to another import; the disk.
Result<GgufImportReport> import_gguf(const Gguf& file, const std::filesystem::path& dir,
                                     const GgufImportOptions& options, ThreadTeam& team);

}  // namespace jaju
