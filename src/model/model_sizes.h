// Bytes of a model's parts as they lie in memory, from the headers of its files or from a config alone. Reads
// no weights.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "memory/budget.h"
#include "model/activations.h"
#include "model/config.h"
#include "tensor/dtype.h"
#include "tensor/packed.h"

namespace jaju {

// How matrices are stored: quantised by a scheme, or as numbers of a type.
struct Storage {
  Scheme scheme = Scheme::none;  // wins
  DType dtype = DType::bf16;

  std::string name() const;  // "q4", "bf16"
  // Of a matrix, f8 block scales included.
  int64_t bytes(int64_t rows, int64_t cols) const;
};
// "q4" and other schemes, "bf16", "f16", "f32", "f8"; nothing for another word.
std::optional<Storage> storage_from_name(std::string_view name);

// Residents are "embedding", "attention", "dense mlp", "shared experts", "routers", "norms", "head", "mtp",
// those that are there. Vectors and routers count as the f32 copies the engine keeps of them. An MTP block is
// resident whole, its experts included: guesses must be cheap.
struct MeasuredModel {
  ModelSizes sizes;
  LayerKinds kinds;
  std::string experts;     // how routed experts are stored: "q4", "BF16"; several joined by '+'
  bool packed = false;     // its large matrices are quantised by a scheme: products are of int8
  bool one_read = false;   // each expert is one extent at a multiple of 4 KiB: what the expert store reads
  int64_t file_bytes = 0;  // all files together; of a config what its tensors would take
  int64_t keys_twice = 0;  // bytes of residents: packed keys beside those of kv_b; a token reads one of both
  int64_t parameters = 0;  // of these files, scales not counted; 0: packed, where codes do not tell
};

// A checkpoint or packed model. Errors: those of opening its files, an expert's tensors that differ in size
// from the others', tensors of a layer the config does not have.
Result<MeasuredModel> measure_model(const std::filesystem::path& dir, const ModelConfig& config);

// What the config's model would take: routed experts stored as `experts`, other large matrices as `rest`.
// With a scheme for `rest` the embedding stays bf16 (model/pack.h). No selection bias but for
// deepseek_v3, no MTP block: as released.
MeasuredModel measure_config(const ModelConfig& config, const Storage& experts, const Storage& rest);

}  // namespace jaju
