#!/usr/bin/env python3
"""Writes tests/golden/deepseek-v3-f32: a DeepSeek-V3-style checkpoint (no post-MLP norm, q_lora_rank null) with odd
sizes that leave tails in every kernel, and its answers, by the oracle beside this file with its one K1-only norm left out.

Usage: make_deepseek_golden.py DIR
"""
import json, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import axk1_reference as oracle

oracle_layer = oracle.decoder_layer


def layer_without_post_norm(cfg, t, p, x, positions, sparse, trace):
    if not sparse:
        return oracle_layer(cfg, t, p, x, positions, sparse, trace)
    eps = cfg["rms_norm_eps"]
    x = x + oracle.attention(cfg, t, p + "self_attn.", oracle.rms_norm(x, t[p + "input_layernorm.weight"], eps), positions)
    y = oracle.rms_norm(x, t[p + "post_attention_layernorm.weight"], eps)
    return x + oracle.moe(cfg, t, p + "mlp.", y, trace)


def main():
    out = sys.argv[1]
    cfg = dict(oracle.DEFAULT_CONFIG, architectures=["DeepseekV3ForCausalLM"], model_type="deepseek_v3", vocab_size=307,
               hidden_size=76, intermediate_size=132, moe_intermediate_size=37, num_hidden_layers=3, num_attention_heads=9,
               num_key_value_heads=9, n_shared_experts=2, n_routed_experts=14, num_experts_per_tok=3, n_group=7, topk_group=3,
               first_k_dense_replace=1, q_lora_rank=None, kv_lora_rank=42, qk_nope_head_dim=20, qk_rope_head_dim=6,
               v_head_dim=13, rms_norm_eps=1e-5, routed_scaling_factor=1.7, rope_theta=50000.0)
    os.makedirs(out, exist_ok=True)
    json.dump(cfg, open(os.path.join(out, "config.json"), "w"), indent=1)
    tensors = {k: v for k, v in oracle.random_tensors(cfg, 7).items() if "post_mlp_layernorm" not in k}
    oracle.write_checkpoint(out, tensors, "f32", 1)
    oracle.decoder_layer = layer_without_post_norm
    sys.argv = ["axk1_reference.py", "golden", out, "--tokens", ",".join(str((i * i * 7 + 3 * i + 5) % 307) for i in range(90))]
    oracle.main()


if __name__ == "__main__":
    main()
