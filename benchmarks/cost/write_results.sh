#!/bin/bash
# Calibrates the shipped devices from the published data and writes docs/calibration-results.md with
# its plots. Needs the data in $DYNO_DATA (default ../shared/data); this host's section needs what
# measure_host.sh wrote to $HOST_MEASUREMENTS (default host-measurements) and is kept otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${DYNO_DATA:-../shared/data}
measurements=${HOST_MEASUREMENTS:-host-measurements}
dyno=.build/release/dyno
study=.build/release/dyno-cost-study
work=.calibration
mkdir -p "$work/residuals" docs/figures
export DYNO_DATA=$data DYNO_RESIDUALS=$work/residuals
runs=("$data"/gpu-e2e/llm-inference-bench.csv "$data"/gpu-e2e/llm-inference-bench-multi-gpu.csv)
devices=profiles/devices

section() { # FILE COMMAND…: output kept in FILE
  local file=$1
  shift
  echo "writing $file" >&2
  "$@" > "$work/$file"
}

# Kernel tables of the three devices that have them, then whole runs, then what all have in common.
for device in a100-80gb:a100-sxm-80gb h100-sxm:h100-sxm l40s:l40s; do
  tables=$data/gpu-ops/${device#*:}-vllm-0.14.0
  name=${device%:*}
  section "ladder-$name.json" "$dyno" calibrate --device "$name" \
    "$tables"/{gemm,context_attention,generation_attention,custom_allreduce,nccl}.csv \
    "$tables"/{moe,context_mla,generation_mla}.csv --write "$devices/$name.json" --output json
done
section ladder-a100-40gb.md "$dyno" calibrate "${runs[@]}" --only A100 --device a100-40gb \
  --from a100-80gb --write "$devices/a100-40gb.json" --output markdown
section ladder-h100-runs.md "$dyno" calibrate "${runs[@]}" --only H100 --device h100-sxm \
  --write "$devices/h100-sxm.json" --output markdown
carry() { # DEVICE FROM…: what those have in common, for a device that nobody measured
  local device=$1
  shift
  "$dyno" calibrate --device "$device" "${@/#/--from=}" --write "$devices/$device.json" \
    > "$work/carried.md"
}
# Of their own generation where one was measured; else of all whose kernels are alike.
for device in h200-sxm h100-pcie gh200; do carry $device h100-sxm; done
for device in rtx-4090 l4; do carry $device l40s; done
for device in rtx-3090 a10g; do carry $device a100-80gb l40s; done
carry b200 a100-80gb h100-sxm
for device in rtx-pro-6000 mi300x; do carry $device a100-80gb h100-sxm l40s; done
section operators.md "$study" operators
section unseen.md "$study" unseen
section collectives.md "$study" collectives
section multi.md "$study" multi
section jumps.md "$study" jumps
section sparse.md "$study" sparse
section runs.md "$study" runs
if [ -d "$measurements" ]; then
  section host.md "$study" host "$measurements"
fi
section gains.md "$study" gains
section speed.md "$study" speed
"${PYTHON:-python3}" benchmarks/cost/plot_residuals.py "$work/residuals" docs/figures
"${PYTHON:-python3}" benchmarks/cost/write_page.py "$work" docs/calibration-results.md
