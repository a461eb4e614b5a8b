// Where a checkpoint keeps a matrix in four-bit floats (tensor/fp4.h). For the matrix "P.weight":
//
//   compressed-tensors, mxfp4-pack-quantized  P.weight_packed U8 (rows, cols / 2), P.weight_scale U8 (rows,
//                                             cols / 32)
//   compressed-tensors, nvfp4-pack-quantized  P.weight_packed, P.weight_scale F8_E4M3 (rows, cols / 16),
//                                             P.weight_global_scale F32, which divides
//   ModelOpt                                  P.weight U8 (rows, cols / 2), P.weight_scale F8_E4M3,
//                                             P.weight_scale_2 F32, which multiplies
//
// and for the stacked experts "P" of transformers' MXFP4: P_blocks U8 (experts, rows, cols / 32, 16),
// P_scales U8 (experts, rows, cols / 32).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "tensor/packed.h"

namespace jaju {

struct Fp4Names {
  Scheme scheme = Scheme::none;
  std::string codes;
  std::string scales;
  std::string factor;  // empty: 1
  bool divides = false;
  std::vector<std::string> unused;  // scales of activations: our kernels take theirs from the input
};

// Nothing: `name` is not stored so.
std::optional<Fp4Names> find_fp4(const Checkpoint& checkpoint, const std::string& name);
std::optional<Fp4Names> find_stacked_fp4(const Checkpoint& checkpoint, const std::string& name);

}  // namespace jaju
