"""GGUF files of an architecture's shapes with random weights, for llama.cpp to run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter

TYPES = {
    "f32": GGMLQuantizationType.F32,
    "bf16": GGMLQuantizationType.BF16,
    "f16": GGMLQuantizationType.F16,
    "q8_0": GGMLQuantizationType.Q8_0,
    "q4_0": GGMLQuantizationType.Q4_0,
    "q4_1": GGMLQuantizationType.Q4_1,
    "q4_k": GGMLQuantizationType.Q4_K,
    "q6_k": GGMLQuantizationType.Q6_K,
}
BLOCK = 32
LARGE_BLOCK = 256
DEVIATION = 0.02


def write(config_file: Path, dtype: str, destination: Path) -> None:
    """Writes the file unless it is there: it depends on nothing but its name."""
    if destination.exists():
        return
    config = json.loads(config_file.read_text())
    family = {"llama": "llama", "qwen3": "qwen3", "granitemoe": "granitemoe"}[config["model_type"]]
    hidden, width = config["hidden_size"], config["intermediate_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dimension = config.get("head_dim") or hidden // heads
    partial = destination.with_suffix(".partial")
    writer = GGUFWriter(partial, family)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(hidden)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_dimension)
    writer.add_value_length(head_dimension)
    writer.add_rope_dimension_count(head_dimension)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    experts = config.get("num_local_experts", 0)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config["num_experts_per_tok"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])
        writer.add_attention_scale(config["attention_multiplier"])

    layers = config["num_hidden_layers"]
    random = np.random.default_rng(0)

    def format_of(name: str) -> str:
        """What llama.cpp stores a matrix in: of q4_k_m, some of those that matter most in q6_k."""
        if dtype != "q4_k_m":
            return dtype
        if name == "output" or (name == "token_embd" and config["tie_word_embeddings"]):
            return "q6_k"
        layer = int(name.split(".")[1]) if name.startswith("blk.") else 0
        first, last = layers // 8, 7 * layers // 8
        more = layer < first or layer >= last or (layer - first) % 3 == 2
        sensitive = name.endswith(("attn_v", "ffn_down", "ffn_down_exps"))
        return "q6_k" if sensitive and more else "q4_k"

    def norm(name: str, count: int) -> None:
        writer.add_tensor(name + ".weight", np.ones(count, np.float32))

    def matrix(name: str, rows: int, columns: int, count: int = 0) -> None:
        """One matrix, or `count` of them in one tensor."""
        kind = format_of(name)
        values = contents(random, kind, max(1, count) * rows, columns)
        if count:
            values = values.reshape(count, rows, -1)
        writer.add_tensor(name + ".weight", values, raw_dtype=TYPES[kind])

    matrix("token_embd", config["vocab_size"], hidden)
    if not config["tie_word_embeddings"]:
        matrix("output", config["vocab_size"], hidden)
    norm("output_norm", hidden)
    for layer in range(layers):
        name = f"blk.{layer}."
        norm(name + "attn_norm", hidden)
        norm(name + "ffn_norm", hidden)
        matrix(name + "attn_q", heads * head_dimension, hidden)
        matrix(name + "attn_k", kv_heads * head_dimension, hidden)
        matrix(name + "attn_v", kv_heads * head_dimension, hidden)
        matrix(name + "attn_output", hidden, heads * head_dimension)
        if family == "qwen3":
            norm(name + "attn_q_norm", head_dimension)
            norm(name + "attn_k_norm", head_dimension)
        if experts:
            # So that tokens spread over experts: scores that differ from token to token.
            router = random.standard_normal((experts, hidden), np.float32)
            writer.add_tensor(name + "ffn_gate_inp.weight", router)
            matrix(name + "ffn_gate_exps", width, hidden, experts)
            matrix(name + "ffn_up_exps", width, hidden, experts)
            matrix(name + "ffn_down_exps", hidden, width, experts)
            continue
        matrix(name + "ffn_gate", width, hidden)
        matrix(name + "ffn_up", width, hidden)
        matrix(name + "ffn_down", hidden, width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(destination)


def contents(random: np.random.Generator, dtype: str, rows: int, columns: int) -> np.ndarray:
    """A random matrix of about the deviation that models are initialised with, as stored."""
    if dtype == "f32":
        return (random.random((rows, columns), np.float32) - 0.5) * (12**0.5 * DEVIATION)
    if dtype == "f16":
        return contents(random, "f32", rows, columns).astype(np.float16)
    if dtype == "bf16":
        bits = contents(random, "f32", rows, columns).view(np.uint32)
        return (bits >> 16).astype(np.uint16).view(np.uint8)
    if dtype in ("q4_k", "q6_k"):
        return large_blocks(random, dtype, rows, columns // LARGE_BLOCK)
    blocks = columns // BLOCK
    quants = BLOCK if dtype == "q8_0" else BLOCK // 2
    scale = np.float16(DEVIATION / (73.9 if dtype == "q8_0" else 4.61))
    heads = [scale] if dtype != "q4_1" else [scale, np.float16(-7.5 * scale)]
    head = np.frombuffer(np.array(heads, np.float16).tobytes(), np.uint8)
    row = np.empty((rows, blocks, len(head) + quants), np.uint8)
    row[:, :, : len(head)] = head
    row[:, :, len(head) :] = random.integers(0, 256, (rows, blocks, quants), np.uint8)
    return row.reshape(rows, -1)


def large_blocks(random: np.random.Generator, dtype: str, rows: int, blocks: int) -> np.ndarray:
    """Blocks of 256: random quants, and random scales of their parts."""
    if dtype == "q4_k":
        # scale, minimum; 12 bytes of parts' scales and minima, which are 7½ times the former; nibbles
        row = random.integers(0, 256, (rows, blocks, 144), np.uint8)
        heads = np.array([DEVIATION / (4.61 * 36), 7.5 * DEVIATION / (4.61 * 36)], np.float16)
        row[:, :, :4] = np.frombuffer(heads.tobytes(), np.uint8)
    else:
        # nibbles, pairs of bits; 16 parts' scales, of either sign; scale
        row = random.integers(0, 256, (rows, blocks, 210), np.uint8)
        head = np.array([DEVIATION / (18.5 * 74)], np.float16)
        row[:, :, 208:] = np.frombuffer(head.tobytes(), np.uint8)
    return row.reshape(rows, -1)
