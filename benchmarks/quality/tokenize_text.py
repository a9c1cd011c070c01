"""Token ids of a text, for `dyno quality`.

    python benchmarks/quality/tokenize_text.py --tokenizer tokenizer.json text.txt text.npy

Writes a .npy file of uint16 or uint32, whichever the vocabulary needs, and prints the text's bytes
for `--bytes`. A tokenizer is a `tokenizer.json` as Hugging Face saves it beside a model, its folder,
or a GGUF file whose vocabulary is of byte-level BPE (`tokenizers` reads no GGUF itself: its tokens and
merges are taken from the file with the package gguf). With --lines every line is a document, written
as JSON, as lines differ in length.

No special tokens are added unless --special asks for them: they are no part of the text, and few
models were trained on one at the start of every window.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers


class Failure(Exception):
    """Input that cannot be used."""


# How texts are split before merges, by `tokenizer.ggml.pre`: as llama.cpp's and the models' own
# tokenizer.json say.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{%s}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def splitting(name: str) -> list[pre_tokenizers.PreTokenizer]:
    def by(pattern: str) -> pre_tokenizers.PreTokenizer:
        return pre_tokenizers.Split(Regex(pattern), behavior="isolated")

    if name in ("gpt-2", "default"):
        return [by(GPT2)]
    if name == "smollm":
        return [pre_tokenizers.Digits(individual_digits=True), by(GPT2)]
    if name in ("llama-bpe", "llama3"):
        return [by(LLAMA3 % "1,3")]
    if name in ("qwen2", "qwen"):
        return [by(LLAMA3 % "1")]
    raise Failure(f"splits texts as '{name}', which is not known here: use its tokenizer.json")


def from_gguf(path: Path) -> Tokenizer:
    try:
        import gguf
    except ImportError as error:
        raise Failure("a GGUF file needs the package gguf (pip install gguf)") from error
    fields = gguf.GGUFReader(path).fields

    def field(name: str):
        if name not in fields:
            raise Failure(f"{path}: has no {name}: use a tokenizer.json")
        return fields[name].contents()

    kind = field("tokenizer.ggml.model")
    if kind != "gpt2":
        raise Failure(f"{path}: its vocabulary is '{kind}', not byte-level BPE: use a tokenizer.json")
    vocabulary = {token: index for index, token in enumerate(field("tokenizer.ggml.tokens"))}
    merges = [tuple(merge.split(" ", 1)) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    try:
        steps = splitting(field("tokenizer.ggml.pre"))
    except Failure as failure:
        raise Failure(f"{path}: {failure}") from failure
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def load(path: Path) -> Tokenizer:
    if path.is_dir():
        path /= "tokenizer.json"
    if not path.is_file():
        raise Failure(f"{path}: does not exist")
    if path.suffix == ".gguf":
        return from_gguf(path)
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # what `tokenizers` raises has no type of its own
        raise Failure(f"{path}: is no tokenizer.json: {error}") from error


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, help="a text in UTF-8")
    parser.add_argument("output", type=Path, help=".npy, or .json with --lines")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--lines", action="store_true", help="every line is a document")
    parser.add_argument("--special", action="store_true", help="add special tokens")
    try:
        write(parser.parse_args())
    except (Failure, OSError, UnicodeDecodeError) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def write(options: argparse.Namespace) -> None:
    suffix = ".json" if options.lines else ".npy"
    if options.output.suffix != suffix:
        raise Failure(f"{options.output}: is not called *{suffix}")
    tokenizer = load(options.tokenizer)
    # As it is: Python would turn \r\n into \n, and bytes are counted.
    text = options.text.read_bytes().decode("utf-8")
    documents = text.splitlines() if options.lines else [text]
    ids = [
        encoding.ids
        for encoding in tokenizer.encode_batch(documents, add_special_tokens=options.special)
    ]
    count = sum(map(len, ids))
    if count == 0:
        raise Failure(f"{options.text}: gives no tokens")
    if options.lines:
        options.output.write_text(json.dumps([document for document in ids if document]))
    else:
        fits = tokenizer.get_vocab_size() <= 1 << 16
        np.save(options.output, np.array(ids[0], dtype=np.uint16 if fits else np.uint32))
    bytes_read = sum(len(document.encode()) for document in documents)
    print(f"{options.output}: {count} tokens; --bytes {bytes_read}")


if __name__ == "__main__":
    sys.exit(main())
