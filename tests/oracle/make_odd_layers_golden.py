#!/usr/bin/env python3
"""Writes tests/golden/odd-layers-f32 by the oracle beside this file: every second layer MoE and the first one too, one
expert group named without topk_group, raw expert weights (norm_topk_prob false), no shared expert, tied embeddings.

Usage: make_odd_layers_golden.py DIR
"""
import json, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import axk1_reference as oracle
import numpy as np


def moe_without_shared_expert(cfg, t, p, x, trace):
    ids, weights = oracle.route(cfg, t, p, x)
    trace.append(ids.tolist())
    out = np.zeros_like(x)
    for row in range(len(x)):
        for e, w in zip(ids[row], weights[row]):
            out[row] += w * oracle.swiglu(t, f"{p}experts.{e}.", x[row])
    return out


def main():
    out = sys.argv[1]
    cfg = dict(oracle.DEFAULT_CONFIG, vocab_size=173, hidden_size=40, intermediate_size=90, moe_intermediate_size=21,
               num_hidden_layers=4, num_attention_heads=3, num_key_value_heads=3, n_shared_experts=0, n_routed_experts=6,
               num_experts_per_tok=2, n_group=1, first_k_dense_replace=0, moe_layer_freq=2, q_lora_rank=24, kv_lora_rank=28,
               qk_nope_head_dim=10, qk_rope_head_dim=4, v_head_dim=9, norm_topk_prob=False, tie_word_embeddings=True,
               topk_method="none")
    del cfg["topk_group"]
    os.makedirs(out, exist_ok=True)
    json.dump(cfg, open(os.path.join(out, "config.json"), "w"), indent=1)
    tensors = {k: v for k, v in oracle.random_tensors(dict(cfg, n_shared_experts=1), 11).items() if "shared_experts" not in k and k != "lm_head.weight"}
    oracle.write_checkpoint(out, tensors, "f32", 1)
    oracle.moe = moe_without_shared_expert
    load = oracle.load

    def load_tied(directory):
        config, t = load(directory)
        t["lm_head.weight"] = t["model.embed_tokens.weight"]
        return config, t

    oracle.load = load_tied
    sys.argv = ["axk1_reference.py", "golden", out, "--tokens", ",".join(str((i * i * 7 + 3 * i + 5) % 173) for i in range(70))]
    oracle.main()


if __name__ == "__main__":
    main()
