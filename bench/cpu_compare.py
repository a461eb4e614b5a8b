#!/usr/bin/env python3
"""Prompts and decoding of one model, jaju beside ik_llama.cpp, in turns on one machine.

    cpu_compare.py --jaju build/release/jaju MODEL_DIR --peer LLAMA_BENCH MODEL.gguf [options]

MODEL_DIR is what jaju runs, a packed model for instance; MODEL.gguf the same shape for the peer's llama-bench (`jaju gguf export`,
then its llama-quantize). Each round runs both, who is first alternates; a round in which two threads compute less than
1.6 times what one does is thrown away and repeated, because virtual CPUs share cores at times; after ten such rounds it gives up. Both leave out of the last
layer's experts what no logits need. With --repack the peer's program is bench/llama_bench_all.cc instead, every token of a prompt has
logits, and 8 sequences with different tokens are measured too (--batch). Prints a Markdown table of medians; --json keeps every sample and the machine's rates.

Example, the shape S of docs/benchmarks.md in 4 bits:
    bench/synthetic_model.py S /tmp/S && build/release/jaju gguf export /tmp/S --to /tmp/S.gguf
    llama-quantize --pure --token-embedding-type q8_0 --output-tensor-type q8_0 /tmp/S.gguf /tmp/S-q4_K.gguf Q4_K
    build/release/jaju pack /tmp/S --to /tmp/S-q4 --experts q4 --rest q4
    bench/cpu_compare.py --jaju build/release/jaju /tmp/S-q4 --peer ~/ik_llama.cpp/build/bin/llama-bench /tmp/S-q4_K.gguf
"""
import argparse
import json
import os
import statistics
import subprocess
import sys


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("cpu_compare: %s failed:\n%s" % (command[0], done.stderr[-2000:]))
    return done.stdout


def jaju_round(a):
    """{test: [tokens/s, ...]}, and the machine's rates around it."""
    base = [a.jaju[0], "bench", a.jaju[1], "-n", str(a.tokens), "-t", str(a.threads), "--repeat", str(a.repeat), "--json", *a.jaju_args.split()]
    if a.repack is not None:
        base.append("--all")
    out = json.loads(run([*base, "-p", ",".join(map(str, a.prompt)), "--depth", ",".join(map(str, a.depth))]))
    tests = out["tests"]
    if a.repack is not None and a.batch > 1:
        tests += json.loads(run([*base, "-p", "0", "--batch", str(a.batch)]))["tests"]
    speeds = {}
    for test in tests:
        name = "pp%d" % test["tokens"] if test["kind"] == "prompt" else "tg%d @%d" % (a.tokens, test["depth"])
        if test.get("batch", 1) > 1:
            name += " x%d" % test["batch"]
        speeds[name] = [test["tokens"] / s for s in test["seconds"]]
    return speeds, out["machine"]


def peer_all_round(a):
    names = {"all%d" % n: "pp%d" % n for n in a.prompt}
    names.update({"tg%d@%d" % (a.tokens, d): "tg%d @%d" % (a.tokens, d) for d in a.depth})
    if a.batch > 1:
        names["tg%dx%d@0" % (a.tokens, a.batch)] = "tg%d @0 x%d" % (a.tokens, a.batch)
    out = json.loads(run([a.peer[0], a.peer[1], str(a.threads), str(a.repeat), str(a.repack), *names]))
    return {names[test]: speeds for test, speeds in out.items() if test in names}


def peer_round(a):
    if a.repack is not None:
        return peer_all_round(a)
    speeds = {}
    base = [a.peer[0], "-m", a.peer[1], "-t", str(a.threads), "-r", str(a.repeat), "-o", "json", *a.peer_args.split()]
    shallow = [d for d in a.depth if d == 0]
    for row in json.loads(run([*base, "-p", ",".join(map(str, a.prompt)), "-n", str(a.tokens if shallow else 0)])):
        name = "pp%d" % row["n_prompt"] if row["n_gen"] == 0 else "tg%d @0" % a.tokens
        speeds[name] = row["samples_ts"]
    for depth in (d for d in a.depth if d > 0):
        rows = json.loads(run([*base, "-p", "0", "-n", "0", "-gp", "%d,%d" % (depth, a.tokens)]))
        speeds["tg%d @%d" % (a.tokens, depth)] = rows[-1]["samples_ts"]
    return speeds


def threads_scale(a):
    """What two threads compute, in terms of one: the machine as it is now."""
    rates = []
    for threads in (1, 2):
        out = json.loads(run([a.jaju[0], "bench", "--synthetic", "hidden=64,layers=1,dense=1,ff=64,heads=1,q_lora=32,vocab=64", "-p", "8",
                              "-n", "0", "-t", str(threads), "--repeat", "1", "--json"]))
        rates.append(out["machine"]["before"]["int8_dot_ops"] or out["machine"]["before"]["f32_flops"])
    return rates[1] / rates[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--jaju", nargs=2, metavar=("PROGRAM", "MODEL"), required=True)
    p.add_argument("--peer", nargs=2, metavar=("LLAMA_BENCH", "GGUF"), required=True)
    p.add_argument("--jaju-args", default="", help="more options for jaju bench")
    p.add_argument("--peer-args", default="", help='more options for llama-bench, e.g. "-rtr 1"')
    numbers = lambda text: [int(n) for n in text.split(",")]
    p.add_argument("--prompt", type=numbers, default=[512, 2048])
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--depth", type=numbers, default=[0, 4096])
    p.add_argument("--repack", type=int, choices=(0, 1), help="PEER is llama_bench_all; 1: it repacks at load (-rtr 1)")
    p.add_argument("--batch", type=int, default=8, help="with --repack: sequences that generate together (1: not measured)")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--repeat", type=int, default=3, help="runs of a test in a round")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--json", metavar="FILE", help="every sample")
    a = p.parse_args()

    ours, theirs, machines, discarded = {}, {}, [], 0
    r = 0
    while r < a.rounds:
        if discarded == 10:
            sys.exit("cpu_compare: ten rounds found the CPUs sharing a core; try again at another time")
        if a.threads > 1 and threads_scale(a) < 1.6:
            discarded += 1
            continue
        mine = jaju_round(a) if r % 2 == 0 else None
        peer = peer_round(a)
        mine = mine or jaju_round(a)
        if a.threads > 1 and threads_scale(a) < 1.6:
            discarded += 1
            print("round %d thrown away: the CPUs share a core" % (r + 1), file=sys.stderr)
            continue
        for name, samples in mine[0].items():
            ours.setdefault(name, []).append(samples)
        for name, samples in peer.items():
            theirs.setdefault(name, []).append(samples)
        machines.append(mine[1])
        r += 1
        print("round %d of %d" % (r, a.rounds), file=sys.stderr)

    flat = lambda rounds: sorted(s for samples in rounds for s in samples)
    cell = lambda v: "%.1f / **%.1f** / %.1f" % (v[0], statistics.median(v), v[-1])
    print("| test | jaju, tokens/s least / median / most | peer | ratio of medians |\n|---|---|---|---|")
    for name in ours:
        if name in theirs:
            x, y = flat(ours[name]), flat(theirs[name])
            print("| %s | %s | %s | %.2f |" % (name, cell(x), cell(y), statistics.median(x) / statistics.median(y)))
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump({"jaju": ours, "peer": theirs, "machines": machines, "discarded_rounds": discarded, "options": vars(a)}, f, indent=1)


main()
