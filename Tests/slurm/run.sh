#!/usr/bin/env bash
# run.sh DYNO: sweeps by a real Slurm of one node: `dyno sweep --sbatch` as a job array, a part of it run
# again, and arrays that are refused. Skips where no Slurm can run.
set -euo pipefail
dyno=$(realpath "$1")
. "$(dirname "$0")/cluster.sh"

skip() {
  echo "Tests/slurm: skipped: $*"
  exit 0
}
fail() {
  echo "Tests/slurm: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || skip "its daemons want root"
for program in munged slurmctld slurmd sbatch; do
  command -v "$program" >/dev/null || skip "$program is not installed (apt-get install slurm-wlm)"
done

folder=$(mktemp -d)
trap 'cluster_stop; rm -rf "$folder"' EXIT
cluster_start "$folder/cluster" || skip "the daemons do not start here: $(tail -2 "$folder"/cluster/*.out)"

cd "$folder"
cat >grid.yaml <<'EOF'
architectures: [smollm2-135m]
dtype: [q8_0, q4_0]
batch: [1, 2]
prompt: 0
generate: 4
repetitions: 1
threads: 1
EOF

# submit ARGUMENTS…: a job of sbatch, waited for; its number.
submit() { timeout 300 sbatch --parsable --wait "$@" || true; }
measured() { "$dyno" results "$1" --output jsonl | wc -l; }

"$dyno" sweep grid.yaml --store grid.db --sbatch 2 >job.sh
job=$(submit job.sh)
"$dyno" merge grid-*.db --into grid.db >/dev/null
[ "$(measured grid-0.db)" = 2 ] && [ "$(measured grid-1.db)" = 2 ] ||
  fail "job $job measured $(measured grid-0.db) and $(measured grid-1.db) cells, not 2 and 2: $(cat slurm-*.out)"
[ "$(measured grid.db)" = 4 ] || fail "merged, there are $(measured grid.db) cells, not 4"

# One task, run again without its store, measures its own part again.
rm -f grid-1.db
submit --array=1 job.sh >/dev/null
[ "$(measured grid-1.db)" = 2 ] || fail "task 1, run again, measured $(measured grid-1.db) cells, not 2"
"$dyno" merge grid-1.db --into grid.db >/dev/null

# A single task by --shard slurm would be the whole grid.
sed 's|--shard slurm/2|--shard slurm|' job.sh >whole.sh
rm -f grid-1.db
job=$(submit --array=1 whole.sh)
grep -q 'would be the whole grid' "slurm-${job}_1.out" || fail "one task of an array was not refused"
echo "Tests/slurm: an array of two parts, one of them again, and a refused one ($(sbatch --version))"
