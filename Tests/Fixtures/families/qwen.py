"""Qwen 2 and 3."""

from __future__ import annotations

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, GGUFRecipe, plain_rope


class Qwen2Layout(Layout):
    architecture = "qwen2"


class Qwen3Layout(Layout):
    architecture = "qwen3"


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
]
