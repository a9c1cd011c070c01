"""Each storage format beside llama.cpp on a real model: `make formats`.

llama.cpp requantises SmolLM2-135M-Instruct to each format; both engines read the file and the same real
text. Between their logits, the table gives the relative error, the mean Kullback–Leibler divergence
of the next token's distribution, and how often both prefer the same token; and for each engine the
loss on the text. Where a row of the model does not fill a format's blocks, llama.cpp takes the next
larger format for it, so most files are mixed.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import llama_cpp as api
import numpy as np

import llama

TOKENS = Path(__file__).resolve().parents[2] / "Tests" / "real" / "text_tokens.txt"
CONTEXT = 512
# By the names of llama.cpp's llama-quantize.
FORMATS = [
    "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K_M", "Q4_K_S", "Q4_K_M",
    "Q5_K_M", "Q6_K", "IQ4_NL", "IQ4_XS",
]  # fmt: skip


def requantise(source: Path, name: str, destination: Path) -> None:
    parameters = api.llama_model_quantize_default_params()
    parameters.ftype = getattr(api, f"LLAMA_FTYPE_MOSTLY_{name}")
    parameters.allow_requantize = True
    if api.llama_model_quantize(
        str(source).encode(), str(destination).encode(), ctypes.byref(parameters)
    ):
        raise SystemExit(f"llama.cpp does not quantise to {name}")


def llama_logits(file: Path, tokens: list[int]) -> np.ndarray:
    """Logits after each token of one sequence."""
    model = llama.Model(file)
    parameters = api.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = CONTEXT
    parameters.n_threads = parameters.n_threads_batch = 2
    context = api.llama_init_from_model(model.model, parameters)
    batch = api.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, True
        batch.seq_id[i][0] = 0
    if api.llama_decode(context, batch):
        raise SystemExit(f"llama.cpp cannot run {file}")
    values = np.ctypeslib.as_array(
        api.llama_get_logits(context), (len(tokens), model.vocabulary)
    ).astype(np.float64)
    api.llama_batch_free(batch)
    api.llama_free(context)
    model.close()
    return values


def dyno_logits(dyno: Path, file: Path, tokens: list[int]) -> np.ndarray:
    text = ",".join(map(str, tokens))
    with tempfile.TemporaryFile() as output:
        subprocess.run(
            [dyno, "logits", file, "--tokens", text, "--all-positions", "--output", "npy",
             "--cache-dtype", "f16"],
            stdout=output, check=True,
        )  # fmt: skip
        output.seek(0)
        return np.load(output).astype(np.float64)


def log_probabilities(values: np.ndarray) -> np.ndarray:
    shifted = values - values.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dyno", type=Path, required=True, help="the executable")
    parser.add_argument("--real", type=Path, required=True, help="SmolLM2's GGUF file")
    parser.add_argument("--parts", type=int, default=4, help=f"contexts of {CONTEXT} tokens")
    arguments = parser.parse_args()
    api.llama_log_set(llama.quiet, ctypes.c_void_p(0))
    tokens = [int(word) for word in TOKENS.read_text().split()]
    parts = [tokens[i : i + CONTEXT] for i in range(0, len(tokens), CONTEXT)][: arguments.parts]
    print(
        f"{sum(map(len, parts))} tokens in contexts of {CONTEXT}, SmolLM2-135M-Instruct, requantised by "
        "llama.cpp\n\n| format | bytes a weight | relative error | KL divergence | top-1 agreement | "
        "loss, Dyno | loss, llama.cpp |\n|---|---|---|---|---|---|---|"
    )
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMATS:
            file = Path(folder) / "model.gguf"
            requantise(arguments.real, name, file)
            squares = norm = divergence = 0.0
            agreed = positions = predicted = 0
            losses = [0.0, 0.0]
            for part in parts:
                ours = dyno_logits(arguments.dyno, file, part)
                theirs = llama_logits(file, part)
                squares += ((ours - theirs) ** 2).sum()
                norm += (theirs**2).sum()
                agreed += (ours.argmax(-1) == theirs.argmax(-1)).sum()
                positions += len(part)
                p, q = log_probabilities(theirs), log_probabilities(ours)
                divergence += (np.exp(p) * (p - q)).sum()
                predicted += len(part) - 1
                for side, values in enumerate([q, p]):
                    losses[side] -= values[np.arange(len(part) - 1), part[1:]].sum()
            weights = file.stat().st_size / 134_515_008
            print(
                f"| {name} | {weights:.3f} | {(squares / norm) ** 0.5:.1e} | "
                f"{divergence / positions:.1e} | {agreed / positions:.2%} | "
                f"{losses[0] / predicted:.4f} | {losses[1] / predicted:.4f} |",
                flush=True,
            )
            failed |= divergence / positions > 0.02
    if failed:
        print("the two engines differ by more than rounding", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
