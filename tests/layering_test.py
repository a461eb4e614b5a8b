#!/usr/bin/env python3
"""Dependencies point down only: reads every #include under src/ and fails on an arrow that points up or sideways.

The map is the house of ARCHITECTURE.md. A room may include itself and the rooms listed for it, nothing else.
"""
import pathlib
import re
import sys

MAY_INCLUDE = {
    "base": [],
    "tensor": ["base"],
    "formats": ["tensor", "base"],
    "kernels": ["tensor", "base"],
    # memory knows bytes, slots, drives, and experts as (layer, expert); no routers, no configs, no requests.
    "memory": ["kernels", "tensor", "base"],
    "tokenizer": ["base"],
    "model": ["formats", "memory", "kernels", "tensor", "base"],
    "chat": ["tokenizer", "base"],
    # runtime speaks token ids, never text or JSON: no tokenizer, no chat.
    "runtime": ["model", "memory", "kernels", "tensor", "base"],
    "server": ["runtime", "chat", "tokenizer", "base"],
    "data": ["chat", "tokenizer", "base"],
    "eval": ["data", "runtime", "chat", "model", "tokenizer", "base"],
    # the server sees requests, text and token ids; no weights and no tensors.
    "server": ["runtime", "chat", "tokenizer", "base"],
    "cli": ["server", "eval", "data", "runtime", "chat", "model", "formats", "memory", "kernels", "tokenizer", "tensor",
            "base"],
    # train is a program of its own (jaju-train), so that only it needs LibTorch.
    "train": ["cli", "eval", "data", "runtime", "chat", "model", "formats", "tokenizer", "tensor", "base"],
}


def arrows(source_dir):
    for path in sorted(source_dir.rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        room = path.relative_to(source_dir).parts[0]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if match:
                yield path, number, room, match.group(1).split("/")[0]


def main():
    source_dir = pathlib.Path(sys.argv[1]) / "src"
    wrong, seen = [], 0
    for path, number, room, target in arrows(source_dir):
        seen += 1
        if room not in MAY_INCLUDE:
            wrong.append(f"{path}:{number}: src/{room} is not on the map; add it to {sys.argv[0]}")
        elif target in MAY_INCLUDE and target != room and target not in MAY_INCLUDE[room]:
            wrong.append(f"{path}:{number}: {room} may not include {target}")
    # The map itself must point down.
    order = list(MAY_INCLUDE)
    wrong += [f"the map: {room} includes {t}, which stands above it" for room in order for t in MAY_INCLUDE[room]
              if order.index(t) > order.index(room)]
    print("\n".join(wrong) or f"{seen} includes point down")
    sys.exit(1 if wrong or seen < 20 else 0)


if __name__ == "__main__":
    main()
