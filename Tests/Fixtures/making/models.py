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


# Numbers that are added to scores where experts are chosen.
CORRECTION = "e_score_correction_bias"
# By which the last expert that is chosen must beat the first that is not.
LEAST_MARGIN = 1e-3


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
        for name, parameter in sorted(weights_of(model).items()):
            values = random_weight(name, tuple(parameter.shape), random, recipe)
            parameter.copy_(torch.from_numpy(values))
    return model


def weights_of(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Parameters, and what routers learn in another way than by gradients."""
    corrections = {name: value for name, value in model.named_buffers() if CORRECTION in name}
    return dict(model.named_parameters()) | corrections


def random_weight(
    name: str, shape: tuple[int, ...], random: np.random.Generator, recipe: Recipe
) -> np.ndarray:
    """Weights scaled so that nothing is degenerate.

    transformers' own initialisation (std 0.02, norms of one, biases of zero) gives uniform
    attention and near-zero logits at these sizes, and hides swapped norms and forgotten biases.
    """
    if CORRECTION in name:
        values = random.normal(0, 0.2, shape)
    elif name.endswith("bias"):
        values = random.normal(0, 0.5, shape)
    elif len(shape) == 1:
        values = random.uniform(0.6, 1.6, shape) - recipe.norm_offset
    else:
        # GPT-2 stores its matrices transposed, some families those of experts.
        is_transposed = (recipe.family == "gpt2" and ".c_" in name) or (
            recipe.family in ("gpt_oss", "llama4_text", "llama4") and ".experts." in name
        )
        inputs = shape[-2] if is_transposed else shape[-1]
        gain = 1.5 if "q_proj" in name or "k_proj" in name else 1.0
        values = random.normal(0, gain / math.sqrt(inputs), shape)
    gains = [gain for part, gain in recipe.gains.items() if part in name]
    return (values * math.prod(gains)).astype(np.float32)


def random_tokens(recipe: Recipe, vocabulary: int, attempt: int = 0) -> list[int]:
    """Ids with the first and the last of the vocabulary among them."""
    seed = f"{recipe.name} tokens" + (f" {attempt}" if attempt else "")
    random = np.random.default_rng(zlib.crc32(seed.encode()))
    ids = random.integers(0, vocabulary, recipe.tokens)
    ids[recipe.tokens // 3], ids[recipe.tokens // 2] = 0, vocabulary - 1
    return ids.tolist()


def prompt(model: PreTrainedModel, recipe: Recipe) -> list[int]:
    """The first random ids of which none has experts that are close to a tie."""
    vocabulary = model.config.get_text_config().vocab_size
    for attempt in range(100):
        tokens = random_tokens(recipe, vocabulary, attempt)
        if least_margin(model, recipe, tokens) > LEAST_MARGIN:
            return tokens
    raise SystemExit(f"{recipe.name}: experts are close to a tie whatever the prompt")


@torch.no_grad()
def logits_of(model: PreTrainedModel, tokens: list[int]) -> np.ndarray:
    return model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()


def check(model: PreTrainedModel, recipe: Recipe, tokens: list[int]) -> None:
    check_not_degenerate(model, recipe, tokens)
    check_norms_and_biases_vary(model, recipe)
    margin = least_margin(model, recipe, tokens)
    require(margin > LEAST_MARGIN, f"{recipe.name}: experts {margin:.1e} from a tie")
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
        last = last / last.sum(-1, keepdim=True)  # sinks take a part
        visible = (last > 0).sum(-1)
        attended = (1 / last.square().sum(-1) / visible).mean().item()  # 1 when uniform
        require(attended < 0.7, f"{recipe.name}: attention of layer {layer} is near uniform")


@torch.no_grad()
def least_margin(model: PreTrainedModel, recipe: Recipe, tokens: list[int]) -> float:
    """By how much a score decides: rounding must not choose other experts than transformers does."""
    config = model.config.get_text_config()
    kind = config.model_type
    margins: list[float] = []

    def gap(scores: torch.Tensor, chosen: int) -> None:
        if chosen < scores.shape[-1]:
            best = scores.sort(-1, descending=True).values
            margins.append((best[:, chosen - 1] - best[:, chosen]).min().item())

    def observe(correction: torch.Tensor | None, groups: int, best: int) -> Any:
        def hook(module: torch.nn.Module, inputs: Any, outputs: Any) -> None:
            # Llama 4's scores are of the chosen alone.
            logits = outputs[1 if kind == "llama4_text" else 0]
            is_sigmoid = kind in ("deepseek_v3", "glm4_moe", "minimax_m2")
            scores = logits.sigmoid() if is_sigmoid else logits.softmax(-1)
            if correction is not None:
                scores = scores + correction.reshape(-1)
            if groups > 1:
                each = scores.view(len(scores), groups, -1)
                of_groups = each.topk(best, dim=-1).values.sum(-1)
                gap(of_groups, config.topk_group)
                kept = of_groups >= of_groups.topk(config.topk_group, -1).values[:, -1:]
                scores = each.masked_fill(~kept[..., None], -1.0).reshape(scores.shape)
            gap(scores, active_experts(config))

        return hook

    hooks = []
    for name, module in model.named_modules():
        if type(module).__name__.lower().endswith("router"):
            around = model.get_submodule(name.rpartition(".")[0])
            corrections = [v for k, v in weights_of(around).items() if CORRECTION in k]
            groups = getattr(config, "n_group", None) or 1
            if kind == "deepseek_v2" and config.topk_method == "greedy":
                groups = 1
            best = 1 if kind == "deepseek_v2" else 2
            hook = observe(corrections[0] if corrections else None, groups, best)
            hooks.append(module.register_forward_hook(hook))
    logits_of(model, tokens)
    for hook in hooks:
        hook.remove()
    require(bool(margins) == bool(hooks), f"{recipe.name}: no expert is left out")
    return min(margins, default=math.inf)


def active_experts(config: transformers.PreTrainedConfig) -> int:
    return getattr(config, "moe_k", None) or config.num_experts_per_tok


def check_norms_and_biases_vary(model: PreTrainedModel, recipe: Recipe) -> None:
    for name, parameter in weights_of(model).items():
        if parameter.dim() == 1:
            require(parameter.std().item() > 0.1, f"{recipe.name}: {name} is nearly constant")


def relative_error(value: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(value - reference) / np.linalg.norm(reference))


def require(condition: bool, complaint: str) -> None:
    if not condition:
        raise SystemExit(complaint)
