#!/usr/bin/env python3
"""Minimises Besiroglu et al.'s objective with SciPy, to check `dyno law fit --form chinchilla`.

usage: chinchilla_objective.py chinchilla-epoch.csv

The sum of Huber's loss of log loss in units of delta = 1e-3, over all points but the five with the
fewest training tokens per parameter; D = FLOPs / 6N.
"""

import csv
import sys

import numpy as np
from scipy import optimize

rows = list(csv.DictReader(open(sys.argv[1])))
N, flops, loss = (
    np.array([float(row[name]) for row in rows]) for name in ("parameters", "training_flop", "loss"))
D = flops / (6 * N)
kept = np.argsort(D / N)[5:]
N, D, loss = N[kept], D[kept], loss[kept]


def objective(p):
    a, b, e, alpha, beta = p
    fitted = np.logaddexp(np.logaddexp(a - alpha * np.log(N), b - beta * np.log(D)), e)
    z = np.abs(fitted - np.log(loss)) / 1e-3
    return np.where(z <= 1, z * z / 2, z - 0.5).sum()


published = [np.log(482.01), np.log(2085.43), np.log(1.8172), 0.3478, 0.3658]
best = optimize.minimize(objective, [5, 7, 0.5, 0.4, 0.4], method="BFGS")
for _ in range(3):
    best = optimize.minimize(
        objective, best.x, method="Nelder-Mead",
        options=dict(xatol=1e-11, fatol=1e-11, maxiter=40000, maxfev=40000, adaptive=True))
A, B, E = np.exp(best.x[:3])
print(f"published: objective {objective(published):.2f}")
print(f"SciPy: objective {best.fun:.2f}, E {E:.6g}, A {A:.6g}, B {B:.6g}, "
      f"alpha {best.x[3]:.6g}, beta {best.x[4]:.6g}")
