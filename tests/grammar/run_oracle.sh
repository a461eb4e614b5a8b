#!/bin/sh
# run_oracle.sh SOURCE_DIR WORK_DIR DRIVER: installs ajv into WORK_DIR and compares. 77 (skipped) without node or npm.
set -eu
source_dir=$1 work_dir=$2 driver=$3
for tool in node npm; do
  command -v "$tool" >/dev/null || {
    echo "skipped: $tool is not installed; this test validates constrained output with ajv: install nodejs and npm" >&2
    exit 77
  }
done
mkdir -p "$work_dir"
cp "$source_dir/package.json" "$source_dir/oracle.mjs" "$work_dir/"
cd "$work_dir"
if ! cmp -s package.json node_modules/.installed; then
  npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error || {
    echo "skipped: npm could not install ajv" >&2
    exit 77
  }
  cp package.json node_modules/.installed
fi
exec node oracle.mjs "$driver"
