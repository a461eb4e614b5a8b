#include "model/weights.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include "base/utf8.h"
#include "formats/safetensors.h"
#include "model/fp4_tensors.h"
#include "model/packed_names.h"

namespace jaju {
namespace {

enum Group : size_t {
  kEmbedding,
  kAttention,
  kDenseMlp,
  kRouted,
  kShared,
  kRouters,
  kNorms,
  kHead,
  kMtp,
  kGroups
};
constexpr std::array<const char*, kGroups> kGroupNames = {"embedding",      "attention",      "dense mlp",
                                                          "routed experts", "shared experts", "routers",
                                                          "norms",          "head",           "mtp"};

struct Tally {
  int64_t tensors = 0;
  int64_t parameters = 0;
  std::map<std::string_view, int64_t> bytes;  // by dtype or scheme
};

constexpr int64_t blocks(int64_t n) {
  return (n + Matrix::kScaleBlock - 1) / Matrix::kScaleBlock;
}

// K of "model.layers.K.…", or -1.
int64_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return -1;
  name.remove_prefix(kPrefix.size());
  int64_t layer = -1;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), layer);
  const bool followed_by_dot = failed == std::errc() && end != name.data() + name.size() && *end == '.';
  return followed_by_dot && layer >= 0 && layer < 1'000'000 ? layer : -1;
}

// The scheme at the end of a packed tensor's name.
Scheme scheme_of(std::string_view name) {
  for (const Scheme scheme : kSchemes) {
    const std::string_view end = name_of(scheme);
    if (name.ends_with(end) && name.size() > end.size() && name[name.size() - end.size() - 1] == '.')
      return scheme;
  }
  return Scheme::none;
}

Matrix packed_matrix(const std::byte* data, Scheme scheme, int64_t rows, int64_t cols) {
  Matrix m;
  m.data = data;
  m.dtype = DType::u8;
  m.scheme = scheme;
  m.rows = rows;
  m.cols = cols;
  return m;
}

// Collects what is wrong, so that one message can tell all of it.
class Problems {
 public:
  void add(std::string problem) {
    if (++count_ <= kShown) text_ += (text_.empty() ? "" : "; ") + problem;
  }
  bool none() const { return count_ == 0; }
  Status message(const std::string& where) const {
    const std::string rest = count_ > kShown ? fmt::format("; and {} more", count_ - kShown) : "";
    return error("{}: the weights do not fit config.json: {}{}; take both from the same complete download",
                 where, text_, rest);
  }

 private:
  static constexpr int64_t kShown = 10;
  int64_t count_ = 0;
  std::string text_;
};

// Hands out tensors by name with the shape the config asks for; remembers which were taken.
// A tensor that is missing or wrong is noted and comes back empty: load() fails at the end.
class Loader {
 public:
  Loader(const Checkpoint& checkpoint, const ModelConfig& config)
      : checkpoint_(checkpoint), config_(config), taken_(checkpoint.tensors().size(), false) {}

  LayerWeights layer(int64_t index, bool is_moe);
  MtpWeights mtp_block(int64_t index, const Matrix& embed, const Matrix& head);
  // Packed or as the checkpoint has it.
  Matrix matrix(const std::string& name, int64_t rows, int64_t cols, Group group);
  // Read by rows, so never packed.
  Matrix plain_matrix(const std::string& name, int64_t rows, int64_t cols, Group group) {
    const auto fp4 = find_fp4(checkpoint_, name);
    return fp4 ? fp4_stack(*fp4, 1, rows, cols, group).first : stack(name, {rows, cols}, group).first;
  }
  Vector vector(const std::string& name, std::vector<int64_t> shape, Group group);
  bool has(const std::string& name) const { return checkpoint_.find(name) != nullptr; }
  Scheme packed_as(const std::string& name) const;
  // Takes a tensor that is in the file but that nothing reads.
  void set_aside(const std::string& name, Group group, bool counts = true);
  // Notes every tensor nobody asked for.
  void note_unknown();

  Problems problems;
  std::array<Tally, kGroups> tallies;
  std::vector<Vector> converted_scales;
  bool found_packed = false;
  std::string first_fp4;  // of the tensors in four-bit floats

 private:
  // n matrices behind one another: one tensor (n, rows, cols), or (rows, cols) when flat.
  struct Stack {
    Matrix first;  // of the first matrix; empty when something was wrong
    int64_t scales_each = 0;
    Matrix at(int64_t i) const;
  };

  const StoredTensor* take(const std::string& name, const std::vector<int64_t>& shape, Group group);
  Stack stack(const std::string& name, std::vector<int64_t> shape, Group group);
  // For n of 1, one tensor of (rows, ...).
  Stack fp4_stack(const Fp4Names& names, int64_t n, int64_t rows, int64_t cols, Group group);
  float fp4_factor(const Fp4Names& names, Group group);
  const float* scales(const std::string& name, std::vector<int64_t> shape, Group group);
  const std::byte* packed(const std::string& name, Scheme scheme, int64_t bytes, Group group);
  void packed_experts(const std::string& prefix, Scheme scheme, std::vector<MlpWeights>& experts);
  AttentionWeights attention(const std::string& prefix);
  MlpWeights mlp(const std::string& prefix, int64_t inner, Group group);
  MoeWeights moe(const std::string& prefix);
  void fused_experts(const std::string& prefix, std::vector<MlpWeights>& experts);
  void split_experts(const std::string& prefix, std::vector<MlpWeights>& experts);
  Tally& tally(Group group) { return tallies[in_mtp_ ? kMtp : group]; }
  size_t position(const StoredTensor* t) const {
    return static_cast<size_t>(t - checkpoint_.tensors().data());
  }

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  std::vector<bool> taken_;
  bool in_mtp_ = false;
};

Matrix Loader::Stack::at(int64_t i) const {
  Matrix m = first;
  if (m.empty()) return m;
  m.data = static_cast<const std::byte*>(m.data) + i * m.bytes();
  if (m.block_scales != nullptr) m.block_scales += i * scales_each;
  if (m.fp4_scales != nullptr) m.fp4_scales += i * scales_each;
  return m;
}

const StoredTensor* Loader::take(const std::string& name, const std::vector<int64_t>& shape, Group group) {
  const StoredTensor* t = checkpoint_.find(name);
  if (t == nullptr) {
    problems.add(fmt::format("missing '{}'", name));
    return nullptr;
  }
  taken_[position(t)] = true;
  Tally& count = tally(group);
  ++count.tensors;
  const Scheme scheme = scheme_of(name);
  count.bytes[scheme != Scheme::none ? name_of(scheme) : name_of(t->info.dtype)] += t->info.bytes;
  if (t->info.shape == shape) return t;
  problems.add(fmt::format("'{}' is {}, expected {}", name, shape_text(t->info.shape), shape_text(shape)));
  return nullptr;
}

void Loader::set_aside(const std::string& name, Group group, bool counts) {
  const StoredTensor* t = checkpoint_.find(name);
  if (t == nullptr) return;
  take(name, t->info.shape, group);
  if (counts) tally(group).parameters += t->info.elements;
}

Vector Loader::vector(const std::string& name, std::vector<int64_t> shape, Group group) {
  const StoredTensor* t = take(name, shape, group);
  if (t == nullptr) return {};
  if (!is_weight_type(t->info.dtype) || t->info.dtype == DType::f8_e4m3) {
    problems.add(fmt::format("'{}' is {}, it must be F32, F16 or BF16", name, name_of(t->info.dtype)));
    return {};
  }
  tally(group).parameters += t->info.elements;
  Vector values(static_cast<size_t>(t->info.elements));
  for (int64_t i = 0; i < t->info.elements; ++i) {
    values[static_cast<size_t>(i)] = load_as_f32(t->data, t->info.dtype, i);
  }
  return values;
}

// Scales are read through a float pointer: used in place when they are F32 and aligned, else copied.
const float* Loader::scales(const std::string& name, std::vector<int64_t> shape, Group group) {
  const StoredTensor* t = take(name, shape, group);
  if (t == nullptr) return nullptr;
  if (t->info.dtype != DType::f32 && t->info.dtype != DType::bf16) {
    problems.add(fmt::format("'{}' is {}, scales must be F32 or BF16", name, name_of(t->info.dtype)));
    return nullptr;
  }
  if (t->info.dtype == DType::f32 && reinterpret_cast<uintptr_t>(t->data) % alignof(float) == 0) {
    return reinterpret_cast<const float*>(t->data);
  }
  Vector& copy = converted_scales.emplace_back(static_cast<size_t>(t->info.elements));
  for (int64_t i = 0; i < t->info.elements; ++i) {
    copy[static_cast<size_t>(i)] = load_as_f32(t->data, t->info.dtype, i);
  }
  return copy.data();
}

Loader::Stack Loader::stack(const std::string& name, std::vector<int64_t> shape, Group group) {
  const StoredTensor* t = take(name, shape, group);
  if (t == nullptr) return {};
  const DType dtype = t->info.dtype;
  if (!is_weight_type(dtype)) {
    problems.add(fmt::format("'{}' is {}, a weight must be F32, F16, BF16 or F8_E4M3", name, name_of(dtype)));
    return {};
  }
  tally(group).parameters += t->info.elements;
  Stack s;
  const int64_t rows = shape[shape.size() - 2];
  const int64_t cols = shape[shape.size() - 1];
  s.first.dtype = dtype;
  s.first.rows = rows;
  s.first.cols = cols;
  if (dtype == DType::f8_e4m3) {
    s.scales_each = blocks(rows) * blocks(cols);
    shape[shape.size() - 2] = blocks(rows);
    shape[shape.size() - 1] = blocks(cols);
    s.first.block_scales = scales(name + "_scale_inv", shape, group);
    if (s.first.block_scales == nullptr) return {};
  }
  s.first.data = t->data;
  return s;
}

// What all numbers of a matrix are multiplied by; 0: something was wrong.
float Loader::fp4_factor(const Fp4Names& names, Group group) {
  if (names.factor.empty()) return 1;
  const StoredTensor* t = checkpoint_.find(names.factor);
  t = take(names.factor, t != nullptr && t->info.elements == 1 ? t->info.shape : std::vector<int64_t>{1},
           group);
  if (t == nullptr) return 0;
  const float value = t->info.dtype == DType::f32 ? load_as_f32(t->data, DType::f32, 0) : 0.0f;
  const float factor = names.divides ? 1.0f / value : value;
  if (value > 0 && factor > 0 && std::isfinite(factor)) return factor;
  problems.add(fmt::format("'{}' must be F32, above zero and finite", names.factor));
  return 0;
}

Loader::Stack Loader::fp4_stack(const Fp4Names& names, int64_t n, int64_t rows, int64_t cols, Group group) {
  const int64_t width = fp4_group(names.scheme);
  if (cols % width != 0) {
    problems.add(fmt::format("'{}' must have whole groups of {} columns, not {}", names.codes, width, cols));
    return {};
  }
  const bool stacked = names.codes.ends_with("_blocks");
  using Shape = std::vector<int64_t>;
  const StoredTensor* codes =
      take(names.codes, stacked ? Shape{n, rows, cols / width, width / 2} : Shape{rows, cols / 2}, group);
  const StoredTensor* scales =
      take(names.scales, stacked ? Shape{n, rows, cols / width} : Shape{rows, cols / width}, group);
  const float factor = fp4_factor(names, group);
  for (const std::string& name : names.unused) set_aside(name, group, false);
  if (codes == nullptr || scales == nullptr || factor == 0) return {};
  const DType want = names.scheme == Scheme::mxfp4 ? DType::u8 : DType::f8_e4m3;
  if (scales->info.dtype != want) {
    problems.add(
        fmt::format("'{}' is {}, it must be {}", names.scales, name_of(scales->info.dtype), name_of(want)));
    return {};
  }
  if (first_fp4.empty()) first_fp4 = names.codes;
  tally(group).parameters += n * rows * cols;
  Stack s;
  s.first.data = codes->data;
  s.first.dtype = DType::u8;
  s.first.scheme = names.scheme;
  s.first.rows = rows;
  s.first.cols = cols;
  s.first.fp4_scales = reinterpret_cast<const uint8_t*>(scales->data);
  s.first.fp4_factor = factor;
  s.scales_each = rows * (cols / width);
  return s;
}

Matrix Loader::matrix(const std::string& name, int64_t rows, int64_t cols, Group group) {
  const Scheme scheme = packed_as(name);
  if (scheme == Scheme::none) return plain_matrix(name, rows, cols, group);
  const std::byte* const data = packed(name, scheme, packed_bytes(scheme, rows, cols), group);
  if (data == nullptr) return {};
  tally(group).parameters += rows * cols;
  return packed_matrix(data, scheme, rows, cols);
}

// The scheme that "name.q4" and so on is stored in; none: it is not there.
Scheme Loader::packed_as(const std::string& name) const {
  for (const Scheme scheme : kSchemes) {
    if (has(packed_name(name, scheme))) return scheme;
  }
  return Scheme::none;
}

const std::byte* Loader::packed(const std::string& name, Scheme scheme, int64_t bytes, Group group) {
  found_packed = true;
  const StoredTensor* t = take(packed_name(name, scheme), {bytes}, group);
  if (t == nullptr) return nullptr;
  if (t->info.dtype == DType::u8) return t->data;
  problems.add(fmt::format("'{}' is {}, it must be U8", t->info.name, name_of(t->info.dtype)));
  return nullptr;
}

AttentionWeights Loader::attention(const std::string& prefix) {
  const ModelConfig& c = config_;
  AttentionWeights a;
  if (c.q_lora_rank == 0) {
    a.q = matrix(prefix + "q_proj.weight", c.n_heads * c.qk_dim(), c.hidden_size, kAttention);
  } else {
    a.q_a = matrix(prefix + "q_a_proj.weight", c.q_lora_rank, c.hidden_size, kAttention);
    a.q_a_norm = vector(prefix + "q_a_layernorm.weight", {c.q_lora_rank}, kAttention);
    a.q_b = matrix(prefix + "q_b_proj.weight", c.n_heads * c.qk_dim(), c.q_lora_rank, kAttention);
  }
  a.kv_a = matrix(prefix + "kv_a_proj_with_mqa.weight", c.kv_width(), c.hidden_size, kAttention);
  a.kv_a_norm = vector(prefix + "kv_a_layernorm.weight", {c.kv_lora_rank}, kAttention);
  a.kv_b =
      matrix(prefix + "kv_b_proj.weight", c.n_heads * (c.qk_nope_dim + c.v_dim), c.kv_lora_rank, kAttention);
  if (a.kv_b.packed()) {
    if (!packs_kv_b(c)) {
      problems.add(fmt::format(
          "'{}kv_b_proj.weight' is packed, which it cannot be with heads of {} and {} rows and {} columns: "
          "pack the model again",
          prefix, c.qk_nope_dim, c.v_dim, c.kv_lora_rank));
    }
    if (a.kv_b.scheme != kKvBScheme) {
      problems.add(fmt::format("'{}kv_b_proj.weight' is in {}, it must be in {}: pack the model again",
                               prefix, name_of(a.kv_b.scheme), name_of(kKvBScheme)));
    }
    const std::string keys = prefix + "k_b_proj.weight";
    if (packed_as(keys) != kKvBScheme) {
      problems.add(fmt::format("missing '{}', which belongs to a packed kv_b_proj: pack the model again",
                               packed_name(keys, kKvBScheme)));
    } else {
      a.k_b = matrix(keys, c.n_heads * c.kv_lora_rank, c.qk_nope_dim, kAttention);
      tally(kAttention).parameters -= a.k_b.rows * a.k_b.cols;  // kv_b's own
    }
  }
  a.o = matrix(prefix + "o_proj.weight", c.hidden_size, c.n_heads * c.v_dim, kAttention);
  return a;
}

MlpWeights Loader::mlp(const std::string& prefix, int64_t inner, Group group) {
  MlpWeights m;
  m.gate = matrix(prefix + "gate_proj.weight", inner, config_.hidden_size, group);
  m.up = matrix(prefix + "up_proj.weight", inner, config_.hidden_size, group);
  m.down = matrix(prefix + "down_proj.weight", config_.hidden_size, inner, group);
  return m;
}

// Current revision: (experts, 2 inner, hidden) with gate rows first, and (experts, hidden, inner).
void Loader::fused_experts(const std::string& prefix, std::vector<MlpWeights>& experts) {
  const int64_t n = config_.n_routed_experts;
  const int64_t inner = config_.moe_intermediate_size;
  const auto either = [&](const std::string& name, int64_t rows, int64_t cols) {
    const auto fp4 = find_stacked_fp4(checkpoint_, name);
    return fp4 ? fp4_stack(*fp4, n, rows, cols, kRouted) : stack(name, {n, rows, cols}, kRouted);
  };
  const Stack gate_up = either(prefix + "gate_up_proj", 2 * inner, config_.hidden_size);
  const Stack down = either(prefix + "down_proj", config_.hidden_size, inner);
  if (gate_up.first.empty() || down.first.empty()) return;
  experts.reserve(static_cast<size_t>(n));
  for (int64_t e = 0; e < n; ++e) {
    const Matrix both = gate_up.at(e);
    experts.push_back({both.slice_rows(0, inner), both.slice_rows(inner, inner), down.at(e)});
  }
}

// A packed model: one extent per expert.
void Loader::packed_experts(const std::string& prefix, Scheme scheme, std::vector<MlpWeights>& experts) {
  const int64_t inner = config_.moe_intermediate_size;
  const int64_t hidden = config_.hidden_size;
  for (int64_t e = 0; e < config_.n_routed_experts; ++e) {
    const std::string name = fmt::format("{}{}", prefix, e);
    if (!has(packed_name(name, scheme))) {
      return problems.add(
          fmt::format("missing '{}' of {} experts", packed_name(name, scheme), config_.n_routed_experts));
    }
    const std::byte* const gate = packed(name, scheme, expert_extent_bytes(scheme, inner, hidden), kRouted);
    if (gate == nullptr) return;
    tally(kRouted).parameters += 3 * inner * hidden;
    const int64_t each = packed_bytes(scheme, inner, hidden);
    experts.push_back({packed_matrix(gate, scheme, inner, hidden),
                       packed_matrix(gate + each, scheme, inner, hidden),
                       packed_matrix(gate + 2 * each, scheme, hidden, inner)});
  }
}

// First revision: three matrices per expert. Stops at the first absent expert: the count in the config must
// not decide how much is allocated or how long the message gets.
void Loader::split_experts(const std::string& prefix, std::vector<MlpWeights>& experts) {
  for (int64_t e = 0; e < config_.n_routed_experts; ++e) {
    const std::string name = fmt::format("{}{}.", prefix, e);
    if (!has(name + "gate_proj.weight") && !has(name + "up_proj.weight") && !has(name + "down_proj.weight") &&
        !has(name + "gate_proj.weight_packed")) {
      problems.add(e == 0 ? fmt::format("missing '{0}gate_up_proj' or '{0}0.gate_proj.weight'", prefix)
                          : fmt::format("missing '{}*' of {} experts", name, config_.n_routed_experts));
      return;
    }
    experts.push_back(mlp(name, config_.moe_intermediate_size, kRouted));
  }
}

MoeWeights Loader::moe(const std::string& prefix) {
  const ModelConfig& c = config_;
  MoeWeights m;
  m.router = vector(prefix + "gate.weight", {c.n_routed_experts, c.hidden_size}, kRouters);
  const std::string bias = prefix + "gate.e_score_correction_bias";
  if (has(bias)) {
    m.router_bias = vector(bias, {c.n_routed_experts}, kRouters);
  } else if (!m.router.empty()) {  // then n_routed_experts is what the file says, too
    m.router_bias.assign(static_cast<size_t>(c.n_routed_experts), 0.0f);
  }
  const std::string experts = prefix + "experts.";
  if (const Scheme scheme = packed_as(experts + "0"); scheme != Scheme::none) {
    packed_experts(experts, scheme, m.experts);
  } else if (has(experts + "gate_up_proj") || has(experts + "down_proj") ||
             has(experts + "gate_up_proj_blocks") || has(experts + "down_proj_blocks")) {
    fused_experts(experts, m.experts);
  } else {
    split_experts(experts, m.experts);
  }
  if (c.n_shared_experts > 0) {
    m.shared = mlp(prefix + "shared_experts.", c.moe_intermediate_size * c.n_shared_experts, kShared);
  }
  return m;
}

LayerWeights Loader::layer(int64_t index, bool is_moe) {
  const std::string prefix = fmt::format("model.layers.{}.", index);
  const std::vector<int64_t> hidden = {config_.hidden_size};
  LayerWeights w;
  w.is_moe = is_moe;
  w.input_norm = vector(prefix + "input_layernorm.weight", hidden, kNorms);
  w.attention = attention(prefix + "self_attn.");
  w.post_attention_norm = vector(prefix + "post_attention_layernorm.weight", hidden, kNorms);
  if (is_moe) {
    w.moe = moe(prefix + "mlp.");
  } else {
    w.dense = mlp(prefix + "mlp.", config_.intermediate_size, kDenseMlp);
  }
  if (!config_.has_post_mlp_norm) return w;
  // transformers moves the norm into the mlp when it saves. On a dense layer it is in the file but nothing
  // applies it (facts: the release has one on layer 0).
  std::string norm = prefix + "post_mlp_layernorm.weight";
  const std::string moved = prefix + "mlp.post_mlp_layernorm.weight";
  if (!has(norm) && has(moved)) norm = moved;
  if (is_moe) {
    w.post_mlp_norm = vector(norm, hidden, kNorms);
  } else {
    set_aside(norm, kNorms);
  }
  return w;
}

MtpWeights Loader::mtp_block(int64_t index, const Matrix& embed, const Matrix& head) {
  in_mtp_ = true;
  const int64_t hidden = config_.hidden_size;
  const std::string prefix = fmt::format("model.layers.{}.", index);
  MtpWeights w;
  w.embedding_norm = vector(prefix + "enorm.weight", {hidden}, kMtp);
  w.hidden_norm = vector(prefix + "hnorm.weight", {hidden}, kMtp);
  w.projection = matrix(prefix + "eh_proj.weight", hidden, 2 * hidden, kMtp);
  w.layer = layer(index, true);
  w.final_norm = vector(prefix + "shared_head.norm.weight", {hidden}, kMtp);
  const std::string own_embed = prefix + "embed_tokens.weight";
  const std::string own_head = prefix + "shared_head.head.weight";
  w.embed = has(own_embed) ? plain_matrix(own_embed, config_.vocab_size, hidden, kMtp) : embed;
  w.head = has(own_head) || packed_as(own_head) != Scheme::none
               ? matrix(own_head, config_.vocab_size, hidden, kMtp)
               : head;
  in_mtp_ = false;
  return w;
}

void Loader::note_unknown() {
  const int64_t first_spare = config_.n_layers + 1;  // MTP blocks behind the first: allowed, unused
  const int64_t end_spare = config_.n_layers + config_.n_mtp_layers;
  for (const StoredTensor& t : checkpoint_.tensors()) {
    if (taken_[position(&t)]) continue;
    const int64_t layer = layer_of(t.info.name);
    if (layer >= first_spare && layer < end_spare) {
      set_aside(t.info.name, kMtp);
    } else if (!t.info.name.ends_with("rotary_emb.inv_freq")) {  // a table older exporters left behind
      problems.add(fmt::format("unknown '{}'", printable(t.info.name)));
    }
  }
}

std::vector<TensorGroup> groups_of(const std::array<Tally, kGroups>& tallies) {
  std::vector<TensorGroup> groups;
  for (size_t g = 0; g < kGroups; ++g) {
    const Tally& tally = tallies[g];
    if (tally.tensors == 0) continue;
    TensorGroup group{kGroupNames[g], "", tally.tensors, tally.parameters, 0};
    std::vector<std::pair<int64_t, std::string_view>> by_size;
    for (const auto& [dtype, bytes] : tally.bytes) by_size.emplace_back(-bytes, dtype);
    std::sort(by_size.begin(), by_size.end());
    for (const auto& [minus_bytes, dtype] : by_size) {
      group.bytes -= minus_bytes;
      group.dtypes += fmt::format("{}{}", group.dtypes.empty() ? "" : "+", dtype);
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

ParameterCount count_of(const std::array<Tally, kGroups>& tallies, const ModelConfig& c,
                        const std::vector<LayerWeights>& layers) {
  ParameterCount count;
  count.embedding = tallies[kEmbedding].parameters;
  count.head = tallies[kHead].parameters;
  count.attention = tallies[kAttention].parameters;
  count.dense_mlp = tallies[kDenseMlp].parameters;
  count.routed_experts = tallies[kRouted].parameters;
  count.shared_experts = tallies[kShared].parameters;
  count.routers = tallies[kRouters].parameters;
  count.norms = tallies[kNorms].parameters;
  count.mtp = tallies[kMtp].parameters;
  const auto n_moe =
      std::count_if(layers.begin(), layers.end(), [](const LayerWeights& l) { return l.is_moe; });
  const int64_t unvisited = c.n_routed_experts - c.n_experts_per_token;
  count.active = count.total() - n_moe * unvisited * 3 * c.hidden_size * c.moe_intermediate_size;
  return count;
}

}  // namespace

Result<std::unique_ptr<Weights>> Weights::load(const std::filesystem::path& dir, const ModelConfig& config,
                                               StoredFp4 fp4) {
  std::unique_ptr<Weights> w(new Weights);
  JAJU_ASSIGN(w->checkpoint_, Checkpoint::open(dir));
  const Checkpoint& checkpoint = *w->checkpoint_;
  int64_t n_stored = 0;
  bool has_mtp = false;
  for (const StoredTensor& t : checkpoint.tensors()) {
    const int64_t layer = layer_of(t.info.name);
    n_stored = std::max(n_stored, layer + 1);
    has_mtp = has_mtp || layer == config.n_layers;
  }
  if (n_stored < config.n_layers) {
    return error(
        "{}: config.json announces {} layers, the weights hold {}: take both from the same complete download",
        dir.string(), config.n_layers, n_stored);
  }

  Loader loader(checkpoint, config);
  const std::string head = "lm_head.weight";
  w->embed =
      loader.plain_matrix("model.embed_tokens.weight", config.vocab_size, config.hidden_size, kEmbedding);
  for (int64_t i = 0; i < config.n_layers; ++i) w->layers.push_back(loader.layer(i, config.is_moe(i)));
  w->final_norm = loader.vector("model.norm.weight", {config.hidden_size}, kNorms);
  if (config.tie_word_embeddings) {
    w->head = w->embed;                            // a copy in the file is not used, as in transformers
    if (loader.packed_as(head) != Scheme::none) {  // but a packed model's is: the same values, read faster
      w->head = loader.matrix(head, config.vocab_size, config.hidden_size, kHead);
      loader.tallies[kHead].parameters = 0;
    } else if (loader.has(head)) {
      loader.matrix(head, config.vocab_size, config.hidden_size, kHead);
    }
  } else {
    w->head = loader.matrix(head, config.vocab_size, config.hidden_size, kHead);
  }
  if (has_mtp) w->mtp = loader.mtp_block(config.n_layers, w->embed, w->head);
  loader.note_unknown();
  if (!loader.problems.none()) return loader.problems.message(dir.string());
  if (!loader.first_fp4.empty() && fp4 == StoredFp4::refused) {
    return error(
        "{0}: '{1}' is in four-bit floats, which run packed: `jaju pack {0} --to DIR` keeps every number",
        dir.string(), loader.first_fp4);
  }

  w->packed = loader.found_packed;
  w->converted_scales_ = std::move(loader.converted_scales);
  w->parameters = count_of(loader.tallies, config, w->layers);
  w->groups = groups_of(loader.tallies);
  JAJU_RETURN_IF_ERROR(w->intact());
  checkpoint.forget_pages();  // of headers and vectors, which were copied
  return w;
}

}  // namespace jaju
