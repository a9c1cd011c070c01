"""TTFT and TPOT over concurrency: measured points beside the predicted band.

usage: plot_serving.py RESIDUALS/serving.csv FIGURE.png [--lengths 2048x256] [--devices 1,2,4,8]

The CSV is what `DYNO_RESIDUALS=RESIDUALS dyno-cost-study serving` writes. Each panel's runs were not
fitted: constants, and the width of the 90% band, are of the other numbers of devices.
"""

import argparse
import csv
import math

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

BAND, LINE, POINT = "#bcd2ea", "#2f6db0", "#1a1a1a"
ROWS = (("ttft", "time to first token"), ("tpot", "time per output token"))


def runs(path, engine, model, lengths):
    """Runs of one model and workload by number of devices, by clients."""
    prompt, answer = lengths.split("x")
    found = {}
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (
                row["left_out"] == "devices"
                and row["engine"] == engine
                and model in row["model"]
                and (row["input"], row["output"]) == (prompt, answer)
            ):
                found.setdefault(row["tensor_parallel"], []).append(row)
    for own in found.values():
        own.sort(key=lambda row: int(row["concurrency"]))
    return found


def draw(axis, own, name):
    clients = [int(row["concurrency"]) for row in own]
    predicted = [1e3 * float(row[f"{name}_predicted"]) for row in own]
    measured = [1e3 * float(row[name]) for row in own]
    factors = [math.exp(float(row[f"{name}_width"])) for row in own]
    axis.fill_between(
        clients,
        [value / factor for value, factor in zip(predicted, factors)],
        [value * factor for value, factor in zip(predicted, factors)],
        color=BAND,
        linewidth=0,
        label="90% interval",
    )
    axis.plot(clients, predicted, color=LINE, linewidth=1.4, label="predicted")
    axis.plot(clients, measured, "o", color=POINT, markersize=4.2, label="measured")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.xaxis.set_major_locator(FixedLocator(clients))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def text(milliseconds):
    return f"{milliseconds / 1e3:g} s" if milliseconds >= 1e3 else f"{milliseconds:g} ms"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("output")
    parser.add_argument("--engine", default="trtllm")
    parser.add_argument("--model", default="8B")
    parser.add_argument("--title", default="Llama-3.1-8B, bf16, TensorRT-LLM, H100")
    parser.add_argument("--lengths", default="2048x256")
    parser.add_argument("--devices", default="1,2,4,8")
    options = parser.parse_args()
    found = runs(options.table, options.engine, options.model, options.lengths)
    devices = options.devices.split(",")
    for count in devices:
        if count not in found:
            raise SystemExit(f"{options.table}: no run on {count} devices")
    plt.rcParams.update({"font.size": 8.5, "font.family": "DejaVu Sans"})
    figure, axes = plt.subplots(
        2, len(devices), figsize=(2.35 * len(devices), 4.5), sharex="col", sharey="row"
    )
    for column, count in enumerate(devices):
        for line, (name, title) in enumerate(ROWS):
            axis = axes[line][column]
            draw(axis, found[count], name)
            if column == 0:
                axis.set_ylabel(title)
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
            axis.yaxis.set_minor_locator(NullLocator())
            if line == 1:
                axis.set_xlabel("clients")
        axes[0][column].set_title(f"{count} GPU{'s' if count != '1' else ''}", fontsize=9.5)
    for line, ticks in enumerate(((30, 100, 300, 1000, 3000), (3, 5, 10, 20, 50))):
        low, high = axes[line][0].get_ylim()
        axes[line][0].yaxis.set_major_locator(
            FixedLocator([tick for tick in ticks if low <= tick <= high])
        )
    figure.suptitle(
        f"{options.title}, {options.lengths.replace('x', ' tokens in, ')} out", fontsize=10.5
    )
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="lower center", ncols=3, frameon=False, bbox_to_anchor=(0.5, -0.01)
    )
    figure.tight_layout(rect=(0, 0.045, 1, 1))
    figure.savefig(options.output, dpi=120)


if __name__ == "__main__":
    main()
