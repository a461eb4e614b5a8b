// Weights for benchmarks: every matrix a config asks for, random, in anonymous memory.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/file.h"
#include "base/huge_pages.h"
#include "base/split_mix.h"
#include "formats/safetensors.h"
#include "memory/machine_profile.h"
#include "model/packed_names.h"
#include "model/weights.h"
#include "tensor/quantize.h"

namespace jaju {

// One mapping, handed out piece by piece.
class RandomMemory {
 public:
  static Result<std::unique_ptr<RandomMemory>> map(int64_t bytes) {
    // The system would promise more than there is, and end some program when it is used.
    if (const std::optional<int64_t> free = free_memory(); free && bytes > *free) {
      return error("random weights need {}, {} are free: ask for a smaller shape",
                   human_bytes(static_cast<double>(bytes)), human_bytes(static_cast<double>(*free)));
    }
    std::unique_ptr<RandomMemory> memory(new RandomMemory);
    memory->memory_ = HugePageMemory(static_cast<size_t>(bytes));
    if (memory->data() == nullptr) {
      return error("random weights need {}, which the system does not give: ask for a smaller shape",
                   human_bytes(static_cast<double>(bytes)));
    }
    return memory;
  }

  std::byte* data() const { return memory_.data(); }

  std::vector<Vector> scales;  // of f8 matrices

 private:
  RandomMemory() = default;
  HugePageMemory memory_;
};

namespace {

constexpr float kDeviation = 0.02f;

// The sum of four uniform variables: near enough to normal, and finite.
float random_value(uint64_t& state) {
  const uint64_t bits = split_mix64(state);
  float sum = -2.0f;
  for (int i = 0; i < 4; ++i) sum += static_cast<float>(bits >> (16 * i) & 0xffff) / 65536.0f;
  return sum * std::sqrt(3.0f) * kDeviation;
}

// A pool of random elements from which matrices are copied at random places: drawing billions one by one
// would take minutes.
class Pool {
 public:
  explicit Pool(DType dtype) : bytes_(size_t{16} << 20) {
    const auto width = static_cast<size_t>(size_of(dtype));
    for (size_t i = 0; i < bytes_.size(); i += width) {
      const float value = random_value(state_);
      uint32_t bits = 0;
      if (dtype == DType::f32) std::memcpy(&bits, &value, sizeof bits);
      if (dtype == DType::bf16) bits = f32_to_bf16(value);
      // Sign and mantissa random, magnitude around the deviation: 2^-7 to 2^-5.
      if (dtype == DType::f16) bits = (split_mix64(state_) & 0x83ffu) | 0x2000u;
      // The same around 1; the scale brings it down.
      if (dtype == DType::f8_e4m3) bits = (split_mix64(state_) & 0x8fu) | 0x30u;
      std::memcpy(bytes_.data() + i, &bits, width);
    }
  }

  void fill(std::byte* to, int64_t bytes) {
    constexpr size_t kPiece = size_t{64} << 10;
    for (size_t done = 0; done < static_cast<size_t>(bytes);) {
      const size_t n = std::min(kPiece, static_cast<size_t>(bytes) - done);
      const size_t from = split_mix64(state_) % (bytes_.size() - n) / 64 * 64;
      std::memcpy(to + done, bytes_.data() + from, n);
      done += n;
    }
  }

 private:
  uint64_t state_ = 1;
  std::vector<std::byte> bytes_;
};

// The same for quantised matrices: one wide panel of random weights, whose blocks do for every column.
class PanelPool {
 public:
  explicit PanelPool(Scheme scheme) : scheme_(scheme) {
    std::vector<float> rows(static_cast<size_t>(kPanelRows * kBlocks * kBlockCols));
    for (float& value : rows) value = random_value(state_);
    panel_.resize(static_cast<size_t>(panel_bytes(scheme, kBlocks * kBlockCols)));
    quantize_panel(scheme, rows.data(), kPanelRows, kBlocks * kBlockCols, nullptr, panel_.data());
  }

  void fill(std::byte* to, const Matrix& m) {
    const int64_t panels = (m.rows + kPanelRows - 1) / kPanelRows;
    const int64_t blocks = (m.cols + kBlockCols - 1) / kBlockCols;
    for (int64_t p = 0; p < panels; ++p) {
      // What is missing to a whole panel or block counts for nothing (packed.h).
      const int64_t rows = std::min(kPanelRows, m.rows - p * kPanelRows);
      std::memset(to, 0, kPanelHeaderBytes);
      std::memcpy(to, panel_.data(), static_cast<size_t>(rows) * sizeof(float));
      to += kPanelHeaderBytes;
      for (int64_t done = 0; done < blocks;) {
        const int64_t n = std::min(kBlocks / 8, blocks - done);
        const auto from = static_cast<int64_t>(split_mix64(state_) % static_cast<uint64_t>(kBlocks - n + 1));
        const int64_t bytes = n * block_bytes(scheme_);
        std::memcpy(to, panel_.data() + kPanelHeaderBytes + from * block_bytes(scheme_),
                    static_cast<size_t>(bytes));
        to += bytes;
        done += n;
      }
      if (has_integer_groups(scheme_)) continue;  // any weight of theirs is as good: inputs are 0 there
      const int64_t groups = (m.cols - (blocks - 1) * kBlockCols + kGroupCols - 1) / kGroupCols;
      std::memset(to - block_bytes(scheme_) + groups * kPanelRows, 0,
                  static_cast<size_t>((kBlockCols / kGroupCols - groups) * kPanelRows));
    }
  }

 private:
  static constexpr int64_t kBlocks = 256;
  Scheme scheme_;
  uint64_t state_ = 3;
  std::vector<std::byte> panel_;
};

// kv_b and its keys turned round (packed_names.h) must be the same numbers: one head's keys, quantised both
// ways, stand in for those of all heads and layers.
class KeyPool {
 public:
  explicit KeyPool(const ModelConfig& c) : c_(c) {
    const int64_t nope = c.qk_nope_dim, latent = c.kv_lora_rank;
    std::vector<float> keys(static_cast<size_t>(nope * latent)), turned(keys.size());
    for (float& value : keys) value = random_value(state_);
    for (int64_t d = 0; d < nope; ++d) {
      for (int64_t k = 0; k < latent; ++k)
        turned[static_cast<size_t>(k * nope + d)] = keys[static_cast<size_t>(d * latent + k)];
    }
    keys_ = quantised(keys, nope, latent);
    turned_ = quantised(turned, latent, nope);
  }

  void fill(const Matrix& kv_b, const Matrix& k_b) const {
    const auto copy = [](const std::vector<std::byte>& from, const Matrix& m, int64_t row) {
      std::memcpy(const_cast<std::byte*>(m.panel(row / kPanelRows)), from.data(), from.size());
    };
    for (int64_t h = 0; h < c_.n_heads; ++h) {
      copy(keys_, kv_b, h * (c_.qk_nope_dim + c_.v_dim));
      copy(turned_, k_b, h * c_.kv_lora_rank);
    }
  }

 private:
  static std::vector<std::byte> quantised(const std::vector<float>& values, int64_t rows, int64_t cols) {
    std::vector<std::byte> panels(static_cast<size_t>(packed_bytes(kKvBScheme, rows, cols)));
    for (int64_t r = 0; r < rows; r += kPanelRows) {
      quantize_panel(kKvBScheme, values.data() + r * cols, kPanelRows, cols, nullptr,
                     panels.data() + r / kPanelRows * panel_bytes(kKvBScheme, cols));
    }
    return panels;
  }

  const ModelConfig& c_;
  uint64_t state_ = 4;
  std::vector<std::byte> keys_, turned_;
};

// Walks the shape twice: once to learn the size, once to hand the memory out.
class Builder {
 public:
  Builder(const ModelConfig& config, const RandomTypes& types, RandomMemory* memory)
      : c_(config), types_(types), memory_(memory) {
    if (memory == nullptr) return;
    pool_.emplace(types.dtype);
    for (const Scheme scheme : {types.experts, types.rest}) {
      if (scheme != Scheme::none) panels_.try_emplace(scheme, scheme);
    }
    if (types.rest != Scheme::none && packs_kv_b(config)) {
      panels_.try_emplace(kKvBScheme, kKvBScheme);
      keys_.emplace(config);
    }
  }

  int64_t bytes() const { return offset_; }
  int64_t largest() const { return largest_; }
  void share_memory() { shared_ = true; }
  void set_skew(double skew) { skew_ = skew; }

  Matrix matrix(int64_t rows, int64_t cols, Scheme scheme) {
    Matrix m;
    m.dtype = scheme == Scheme::none ? types_.dtype : DType::u8;
    m.scheme = scheme;
    m.rows = rows;
    m.cols = cols;
    if (memory_ != nullptr) {
      std::byte* const data = memory_->data() + (shared_ ? 0 : offset_);
      m.data = data;
      if (!shared_ || m.bytes() > filled_) {
        if (m.packed()) {
          panels_.at(scheme).fill(data, m);
        } else {
          pool_->fill(data, m.bytes());
        }
      }
      filled_ = std::max(filled_, m.bytes());
      if (m.dtype == DType::f8_e4m3) {
        const auto blocks = static_cast<size_t>((rows + 127) / 128 * ((cols + 127) / 128));
        m.block_scales = memory_->scales.emplace_back(blocks, kDeviation).data();
      }
    }
    largest_ = std::max(largest_, m.bytes());
    offset_ += (m.bytes() + 63) / 64 * 64;
    return m;
  }

  MlpWeights mlp(int64_t inner, Scheme scheme) {
    const int64_t h = c_.hidden_size;
    return {matrix(inner, h, scheme), matrix(inner, h, scheme), matrix(h, inner, scheme)};
  }

  LayerWeights layer(int64_t index) {
    LayerWeights w;
    const int64_t h = c_.hidden_size;
    w.is_moe = c_.is_moe(index);
    w.input_norm = w.post_attention_norm = ones(h);
    AttentionWeights& a = w.attention;
    if (c_.q_lora_rank == 0) {
      a.q = matrix(c_.n_heads * c_.qk_dim(), h, types_.rest);
    } else {
      a.q_a = matrix(c_.q_lora_rank, h, types_.rest);
      a.q_a_norm = ones(c_.q_lora_rank);
      a.q_b = matrix(c_.n_heads * c_.qk_dim(), c_.q_lora_rank, types_.rest);
    }
    a.kv_a = matrix(c_.kv_width(), h, types_.rest);
    a.kv_a_norm = ones(c_.kv_lora_rank);
    const Scheme kv_b = types_.rest != Scheme::none && packs_kv_b(c_) ? kKvBScheme : Scheme::none;
    a.kv_b = matrix(c_.n_heads * (c_.qk_nope_dim + c_.v_dim), c_.kv_lora_rank, kv_b);
    if (kv_b != Scheme::none) a.k_b = matrix(c_.n_heads * c_.kv_lora_rank, c_.qk_nope_dim, kv_b);
    if (keys_) keys_->fill(a.kv_b, a.k_b);
    a.o = matrix(h, c_.n_heads * c_.v_dim, types_.rest);
    if (!w.is_moe) {
      w.dense = mlp(c_.intermediate_size, types_.rest);
      return w;
    }
    if (c_.has_post_mlp_norm) w.post_mlp_norm = ones(h);
    if (memory_ != nullptr) {
      w.moe.router.resize(static_cast<size_t>(c_.n_routed_experts * h));
      for (float& value : w.moe.router) value = random_value(state_);
      w.moe.router_bias = biases();
    }
    for (int64_t e = 0; e < c_.n_routed_experts; ++e)
      w.moe.experts.push_back(mlp(c_.moe_intermediate_size, types_.experts));
    if (c_.n_shared_experts > 0)
      w.moe.shared = mlp(c_.moe_intermediate_size * c_.n_shared_experts, types_.rest);
    return w;
  }

  void model(Weights& w) {
    w.embed = matrix(c_.vocab_size, c_.hidden_size, Scheme::none);
    for (int64_t i = 0; i < c_.n_layers; ++i) w.layers.push_back(layer(i));
    w.final_norm = ones(c_.hidden_size);
    w.head = c_.tie_word_embeddings ? w.embed : matrix(c_.vocab_size, c_.hidden_size, types_.rest);
  }

  // Zipf's law in the mind of a router: the rank's logarithm, from 0 to -skew.
  Vector biases() {
    Vector bias(static_cast<size_t>(c_.n_routed_experts), 0.0f);
    if (skew_ == 0 || bias.size() < 2) return bias;
    for (size_t e = 0; e < bias.size(); ++e) {
      bias[e] = static_cast<float>(-skew_ * std::log1p(static_cast<double>(e)) /
                                   std::log(static_cast<double>(bias.size())));
    }
    for (size_t i = bias.size(); i > 1; --i) std::swap(bias[i - 1], bias[split_mix64(state_) % i]);
    return bias;
  }

  static Vector ones(int64_t n) { return Vector(static_cast<size_t>(n), 1.0f); }

 private:
  const ModelConfig& c_;
  RandomTypes types_;
  RandomMemory* memory_;
  std::optional<Pool> pool_;
  std::map<Scheme, PanelPool> panels_;
  std::optional<KeyPool> keys_;
  int64_t offset_ = 0;
  int64_t largest_ = 0;
  int64_t filled_ = 0;
  bool shared_ = false;
  double skew_ = 0;
  uint64_t state_ = 2;
};

}  // namespace

Weights::Weights() = default;
Weights::~Weights() = default;

Result<std::unique_ptr<Weights>> Weights::random(const ModelConfig& config, const RandomTypes& types) {
  std::unique_ptr<Weights> w(new Weights);
  Builder sizes(config, types, nullptr);
  sizes.model(*w);
  w->layers.clear();
  JAJU_ASSIGN(w->random_, RandomMemory::map(sizes.bytes()));
  Builder(config, types, w->random_.get()).model(*w);
  w->packed = types.experts != Scheme::none || types.rest != Scheme::none;
  w->parameters = count_parameters(config, false, false);
  return w;
}

Result<std::unique_ptr<Weights>> Weights::random_shape(const ModelConfig& config, DType dtype, double skew) {
  std::unique_ptr<Weights> w(new Weights);
  Builder sizes(config, {.dtype = dtype}, nullptr);
  sizes.model(*w);
  w->layers.clear();
  JAJU_ASSIGN(w->random_, RandomMemory::map(sizes.largest()));
  Builder builder(config, {.dtype = dtype}, w->random_.get());
  builder.share_memory();
  builder.set_skew(skew);
  builder.model(*w);
  w->parameters = count_parameters(config, false, false);
  return w;
}

int64_t Weights::move_to_huge_pages(const std::function<bool()>& go_on) {
  return checkpoint_ != nullptr ? checkpoint_->move_to_huge_pages(go_on) : 0;
}

int64_t Weights::file_bytes() const {
  return checkpoint_ != nullptr ? checkpoint_->file_bytes() : 0;
}

Status Weights::intact() const {
  return checkpoint_ != nullptr ? checkpoint_->intact() : Status();
}

}  // namespace jaju
