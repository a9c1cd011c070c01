"""Llama."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gguf
import torch

from making.ggufs import LlamaLayout
from making.recipe import FolderRecipe, GGUFRecipe, as_gguf, plain_rope, without

LLAMA3_SCALING = {
    "rope_type": "llama3",
    # Theta and length are small so that a head of 12 has dimensions in all three branches.
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}

# Every row is a multiple of 32 elements, the block of the quantised types; some are two blocks.
GGUF_LLAMA = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0),
}
GGUF_TIED = GGUF_LLAMA | {"tie_word_embeddings": True}

BIASES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "attention_bias": True,
    "mlp_bias": True,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0),
}

# Small models whose prompts are longer than the length that they are scaled from.
ORIGINAL_LENGTH = 16
THETA = 500.0
SCALED = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}
UNSCALED = {"rope_parameters": plain_rope(THETA)}
LINEAR = {"rope_type": "linear", "rope_theta": THETA, "factor": 4.0}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": THETA, "factor": 3.0}
# Turns such that a head of 16 has dimensions in all three branches.
YARN = {
    "rope_type": "yarn",
    "rope_theta": THETA,
    "factor": 4.0,
    "original_max_position_embeddings": ORIGINAL_LENGTH,
    "beta_fast": 2.0,
    "beta_slow": 0.25,
}
YARN_MSCALE = YARN | {"mscale": 1.6, "mscale_all_dim": 0.7, "truncate": False}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": THETA,
    "factor": 4.0,
    "original_max_position_embeddings": ORIGINAL_LENGTH,
    "short_factor": [1.0, 1.1, 1.2, 1.5, 1.8, 2.0, 2.2, 2.5],
    "long_factor": [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 9.0],
}


def scaled(name: str, parameters: dict[str, Any], tokens: int, *controls: Any) -> FolderRecipe:
    return FolderRecipe(
        name,
        "llama",
        SCALED | {"rope_parameters": parameters},
        tokens,
        controls=[UNSCALED] + [{"rope_parameters": parameters | change} for change in controls],
    )


def published(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tied head a second time, and each layer with the frequencies of its rotation."""
    head = tensors["model.embed_tokens.weight"].clone()
    return (
        tensors
        | {"lm_head.weight": head}
        | {
            f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": torch.ones(8)
            for layer in range(SCALED["num_hidden_layers"])
        }
    )


FOLDERS = [
    FolderRecipe(
        "llama-gqa",
        "llama",
        {
            "hidden_size": 36,
            "intermediate_size": 40,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "head_dim": 12,
            "attention_bias": True,
            "max_position_embeddings": 256,
            "rms_norm_eps": 1e-2,
            "rope_parameters": LLAMA3_SCALING,
        },
        tokens=40,
        controls=[
            {"attention_bias": False},
            {"rms_norm_eps": 1e-5},
            {"rope_parameters": plain_rope(500.0)},
        ],
        also_version_4=True,
    ),
    FolderRecipe(
        "llama-tied",
        "llama",
        {
            "hidden_size": 48,
            "intermediate_size": 80,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "vocab_size": 128,
            "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5,
            "rope_parameters": plain_rope(10_000.0),
            "tie_word_embeddings": True,
        },
        tokens=32,
        controls=[{"rope_parameters": plain_rope(100.0)}],
        dtype=torch.bfloat16,
    ),
    FolderRecipe(
        "llama-sharded",
        "llama",
        {
            "hidden_size": 48,
            "intermediate_size": 80,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5,
            "rope_parameters": plain_rope(20_000.0),
        },
        tokens=24,
        controls=[{"rope_parameters": plain_rope(100.0)}],
        dtype=torch.float16,
        shard_bytes=40_000,
    ),
    FolderRecipe(
        "llama-biases",
        "llama",
        BIASES,
        tokens=24,
        controls=[{"attention_bias": False}, {"mlp_bias": False}],
    ),
    FolderRecipe(
        "llama-published",
        "llama",
        SCALED | UNSCALED | {"tie_word_embeddings": True},
        tokens=24,
        published=published,
    ),
    replace(
        scaled("llama-linear", LINEAR, 40, {"factor": 5.0}),
        also_version_4=True,
        rope_type_key="type",
    ),
    # Its original length is `max_position_embeddings`.
    replace(
        scaled("llama-dynamic", DYNAMIC, 40, {"factor": 2.0}),
        config=SCALED | {"rope_parameters": DYNAMIC, "max_position_embeddings": ORIGINAL_LENGTH},
    ),
    replace(
        scaled("llama-yarn", YARN, 40, {"factor": 5.0}, {"attention_factor": 1.0}),
        also_version_4=True,
    ),
    scaled("llama-yarn-defaults", without(YARN, "beta_fast", "beta_slow"), 40),
    scaled("llama-yarn-mscale", YARN_MSCALE, 40, {"mscale": 1.0}, {"truncate": True}),
    scaled("llama-yarn-attention", YARN | {"attention_factor": 0.8}, 40, {"attention_factor": 1.0}),
    scaled("llama-longrope", LONGROPE, 40, {"long_factor": LONGROPE["short_factor"]}),
    scaled("llama-longrope-short", LONGROPE, 16, {"short_factor": LONGROPE["long_factor"]}),
    scaled("llama-longrope-attention", LONGROPE | {"attention_factor": 0.7}, 24),
]


def quantised(name: str, config: dict[str, Any], matrices: gguf.GGMLQuantizationType) -> GGUFRecipe:
    return GGUFRecipe(name, "llama", config, 24, layout=LlamaLayout, matrices=matrices)


GGUFS = [
    quantised("llama-f32", GGUF_TIED, gguf.GGMLQuantizationType.F32),
    quantised("llama-f16", GGUF_LLAMA, gguf.GGMLQuantizationType.F16),
    quantised("llama-bf16", GGUF_LLAMA, gguf.GGMLQuantizationType.BF16),
    quantised("llama-q8_0", GGUF_LLAMA, gguf.GGMLQuantizationType.Q8_0),
    quantised("llama-q4_0", GGUF_LLAMA, gguf.GGMLQuantizationType.Q4_0),
    quantised("llama-q4_1", GGUF_LLAMA, gguf.GGMLQuantizationType.Q4_1),
    GGUFRecipe(
        "llama-rope-freqs",
        "llama",
        GGUF_TIED | {"rope_parameters": LLAMA3_SCALING},
        40,
        layout=LlamaLayout,
        controls=[{"rope_parameters": plain_rope(500.0)}],
    ),
    *(
        as_gguf(recipe, LlamaLayout)
        for recipe in FOLDERS
        if recipe.name in ("llama-biases", "llama-linear", "llama-yarn", "llama-yarn-defaults")
    ),
]
