"""Make the small models, and transformers' logits for them, that Dyno's tests compare against.

    python -m venv venv && venv/bin/pip install -r Tests/Fixtures/requirements.txt
    venv/bin/python Tests/Fixtures/make_fixtures.py

The outputs are committed, so that the tests need no Python:

    huggingface/NAME/   config.json, safetensors, expected.json, logits.npy
    gguf/               NAME.gguf, NAME.json, NAME.logits.npy

The json files hold {"tokens": [[...]], "logits_file": ...}. Logits are float32, one row a token.
The weights are random but seeded by the fixture's name: a second run writes the same bytes (on the
same kind of CPU; elsewhere the last bits of the logits may differ).

Expected logits always come from the files as written, read back and computed in float32. A fixture
is worth only what it can catch, so each is checked before it is kept: logits of sensible size,
attention that prefers some tokens, and for every feature it is about, that an engine that ignores
the feature would be far off.
"""

from __future__ import annotations

import json
import math
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

HERE = Path(__file__).resolve().parent
VOCABULARY = 96

# An ignored feature must move the logits by this much (relative): a hundred times the tests' bound.
LEAST_EFFECT = 1e-2

LLAMA3_SCALING = {
    "rope_type": "llama3",
    # Theta and length are small so that a head of 12 has dimensions in all three branches.
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def plain_rope(theta: float) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": theta}


@dataclass(frozen=True)
class Recipe:
    """A model to make. `controls` are config changes that must each change its logits."""

    name: str
    family: str
    config: dict[str, Any]
    tokens: int
    controls: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class FolderRecipe(Recipe):
    """A model as transformers saves it."""

    dtype: torch.dtype = torch.float32
    shard_bytes: int | None = None
    also_version_4: bool = False


@dataclass(frozen=True)
class GGUFRecipe(Recipe):
    """A model as llama.cpp's converter writes it, its matrices in `matrices`."""

    matrices: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32


FOLDERS = [
    FolderRecipe(
        "llama-gqa",
        "llama",
        {
            "hidden_size": 36,
            "intermediate_size": 40,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "head_dim": 12,
            "attention_bias": True,
            "max_position_embeddings": 256,
            "rms_norm_eps": 1e-2,
            "rope_parameters": LLAMA3_SCALING,
        },
        tokens=40,
        controls=[
            {"attention_bias": False},
            {"rms_norm_eps": 1e-5},
            {"rope_parameters": plain_rope(500.0)},
        ],
        also_version_4=True,
    ),
    FolderRecipe(
        "llama-tied",
        "llama",
        {
            "hidden_size": 48,
            "intermediate_size": 80,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "vocab_size": 128,
            "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5,
            "rope_parameters": plain_rope(10_000.0),
            "tie_word_embeddings": True,
        },
        tokens=32,
        controls=[{"rope_parameters": plain_rope(100.0)}],
        dtype=torch.bfloat16,
    ),
    FolderRecipe(
        "llama-sharded",
        "llama",
        {
            "hidden_size": 48,
            "intermediate_size": 80,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5,
            "rope_parameters": plain_rope(20_000.0),
        },
        tokens=24,
        controls=[{"rope_parameters": plain_rope(100.0)}],
        dtype=torch.float16,
        shard_bytes=40_000,
    ),
    FolderRecipe(
        "qwen2",
        "qwen2",
        {
            "hidden_size": 40,
            "intermediate_size": 56,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(1_000_000.0),
        },
        tokens=32,
        controls=[{"rope_parameters": plain_rope(10_000.0)}],
    ),
    FolderRecipe(
        "qwen2-window",
        "qwen2",
        {
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(10_000.0),
            "tie_word_embeddings": True,
            "use_sliding_window": True,
            "sliding_window": 8,
            "max_window_layers": 1,
        },
        tokens=32,
        controls=[
            {"use_sliding_window": False},
            {"max_window_layers": 0},
            {"max_window_layers": 2},
            {"sliding_window": 7},
            {"sliding_window": 9},
        ],
    ),
    FolderRecipe(
        "qwen3",
        "qwen3",
        {
            "hidden_size": 40,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 5,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(1_000_000.0),
            "tie_word_embeddings": True,
        },
        tokens=32,
        controls=[{"rope_parameters": plain_rope(10_000.0)}],
    ),
    FolderRecipe(
        "mistral",
        "mistral",
        {
            "hidden_size": 40,
            "intermediate_size": 56,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 12,
            "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5,
            "rope_parameters": plain_rope(10_000.0),
            "sliding_window": 8,
        },
        tokens=32,
        controls=[{"sliding_window": None}, {"sliding_window": 7}, {"sliding_window": 9}],
    ),
]

# Every row is a multiple of 32 elements, the block of the quantised types; some are two blocks.
GGUF_LLAMA = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": plain_rope(10_000.0),
}
GGUF_TIED = GGUF_LLAMA | {"tie_word_embeddings": True}

GGUFS = [
    GGUFRecipe("llama-f32", "llama", GGUF_TIED, 24, matrices=gguf.GGMLQuantizationType.F32),
    GGUFRecipe("llama-f16", "llama", GGUF_LLAMA, 24, matrices=gguf.GGMLQuantizationType.F16),
    GGUFRecipe("llama-bf16", "llama", GGUF_LLAMA, 24, matrices=gguf.GGMLQuantizationType.BF16),
    GGUFRecipe("llama-q8_0", "llama", GGUF_LLAMA, 24, matrices=gguf.GGMLQuantizationType.Q8_0),
    GGUFRecipe("llama-q4_0", "llama", GGUF_LLAMA, 24, matrices=gguf.GGMLQuantizationType.Q4_0),
    GGUFRecipe("llama-q4_1", "llama", GGUF_LLAMA, 24, matrices=gguf.GGMLQuantizationType.Q4_1),
    GGUFRecipe(
        "llama-rope-freqs",
        "llama",
        GGUF_TIED | {"rope_parameters": LLAMA3_SCALING},
        40,
        controls=[{"rope_parameters": plain_rope(500.0)}],
    ),
    GGUFRecipe(
        "qwen2-f32",
        "qwen2",
        {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(1_000_000.0),
        },
        24,
    ),
    GGUFRecipe(
        "qwen3-f32",
        "qwen3",
        {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 128,
            "rope_parameters": plain_rope(1_000_000.0),
            "tie_word_embeddings": True,
        },
        24,
    ),
]


# Models and their logits


def configuration(recipe: Recipe, **changes: Any) -> transformers.PreTrainedConfig:
    """The recipe's config. Copied, for transformers writes into the dictionaries it is given."""
    fields = json.loads(json.dumps({"vocab_size": VOCABULARY} | recipe.config | changes))
    return AutoConfig.for_model(recipe.family, **fields)


def build(config: transformers.PreTrainedConfig) -> PreTrainedModel:
    """A float32 model with eager attention, whose arithmetic is what the papers write."""
    model = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval()


def random_model(recipe: Recipe) -> PreTrainedModel:
    model = build(configuration(recipe))
    random = np.random.default_rng(zlib.crc32(recipe.name.encode()))
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            values = random_weight(name, tuple(parameter.shape), random)
            parameter.copy_(torch.from_numpy(values))
    return model


def random_weight(name: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Weights scaled so that nothing is degenerate.

    transformers' own initialisation (std 0.02, norms of one, biases of zero) gives uniform
    attention and near-zero logits at these sizes, and hides swapped norms and forgotten biases.
    """
    if "norm" in name:
        values = random.uniform(0.6, 1.6, shape)
    elif name.endswith("bias"):
        values = random.normal(0, 0.5, shape)
    else:
        gain = 1.5 if "q_proj" in name or "k_proj" in name else 1.0
        values = random.normal(0, gain / math.sqrt(shape[-1]), shape)
    return values.astype(np.float32)


def random_tokens(recipe: Recipe, vocabulary: int) -> list[int]:
    """Ids with the first and the last of the vocabulary among them."""
    random = np.random.default_rng(zlib.crc32(f"{recipe.name} tokens".encode()))
    ids = random.integers(0, vocabulary, recipe.tokens)
    ids[recipe.tokens // 3], ids[recipe.tokens // 2] = 0, vocabulary - 1
    return ids.tolist()


@torch.no_grad()
def logits_of(model: PreTrainedModel, tokens: list[int]) -> np.ndarray:
    return model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()


# Checks that a fixture can catch mistakes


def check(model: PreTrainedModel, recipe: Recipe, tokens: list[int]) -> None:
    check_not_degenerate(model, recipe, tokens)
    check_norms_and_biases_vary(model, recipe)
    expected = logits_of(model, tokens)
    for change in recipe.controls:
        other = build(configuration(recipe, **change))
        other.load_state_dict(model.state_dict(), strict=False)
        effect = relative_error(logits_of(other, tokens), expected)
        require(effect > LEAST_EFFECT, f"{recipe.name}: {change} moves the logits by {effect:.1e}")
    if recipe.config["rope_parameters"]["rope_type"] == "llama3":
        check_llama3_branches(model, recipe)


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


def check_llama3_branches(model: PreTrainedModel, recipe: Recipe) -> None:
    """Some frequencies kept, some stretched by the whole factor, some in between."""
    factors = llama3_factors(model.config)
    whole = LLAMA3_SCALING["factor"]
    kinds = {"kept" if f == 1 else "stretched" if f == whole else "blended" for f in factors}
    require(len(kinds) == 3, f"{recipe.name}: only {kinds} among {factors}")
    plain = llama3_base_frequencies(model.config)
    used = model.model.rotary_emb.inv_freq.numpy()
    require(np.allclose(plain / factors, used, rtol=1e-6), f"{recipe.name}: llama3 factors are off")


def relative_error(value: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(value - reference) / np.linalg.norm(reference))


def require(condition: bool, complaint: str) -> None:
    if not condition:
        raise SystemExit(complaint)


# Hugging Face folders


def make_folder(recipe: FolderRecipe, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save(random_model(recipe), recipe, folder)
    model = load(folder)
    tokens = random_tokens(recipe, model.config.vocab_size)
    check(model, recipe, tokens)
    logits = logits_of(model, tokens)
    write_expected(folder / "expected.json", folder / "logits.npy", tokens, logits)
    if recipe.also_version_4:
        write_version_4_config(model, folder, tokens)
    require(size_of(folder) < 150_000, f"{recipe.name} has {size_of(folder)} bytes")


def save(model: PreTrainedModel, recipe: FolderRecipe, folder: Path) -> None:
    limit = {"max_shard_size": recipe.shard_bytes} if recipe.shard_bytes else {}
    model.to(recipe.dtype).save_pretrained(folder, **limit)
    (folder / "generation_config.json").unlink(missing_ok=True)
    shards = len(list(folder.glob("*.safetensors")))
    require((shards > 1) == bool(recipe.shard_bytes), f"{recipe.name}: {shards} safetensors files")


def load(folder: Path) -> PreTrainedModel:
    """The model as saved, computing in float32 whatever it is stored in."""
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    require(not any(report.values()), f"{folder.name} does not load cleanly: {report}")
    return model.eval()


def write_version_4_config(model: PreTrainedModel, folder: Path, tokens: list[int]) -> None:
    """The same config with the keys transformers 4 used, checked to mean the same."""
    fields = json.loads((folder / "config.json").read_text())
    scaling = fields.pop("rope_parameters")
    fields["rope_theta"] = scaling.pop("rope_theta")
    fields["rope_scaling"] = None if scaling == {"rope_type": "default"} else scaling
    fields["torch_dtype"] = fields.pop("dtype")
    fields["transformers_version"] = "4.57.0"
    write_json(folder / "config.v4.json", dict(sorted(fields.items())), indent=2)

    other = build(AutoConfig.for_model(**json.loads((folder / "config.v4.json").read_text())))
    other.load_state_dict(model.state_dict())
    same = np.array_equal(logits_of(other, tokens), logits_of(model, tokens))
    require(same, f"{folder.name}: config.v4.json does not mean what config.json does")


# GGUF files

GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}

FILE_TYPES = {
    gguf.GGMLQuantizationType.F32: gguf.LlamaFileType.ALL_F32,
    gguf.GGMLQuantizationType.F16: gguf.LlamaFileType.MOSTLY_F16,
    gguf.GGMLQuantizationType.BF16: gguf.LlamaFileType.MOSTLY_BF16,
    gguf.GGMLQuantizationType.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    gguf.GGMLQuantizationType.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    gguf.GGMLQuantizationType.Q4_1: gguf.LlamaFileType.MOSTLY_Q4_1,
}


def make_gguf(recipe: GGUFRecipe, folder: Path) -> None:
    path = folder / f"{recipe.name}.gguf"
    write_gguf(random_model(recipe), recipe, path)
    model = read_gguf(recipe, path)
    tokens = random_tokens(recipe, model.config.vocab_size)
    check(model, recipe, tokens)
    write_expected(
        folder / f"{recipe.name}.json",
        folder / f"{recipe.name}.logits.npy",
        tokens,
        logits_of(model, tokens),
    )
    require(path.stat().st_size < 120_000, f"{path.name} has {path.stat().st_size} bytes")


def write_gguf(model: PreTrainedModel, recipe: GGUFRecipe, path: Path) -> None:
    writer = gguf.GGUFWriter(path, recipe.family)
    add_metadata(writer, model.config, recipe)
    if recipe.config["rope_parameters"]["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(model.config))
    for name, values in gguf_tensors(model, recipe.family):
        stored = recipe.matrices if values.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quants.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_metadata(
    writer: gguf.GGUFWriter, config: transformers.PreTrainedConfig, recipe: GGUFRecipe
) -> None:
    """The keys llama.cpp's converter writes: it spells out more for llama than for Qwen."""
    writer.add_type("model")
    writer.add_name(f"Dyno fixture {recipe.name}")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if "head_dim" in recipe.config:
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if recipe.family == "llama":
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(config.head_dim)
    writer.add_file_type(FILE_TYPES[recipe.matrices])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"<{token}>" for token in range(config.vocab_size)])
    writer.add_token_types([gguf.TokenType.NORMAL] * config.vocab_size)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def gguf_tensors(model: PreTrainedModel, family: str) -> Iterator[tuple[str, np.ndarray]]:
    """The parameters under their GGUF names. A tied head is one tensor, and so written once."""
    for name, parameter in model.named_parameters():
        values = parameter.detach().numpy()
        if heads := rotated_heads(name, family, model.config):
            values = interleave_halves(values, heads)
        yield gguf_name(name), values


def gguf_name(name: str) -> str:
    """`model.layers.3.mlp.up_proj.weight` is `blk.3.ffn_up.weight`."""
    module, kind = name.rsplit(".", 1)
    if module.startswith("model.layers."):
        _, _, layer, part = module.split(".", 3)
        return f"blk.{layer}.{GGUF_NAMES[part]}.{kind}"
    return f"{GGUF_NAMES[module]}.{kind}"


def rotated_heads(name: str, family: str, config: transformers.PreTrainedConfig) -> int | None:
    """How many heads' rows the converter reorders: it does so for llama's Q and K alone."""
    if family != "llama":
        return None
    if ".q_proj." in name:
        return config.num_attention_heads
    if ".k_proj." in name:
        return config.num_key_value_heads
    return None


def interleave_halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """Hugging Face order to ggml's: RoPE pairs row i with i + half there, 2i with 2i + 1 here."""
    halves = rows.reshape(heads, 2, -1, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def separate_halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """The inverse of `interleave_halves`."""
    pairs = rows.reshape(heads, -1, 2, *rows.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(rows.shape)


def read_gguf(recipe: GGUFRecipe, path: Path) -> PreTrainedModel:
    """The model the file holds, dequantised.

    Not through transformers' own reader, which knows nothing of `rope_freqs.weight` and assumes a
    head dimension of 128 for qwen3.
    """
    model = build(configuration(recipe))
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            tensor = tensors[gguf_name(name)]
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            values = values.reshape(parameter.shape)
            if heads := rotated_heads(name, recipe.family, model.config):
                values = separate_halves(values, heads)
            parameter.copy_(torch.from_numpy(values.copy()))
    return model


def llama3_base_frequencies(config: transformers.PreTrainedConfig) -> np.ndarray:
    exponents = np.arange(0, config.head_dim, 2) / config.head_dim
    return config.rope_parameters["rope_theta"] ** -exponents


def llama3_factors(config: transformers.PreTrainedConfig) -> np.ndarray:
    """What the converter writes as `rope_freqs.weight`: divisors of the plain frequencies."""
    scaling = config.rope_parameters
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    wavelengths = 2 * np.pi / llama3_base_frequencies(config)
    turns = scaling["original_max_position_embeddings"] / wavelengths
    kept = np.clip((turns - low) / (high - low), 0, 1)  # the share of the frequency left alone
    return (1 / ((1 - kept) / scaling["factor"] + kept)).astype(np.float32)


# Files


def write_expected(path: Path, logits_path: Path, tokens: list[int], logits: np.ndarray) -> None:
    np.save(logits_path, np.ascontiguousarray(logits, dtype="<f4"))
    write_json(path, {"tokens": [tokens], "logits_file": logits_path.name})


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    path.write_text(json.dumps(value, indent=indent) + "\n")


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    # One thread, so that sums are always taken in the same order.
    torch.set_num_threads(1)

    folders, ggufs = HERE / "huggingface", HERE / "gguf"
    for folder in (folders, ggufs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for recipe in FOLDERS:
        make_folder(recipe, folders / recipe.name)
    for recipe in GGUFS:
        make_gguf(recipe, ggufs)
    for folder, limit in ((folders, 1_200_000), (ggufs, 1_000_000)):
        require(size_of(folder) < limit, f"{folder.name} has {size_of(folder)} bytes")
        print(f"{folder.relative_to(HERE)}: {size_of(folder) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
