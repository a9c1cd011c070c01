#!/usr/bin/env python3
"""Writes the fixtures of the tests of Numerics and ScalingLaws with NumPy and SciPy.

usage: make_fixtures.py DATA_FOLDER    (the folder that holds scaling/morph-fit.csv)
"""

import csv
import json
import math
import pathlib
import sys

import numpy as np
import scipy
from scipy import optimize, stats

here = pathlib.Path(__file__).parent
data = pathlib.Path(sys.argv[1])

# Evaluations of the published laws, written out independently of the Swift code.
LAWS = {
    "conditional-80m-297m": (2.697, 0.0974, 0.0078, 0.3870, 0.0063, 0.0065),
    "conditional-1b": (2.319, 0.238, 0.0176, 0.5104, 0.0051, 0.0062),
}
CHINCHILLA = {
    "chinchilla-hoffmann": (1.69, 406.4, 410.7, 0.34, 0.28),
    "chinchilla-besiroglu": (1.8172, 482.01, 2085.43, 0.3478, 0.3658),
}
ARCHITECTURES = {  # d, f, L, H, K, e
    "llama-3.2-1b": (2048, 8192, 16, 32, 8, 64),
    "panda-1b": (2560, 4096, 16, 72, 18, 64),
    "surefire-1b": (2560, 6144, 16, 36, 4, 64),
    "llama-3.2-3b": (3072, 8192, 28, 24, 8, 128),
    "panda-3b": (4096, 4096, 28, 36, 12, 128),
    "surefire-3b": (4096, 4096, 28, 42, 6, 128),
    "panda-3b-o": (4096, 4608, 28, 33, 11, 128),
}
ANCHORS = {"1b": ("llama-3.2-1b", 2.803), "3b": ("llama-3.2-3b", 2.625)}


def shape(name):
    d, f, layers, h, k, e = ARCHITECTURES[name]
    attention = d * e * (2 * h + 2 * k)
    n = layers * (attention + 3 * d * f)
    return n, d / math.sqrt(n), 3 * d * f / attention


def ratio(law, x, r):
    a0, a1, a2, b0, b1, b2 = LAWS[law]
    return (a0 + a1 * math.log(x) + a2 / x) * (b0 + b1 * math.log(r) + b2 / r)


evaluations = []
for law in LAWS:
    for name in ARCHITECTURES:
        n, x, r = shape(name)
        anchor, loss = ANCHORS["3b" if "-3b" in name else "1b"]
        value = ratio(law, x, r)
        _, anchor_x, anchor_r = shape(anchor)
        evaluations.append(
            dict(law=law, architecture=name, ratio=value,
                 loss=loss * value / ratio(law, anchor_x, anchor_r)))
for law, (E, A, B, alpha, beta) in CHINCHILLA.items():
    for name in ARCHITECTURES:
        n, _, _ = shape(name)
        evaluations.append(
            dict(law=law, architecture=name, loss=E + A / n**alpha + B / 100e9**beta))

# The aspect-ratio law on the 35 runs, from a stated start.
rows = list(csv.DictReader(open(data / "scaling/morph-fit.csv")))
column = lambda name: np.array([float(row[name]) for row in rows])
N, D, loss = column("parameters"), column("tokens"), column("loss")
aspect = column("hidden_size") / column("layers")


def aspect_ratio(_, E, A, B, alpha, gamma):
    return (E + A / N**alpha + B / D**alpha) * (1 + gamma * aspect**alpha)


start = [1.7, 400, 400, 0.3, 0.01]
fitted, covariance = optimize.curve_fit(
    aspect_ratio, N, loss, p0=start, maxfev=100000, ftol=1e-14, xtol=1e-14)
aspect_fit = dict(
    start=start, parameters=list(fitted), standardErrors=list(np.sqrt(np.diag(covariance))),
    meanSquaredError=float(np.mean((aspect_ratio(None, *fitted) - loss) ** 2)))

# A conditional law on drawn data, by least squares in the gauge b0 = 1.
rng = np.random.default_rng(7)
x, r = rng.uniform(0.04, 0.13, 40), rng.uniform(0.5, 5, 40)
reference = rng.uniform(2.5, 3.5, 40)


def conditional(_, a0, a1, a2, b1, b2):
    return ((a0 + a1 * np.log(x) + a2 / x) * (1 + b1 * np.log(r) + b2 / r)) * reference


losses = conditional(None, 1.04, 0.038, 0.003, 0.016, 0.017) + rng.normal(0, 0.005, 40)
fitted, covariance = optimize.curve_fit(
    conditional, x, losses, p0=[1, 0, 0, 0, 0], ftol=1e-14, xtol=1e-14)
conditional_fit = dict(
    x=list(x), r=list(r), reference=list(reference), loss=list(losses), parameters=list(fitted),
    covariance=covariance.tolist())

# Statistics.
first, second = rng.integers(0, 8, 30).astype(float), rng.normal(size=30).round(1)
statistics = dict(
    studentQuantiles=[
        dict(probability=p, degreesOfFreedom=df, value=float(stats.t.ppf(p, df)))
        for p in (0.025, 0.6, 0.95, 0.975, 0.9995) for df in (1, 2, 5, 30, 235, 1e4)],
    normal=[dict(x=v, value=float(stats.norm.cdf(v))) for v in (-3.1, -1.0, 0.0, 0.5, 2.2)],
    first=list(first), second=list(second), ranks=list(stats.rankdata(first)),
    spearman=float(stats.spearmanr(first, second).statistic))

# Huber regression of a line with outliers.
t = np.linspace(0, 1, 25)
y = 1.5 + 0.8 * t + rng.normal(0, 0.01, 25)
y[[3, 11, 20]] += [0.5, -0.7, 0.4]


def huber(p, delta=0.005):
    return stats_huber(np.abs((p[0] + p[1] * t - y) / delta))


def stats_huber(z):
    return np.where(z <= 1, z * z / 2, z - 0.5).sum()


best = optimize.minimize(
    huber, [1, 1], method="Nelder-Mead",
    options=dict(xatol=1e-12, fatol=1e-13, maxiter=20000, maxfev=20000))
line = dict(t=list(t), y=list(y), delta=0.005, parameters=list(best.x), objective=best.fun)

json.dump(
    dict(madeBy=f"numpy {np.__version__}, scipy {scipy.__version__}", evaluations=evaluations,
         aspectRatio=aspect_fit, conditional=conditional_fit),
    open(here / "laws.json", "w"), indent=1)
json.dump(
    dict(madeBy=f"numpy {np.__version__}, scipy {scipy.__version__}", statistics=statistics,
         line=line),
    open(here / "numerics.json", "w"), indent=1)
