#!/usr/bin/env python3
"""Makes the routing of a model with random weights as uneven as that of trained ones, in place.

    skew_router.py SKEW PACKED_DIR_OR_GGUF...      0: even again

The selection biases of `jaju pack --random --skew` and `grow_gguf.py`, which make the model with them; here for models of 10 GB that
are there, with ranks in the same order in every file, so that two engines read the same share of experts. How uneven it came out says
`jaju bench --save-routing`. (`jaju pack --verify` then finds these tensors changed, as they are.)
"""
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


def skew_gguf(path, skew):
    found = 0
    model = grow_gguf.Reader(path)
    with open(path, "r+b") as f:
        for name, (dims, kind, offset) in model.tensors.items():
            if name.endswith("exp_probs_b.bias"):
                f.seek(model.data + offset)
                f.write(biases(dims[0], skew, layer_of(name)))
                found += 1
    return found


def skew_packed(path, skew):
    found = 0
    for file in sorted(os.listdir(path)):
        if not file.endswith(".safetensors"):
            continue
        with open(os.path.join(path, file), "r+b") as f:
            size = struct.unpack("<Q", f.read(8))[0]
            for name, tensor in json.loads(f.read(size)).items():
                if name.endswith("e_score_correction_bias"):
                    if tensor["dtype"] != "F32":
                        sys.exit("skew_router: %s is %s, not F32" % (name, tensor["dtype"]))
                    f.seek(8 + size + tensor["data_offsets"][0])
                    f.write(biases(tensor["shape"][0], skew, layer_of(name)))
                    found += 1
    return found


def main():
    try:
        skew = float(sys.argv[1])
    except (IndexError, ValueError):
        sys.exit(__doc__)
    for path in sys.argv[2:] or sys.exit(__doc__):
        found = (skew_packed if os.path.isdir(path) else skew_gguf)(path, skew)
        if found == 0:
            sys.exit("skew_router: %s has no selection biases (exp_probs_b.bias, e_score_correction_bias)" % path)
        print("%s: biases of %d layers" % (path, found))


if __name__ == "__main__":
    main()
