"""Llama 4's text model: chunks, layers that do not rotate, norms behind the rotation."""

from __future__ import annotations

from typing import Any

import gguf

from making.mixtures import LlamaMixtureLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope, without


class Llama4Layout(LlamaMixtureLayout):
    """Rows stay as they are: transformers turns neighbours too."""

    architecture = "llama4"
    transposed = True
    gating = gguf.ExpertGatingFuncType.SIGMOID

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_interleave_moe_layer_step(given["interleave_moe_layer_step"])

    def sizes(self, writer: gguf.GGUFWriter) -> None:
        config = self.config
        writer.add_block_count(config.num_hidden_layers)
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_feed_forward_length(config.intermediate_size_mlp)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_key_value_heads)

    def expert_width(self) -> int | None:
        return self.config.intermediate_size

    def rotated_heads(self, name: str) -> int | None:
        return None


LLAMA4 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 8,
    "intermediate_size_mlp": 40,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "num_local_experts": 8,
    "num_experts_per_tok": 1,
    "interleave_moe_layer_step": 2,
    "attention_chunk_size": 8,
    "floor_scale": 4,
    "attn_scale": 0.5,
    "rope_parameters": plain_rope(10_000.0),
}

GAINS = {"router.weight": 2}

FOLDERS = [
    FolderRecipe(
        "llama4",
        "llama4_text",
        LLAMA4,
        tokens=24,
        gains=GAINS,
        controls=[
            {"attention_chunk_size": 7},
            {"attention_chunk_size": 16},
            {"attn_temperature_tuning": False},
            {"floor_scale": 5},
            {"use_qk_norm": False},
            {"no_rope_layers": [1, 1, 1, 1]},
            {"num_experts_per_tok": 2},
        ],
    ),
    FolderRecipe(
        "llama4-all",
        "llama4_text",
        without(LLAMA4, "interleave_moe_layer_step")
        | {
            "num_hidden_layers": 3,
            "moe_layers": [0, 2],
            "no_rope_layers": [0, 1, 0],
            "num_experts_per_tok": 2,
            "use_qk_norm": False,
            "attention_bias": True,
            "tie_word_embeddings": True,
            "attn_temperature_tuning": False,
        },
        tokens=24,
        gains=GAINS,
        controls=[{"num_experts_per_tok": 1}],
    ),
]

# llama.cpp's chunks and temperatures are those of the published models.
GGUFS = [as_gguf(FOLDERS[0], Llama4Layout, attention_chunk_size=8192, floor_scale=8192, attn_scale=0.1)]
