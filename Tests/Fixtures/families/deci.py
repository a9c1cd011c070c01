"""DeciLM, as Llama-Nemotron (arXiv 2411.19146): blocks that differ, written as `block_configs`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gguf
import torch

from making.ggufs import LlamaLayout
from making.recipe import as_gguf
from making.reference import Block, Decoder, ReferenceRecipe


def block_config(group: int | None, **feed_forward: Any) -> dict[str, Any]:
    """With `group` query heads to a KV head, or no attention."""
    return {
        "attention": {
            "n_heads_in_group": group,
            "no_op": group is None,
            "num_sink_tokens": None,
            "replace_with_linear": False,
            "sparsify": None,
            "unshifted_sink": False,
            "use_prefill_window_in_sink_attention": False,
            "window_length": None,
        },
        "ffn": {
            "ffn_mult": None,
            "no_op": not feed_forward,
            "replace_with_linear": False,
            "sparsify": None,
        }
        | feed_forward,
    }


SCALING = {
    "factor": 4.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 64,
    "rope_type": "llama3",
}
NEMOTRON = {
    "architectures": ["DeciLMForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    # 32·2/3 is 21, and 16·32·2/3 is 341: rounded up, 256 and 512.
    "block_configs": [
        block_config(2, ffn_mult=1.0),
        block_config(None, intermediate_size=48),
        block_config(4),
        block_config(1, ffn_mult=16.0),
        block_config(None),
    ],
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": None,
    "max_position_embeddings": 256,
    "mlp_bias": False,
    "model_type": "nemotron-nas",
    "num_attention_heads": 4,
    "num_hidden_layers": 5,
    "num_key_value_heads": None,
    "rms_norm_eps": 1e-5,
    "rope_scaling": SCALING,
    "rope_theta": 500.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 64,
}


def block(index: int, fields: dict[str, Any], heads: int, hidden: int) -> Block:
    attention, feed_forward = fields["attention"], fields["ffn"]
    if feed_forward["no_op"]:
        width = 0
    elif "intermediate_size" in feed_forward:
        width = feed_forward["intermediate_size"]
    else:
        width = -(int(2 * feed_forward["ffn_mult"] * hidden / 3) // -256) * 256
    if attention["no_op"]:
        return Block(0, 0, width, index)
    return Block(heads, heads // attention["n_heads_in_group"], width, index)


def decoder(config: SimpleNamespace) -> Decoder:
    heads, hidden = config.num_attention_heads, config.hidden_size
    plain = {"rope_type": "default"}
    return Decoder(
        config.vocab_size,
        hidden,
        hidden // heads,
        config.rms_norm_eps,
        (config.rope_scaling or plain) | {"rope_theta": config.rope_theta},
        config.tie_word_embeddings,
        [block(i, fields, heads, hidden) for i, fields in enumerate(config.block_configs)],
    )


class DeciLayout(LlamaLayout):
    """Heads and widths are lists over the blocks, 0 where there is none."""

    architecture = "deci"

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        config, blocks = self.config, decoder(self.config).blocks
        writer.add_rope_freq_base(config.rope_theta)
        writer.add_head_count_kv([block.key_value_heads for block in blocks])
        writer.add_head_count([block.heads for block in blocks])
        writer.add_feed_forward_length([block.width for block in blocks])
        writer.add_block_count(config.num_hidden_layers)
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        self.epsilon(writer)
        writer.add_key_length(self.head_size)
        writer.add_value_length(self.head_size)
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(self.head_size)

    def extra_tensors(self) -> dict[str, Any]:
        self.config.head_dim = self.head_size
        self.config.rope_parameters = self.config.rope_scaling | {
            "rope_theta": self.config.rope_theta
        }
        return super().extra_tensors()

    def rotated_heads(self, name: str) -> int | None:
        if ".q_proj." not in name and ".k_proj." not in name:
            return None
        block = decoder(self.config).blocks[int(name.split(".")[2])]
        return block.heads if ".q_proj." in name else block.key_value_heads


REFERENCES = [
    ReferenceRecipe(
        "nemotron-nas",
        "nemotron-nas",
        NEMOTRON,
        40,
        controls=[{"rope_scaling": None}],
        decoder=decoder,
        dtype=torch.bfloat16,
    ),
]

# llama.cpp drops what attention adds in a block without a feed-forward part: there is none here.
GGUFS = [
    as_gguf(
        REFERENCES[0],
        DeciLayout,
        block_configs=[
            block_config(2, intermediate_size=64),
            block_config(None, intermediate_size=48),
            block_config(None),
            block_config(1, intermediate_size=32),
        ],
        num_hidden_layers=4,
    )
]
