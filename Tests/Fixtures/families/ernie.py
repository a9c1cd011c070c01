"""ERNIE 4.5: neighbouring dimensions rotated as pairs, biases everywhere or nowhere."""

from __future__ import annotations

from typing import Any

import gguf

from making.ggufs import Layout
from making.mixtures import MixtureLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Ernie45Layout(Layout):
    architecture = "ernie4_5"


class ErnieMoELayout(MixtureLayout):
    architecture = "ernie4_5-moe"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        config = self.config
        writer.add_interleave_moe_layer_step(config.moe_layer_interval)
        writer.add_leading_dense_block_count(config.moe_layer_start_index)
        writer.add_expert_shared_count(config.moe_num_shared_experts)
        # So the converter computes it, which is right for the published sizes.
        writer.add_expert_shared_feed_forward_length(
            config.intermediate_size // config.num_key_value_heads
        )


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

ERNIE_MOE = ERNIE | {
    "num_hidden_layers": 3,
    "moe_intermediate_size": 8,
    "moe_num_experts": 8,
    "moe_k": 2,
    "moe_num_shared_experts": 2,
    "moe_layer_start_index": 1,
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
    FolderRecipe(
        "ernie4_5_moe",
        "ernie4_5_moe",
        ERNIE_MOE,
        tokens=24,
        gains={"mlp.gate.weight": 2},
        controls=[{"moe_k": 3}],
    ),
    FolderRecipe(
        "ernie4_5_moe-interval",
        "ernie4_5_moe",
        ERNIE_MOE
        | {
            "num_hidden_layers": 5,
            "moe_layer_start_index": 1,
            "moe_layer_end_index": 3,
            "moe_layer_interval": 2,
            "moe_num_shared_experts": 0,
            "tie_word_embeddings": False,
        },
        tokens=24,
        gains={"mlp.gate.weight": 2},
    ),
]

GGUFS = [as_gguf(FOLDERS[0], Ernie45Layout), as_gguf(FOLDERS[2], ErnieMoELayout)]
