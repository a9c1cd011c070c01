#!/usr/bin/env python3
"""Runs a sweep of tiny models whole, and in two shards (the second as a task of a SLURM array) that
are merged: both must hold the same set of cells."""

import os
import tempfile

import tiny_sweep


def main():
    options = tiny_sweep.arguments(__doc__).parse_args()
    dyno = options.dyno
    with tempfile.TemporaryDirectory() as folder:
        specification = tiny_sweep.write_specification(folder, 1)
        whole, first, second, merged, other = (
            os.path.join(folder, name + ".db") for name in ["whole", "1", "2", "merged", "other"])
        tiny_sweep.run(dyno, "sweep", specification, "--store", whole)
        tiny_sweep.run(dyno, "sweep", specification, "--store", first, "--shard", "1/2")
        tiny_sweep.run(
            "env", "SLURM_ARRAY_TASK_ID=1", "SLURM_ARRAY_TASK_COUNT=2", "SLURM_ARRAY_TASK_MIN=0",
            "SLURM_ARRAY_TASK_MAX=1", dyno, "sweep", specification, "--store", second, "--shard",
            "slurm")
        tiny_sweep.run(dyno, "merge", first, second, "--into", merged)
        once = tiny_sweep.results(merged)
        tiny_sweep.run(dyno, "merge", second, first, merged, "--into", merged)
        tiny_sweep.run(dyno, "merge", second, first, "--into", other)
        parts = [set(tiny_sweep.units(store)) for store in (first, second)]
        units = tiny_sweep.units(merged)
        print(f"whole: {len(tiny_sweep.units(whole))} units; shards: {len(parts[0])} and "
              f"{len(parts[1])}; merged: {len(units)}")
        tiny_sweep.report("shards", [
            ("the shards have no unit in common", not parts[0] & parts[1]),
            ("the shards merged hold the whole run's set of units, each once",
             len(units) == len(set(units)) and set(units) == set(tiny_sweep.units(whole))),
            ("merging again changes nothing", tiny_sweep.results(merged) == once),
            ("merging in the other order gives the same results",
             tiny_sweep.results(other) == once),
        ])


if __name__ == "__main__":
    main()
