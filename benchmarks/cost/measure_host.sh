#!/bin/bash
# Measures this host for `dyno calibrate`: sixteen architectures from 135M to 3B parameters (six of
# one size, six of another), three dtypes, batches and depths. Each shares its process with a
# reference architecture, the same test of both one right after the other: what the machine did
# meanwhile is told by the reference. Each pass is in another random order, so that a retest is
# another part of the hour.
#
#   benchmarks/cost/measure_host.sh FOLDER [PASSES [ARCHITECTURE…]]
#
# Writes FOLDER/PASS-ARCHITECTURE-DTYPE-{decode,prefill}.{json,csv}: records and operator rows.
# What exists is not measured again. $REPETITIONS (8) are of each decoding test.
set -euo pipefail
folder=${1:?usage: measure_host.sh FOLDER [PASSES [ARCHITECTURE…]]}
passes=${2:-2}
shift $(($# < 2 ? $# : 2))
dyno=${DYNO:-.build/release/dyno}
shapes=$(cd "$(dirname "$0")/architectures" && pwd)
reference=$shapes/d1280-h20-k5-f4608.json
mkdir -p "$folder"
zoo="smollm2-135m qwen2.5-0.5b qwen3-0.6b llama-3.2-1b surefire-1b panda-1b llama-3.2-3b"
[ $# -gt 0 ] || set -- $zoo "$shapes"/*.json

measure() { # NAME ARGUMENTS…: one file of records and one of operator rows
  local name=$1
  shift
  [ -s "$folder/$name.json" ] && return
  "$dyno" bench "$@" --output json --operators "$folder/$name.csv" > "$folder/$name.part" \
    2>> "$folder/warnings.txt"
  mv "$folder/$name.part" "$folder/$name.json"
}

for pass in $(seq "$passes"); do
  for architecture in $(printf '%s\n' "$@" | shuf --random-source=<(yes "$pass"))
  do
    [ "$architecture" = "$reference" ] && continue
    name=$(basename "$architecture" .json)
    for dtype in $(printf '%s\n' f32 bf16 q8_0 | shuf --random-source=<(yes "$pass")); do
      batches=1,4,16
      # 12.8 GB of weights leave room for fewer caches.
      [ "$name-$dtype" = llama-3.2-3b-f32 ] && batches=1,4
      repetitions=${REPETITIONS:-8}
      [ "$name" = llama-3.2-3b ] && repetitions=4
      measure "$pass-$name-$dtype-decode" "$architecture" "$reference" --dtype "$dtype" --prompt 0 \
        --generate 1 --depth 0,4096 --batch "$batches" --repetitions "$repetitions" --seed "$pass"
      if [ "$dtype" = bf16 ]; then
        measure "$pass-$name-$dtype-prefill" "$architecture" "$reference" --dtype "$dtype" \
          --prompt 128 --generate 0 --repetitions 6 --seed "$pass"
      fi
      echo "pass $pass: $name $dtype" >&2
    done
  done
done
