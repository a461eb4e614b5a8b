// Names of tensors in a packed model (tensor/packed.h): the checkpoint's own name, a dot and the scheme. An
// expert is one tensor, "model.layers.3.mlp.experts.7.q4": gate, up and down behind one another, padded with
// zeros to whole extents, so that one read of the disk fetches it.
#pragma once

#include <cstdint>
#include <string>

#include "tensor/packed.h"

namespace jaju {

constexpr int64_t kExtentBytes = 4096;  // alignment and granularity of an expert in its file

inline std::string packed_name(const std::string& name, Scheme scheme) {
  return name + "." + std::string(name_of(scheme));
}

// Bytes of one expert's tensor.
constexpr int64_t expert_extent_bytes(Scheme scheme, int64_t inner, int64_t hidden) {
  const int64_t bytes = 2 * packed_bytes(scheme, inner, hidden) + packed_bytes(scheme, hidden, inner);
  return (bytes + kExtentBytes - 1) / kExtentBytes * kExtentBytes;
}

}  // namespace jaju
