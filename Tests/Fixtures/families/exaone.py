"""EXAONE 4: norms after the blocks and of each head; in the hybrid, global layers not rotated."""

from __future__ import annotations

from typing import Any

import gguf
import numpy as np

from families.llama import LLAMA3_SCALING
from making.ggufs import Layout, LlamaLayout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Exaone4Layout(Layout):
    architecture = "exaone4"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_vocab_size(self.config.vocab_size)
        if self.config.sliding_window is not None:
            writer.add_sliding_window(self.config.sliding_window)
            local = [kind == "sliding_attention" for kind in self.config.layer_types]
            writer.add_sliding_window_pattern(local)

    def extra_tensors(self) -> dict[str, np.ndarray]:
        return LlamaLayout.extra_tensors(self)


LOCAL, GLOBAL = "sliding_attention", "full_attention"
EXAONE4 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0),
}

FOLDERS = [
    FolderRecipe(
        "exaone4",
        "exaone4",
        EXAONE4
        | {
            "sliding_window": 8,
            "sliding_window_pattern": "LG",
            "layer_types": [LOCAL, GLOBAL, LOCAL],
        },
        tokens=32,
        controls=[
            {"sliding_window": 7},
            {"sliding_window": 9},
            {"layer_types": [GLOBAL, GLOBAL, LOCAL]},
        ],
    ),
    FolderRecipe(
        "exaone4-global",
        "exaone4",
        EXAONE4
        | {
            "sliding_window": None,
            "sliding_window_pattern": None,
            "layer_types": [GLOBAL] * 3,
            "tie_word_embeddings": True,
        },
        tokens=24,
        controls=[{"sliding_window": 128}, {"rope_parameters": plain_rope(100.0)}],
        also_version_4=True,
    ),
]

# llama.cpp takes no head size but that of the hidden size over the heads.
GGUFS = [
    as_gguf(FOLDERS[0], Exaone4Layout, head_dim=8),
    as_gguf(FOLDERS[1], Exaone4Layout, head_dim=8, rope_parameters=LLAMA3_SCALING),
]
