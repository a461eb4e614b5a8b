#include "model/synthetic_checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/check.h"
#include "base/split_mix.h"
#include "formats/safetensors_writer.h"

namespace jaju {
namespace {

// A random finite, positive or negative value of the type, of moderate size: sign and mantissa are random,
// the exponent is one of two next to that of 1.0.
uint64_t random_bits(DType dtype, uint64_t r) {
  switch (dtype) {
    case DType::f32:
      return (r & 0x80ffffffu) | 0x3f000000u;
    case DType::f16:
      return (r & 0x87ffu) | 0x3800u;
    case DType::bf16:
      return (r & 0x80ffu) | 0x3f00u;
    case DType::f8_e4m3:
      return (r & 0x8fu) | 0x30u;
    default:
      return r & 1u;
  }
}

}  // namespace

SyntheticCheckpoint::SyntheticCheckpoint(const ModelConfig& c, const SyntheticOptions& options)
    : options_(options) {
  matrix("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  for (int64_t i = 0; i < c.n_layers; ++i) layer(c, fmt::format("model.layers.{}.", i), c.is_moe(i));
  norm("model.norm", c.hidden_size);
  if (!c.tie_word_embeddings) matrix("lm_head.weight", {c.vocab_size, c.hidden_size});
  if (!options.mtp) return;
  const std::string prefix = fmt::format("model.layers.{}.", c.n_layers);
  norm(prefix + "enorm", c.hidden_size);
  norm(prefix + "hnorm", c.hidden_size);
  norm(prefix + "shared_head.norm", c.hidden_size);
  matrix(prefix + "eh_proj.weight", {c.hidden_size, 2 * c.hidden_size});
  layer(c, prefix, true);
}

void SyntheticCheckpoint::layer(const ModelConfig& c, const std::string& prefix, bool is_moe) {
  const int64_t h = c.hidden_size;
  const std::string a = prefix + "self_attn.";
  norm(prefix + "input_layernorm", h);
  if (c.q_lora_rank == 0) {
    matrix(a + "q_proj.weight", {c.n_heads * c.qk_dim(), h});
  } else {
    matrix(a + "q_a_proj.weight", {c.q_lora_rank, h});
    norm(a + "q_a_layernorm", c.q_lora_rank);
    matrix(a + "q_b_proj.weight", {c.n_heads * c.qk_dim(), c.q_lora_rank});
  }
  matrix(a + "kv_a_proj_with_mqa.weight", {c.kv_width(), h});
  norm(a + "kv_a_layernorm", c.kv_lora_rank);
  matrix(a + "kv_b_proj.weight", {c.n_heads * (c.qk_nope_dim + c.v_dim), c.kv_lora_rank});
  matrix(a + "o_proj.weight", {h, c.n_heads * c.v_dim});
  norm(prefix + "post_attention_layernorm", h);
  if (c.has_post_mlp_norm) norm(prefix + "post_mlp_layernorm", h);
  if (!is_moe) {
    mlp(prefix + "mlp.", c.intermediate_size);
    return;
  }
  add(prefix + "mlp.gate.weight", DType::f32, {c.n_routed_experts, h});
  if (options_.router_bias)
    add(prefix + "mlp.gate.e_score_correction_bias", DType::f32, {c.n_routed_experts});
  const int64_t inner = c.moe_intermediate_size;
  const std::string experts = prefix + "mlp.experts.";
  if (options_.fused) {
    matrix(experts + "gate_up_proj", {c.n_routed_experts, 2 * inner, h});
    matrix(experts + "down_proj", {c.n_routed_experts, h, inner});
  } else {
    for (int64_t e = 0; e < c.n_routed_experts; ++e) mlp(fmt::format("{}{}.", experts, e), inner);
  }
  if (c.n_shared_experts > 0) mlp(prefix + "mlp.shared_experts.", inner * c.n_shared_experts);
}

void SyntheticCheckpoint::mlp(const std::string& prefix, int64_t inner) {
  const int64_t h = tensors.front().shape[1];  // of the embedding
  matrix(prefix + "gate_proj.weight", {inner, h});
  matrix(prefix + "up_proj.weight", {inner, h});
  matrix(prefix + "down_proj.weight", {h, inner});
}

void SyntheticCheckpoint::matrix(const std::string& name, std::vector<int64_t> shape) {
  add(name, options_.dtype, shape);
  if (options_.dtype != DType::f8_e4m3) return;
  for (size_t i = shape.size() - 2; i < shape.size(); ++i) shape[i] = (shape[i] + 127) / 128;
  add(name + "_scale_inv", options_.scale_dtype, shape);
  const auto width = static_cast<size_t>(size_of(options_.scale_dtype));
  std::vector<std::byte>& bytes = tensors.back().bytes;  // little-endian: the sign is in the last byte
  for (size_t i = width - 1; i < bytes.size(); i += width) bytes[i] &= std::byte{0x7f};
}

void SyntheticCheckpoint::add(const std::string& name, DType dtype, std::vector<int64_t> shape) {
  int64_t n = 1;
  for (const int64_t dim : shape) n *= dim;
  SyntheticTensor t{name, dtype, std::move(shape), {}};
  const auto width = static_cast<size_t>(size_of(dtype));
  if (!options_.sparse) t.bytes.resize(static_cast<size_t>(n) * width);
  for (size_t i = 0; i < t.bytes.size(); i += width) {
    const uint64_t bits = random_bits(dtype, split_mix64(state_));
    std::memcpy(t.bytes.data() + i, &bits, width);
  }
  tensors.push_back(std::move(t));
}

SyntheticTensor& SyntheticCheckpoint::at(const std::string& name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == name; });
  JAJU_CHECK(found != tensors.end());
  return *found;
}

void SyntheticCheckpoint::calm_routers() {
  for (SyntheticTensor& t : tensors) {
    if (!t.name.ends_with("mlp.gate.weight")) continue;
    for (size_t i = 0; i < t.bytes.size(); i += sizeof(float)) {
      float value;
      std::memcpy(&value, t.bytes.data() + i, sizeof value);
      value /= 64;
      std::memcpy(t.bytes.data() + i, &value, sizeof value);
    }
  }
}

void SyntheticCheckpoint::remove(const std::string& name) {
  const size_t removed = std::erase_if(tensors, [&](const auto& t) { return t.name == name; });
  JAJU_CHECK(removed == 1);
}

void SyntheticCheckpoint::write(const std::filesystem::path& dir, int shards) const {
  if (options_.sparse) return write_sparse(dir / "model.safetensors");
  std::vector<std::pair<std::string, std::string>> weight_map;
  int64_t total = 0;
  for (int shard = 0; shard < shards; ++shard) {
    const std::string file = shards == 1 ? "model.safetensors" : fmt::format("part-{}.safetensors", shard);
    std::vector<const SyntheticTensor*> mine;
    std::vector<TensorSpec> specs;
    for (size_t i = static_cast<size_t>(shard); i < tensors.size(); i += static_cast<size_t>(shards)) {
      mine.push_back(&tensors[i]);
      specs.push_back({tensors[i].name, tensors[i].dtype, tensors[i].shape});
      weight_map.emplace_back(tensors[i].name, file);
    }
    auto writer = SafetensorsWriter::create(dir / file, specs);
    ASSERT_TRUE(writer.ok()) << writer.message();
    for (const SyntheticTensor* t : mine) {
      const Status appended = (*writer)->append(t->bytes.data(), static_cast<int64_t>(t->bytes.size()));
      ASSERT_TRUE(appended.ok()) << appended.message();
      total += static_cast<int64_t>(t->bytes.size());
    }
    const Status finished = (*writer)->finish();
    ASSERT_TRUE(finished.ok()) << finished.message();
  }
  if (shards == 1) return;
  const Status indexed = write_safetensors_index(dir, weight_map, total);
  ASSERT_TRUE(indexed.ok()) << indexed.message();
}

void SyntheticCheckpoint::write_sparse(const std::filesystem::path& file) const {
  std::string header = "{";
  int64_t offset = 0;
  for (const SyntheticTensor& t : tensors) {
    int64_t bytes = size_of(t.dtype);
    for (const int64_t dim : t.shape) bytes *= dim;
    header += fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                          header.size() == 1 ? "" : ",", t.name, name_of(t.dtype), fmt::join(t.shape, ","),
                          offset, offset + bytes);
    offset += bytes;
  }
  header += "}";
  std::ofstream out(file, std::ios::binary);
  for (int i = 0; i < 8; ++i) out.put(static_cast<char>(header.size() >> (8 * i) & 0xff));
  out << header;
  out.close();
  ASSERT_TRUE(out.good());
  std::filesystem::resize_file(file, 8 + header.size() + static_cast<uint64_t>(offset));
}

ModelConfig odd_config() {
  ModelConfig c;
  c.vocab_size = 150;
  c.hidden_size = 168;
  c.intermediate_size = 200;
  c.moe_intermediate_size = 72;
  c.n_layers = 3;
  c.n_heads = 5;
  c.max_context = 512;
  c.q_lora_rank = 136;
  c.kv_lora_rank = 132;
  c.qk_nope_dim = 20;
  c.qk_rope_dim = 12;
  c.v_dim = 18;
  c.n_routed_experts = 8;
  c.n_experts_per_token = 3;
  c.n_group = 4;
  c.topk_group = 2;
  c.dtype = "float32";
  return c;
}

}  // namespace jaju
