"""Cohere 2: parallel blocks, LayerNorm without bias, scaled logits, global layers not rotated."""

from __future__ import annotations

from typing import Any

import gguf

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Cohere2Layout(Layout):
    """Which layers are global is not said: every fourth."""

    architecture = "cohere2"

    def epsilon(self, writer: gguf.GGUFWriter) -> None:
        writer.add_layer_norm_eps(self.config.layer_norm_eps)

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_logit_scale(self.config.logit_scale)  # by which logits are multiplied
        writer.add_sliding_window(self.config.sliding_window)
        writer.add_vocab_size(self.config.vocab_size)
        writer.add_rope_dimension_count(self.head_size)
        writer.add_rope_scaling_type(gguf.RopeScalingType.NONE)


COHERE2 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "layer_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0),
    "sliding_window": 8,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "logit_scale": 0.7,
}

FOLDERS = [
    FolderRecipe(
        "cohere2",
        "cohere2",
        COHERE2,
        tokens=32,
        controls=[
            {"logit_scale": 1.0},
            {"sliding_window": 7},
            {"sliding_window": 9},
            {"layer_types": ["full_attention", "full_attention", "sliding_attention"]},
        ],
        also_version_4=True,
        left_out_of_version_4=("layer_types",),
        only_in_version_4={"sliding_window_pattern": 2},
    ),
    FolderRecipe(
        "cohere2-untied",
        "cohere2",
        COHERE2 | {"tie_word_embeddings": False, "attention_bias": True},
        tokens=24,
        controls=[{"attention_bias": False}],
    ),
]

GGUFS = [
    as_gguf(
        FOLDERS[0],
        Cohere2Layout,
        num_hidden_layers=4,
        layer_types=["sliding_attention"] * 3 + ["full_attention"],
    ),
]
