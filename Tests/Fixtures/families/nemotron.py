"""Nemotron: norms that store their distance from 1, heads rotated in part, squared ReLU."""

from __future__ import annotations

import gguf
import numpy as np

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class NemotronLayout(Layout):
    """One is added to the norms' weights. Theta is said, and which part of a head rotates."""

    architecture = "nemotron"

    def rope(self, writer: gguf.GGUFWriter) -> None:
        share = self.config.rope_parameters["partial_rotary_factor"]
        writer.add_rope_dimension_count(int(share * self.head_size))
        writer.add_rope_freq_base(self.config.rope_parameters["rope_theta"])
        writer.add_rope_scaling_type(gguf.RopeScalingType.NONE)

    def epsilon(self, writer: gguf.GGUFWriter) -> None:
        writer.add_layer_norm_eps(self.config.norm_eps)

    def stored(self, name: str, values: np.ndarray) -> np.ndarray:
        return values + 1 if name.endswith("norm.weight") else values

    def restored(self, name: str, values: np.ndarray) -> np.ndarray:
        return values - 1 if name.endswith("norm.weight") else values


NEMOTRON = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "norm_eps": 1e-5,
    "rope_parameters": plain_rope(500.0, partial_rotary_factor=0.5),
}

FOLDERS = [
    FolderRecipe(
        "nemotron",
        "nemotron",
        NEMOTRON,
        tokens=40,
        controls=[
            {"rope_parameters": plain_rope(500.0, partial_rotary_factor=1.0)},
            {"hidden_act": "relu"},
        ],
        norm_offset=1,
    ),
    FolderRecipe(
        "nemotron-biases",
        "nemotron",
        NEMOTRON | {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
        tokens=24,
        controls=[{"attention_bias": False}, {"mlp_bias": False}],
        norm_offset=1,
    ),
]

GGUFS = [as_gguf(FOLDERS[0], NemotronLayout)]
