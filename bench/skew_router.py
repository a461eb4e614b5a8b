#!/usr/bin/env python3
"""Makes the routing of a model with random weights like that of trained ones, in place.

    skew_router.py SKEW [--embedding X] PACKED_DIR_OR_GGUF...      SKEW 0: even again

SKEW: how unevenly experts are visited, by the selection biases of `jaju pack --random --skew` and `grow_gguf.py`, which make the model
with them; here for models of 10 GB that are there, with ranks in the same order in every file, so that two engines read the same share
of experts. How uneven it came out says `jaju bench --save-routing`.

--embedding X: embeddings become X times as large. Norms take that out of what layers see, so all it does is to make what a layer adds
small beside what passes it by, as in trained models, of whose next experts 70 % can be guessed a layer ahead (jaju's reading ahead
lives on that; with weights as they are drawn 30 % can). `jaju bench` says how many are right.

(`jaju pack --verify` then finds these tensors changed, as they are.)
"""
import argparse
import array
import json
import os
import random
import struct
import sys

import grow_gguf


def biases(experts, skew, layer):
    return struct.pack("<%df" % experts, *grow_gguf.skewed_biases(experts, skew, random.Random(layer)))


def layer_of(name):
    return int(next(part for part in name.split(".") if part.isdigit()))


def times_f16(bits, factor):
    return struct.unpack("<H", struct.pack("<e", struct.unpack("<e", struct.pack("<H", bits))[0] * factor))[0]


def times_bf16(bits, factor):
    product = struct.unpack("<f", struct.pack("<I", bits << 16))[0] * factor
    return struct.unpack("<I", struct.pack("<f", product))[0] + 0x8000 >> 16


def multiply(f, at, size, stride, times, factor):
    """Numbers of 16 bits that lie `stride` bytes apart."""
    f.seek(at)
    data = array.array("H", f.read(size))
    numbers = data[::stride // 2]
    table = {bits: times(bits, factor) for bits in set(numbers)}
    data[::stride // 2] = array.array("H", map(table.__getitem__, numbers))
    f.seek(at)
    f.write(data.tobytes())


def change_gguf(path, skew, embedding):
    found = 0
    model = grow_gguf.Reader(path)
    with open(path, "r+b") as f:
        for name, (dims, kind, offset) in model.tensors.items():
            if name.endswith("exp_probs_b.bias"):
                f.seek(model.data + offset)
                f.write(biases(dims[0], skew, layer_of(name)))
                found += 1
            if name == "token_embd.weight" and embedding != 1:
                if grow_gguf.TYPES[kind][0] != "Q8_0":
                    sys.exit("skew_router: %s of %s is not Q8_0" % (name, path))
                multiply(f, model.data + offset, grow_gguf.n_bytes(dims, kind), 34, times_f16, embedding)  # the blocks' scales
    return found


def change_packed(path, skew, embedding):
    found = 0
    for file in sorted(os.listdir(path)):
        if not file.endswith(".safetensors"):
            continue
        with open(os.path.join(path, file), "r+b") as f:
            size = struct.unpack("<Q", f.read(8))[0]
            for name, tensor in json.loads(f.read(size)).items():
                begin, end = tensor.get("data_offsets", (0, 0))
                if name.endswith("e_score_correction_bias"):
                    if tensor["dtype"] != "F32":
                        sys.exit("skew_router: %s is %s, not F32" % (name, tensor["dtype"]))
                    f.seek(8 + size + begin)
                    f.write(biases(tensor["shape"][0], skew, layer_of(name)))
                    found += 1
                if name.endswith("embed_tokens.weight") and embedding != 1:
                    if tensor["dtype"] != "BF16":
                        sys.exit("skew_router: %s is %s, not BF16" % (name, tensor["dtype"]))
                    multiply(f, 8 + size + begin, end - begin, 2, times_bf16, embedding)
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("skew", type=float, help="0.15: as trained models; 0: even")
    p.add_argument("models", nargs="+", help="packed directories or GGUF files, changed in place")
    p.add_argument("--embedding", type=float, default=1.0, help="how many times as large as they are embeddings become (724 for shape L)")
    a = p.parse_args()
    for path in a.models:
        found = (change_packed if os.path.isdir(path) else change_gguf)(path, a.skew, a.embedding)
        if found == 0:
            sys.exit("skew_router: %s has no selection biases (exp_probs_b.bias, e_score_correction_bias)" % path)
        print("%s: biases of %d layers" % (path, found))


if __name__ == "__main__":
    main()
