"""Gemma 2 and 3: sandwich norms, soft caps, GeGLU, scaled embeddings, local and global layers."""

from __future__ import annotations

from typing import Any

import gguf
import numpy as np

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Gemma2Layout(Layout):
    """One is added to the norms. The scale of scores is not said: it is that of the head size."""

    architecture = "gemma2"

    def rope(self, writer: gguf.GGUFWriter) -> None:
        """Not said either: theta is the reader's default."""

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_attn_logit_softcapping(self.config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(self.config.final_logit_softcapping)
        writer.add_sliding_window(self.config.sliding_window)

    def stored(self, name: str, values: np.ndarray) -> np.ndarray:
        return values + 1 if name.endswith("norm.weight") else values

    def restored(self, name: str, values: np.ndarray) -> np.ndarray:
        return values - 1 if name.endswith("norm.weight") else values


class Gemma3Layout(Gemma2Layout):
    architecture = "gemma3"

    def rope(self, writer: gguf.GGUFWriter) -> None:
        Layout.rope(self, writer)

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        Layout.metadata(self, writer, given)
        if self.config.final_logit_softcapping is not None:
            writer.add_final_logit_softcapping(self.config.final_logit_softcapping)
        writer.add_sliding_window(self.config.sliding_window)


GEMMA2 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "query_pre_attn_scalar": 6,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6,
    "rope_parameters": plain_rope(10_000.0),
    "sliding_window": 8,
    "attn_logit_softcapping": 3.0,
    "final_logit_softcapping": 2.5,
}

# Large enough to tell the two approximations of GELU apart.
GAINS = {"gate_proj": 2.0}

GEMMA3_ROPE = {
    "sliding_attention": plain_rope(100.0),
    "full_attention": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 8.0},
}
GEMMA3 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "query_pre_attn_scalar": 7,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6,
    "rope_parameters": GEMMA3_ROPE,
    "sliding_window": 8,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"] * 2,
}
GEMMA3["layer_types"] = GEMMA3["layer_types"][: GEMMA3["num_hidden_layers"]]
GEMMA3_UNSCALED = GEMMA3_ROPE | {"full_attention": plain_rope(10_000.0)}
GEMMA3_ONE_THETA = GEMMA3_ROPE | {"sliding_attention": plain_rope(10_000.0)}

FOLDERS = [
    FolderRecipe(
        "gemma2",
        "gemma2",
        GEMMA2,
        tokens=32,
        controls=[
            {"query_pre_attn_scalar": 12},
            {"sliding_window": 7},
            {"sliding_window": 9},
            {"layer_types": ["full_attention", "sliding_attention", "full_attention"]},
            {"attn_logit_softcapping": None},
            {"final_logit_softcapping": None},
            {"hidden_activation": "silu"},
        ],
        subtle_controls=[{"hidden_activation": "gelu"}],
        gains=GAINS,
        norm_offset=1,
        also_version_4=True,
        left_out_of_version_4=("layer_types",),
    ),
    FolderRecipe(
        "gemma2-untied",
        "gemma2",
        GEMMA2
        | {
            "tie_word_embeddings": False,
            "attention_bias": True,
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
        },
        tokens=24,
        controls=[{"attention_bias": False}],
        norm_offset=1,
    ),
    FolderRecipe(
        "gemma3",
        "gemma3_text",
        GEMMA3,
        tokens=40,
        controls=[
            {"query_pre_attn_scalar": 12},
            {"sliding_window": 7},
            {"sliding_window": 9},
            {"layer_types": ["sliding_attention"] * 3 + ["full_attention"]},
            {"rope_parameters": GEMMA3_UNSCALED},
            {"rope_parameters": GEMMA3_ONE_THETA},
        ],
        norm_offset=1,
        also_version_4=True,
        left_out_of_version_4=("layer_types", "_sliding_window_pattern"),
        only_in_version_4={"sliding_window_pattern": 3},
    ),
    FolderRecipe(
        "gemma3-untied",
        "gemma3_text",
        GEMMA3
        | {
            "num_hidden_layers": 3,
            "layer_types": GEMMA3["layer_types"][:3],
            "tie_word_embeddings": False,
            "attention_bias": True,
            "final_logit_softcapping": 3.0,
        },
        tokens=24,
        controls=[
            {"attention_bias": False},
            {"final_logit_softcapping": None},
        ],
        norm_offset=1,
    ),
]


def folder(name: str) -> FolderRecipe:
    return next(recipe for recipe in FOLDERS if recipe.name == name)


# What the files do not say is what llama.cpp takes: every other layer is local in Gemma 2, five of
# six are in Gemma 3, and scores are scaled by the head size.
GGUFS = [
    as_gguf(folder("gemma2"), Gemma2Layout, query_pre_attn_scalar=12),
    as_gguf(
        folder("gemma3"),
        Gemma3Layout,
        query_pre_attn_scalar=12,
        num_hidden_layers=6,
        layer_types=["sliding_attention"] * 5 + ["full_attention"],
        intermediate_size=32,
        num_attention_heads=2,
        num_key_value_heads=1,
    ),
]
