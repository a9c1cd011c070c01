"""Like ShishuLM (arXiv 2510.13860): blocks without attention, some of which share weights.

Blocks of Llama at both ends; between them `attention_free_layers`, x + SwiGLU(RMSNorm(x)). A pair
[i, j] of `shared_layers` says that block i uses the feed-forward part and its norm of block j.
"""

from __future__ import annotations

from types import SimpleNamespace

from making.recipe import without
from making.reference import Block, Decoder, ReferenceRecipe

SHISHULM = {
    "architectures": ["ShishuLMForCausalLM"],
    "model_type": "shishulm",
    "attention_bias": False,
    "attention_free_layers": [2, 3, 4, 5],
    "head_dim": 12,
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 40,
    "max_position_embeddings": 128,
    "mlp_bias": False,
    "num_attention_heads": 4,
    "num_hidden_layers": 7,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10_000.0,
    "shared_layers": [[3, 2], [5, 4]],
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
    "vocab_size": 64,
}


def decoder(config: SimpleNamespace) -> Decoder:
    sources = dict(config.shared_layers)
    free = config.attention_free_layers
    return Decoder(
        config.vocab_size,
        config.hidden_size,
        config.head_dim,
        config.rms_norm_eps,
        getattr(config, "rope_scaling", {"rope_type": "default"})
        | {"rope_theta": config.rope_theta},
        config.tie_word_embeddings,
        [
            Block(
                0 if index in free else config.num_attention_heads,
                0 if index in free else config.num_key_value_heads,
                config.intermediate_size,
                sources.get(index, index),
            )
            for index in range(config.num_hidden_layers)
        ],
    )


REFERENCES = [
    ReferenceRecipe(
        "shishulm",
        "shishulm",
        SHISHULM,
        24,
        controls=[
            {"shared_layers": [[3, 2], [5, 2]]},
            {"attention_free_layers": [1, 2, 3, 4, 5]},
            {"rope_theta": 100.0},
        ],
        decoder=decoder,
    ),
    # Nothing shared, attention missing at the start and the end, scaled rotations.
    ReferenceRecipe(
        "shishulm-unshared",
        "shishulm",
        without(SHISHULM, "rope_theta")
        | {
            "attention_free_layers": [0, 3],
            "num_hidden_layers": 4,
            "rope_theta": 500.0,
            "rope_scaling": {
                "factor": 4.0,
                "high_freq_factor": 4.0,
                "low_freq_factor": 1.0,
                "original_max_position_embeddings": 64,
                "rope_type": "llama3",
            },
            "shared_layers": [],
            "tie_word_embeddings": False,
        },
        40,
        controls=[{"rope_scaling": {"rope_type": "default"}}],
        decoder=decoder,
    ),
]
