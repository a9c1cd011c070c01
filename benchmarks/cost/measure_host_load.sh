#!/bin/bash
# Measures what `dyno-cost-study host-load` predicts: first operators of architectures, then closed loops
# of others, which the calibration has not seen.
#
#   benchmarks/cost/measure_host_load.sh FOLDER
#
# Writes FOLDER/{decode,prefill}.{json,csv} (records and operator rows for the calibration) and
# FOLDER/load.json. What exists is not measured again. $BUDGET (240s) is for the loops.
set -euo pipefail
folder=${1:?usage: measure_host_load.sh FOLDER}
dyno=${DYNO:-.build/release/dyno}
shapes=$(cd "$(dirname "$0")/architectures" && pwd)
mkdir -p "$folder"
calibrated=("$shapes"/d1280-h20-k5-f4608.json "$shapes"/d1024-h16-k4-f6272.json smollm2-135m
  qwen2.5-0.5b)

operators() { # NAME ARGUMENTS…
  local name=$1
  shift
  [ -s "$folder/$name.json" ] && return
  "$dyno" bench "${calibrated[@]}" --dtype bf16 "$@" --output json \
    --operators "$folder/$name.csv" > "$folder/$name.part"
  mv "$folder/$name.part" "$folder/$name.json"
}

operators decode --prompt 0 --generate 1 --depth 128,192 --batch 1,4,16 --repetitions 15
operators prefill --prompt 64,128,160 --generate 0 --repetitions 10
[ -s "$folder/load.json" ] && exit
"$dyno" bench smollm2-360m qwen3-0.6b --dtype bf16 --workload 128x64 --concurrency 1,4,16 \
  --budget "${BUDGET:-240s}" --output json > "$folder/load.part"
mv "$folder/load.part" "$folder/load.json"
