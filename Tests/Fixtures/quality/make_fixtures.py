#!/usr/bin/env python3
"""Writes expected.json: what NumPy and SciPy make of transformers' logits in ../gguf, and of blocks."""

import json
import pathlib

import numpy as np
from scipy import special, stats

here = pathlib.Path(__file__).parent
models = here.parent / "gguf"


def read(name):
    tokens = json.loads((models / f"{name}.json").read_text())["tokens"][0]
    logits = np.load(models / f"{name}.logits.npy").astype(np.float64)
    return tokens, logits


def losses(tokens, logits):
    predicted = special.log_softmax(logits[:-1], axis=-1)
    return -predicted[np.arange(len(tokens) - 1), tokens[1:]]


names = ["llama-f32", "llama-bf16", "llama-f16", "llama-q8_0", "llama-q4_0", "gemma2", "gpt2", "phi3"]
mean_losses = {name: float(losses(*read(name)).mean()) for name in names}

# Two models' logits stand for one model in two storages.
tokens, reference = read("llama-f32")
_, other = read("llama-bf16")
reference, other = reference[:-1], other[:-1]
p, q = special.softmax(reference, axis=-1), special.softmax(other, axis=-1)
divergences = special.rel_entr(p, q).sum(-1)
scores = {
    "reference_loss": losses(tokens, read("llama-f32")[1]).tolist(),
    "loss": losses(tokens, read("llama-bf16")[1]).tolist(),
    "divergence": divergences.tolist(),
    "relative_error": (
        np.linalg.norm(other - reference, axis=-1) / np.linalg.norm(reference, axis=-1)).tolist(),
    "agrees": (other.argmax(-1) == reference.argmax(-1)).tolist(),
    "p99": float(np.quantile(divergences, 0.99, method="weibull")),
}

# Blocks of unequal size, whose values resemble each other.
rng = np.random.default_rng(26)
sizes = rng.integers(5, 40, 40)
values = [rng.normal(3 + effect, 1, size) for effect, size in zip(rng.normal(0, 0.5, 40), sizes)]
sums = np.array([block.sum() for block in values])
mean = sums.sum() / sizes.sum()
draws = rng.integers(0, 40, (200_000, 40))
drawn = sums[draws].sum(-1) / sizes[draws].sum(-1)
# The expanded percentiles of Hesterberg 2015.
tail = stats.norm.cdf(-stats.t.ppf(0.975, 39) * np.sqrt(40 / 39))
every = np.concatenate(values)
blocks = {
    "sizes": sizes.tolist(),
    "sums": sums.tolist(),
    "mean": float(mean),
    "standard_error": float(drawn.std(ddof=1)),
    # Of a ratio estimator, by linearisation (Cochran 1977, section 6.4).
    "linearised_error": float(np.sqrt(((sums - mean * sizes) ** 2).sum()) / sizes.sum()),
    "interval": np.quantile(drawn, [tail, 1 - tail], method="weibull").tolist(),
    "error_of_independent_values": float(every.std(ddof=1) / np.sqrt(len(every))),
}

(here / "expected.json").write_text(
    json.dumps({"mean_losses": mean_losses, "scores": scores, "blocks": blocks}, indent=1) + "\n")
