#!/bin/sh
# run.sh WORK_DIR: installs the pinned clients into WORK_DIR and runs their tests against JAJU_URL.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
mkdir -p "$work"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.test.mjs "$work/"
cd "$work"
if ! cmp -s package-lock.json installed-lock.json; then
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
  cp package-lock.json installed-lock.json
fi
exec node --test --test-reporter=spec openai.test.mjs anthropic.test.mjs ollama.test.mjs vercel.test.mjs
