"""gpt-oss: sinks, windows in every second layer, biases, a clamped SwiGLU."""

from __future__ import annotations

from typing import Any

import gguf

from making.mixtures import MixtureLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class GptOssLayout(MixtureLayout):
    architecture = "gpt-oss"
    transposed = True
    interleaved = True

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_sliding_window(self.config.sliding_window)

    def expert_width(self) -> int | None:
        return self.config.intermediate_size


YARN = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "beta_fast": 8.0,
    "beta_slow": 1.0,
    "original_max_position_embeddings": 32,
    "truncate": False,
}

GPT_OSS = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "sliding_window": 8,
    "rope_parameters": YARN,
}

# So large that gates and ups are clamped.
GAINS = {"mlp.router.weight": 2, "gate_up_proj": 4, "down_proj": 0.1, "sinks": 1.5}

FOLDERS = [
    FolderRecipe(
        "gpt_oss",
        "gpt_oss",
        GPT_OSS,
        tokens=24,
        gains=GAINS,
        controls=[
            {"num_experts_per_tok": 3},
            {"sliding_window": 7},
            {"sliding_window": 9},
            {"layer_types": ["full_attention", "sliding_attention", "full_attention"]},
            {"rope_parameters": plain_rope(10_000.0)},
            {"attention_bias": False},
            {"swiglu_limit": 100.0},
        ],
        subtle_controls=[{"rope_parameters": YARN | {"truncate": True}}],
        also_version_4=True,
    ),
    FolderRecipe(
        "gpt_oss-unscaled",
        "gpt_oss",
        GPT_OSS
        | {
            "attention_bias": False,
            "rope_parameters": plain_rope(10_000.0),
            "tie_word_embeddings": True,
        },
        tokens=24,
        gains=GAINS,
    ),
]

GGUFS = [as_gguf(FOLDERS[0], GptOssLayout)]
