"""Puts what the studies printed into the page that users read: a question, words, one table.

usage: write_page.py FOLDER PAGE

A section whose files are absent keeps what the page has for it.
"""

import json
import pathlib
import re
import sys

LADDERS = "ladder-{}.json"  # what `dyno calibrate --device DEVICE TABLES --output json` prints
DEVICES = ("a100-80gb", "h100-sxm", "l40s")


def table(heads, numbers, rows):
    """Markdown, the last columns `numbers` to the right."""
    texts = len(heads) - numbers
    lines = [heads, ["---"] * texts + ["---:"] * numbers, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(value):
    return "–" if value is None else f"{100 * value:.1f}%"


def errors(ladders):
    return table(
        ["device", "family", "storage", "rows", "median", "mean", "p90", "coverage"], 5,
        [[device, step["family"].replace("_", " "), step["variant"], str(step["rows"]),
          *(percent(step[key]) for key in ("median", "mean", "percentile90", "coverage90"))]
         for device, ladder in ladders for step in ladder["ladder"] if step["rung"] == "operators"])


def curves(ladders):
    drawn = [(device, curve["family"].replace("_", " "), curve["variant"],
              {point["fitted_rows"]: point["mean"] for point in curve["points"]})
             for device, ladder in ladders for curve in ladder["learning_curves"]]
    counts = sorted(set().union(*(points for *_, points in drawn)))
    return table(
        ["device", "family", "storage", *(f"{count} rows" for count in counts)], len(counts),
        [[device, family, variant, *(percent(points.get(count)) for count in counts)]
         for device, family, variant, points in drawn])


def calibrations(make):
    """A section made of what the devices' calibrations found."""
    def source(folder):
        files = [folder / LADDERS.format(device) for device in DEVICES]
        if not all(file.exists() for file in files):
            return None
        return make([(d, json.loads(f.read_text())) for d, f in zip(DEVICES, files)])
    return source


def study(name):
    """A section that a study printed."""
    def source(folder):
        if not (folder / name).exists():
            return None
        text = re.sub(r"^(#+)", r"##\1", (folder / name).read_text().strip("\n"), flags=re.M)
        return re.sub(r"^#{5,}", "####", text, flags=re.M)
    return source


SECTIONS = [
    ("How far are kernels off that were not fitted?", calibrations(errors),
     "Rows of shapes that the fit has not seen: five folds of whole (n, k) pairs of GEMMs, of whole pairs "
     "of head counts, of whole sizes of experts and of whole sizes of messages, as `dyno calibrate "
     "--device DEVICE TABLES` prints them.",
     "On the L40S neighbouring shapes differ more, likely because some kernels find weights in the 96 MB of "
     "cache and others do not, and the library splits k for one shape and not for the next. FlashInfer's "
     "prompts with fp8 caches there have 1,223 rows of 5,040 that are faster than the datasheet's peak: what the "
     "others timed is not known either, and predictions of these carry intervals as wide as the errors."),
    ("How far are kernels off of a GPU that nobody measured?", study("unseen.md"),
     "Each table is predicted from other devices' calibrations and the device's own datasheet. "
     "`dyno-cost-study unseen`.",
     "Nominal coefficients, of which the last column is, were written with all three tables at hand: "
     "they show how alike three generations are in clocks and shares, not what an unknown one would be "
     "off. What is carried over from one device has seen that device only, beside these. A tile's "
     "last part takes 35,000 clocks in the L40S's fp8 kernels and 15 in the H100's (`block` of "
     "`quantized_gemm` in `profiles/devices`), so that fp8 GEMMs do not carry over between the two. Nor does "
     "attention to fp8 caches: in three of its four tables the intervals, which one other device cannot "
     "tell, are too narrow. Time both on the device."),
    ("And collectives between GPUs?", study("collectives.md"),
     "Every other size, and each number of devices, predicted by a fit to the rest. "
     "`dyno-cost-study collectives`.",
     "More than two L40S do not run the engine's own kernel: they have no NVLink, and their links' rate "
     "falls with the square of the devices, which is the host's doing and stands in no datasheet. "
     "Predicted for a number of devices that was not fitted, NCCL's intervals are too narrow at the ends "
     "of the range: fit all numbers that you use."),
    ("Whole runs over several GPUs?", study("multi.md"),
     "LLM-Inference-Bench's 211 runs on 2 and 4 GPUs: one of the two models is held out, the other one "
     "and all runs on one GPU of models with other layers are fitted. `dyno-cost-study multi`.",
     "One run of Llama-3-70B on four A100 (64 sequences of 1024 tokens in and out) took 2.6 times what "
     "its neighbours make likely."),
    ("Whole runs on one GPU?", study("runs.md"),
     "LLM-Inference-Bench's 241 runs, models held out. `dyno-cost-study runs`.", ""),
    ("What does a step cost that was never checked?", study("jumps.md"),
     "Whole runs predicted without the runs that would check them; the last column is the standard "
     "deviation, of normal errors, that intervals are widened by. `dyno-cost-study jumps`.", ""),
    ("Experts and latent attention?", study("sparse.md"), "`dyno-cost-study sparse`.", ""),
    ("How many measurements to buy?", calibrations(curves),
     "Mean error on a fifth of the shapes, by how many rows of the others were fitted, from nominal "
     "coefficients; `dyno calibrate` prints it of any device's files.", ""),
    ("This host?", study("host.md"), "`dyno-cost-study host FOLDER`.", ""),
    ("Do published gains come out?", study("gains.md"), "`dyno-cost-study gains`.", ""),
    ("How many predictions a second?", study("speed.md"), "`dyno-cost-study speed`.", ""),
]


def known(page):
    """Sections of the page as it is, by their titles."""
    if not page.exists():
        return {}
    parts = re.split(r"^## (.*)$", page.read_text(), flags=re.M)[1:]
    return dict(zip(parts[::2], (text.strip("\n") for text in parts[1::2])))


def main():
    folder, page = map(pathlib.Path, sys.argv[1:3])
    old = known(page)
    lines = [
        "# Calibration: results", "",
        "Each section answers a question with one experiment. An error is |predicted / measured - 1| of "
        "rows that the fit has not seen, coverage the share of them inside their 90% intervals, p90 the "
        "error that one row in ten exceeds. [calibration.md](calibration.md) says how predictions are "
        "made; `make calibration` writes this page anew.", "",
    ]
    for title, source, before, after in SECTIONS:
        found = source(folder)
        text = old.get(title)
        if found is not None:
            text = "\n\n".join(part for part in (before, found, after) if part)
        if text:
            lines += [f"## {title}", "", text, ""]
    figures = [f for f in ("gemm", "prefill_attention", "decode_attention", "whole_runs", "host")
               if (page.parent / f"figures/{f}.png").exists()]
    if figures:
        lines += ["## Residuals", ""] + [f"![{f}](figures/{f}.png)\n" for f in figures]
    page.write_text("\n".join(lines).rstrip("\n") + "\n")


main()
