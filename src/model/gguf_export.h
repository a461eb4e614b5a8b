// A loaded model as one GGUF file. Streams: a few tens of megabytes beside the mapped checkpoint.
//
// Norms, routers and selection biases are F32, as GGUF readers expect; matrices get the chosen type, or F16
// where a row's length is no multiple of its block. What the file cannot hold is left out and reported: dead
// norms of dense layers, MTP blocks behind the first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "formats/gguf_writer.h"
#include "model/weights.h"

namespace jaju {

struct GgufExportOptions {
  std::string architecture;        // "axk1" or "deepseek2"; empty: default_gguf_arch
  GgufType type = GgufType::bf16;  // of the matrices; one that can be written
  std::string name;                // general.name
  GgufMetadata metadata;           // more pairs: the tokenizer's
  std::function<void(int64_t done, int64_t total)> progress;  // bytes written; may be null
};

struct GgufExportReport {
  std::string architecture;
  int64_t tensors = 0;
  int64_t bytes = 0;               // of tensor data
  int64_t fallbacks = 0;           // matrices that are F16 because their rows do not fit the type's blocks
  std::vector<std::string> notes;  // where other programs will not compute what jaju does; a sentence each
};

// Errors: those of config_to_gguf; values that are not finite or too large for the type; the disk. Nothing
// is left at `path` unless it is complete.
Result<GgufExportReport> export_gguf(const Weights& weights, const ModelConfig& config,
                                     const std::filesystem::path& path, const GgufExportOptions& options,
                                     ThreadTeam& team);

}  // namespace jaju
