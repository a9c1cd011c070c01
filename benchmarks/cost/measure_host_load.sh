#!/bin/bash
# Measures what `dyno-cost-study host-load` predicts: in each of several passes operators of
# architectures, and then closed loops of others, which the calibration has not seen. A shared machine's
# memory is faster or slower from one pass to the next, for both alike.
#
#   benchmarks/cost/measure_host_load.sh FOLDER
#
# Writes FOLDER/PASS-{decode,prefill}.{json,csv} (records and operator rows for the calibration) and
# FOLDER/PASS-load.json; five minutes a pass. What exists is not measured again.
set -euo pipefail
folder=${1:?usage: measure_host_load.sh FOLDER}
dyno=${DYNO:-.build/release/dyno}
passes=${PASSES:-3}
shapes=$(cd "$(dirname "$0")/architectures" && pwd)
mkdir -p "$folder"
calibrated=("$shapes"/d1280-h20-k5-f4608.json "$shapes"/d1024-h16-k4-f6272.json smollm2-135m
  qwen2.5-0.5b)

bench() { # NAME ARGUMENTS…
  local name=$1
  shift
  [ -s "$folder/$name.json" ] && return
  "$dyno" bench --dtype bf16 --output json "$@" > "$folder/$name.part"
  mv "$folder/$name.part" "$folder/$name.json"
}

for pass in $(seq "$passes"); do
  bench "$pass-decode" "${calibrated[@]}" --prompt 0 --generate 1 --depth 128,192 --batch 1,4,16 \
    --repetitions 15 --operators "$folder/$pass-decode.csv"
  bench "$pass-prefill" "${calibrated[@]}" --prompt 64,128,160 --generate 0 --repetitions 10 \
    --operators "$folder/$pass-prefill.csv"
  bench "$pass-load" smollm2-360m qwen3-0.6b --workload 128x64 --concurrency 1,4,16 --budget 150s \
    --over-budget
done
