#!/usr/bin/env python3
"""Writes mixes.json: what llama.cpp's own quantiser stores each matrix of small models in.

    pip install -r requirements.txt
    python make_mixes.py

Of each model its sizes, and by name of a mix the formats of each kind of tensor, layer after layer.
"""

import ctypes
import json
import pathlib
import re
import tempfile

import gguf
import llama_cpp
import numpy as np

HERE = pathlib.Path(__file__).parent
FILE_TYPES = {
    "q2_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q2_K, "q3_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q3_K_M,
    "q4_k_s": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_S, "q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "q5_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M, "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
}
# Heads that share keys, layers that eighths and thirds cut differently, rows that 256 does not divide,
# experts.
MODELS = {
    "untied": dict(hidden=256, layers=16, heads=4, kv_heads=1, tied=False, experts=0),
    "tied": dict(hidden=256, layers=27, heads=4, kv_heads=4, tied=True, experts=0),
    "narrow": dict(hidden=192, layers=10, heads=4, kv_heads=2, tied=True, experts=0),
    "eight": dict(hidden=256, layers=12, heads=4, kv_heads=2, tied=False, experts=8),
}
INNER, VOCABULARY = 256, 64


def write(path, hidden, layers, heads, kv_heads, tied, experts):
    writer = gguf.GGUFWriter(path, "llama")
    head = hidden // heads
    writer.add_block_count(layers)
    writer.add_context_length(128)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(2)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([f"<{token}>" for token in range(VOCABULARY)])
    writer.add_token_types([gguf.TokenType.NORMAL] * VOCABULARY)
    writer.add_token_merges(["a b"])
    rng = np.random.default_rng(0)

    def add(name, *shape):
        writer.add_tensor(f"{name}.weight", rng.standard_normal(shape).astype(np.float32))

    add("token_embd", VOCABULARY, hidden)
    add("output_norm", hidden)
    if not tied:
        add("output", VOCABULARY, hidden)
    for layer in range(layers):
        block = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            add(block + name, hidden)
        add(block + "attn_q", hidden, hidden)
        add(block + "attn_k", kv_heads * head, hidden)
        add(block + "attn_v", kv_heads * head, hidden)
        add(block + "attn_output", hidden, hidden)
        if experts:
            add(block + "ffn_gate_inp", experts, hidden)
        stack = (experts,) if experts else ()
        suffix = "_exps" if experts else ""
        add(block + "ffn_gate" + suffix, *stack, INNER, hidden)
        add(block + "ffn_up" + suffix, *stack, INNER, hidden)
        add(block + "ffn_down" + suffix, *stack, hidden, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def stored(path):
    kinds = {}
    for tensor in gguf.GGUFReader(path).tensors:
        match = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.weight", tensor.name)
        if "norm" in tensor.name or "gate_inp" in tensor.name:
            continue
        kinds.setdefault(match[2], {})[int(match[1] or 0)] = tensor.tensor_type.name.lower()
    return {name: [layers[i] for i in sorted(layers)] for name, layers in sorted(kinds.items())}


made = {}
with tempfile.TemporaryDirectory() as folder:
    for name, sizes in MODELS.items():
        whole = f"{folder}/{name}.gguf"
        write(whole, **sizes)
        made[name] = dict(sizes, inner=INNER, vocabulary=VOCABULARY, mixes={})
        for mix, file_type in FILE_TYPES.items():
            parameters = llama_cpp.llama_model_quantize_default_params()
            parameters.ftype = file_type
            parameters.nthread = 1
            path = f"{folder}/{name}-{mix}.gguf"
            result = llama_cpp.llama_model_quantize(
                whole.encode(), path.encode(), ctypes.byref(parameters))
            assert result == 0, (name, mix)
            made[name]["mixes"][mix] = stored(path)
(HERE / "mixes.json").write_text(json.dumps(made) + "\n")
