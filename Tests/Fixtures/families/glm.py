"""GLM 4: sandwich norms, fused gate and up, neighbouring dimensions rotated as pairs, in part."""

from __future__ import annotations

from typing import Any

import gguf

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class Glm4Layout(Layout):
    architecture = "glm4"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        share = self.config.rope_parameters["partial_rotary_factor"]
        writer.add_rope_dimension_count(int(share * self.head_size))


GLM4 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0, partial_rotary_factor=0.5),
    "attention_bias": True,
}

FOLDERS = [
    FolderRecipe(
        "glm4",
        "glm4",
        GLM4,
        tokens=24,
        controls=[
            {"attention_bias": False},
            {"rope_parameters": plain_rope(10_000.0, partial_rotary_factor=1.0)},
        ],
        also_version_4=True,
    ),
    FolderRecipe(
        "glm4-tied",
        "glm4",
        GLM4 | {"attention_bias": False, "tie_word_embeddings": True},
        tokens=24,
    ),
]

GGUFS = [as_gguf(FOLDERS[0], Glm4Layout)]
