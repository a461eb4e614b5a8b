#!/usr/bin/env python3
"""A GGUF of a larger shape, put together from the quantised blocks of a small one: for measuring speed where the
larger one's unquantised file would not fit on the disk.

    grow_gguf.py SMALL.gguf LARGE.gguf [name=value ...] [--skew X]

Names, as `jaju bench --synthetic` has them, with the shape L of docs/benchmarks.md as defaults: hidden=7168 layers=3
dense=1 ff=18432 experts=192 width=2048 topk=8 heads=64 q_lora=1536 vocab=8192. What is not named stays as in
SMALL: latent and head sizes, rope, the types of matrices (each tensor has the type of its like in layer 0 or 1;
attn_k_b becomes Q8_0). Rows of a matrix are runs of blocks from random places of SMALL's tensors of the same
type, so the distribution is the same and a matrix repeats parts of others. --skew: how unevenly experts are
visited, as in `jaju pack --random --skew`: a bias of -X ln(1 + rank) / ln(experts).
"""
import argparse
import math
import mmap
import random
import struct
import sys

# type: (name, values of a block, bytes of a block)
TYPES = {0: ("F32", 1, 4), 2: ("Q4_0", 32, 18), 6: ("Q5_0", 32, 22), 8: ("Q8_0", 32, 34), 12: ("Q4_K", 256, 144),
         13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 20: ("IQ4_NL", 32, 18), 23: ("IQ4_XS", 256, 136)}
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
Q8_0 = 8
ALIGN = 32


class Reader:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 4
        if self.memory[:4] != b"GGUF":
            sys.exit("grow_gguf: %s is no GGUF file" % path)
        _, n_tensors, n_keys = self.scalar("I"), self.scalar("Q"), self.scalar("Q")
        self.keys = {}
        for _ in range(n_keys):
            key, kind = self.string().decode(), self.scalar("I")
            self.keys[key] = (kind, self.value(kind))
        self.tensors = {}
        for _ in range(n_tensors):
            name = self.string().decode()
            shape = [self.scalar("Q") for _ in range(self.scalar("I"))]
            self.tensors[name] = (shape, self.scalar("I"), self.scalar("Q"))
        self.data = (self.at + ALIGN - 1) // ALIGN * ALIGN

    def scalar(self, code):
        value = struct.unpack_from("<" + code, self.memory, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return value

    def string(self):
        n = self.scalar("Q")
        self.at += n
        return self.memory[self.at - n:self.at]

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner, n = self.scalar("I"), self.scalar("Q")
            return inner, [self.value(inner) for _ in range(n)]
        return self.scalar(SCALARS[kind])


def n_bytes(shape, kind):
    _, values, size = TYPES[kind]
    n = math.prod(shape)
    if shape[0] % values:
        sys.exit("grow_gguf: rows of %d values cannot be %s" % (shape[0], TYPES[kind][0]))
    return n // values * size


def encode(kind, value):
    if kind == STRING:
        return struct.pack("<Q", len(value)) + value
    if kind == ARRAY:
        return struct.pack("<IQ", value[0], len(value[1])) + b"".join(encode(value[0], v) for v in value[1])
    return struct.pack("<" + SCALARS[kind], value)


def skewed_biases(experts, skew, dice):
    bias = [-skew * math.log1p(rank) / math.log(experts) for rank in range(experts)]
    dice.shuffle(bias)
    return bias


def tensors_of(a, small):
    """[(name, shape, type)], in the order of the file."""
    nope, rope, v, latent = 128, 64, 128, 512
    like = lambda name: small.tensors[name][1]
    out = [("token_embd.weight", [a.hidden, a.vocab], like("token_embd.weight"))]
    for i in range(a.layers):
        def add(part, shape, kind=None):
            name = "blk.%d.%s" % (i, part)
            source = "blk.%d.%s" % (min(i, 1) if i >= a.dense else 0, part)
            out.append((name, shape, like(source) if kind is None else kind))
        add("attn_norm.weight", [a.hidden])
        add("attn_q_a.weight", [a.hidden, a.q_lora])
        add("attn_q_a_norm.weight", [a.q_lora])
        add("attn_q_b.weight", [a.q_lora, a.heads * (nope + rope)])
        add("attn_kv_a_mqa.weight", [a.hidden, latent + rope])
        add("attn_kv_a_norm.weight", [latent])
        add("attn_k_b.weight", [nope, latent, a.heads], Q8_0)
        add("attn_v_b.weight", [latent, v, a.heads])
        add("attn_output.weight", [a.heads * v, a.hidden])
        add("ffn_norm.weight", [a.hidden])
        if i < a.dense:
            add("ffn_gate.weight", [a.hidden, a.ff])
            add("ffn_up.weight", [a.hidden, a.ff])
            add("ffn_down.weight", [a.ff, a.hidden])
            continue
        add("ffn_gate_inp.weight", [a.hidden, a.experts])
        add("exp_probs_b.bias", [a.experts])
        for part, shape in (("gate", [a.hidden, a.width]), ("up", [a.hidden, a.width]), ("down", [a.width, a.hidden])):
            add("ffn_%s_exps.weight" % part, shape + [a.experts])
            add("ffn_%s_shexp.weight" % part, shape)
    out.append(("output_norm.weight", [a.hidden], 0))
    out.append(("output.weight", [a.hidden, a.vocab], like("output.weight")))
    return out


def keys_of(a, small):
    keys = dict(small.keys)
    def put(key, value):
        keys["deepseek2." + key] = (keys["deepseek2." + key][0], value)
    put("block_count", a.layers)
    put("embedding_length", a.hidden)
    put("feed_forward_length", a.ff)
    put("vocab_size", a.vocab)
    put("attention.head_count", a.heads)
    put("attention.q_lora_rank", a.q_lora)
    put("leading_dense_block_count", a.dense)
    put("expert_count", a.experts)
    put("expert_used_count", a.topk)
    put("expert_feed_forward_length", a.width)
    keys["general.name"] = (STRING, b"grown")
    # The first words, and the special tokens at the end.
    special = 16
    cut = lambda words: words[:a.vocab - special] + words[len(words) - special:]
    for key in ("tokens", "token_type"):
        kind, (inner, words) = keys["tokenizer.ggml." + key]
        dropped = len(words) - a.vocab
        keys["tokenizer.ggml." + key] = (kind, (inner, cut(words)))
    kind, (inner, merges) = keys["tokenizer.ggml.merges"]
    keys["tokenizer.ggml.merges"] = (kind, (inner, merges[:a.vocab - special - 256]))
    for key, (kind, value) in list(keys.items()):
        if key.endswith("_token_id"):
            keys[key] = (kind, value - dropped)
    keys.pop("tokenizer.huggingface.json", None)
    return keys


def f32s(values):
    return struct.pack("<%df" % len(values), *values)


def contents(name, shape, kind, small, pools, dice, skew):
    """The tensor's bytes, piece by piece."""
    n = math.prod(shape)
    if name.endswith("norm.weight"):
        yield f32s([1.0] * n)
    elif name.endswith("exp_probs_b.bias"):
        yield f32s(skewed_biases(n, skew, dice))
    elif kind == 0:  # the router
        pool = [dice.gauss(0, 0.02) for _ in range(1 << 16)]
        for _ in range(n // shape[0]):
            at = dice.randrange(len(pool))
            yield f32s(((pool[at:] + pool[:at]) * (shape[0] // len(pool) + 1))[:shape[0]])
    else:
        size = TYPES[kind][2]
        left = n_bytes(shape, kind)
        while left > 0:
            start, length = dice.choice(pools[kind])
            take = min(left, (1 << 18) // size * size, length)
            at = start + dice.randrange((length - take) // size + 1) * size
            yield small.memory[at:at + take]
            left -= take


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("small")
    parser.add_argument("large")
    parser.add_argument("shape", nargs="*")
    parser.add_argument("--skew", type=float, default=0.0)
    args = parser.parse_args()
    shape = {"hidden": 7168, "layers": 3, "dense": 1, "ff": 18432, "experts": 192, "width": 2048, "topk": 8, "heads": 64, "q_lora": 1536,
             "vocab": 8192}
    for item in args.shape:
        name, _, value = item.partition("=")
        if name not in shape or not value.isdigit():
            sys.exit("grow_gguf: '%s' is none of %s=number" % (item, ", ".join(shape)))
        shape[name] = int(value)
    a = argparse.Namespace(**shape)
    small = Reader(args.small)
    dice = random.Random(1)
    pools = {}
    for name, (dims, kind, offset) in small.tensors.items():
        if kind != 0:
            pools.setdefault(kind, []).append((small.data + offset, n_bytes(dims, kind)))
    if Q8_0 not in pools:
        sys.exit("grow_gguf: %s has no Q8_0 tensor, whose blocks attn_k_b needs: quantise it with --token-embedding-type q8_0" % args.small)
    if a.vocab > small.keys["deepseek2.vocab_size"][1]:
        sys.exit("grow_gguf: vocab=%d is more than the %d words of %s" % (a.vocab, small.keys["deepseek2.vocab_size"][1], args.small))
    tensors = tensors_of(a, small)
    keys = keys_of(a, small)
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)))
    for key, (kind, value) in keys.items():
        head += encode(STRING, key.encode()) + struct.pack("<I", kind) + encode(kind, value)
    offset = 0
    for name, dims, kind in tensors:
        head += encode(STRING, name.encode()) + struct.pack("<I%dQIQ" % len(dims), len(dims), *dims, kind, offset)
        offset += (n_bytes(dims, kind) + ALIGN - 1) // ALIGN * ALIGN
    with open(args.large, "wb") as out:
        out.write(head + bytes(-len(head) % ALIGN))
        for i, (name, dims, kind) in enumerate(tensors):
            written = 0
            for piece in contents(name, dims, kind, small, pools, dice, args.skew):
                out.write(piece)
                written += len(piece)
            assert written == n_bytes(dims, kind), name
            out.write(bytes(-written % ALIGN))
            print("\r%3d of %d tensors" % (i + 1, len(tensors)), end="", file=sys.stderr)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
