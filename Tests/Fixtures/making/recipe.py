"""What a fixture is made from: a family, its config, a prompt, and changes that it must catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gguf
import torch

VOCABULARY = 96

# For families whose defaults lie beyond so small a vocabulary.
SMALL_VOCABULARY = {"vocab_size": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def plain_rope(theta: float, **more: Any) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": theta} | more


def without(fields: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in keys}


@dataclass(frozen=True)
class Recipe:
    """A model to make. `controls` are config changes that must each change its logits.

    `subtle_controls` move them less. `gains` scale the weights whose names hold their keys;
    `norm_offset` is what a family adds to the stored weights of its norms.
    """

    name: str
    family: str
    config: dict[str, Any]
    tokens: int
    controls: list[dict[str, Any]] = field(default_factory=list)
    subtle_controls: list[dict[str, Any]] = field(default_factory=list)
    gains: dict[str, float] = field(default_factory=dict)
    norm_offset: float = 0


@dataclass(frozen=True)
class FolderRecipe(Recipe):
    """A model as transformers saves it.

    `also_version_4` writes its config a second time as transformers 4 spelt it: without the keys
    `left_out_of_version_4`, with those `only_in_version_4`, the scaling's kind under
    `rope_type_key`. `published` turns the tensors into those of a checkpoint on the hub, which may
    have other names and some that nothing uses.
    """

    dtype: torch.dtype = torch.float32
    shard_bytes: int | None = None
    also_version_4: bool = False
    left_out_of_version_4: tuple[str, ...] = ()
    only_in_version_4: dict[str, Any] = field(default_factory=dict)
    rope_type_key: str = "rope_type"
    published: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]] | None = None


@dataclass(frozen=True, kw_only=True)
class GGUFRecipe(Recipe):
    """A model as llama.cpp's converter writes it: laid out by `layout`, its matrices in `matrices`.

    `layout` makes a `making.ggufs.Layout` for a config; `decoder` is that of a `ReferenceRecipe`.
    """

    layout: Callable[[Any], Any]
    decoder: Callable[[Any], Any] | None = None
    matrices: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32


def as_gguf(
    recipe: Recipe, layout: Callable[[Any], Any], name: str | None = None, **config: Any
) -> GGUFRecipe:
    """The same model as a GGUF file, with changes to its config."""
    return GGUFRecipe(
        name or recipe.name,
        recipe.family,
        recipe.config | config,
        recipe.tokens,
        gains=recipe.gains,
        norm_offset=recipe.norm_offset,
        layout=layout,
        decoder=getattr(recipe, "decoder", None),
    )
