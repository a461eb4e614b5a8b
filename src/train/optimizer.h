// AdamW and Muon over a model's parameters, and the clip of the global gradient norm.
//
// On the CPU the updates are plain fused loops over each tensor, in a fixed order: same gradients, same bits,
// whatever the number of threads. Elsewhere (CUDA) the same formulas run as tensor operations. Parameters are
// f32.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "train/config.h"

namespace jaju::train {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// True for the tensors Muon moves: hidden matrices and stacks of them, not embedding, head, router or norms.
bool is_muon_parameter(const std::string& name, const torch::Tensor& parameter);

class Optimizer {
 public:
  // Borrows the parameters (they share storage with the model). bf16_muon: Newton-Schulz products in bf16.
  Optimizer(const OptimizerConfig& config, NamedTensors parameters, bool bf16_muon);

  // Square root of the sum of the squares of all gradients; not finite when one of them is not. A parameter
  // without a gradient counts as zeros.
  double gradient_norm() const;
  // One update with the gradients times `gradient_scale` (the clip). muon_lr is unused by AdamW.
  void step(double lr, double muon_lr, double gradient_scale);
  void zero_gradients();

  int64_t steps() const { return steps_; }
  // Moments by name ("NAME.m", "NAME.v", "NAME.momentum"), sharing storage with this object.
  NamedTensors state() const;

  // optimizer.safetensors; `read` wants exactly these tensors. Errors name the file and the tensor.
  Status write(const std::filesystem::path& file) const;
  Status read(const std::filesystem::path& file, int64_t steps);
  // After the parameters were moved to another module of the same shapes.
  void replace_parameters(NamedTensors parameters);

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter;
    bool muon = false;
    bool decays = false;
    torch::Tensor m;  // AdamW's first moment, or Muon's momentum
    torch::Tensor v;  // AdamW's second moment; undefined for Muon
  };
  void adamw_step(Slot& slot, double lr, double scale);
  void muon_step(std::vector<Slot*>& group, double lr, double scale);

  OptimizerConfig config_;
  std::vector<Slot> slots_;
  bool bf16_muon_;
  int64_t steps_ = 0;
};

// The nearest orthogonal matrix of each (rows, cols) slice of `x` (B, rows, cols), roughly: singular values
// land in about 0.7 to 1.2 (Newton-Schulz with the coefficients of Muon, github.com/KellerJordan/Muon). bf16:
// the products round their inputs to bf16.
torch::Tensor orthogonalise(const torch::Tensor& x, int steps, bool bf16);

}  // namespace jaju::train
