// Small random checkpoints for tests: every tensor a config asks for, in any layout and dtype, kept in memory
// so that a test can change, drop or add one before it is written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "model/config.h"
#include "tensor/dtype.h"

namespace jaju {

struct SyntheticTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;
};

struct SyntheticOptions {
  DType dtype = DType::f32;        // of matrices; FP8 ones get `_scale_inv` tensors
  DType scale_dtype = DType::f32;  // F32 or BF16
  bool fused = true;               // 3-D expert tensors; false: one tensor per expert matrix
  bool router_bias = false;
  bool mtp = false;
  bool sparse = false;  // no bytes in memory: write() makes one file of holes, every element zero
};

class SyntheticCheckpoint {
 public:
  SyntheticCheckpoint(const ModelConfig& config, const SyntheticOptions& options);

  // Aborts when there is no such tensor: the test asked for something it did not make.
  SyntheticTensor& at(const std::string& name);
  void remove(const std::string& name);
  // Divides the routers' weights (F32), whose logits are too large to tell tokens apart: every expert gets rows.
  void calm_routers();
  void add(const std::string& name, DType dtype, std::vector<int64_t> shape);

  // One model.safetensors, or several shards with an index. Fails the running test when it cannot write.
  void write(const std::filesystem::path& dir, int shards = 1) const;

  std::vector<SyntheticTensor> tensors;

 private:
  void matrix(const std::string& name, std::vector<int64_t> shape);
  void norm(const std::string& name, int64_t n) { add(name + ".weight", DType::f32, {n}); }
  void mlp(const std::string& prefix, int64_t inner);
  void layer(const ModelConfig& config, const std::string& prefix, bool is_moe);

  SyntheticOptions options_;
  void write_sparse(const std::filesystem::path& file) const;

  uint64_t state_ = 1;
};

// A small model with sizes that suit nobody: past one scale block, with block borders inside an expert's gate
// and up halves and inside heads, and no multiples of panels and groups.
ModelConfig odd_config();

}  // namespace jaju
