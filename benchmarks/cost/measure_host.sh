#!/bin/bash
# Measures this host for `dyno calibrate`: twenty-four architectures from 135M to 3B parameters
# (twelve of one size, eight of another), three dtypes, batches and depths. Within a size nearly all
# differ in hidden size, which decides the bytes of the vocabulary where N is equal, and their caches
# spread from 7 to 96 and 8 to 140 KiB a token, large ones in small hidden sizes too: architectures
# that are alike in speed have no order to predict.
#
# A reference architecture takes part in every process: what the machine did meanwhile is told by it.
# Now and then it runs alone through all batches and depths in one process: how long these take
# beside each other is not left to the minutes in which each of them happened to be measured.
# Tests with empty caches, and of one and four sequences with long ones, run interleaved for as many
# architectures of one size as the memory (24 GB) holds in one process, as their order is to be
# predicted; sixteen long caches leave room for one architecture beside the reference. Each pass is
# in another random order and splits a size into other processes: what a process does to all it runs
# is no order. From the third on a pass measures only decoding that is interleaved: there
# architectures are so much alike that their order needs more passes.
#
#   benchmarks/cost/measure_host.sh FOLDER [PASSES]
#
# Writes FOLDER/PASS-NAME-DTYPE-{decode,deep,prefill}.{json,csv}: records and operator rows of PASSES
# (4). What exists is not measured again. $REPETITIONS (5) are of each test of 3B; smaller models'
# decoding gets three times as many, what is interleaved with long caches six times; prompts twice.
set -euo pipefail
folder=${1:?usage: measure_host.sh FOLDER [PASSES]}
passes=${2:-4}
dyno=${DYNO:-.build/release/dyno}
repetitions=${REPETITIONS:-5}
shapes=$(cd "$(dirname "$0")/architectures" && pwd)
reference=$shapes/d1280-h20-k5-f4608.json
mkdir -p "$folder"

of_350m=("$shapes"/d768-l24-h24-k6-f5056.json "$shapes"/d896-l20-h14-k14-f5312.json
  "$shapes"/d1024-h16-k4-f6272.json "$shapes"/d1152-l18-h18-k18-f4096.json
  "$shapes"/d1408-h22-k11-f3776.json "$shapes"/d1536-h24-k24-f2688.json
  "$shapes"/d1664-l14-h26-k2-f3776.json "$shapes"/d1792-h28-k4-f2688.json
  "$shapes"/d2048-l12-h32-k16-f2688.json "$shapes"/d2304-l12-h18-k9-f1920.json
  "$shapes"/d2560-l10-h20-k5-f2432.json)
of_1b=("$shapes"/d1536-l24-h12-k4-f7424.json "$shapes"/d1792-l20-h28-k28-f6656.json
  llama-3.2-1b "$shapes"/d2304-h36-k2-f7168.json surefire-1b panda-1b
  "$shapes"/d2816-h22-k11-f4352.json "$shapes"/d3072-l12-h24-k4-f6400.json)
others=(smollm2-135m qwen2.5-0.5b qwen3-0.6b llama-3.2-3b)

measure() { # NAME ARGUMENTS…: one file of records and one of operator rows
  local name=$1
  shift
  [ -s "$folder/$name.json" ] && return
  "$dyno" bench "$@" "$reference" --seed "$pass" --output json --operators "$folder/$name.csv" \
    > "$folder/$name.part" 2>> "$folder/warnings.txt"
  mv "$folder/$name.part" "$folder/$name.json"
  echo "pass $pass: $name" >&2
}

empty_caches() { # NAME DTYPE ARCHITECTURE…
  local name=$pass-$1-$2 dtype=$2 times=$((3 * repetitions))
  shift 2
  [ "$1" = llama-3.2-3b ] && times=$repetitions
  measure "$name-decode" "$@" --dtype "$dtype" --prompt 0 --generate 1 --batch 1,4,16 \
    --repetitions "$times"
  [ "$dtype" = bf16 ] && [ "$pass" -le 2 ] || return 0
  measure "$name-prefill" "$@" --dtype "$dtype" --prompt 128 --generate 0 \
    --repetitions "$((2 * repetitions))"
}

few_long_caches() { # NAME DTYPE ARCHITECTURE…
  local name=$pass-$1-$2-deep dtype=$2
  shift 2
  measure "$name" "$@" --dtype "$dtype" --prompt 0 --generate 1 --depth 4096 --batch 1,4 \
    --repetitions "$((6 * repetitions))"
}

long_caches() { # ARCHITECTURE DTYPE BATCHES REPETITIONS
  measure "$pass-$(basename "$1" .json)-$2-deep" "$1" --dtype "$2" --prompt 0 --generate 1 \
    --depth 4096 --batch "$3" --repetitions "$4"
}

reference_alone() { # NAME DTYPE
  measure "$pass-alone-$1-$2-decode" --dtype "$2" --prompt 0 --generate 1 --depth 0,4096 \
    --batch 1,4,16 --repetitions "$((2 * repetitions))"
}

together() { # WHAT NAME DTYPE COUNT ARCHITECTURE…, of one size, COUNT in a process
  local what=$1 name=$2 dtype=$3 count=$4 part=1
  shift 4
  while [ $# -gt 0 ]; do
    "$what" "$name-$part" "$dtype" "${@:1:count}"
    shift $((count < $# ? count : $#))
    part=$((part + 1))
  done
}

in_random_order() { # by what a hash makes of each in this pass
  local one
  for one in "$@"; do
    printf '%s\t%s\n' "$(printf '%s %s' "$pass" "$one" | md5sum | cut --characters 1-16)" "$one"
  done | sort | cut --fields 2-
}

for pass in $(seq "$passes"); do
  mapfile -t small < <(in_random_order "${of_350m[@]}")
  mapfile -t large < <(in_random_order "${of_1b[@]}")
  alone=("${others[@]}")
  [ "$pass" -gt 2 ] && alone=()
  for dtype in $(in_random_order f32 bf16 q8_0); do
    for part in $(in_random_order 350m 1b "${alone[@]}"); do
      reference_alone "$part" "$dtype"
      case $part-$dtype in
        350m-*)
          case $dtype in f32) count=6 ;; *) count=11 ;; esac
          together empty_caches "$part" "$dtype" 11 "${small[@]}"
          together few_long_caches "$part" "$dtype" "$count" "${small[@]}"
          ;;
        1b-*)
          case $dtype in f32) count=3 ;; bf16) count=4 ;; q8_0) count=8 ;; esac
          together empty_caches "$part" "$dtype" "$count" "${large[@]}"
          together few_long_caches "$part" "$dtype" "$count" "${large[@]}"
          ;;
        *) empty_caches "$part" "$dtype" "$part" ;;
      esac
    done
    [ "$pass" -gt 2 ] && continue
    # A dtype's long caches right after its empty ones: both are to be of the same part of the hour.
    count=0
    for architecture in $(in_random_order "${of_350m[@]}" "${of_1b[@]}" "${others[@]}"); do
      [ $((count % 12)) -eq 0 ] && reference_alone "long-$count" "$dtype"
      count=$((count + 1))
      times=$((3 * repetitions))
      [ "$architecture" = llama-3.2-3b ] && times=$repetitions
      case $architecture-$dtype in
        # 12.8 GB of weights leave room for fewer caches.
        llama-3.2-3b-f32) batches=1,4 ;;
        llama-3.2-3b-* | smollm2-* | qwen*) batches=1,4,16 ;;
        *) batches=16 ;;
      esac
      long_caches "$architecture" "$dtype" "$batches" "$times"
    done
  done
done
