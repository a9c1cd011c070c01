"""Qwen 2 and 3, dense and mixtures."""

from __future__ import annotations

from typing import Any

import gguf

from making.ggufs import Layout
from making.mixtures import MixtureLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, GGUFRecipe, as_gguf, plain_rope


class Qwen2Layout(Layout):
    architecture = "qwen2"


class Qwen3Layout(Layout):
    architecture = "qwen3"


class Qwen2MoELayout(MixtureLayout):
    architecture = "qwen2moe"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_expert_shared_feed_forward_length(self.config.shared_expert_intermediate_size)


class Qwen3MoELayout(MixtureLayout):
    architecture = "qwen3moe"


MOE = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "moe_intermediate_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "rope_parameters": plain_rope(10_000.0),
}
QWEN2_MOE = MOE | {"shared_expert_intermediate_size": 24}
QWEN3_MOE = MOE | {"head_dim": 12, "norm_topk_prob": True}
MOE_GAINS = {"mlp.gate.": 2}


QWEN2 = {
    "hidden_size": 40,
    "intermediate_size": 56,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rope_parameters": plain_rope(1_000_000.0),
}

FOLDERS = [
    FolderRecipe(
        "qwen2",
        "qwen2",
        QWEN2,
        tokens=32,
        controls=[{"rope_parameters": plain_rope(10_000.0)}],
    ),
    FolderRecipe(
        "qwen2-window",
        "qwen2",
        {
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(10_000.0),
            "tie_word_embeddings": True,
            "use_sliding_window": True,
            "sliding_window": 8,
            "max_window_layers": 1,
        },
        tokens=32,
        controls=[
            {"use_sliding_window": False},
            {"max_window_layers": 0},
            {"max_window_layers": 2},
            {"sliding_window": 7},
            {"sliding_window": 9},
        ],
    ),
    FolderRecipe(
        "qwen3",
        "qwen3",
        {
            "hidden_size": 40,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 5,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(1_000_000.0),
            "tie_word_embeddings": True,
        },
        tokens=32,
        controls=[{"rope_parameters": plain_rope(10_000.0)}],
    ),
    FolderRecipe(
        "qwen3-biases",
        "qwen3",
        SMALL_VOCABULARY
        | {
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 12,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(10_000.0),
            "attention_bias": True,
            "use_sliding_window": True,
            "sliding_window": 8,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
        tokens=24,
        gains={"q_norm": 1.4, "k_norm": 1.4},
        controls=[
            {"attention_bias": False},
            {"sliding_window": 7},
            {"layer_types": ["full_attention", "sliding_attention", "sliding_attention"]},
        ],
    ),
    FolderRecipe(
        "qwen2_moe",
        "qwen2_moe",
        QWEN2_MOE,
        tokens=24,
        gains=MOE_GAINS,
        controls=[{"norm_topk_prob": True}, {"num_experts_per_tok": 3}, {"qkv_bias": False}],
        also_version_4=True,
    ),
    FolderRecipe(
        "qwen2_moe-dense",
        "qwen2_moe",
        QWEN2_MOE
        | {
            "num_hidden_layers": 4,
            "decoder_sparse_step": 2,
            "mlp_only_layers": [1],
            "norm_topk_prob": True,
            "qkv_bias": False,
            "use_sliding_window": True,
            "sliding_window": 8,
            "max_window_layers": 3,
        },
        tokens=24,
        gains=MOE_GAINS,
        controls=[{"norm_topk_prob": False}, {"sliding_window": 7}, {"max_window_layers": 1}],
    ),
    FolderRecipe(
        "qwen3_moe",
        "qwen3_moe",
        QWEN3_MOE,
        tokens=24,
        gains=MOE_GAINS,
        controls=[{"norm_topk_prob": False}, {"num_experts_per_tok": 3}],
        also_version_4=True,
    ),
    FolderRecipe(
        "qwen3_moe-dense",
        "qwen3_moe",
        QWEN3_MOE
        | {
            "num_hidden_layers": 3,
            "mlp_only_layers": [0],
            "norm_topk_prob": False,
            "attention_bias": True,
            "use_sliding_window": True,
            "sliding_window": 8,
            "tie_word_embeddings": True,
        },
        tokens=24,
        gains=MOE_GAINS | {"q_norm": 1.4, "k_norm": 1.4},
        controls=[{"norm_topk_prob": True}, {"attention_bias": False}, {"sliding_window": 7}],
    ),
]

GGUFS = [
    GGUFRecipe(
        "qwen2-f32",
        "qwen2",
        {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(1_000_000.0),
        },
        24,
        layout=Qwen2Layout,
    ),
    GGUFRecipe(
        "qwen3-f32",
        "qwen3",
        {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(1_000_000.0),
            "tie_word_embeddings": True,
        },
        24,
        layout=Qwen3Layout,
    ),
    as_gguf(FOLDERS[4], Qwen2MoELayout),
    as_gguf(FOLDERS[6], Qwen3MoELayout),
]
