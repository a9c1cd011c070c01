"""Seed-OSS: biases of queries, keys and values, of the output apart."""

from __future__ import annotations

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class SeedOssLayout(Layout):
    architecture = "seed_oss"


SEED_OSS = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6,
    "rope_parameters": plain_rope(10_000_000.0),
}

FOLDERS = [
    FolderRecipe(
        "seed_oss",
        "seed_oss",
        SEED_OSS,
        tokens=24,
        controls=[{"attention_bias": False}, {"rope_parameters": plain_rope(100.0)}],
        also_version_4=True,
    ),
    FolderRecipe(
        "seed_oss-biases",
        "seed_oss",
        SEED_OSS
        | {
            "attention_bias": False,
            "attention_out_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": True,
        },
        tokens=24,
        controls=[{"attention_out_bias": False}, {"mlp_bias": False}],
    ),
]

GGUFS = [as_gguf(FOLDERS[0], SeedOssLayout)]
