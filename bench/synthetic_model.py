#!/usr/bin/env python3
"""Writes a model with random weights: config.json, model.safetensors, tokenizer.json. For speed, not for sense.

    synthetic_model.py SHAPE DIR [--axk1] [--dtype f32] [--seed N]

SHAPE is tiny, M, S, L or a list like S,layers=4,experts=32 that changes one of them. Without --axk1 the model is of
DeepSeek-V3's kind (no norm after the experts), which other programs run too: `jaju gguf export DIR --to FILE`.

Weights are normal with deviation 0.02, taken as slices at random places from one pool of 2^22 numbers: their bits look
random to every kernel, and a model of 10 GB is written at the disk's speed. The vocabulary holds all words of a space and
three small letters (" abc"), each one token, so a prompt of n words is a prompt of n tokens in every program.

Only the standard library is needed.
"""
import argparse
import array
import itertools
import json
import pathlib
import random
import struct
import sys

SHAPES = {  # hidden, layers, experts, expert width, dense width, heads, q rank, vocabulary
    "tiny": (256, 4, 16, 256, 512, 4, 256, 20480),
    "M": (1024, 7, 64, 512, 3072, 8, 512, 20480),
    "S": (2048, 8, 64, 768, 6144, 16, 768, 32768),
    "L": (7168, 3, 192, 2048, 18432, 64, 1536, 20480),  # A.X K1's own widths
}
FIELDS = ("hidden", "layers", "experts", "width", "dense", "heads", "q_rank", "vocab")
KV_RANK, NOPE, ROPE, V_DIM = 512, 128, 64, 128
SPECIAL = ("<|endoftext|>", "<|pad|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def byte_alphabet():
    """GPT-2's printable stand-ins for the 256 bytes, by byte."""
    shown = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255]
    rest = itertools.count(256)
    return [chr(b) if b in shown else chr(next(rest)) for b in range(256)]


def tokenizer(size):
    bytes_ = byte_alphabet()
    space = bytes_[32]
    tokens, merges = list(bytes_), []
    for start in (space, ""):  # words with their space first: their merges come first
        for length in (1, 2, 3) if start else (2, 3):
            for word in itertools.product(LETTERS, repeat=length):
                if len(tokens) == size - len(SPECIAL):
                    break
                token = start + "".join(word)
                merges.append([token[:-1], token[-1]])
                tokens.append(token)
    while len(tokens) < size - len(SPECIAL):
        tokens.append("unused%d" % len(tokens))
    isolated = {"type": "Split", "behavior": "Isolated", "invert": False}
    split = [
        {**isolated, "pattern": {"Regex": r"\p{N}{1,3}"}},
        {**isolated, "pattern": {"Regex": "[一-龥぀-ゟ゠-ヿ]+"}},
        {**isolated, "pattern": {"Regex": "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
                                          "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|"
                                          "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ]
    first = len(tokens)
    return first, {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": first + i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": not token.endswith("think>")}
                         for i, token in enumerate(SPECIAL)],
        "normalizer": None, "pre_tokenizer": {"type": "Sequence", "pretokenizers": split}, "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges},
    }


def config(shape, axk1, dtype, first_special):
    special = {token: first_special + i for i, token in enumerate(SPECIAL)}
    rope = {"type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1,
            "mscale": 1.0, "mscale_all_dim": 1.0}
    return {
        "architectures": ["AXK1ForCausalLM" if axk1 else "DeepseekV3ForCausalLM"],
        "model_type": "axk1" if axk1 else "deepseek_v3",
        "vocab_size": shape["vocab"], "hidden_size": shape["hidden"], "intermediate_size": shape["dense"],
        "moe_intermediate_size": shape["width"], "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"], "num_key_value_heads": shape["heads"], "n_shared_experts": 1,
        "n_routed_experts": shape["experts"], "num_experts_per_tok": min(8, shape["experts"]), "n_group": 1,
        "topk_group": 1, "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": True,
        "routed_scaling_factor": 2.5, "first_k_dense_replace": 1, "moe_layer_freq": 1,
        "q_lora_rank": shape["q_rank"], "kv_lora_rank": KV_RANK, "qk_nope_head_dim": NOPE, "qk_rope_head_dim": ROPE,
        "v_head_dim": V_DIM, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "rope_interleave": True, "rope_scaling": rope, "max_position_embeddings": 131072,
        "num_nextn_predict_layers": 0, "tie_word_embeddings": False, "attention_bias": False,
        "bos_token_id": special["<|endoftext|>"], "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["<|pad|>"], "torch_dtype": "float32" if dtype == "f32" else "bfloat16",
    }


def tensors(shape, axk1):
    """(name, shape, kind) in file order; kind: matrix, norm or bias."""
    hidden, heads, width = shape["hidden"], shape["heads"], shape["width"]

    def mlp(prefix, inner):
        yield prefix + "gate_proj.weight", (inner, hidden), "matrix"
        yield prefix + "up_proj.weight", (inner, hidden), "matrix"
        yield prefix + "down_proj.weight", (hidden, inner), "matrix"

    yield "model.embed_tokens.weight", (shape["vocab"], hidden), "matrix"
    for layer in range(shape["layers"]):
        p = "model.layers.%d." % layer
        a = p + "self_attn."
        yield p + "input_layernorm.weight", (hidden,), "norm"
        yield a + "q_a_proj.weight", (shape["q_rank"], hidden), "matrix"
        yield a + "q_a_layernorm.weight", (shape["q_rank"],), "norm"
        yield a + "q_b_proj.weight", (heads * (NOPE + ROPE), shape["q_rank"]), "matrix"
        yield a + "kv_a_proj_with_mqa.weight", (KV_RANK + ROPE, hidden), "matrix"
        yield a + "kv_a_layernorm.weight", (KV_RANK,), "norm"
        yield a + "kv_b_proj.weight", (heads * (NOPE + V_DIM), KV_RANK), "matrix"
        yield a + "o_proj.weight", (hidden, heads * V_DIM), "matrix"
        yield p + "post_attention_layernorm.weight", (hidden,), "norm"
        if axk1:
            yield p + "post_mlp_layernorm.weight", (hidden,), "norm"
        if layer == 0:
            yield from mlp(p + "mlp.", shape["dense"])
            continue
        yield p + "mlp.gate.weight", (shape["experts"], hidden), "matrix"
        yield p + "mlp.gate.e_score_correction_bias", (shape["experts"],), "bias"
        if axk1:
            yield p + "mlp.experts.gate_up_proj", (shape["experts"], 2 * width, hidden), "matrix"
            yield p + "mlp.experts.down_proj", (shape["experts"], hidden, width), "matrix"
        else:
            for e in range(shape["experts"]):
                yield from mlp(p + "mlp.experts.%d." % e, width)
        yield from mlp(p + "mlp.shared_experts.", width)
    yield "model.norm.weight", (hidden,), "norm"
    yield "lm_head.weight", (shape["vocab"], hidden), "matrix"


def count(dims):
    product = 1
    for n in dims:
        product *= n
    return product


def pool_of(dice, dtype):
    values = array.array("f", (dice.gauss(0.0, 0.02) for _ in range(1 << 22)))
    if dtype == "f32":
        return values.tobytes()
    halves = array.array("H", values.tobytes())
    return halves[1::2].tobytes()  # the upper halves: bf16, cut off


def write_weights(path, plan, dtype, dice):
    size = 4 if dtype == "f32" else 2
    header, position = {"__metadata__": {"format": "pt"}}, 0
    for name, dims, kind in plan:
        wide = kind == "bias" or size == 4
        end = position + count(dims) * (4 if wide else 2)
        header[name] = {"dtype": "F32" if wide else "BF16", "shape": dims, "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    pool = pool_of(dice, dtype)
    one = struct.pack("<f", 1.0)[4 - size:]
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, dims, kind in plan:
            left = count(dims) * size
            if kind == "norm":
                out.write(one * count(dims))
                continue
            if kind == "bias":
                out.write(array.array("f", (dice.gauss(0.0, 0.001) for _ in range(count(dims)))).tobytes())
                continue
            while left > 0:
                begin = dice.randrange(len(pool) // 64) * 64
                piece = pool[begin:begin + left]
                out.write(piece)
                left -= len(piece)
    return position


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape")
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--axk1", action="store_true", help="with A.X K1's norm after the experts, and its fused experts")
    parser.add_argument("--dtype", choices=("bf16", "f32"), default="bf16")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    name, *changes = args.shape.split(",")
    if name not in SHAPES:
        sys.exit("SHAPE %s is none of %s" % (name, ", ".join(SHAPES)))
    shape = dict(zip(FIELDS, SHAPES[name]))
    for change in changes:
        key, _, value = change.partition("=")
        if key not in shape or not value.isdigit():
            sys.exit("'%s': expected one of %s, then = and a number" % (change, ", ".join(FIELDS)))
        shape[key] = int(value)
    args.dir.mkdir(parents=True, exist_ok=True)
    first_special, words = tokenizer(shape["vocab"])
    text = json.dumps(words, ensure_ascii=False, indent=0)
    (args.dir / "tokenizer.json").write_text(text, encoding="utf-8")
    settings = config(shape, args.axk1, args.dtype, first_special)
    (args.dir / "config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    written = write_weights(args.dir / "model.safetensors", list(tensors(shape, args.axk1)), args.dtype,
                            random.Random(args.seed))
    print("%s: %.2f GB of weights" % (args.dir, written / 1e9))


if __name__ == "__main__":
    main()
