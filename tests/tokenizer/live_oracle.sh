#!/bin/sh
# live_oracle.sh WORK_DIR SCRIPT ARGUMENT...: installs the npm package `tokenizers` in WORK_DIR and runs SCRIPT, a file
# of this folder, there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
script=$2
shift 2
for tool in node npm; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "the live comparison with Hugging Face tokenizers needs $tool: install nodejs and npm (./jaju test does)" >&2
    exit 1
  fi
done
mkdir -p "$work"
cp "$here/package.json" "$here/package-lock.json" "$here/$script" "$work/"
cd "$work"
if ! cmp -s package-lock.json installed-lock.json; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json installed-lock.json
fi
exec node "$script" "$@"
