"""GPT-2 and GPT-NeoX: LayerNorm, biases, an MLP without a gate."""

from __future__ import annotations

from typing import Any

import gguf
import numpy as np
import torch

from making.ggufs import Layout
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class GPT2Layout(Layout):
    """Matrices are transposed."""

    architecture = "gpt2"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        writer.add_block_count(self.config.n_layer)
        writer.add_context_length(self.config.n_positions)
        writer.add_embedding_length(self.config.n_embd)
        writer.add_feed_forward_length(4 * self.config.n_embd)
        writer.add_head_count(self.config.n_head)
        writer.add_layer_norm_eps(self.config.layer_norm_epsilon)

    def stored(self, name: str, values: np.ndarray) -> np.ndarray:
        transposed = ".c_" in name and name.endswith(".weight")
        return np.ascontiguousarray(values.T) if transposed else values

    def restored(self, name: str, values: np.ndarray) -> np.ndarray:
        return self.stored(name, values)


class GPTNeoXLayout(Layout):
    """Rows of queries, keys and values, interleaved by head, are separated. Theta is not said."""

    architecture = "gptneox"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        config = self.config
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_feed_forward_length(config.intermediate_size)
        share = config.rope_parameters["partial_rotary_factor"]
        writer.add_rope_dimension_count(int(share * self.head_size))
        writer.add_head_count(config.num_attention_heads)
        writer.add_parallel_residual(config.use_parallel_residual)
        writer.add_layer_norm_eps(config.layer_norm_eps)

    def stored(self, name: str, values: np.ndarray) -> np.ndarray:
        return self.swapped(name, values, (self.config.num_attention_heads, 3))

    def restored(self, name: str, values: np.ndarray) -> np.ndarray:
        return self.swapped(name, values, (3, self.config.num_attention_heads))

    def swapped(self, name: str, values: np.ndarray, parts: tuple[int, int]) -> np.ndarray:
        if "query_key_value" not in name:
            return values
        rows = values.reshape(*parts, self.head_size, *values.shape[1:])
        return np.ascontiguousarray(rows.swapaxes(0, 1)).reshape(values.shape)


GPT2 = SMALL_VOCABULARY | {
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 40,
    "layer_norm_epsilon": 1e-5,
}
GPT2_GAINS = {"c_attn.weight": 2.0}

GPT_NEOX = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 128,
    "layer_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0, partial_rotary_factor=0.25),
}
NEOX_GAINS = {"query_key_value": 1.5}


def gpt2_published(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without the prefix, and each layer with its mask."""
    mask = torch.ones(GPT2["n_positions"], GPT2["n_positions"]).tril()[None, None]
    masks = {f"h.{layer}.attn.bias": mask.clone() for layer in range(GPT2["n_layer"])}
    return {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()} | masks


def neox_published(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each layer with its mask, what masked scores become, and the frequencies of rotation."""
    mask = torch.ones(1, 1, 40, 40, dtype=torch.bool).tril()
    buffers = {
        "bias": mask,
        "masked_bias": torch.tensor(-1e9),
        "rotary_emb.inv_freq": torch.ones(2),
    }
    return tensors | {
        f"gpt_neox.layers.{layer}.attention.{name}": buffer.clone()
        for layer in range(GPT_NEOX["num_hidden_layers"])
        for name, buffer in buffers.items()
    }


FOLDERS = [
    # The prompt takes the last learned position.
    FolderRecipe(
        "gpt2",
        "gpt2",
        GPT2,
        tokens=40,
        controls=[{"activation_function": "relu"}, {"layer_norm_epsilon": 1e-1}],
        gains=GPT2_GAINS,
    ),
    FolderRecipe(
        "gpt2-untied",
        "gpt2",
        GPT2
        | {
            "n_inner": 56,
            "tie_word_embeddings": False,
            "activation_function": "relu",
            "scale_attn_by_inverse_layer_idx": True,
        },
        tokens=24,
        controls=[{"scale_attn_by_inverse_layer_idx": False}, {"scale_attn_weights": False}],
        gains=GPT2_GAINS,
    ),
    FolderRecipe(
        "gpt2-published",
        "gpt2",
        GPT2 | {"n_ctx": GPT2["n_positions"]},
        tokens=24,
        gains=GPT2_GAINS,
        published=gpt2_published,
    ),
    FolderRecipe(
        "gpt_neox",
        "gpt_neox",
        GPT_NEOX,
        tokens=32,
        controls=[
            {"use_parallel_residual": False},
            {"rope_parameters": plain_rope(10_000.0, partial_rotary_factor=1.0)},
            {"hidden_act": "relu"},
        ],
        gains=NEOX_GAINS,
        also_version_4=True,
    ),
    FolderRecipe(
        "gpt_neox-sequential",
        "gpt_neox",
        GPT_NEOX
        | {
            "use_parallel_residual": False,
            "tie_word_embeddings": True,
            "hidden_act": "gelu_new",
            "rope_parameters": plain_rope(10_000.0, partial_rotary_factor=1.0),
        },
        tokens=24,
        controls=[{"use_parallel_residual": True}],
        gains=NEOX_GAINS,
    ),
    FolderRecipe(
        "gpt_neox-no-bias",
        "gpt_neox",
        GPT_NEOX | {"attention_bias": False},
        tokens=24,
        gains=NEOX_GAINS,
    ),
    FolderRecipe(
        "gpt_neox-published",
        "gpt_neox",
        GPT_NEOX,
        tokens=24,
        gains=NEOX_GAINS,
        published=neox_published,
    ),
]


def folder(name: str) -> FolderRecipe:
    return next(recipe for recipe in FOLDERS if recipe.name == name)


GGUFS = [
    as_gguf(folder("gpt2"), GPT2Layout),
    as_gguf(folder("gpt_neox"), GPTNeoXLayout),
    as_gguf(
        folder("gpt_neox-sequential"), GPTNeoXLayout, tie_word_embeddings=False, hidden_act="gelu"
    ),
]
