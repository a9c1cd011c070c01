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
export DYNO_DATA=$data DYNO_RESIDUALS=$work/residuals DYNO_HOST_PROFILE=$work/host.json
tables=$data/gpu-ops/a100-sxm-80gb-vllm-0.14.0
runs=$data/gpu-e2e/llm-inference-bench.csv
devices=profiles/devices

section() { # FILE COMMAND…: output kept in FILE
  local file=$1
  shift
  echo "writing $file" >&2
  "$@" > "$work/$file"
}

section ladder-a100-80gb.md "$dyno" calibrate "$tables"/{gemm,context_attention,generation_attention}.csv \
  "$tables"/{moe,context_mla,generation_mla}.csv --device a100-80gb --write "$devices/a100-80gb.json" --output markdown
section ladder-a100-40gb.md "$dyno" calibrate "$runs" --only A100 --device a100-40gb \
  --from a100-80gb --write "$devices/a100-40gb.json" --output markdown
section ladder-h100-sxm.md "$dyno" calibrate "$runs" \
  "$data"/gpu-ops/h100-sxm-vllm-0.14.0/{moe,context_mla,generation_mla}.csv --only H100 \
  --device h100-sxm --from a100-80gb --write "$devices/h100-sxm.json" --output markdown
section ladder-l40s.md "$dyno" calibrate \
  "$data"/gpu-ops/l40s-vllm-0.14.0/{moe,context_mla,generation_mla}.csv --device l40s \
  --from a100-80gb --write "$devices/l40s.json" --output markdown
for device in h200-sxm b200; do
  "$dyno" calibrate --device "$device" --from a100-80gb --write "$devices/$device.json" > "$work/carried.md"
done
section operators.md "$study" operators
section sparse.md "$study" sparse
section sweep.md "$study" sweep mixtral-8x7b h100-sxm 2
section runs.md "$study" runs
if [ -d "$measurements" ]; then
  section host.md "$study" host "$measurements"
fi
if [ -f "$DYNO_HOST_PROFILE" ]; then
  section rows.md "$study" rows "$DYNO_HOST_PROFILE"
else
  section rows.md "$study" rows
fi
section gains.md "$study" gains
section speed.md "$study" speed
"${PYTHON:-python3}" benchmarks/cost/plot_residuals.py "$work/residuals" docs/figures

part() { # TITLE FILE…
  printf '\n## %s\n\n' "$1"
  shift
  for file in "$@"; do [ -f "$work/$file" ] && cat "$work/$file"; done
}
{
  echo "# Calibration: results"
  echo
  echo "Written by \`make calibration\`; [calibration.md](calibration.md) says what is done. Errors are"
  echo "|predicted / measured - 1| of rows that the fit has not seen."
  part "A100 80 GB: operators, half of the shapes held out" operators.md
  part "Experts and latent attention on three GPUs" sparse.md
  part "Mixtral 8x7B over batches" sweep.md
  part "How many measurements to buy" rows.md
  part "Whole runs, every direction" runs.md
  part "The ladder of each GPU" ladder-a100-80gb.md ladder-a100-40gb.md ladder-h100-sxm.md ladder-l40s.md
  part "This host" host.md
  part "Published gains" gains.md
  part "Speed" speed.md
  printf '\n## Residuals\n\n'
  for figure in gemm prefill_attention decode_attention whole_runs host; do
    [ -f "docs/figures/$figure.png" ] && printf '![%s](figures/%s.png)\n\n' "$figure" "$figure"
  done
} > docs/calibration-results.md
