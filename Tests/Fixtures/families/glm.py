"""GLM 4: sandwich norms, fused gate and up, neighbouring dimensions rotated as pairs, in part."""

from __future__ import annotations

from typing import Any

import gguf

from making.ggufs import Layout
from making.mixtures import MixtureLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Glm4Layout(Layout):
    architecture = "glm4"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        share = self.config.rope_parameters["partial_rotary_factor"]
        writer.add_rope_dimension_count(int(share * self.head_size))


class Glm4MoELayout(MixtureLayout, Glm4Layout):
    architecture = "glm4moe"
    gating = gguf.ExpertGatingFuncType.SIGMOID

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        config = self.config
        writer.add_expert_shared_count(config.n_shared_experts)
        writer.add_leading_dense_block_count(config.first_k_dense_replace)
        writer.add_expert_weights_scale(config.routed_scaling_factor)
        writer.add_expert_weights_norm(config.norm_topk_prob)


GLM4 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0, partial_rotary_factor=0.5),
    "attention_bias": True,
}

GLM4_MOE = GLM4 | {
    "moe_intermediate_size": 8,
    "num_hidden_layers": 3,
    "first_k_dense_replace": 1,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "routed_scaling_factor": 1.5,
    "use_qk_norm": True,
}

FOLDERS = [
    FolderRecipe(
        "glm4",
        "glm4",
        GLM4,
        tokens=24,
        controls=[
            {"attention_bias": False},
            {"rope_parameters": plain_rope(10_000.0, partial_rotary_factor=1.0)},
        ],
        also_version_4=True,
    ),
    FolderRecipe(
        "glm4-tied",
        "glm4",
        GLM4 | {"attention_bias": False, "tie_word_embeddings": True},
        tokens=24,
    ),
    FolderRecipe(
        "glm4_moe",
        "glm4_moe",
        GLM4_MOE,
        tokens=24,
        controls=[
            {"attention_bias": False},
            {"use_qk_norm": False},
            {"norm_topk_prob": False},
            {"routed_scaling_factor": 1.0},
            {"rope_parameters": plain_rope(10_000.0, partial_rotary_factor=1.0)},
        ],
    ),
    FolderRecipe(
        "glm4_moe-groups",
        "glm4_moe",
        GLM4_MOE
        | {
            "attention_bias": False,
            "use_qk_norm": False,
            "n_group": 2,
            "topk_group": 1,
            "norm_topk_prob": False,
            "n_shared_experts": 2,
        },
        tokens=24,
        controls=[{"n_group": 1}],
    ),
]

GGUFS = [as_gguf(FOLDERS[0], Glm4Layout), as_gguf(FOLDERS[2], Glm4MoELayout)]
