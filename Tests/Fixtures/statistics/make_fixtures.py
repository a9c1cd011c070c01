#!/usr/bin/env python3
"""Writes the fixtures of the tests of Numerics' comparisons, with NumPy and SciPy."""

import json
import pathlib

import numpy as np
import scipy
from scipy import stats

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(11)


def signed_rank_interval(x, alpha):
    """The Walsh averages right beyond which SciPy's test ceases to reject."""
    n = len(x)
    i, j = np.triu_indices(n)
    walsh = np.sort((x[i] + x[j]) / 2)
    # Reject where the p-value at a centre just beyond a Walsh average is at most alpha / 2.
    edges = []
    for side, centres in (("greater", walsh), ("less", walsh[::-1])):
        rejected = 0
        for centre in centres:
            beyond = centre + (-1e-9 if side == "greater" else 1e-9) * np.ptp(x)
            p = stats.wilcoxon(
                x - beyond, alternative=side, method="exact" if n <= 50 else "approx",
                correction=n > 50).pvalue
            if p > alpha / 2:
                break
            rejected += 1
        edges.append(centres[rejected - 1] if rejected > 0 else None)
    return edges


signed_rank = []
for n, spread in ((5, 1), (12, 1), (30, 0.1), (50, 1), (51, 1), (120, 0.02)):
    x = rng.normal(0.3 * spread, spread, n)
    for shift in (0.0, 0.2 * spread, 0.6 * spread):
        exact = n <= 50
        method = dict(method="exact" if exact else "approx", correction=not exact)
        signed_rank.append(dict(
            values=list(x), shift=shift,
            above=float(stats.wilcoxon(x - shift, alternative="greater", **method).pvalue),
            below=float(stats.wilcoxon(x - shift, alternative="less", **method).pvalue)))
    i, j = np.triu_indices(n)
    signed_rank[-1]["center"] = float(np.median((x[i] + x[j]) / 2))
    signed_rank[-1]["alpha"] = 0.1
    signed_rank[-1]["interval"] = signed_rank_interval(x, 0.1)
tied = rng.integers(-3, 6, 60).astype(float)
signed_rank.append(dict(
    values=list(tied), shift=0.0,
    above=float(stats.wilcoxon(
        tied, alternative="greater", method="approx", correction=True).pvalue),
    below=float(stats.wilcoxon(
        tied, alternative="less", method="approx", correction=True).pvalue)))

rank_sum = []
for n, m in ((3, 4), (8, 6), (20, 20), (40, 17), (60, 45)):
    x, y = rng.normal(0.4, 1, n), rng.normal(0, 1, m)
    for shift in (0.0, 0.7):
        method = "exact" if max(n, m) <= 40 else "asymptotic"
        rank_sum.append(dict(
            first=list(x), second=list(y), shift=shift,
            above=float(stats.mannwhitneyu(
                x - shift, y, alternative="greater", method=method).pvalue),
            below=float(stats.mannwhitneyu(
                x - shift, y, alternative="less", method=method).pvalue),
            center=float(np.median(np.subtract.outer(x, y)))))
x, y = rng.integers(0, 6, 30).astype(float), rng.integers(0, 5, 25).astype(float)
rank_sum.append(dict(
    first=list(x), second=list(y), shift=0.0,
    above=float(stats.mannwhitneyu(x, y, alternative="greater", method="asymptotic").pvalue),
    below=float(stats.mannwhitneyu(x, y, alternative="less", method="asymptotic").pvalue),
    center=float(np.median(np.subtract.outer(x, y)))))

binomial = []
for k, n in ((0, 20), (20, 20), (3, 1000), (19, 20), (50, 1000), (1, 2)):
    interval = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    binomial.append(dict(successes=k, trials=n, low=float(interval.low), high=float(interval.high)))

# Holm's method, from its definition.
p = rng.uniform(0, 0.2, 9)
order = np.argsort(p)
adjusted = np.empty(9)
adjusted[order] = np.maximum.accumulate(np.minimum(1, p[order] * (9 - np.arange(9))))

json.dump(
    dict(madeBy=f"numpy {np.__version__}, scipy {scipy.__version__}", signedRank=signed_rank,
         rankSum=rank_sum, binomial=binomial,
         holm=dict(pValues=list(p), adjusted=list(adjusted)),
         normalQuantiles=[
             dict(probability=q, value=float(stats.norm.ppf(q)))
             for q in (1e-12, 1e-5, 0.025, 0.5, 0.9, 0.9999)]),
    open(here / "statistics.json", "w"), indent=1)
