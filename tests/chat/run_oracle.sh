#!/bin/sh
# run_oracle.sh SOURCE_DIR WORK_DIR DRIVER: installs the two npm packages into WORK_DIR and compares.
set -eu
source_dir=$1 work_dir=$2 driver=$3
for tool in node npm; do
  command -v "$tool" >/dev/null || {
    echo "$tool is not installed; this test compares with @huggingface/jinja: install nodejs and npm" >&2
    exit 1
  }
done
mkdir -p "$work_dir"
cp "$source_dir/package.json" "$source_dir/oracle.mjs" "$work_dir/"
cd "$work_dir"
if ! cmp -s package.json node_modules/.installed; then
  npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
  cp package.json node_modules/.installed
fi
exec node oracle.mjs "$source_dir" "$driver"
