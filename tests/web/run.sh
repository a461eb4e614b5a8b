#!/bin/sh
# run.sh WORK_DIR unit|browser|dist [PROGRAM MODEL]: installs the npm packages of web/ in WORK_DIR and runs tests of the page.
# Leaves with 77 (ctest: skipped) where a tool is missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
web=$here/../../web
work=$1/web
part=$2
skip() {
  echo "skipped: $*" >&2
  exit 77
}
for tool in node npm; do
  command -v "$tool" >/dev/null 2>&1 || skip "the tests of the web chat need $tool: install nodejs and npm"
done
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  skip "the tests of the web chat need node 20.19 or newer, this is $(node --version)"
if [ "$part" = browser ]; then
  JAJU_CHROMIUM=${JAJU_CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
  [ -n "$JAJU_CHROMIUM" ] || skip "the browser tests of the web chat need Chromium: apt-get install chromium"
  export JAJU_CHROMIUM
fi
mkdir -p "$work"
rm -rf "$work/src" "$work/public"
(cd "$web" && cp -R .npmrc csp.txt index.html package.json package-lock.json public src tsconfig.json vite.config.ts "$work/")
cd "$work"
if ! cmp -s package-lock.json installed-lock.json; then
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
  cp package-lock.json installed-lock.json
fi
export JAJU_WEB=$work JAJU_WEB_DIST=$web/dist
case $part in
  unit) exec node --test "$here"/unit/*.test.mjs ;;
  browser) JAJU_PROGRAM=${3:-} JAJU_MODEL=${4:-} exec node --test "$here/browser/all.test.mjs" ;;
  dist)
    npm run --silent build
    diff -rq "$work/dist" "$web/dist" ||
      { echo "web/dist is not what web/src builds: cd web && npm ci && npm run build, then commit web/dist" >&2; exit 1; }
    ;;
esac
