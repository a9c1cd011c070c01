"""Models as Hugging Face folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, PreTrainedModel

from making.files import size_of, write_expected, write_json
from making.models import (
    build,
    check,
    logits_of,
    model_class,
    prompt,
    random_model,
    random_tokens,
    require,
)
from making.recipe import FolderRecipe


def make_folder(recipe: FolderRecipe, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save(random_model(recipe), recipe, folder)
    model = load(folder)
    if recipe.published:
        rewrite_as_published(recipe, folder, model)
    tokens = prompt(model, recipe)
    check(model, recipe, tokens)
    logits = logits_of(model, tokens)
    write_expected(folder / "expected.json", folder / "logits.npy", tokens, logits)
    if recipe.also_version_4:
        write_version_4_config(model, recipe, folder, tokens)
    require(size_of(folder) < 400_000, f"{recipe.name} has {size_of(folder)} bytes")


def save(model: PreTrainedModel, recipe: FolderRecipe, folder: Path) -> None:
    limit = {"max_shard_size": recipe.shard_bytes} if recipe.shard_bytes else {}
    model.to(recipe.dtype).save_pretrained(folder, **limit)
    (folder / "generation_config.json").unlink(missing_ok=True)
    shards = len(list(folder.glob("*.safetensors")))
    require((shards > 1) == bool(recipe.shard_bytes), f"{recipe.name}: {shards} safetensors files")


def load(folder: Path) -> PreTrainedModel:
    """The model as saved, computing in float32 whatever it is stored in."""
    model, report = model_class(AutoConfig.from_pretrained(folder)).from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    require(not any(report.values()), f"{folder.name} does not load cleanly: {report}")
    return model.eval()


def rewrite_as_published(recipe: FolderRecipe, folder: Path, model: PreTrainedModel) -> None:
    """The same weights as other versions wrote them, checked that transformers reads them so."""
    path = folder / "model.safetensors"
    save_file(recipe.published(load_file(path)), path, metadata={"format": "pt"})
    tokens = random_tokens(recipe, model.config.get_text_config().vocab_size)
    again = model_class(model.config).from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    same = np.array_equal(logits_of(again.eval(), tokens), logits_of(model, tokens))
    require(same, f"{folder.name}: as published it is another model")


def write_version_4_config(
    model: PreTrainedModel, recipe: FolderRecipe, folder: Path, tokens: list[int]
) -> None:
    """The same config with the keys transformers 4 used, checked to mean the same."""
    fields = json.loads((folder / "config.json").read_text())
    fields |= version_4_rope(fields.pop("rope_parameters"), recipe)
    fields["torch_dtype"] = fields.pop("dtype")
    fields["transformers_version"] = "4.57.0"
    for key in recipe.left_out_of_version_4:
        del fields[key]
    fields |= recipe.only_in_version_4
    write_json(folder / "config.v4.json", dict(sorted(fields.items())), indent=2)

    other = build(AutoConfig.for_model(**json.loads((folder / "config.v4.json").read_text())))
    other.load_state_dict(model.state_dict())
    same = np.array_equal(logits_of(other, tokens), logits_of(model, tokens))
    require(same, f"{folder.name}: config.v4.json does not mean what config.json does")


def version_4_rope(parameters: dict[str, Any], recipe: FolderRecipe) -> dict[str, Any]:
    """`rope_parameters`, flat or by kind of layer, as the keys of transformers 4."""
    local = parameters.get("sliding_attention", {})
    scaling = dict(parameters.get("full_attention", parameters))
    neox = recipe.family == "gpt_neox"
    fields = {"rotary_emb_base" if neox else "rope_theta": scaling.pop("rope_theta")}
    if local.get("rope_theta", fields.get("rope_theta")) != fields.get("rope_theta"):
        fields["rope_local_base_freq"] = local["rope_theta"]
    if "partial_rotary_factor" in scaling:
        share = scaling.pop("partial_rotary_factor")
        fields["rotary_pct" if neox else "partial_rotary_factor"] = share
    if recipe.family == "phi3":  # which keeps it beside the scaling
        scaling.pop("original_max_position_embeddings", None)
    if recipe.rope_type_key != "rope_type":
        scaling[recipe.rope_type_key] = scaling.pop("rope_type")
    plain = {recipe.rope_type_key: "default"}
    return fields | {"rope_scaling": None if scaling == plain else scaling}
