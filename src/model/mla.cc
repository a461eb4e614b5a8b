// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, 2.1; facts sheet 2.2).

#include <array>

#include "model/forward.h"

namespace jaju {

// In: act.y, the normed residual. Out: act.block_out, to be added to it.
void Forward::attention(const Step& step, const AttentionWeights& w, int64_t cache_layer) {
  const ModelConfig& c = config_;
  const Ops& ops = context_.ops;
  const Rows y(act_.y.data(), step.n_rows, c.hidden_size);
  const MutRows q(act_.q.data(), step.n_rows, c.n_heads * c.qk_dim());
  const MutRows kv(act_.kv.data(), step.n_rows, c.kv_width());
  const MutRows heads_out(act_.heads_out.data(), step.n_rows, c.n_heads * c.v_dim);
  const MutRows out(act_.block_out.data(), step.n_rows, c.hidden_size);
  // transformers gives the two inner norms their own default of 1e-6, whatever rms_norm_eps says.
  constexpr float kInnerEps = 1e-6f;

  // Queries: down, norm, up; or one projection where q_lora_rank is null. The down projections of queries and
  // latents read the same rows.
  if (c.q_lora_rank > 0) {
    const MutRows q_a(act_.q_a.data(), step.n_rows, c.q_lora_rank);
    const std::array<Product, 2> down = {{{w.q_a, q_a}, {w.kv_a, kv}}};
    ops.products(context_, down, y);
    saw(step, w.q_a, y);
    ops.rms_norm(context_, q_a, w.q_a_norm.data(), kInnerEps, q_a);
    ops.matmul(context_, w.q_b, q_a, q);
    saw(step, w.q_b, q_a);
  } else {
    const std::array<Product, 2> both = {{{w.q, q}, {w.kv_a, kv}}};
    ops.products(context_, both, y);
    saw(step, w.q, y);
  }
  // The latent is normed; the rope key behind it is not.
  const MutRows latent(kv.data, step.n_rows, c.kv_lora_rank, kv.stride);
  ops.rms_norm(context_, latent, w.kv_a_norm.data(), kInnerEps, latent);

  const float* const table = act_.cos_sin.data();
  ops.rope(context_, q, c.qk_nope_dim, c.n_heads, c.qk_dim(), rope_.n_pairs(), table, rope_.interleaved());
  ops.rope(context_, kv, c.kv_lora_rank, 1, 0, rope_.n_pairs(), table, rope_.interleaved());

  MlaArgs args;
  args.q = q;
  args.kv_b = w.kv_b;
  args.k_b = w.k_b;
  args.n_heads = c.n_heads;
  args.nope = c.qk_nope_dim;
  args.rope = c.qk_rope_dim;
  args.v = c.v_dim;
  args.latent = c.kv_lora_rank;
  args.scale = static_cast<float>(rope_.softmax_scale());
  args.out = heads_out;
  for (auto* slices : {&expanded_, &absorbed_}) {
    if (slices->empty()) continue;
    for (SequenceSlice& s : *slices) {
      s.cache.offset = cache_layer * LatentCache::block_bytes(s.cache.layout);
    }
    ops.append_latent(context_, kv, *slices);
    args.slices = *slices;
    (slices == &absorbed_ ? ops.mla_absorbed : ops.mla_expanded)(context_, args);
  }
  ops.matmul(context_, w.o, heads_out, out);
  saw(step, w.o, heads_out);
}

}  // namespace jaju
