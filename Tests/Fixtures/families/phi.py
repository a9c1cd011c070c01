"""Phi 3 and 4: fused matrices, heads that are rotated in part, LongRoPE."""

from __future__ import annotations

import math
from typing import Any

import gguf
import numpy as np

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Phi3Layout(Layout):
    """Fused matrices stay fused; factors of LongRoPE are tensors."""

    architecture = "phi3"

    def rope(self, writer: gguf.GGUFWriter) -> None:
        parameters = self.config.rope_parameters
        original = self.config.original_max_position_embeddings
        writer.add_rope_dimension_count(int(self.head_size * self.share))
        writer.add_rope_freq_base(parameters["rope_theta"])
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_sliding_window(self.config.sliding_window or 0)
        if parameters["rope_type"] == "longrope":
            scale = self.config.max_position_embeddings / original
            factor = math.sqrt(1 + math.log(scale) / math.log(original))
            writer.add_rope_scaling_attn_factors(factor)

    @property
    def share(self) -> float:
        return self.config.rope_parameters.get("partial_rotary_factor", 1.0)

    def extra_tensors(self) -> dict[str, np.ndarray]:
        return {
            f"rope_factors_{kind}.weight": np.array(values, np.float32)
            for kind in ("long", "short")
            if (values := self.config.rope_parameters.get(f"{kind}_factor"))
        }


PHI3 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 128,
    "original_max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
}
GAINS = {"qkv_proj": 1.5}

LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 1000.0,
    "partial_rotary_factor": 0.75,
    "short_factor": [1.0, 1.1, 1.3, 1.6, 1.8, 2.0],
    "long_factor": [1.0, 1.5, 2.5, 4.0, 6.0, 8.0],
}
LONG = PHI3 | {
    "max_position_embeddings": 64,
    "original_max_position_embeddings": 16,
    "rope_parameters": LONGROPE,
}


def longrope(name: str, tokens: int, *controls: dict[str, Any]) -> FolderRecipe:
    return FolderRecipe(
        name,
        "phi3",
        LONG,
        tokens,
        controls=[{"rope_parameters": LONGROPE | change} for change in controls],
        gains=GAINS,
        also_version_4=True,
        rope_type_key="type",
    )


FOLDERS = [
    FolderRecipe(
        "phi3",
        "phi3",
        PHI3 | {"sliding_window": 8, "rope_parameters": plain_rope(10_000.0)},
        tokens=32,
        controls=[{"sliding_window": None}, {"sliding_window": 9}],
        gains=GAINS,
    ),
    FolderRecipe(
        "phi3-partial",
        "phi3",
        PHI3
        | {
            "tie_word_embeddings": True,
            "rope_parameters": plain_rope(10_000.0, partial_rotary_factor=0.75),
        },
        tokens=32,
        controls=[{"rope_parameters": plain_rope(10_000.0)}],
        gains=GAINS,
        also_version_4=True,
    ),
    longrope(
        "phi3-longrope",
        40,
        {"long_factor": LONGROPE["short_factor"]},
        {"attention_factor": 1.0},
        {"partial_rotary_factor": 0.75, "rope_theta": 100.0},
    ),
    longrope(
        "phi3-longrope-short",
        16,
        {"short_factor": LONGROPE["long_factor"]},
        {"attention_factor": 1.0},
    ),
]

GGUFS = [as_gguf(recipe, Phi3Layout) for recipe in FOLDERS]
