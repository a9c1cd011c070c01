"""What the tests read beside a model: its prompt and its logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def write_expected(path: Path, logits_path: Path, tokens: list[int], logits: np.ndarray) -> None:
    np.save(logits_path, np.ascontiguousarray(logits, dtype="<f4"))
    write_json(path, {"tokens": [tokens], "logits_file": logits_path.name})


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    path.write_text(json.dumps(value, indent=indent) + "\n")


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
