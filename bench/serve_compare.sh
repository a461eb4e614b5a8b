#!/bin/sh
# Serves one model with jaju and with a llama-server (of llama.cpp or ik_llama.cpp), and measures both side by side.
#
#   serve_compare.sh JAJU MODEL_DIR PEER_SERVER MODEL.gguf [OUT_DIR]
#
#   JAJU         the built program, e.g. build/release/jaju
#   MODEL_DIR    what jaju serves: a checkpoint, or the packed model made from it
#   PEER_SERVER  their llama-server, built natively
#   MODEL.gguf   the same model for them: `jaju gguf export DIR --to MODEL.gguf`, quantised by their llama-quantize if wanted
#   OUT_DIR      report.json, the table and both logs; default: serve_compare-DATE
#
# Environment, with defaults: STREAMS=1,8,32 PROMPT=128 GENERATE=64 REQUESTS=2 ROUNDS=3 THREADS=(CPUs) JAJU_PORT=18080
# PEER_PORT=18081 PEER_NAME=peer JAJU_ARGS= PEER_ARGS= (more options for each server, e.g. PEER_ARGS="-rtr")
#
# Both servers stay up, one is measured at a time, who is first alternates by round; both are asked for the same number of
# tokens, greedily, and for no reuse of prompts. A machine of its own is needed for numbers worth keeping: look at the
# spread in report.json. Two servers mean the model twice in memory; mapped files count once each.
#
# Example, 1.4 GB of random weights in bf16:
#   bench/synthetic_model.py M /tmp/M && build/release/jaju gguf export /tmp/M --to /tmp/M.gguf
#   bench/serve_compare.sh build/release/jaju /tmp/M ~/ik_llama.cpp/build/bin/llama-server /tmp/M.gguf
set -eu
if [ $# -lt 4 ]; then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
jaju=$1 model=$2 peer=$3 gguf=$4
out=${5:-serve_compare-$(date +%Y%m%d-%H%M%S)}
: "${STREAMS:=1,8,32}" "${PROMPT:=128}" "${GENERATE:=64}" "${REQUESTS:=2}" "${ROUNDS:=3}" "${THREADS:=$(nproc)}"
: "${JAJU_PORT:=18080}" "${PEER_PORT:=18081}" "${PEER_NAME:=peer}" "${JAJU_ARGS:=}" "${PEER_ARGS:=}"
slots=$(echo "$STREAMS" | tr , '\n' | sort -n | tail -1)
# What one stream may hold, rounded up as llama-server wants it; it splits -c among its slots.
each=$(((PROMPT + GENERATE + 64 + 255) / 256 * 256))
mkdir -p "$out"

pids=
trap 'for pid in $pids; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true' EXIT INT TERM
# shellcheck disable=SC2086  # the options are meant to be split
"$peer" -m "$gguf" --host 127.0.0.1 --port "$PEER_PORT" -t "$THREADS" -tb "$THREADS" -np "$slots" -c $((slots * each)) \
  $PEER_ARGS >"$out/$PEER_NAME.log" 2>&1 &
pids="$pids $!"
# shellcheck disable=SC2086
"$jaju" serve "$model" --host 127.0.0.1 --port "$JAJU_PORT" --threads "$THREADS" --max-sequences "$slots" \
  --context "$each" $JAJU_ARGS >"$out/jaju.log" 2>&1 &
pids="$pids $!"

wait_for() { # URL LOG
  tries=0
  until curl -fs -o /dev/null "$1"; do
    tries=$((tries + 1))
    for pid in $pids; do
      kill -0 "$pid" 2>/dev/null || { echo "serve_compare: a server ended; see $out" >&2; tail -5 "$out"/*.log >&2; exit 1; }
    done
    [ "$tries" -lt 300 ] || { echo "serve_compare: $1 does not answer; see $2" >&2; exit 1; }
    sleep 1
  done
}
# jaju has no word for "do not stop", but a bias keeps every token that ends an answer away.
never=$(node -p '
  const fs = require("node:fs"), ids = []
  for (const name of ["config.json", "generation_config.json"]) {
    const file = `${process.argv[1]}/${name}`
    if (fs.existsSync(file)) ids.push(JSON.parse(fs.readFileSync(file)).eos_token_id ?? [])
  }
  JSON.stringify({ logit_bias: Object.fromEntries(ids.flat().map((id) => [id, -100])) })' "$model")
wait_for "http://127.0.0.1:$PEER_PORT/health" "$out/$PEER_NAME.log"
wait_for "http://127.0.0.1:$JAJU_PORT/ready" "$out/jaju.log"
node "$here/serve_bench.mjs" --server "$PEER_NAME,llama,http://127.0.0.1:$PEER_PORT" \
  --server "jaju,jaju,http://127.0.0.1:$JAJU_PORT,$never" --streams "$STREAMS" --prompt "$PROMPT" --generate "$GENERATE" \
  --requests "$REQUESTS" --rounds "$ROUNDS" --seconds 7200 --json "$out/report.json" | tee "$out/table.md"
