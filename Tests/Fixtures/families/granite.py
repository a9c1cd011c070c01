"""Granite: multipliers of embeddings, attention scores, residuals and logits."""

from __future__ import annotations

from typing import Any

import gguf

from making.ggufs import LlamaLayout
from making.mixtures import LlamaMixtureLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class GraniteLayout(LlamaLayout):
    architecture = "granite"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_attention_scale(self.config.attention_multiplier)
        writer.add_embedding_scale(self.config.embedding_multiplier)
        writer.add_residual_scale(self.config.residual_multiplier)
        writer.add_logit_scale(self.config.logits_scaling)  # by which logits are divided


class GraniteMoELayout(LlamaMixtureLayout, GraniteLayout):
    architecture = "granitemoe"


class GraniteSharedLayout(GraniteMoELayout):
    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_expert_shared_feed_forward_length(self.config.shared_intermediate_size)


GRANITE = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0),
    "tie_word_embeddings": True,
    "embedding_multiplier": 4.0,
    "attention_multiplier": 0.2,
    "residual_multiplier": 0.6,
    "logits_scaling": 1.25,
}

MOE = {"intermediate_size": 8, "num_local_experts": 8, "num_experts_per_tok": 2}

FOLDERS = [
    FolderRecipe(
        "granite",
        "granite",
        GRANITE,
        tokens=24,
        controls=[
            {"embedding_multiplier": 1.0},
            {"attention_multiplier": 1.0},
            {"attention_multiplier": 10**-0.5},
            {"residual_multiplier": 1.0},
            {"logits_scaling": 1.0},
        ],
        also_version_4=True,
    ),
    FolderRecipe(
        "granite-biases",
        "granite",
        GRANITE | {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True},
        tokens=24,
        controls=[{"attention_bias": False}, {"mlp_bias": False}],
    ),
    # Granite 4.0 without state-space layers and experts: what is left is Granite.
    FolderRecipe(
        "granite4-dense",
        "granitemoehybrid",
        GRANITE
        | {
            "layer_types": ["attention"] * 2,
            "position_embedding_type": "rope",
            "num_local_experts": 0,
            "num_experts_per_tok": 0,
            "shared_intermediate_size": 40,
            "mamba_n_heads": 4,
        },
        tokens=24,
        controls=[{"position_embedding_type": "nope"}],
    ),
    FolderRecipe(
        "granitemoe",
        "granitemoe",
        GRANITE | MOE,
        tokens=24,
        gains={"router": 2},
        controls=[{"num_experts_per_tok": 3}, {"residual_multiplier": 1.0}],
        also_version_4=True,
    ),
    FolderRecipe(
        "granite4-moe",
        "granitemoehybrid",
        GRANITE
        | MOE
        | {
            "layer_types": ["full_attention"] * 2,
            "position_embedding_type": "rope",
            "shared_intermediate_size": 24,
            "mamba_n_heads": 4,
        },
        tokens=24,
        gains={"router": 2},
        controls=[{"num_experts_per_tok": 3}],
    ),
]

GGUFS = [
    *(as_gguf(recipe, GraniteLayout) for recipe in FOLDERS[:2]),
    as_gguf(FOLDERS[3], GraniteMoELayout),
    as_gguf(FOLDERS[4], GraniteSharedLayout),
]
