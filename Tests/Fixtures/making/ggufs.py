"""Models as GGUF files, as llama.cpp's converter writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import PreTrainedModel

from making.files import write_expected
from making.models import (
    build,
    check,
    configuration,
    logits_of,
    prompt,
    random_model,
    require,
    weights_of,
)
from making.recipe import GGUFRecipe

Parameters = dict[str, np.ndarray]

FILE_TYPES = {
    gguf.GGMLQuantizationType.F32: gguf.LlamaFileType.ALL_F32,
    gguf.GGMLQuantizationType.F16: gguf.LlamaFileType.MOSTLY_F16,
    gguf.GGMLQuantizationType.BF16: gguf.LlamaFileType.MOSTLY_BF16,
    gguf.GGMLQuantizationType.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    gguf.GGMLQuantizationType.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    gguf.GGMLQuantizationType.Q4_1: gguf.LlamaFileType.MOSTLY_Q4_1,
}


# What stays in f32 whatever the other matrices are stored in.
KEPT_EXACT = ("norm", "position", "ffn_gate_inp", "_exps.bias")


def make_gguf(recipe: GGUFRecipe, folder: Path) -> None:
    path = folder / f"{recipe.name}.gguf"
    model = random_model(recipe)
    write_gguf(parameters_of(model), model.config, recipe, path)
    model = read_model(recipe, path)
    tokens = prompt(model, recipe)
    check(model, recipe, tokens)
    if rope_parameters(model.config).get("rope_type") == "llama3":
        check_llama3_branches(model, recipe)
    write_gguf_expected(recipe, folder, tokens, logits_of(model, tokens))


def write_gguf_expected(
    recipe: GGUFRecipe, folder: Path, tokens: list[int], logits: np.ndarray
) -> None:
    logits_path = folder / f"{recipe.name}.logits.npy"
    write_expected(folder / f"{recipe.name}.json", logits_path, tokens, logits)
    size = (folder / f"{recipe.name}.gguf").stat().st_size
    require(size < 300_000, f"{recipe.name}.gguf has {size} bytes")


def parameters_of(model: PreTrainedModel) -> Parameters:
    """A tied head is one parameter, and so written once."""
    return {name: value.detach().numpy() for name, value in weights_of(model).items()}


def write_gguf(parameters: Parameters, config: Any, recipe: GGUFRecipe, path: Path) -> None:
    layout = recipe.layout(config)
    writer = gguf.GGUFWriter(path, layout.architecture)
    writer.add_type("model")
    writer.add_name(f"Dyno fixture {recipe.name}")
    layout.metadata(writer, recipe.config)
    writer.add_file_type(FILE_TYPES[recipe.matrices])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"<{token}>" for token in range(config.vocab_size)])
    writer.add_token_types([gguf.TokenType.NORMAL] * config.vocab_size)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for name, values in (layout.extra_tensors() | layout.tensors(parameters)).items():
        matrix = values.ndim > 1 and not any(part in name for part in KEPT_EXACT)
        stored = recipe.matrices if matrix else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quants.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_model(recipe: GGUFRecipe, path: Path) -> PreTrainedModel:
    """The model the file holds, dequantised.

    Not through transformers' own reader, which knows nothing of `rope_freqs.weight` and assumes a
    head dimension of 128 for qwen3.
    """
    model = build(configuration(recipe))
    shapes = {name: tuple(value.shape) for name, value in weights_of(model).items()}
    values = read_parameters(recipe, model.config, path, shapes)
    with torch.no_grad():
        for name, parameter in weights_of(model).items():
            parameter.copy_(torch.from_numpy(values[name].copy()))
    return model


def read_parameters(
    recipe: GGUFRecipe, config: Any, path: Path, shapes: dict[str, tuple[int, ...]]
) -> Parameters:
    tensors = {
        tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        for tensor in gguf.GGUFReader(path).tensors
    }
    return recipe.layout(config).parameters(tensors, shapes)


class Layout:
    """How the converter writes a family: this one as it does most.

    A family's own layout says what is different about it.
    """

    architecture: str

    def __init__(self, config: Any) -> None:
        self.config = config
        architectures = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
        self.names = gguf.get_tensor_name_map(
            architectures[self.architecture], config.num_hidden_layers
        )

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        """What the file says of the model. `given` are the fields that its config.json spells."""
        self.sizes(writer)
        self.rope(writer)
        self.epsilon(writer)
        self.head_sizes(writer, given)

    def sizes(self, writer: gguf.GGUFWriter) -> None:
        writer.add_block_count(self.config.num_hidden_layers)
        writer.add_context_length(self.config.max_position_embeddings)
        writer.add_embedding_length(self.config.hidden_size)
        writer.add_feed_forward_length(self.config.intermediate_size)
        writer.add_head_count(self.config.num_attention_heads)
        writer.add_head_count_kv(self.config.num_key_value_heads)

    def rope(self, writer: gguf.GGUFWriter) -> None:
        parameters = rope_parameters(self.config)
        kind = parameters.get("rope_type")
        if kind in ("linear", "yarn"):
            writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
            writer.add_rope_scaling_factor(parameters["factor"])
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(parameters["original_max_position_embeddings"])
            if "attention_factor" in parameters:
                writer.add_rope_scaling_yarn_attn_factor(parameters["attention_factor"])
            if "beta_fast" in parameters:
                writer.add_rope_scaling_yarn_beta_fast(parameters["beta_fast"])
            if "beta_slow" in parameters:
                writer.add_rope_scaling_yarn_beta_slow(parameters["beta_slow"])
        writer.add_rope_freq_base(parameters["rope_theta"])
        if "sliding_attention" in self.config.rope_parameters:
            local = self.config.rope_parameters["sliding_attention"]
            writer.add_rope_freq_base_swa(local["rope_theta"])

    def epsilon(self, writer: gguf.GGUFWriter) -> None:
        writer.add_layer_norm_rms_eps(self.config.rms_norm_eps)

    def head_sizes(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        if "head_dim" in given:
            writer.add_key_length(self.config.head_dim)
            writer.add_value_length(self.config.head_dim)

    def extra_tensors(self) -> Parameters:
        """Those that come from the config."""
        return {}

    def tensors(self, parameters: Parameters) -> Parameters:
        return {self.name(name): self.stored(name, value) for name, value in parameters.items()}

    def parameters(self, tensors: Parameters, shapes: dict[str, tuple[int, ...]]) -> Parameters:
        """The inverse of `tensors`."""
        return {
            name: self.restored(name, tensors[self.name(name)]).reshape(shape)
            for name, shape in shapes.items()
        }

    def name(self, parameter: str) -> str:
        """`model.layers.3.mlp.up_proj.weight` is `blk.3.ffn_up.weight`."""
        return self.names.get_name(parameter, try_suffixes=(".weight", ".bias"))

    def stored(self, name: str, values: np.ndarray) -> np.ndarray:
        """A parameter's values as the file has them."""
        return values

    def restored(self, name: str, values: np.ndarray) -> np.ndarray:
        """The inverse of `stored`."""
        return values

    @property
    def head_size(self) -> int:
        config = self.config
        given = getattr(config, "head_dim", None)
        return given or config.hidden_size // config.num_attention_heads


class LlamaLayout(Layout):
    """Queries' and keys' rows are reordered, and the file says more than others do."""

    architecture = "llama"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        writer.add_vocab_size(self.config.vocab_size)
        writer.add_rope_dimension_count(self.head_size)

    def extra_tensors(self) -> Parameters:
        if rope_parameters(self.config).get("rope_type") != "llama3":
            return {}
        return {"rope_freqs.weight": llama3_factors(self.config)}

    def stored(self, name: str, values: np.ndarray) -> np.ndarray:
        heads = self.rotated_heads(name)
        return interleave_halves(values, heads) if heads else values

    def restored(self, name: str, values: np.ndarray) -> np.ndarray:
        heads = self.rotated_heads(name)
        return separate_halves(values, heads) if heads else values

    def rotated_heads(self, name: str) -> int | None:
        """How many heads' rows are reordered."""
        if ".q_proj." in name:
            return self.config.num_attention_heads
        if ".k_proj." in name:
            return self.config.num_key_value_heads
        return None


def rope_parameters(config: Any) -> dict[str, Any]:
    """Those of the layers without a window, where there are several."""
    parameters = getattr(config, "rope_parameters", None) or {}
    return parameters.get("full_attention", parameters)


def interleave_halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """Hugging Face order to ggml's: RoPE pairs row i with i + half there, 2i with 2i + 1 here."""
    halves = rows.reshape(heads, 2, -1, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def separate_halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """The inverse of `interleave_halves`."""
    pairs = rows.reshape(heads, -1, 2, *rows.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(rows.shape)


def llama3_base_frequencies(config: Any) -> np.ndarray:
    exponents = np.arange(0, config.head_dim, 2) / config.head_dim
    return rope_parameters(config)["rope_theta"] ** -exponents


def llama3_factors(config: Any) -> np.ndarray:
    """What the converter writes as `rope_freqs.weight`: divisors of the plain frequencies."""
    scaling = rope_parameters(config)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    wavelengths = 2 * np.pi / llama3_base_frequencies(config)
    turns = scaling["original_max_position_embeddings"] / wavelengths
    kept = np.clip((turns - low) / (high - low), 0, 1)  # the share of the frequency left alone
    return (1 / ((1 - kept) / scaling["factor"] + kept)).astype(np.float32)


def check_llama3_branches(model: PreTrainedModel, recipe: GGUFRecipe) -> None:
    """Some frequencies kept, some stretched by the whole factor, some in between."""
    factors = llama3_factors(model.config)
    whole = model.config.rope_parameters["factor"]
    kinds = {"kept" if f == 1 else "stretched" if f == whole else "blended" for f in factors}
    require(len(kinds) == 3, f"{recipe.name}: only {kinds} among {factors}")
    plain = llama3_base_frequencies(model.config)
    used = model.model.rotary_emb.inv_freq.numpy()
    require(np.allclose(plain / factors, used, rtol=1e-6), f"{recipe.name}: llama3 factors are off")
