#!/bin/sh
# read_oracle.sh WORK_DIR JAJU MODEL...: installs the npm package `@huggingface/gguf` in WORK_DIR, exports each MODEL and
# compares what the package reads with `jaju gguf show --json`. Exit code 77 (skipped) where the package cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
jaju=$2
shift 2
for tool in node npm; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "the comparison with Hugging Face's GGUF reader needs $tool: install nodejs and npm (./jaju test does)" >&2
    exit 1
  fi
done
mkdir -p "$work"
cp "$here/package.json" "$here/package-lock.json" "$here/read_oracle.mjs" "$work/"
cd "$work"
if ! cmp -s package-lock.json installed-lock.json; then
  if ! npm ci --no-audit --no-fund --loglevel=error; then
    echo "skipped: the package cannot be installed here (no network?)" >&2
    exit 77
  fi
  cp package-lock.json installed-lock.json
fi
for model in "$@"; do
  for type in f32 bf16 q8_0; do
    "$jaju" gguf export "$model" --type "$type" --to "$work/model.gguf" --force --quiet
    "$jaju" gguf show "$work/model.gguf" --json > "$work/model.json"
    node read_oracle.mjs "$work/model.gguf" "$work/model.json"
  done
done
