#include "runtime/model_hash.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>

namespace jaju {
namespace {

constexpr int64_t kSamples = 8;        // rows of a matrix
constexpr int64_t kSampleBytes = 256;  // of such a row

class Hasher {
 public:
  Hasher() : state_(XXH3_createState()) { XXH3_128bits_reset(state_.get()); }

  void bytes(const void* data, int64_t n) { XXH3_128bits_update(state_.get(), data, static_cast<size_t>(n)); }
  void number(int64_t n) { bytes(&n, sizeof n); }
  void number(double x) { bytes(&x, sizeof x); }
  void vector(const Vector& v) {
    number(static_cast<int64_t>(v.size()));
    bytes(v.data(), static_cast<int64_t>(v.size() * sizeof(float)));
  }
  void matrix(const Matrix& m) {
    number(m.rows);
    number(m.cols);
    if (m.empty() || m.rows == 0) return;
    number(static_cast<int64_t>(m.dtype));
    if (m.scheme != Scheme::none) return panels(m);
    const int64_t n = std::min(kSamples, m.rows);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = n == 1 ? 0 : i * (m.rows - 1) / (n - 1);
      bytes(m.row(row), std::min(kSampleBytes, m.row_bytes()));
      if (m.block_scales != nullptr) bytes(m.row_scales(row), sizeof(float));
    }
  }
  void panels(const Matrix& m) {
    number(static_cast<int64_t>(m.scheme));
    const int64_t each = panel_bytes(m.scheme, m.cols);
    const int64_t all = (m.rows + kPanelRows - 1) / kPanelRows;
    const int64_t n = std::min(kSamples, all);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t panel = n == 1 ? 0 : i * (all - 1) / (n - 1);
      bytes(static_cast<const std::byte*>(m.data) + panel * each, std::min(kSampleBytes, each));
    }
  }
  void mlp(const MlpWeights& w) {
    for (const Matrix* m : {&w.gate, &w.up, &w.down}) matrix(*m);
  }
  void layer(const LayerWeights& w) {
    for (const Vector* v : {&w.input_norm, &w.attention.q_a_norm, &w.attention.kv_a_norm,
                            &w.post_attention_norm, &w.post_mlp_norm, &w.moe.router, &w.moe.router_bias}) {
      vector(*v);
    }
    const AttentionWeights& a = w.attention;
    for (const Matrix* m : {&a.q, &a.q_a, &a.q_b, &a.kv_a, &a.kv_b, &a.o}) matrix(*m);
    if (!a.k_b.empty()) matrix(a.k_b);
    if (!w.is_moe) return mlp(w.dense);
    const size_t n = w.moe.experts.size();
    number(static_cast<int64_t>(n));
    for (const size_t i : {size_t{0}, n / 2, n - 1}) {
      if (i < n) mlp(w.moe.experts[i]);
    }
    mlp(w.moe.shared);
  }
  std::array<uint64_t, 2> digest() const {
    const XXH128_hash_t h = XXH3_128bits_digest(state_.get());
    return {h.low64, h.high64};
  }

 private:
  struct Free {
    void operator()(XXH3_state_t* s) const { XXH3_freeState(s); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace

std::array<uint64_t, 2> model_hash(const ModelConfig& c, const Weights& w) {
  Hasher h;
  for (const int64_t n : {c.vocab_size,
                          c.hidden_size,
                          c.n_layers,
                          c.n_heads,
                          c.q_lora_rank,
                          c.kv_lora_rank,
                          c.qk_nope_dim,
                          c.qk_rope_dim,
                          c.v_dim,
                          c.n_routed_experts,
                          c.n_shared_experts,
                          c.n_experts_per_token,
                          c.n_group,
                          c.topk_group,
                          c.first_dense_layers,
                          c.moe_layer_freq,
                          int64_t{c.norm_topk_prob},
                          int64_t{c.has_post_mlp_norm},
                          int64_t{c.rope.yarn},
                          int64_t{c.rope.interleaved},
                          c.rope.original_context}) {
    h.number(n);
  }
  for (const double x :
       {c.rms_norm_eps, c.routed_scaling_factor, c.rope.theta, c.rope.factor, c.rope.beta_fast,
        c.rope.beta_slow, c.rope.mscale, c.rope.mscale_all_dim, c.rope.attention_factor}) {
    h.number(x);
  }
  h.bytes(c.topk_method.data(), static_cast<int64_t>(c.topk_method.size()));
  h.matrix(w.embed);
  h.matrix(w.head);
  h.vector(w.final_norm);
  for (const LayerWeights& layer : w.layers) h.layer(layer);
  if (w.mtp) {
    h.matrix(w.mtp->projection);
    h.layer(w.mtp->layer);
  }
  return h.digest();
}

uint64_t text_hash(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace jaju
