"""Mistral and Ministral 3."""

from __future__ import annotations

from typing import Any

import gguf

from making.ggufs import LlamaLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Mistral3Layout(LlamaLayout):
    architecture = "mistral3"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        parameters = self.config.rope_parameters
        writer.add_rope_scaling_yarn_log_mul(parameters["mscale_all_dim"])
        writer.add_attn_temperature_scale(parameters["llama_4_scaling_beta"])


MISTRAL = {
    "hidden_size": 40,
    "intermediate_size": 56,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0),
    "sliding_window": 8,
}

# Positions beyond the original length also scale the queries.
MINISTRAL3_ROPE = {
    "type": "yarn",
    "rope_type": "yarn",
    "rope_theta": 500.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
    "max_position_embeddings": 64,
    "beta_fast": 2.0,
    "beta_slow": 0.25,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "llama_4_scaling_beta": 0.3,
}
MINISTRAL3 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_parameters": MINISTRAL3_ROPE,
}

FOLDERS = [
    FolderRecipe(
        "mistral",
        "mistral",
        MISTRAL,
        tokens=32,
        controls=[{"sliding_window": None}, {"sliding_window": 7}, {"sliding_window": 9}],
    ),
    FolderRecipe(
        "ministral3",
        "ministral3",
        MINISTRAL3,
        tokens=40,
        controls=[
            {"rope_parameters": MINISTRAL3_ROPE | {"llama_4_scaling_beta": 0.0}},
            {"rope_parameters": MINISTRAL3_ROPE | {"mscale_all_dim": 0.0}},
            {"rope_parameters": MINISTRAL3_ROPE | {"factor": 8.0}},
        ],
    ),
    FolderRecipe(
        "ministral3-window",
        "ministral3",
        MINISTRAL3 | {"sliding_window": 8, "tie_word_embeddings": True},
        tokens=40,
        controls=[{"sliding_window": 7}, {"sliding_window": 9}],
    ),
]

GGUFS = [as_gguf(FOLDERS[1], Mistral3Layout)]
