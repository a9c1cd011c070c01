"""A decoder in float64 NumPy, for models that transformers has not.

Its blocks are Llama's; each may lack attention or a feed-forward part, have heads of its own
number, or use another block's feed-forward part.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from making.files import size_of, write_expected, write_json
from making.ggufs import (
    llama3_factors,
    read_parameters,
    rope_parameters,
    write_gguf,
    write_gguf_expected,
)
from making.models import (
    LEAST_EFFECT,
    build,
    configuration,
    logits_of,
    random_tokens,
    random_weight,
    relative_error,
    require,
)
from making.recipe import GGUFRecipe, Recipe, plain_rope

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Block:
    """`heads` of 0 is no attention, `width` of 0 no feed-forward part.

    `source` is the block whose feed-forward part this one uses.
    """

    heads: int
    key_value_heads: int
    width: int
    source: int


@dataclass(frozen=True)
class Decoder:
    """What a family's config means."""

    vocab_size: int
    hidden_size: int
    head_dim: int
    rms_norm_eps: float
    rope_parameters: dict[str, Any]
    tie_word_embeddings: bool
    blocks: list[Block]
    embedding_scale: float = 1
    residual_scale: float = 1
    logit_scale: float = 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        hidden, size = self.hidden_size, self.head_dim
        shapes: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.vocab_size, hidden),
            "model.norm.weight": (hidden,),
        }
        if not self.tie_word_embeddings:
            shapes["lm_head.weight"] = (self.vocab_size, hidden)
        for index, block in enumerate(self.blocks):
            layer = f"model.layers.{index}."
            if block.heads:
                keys = block.key_value_heads * size
                shapes[f"{layer}input_layernorm.weight"] = (hidden,)
                shapes[f"{layer}self_attn.q_proj.weight"] = (block.heads * size, hidden)
                shapes[f"{layer}self_attn.k_proj.weight"] = (keys, hidden)
                shapes[f"{layer}self_attn.v_proj.weight"] = (keys, hidden)
                shapes[f"{layer}self_attn.o_proj.weight"] = (hidden, block.heads * size)
            if block.width and block.source == index:
                shapes[f"{layer}post_attention_layernorm.weight"] = (hidden,)
                shapes[f"{layer}mlp.gate_proj.weight"] = (block.width, hidden)
                shapes[f"{layer}mlp.up_proj.weight"] = (block.width, hidden)
                shapes[f"{layer}mlp.down_proj.weight"] = (hidden, block.width)
        return shapes

    def logits(self, parameters: Parameters, tokens: list[int]) -> np.ndarray:
        weights = {name: values.astype(np.float64) for name, values in parameters.items()}
        states = self.embedding_scale * weights["model.embed_tokens.weight"][tokens]
        for index, block in enumerate(self.blocks):
            if block.heads:
                layer = f"model.layers.{index}."
                normed = self.normed(states, weights[f"{layer}input_layernorm.weight"])
                change = self.attention(normed, weights, f"{layer}self_attn.", block)
                states = states + self.residual_scale * change
            if block.width:
                layer = f"model.layers.{block.source}."
                normed = self.normed(states, weights[f"{layer}post_attention_layernorm.weight"])
                change = feed_forward(normed, weights, f"{layer}mlp.")
                states = states + self.residual_scale * change
        states = self.normed(states, weights["model.norm.weight"])
        head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
        return self.logit_scale * states @ head.T

    def normed(self, states: np.ndarray, weight: np.ndarray) -> np.ndarray:
        mean = (states**2).mean(-1, keepdims=True)
        return states / np.sqrt(mean + self.rms_norm_eps) * weight

    def attention(
        self, states: np.ndarray, weights: Parameters, layer: str, block: Block
    ) -> np.ndarray:
        def heads(name: str, count: int) -> np.ndarray:  # heads, tokens, head size
            rows = states @ weights[f"{layer}{name}.weight"].T
            return rows.reshape(len(states), count, self.head_dim).swapaxes(0, 1)

        shared = block.heads // block.key_value_heads
        queries = self.rotated(heads("q_proj", block.heads))
        keys = self.rotated(heads("k_proj", block.key_value_heads)).repeat(shared, 0)
        values = heads("v_proj", block.key_value_heads).repeat(shared, 0)
        scores = queries @ keys.swapaxes(1, 2) / np.sqrt(self.head_dim)
        scores = np.where(np.tri(len(states), dtype=bool), scores, -np.inf)
        weighted = np.exp(scores - scores.max(-1, keepdims=True))
        weighted /= weighted.sum(-1, keepdims=True)
        mixed = (weighted @ values).swapaxes(0, 1).reshape(len(states), -1)
        return mixed @ weights[f"{layer}o_proj.weight"].T

    def rotated(self, heads: np.ndarray) -> np.ndarray:
        half = self.head_dim // 2
        parameters = rope_parameters(self)
        frequencies = parameters["rope_theta"] ** (-np.arange(half) / half)
        if parameters["rope_type"] == "llama3":
            frequencies = frequencies / llama3_factors(self)
        angles = np.outer(np.arange(heads.shape[1]), frequencies)
        cosines, sines = np.cos(angles), np.sin(angles)
        first, second = heads[..., :half], heads[..., half:]
        return np.concatenate(
            [first * cosines - second * sines, second * cosines + first * sines], -1
        )


def feed_forward(states: np.ndarray, weights: Parameters, layer: str) -> np.ndarray:
    gate = states @ weights[f"{layer}gate_proj.weight"].T
    gated = gate / (1 + np.exp(-gate)) * (states @ weights[f"{layer}up_proj.weight"].T)
    return gated @ weights[f"{layer}down_proj.weight"].T


@dataclass(frozen=True, kw_only=True)
class ReferenceRecipe(Recipe):
    """A model as its authors save it; `decoder` says what its config means."""

    decoder: Callable[[SimpleNamespace], Decoder]
    dtype: torch.dtype = torch.float32


def make_reference(recipe: ReferenceRecipe, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", recipe.config, indent=2)
    weights = folder / "model.safetensors"
    tensors = {
        name: torch.from_numpy(values).to(recipe.dtype)
        for name, values in random_parameters(recipe, meaning(recipe)).items()
    }
    save_file(tensors, weights, metadata={"format": "pt"})
    parameters = {name: tensor.float().numpy() for name, tensor in load_file(weights).items()}
    tokens, logits = checked_logits(recipe, parameters)
    write_expected(folder / "expected.json", folder / "logits.npy", tokens, logits)
    require(size_of(folder) < 210_000, f"{recipe.name} has {size_of(folder)} bytes")


def make_reference_gguf(recipe: GGUFRecipe, folder: Path) -> None:
    path = folder / f"{recipe.name}.gguf"
    config, decoder = SimpleNamespace(**recipe.config), meaning(recipe)
    write_gguf(random_parameters(recipe, decoder), config, recipe, path)
    parameters = read_parameters(recipe, config, path, decoder.shapes())
    write_gguf_expected(recipe, folder, *checked_logits(recipe, parameters))


def meaning(recipe: ReferenceRecipe | GGUFRecipe, **changes: Any) -> Decoder:
    return recipe.decoder(SimpleNamespace(**(recipe.config | changes)))


def random_parameters(recipe: Recipe, decoder: Decoder) -> Parameters:
    random = np.random.default_rng(zlib.crc32(recipe.name.encode()))
    return {
        name: random_weight(name, shape, random, recipe)
        for name, shape in sorted(decoder.shapes().items())
    }


def checked_logits(
    recipe: ReferenceRecipe | GGUFRecipe, parameters: Parameters
) -> tuple[list[int], np.ndarray]:
    """A prompt and its logits, checked to catch mistakes as those of transformers' models are."""
    decoder = meaning(recipe)
    tokens = random_tokens(recipe, decoder.vocab_size)
    logits = decoder.logits(parameters, tokens)
    spread = logits.std()
    require(0.5 < spread < 3, f"{recipe.name}: logits have a standard deviation of {spread:.2f}")
    for change in recipe.controls:
        effect = relative_error(meaning(recipe, **change).logits(parameters, tokens), logits)
        require(effect > LEAST_EFFECT, f"{recipe.name}: {change} moves the logits by {effect:.1e}")
    return tokens, logits


def check_decoder_is_llama() -> None:
    """With blocks that lack nothing, the reference is transformers' Llama."""
    scaled = plain_rope(500.0) | {
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    for rope in (plain_rope(500.0), scaled):
        decoder = Decoder(
            vocab_size=64,
            hidden_size=32,
            head_dim=12,
            rms_norm_eps=1e-3,
            rope_parameters=rope,
            tie_word_embeddings=False,
            blocks=[Block(4, 2, 48, index) for index in range(2)],
        )
        config = {
            "vocab_size": 64,
            "hidden_size": 32,
            "head_dim": 12,
            "rms_norm_eps": 1e-3,
            "rope_parameters": rope,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 128,
        }
        recipe = Recipe("decoder", "llama", config, 24)
        parameters = random_parameters(recipe, decoder)
        model = build(configuration(recipe))
        model.load_state_dict({name: torch.from_numpy(v) for name, v in parameters.items()})
        tokens = random_tokens(recipe, 64)
        error = relative_error(decoder.logits(parameters, tokens), logits_of(model, tokens))
        require(error < 1e-5, f"the reference is not transformers' Llama: {error:.1e}")
