"""The fixtures, by family."""

from __future__ import annotations

from families import (
    arcee,
    cohere,
    deci,
    deepseek,
    ernie,
    exaone,
    gemma,
    glm,
    gpt,
    gpt_oss,
    granite,
    llama,
    llama4,
    minicpm,
    mistral,
    mixtral,
    multimodal,
    nemotron,
    olmo,
    phi,
    qwen,
    seed,
    shishulm,
    smollm,
    stablelm,
)

FAMILIES = [
    arcee,
    cohere,
    deci,
    deepseek,
    ernie,
    exaone,
    gemma,
    glm,
    gpt,
    gpt_oss,
    granite,
    llama,
    llama4,
    minicpm,
    mistral,
    mixtral,
    multimodal,
    nemotron,
    olmo,
    phi,
    qwen,
    seed,
    shishulm,
    smollm,
    stablelm,
]

FOLDERS = [recipe for family in FAMILIES for recipe in getattr(family, "FOLDERS", [])]
REFERENCES = [recipe for family in FAMILIES for recipe in getattr(family, "REFERENCES", [])]
GGUFS = [recipe for family in FAMILIES for recipe in getattr(family, "GGUFS", [])]
