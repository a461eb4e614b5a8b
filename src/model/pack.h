// A loaded checkpoint as a packed model: a directory of safetensors whose quantised matrices lie in the order
// the kernels read them (tensor/packed.h, packed_names.h), beside packed.json with a checksum of every
// tensor.
//
// Experts get one scheme, every other large matrix another; MXFP4 and NVFP4 can stay what they are. Norms,
// routers and their biases stay F32; the embedding keeps its type (a lookup reads it by rows), f8 becomes
// BF16, and so does kv_b where heads are not whole panels; else it is in q8, its keys twice
// (packed_names.h). With importance (importance.h) the errors
// of columns that matter count for more.
//
// Streams: pieces of 32 MB, a layer's keys and 16 rows in f32 for each thread, beside the mapped checkpoint.
// The work is done in DIR.partial (base/staged_dir.h), shard by shard of whole layers; interrupted, it goes
// on with the shards it has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "formats/safetensors_writer.h"
#include "model/importance.h"
#include "model/weights.h"
#include "tensor/packed.h"

namespace jaju {

struct PackOptions {
  Scheme experts = Scheme::q4;
  Scheme rest = Scheme::q8;
  // Matrices in four-bit floats keep their numbers instead (experts where all three are of one kind).
  bool keep_fp4_experts = true;
  bool keep_fp4_rest = true;
  // Whole layers up to about this size; a larger layer gets a shard of its own.
  int64_t shard_bytes = 5'000'000'000;
  const Importance* importance = nullptr;  // of the same weights; must outlive the plan
  std::string source{};                    // the checkpoint's name, for packed.json
  // Quantised matrices of panels drawn from a few dozen made of the weights (Weights::random_shape), no two
  // matrices the same but kv_b, whose keys stand in two tensors: for measuring, at the speed of the disk.
  bool random = false;
  std::function<void(int64_t done, int64_t total)> progress{};  // bytes written; may be null
};

// One tensor of the output.
struct PackPart {
  TensorSpec spec;
  Scheme scheme = Scheme::none;
  std::vector<Matrix> matrices;            // quantised, behind one another; or one as it is
  std::vector<const float*> importance{};  // of each quantised matrix; null: all columns alike
  // Above 0: of the one matrix, kv_b, the first key_rows of every head_rows, each head's turned round.
  int64_t key_rows = 0;
  int64_t head_rows = 0;
  bool of_kv_b = false;  // so its numbers stand in another part as well
  const Vector* vector = nullptr;
  int64_t values = 0;  // of matrices and vector; none of what stands twice
  int64_t bytes = 0;   // padding included
};

struct PackShard {
  std::string file;
  std::vector<PackPart> parts;  // experts first: their extents are aligned in the file
  int64_t bytes = 0;
};

// What would be written; reads no weights.
std::vector<PackShard> plan_pack(const Weights& weights, const ModelConfig& config,
                                 const PackOptions& options);

struct PackReport {
  int64_t tensors = 0;
  int64_t bytes = 0;
  int shards = 0;
  int shards_kept = 0;  // that interrupted work had finished
};

// Writes shards, index and packed.json into `stage`. Errors: a tensor with values that are not finite, by
// name; a checkpoint that shrinks; the disk.
Result<PackReport> write_packed(const Weights& weights, const std::vector<PackShard>& shards,
                                const std::filesystem::path& stage, const PackOptions& options,
                                ThreadTeam& team);

struct VerifyReport {
  int64_t tensors = 0;
  int64_t bytes = 0;
};

// Compares every tensor with its checksum. Errors: no packed model, tensors missing, damaged ones by name and
// file.
Result<VerifyReport> verify_packed(const std::filesystem::path& dir, ThreadTeam& team,
                                   const std::function<void(int64_t done, int64_t total)>& progress);

}  // namespace jaju
