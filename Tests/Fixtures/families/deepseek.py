"""DeepSeek V2 and V3: latent attention, dense layers first, shared experts, groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gguf
import numpy as np
import torch

from making.mixtures import MixtureLayout, Part
from making.recipe import SMALL_VOCABULARY, FolderRecipe, as_gguf, plain_rope


class DeepSeekLayout(MixtureLayout):
    architecture = "deepseek2"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        config = self.config
        writer.add_leading_dense_block_count(config.first_k_dense_replace)
        writer.add_vocab_size(config.vocab_size)
        if config.q_lora_rank is not None:
            writer.add_q_lora_rank(config.q_lora_rank)
        writer.add_kv_lora_rank(config.kv_lora_rank)
        self.head_widths(writer)
        writer.add_expert_shared_count(config.n_shared_experts)
        writer.add_expert_weights_scale(config.routed_scaling_factor)
        if config.norm_topk_prob:
            writer.add_expert_weights_norm(True)
        writer.add_rope_dimension_count(config.qk_rope_head_dim)
        if all_dimensions := config.rope_parameters.get("mscale_all_dim"):
            writer.add_rope_scaling_yarn_log_mul(0.1 * all_dimensions)

    def sizes(self, writer: gguf.GGUFWriter) -> None:
        config = self.config
        writer.add_block_count(config.num_hidden_layers)
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(self.key_value_heads)

    key_value_heads = 1

    def head_sizes(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        pass

    def head_widths(self, writer: gguf.GGUFWriter) -> None:
        """Heads as the cache has them, and as they are multiplied."""
        config = self.config
        writer.add_key_length(config.kv_lora_rank + config.qk_rope_head_dim)
        writer.add_value_length(config.kv_lora_rank)
        writer.add_key_length_mla(config.qk_nope_head_dim + config.qk_rope_head_dim)
        writer.add_value_length_mla(config.v_head_dim)

    def pieces(self, name: str) -> list[Part] | None:
        if not name.endswith("kv_b_proj.weight"):
            return super().pieces(name)
        block = f"blk.{name.split('.')[2]}."
        heads, keys = self.config.num_attention_heads, self.config.qk_nope_head_dim

        def each(values: np.ndarray) -> np.ndarray:
            return values.reshape(heads, -1, values.shape[-1])

        def put_keys(values: np.ndarray, stored: np.ndarray) -> None:
            each(values)[:, :keys] = stored.swapaxes(1, 2)

        def put_values(values: np.ndarray, stored: np.ndarray) -> None:
            each(values)[:, keys:] = stored

        return [
            (f"{block}attn_k_b.weight", lambda v: each(v)[:, :keys].swapaxes(1, 2), put_keys),
            (f"{block}attn_v_b.weight", lambda v: each(v)[:, keys:], put_values),
        ]


class DeepSeek3Layout(DeepSeekLayout):
    gating = gguf.ExpertGatingFuncType.SIGMOID


class OlderDeepSeekLayout(DeepSeekLayout):
    """Before llama.cpp absorbed projections: keys and values in one tensor, heads as they are."""

    @property
    def key_value_heads(self) -> int:
        return self.config.num_attention_heads

    def head_widths(self, writer: gguf.GGUFWriter) -> None:
        writer.add_key_length(self.config.qk_nope_head_dim + self.config.qk_rope_head_dim)
        writer.add_value_length(self.config.v_head_dim)

    def pieces(self, name: str) -> list[Part] | None:
        return MixtureLayout.pieces(self, name)


YARN = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "beta_fast": 8.0,
    "beta_slow": 1.0,
    "mscale": 0.707,
    "mscale_all_dim": 0.707,
    "original_max_position_embeddings": 16,
}

V2 = SMALL_VOCABULARY | {
    "hidden_size": 32,
    "intermediate_size": 40,
    "moe_intermediate_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 128,
    "first_k_dense_replace": 1,
    "kv_lora_rank": 16,
    "q_lora_rank": None,
    "qk_nope_head_dim": 12,
    "qk_rope_head_dim": 8,
    "v_head_dim": 10,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 2,
    "rope_parameters": YARN,
}

V3 = V2 | {
    "q_lora_rank": 24,
    "n_shared_experts": 1,
    "n_group": 4,
    "topk_group": 2,
    "routed_scaling_factor": 2.5,
    "rope_parameters": plain_rope(10_000.0),
}

# Rows of whole blocks, those of transposed keys too.
BLOCKS = V2 | {
    "intermediate_size": 64,
    "moe_intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 32,
    "v_head_dim": 32,
    "n_routed_experts": 4,
}

GAINS = {"mlp.gate.weight": 2, "q_b_proj": 2, "q_proj": 1.5, "kv_b_proj": 1.5}


def with_further_layer(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With a layer that predicts a token more, as DeepSeek V3 is published."""
    found = dict(tensors)
    for name, tensor in tensors.items():
        if name.startswith("model.layers.2."):
            found[name.replace("layers.2", "layers.3")] = tensor.clone()
    place, size = "model.layers.3.", tensors["model.norm.weight"].shape[0]
    for name in ("enorm", "hnorm", "shared_head.norm"):
        found[f"{place}{name}.weight"] = torch.ones(size)
    found[f"{place}eh_proj.weight"] = torch.zeros(size, 2 * size)
    return found


FOLDERS = [
    FolderRecipe(
        "deepseek_v2",
        "deepseek_v2",
        V2,
        tokens=24,
        gains=GAINS,
        controls=[
            {"num_experts_per_tok": 3},
            {"routed_scaling_factor": 2.0},
            {"rope_parameters": YARN | {"mscale": 1.0, "mscale_all_dim": 0.5}},
            {"rope_parameters": plain_rope(10_000.0)},
        ],
    ),
    FolderRecipe(
        "deepseek_v2-groups",
        "deepseek_v2",
        V2
        | {
            "q_lora_rank": 24,
            "topk_method": "group_limited_greedy",
            "n_group": 4,
            "topk_group": 2,
            "num_experts_per_tok": 3,
            "routed_scaling_factor": 3.0,
            "attention_bias": True,
        },
        tokens=24,
        gains=GAINS,
        controls=[{"topk_method": "greedy"}, {"attention_bias": False}],
    ),
    FolderRecipe(
        "deepseek_v3",
        "deepseek_v3",
        V3,
        tokens=24,
        gains=GAINS,
        controls=[
            {"n_group": 1, "topk_group": 1},
            {"norm_topk_prob": False},
            {"routed_scaling_factor": 1.0},
            {"rope_interleave": False},
        ],
        published=with_further_layer,
    ),
    FolderRecipe(
        "deepseek_v3-yarn",
        "deepseek_v3",
        V3
        | {
            "rope_interleave": False,
            "norm_topk_prob": False,
            "n_group": 1,
            "topk_group": 1,
            "rope_parameters": YARN | {"mscale": 1.0, "mscale_all_dim": 1.0},
        },
        tokens=24,
        gains=GAINS,
        controls=[{"rope_interleave": True}, {"rope_parameters": plain_rope(10_000.0)}],
    ),
]

GGUFS = [
    as_gguf(FOLDERS[0], DeepSeekLayout),
    as_gguf(FOLDERS[0], OlderDeepSeekLayout, "deepseek_v2-together"),
    replace(
        as_gguf(FOLDERS[0], DeepSeekLayout, "deepseek_v2-q8_0", **BLOCKS),
        matrices=gguf.GGMLQuantizationType.Q8_0,
    ),
    as_gguf(FOLDERS[2], DeepSeek3Layout),
]
