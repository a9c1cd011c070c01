"""Check that configurations which `dyno search --write-configs` wrote load in transformers.

    python benchmarks/search/check_configs.py FOLDER [FOLDER...]

Needs transformers and PyTorch, with which it builds each model without memory for its weights (on
PyTorch's meta device) and counts the parameters. Exits with 0 only when every config.json below the
folders loads, its sizes are those that were written, and vLLM's own demands are met: heads that
divide, a class that vLLM serves.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

# Everything is on disk: asking the network could only fail or hide a missing file.
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

# Classes of the dense decoders that Dyno writes; vLLM serves each by the same name.
SERVED = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}
SIZES = [
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "vocab_size",
]  # fmt: skip


def expected_parameters(config: dict) -> int:
    d, e = config["hidden_size"], config["head_dim"]
    heads = config["num_attention_heads"] + config["num_key_value_heads"]
    layer = 2 * d * e * heads + 3 * d * config["intermediate_size"]
    return config["num_hidden_layers"] * layer


def problems(path: Path) -> list[str]:
    written = json.loads(path.read_text())
    try:
        config = AutoConfig.from_pretrained(path.parent)
    except Exception as error:  # whatever transformers thinks of it
        return [f"does not load: {error}"]
    found = [
        f"{name} is {getattr(config, name)}, written was {written[name]}"
        for name in SIZES
        if getattr(config, name) != written[name]
    ]
    if not set(config.architectures or []) <= SERVED:
        found.append(f"vLLM serves no {config.architectures}")
    if written["num_attention_heads"] % written["num_key_value_heads"] != 0:
        found.append("KV heads do not divide the query heads")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    projections = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if name.endswith("_proj.weight")
    )
    if projections != expected_parameters(written):
        found.append(f"has {projections} parameters, expected {expected_parameters(written)}")
    return found


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    transformers.logging.set_verbosity_error()
    paths = sorted(path for folder in sys.argv[1:] for path in Path(folder).rglob("config.json"))
    if not paths:
        print(f"no config.json below {' '.join(sys.argv[1:])}", file=sys.stderr)
        return 2
    bad = 0
    for path in paths:
        found = problems(path)
        bad += bool(found)
        print(f"{'FAIL' if found else 'ok  '} {path.parent.name}" + "".join(f": {p}" for p in found))
    print(f"{len(paths) - bad} of {len(paths)} load in transformers {transformers.__version__}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
