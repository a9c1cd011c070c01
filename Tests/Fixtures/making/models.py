"""Random models from recipes, their logits, and the checks that a fixture can catch mistakes."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import numpy as np
import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedModel,
)

from making.recipe import VOCABULARY, Recipe

# An ignored feature must move the logits by this much (relative): a hundred times the tests' bound.
LEAST_EFFECT = 1e-2
# What some features can do at most, as one approximation of GELU for another.
SUBTLE_EFFECT = 2e-4


def configuration(recipe: Recipe, **changes: Any) -> transformers.PreTrainedConfig:
    """The recipe's config. Copied, for transformers writes into the dictionaries it is given."""
    vocabulary = {} if "text_config" in recipe.config else {"vocab_size": VOCABULARY}
    fields = json.loads(json.dumps(vocabulary | recipe.config | changes))
    return AutoConfig.for_model(recipe.family, **fields)


def build(config: transformers.PreTrainedConfig) -> PreTrainedModel:
    """A float32 model with eager attention, whose arithmetic is what the papers write."""
    model = model_class(config).from_config(
        config, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval()


def model_class(config: transformers.PreTrainedConfig) -> type:
    return AutoModelForImageTextToText if hasattr(config, "text_config") else AutoModelForCausalLM


def random_model(recipe: Recipe) -> PreTrainedModel:
    model = build(configuration(recipe))
    random = np.random.default_rng(zlib.crc32(recipe.name.encode()))
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            values = random_weight(name, tuple(parameter.shape), random, recipe)
            parameter.copy_(torch.from_numpy(values))
    return model


def random_weight(
    name: str, shape: tuple[int, ...], random: np.random.Generator, recipe: Recipe
) -> np.ndarray:
    """Weights scaled so that nothing is degenerate.

    transformers' own initialisation (std 0.02, norms of one, biases of zero) gives uniform
    attention and near-zero logits at these sizes, and hides swapped norms and forgotten biases.
    """
    if name.endswith("bias"):
        values = random.normal(0, 0.5, shape)
    elif len(shape) == 1:
        values = random.uniform(0.6, 1.6, shape) - recipe.norm_offset
    else:
        # GPT-2 stores its matrices transposed.
        inputs = shape[0] if recipe.family == "gpt2" and ".c_" in name else shape[-1]
        gain = 1.5 if "q_proj" in name or "k_proj" in name else 1.0
        values = random.normal(0, gain / math.sqrt(inputs), shape)
    gains = [gain for part, gain in recipe.gains.items() if part in name]
    return (values * math.prod(gains)).astype(np.float32)


def random_tokens(recipe: Recipe, vocabulary: int) -> list[int]:
    """Ids with the first and the last of the vocabulary among them."""
    random = np.random.default_rng(zlib.crc32(f"{recipe.name} tokens".encode()))
    ids = random.integers(0, vocabulary, recipe.tokens)
    ids[recipe.tokens // 3], ids[recipe.tokens // 2] = 0, vocabulary - 1
    return ids.tolist()


@torch.no_grad()
def logits_of(model: PreTrainedModel, tokens: list[int]) -> np.ndarray:
    return model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()


def check(model: PreTrainedModel, recipe: Recipe, tokens: list[int]) -> None:
    check_not_degenerate(model, recipe, tokens)
    check_norms_and_biases_vary(model, recipe)
    expected = logits_of(model, tokens)
    least = [LEAST_EFFECT] * len(recipe.controls) + [SUBTLE_EFFECT] * len(recipe.subtle_controls)
    for change, bound in zip(recipe.controls + recipe.subtle_controls, least, strict=True):
        other = build(configuration(recipe, **change))
        other.load_state_dict(model.state_dict(), strict=False)
        effect = relative_error(logits_of(other, tokens), expected)
        require(effect > bound, f"{recipe.name}: {change} moves the logits by {effect:.1e}")


@torch.no_grad()
def check_not_degenerate(model: PreTrainedModel, recipe: Recipe, tokens: list[int]) -> None:
    output = model(torch.tensor([tokens]), use_cache=False, output_attentions=True)
    spread = output.logits.std().item()
    require(0.5 < spread < 3, f"{recipe.name}: logits have a standard deviation of {spread:.2f}")
    for layer, attention in enumerate(output.attentions):
        last = attention[0, :, -1, :]
        visible = (last > 0).sum(-1)
        attended = (1 / last.square().sum(-1) / visible).mean().item()  # 1 when uniform
        require(attended < 0.7, f"{recipe.name}: attention of layer {layer} is near uniform")


def check_norms_and_biases_vary(model: PreTrainedModel, recipe: Recipe) -> None:
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            require(parameter.std().item() > 0.1, f"{recipe.name}: {name} is nearly constant")


def relative_error(value: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(value - reference) / np.linalg.norm(reference))


def require(condition: bool, complaint: str) -> None:
    if not condition:
        raise SystemExit(complaint)
