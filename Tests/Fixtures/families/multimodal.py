"""Multimodal models, of which the tests read the language model alone.

The ids of their image tokens lie beyond the vocabulary, so that no prompt has one.
"""

from __future__ import annotations

import torch

from families.gemma import GEMMA3
from families.llama4 import GAINS, LLAMA4
from families.mistral import MISTRAL
from families.qwen import QWEN2
from making.recipe import FolderRecipe

VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
}

GEMMA3_MULTIMODAL = {
    "text_config": GEMMA3 | {"num_hidden_layers": 3, "layer_types": GEMMA3["layer_types"][:3]},
    "vision_config": VISION,
    "mm_tokens_per_image": 4,
    "image_token_index": 64,
    "boi_token_index": 65,
    "eoi_token_index": 66,
}


def renamed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As transformers 4.52 and later saved them."""
    return {
        "model." + name.replace("language_model.model.", "language_model."): tensor
        for name, tensor in tensors.items()
    }


FOLDERS = [
    FolderRecipe(
        "gemma3-multimodal",
        "gemma3",
        GEMMA3_MULTIMODAL,
        tokens=24,
        norm_offset=1,
    ),
    FolderRecipe(
        "gemma3-multimodal-renamed",
        "gemma3",
        GEMMA3_MULTIMODAL,
        tokens=24,
        norm_offset=1,
        published=renamed,
    ),
    FolderRecipe(
        "llama4-multimodal",
        "llama4",
        {
            "text_config": LLAMA4 | {"model_type": "llama4_text", "num_hidden_layers": 2},
            "vision_config": VISION
            | {
                "model_type": "llama4_vision_model",
                "vision_output_dim": 16,
                "projector_input_dim": 16,
                "projector_output_dim": 16,
            },
            "image_token_index": 64,
            "boi_token_index": 65,
            "eoi_token_index": 66,
        },
        tokens=24,
        gains=GAINS,
    ),
    FolderRecipe(
        "mistral3-multimodal",
        "mistral3",
        {
            "text_config": MISTRAL | {"model_type": "mistral", "vocab_size": 64},
            "tie_word_embeddings": False,
            "vision_config": VISION | {"model_type": "pixtral", "head_dim": 8},
            "image_token_index": 64,
        },
        tokens=24,
    ),
    FolderRecipe(
        "qwen2_5_vl-multimodal",
        "qwen2_5_vl",
        {
            "text_config": QWEN2
            | {
                "vocab_size": 64,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10_000.0,
                    "mrope_section": [1, 2, 2],
                },
            },
            "vision_config": {
                "hidden_size": 16,
                "out_hidden_size": 40,
                "intermediate_size": 16,
                "depth": 1,
                "num_heads": 2,
                "patch_size": 4,
                "fullatt_block_indexes": [0],
            },
            "image_token_id": 64,
            "video_token_id": 65,
            "vision_start_token_id": 66,
            "vision_end_token_id": 67,
        },
        tokens=24,
    ),
]
