"""StableLM: LayerNorm, heads rotated in part, norms of each head, parallel or not."""

from __future__ import annotations

import gguf
import numpy as np

from making.ggufs import Layout, Parameters
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class StableLMLayout(Layout):
    """The norms of the heads are stacked. Theta is not said."""

    architecture = "stablelm"

    def rope(self, writer: gguf.GGUFWriter) -> None:
        share = self.config.rope_parameters["partial_rotary_factor"]
        writer.add_rope_dimension_count(int(share * self.head_size))

    def epsilon(self, writer: gguf.GGUFWriter) -> None:
        writer.add_parallel_residual(self.config.use_parallel_residual)
        writer.add_layer_norm_eps(self.config.layer_norm_eps)

    def tensors(self, parameters: Parameters) -> Parameters:
        stacks: dict[str, list[np.ndarray]] = {}
        rest = {}
        for name, values in parameters.items():
            if ".norms." in name:
                stacks.setdefault(name.split(".norms.")[0], []).append(values)
            else:
                rest[name] = values
        stacked = {f"{name}.weight": np.stack(norms) for name, norms in stacks.items()}
        return super().tensors(rest | stacked)

    def parameters(self, tensors: Parameters, shapes: dict[str, tuple[int, ...]]) -> Parameters:
        result = {}
        for name, shape in shapes.items():
            module, _, head = name.partition(".norms.")
            stack = tensors[self.name(f"{module}.weight" if head else name)]
            result[name] = (stack[int(head.split(".")[0])] if head else stack).reshape(shape)
        return result


STABLELM = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "layer_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0, partial_rotary_factor=0.5),
}
ALL_ROTATED = {"rope_parameters": plain_rope(10_000.0, partial_rotary_factor=1.0)}

FOLDERS = [
    FolderRecipe(
        "stablelm",
        "stablelm",
        STABLELM,
        tokens=24,
        controls=[ALL_ROTATED],
        also_version_4=True,
    ),
    FolderRecipe(
        "stablelm-biases",
        "stablelm",
        STABLELM | {"use_qkv_bias": True, "tie_word_embeddings": True},
        tokens=24,
        controls=[{"use_qkv_bias": False}],
    ),
    FolderRecipe(
        "stablelm-parallel",
        "stablelm",
        STABLELM | {"use_parallel_residual": True, "qk_layernorm": True},
        tokens=24,
        controls=[{"use_parallel_residual": False}, {"qk_layernorm": False}],
    ),
]

GGUFS = [
    as_gguf(FOLDERS[0], StableLMLayout),
    as_gguf(FOLDERS[1], StableLMLayout, tie_word_embeddings=False),
    as_gguf(FOLDERS[2], StableLMLayout),
]
