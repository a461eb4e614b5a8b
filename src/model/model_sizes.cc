#include "model/model_sizes.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <vector>

#include "base/check.h"
#include "formats/safetensors.h"
#include "model/packed_manifest.h"
#include "model/packed_names.h"
#include "tensor/view.h"

namespace jaju {
namespace {

constexpr const char* kEmbedding = "embedding";
constexpr const char* kAttention = "attention";
constexpr const char* kDense = "dense mlp";
constexpr const char* kShared = "shared experts";
constexpr const char* kRouters = "routers";
constexpr const char* kNorms = "norms";
constexpr const char* kHead = "head";
constexpr const char* kMtp = "mtp";
// As `show` lists them.
constexpr const char* kOrder[] = {kEmbedding, kAttention, kDense, kShared, kRouters, kNorms, kHead, kMtp};

class Residents {
 public:
  void add(const char* group, int64_t bytes) { bytes_[group] += bytes; }
  std::vector<NamedBytes> list() const {
    std::vector<NamedBytes> parts;
    for (const char* name : kOrder) {
      if (const auto found = bytes_.find(name); found != bytes_.end() && found->second > 0)
        parts.push_back({name, found->second});
    }
    return parts;
  }

 private:
  std::map<std::string_view, int64_t> bytes_;
};

constexpr int64_t whole_extents(int64_t bytes) {
  return (bytes + kExtentBytes - 1) / kExtentBytes * kExtentBytes;
}

// "model.layers.12.mlp.gate.weight" is layer 12 and "mlp.gate.weight"; -1 and the whole name elsewhere.
struct TensorPlace {
  int64_t layer = -1;
  std::string_view rest;
};
TensorPlace place_of(std::string_view name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return {-1, name};
  const std::string_view tail = name.substr(kPrefix.size());
  int64_t layer = -1;
  const auto [end, failed] = std::from_chars(tail.data(), tail.data() + tail.size(), layer);
  if (failed != std::errc() || end == tail.data() + tail.size() || *end != '.') return {-1, name};
  return {layer, tail.substr(static_cast<size_t>(end - tail.data()) + 1)};
}

const char* resident_group(const TensorPlace& place) {
  if (place.rest.starts_with("model.embed_tokens.")) return kEmbedding;
  if (place.rest.starts_with("lm_head.")) return kHead;
  if (place.rest.starts_with("self_attn.")) return kAttention;
  if (place.rest.starts_with("mlp.shared_experts.")) return kShared;
  if (place.rest.starts_with("mlp.gate.")) return kRouters;
  if (place.rest.find("norm") != std::string_view::npos) return kNorms;
  return kDense;
}

// Bytes a tensor takes once loaded: vectors and routers are kept as f32.
int64_t loaded_bytes(const TensorInfo& info, const char* group) {
  const bool scales = info.name.ends_with("_scale_inv");
  const bool owned = !scales && info.dtype != DType::u8 && (info.shape.size() == 1 || group == kRouters);
  return owned ? info.elements * size_of(DType::f32) : info.bytes;
}

}  // namespace

std::string Storage::name() const {
  return std::string(scheme != Scheme::none ? name_of(scheme) : name_of(dtype));
}

int64_t Storage::bytes(int64_t rows, int64_t cols) const {
  if (scheme != Scheme::none) return packed_bytes(scheme, rows, cols);
  const int64_t values = rows * cols * size_of(dtype);
  if (dtype != DType::f8_e4m3) return values;
  const auto blocks = [](int64_t n) { return (n + Matrix::kScaleBlock - 1) / Matrix::kScaleBlock; };
  return values + blocks(rows) * blocks(cols) * size_of(DType::f32);
}

std::optional<Storage> storage_from_name(std::string_view name) {
  if (const std::optional<Scheme> scheme = scheme_named(name)) return Storage{*scheme, DType::u8};
  if (name == "bf16") return Storage{Scheme::none, DType::bf16};
  if (name == "f16") return Storage{Scheme::none, DType::f16};
  if (name == "f32") return Storage{Scheme::none, DType::f32};
  if (name == "f8") return Storage{Scheme::none, DType::f8_e4m3};
  return std::nullopt;
}

Result<MeasuredModel> measure_model(const std::filesystem::path& dir, const ModelConfig& config) {
  JAJU_ASSIGN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::open(dir));
  MeasuredModel m;
  m.file_bytes = checkpoint->file_bytes();
  Residents residents;
  std::map<int64_t, int64_t> routed;  // bytes of a layer's experts
  std::set<std::string> kinds;
  int64_t extents = 0;
  int64_t largest = 0;
  for (const StoredTensor& t : checkpoint->tensors()) {
    const TensorPlace place = place_of(t.info.name);
    if (place.layer >= config.n_layers + std::max<int64_t>(config.n_mtp_layers, 0)) {
      return error(
          "{}: tensor '{}' belongs to a layer that config.json does not have; take both from the same "
          "download",
          checkpoint->file_name(t.file), t.info.name);
    }
    m.packed = m.packed || t.info.dtype == DType::u8;
    if (!t.info.name.ends_with("_scale_inv")) m.parameters += t.info.elements;
    if (place.layer >= config.n_layers) {
      // Blocks behind the first are in the file but nothing reads them.
      if (place.layer == config.n_layers) residents.add(kMtp, loaded_bytes(t.info, kMtp));
      m.kinds.mtp = true;
      continue;
    }
    if (place.layer >= 0) (config.is_moe(place.layer) ? m.kinds.moe : m.kinds.dense) = true;
    if (place.rest.starts_with("mlp.experts.")) {
      routed[place.layer] += t.info.bytes;
      const std::string name = t.info.name.substr(t.info.name.rfind('.') + 1);
      if (t.info.dtype == DType::u8) {
        ++extents;
        largest = std::max(largest, t.info.bytes);
        kinds.insert(name);
      } else if (!t.info.name.ends_with("_scale_inv")) {
        kinds.insert(std::string(name_of(t.info.dtype)));
      }
      continue;
    }
    // In the release's file, but no implementation applies it.
    if (place.layer >= 0 && !config.is_moe(place.layer) && place.rest.ends_with("post_mlp_layernorm.weight"))
      continue;
    if (place.rest.starts_with("self_attn.k_b_proj.")) m.keys_twice += t.info.bytes;
    const char* const group = resident_group(place);
    residents.add(group, loaded_bytes(t.info, group));
  }
  m.kinds.moe = m.kinds.moe || m.kinds.mtp;
  if (m.packed) m.parameters = 0;
  ModelSizes& s = m.sizes;
  s.resident = residents.list();
  if (routed.empty()) return m;
  s.moe_layers = static_cast<int64_t>(routed.size());
  s.experts_per_layer = config.n_routed_experts;
  s.experts_per_token = config.n_experts_per_token;
  int64_t most = 0;
  for (const auto& [layer, bytes] : routed) most = std::max(most, bytes);
  m.one_read = extents == s.experts();
  if (extents > 0 && !m.one_read) {
    return error("{}: {} packed experts where config.json asks for {}; pack the model again", dir.string(),
                 extents, s.experts());
  }
  s.expert_read_bytes = m.one_read ? largest : most / s.experts_per_layer;
  s.slot_bytes = whole_extents(s.expert_read_bytes);
  for (const std::string& kind : kinds) m.experts += (m.experts.empty() ? "" : "+") + kind;
  return m;
}

MeasuredModel measure_config(const ModelConfig& c, const Storage& experts, const Storage& rest) {
  MeasuredModel m;
  m.kinds = kinds_of(c, false);
  m.parameters = count_parameters(c, c.model_type == "deepseek_v3", false).total();
  const int64_t h = c.hidden_size;
  const bool quantised = rest.scheme != Scheme::none;
  m.packed = quantised || (experts.scheme != Scheme::none && kinds_of(c, false).moe);
  // The type of what is looked up by rows.
  const Storage plain = quantised || rest.dtype == DType::f8_e4m3 ? Storage{Scheme::none, DType::bf16} : rest;
  const auto floats = [](int64_t n) { return n * size_of(DType::f32); };
  const auto mlp = [&](const Storage& how, int64_t inner) {
    return 2 * how.bytes(inner, h) + how.bytes(h, inner);
  };
  Residents r;
  r.add(kEmbedding, plain.bytes(c.vocab_size, h));
  // A packed model has a head of its own also where it is the embedding.
  if (quantised || !c.tie_word_embeddings) r.add(kHead, (quantised ? rest : plain).bytes(c.vocab_size, h));
  r.add(kNorms, floats(h));
  for (int64_t layer = 0; layer < c.n_layers; ++layer) {
    const int64_t q_rows = c.n_heads * c.qk_dim();
    r.add(kAttention, c.q_lora_rank == 0 ? rest.bytes(q_rows, h)
                                         : rest.bytes(c.q_lora_rank, h) + floats(c.q_lora_rank) +
                                               rest.bytes(q_rows, c.q_lora_rank));
    r.add(kAttention, rest.bytes(c.kv_width(), h) + floats(c.kv_lora_rank));
    const bool packs = quantised && packs_kv_b(c);
    const Storage kv_b = packs ? Storage{kKvBScheme, DType::u8} : quantised ? plain : rest;
    r.add(kAttention, kv_b.bytes(c.n_heads * (c.qk_nope_dim + c.v_dim), c.kv_lora_rank));
    if (packs) {
      const int64_t keys = kv_b.bytes(c.n_heads * c.kv_lora_rank, c.qk_nope_dim);
      r.add(kAttention, keys);
      m.keys_twice += keys;
    }
    r.add(kAttention, rest.bytes(h, c.n_heads * c.v_dim));
    r.add(kNorms, floats(2 * h));
    if (!c.is_moe(layer)) {
      r.add(kDense, mlp(rest, c.intermediate_size));
      continue;
    }
    ++m.sizes.moe_layers;
    if (c.has_post_mlp_norm) r.add(kNorms, floats(h));
    r.add(kRouters, floats(c.n_routed_experts * h));
    if (quantised || c.model_type == "deepseek_v3") r.add(kRouters, floats(c.n_routed_experts));
    if (c.n_shared_experts > 0) r.add(kShared, mlp(rest, c.moe_intermediate_size * c.n_shared_experts));
  }
  ModelSizes& s = m.sizes;
  s.resident = r.list();
  m.file_bytes = s.resident_bytes();
  if (s.moe_layers == 0) return m;
  s.experts_per_layer = c.n_routed_experts;
  s.experts_per_token = c.n_experts_per_token;
  s.slot_bytes = whole_extents(mlp(experts, c.moe_intermediate_size));
  m.one_read = experts.scheme != Scheme::none;
  s.expert_read_bytes = m.one_read ? s.slot_bytes : mlp(experts, c.moe_intermediate_size);
  m.experts = experts.name();
  m.file_bytes += s.experts() * s.expert_read_bytes;
  return m;
}

}  // namespace jaju
