"""Mixtral and MiniMax M2: experts in all layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gguf
import torch

from making.mixtures import LlamaMixtureLayout, MixtureLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class MixtralLayout(LlamaMixtureLayout):
    architecture = "llama"


class MiniMaxLayout(MixtureLayout):
    architecture = "minimax-m2"
    gating = gguf.ExpertGatingFuncType.SIGMOID

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        share = self.config.rope_parameters["partial_rotary_factor"]
        writer.add_rope_dimension_count(int(share * self.head_size))

    def expert_width(self) -> int | None:
        return self.config.intermediate_size


MIXTRAL = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "rope_parameters": plain_rope(10_000.0),
}

# Rows of whole blocks.
BLOCKS = MIXTRAL | {"intermediate_size": 32, "num_local_experts": 4}

MINIMAX = MIXTRAL | {
    "head_dim": 12,
    "rope_parameters": plain_rope(10_000.0, partial_rotary_factor=0.5),
}


def stacked(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As transformers 5 has experts in memory, and saves them when asked to."""
    found = {name: tensor for name, tensor in tensors.items() if ".experts." not in name}
    layers = {name.split(".")[2] for name in tensors if ".experts." in name}
    for layer in sorted(layers):
        place = f"model.layers.{layer}.block_sparse_moe.experts."

        def stack(kind: str, place: str = place) -> torch.Tensor:
            return torch.stack([tensors[f"{place}{expert}.{kind}.weight"] for expert in range(8)])

        gates_and_ups = torch.cat([stack("w1"), stack("w3")], dim=1)
        found[f"model.layers.{layer}.mlp.experts.gate_up_proj"] = gates_and_ups
        found[f"model.layers.{layer}.mlp.experts.down_proj"] = stack("w2")
    return {name.replace("block_sparse_moe", "mlp"): tensor for name, tensor in found.items()}


FOLDERS = [
    FolderRecipe(
        "mixtral",
        "mixtral",
        MIXTRAL,
        tokens=24,
        gains={"mlp.gate.": 2},
        controls=[{"num_experts_per_tok": 1}, {"num_experts_per_tok": 3}],
        also_version_4=True,
    ),
    FolderRecipe(
        "mixtral-stacked",
        "mixtral",
        MIXTRAL | {"sliding_window": 8, "tie_word_embeddings": True},
        tokens=24,
        gains={"mlp.gate.": 2},
        controls=[{"sliding_window": 9}],
        published=stacked,
    ),
    FolderRecipe(
        "minimax_m2",
        "minimax_m2",
        MINIMAX,
        tokens=24,
        controls=[
            {"num_experts_per_tok": 3},
            {"rope_parameters": plain_rope(10_000.0, partial_rotary_factor=1.0)},
        ],
    ),
]

GGUFS = [
    as_gguf(FOLDERS[0], MixtralLayout),
    replace(
        as_gguf(FOLDERS[0], MixtralLayout, "mixtral-q8_0", **BLOCKS),
        matrices=gguf.GGMLQuantizationType.Q8_0,
    ),
    as_gguf(FOLDERS[2], MiniMaxLayout),
]
