#!/usr/bin/env python3
"""Draws held-out residuals, one figure a study.

usage: plot_residuals.py RESIDUALS_FOLDER FIGURES_FOLDER
"""

import csv
import math
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

X_LABELS = {
    "gemm": "rows m",
    "prefill_attention": "new tokens a sequence",
    "decode_attention": "context",
    "whole_runs": "batch",
    "host": "batch",
}


def draw(source, target):
    with open(source, newline="") as file:
        rows = list(csv.DictReader(file))
    figure, (scatter, spread) = plt.subplots(
        1, 2, figsize=(9, 3.4), width_ratios=(3, 1), sharey=True, layout="constrained"
    )
    residuals = []
    for label in sorted({row["label"] for row in rows}):
        mine = [row for row in rows if row["label"] == label]
        values = [100 * math.log(float(r["predicted"]) / float(r["measured"])) for r in mine]
        residuals += values
        scatter.plot(
            [float(r["x"]) for r in mine], values, ".", markersize=3, alpha=0.5, label=label
        )
    scatter.set_xscale("log", base=2)
    scatter.set_xlabel(X_LABELS.get(source.stem, "x"))
    scatter.set_ylabel("ln(predicted / measured), %")
    scatter.set_ylim(-60, 60)
    scatter.axhline(0, color="black", linewidth=0.5)
    scatter.legend(fontsize=6, markerscale=3, ncols=2)
    spread.hist(residuals, bins=60, range=(-60, 60), orientation="horizontal", color="0.5")
    outside = sum(abs(value) > 60 for value in residuals)
    spread.set_xlabel(f"rows ({len(residuals)}; {outside} outside)")
    figure.suptitle(f"{source.stem.replace('_', ' ')}: held-out residuals")
    figure.savefig(target / f"{source.stem}.png", dpi=110)


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.csv")):
    draw(path, pathlib.Path(sys.argv[2]))
