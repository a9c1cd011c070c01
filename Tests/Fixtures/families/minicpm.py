"""MiniCPM: scaled embeddings, residuals and logits.

The reference follows the modelling code that its authors publish with the weights.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import gguf

from making.ggufs import Layout, LlamaLayout
from making.recipe import as_gguf, plain_rope
from making.reference import Block, Decoder, ReferenceRecipe

MINICPM = {
    "architectures": ["MiniCPMForCausalLM"],
    "model_type": "minicpm",
    "attention_bias": False,
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 40,
    "max_position_embeddings": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_scaling": None,
    "vocab_size": 64,
    "scale_emb": 3.0,
    "dim_model_base": 24,
    "scale_depth": 1.4,
    "torch_dtype": "float32",
}


def minicpm(config: SimpleNamespace) -> Decoder:
    return Decoder(
        config.vocab_size,
        config.hidden_size,
        config.hidden_size // config.num_attention_heads,
        config.rms_norm_eps,
        plain_rope(getattr(config, "rope_theta", 10_000.0)),
        getattr(config, "tie_word_embeddings", True),
        [
            Block(config.num_attention_heads, config.num_key_value_heads, width, index)
            for index, width in enumerate([config.intermediate_size] * config.num_hidden_layers)
        ],
        embedding_scale=config.scale_emb,
        residual_scale=config.scale_depth / math.sqrt(config.num_hidden_layers),
        logit_scale=config.dim_model_base / config.hidden_size,
    )


class MiniCPMLayout(LlamaLayout):
    architecture = "minicpm"

    def rope(self, writer: gguf.GGUFWriter) -> None:
        if hasattr(self.config, "rope_theta"):
            writer.add_rope_freq_base(self.config.rope_theta)

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        config = self.config
        Layout.metadata(self, writer, given)
        writer.add_embedding_scale(config.scale_emb)
        writer.add_residual_scale(config.scale_depth / config.num_hidden_layers**0.5)
        # By which logits are divided.
        writer.add_logit_scale(config.hidden_size / config.dim_model_base)


REFERENCES = [
    # Neither theta nor tied embeddings are spelt: what the authors' config class takes.
    ReferenceRecipe(
        "minicpm",
        "minicpm",
        MINICPM,
        24,
        controls=[{"scale_emb": 1.0}, {"scale_depth": 1.0}, {"dim_model_base": 32}],
        decoder=minicpm,
    ),
    ReferenceRecipe(
        "minicpm-untied",
        "minicpm",
        MINICPM | {"tie_word_embeddings": False, "rope_theta": 500.0},
        24,
        controls=[{"rope_theta": 10_000.0}],
        decoder=minicpm,
    ),
]

GGUFS = [as_gguf(recipe, MiniCPMLayout) for recipe in REFERENCES]
