"""Serving runs that others published against `dyno predict` with the constants it ships.

usage: check_serving.py DYNO DATA

DYNO is the executable, DATA the folder of `gpu-serving/aiconfigurator-0.12.csv`, which holds measured means
and AIConfigurator's predictions. Prints mean absolute errors, coverage of the 90% intervals, and the 90%
quantile of the errors' logarithms, by engine and model.

Left out are the runs that ServingRunRule sets aside. Runs of 70B, and SGLang's, had lengths between 0.8
of the ones named and all; 70B's had an fp8 KV cache, and TensorRT-LLM was started with room for all.
"""

import collections
import csv
import json
import math
import subprocess
import sys

SET_ASIDE = "Llama-3.1-8B-Instruct-FP8"


def command(dyno, key, clients):
    model, system, engine, dtype, devices, prompt, answer = key
    is_large = "70B" in model
    arguments = [dyno, "predict", "llama-3.1-70b" if is_large else "llama-3.1-8b"]
    arguments += ["--device", {"h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm"}[system]]
    arguments += ["--engine", engine, "--tensor-parallel", str(int(float(devices)))]
    arguments += ["--dtype", dtype, "--workload", f"{int(float(prompt))}x{int(float(answer))}"]
    arguments += ["--concurrency", ",".join(clients), "--output", "json"]
    if is_large or engine == "sglang":
        arguments += ["--length-range", "0.8"]
    if is_large:
        arguments += ["--kv-dtype", "fp8"]
        if engine == "trtllm":
            arguments += ["--max-step-tokens", "8192", "--max-sequences", "2048"]
    return arguments


def mean(values):
    values = [abs(value) for value in values if value == value]
    return 100 * sum(values) / max(1, len(values))


def main():
    dyno, data = sys.argv[1:]
    groups = collections.defaultdict(list)
    with open(f"{data}/gpu-serving/aiconfigurator-0.12.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["model"] != SET_ASIDE:
                columns = ("model", "system", "backend", "quant", "tp", "isl", "osl")
                groups[tuple(row[column] for column in columns)].append(row)
    errors = collections.defaultdict(list)
    for key, rows in groups.items():
        clients = [str(int(float(row["concurrency"]))) for row in rows]
        result = subprocess.run(
            command(dyno, key, clients), capture_output=True, text=True, check=True
        )
        for row, load in zip(rows, json.loads(result.stdout)):
            entry = []
            for name in ("tpot", "ttft"):
                measured = float(row[f"measured_{name}_ms"])
                predicted = 1e3 * load[f"{name}_s"]["mean"]
                low, high = load["interval90"][f"{name}_s"]
                entry.append(
                    (
                        predicted / measured - 1,
                        low <= measured / 1e3 <= high,
                        float(row[f"aiconfigurator_{name}_ms"] or "nan") / measured - 1,
                        abs(math.log(predicted / measured)),
                    )
                )
            for name in (f"{key[2]}, {key[0]}", "all"):
                errors[name].append(entry)
    print("| runs | | TPOT | TTFT | in the interval | AIConfigurator | 90% of ln |")
    print("|---|---|---|---|---|---|---|")
    for name, entries in sorted(errors.items()):
        columns = list(zip(*entries))
        own = [f"{mean([value[0] for value in column]):.1f}%" for column in columns]
        covered = [100 * sum(value[1] for value in column) / len(column) for column in columns]
        others = [f"{mean([value[2] for value in column]):.1f}%" for column in columns]
        ends = [sorted(value[3] for value in column)[len(column) * 9 // 10] for column in columns]
        print(
            f"| {name} | {len(entries)} | {own[0]} | {own[1]} | {covered[0]:.0f}, {covered[1]:.0f}% "
            f"| {others[0]}, {others[1]} | {ends[0]:.2f}, {ends[1]:.2f} |"
        )


if __name__ == "__main__":
    main()
