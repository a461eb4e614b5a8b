#!/usr/bin/env python3
"""A model larger than the memory that is free, jaju beside ik_llama.cpp, in turns on one machine.

    stream_compare.py --jaju build/release/jaju PACKED_MODEL --peer LLAMA_BENCH_ALL MODEL.gguf --free 6020,3715 [options]

Needs root: a locked balloon takes all but --free MiB of what is free, and caches are dropped before each program starts.
jaju runs at its default, what is free less a margin; the peer (bench/llama_bench_all.cc) maps its file. Both generate after a warm-up
of their own, read a prompt of random tokens with logits of every token, and answer one token from cold caches (process start to
its end; jaju wants a tokenizer.json in PACKED_MODEL for that). `jaju tune` runs once before, so that bench can say what plan
expected. --json keeps everything; the tables are medians.
"""
import argparse
import ctypes
import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20


def free_bytes():
    with open("/proc/meminfo", encoding="ascii") as f:
        for line in f:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    sys.exit("stream_compare: /proc/meminfo has no MemAvailable")


class Balloon:
    def __init__(self, left):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        libc.mlock.argtypes = libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.libc = libc
        self.size = (free_bytes() - left) // mmap.PAGESIZE * mmap.PAGESIZE
        self.at = libc.mmap(None, self.size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        if libc.mlock(self.at, self.size) != 0:
            sys.exit("stream_compare: cannot lock %d MiB: %s" % (self.size // MIB, os.strerror(ctypes.get_errno())))

    def release(self):
        self.libc.munmap(self.at, self.size)


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3")


def resident(pid):
    """VmHWM of a program that runs, bytes; 0 until it is itself."""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            lines = dict(line.split(":", 1) for line in f if line.startswith(("Name:", "VmHWM:")))
        return 0 if lines["Name"].strip().startswith("python") else int(lines["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        return 0


def measured(command):
    """{"out": what it printed, "seconds": from start to end, "peak": resident bytes}."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        peak = 0  # not ru_maxrss: before exec the child is as large as this process with its balloon
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.01)
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            sys.exit("stream_compare: %s failed:\n%s" % (" ".join(command), err.read().decode()[-2000:]))
        return {"out": out.read().decode(), "seconds": seconds, "peak": peak}


def first_tokens(a, command):
    """Runs of a command from cold caches."""
    runs = []
    for _ in range(a.firsts):
        drop_caches()
        runs.append(measured(command))
    return {"seconds": [run["seconds"] for run in runs], "peak": max([run["peak"] for run in runs], default=0)}


def jaju_round(a):
    threads = ["-t", str(a.threads)]
    first = first_tokens(a, [a.jaju[0], "run", a.jaju[1], "--raw", "--temperature", "0", "--max-tokens", "1", "a"])
    drop_caches()
    decode = measured([a.jaju[0], "bench", a.jaju[1], *threads, "-p", "0", "-n", str(a.tokens), "--repeat", str(a.repeat), "--json"])
    drop_caches()
    prompt = measured([a.jaju[0], "bench", a.jaju[1], *threads, "-p", str(a.prompt), "-n", "0", "--all", "--repeat", str(a.prompts), "--json"])
    decode["out"], prompt["out"] = json.loads(decode["out"]), json.loads(prompt["out"])
    speeds = lambda test: [test["tokens"] / s for s in test["seconds"]]
    test = decode["out"]["tests"][0]
    return {"first": first["seconds"], "decode": speeds(test), "prompt": speeds(prompt["out"]["tests"][0]), "experts": test["experts"],
            "prompt_experts": prompt["out"]["tests"][0]["experts"], "MB": [test["experts"]["bytes_per_token"] / 1e6],
            "peak": max(first["peak"], decode["peak"], prompt["peak"]), "test": test, "machine": decode["out"]["machine"]}


def peer_round(a):
    base = [a.peer[0], a.peer[1], str(a.threads)]
    first = first_tokens(a, [*base, "0", "0", "pp1"])
    drop_caches()
    decode = measured([*base, str(a.repeat), "0", "tg%d@0" % a.tokens])
    drop_caches()
    prompt = measured([*base, str(a.prompts), "0", "all%d" % a.prompt])
    of = lambda result, key: json.loads(result["out"]).get(key)
    name, all_name = "tg%d@0" % a.tokens, "all%d" % a.prompt
    return {"first": first["seconds"], "decode": of(decode, name), "MB": of(decode, name + " MB"), "prompt": of(prompt, all_name),
            "prompt_MB": of(prompt, all_name + " MB"), "peak": max(first["peak"], decode["peak"], prompt["peak"])}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--jaju", nargs=2, metavar=("PROGRAM", "MODEL"), required=True)
    p.add_argument("--peer", nargs=2, metavar=("PROGRAM", "GGUF"), required=True)
    p.add_argument("--free", required=True, help="MiB to leave, several parted by commas")
    p.add_argument("--tokens", type=int, default=32)
    p.add_argument("--prompt", type=int, default=1000)
    p.add_argument("--repeat", type=int, default=5, help="runs of decoding in a round")
    p.add_argument("--prompts", type=int, default=2, help="runs of the prompt in a round")
    p.add_argument("--firsts", type=int, default=3, help="first tokens in a round")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--json", metavar="FILE")
    a = p.parse_args()
    results = {}
    flat = lambda rounds, key: sorted(x for r in rounds for x in r[key] or [])
    for left in map(int, a.free.split(",")):
        drop_caches()
        balloon = Balloon(left * MIB)
        ours, theirs = [], []
        for r in range(a.rounds):
            for who in (("jaju", "peer") if r % 2 == 0 else ("peer", "jaju")):
                (ours if who == "jaju" else theirs).append(jaju_round(a) if who == "jaju" else peer_round(a))
                print("%d MiB free, round %d of %d: %s" % (left, r + 1, a.rounds, who), file=sys.stderr)
        balloon.release()
        results[left] = {"jaju": ours, "peer": theirs}
        if a.json:
            with open(a.json, "w", encoding="utf-8") as f:
                json.dump({"options": vars(a), "free": results}, f, indent=1)
        print("\n%d MiB free\n\n| | jaju | peer | ratio |\n|---|---|---|---|" % left)
        for name, key in (("generated, tokens/s", "decode"), ("prompt of %d, tokens/s" % a.prompt, "prompt")):
            x, y = flat(ours, key), flat(theirs, key)
            print("| %s | %.1f / **%.1f** / %.1f | %.1f / **%.1f** / %.1f | %.1f |" % (name, x[0], statistics.median(x), x[-1], y[0],
                  statistics.median(y), y[-1], statistics.median(x) / statistics.median(y)))
        x, y = flat(ours, "first"), flat(theirs, "first")
        print("| first token, cold, s | %.2f / **%.2f** / %.2f | %.2f / **%.2f** / %.2f | %.1f |" % (x[0], statistics.median(x), x[-1],
              y[0], statistics.median(y), y[-1], statistics.median(y) / statistics.median(x)))
        print("| peak resident, GB | %.2f | %.2f | |" % (max(r["peak"] for r in ours) / 1e9, max(r["peak"] for r in theirs) / 1e9))
        x, y = [statistics.median(flat(rounds, "MB") or [0]) for rounds in (ours, theirs)]
        print("| read for a token, MB | %.0f | %.0f | %.2f |\n" % (x, y, x / y if y else 0))
        for r in ours:
            e = r["experts"]
            print("- jaju: %d slots, %.1f %% found, %.2f of what was missing read at %.2f GB/s, %.0f %% of the time waiting" % (
                  e["slots"], 100 * e["hit_rate"], e["bytes"] / e["bytes_needed"] if e["bytes_needed"] else 1, e["bytes_per_second"] / 1e9,
                  100 * e["wait_share"]))
            if "plan" in r["test"]:
                own = r["test"]["plan"]["own"]
                print("  plan, for the routing of this run: %.1f tokens/s, %.1f %% found" % (own["tokens_per_second"], 100 * own["hit_rate"]))
        sys.stdout.flush()


main()
