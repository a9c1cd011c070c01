#!/usr/bin/env python3
"""Draws where a step reads all experts: seconds of a decode step and distinct experts over batches, as
predicted for a GPU, and as predicted and measured on this machine.

usage: plot_experts.py DYNO FIGURE.png HOST_PROFILE.json MEASURED.json

HOST_PROFILE.json is of `dyno calibrate` with operator timings of this machine, MEASURED.json of

  dyno bench granite-3.1-1b-a400m --prompt 0 --generate 4 --depth 128 --batch 1,2,4,8,16,32 --output json
"""

import json
import pathlib
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

GPU_MODEL, GPU, DEVICES = "mixtral-8x7b", "h100-sxm", 2
HOST_MODEL = "granite-3.1-1b-a400m"
GPU_BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
HOST_BATCHES = [1, 2, 4, 8, 16, 32]
# Positions in the cache: decode steps alone.
DEPTH = 128


def answers(*command):
    return json.loads(subprocess.check_output([str(part) for part in command]))


def predicted(dyno, model, device, batches, *more):
    """Of decode steps: seconds of one with its interval, and the experts it reads."""
    rows = answers(
        dyno, "predict", model, "--device", device, "--workload", "1x4", "--depth", DEPTH,
        "--batch", ",".join(map(str, batches)), "--output", "json", *more,
    )  # fmt: skip
    return [
        {
            "batch": row["batch"],
            "seconds": row["tpot_s"],
            "experts": row["experts_read_per_decode_step"],
        }
        for row in rows
    ]


def measured(file):
    rows = json.loads(pathlib.Path(file).read_text())
    return [
        {
            "batch": row["n_sequences"],
            "seconds": row["n_sequences"] / row["median_ts"],
            "low": row["n_sequences"] / row["ci95_ts"][1] if row.get("ci95_ts") else None,
            "high": row["n_sequences"] / row["ci95_ts"][0] if row.get("ci95_ts") else None,
            "experts": row["experts_read"],
        }
        for row in rows
    ]


def draw(axes, title, count, series):
    experts = axes.twinx()
    for name, style, rows in series:
        x = [row["batch"] for row in rows]
        axes.plot(x, [1e3 * row["seconds"] for row in rows], style, color="C0", label=name)
        experts.plot(x, [row["experts"] for row in rows], style, color="C1", alpha=0.6)
        bars = [row for row in rows if row.get("low")]
        for row in bars:
            axes.plot(
                [row["batch"]] * 2, [1e3 * row["low"], 1e3 * row["high"]], color="C0", linewidth=3,
                alpha=0.4,
            )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xlabel("sequences")
    axes.set_ylabel("ms a decode step", color="C0")
    axes.set_ylim(bottom=0)
    experts.set_ylabel(f"experts read, of {count}", color="C1")
    experts.set_ylim(0, 1.05 * count)
    axes.set_title(title, fontsize=10)
    axes.legend(loc="upper left", fontsize=8)


def main():
    dyno, figure, profile, file = sys.argv[1:]
    figure = pathlib.Path(figure)
    gpu = predicted(dyno, GPU_MODEL, GPU, GPU_BATCHES, "--tensor-parallel", DEVICES)
    here = predicted(dyno, HOST_MODEL, profile, HOST_BATCHES)
    runs = measured(file)
    picture, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    draw(left, f"{GPU_MODEL}, {DEVICES} × {GPU}", 8, [("predicted", "o--", gpu)])
    draw(
        right, f"{HOST_MODEL}, this machine", 32,
        [("predicted", "o--", here), ("measured", "s-", runs)],
    )  # fmt: skip
    figure.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(figure, dpi=150)
    for name, rows in [("GPU", gpu), ("predicted", here), ("measured", runs)]:
        for row in rows:
            print(f"{name}: batch {row['batch']}, {1e3 * row['seconds']:.2f} ms, "
                  f"{row['experts']:.2f} experts")


if __name__ == "__main__":
    main()
