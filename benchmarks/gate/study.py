#!/usr/bin/env python3
"""Shows how often `dyno ab` errs on this machine: prints the tables of docs/gate.md.

First one long interleaved pool of equal sides, from which comparisons are drawn (`--self-test`).
Then fresh comparisons, each with new processes, with one random test of the candidate slowed.

usage: study.py --dyno .build/release/dyno [--pool 15m] [--fresh 20] [--budget 90s]
"""

import argparse
import json
import math
import pathlib
import random
import subprocess
import sys
import time

here = pathlib.Path(__file__).parent
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dyno", default=".build/release/dyno")
parser.add_argument("--pool", default="15m", help="time of the pool; 0 for none")
parser.add_argument("--pool-budget", default="45s", help="time of a comparison drawn from it")
parser.add_argument("--comparisons", type=int, default=2000)
parser.add_argument("--fresh", type=int, default=20, help="comparisons at each slowdown")
parser.add_argument("--slowdowns", default="5%,2%", help="of one test; empty for none")
parser.add_argument("--threshold", default="2%")
parser.add_argument("--budget", default="90s", help="time of a fresh comparison")
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()

ALL = sorted(map(str, (here / "architectures").glob("*.json")))
TESTS = ["--prompt", "16", "--generate", "2", "--depth", "64"]
POOL = ["bench", *ALL, *TESTS, "--batch", "1,2"]  # 20 tests
FRESH = ["bench", *ALL[:3], *TESTS, "--batch", "1"]  # 6 tests


def dyno(*arguments):
    run = subprocess.run([options.dyno, "ab", *arguments], stdout=subprocess.PIPE, text=True)
    if run.returncode not in (0, 1, 3):
        sys.exit(f"dyno ab ended with {run.returncode}")
    return json.loads(run.stdout)


def clopper_pearson(k, n):
    """By bisection on the binomial distribution."""

    def cumulative(k, p):
        if p in (0, 1):
            return float(p == 0 or k == n)
        # By logarithms: the coefficients of two thousand are beyond a float.
        return math.fsum(
            math.exp(
                math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
                + i * math.log(p) + (n - i) * math.log1p(-p))
            for i in range(k + 1))

    def solve(f):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if f(middle) > 0.025 else (low, middle)
        return low

    return (0.0 if k == 0 else 1 - solve(lambda q: 1 - cumulative(k - 1, 1 - q)),
            1.0 if k == n else solve(lambda p: cumulative(k, p)))


def rate(k, n):
    low, high = clopper_pearson(k, n)
    return f"{k} of {n} ({100 * k / n:.1f}%; {100 * low:.1f}% – {100 * high:.1f}%)"


if options.pool != "0":
    record = dyno(
        "--self-test", "--baseline", options.dyno, "--threshold", options.threshold, "--budget",
        options.pool_budget, "--pool", options.pool, "--comparisons", str(options.comparisons),
        "--seed", str(options.seed), "--output", "json", "--", *POOL)
    print(json.dumps(record), file=sys.stderr, flush=True)
    found = record.get("smallest_found")
    most = 4 * record["threshold"]
    smallest = f"{100 * found:.1f}%" if found else f"none up to {100 * most:.0f}%"
    shown = lambda name: rate(record[name]["count"], record[name]["trials"])
    print(f"""\
| drawn from a pool of {record['pool_pairs_per_cell']} pairs of each of {len(record['cells'])} tests, {record['pool_s']:.0f} s | |
| --- | --- |
| pairs of each test in one comparison | {record['pairs_per_cell']} |
| any false alarm | {shown('false_alarms')} |
| any false alarm, were any change one | {shown('false_alarms_at_zero')} |
| one test {100 * record['injected_slowdown']:.0f}% slower, found | {shown('found')} |
| smallest slowdown found with 95% power | {smallest} |
| spread of a pair's log ratio, median test | {100 * record['pair_spread']:.1f}% |
| variance that processes share, over that of independent pairs | {record['design_effect']:.2f} |
| largest bias of a test | {100 * record['largest_bias']:.2f}% |
""", flush=True)

draw = random.Random(options.seed)
rows = []
for slowdown in filter(None, options.slowdowns.split(",")):
    found = clean = runs = 0
    seconds = []
    for index in range(options.fresh):
        cell = draw.randrange(6)
        injection = [] if slowdown == "0%" else ["--inject", slowdown, "--inject-cell", str(cell)]
        start = time.time()
        record = dyno(
            "--baseline", options.dyno, "--candidate", options.dyno, "--threshold",
            options.threshold, "--budget", options.budget, "--seed",
            str(options.seed * 1000 + index), *injection, "--output", "json", "--", *FRESH)
        seconds.append(time.time() - start)
        verdicts = [cell["verdict"] for cell in record["cells"]]
        others = [v for i, v in enumerate(verdicts) if not injection or i != cell]
        runs += 1
        found += bool(injection) and verdicts[cell] == "regression"
        clean += not any(v in ("regression", "improvement") for v in others)
        print(f"{slowdown} {index}: {verdicts} in {seconds[-1]:.0f} s", file=sys.stderr, flush=True)
    rows.append(
        f"| {slowdown} | {rate(found, runs) if slowdown != '0%' else '–'} "
        f"| {rate(runs - clean, runs)} | {max(seconds):.0f} |")
if rows:
    print(f"""\
| slowdown of one of 6 tests, threshold {options.threshold} | found | false alarms elsewhere | longest, s |
| --- | --- | --- | --- |""")
    print("\n".join(rows))
