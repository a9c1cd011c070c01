"""SmolLM 3: some layers are not rotated."""

from __future__ import annotations

from making.ggufs import LlamaLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class SmolLM3Layout(LlamaLayout):
    """Which layers are not rotated is not said: every fourth."""

    architecture = "smollm3"


SMOLLM3 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6,
    "rope_parameters": plain_rope(5_000_000.0),
    "no_rope_layer_interval": 2,
}

FOLDERS = [
    FolderRecipe(
        "smollm3",
        "smollm3",
        SMOLLM3,
        tokens=24,
        controls=[{"no_rope_layers": [1, 1, 1]}, {"no_rope_layers": [0, 1, 1]}],
        also_version_4=True,
    ),
    # Not the layers that the interval would name, and these have windows.
    FolderRecipe(
        "smollm3-window",
        "smollm3",
        SMOLLM3
        | {
            "no_rope_layers": [0, 1, 0],
            "use_sliding_window": True,
            "sliding_window": 8,
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": False,
        },
        tokens=24,
        controls=[
            {"attention_bias": False},
            {"mlp_bias": False},
            {"sliding_window": 7},
            {"use_sliding_window": False},
            {"no_rope_layers": [1, 0, 1]},
        ],
    ),
]

GGUFS = [
    as_gguf(FOLDERS[0], SmolLM3Layout, num_hidden_layers=4, no_rope_layer_interval=4),
]
