"""What quantised activations cost: `make accuracy`.

SmolLM2-135M-Instruct is converted to each dtype and reads real text twice: as it is benchmarked
(block formats in integers, with quantised activations), and with f32 activations on the same weights.
Between the two, the table gives the relative error of the logits, the mean Kullback–Leibler
divergence of the next token's distribution, and how often both prefer the same token.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from smollm2 import Failure, dyno_logits, model_file

TOKENS = Path(__file__).with_name("text_tokens.txt")
DTYPES = ["f32", "bf16", "f16", "q8_0", "q4_0", "q4_k", "q6_k"]
CONTEXT = 512
LARGEST_DIVERGENCE = {"bf16": 0.001, "q8_0": 0.005}


def logits(dyno: Path, model: Path, tokens: list[int], *options: str) -> np.ndarray:
    return dyno_logits(dyno, model, tokens, *options).astype(np.float64)


def log_probabilities(values: np.ndarray) -> np.ndarray:
    shifted = values - values.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


class Differences:
    """Sums over all positions."""

    def __init__(self) -> None:
        self.squares = self.norm = self.divergence = 0.0
        self.agreed = self.positions = 0

    def add(self, actual: np.ndarray, reference: np.ndarray) -> None:
        self.squares += float(((actual - reference) ** 2).sum())
        self.norm += float((reference**2).sum())
        ours, theirs = log_probabilities(actual), log_probabilities(reference)
        self.divergence += float((np.exp(theirs) * (theirs - ours)).sum())
        self.agreed += int((actual.argmax(-1) == reference.argmax(-1)).sum())
        self.positions += len(actual)

    @property
    def mean_divergence(self) -> float:
        return self.divergence / self.positions

    def row(self, name: str) -> str:
        return (
            f"| {name} | {(self.squares / self.norm) ** 0.5:.1e} | {self.mean_divergence:.1e} | "
            f"{self.agreed / self.positions:.2%} |"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dyno", type=Path, required=True, help="the executable")
    try:
        return compare(parser.parse_args().dyno, model_file())
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1


def compare(dyno: Path, model: Path) -> int:
    tokens = [int(word) for word in TOKENS.read_text().split()]
    parts = [tokens[i : i + CONTEXT] for i in range(0, len(tokens), CONTEXT)]
    print(f"{len(tokens)} tokens in contexts of {CONTEXT}, SmolLM2-135M-Instruct\n")
    print("| weights | relative error | KL divergence | top-1 agreement |\n|---|---|---|---|")
    failed = False
    cases = [(dtype, ["--dtype", dtype], ["--activations", "f32"]) for dtype in DTYPES]
    cases.append(("f32, KV cache in q8_0", ["--dtype", "f32"], []))
    for name, options, of_reference in cases:
        differences = Differences()
        ours = options if of_reference else [*options, "--cache-dtype", "q8_0"]
        for part in parts:
            differences.add(
                logits(dyno, model, part, *ours),
                logits(dyno, model, part, *options, *of_reference),
            )
        print(differences.row(name), flush=True)
        failed |= differences.mean_divergence > LARGEST_DIVERGENCE.get(name, np.inf)
    if failed:
        print("a divergence is above its bar", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
