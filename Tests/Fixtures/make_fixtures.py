"""Make the small models, and transformers' logits for them, that Dyno's tests compare against.

    python -m venv venv && venv/bin/pip install -r Tests/Fixtures/requirements.txt
    venv/bin/python Tests/Fixtures/make_fixtures.py [NAME ...]

The outputs are committed, so that the tests need no Python:

    huggingface/NAME/   config.json, safetensors, expected.json, logits.npy
    gguf/               NAME.gguf, NAME.json, NAME.logits.npy

What is made is in `families/`, how in `making/`. With names, only those fixtures are made anew.

The json files hold {"tokens": [[...]], "logits_file": ...}. Logits are float32, one row a token.
The weights are random but seeded by the fixture's name: a second run writes the same bytes (on the
same kind of CPU; elsewhere the last bits of the logits may differ).

Expected logits always come from the files as written, read back and computed in float32. A fixture
is worth only what it can catch, so each is checked before it is kept: logits of sensible size,
attention that prefers some tokens, and for every feature it is about, that an engine that ignores
the feature would be far off.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import transformers

from families import FOLDERS, GGUFS, REFERENCES
from making.files import size_of
from making.folders import make_folder
from making.ggufs import make_gguf
from making.models import require
from making.recipe import Recipe
from making.reference import check_decoder_is_llama, make_reference, make_reference_gguf

HERE = Path(__file__).resolve().parent


def main(names: list[str]) -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    # One thread, so that sums are always taken in the same order.
    torch.set_num_threads(1)

    check_decoder_is_llama()
    known = {recipe.name for recipe in FOLDERS + REFERENCES + GGUFS}
    require(known.issuperset(names), f"no recipes for {set(names) - known}")
    folders, ggufs = HERE / "huggingface", HERE / "gguf"
    for recipe in FOLDERS:
        if not names or recipe.name in names:
            make_folder(recipe, folders / recipe.name)
    for recipe in REFERENCES:
        if not names or recipe.name in names:
            make_reference(recipe, folders / recipe.name)
    for recipe in GGUFS:
        if not names or recipe.name in names:
            make_reference_gguf(recipe, ggufs) if recipe.decoder else make_gguf(recipe, ggufs)
    check_all_made(folders, FOLDERS + REFERENCES)
    check_all_made(ggufs, GGUFS)
    require(size_of(HERE) < 20_000_000, f"the fixtures have {size_of(HERE)} bytes")


def check_all_made(folder: Path, recipes: list[Recipe]) -> None:
    expected = {recipe.name for recipe in recipes}
    present = {path.name.split(".")[0] for path in folder.iterdir()}
    require(present == expected, f"{folder.name}: not made, or no recipe: {present ^ expected}")
    print(f"{folder.name}: {len(expected)} models, {size_of(folder) / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
