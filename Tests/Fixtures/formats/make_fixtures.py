#!/usr/bin/env python3
"""Writes the fixtures of the storage formats' tests, with gguf-py, llama.cpp and ml_dtypes.

    pip install -r requirements.txt
    python make_fixtures.py [path of llama.cpp's libggml-base.so]

The library (llama-cpp-python installs one) quantises the formats that gguf-py cannot.

    formats.json        of each format: ggml's number, elements and bytes of a block, and llama.cpp's
                        error on `values.bin`: root mean square, relative to the values' own
    NAME.blocks.bin     random blocks, NAME.expected.bin what gguf-py dequantises them to (f32)
    values.bin          f32 values to quantise, NAME.quantized.bin what gguf-py makes of them
    mixed-*.gguf        a model whose tensors are of all formats, in three parts; mixed.json sums over
                        each of them
    fp8-*/              checkpoints in FP8, expected.json sums over each matrix as bf16
"""

import ctypes
import json
import pathlib
import sys

import gguf
import ml_dtypes
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(26)

NAMES = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
         "IQ4_XS", "MXFP4"]
# Where the block's own scales (f16) lie.
SCALES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "IQ4_NL": [0],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
          "IQ4_XS": [0], "MXFP4": []}


def sizes(name):
    return gguf.GGML_QUANT_SIZES[Type[name]]


def dequantized(name, data):
    return quants.dequantize(data.reshape(1, -1), Type[name]).ravel().astype("<f4")


def library():
    found = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if found is None:
        import llama_cpp

        found = pathlib.Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"
    return ctypes.CDLL(str(found))


def quantized(name, values):
    try:
        return quants.quantize(values, Type[name]).ravel()
    except NotImplementedError:
        pass
    elements, size = sizes(name)
    out = np.zeros(values.size // elements * size, np.uint8)
    rows = ctypes.c_int64(values.size // 256)
    GGML.ggml_quantize_chunk(
        int(Type[name]), values.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(0), rows, ctypes.c_int64(256), None)
    return out


def sums(values):
    """Two numbers that tell arrays apart: the sum, and the sum weighted by 1 to 97 in turn."""
    flat = values.astype(np.float64).ravel()
    return [float(flat.sum()), float((flat * (np.arange(flat.size) % 97 + 1)).sum())]


def make_blocks():
    # Normal values of several scales, with outliers, as weights have them.
    values = rng.standard_normal(8192).astype(np.float32)
    values *= np.repeat(10.0 ** rng.uniform(-2, 0, 8192 // 256), 256).astype(np.float32)
    values[::101] *= 5
    values.astype("<f4").tofile(here / "values.bin")
    facts = {}
    for name in NAMES:
        elements, size = sizes(name)
        count = 1024 // elements
        data = rng.integers(0, 256, (count, size), dtype=np.uint8)
        for at in SCALES[name]:
            scale = rng.uniform(-2, 2, count).astype("<f2")
            data[:, at:at + 2] = scale.view(np.uint8).reshape(count, 2)
        if name == "MXFP4":
            # 255 is NaN by the specification, which gguf-py does not look at.
            data[:, 0] = rng.integers(100, 150, count)
            data[:3, 0] = [0, 1, 2]
        data.tofile(here / f"{name.lower()}.blocks.bin")
        dequantized(name, data).tofile(here / f"{name.lower()}.expected.bin")
        stored = quantized(name, values)
        off = dequantized(name, stored).astype(np.float64) - values
        facts[name.lower()] = dict(
            ggml_type=int(Type[name]), elements=elements, bytes=size,
            error=float(np.sqrt((off ** 2).mean() / (values.astype(np.float64) ** 2).mean())))
        try:
            quants.quantize(values, Type[name]).ravel().tofile(here / f"{name.lower()}.quantized.bin")
        except NotImplementedError:
            pass
    for name in ["F32", "F16", "BF16"]:
        elements, size = sizes(name)
        facts[name.lower()] = dict(ggml_type=int(Type[name]), elements=elements, bytes=size)
    (here / "formats.json").write_text(json.dumps(facts, indent=1) + "\n")


HIDDEN, HEAD, KV, INNER, VOCABULARY, LAYERS = 256, 32, 32, 256, 48, 2
SHAPES = {
    "attn_q": (HEAD * 8, HIDDEN), "attn_k": (KV, HIDDEN), "attn_v": (KV, HIDDEN),
    "attn_output": (HIDDEN, HEAD * 8), "ffn_gate": (INNER, HIDDEN), "ffn_up": (INNER, HIDDEN),
    "ffn_down": (HIDDEN, INNER),
}


def mixed_tensors():
    kinds = iter(["Q2_K", "Q4_K", "Q6_K", "Q5_0", "Q3_K", "IQ4_XS", "Q5_K",
                  "MXFP4", "Q8_0", "Q4_1", "Q5_1", "IQ4_NL", "Q4_0", "F16"])
    tensors = {"token_embd.weight": ("Q4_K", (VOCABULARY, HIDDEN)),
               "output.weight": ("BF16", (VOCABULARY, HIDDEN)),
               "output_norm.weight": ("F32", (HIDDEN,))}
    for layer in range(LAYERS):
        for name, shape in SHAPES.items():
            tensors[f"blk.{layer}.{name}.weight"] = (next(kinds), shape)
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{layer}.{name}.weight"] = ("F32", (HIDDEN,))
    return tensors


def write_model(path, tensors, **split):
    writer = gguf.GGUFWriter(path, "llama", **split)
    writer.add_name("Dyno fixture mixed")
    writer.add_block_count(LAYERS)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(8)
    writer.add_head_count_kv(KV // HEAD)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_rope_dimension_count(HEAD)
    for name, (kind, data) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=Type[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_models():
    stored, expected = {}, {}
    for name, (kind, shape) in mixed_tensors().items():
        values = (rng.standard_normal(shape) * 0.05 + ("norm" in name)).astype(np.float32)
        if kind in ("F32", "F16", "BF16"):
            data = quants.quantize(values, Type[kind])
        else:
            data = quantized(kind, values).reshape(shape[0], -1)
        stored[name] = (kind, data)
        expected[name] = dict(type=kind.lower(), sums=sums(quants.dequantize(data, Type[kind])))
    (here / "mixed.json").write_text(json.dumps(expected, indent=1) + "\n")
    write_model(here / "mixed.gguf", stored, split_max_tensors=-(-len(stored) // 3))


def make_fp8():
    """Matrices that 128 does not divide, in each way that scales are written."""
    hidden, heads, key_heads, head, inner, vocabulary = 144, 2, 1, 72, 136, 32
    shapes = {
        "self_attn.q_proj": (heads * head, hidden), "self_attn.k_proj": (key_heads * head, hidden),
        "self_attn.v_proj": (key_heads * head, hidden), "self_attn.o_proj": (hidden, heads * head),
        "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden), "mlp.down_proj": (hidden, inner),
    }
    weights = lambda strategy, **more: {
        "quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"],
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": {
            "num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy, **more}}}}
    kinds = {
        "fp8-block": ("weight_scale_inv", {
            "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
            "weight_block_size": [128, 128]}),
        "fp8-channel": ("weight_scale", weights("channel")),
        "fp8-tensor": ("weight_scale", {"quant_method": "fp8", "activation_scheme": "static"}),
    }
    for kind, (suffix, declared) in kinds.items():
        folder = here / kind
        folder.mkdir(exist_ok=True)
        tensors = {
            "model.embed_tokens.weight": rng.standard_normal((vocabulary, hidden)).astype(ml_dtypes.bfloat16),
            "model.norm.weight": np.ones(hidden, ml_dtypes.bfloat16)}
        expected = {}
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.0.{name}.weight"] = np.ones(hidden, ml_dtypes.bfloat16)
        for name, (rows, columns) in shapes.items():
            name = f"model.layers.0.{name}"
            values = (rng.standard_normal((rows, columns)) * 0.05).astype(np.float32)
            size = {"fp8-block": (128, 128), "fp8-channel": (1, columns), "fp8-tensor": (rows, columns)}[kind]
            height, width = -(-rows // size[0]), -(-columns // size[1])
            spread = lambda x: np.repeat(np.repeat(x, size[0], 0), size[1], 1)[:rows, :columns]
            largest = np.zeros((height, width), np.float32)
            for i in range(height):
                for j in range(width):
                    part = values[i * size[0]:(i + 1) * size[0], j * size[1]:(j + 1) * size[1]]
                    largest[i, j] = np.abs(part).max()
            scale = (largest / 448).astype(np.float32)
            codes = (values / spread(scale)).astype(ml_dtypes.float8_e4m3fn)
            tensors[f"{name}.weight"] = codes
            tensors[f"{name}.{suffix}"] = scale.reshape(1) if kind == "fp8-tensor" else scale
            if kind == "fp8-tensor":
                tensors[f"{name}.input_scale"] = np.ones(1, np.float32)
            made = (codes.astype(np.float32) * spread(scale)).astype(ml_dtypes.bfloat16)
            expected[f"{name}.weight"] = sums(made.astype(np.float32))
        save_file(tensors, folder / "model.safetensors")
        (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
        (folder / "config.json").write_text(json.dumps({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
            "intermediate_size": inner, "num_hidden_layers": 1, "num_attention_heads": heads,
            "num_key_value_heads": key_heads, "head_dim": head, "vocab_size": vocabulary,
            "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": True, "torch_dtype": "bfloat16",
            "quantization_config": declared}, indent=1) + "\n")


GGML = library()
make_blocks()
make_models()
make_fp8()
