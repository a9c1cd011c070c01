"""Arcee: an MLP without a gate, of squared ReLU."""

from __future__ import annotations

from families.llama import YARN
from making.ggufs import LlamaLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class ArceeLayout(LlamaLayout):
    architecture = "arcee"


ARCEE = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}

FOLDERS = [
    FolderRecipe(
        "arcee",
        "arcee",
        ARCEE | {"rope_parameters": YARN},
        tokens=40,
        controls=[{"hidden_act": "relu"}, {"rope_parameters": plain_rope(YARN["rope_theta"])}],
        also_version_4=True,
    ),
    FolderRecipe(
        "arcee-biases",
        "arcee",
        ARCEE
        | {
            "rope_parameters": plain_rope(10_000.0),
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": True,
        },
        tokens=24,
        controls=[{"attention_bias": False}, {"mlp_bias": False}],
    ),
]

GGUFS = [as_gguf(FOLDERS[0], ArceeLayout)]
