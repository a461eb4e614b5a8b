#include "model/fp4_tensors.h"

namespace jaju {
namespace {

bool is(const Checkpoint& checkpoint, const std::string& name, DType dtype) {
  const StoredTensor* t = checkpoint.find(name);
  return t != nullptr && t->info.dtype == dtype;
}

}  // namespace

std::optional<Fp4Names> find_fp4(const Checkpoint& checkpoint, const std::string& name) {
  constexpr std::string_view kWeight = ".weight";
  if (!name.ends_with(kWeight)) return std::nullopt;
  const std::string base = name.substr(0, name.size() - kWeight.size());
  Fp4Names found;
  found.scales = name + "_scale";
  if (is(checkpoint, name + "_packed", DType::u8)) {
    found.codes = name + "_packed";
    if (is(checkpoint, found.scales, DType::f8_e4m3)) {
      found.scheme = Scheme::nvfp4;
      found.factor = name + "_global_scale";
      found.divides = true;
    } else {
      found.scheme = Scheme::mxfp4;
    }
  } else if (is(checkpoint, name, DType::u8)) {
    found.scheme = Scheme::nvfp4;
    found.codes = name;
    found.factor = name + "_scale_2";
  } else {
    return std::nullopt;
  }
  for (const char* more : {".input_global_scale", ".input_scale"}) {
    if (checkpoint.find(base + more) != nullptr) found.unused.push_back(base + more);
  }
  return found;
}

std::optional<Fp4Names> find_stacked_fp4(const Checkpoint& checkpoint, const std::string& name) {
  if (!is(checkpoint, name + "_blocks", DType::u8)) return std::nullopt;
  Fp4Names found;
  found.scheme = Scheme::mxfp4;
  found.codes = name + "_blocks";
  found.scales = name + "_scales";
  return found;
}

}  // namespace jaju
