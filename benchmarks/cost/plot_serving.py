"""TTFT and TPOT over concurrency: measured points beside the predicted band.

usage: plot_serving.py RESIDUALS/serving.csv OUTPUT.svg [--engine trtllm] [--model 8B] [--lengths 2048x256]

The CSV is what `DYNO_RESIDUALS=RESIDUALS dyno-cost-study serving` writes: runs whose GPU count was not
fitted. The band is the 90% interval that `dyno predict` gives.
"""

import argparse
import csv
import math

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Of TensorRT-LLM, as ServingIntervals.swift has them: half-widths in natural logarithms.
BANDS = {"ttft": 0.75, "tpot": 0.22}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("output")
    parser.add_argument("--engine", default="trtllm")
    parser.add_argument("--model", default="8B")
    parser.add_argument("--lengths", default="2048x256")
    parser.add_argument("--devices", default="1,2,4")
    options = parser.parse_args()
    prompt, answer = options.lengths.split("x")
    with open(options.table, encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["engine"] == options.engine
            and options.model in row["model"]
            and (row["input"], row["output"]) == (prompt, answer)
        ]
    devices = options.devices.split(",")
    figure, axes = plt.subplots(2, len(devices), figsize=(3.2 * len(devices), 5), sharex=True)
    for column, count in enumerate(devices):
        own = sorted(
            (row for row in rows if row["tensor_parallel"] == count),
            key=lambda row: int(row["concurrency"]),
        )
        if not own:
            raise SystemExit(f"{options.table}: no run on {count} devices")
        clients = [int(row["concurrency"]) for row in own]
        for line, (name, title) in enumerate((("ttft", "TTFT, ms"), ("tpot", "TPOT, ms"))):
            axis = axes[line][column]
            predicted = [1e3 * float(row[f"{name}_predicted"]) for row in own]
            measured = [1e3 * float(row[name]) for row in own]
            factor = math.exp(BANDS[name])
            axis.fill_between(
                clients,
                [value / factor for value in predicted],
                [value * factor for value in predicted],
                alpha=0.25,
                linewidth=0,
                label="predicted, 90%",
            )
            axis.plot(clients, predicted, linewidth=1)
            axis.plot(clients, measured, "o", color="black", markersize=4, label="measured")
            axis.set_xscale("log", base=2)
            axis.set_yscale("log")
            axis.set_xticks(clients, [str(value) for value in clients])
            if column == 0:
                axis.set_ylabel(title)
            if line == 0:
                axis.set_title(f"{count} GPU" + ("s" if count != "1" else ""))
            else:
                axis.set_xlabel("clients")
    axes[0][0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(options.output)


if __name__ == "__main__":
    main()
