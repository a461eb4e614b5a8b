// Weights::check_finite: one pass over every stored byte, in loops a compiler turns into vector code.
#include <algorithm>
#include <cstring>

#include "base/utf8.h"
#include "formats/safetensors.h"
#include "model/weights.h"

namespace jaju {
namespace {

constexpr int64_t kChunkBytes = int64_t{1} << 20;

// True when any of n little-endian values has all bits of `mask` set: NaN or infinity in every format here.
template <typename Bits>
bool any_with_all_bits(const std::byte* data, int64_t n, Bits mask) {
  Bits found = 0;  // of the element's width: the loop then needs no widening
  for (int64_t i = 0; i < n; ++i) {
    Bits value;
    std::memcpy(&value, data + i * static_cast<int64_t>(sizeof(Bits)), sizeof(Bits));
    found = static_cast<Bits>(found | static_cast<Bits>((value & mask) == mask));
  }
  return found != 0;
}

bool chunk_has_bad(const std::byte* data, int64_t n, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return any_with_all_bits<uint32_t>(data, n, 0x7f800000u);
    case DType::f16:
      return any_with_all_bits<uint16_t>(data, n, 0x7c00u);
    case DType::bf16:
      return any_with_all_bits<uint16_t>(data, n, 0x7f80u);
    case DType::f8_e4m3:
      return any_with_all_bits<uint8_t>(data, n, 0x7fu);
    case DType::f64:
      return any_with_all_bits<uint64_t>(data, n, 0x7ff0000000000000ull);
    default:
      return false;  // integers
  }
}

bool is_scale(const TensorInfo& info) {
  return info.name.ends_with("_scale_inv");
}

// A scale must also be above zero.
bool scales_have_bad(const std::byte* data, int64_t n, DType dtype) {
  for (int64_t i = 0; i < n; ++i) {
    if (!(load_as_f32(data, dtype, i) > 0.0f)) return true;
  }
  return false;
}

// Of a packed matrix only the row factors can be NaN or infinite.
bool factors_have_bad(const Matrix& m) {
  if (!m.packed()) return false;
  for (int64_t p = 0; p < (m.rows + kPanelRows - 1) / kPanelRows; ++p) {
    if (chunk_has_bad(m.panel(p), kPanelRows, DType::f32)) return true;
  }
  return false;
}

bool factors_have_bad(const MlpWeights& w) {
  return factors_have_bad(w.gate) || factors_have_bad(w.up) || factors_have_bad(w.down);
}

bool factors_have_bad(const LayerWeights& w) {
  const AttentionWeights& a = w.attention;
  return factors_have_bad(a.q) || factors_have_bad(a.q_a) || factors_have_bad(a.q_b) ||
         factors_have_bad(a.kv_a) || factors_have_bad(a.kv_b) || factors_have_bad(a.k_b) ||
         factors_have_bad(a.o) || factors_have_bad(w.dense) || factors_have_bad(w.moe.shared) ||
         std::any_of(w.moe.experts.begin(), w.moe.experts.end(),
                     [](const MlpWeights& e) { return factors_have_bad(e); });
}

}  // namespace

Status Weights::check_finite(void (*progress)(void*, int64_t, int64_t), void* data) const {
  if (checkpoint_ == nullptr) return {};  // random ones are made finite
  if (streamed) {
    return error(
        "a model that is larger than memory is not checked as it runs: `jaju pack --verify` does that");
  }
  int64_t total = 0;
  for (const StoredTensor& t : checkpoint_->tensors()) total += t.info.bytes;
  int64_t done = 0;
  int64_t n_bad = 0;
  std::string names;
  for (const StoredTensor& t : checkpoint_->tensors()) {
    const int64_t width = size_of(t.info.dtype);
    bool bad = false;
    for (int64_t at = 0; at < t.info.bytes; at += kChunkBytes) {
      const int64_t bytes = std::min(kChunkBytes, t.info.bytes - at);
      bad = bad || chunk_has_bad(t.data + at, bytes / width, t.info.dtype);
      if (is_scale(t.info) && is_weight_type(t.info.dtype)) {
        bad = bad || scales_have_bad(t.data + at, bytes / width, t.info.dtype);
      }
      done += bytes;
      if (progress != nullptr) progress(data, done, total);
    }
    constexpr int64_t kShown = 5;
    if (bad && ++n_bad <= kShown)
      names += fmt::format("{}'{}'", n_bad == 1 ? "" : ", ", printable(t.info.name));
  }
  JAJU_RETURN_IF_ERROR(intact());  // zeros that stand for lost bytes would pass every check
  if (packed &&
      (factors_have_bad(head) ||
       std::any_of(layers.begin(), layers.end(), [](const LayerWeights& l) { return factors_have_bad(l); }) ||
       (mtp && (factors_have_bad(mtp->projection) || factors_have_bad(mtp->head) ||
                factors_have_bad(mtp->layer))))) {
    return error(
        "a packed matrix holds a factor that is NaN or infinite: `jaju pack --verify` names damaged tensors");
  }
  if (n_bad == 0) return {};
  return error(
      "{} tensor{} NaN, infinity or a scale that is not above zero: {}{}; download the checkpoint again",
      n_bad, n_bad == 1 ? " holds" : "s hold", names, n_bad > 5 ? ", ..." : "");
}

}  // namespace jaju
