"""OLMo 2 and 3: norms after the blocks, and over all heads of queries and keys."""

from __future__ import annotations

import math
from typing import Any

import gguf

from making.ggufs import Layout
from making.mixtures import MixtureLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Olmo2Layout(Layout):
    """OLMo 3 is written as OLMo 2 with windows."""

    architecture = "olmo2"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        if self.config.model_type == "olmo3":
            writer.add_sliding_window(self.config.sliding_window)
            local = [kind == "sliding_attention" for kind in self.config.layer_types]
            writer.add_sliding_window_pattern(local)


class OlmoeLayout(MixtureLayout):
    architecture = "olmoe"


OLMO2 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6,
    "rope_parameters": plain_rope(500_000.0),
}

# Turns such that a head of 8 has dimensions in all three branches.
OLMO3_ROPE = {
    "sliding_attention": plain_rope(500_000.0),
    "full_attention": {
        "rope_type": "yarn",
        "rope_theta": 500_000.0,
        "factor": 4.0,
        "original_max_position_embeddings": 16,
        "beta_fast": 2.0,
        "beta_slow": 0.02,
        "attention_factor": 1.3,
    },
}
YARN_OF_4 = 0.1 * math.log(4) + 1
OLMO3 = OLMO2 | {
    "num_hidden_layers": 3,
    "max_position_embeddings": 64,
    "sliding_window": 8,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "rope_parameters": OLMO3_ROPE,
}

OLMOE = OLMO2 | {
    "intermediate_size": 8,
    "num_key_value_heads": 4,
    "num_experts": 8,
    "num_experts_per_tok": 2,
}

FOLDERS = [
    FolderRecipe(
        "olmo2",
        "olmo2",
        OLMO2,
        tokens=24,
        controls=[{"rope_parameters": plain_rope(100.0)}],
        also_version_4=True,
    ),
    FolderRecipe(
        "olmo2-tied",
        "olmo2",
        OLMO2 | {"tie_word_embeddings": True, "attention_bias": True},
        tokens=24,
        controls=[{"attention_bias": False}],
        gains={"q_norm": 1.5, "k_norm": 1.5},
    ),
    FolderRecipe(
        "olmo3",
        "olmo3",
        OLMO3,
        tokens=40,
        controls=[
            {"sliding_window": 7},
            {"sliding_window": 9},
            {"layer_types": ["full_attention", "sliding_attention", "sliding_attention"]},
            {"rope_parameters": OLMO3_ROPE | {"full_attention": plain_rope(500_000.0)}},
            {"rope_parameters": OLMO3_ROPE | {"sliding_attention": plain_rope(100.0)}},
        ],
        also_version_4=True,
    ),
    FolderRecipe(
        "olmoe",
        "olmoe",
        OLMOE,
        tokens=24,
        gains={"mlp.gate.": 2},
        controls=[{"norm_topk_prob": True}, {"num_experts_per_tok": 3}],
        also_version_4=True,
    ),
    FolderRecipe(
        "olmoe-normed",
        "olmoe",
        OLMOE
        | {
            "num_key_value_heads": 2,
            "norm_topk_prob": True,
            "attention_bias": True,
            "tie_word_embeddings": True,
        },
        tokens=24,
        gains={"mlp.gate.": 2},
        controls=[{"norm_topk_prob": False}, {"attention_bias": False}],
    ),
]

GGUFS = [
    as_gguf(FOLDERS[0], Olmo2Layout),
    # llama.cpp scales cosines and sines by 0.1·ln(factor) + 1, whatever the file says.
    as_gguf(
        FOLDERS[2],
        Olmo2Layout,
        rope_parameters=OLMO3_ROPE
        | {"full_attention": OLMO3_ROPE["full_attention"] | {"attention_factor": YARN_OF_4}},
    ),
    as_gguf(FOLDERS[3], OlmoeLayout),
]
