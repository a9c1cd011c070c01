"""ERNIE 4.5: neighbouring dimensions rotated as pairs, biases everywhere or nowhere."""

from __future__ import annotations

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Ernie45Layout(Layout):
    architecture = "ernie4_5"


ERNIE = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(500_000.0),
}

FOLDERS = [
    FolderRecipe(
        "ernie4_5",
        "ernie4_5",
        ERNIE,
        tokens=24,
        controls=[{"rope_parameters": plain_rope(100.0)}],
        also_version_4=True,
    ),
    FolderRecipe(
        "ernie4_5-biases",
        "ernie4_5",
        ERNIE | {"use_bias": True, "tie_word_embeddings": False},
        tokens=24,
        controls=[{"use_bias": False}],
    ),
]

GGUFS = [as_gguf(FOLDERS[0], Ernie45Layout)]
