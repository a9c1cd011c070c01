"""llama.cpp through its C API, driven as its own benchmarks drive it: random tokens, the cache's
depth from a real prompt, one call of llama_decode a step, synchronised before the clock is read."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from pathlib import Path

import llama_cpp as api
import numpy as np

UBATCH = 512  # llama-bench's default, and our chunk


@dataclass(frozen=True)
class Test:
    """`prompt` tokens read or `generate` tokens made, by each sequence, after `depth` cached ones."""

    prompt: int
    generate: int
    depth: int = 0
    batch: int = 1

    @property
    def tokens(self) -> int:
        return self.batch * (self.prompt + self.generate)

    @property
    def name(self) -> str:
        phase = f"pp{self.prompt}" if self.prompt else f"tg{self.generate}"
        depth = f" @ d{self.depth}" if self.depth else ""
        return phase + depth + (f", {self.batch} sequences" if self.batch > 1 else "")


@api.llama_log_callback
def quiet(level: int, text: bytes, _: object) -> None:
    if level >= 4:  # errors
        print(text.decode(errors="replace"), end="")


class Model:
    def __init__(self, file: Path) -> None:
        api.llama_log_set(quiet, ctypes.c_void_p(0))
        api.llama_backend_init()
        parameters = api.llama_model_default_params()
        self.model = api.llama_model_load_from_file(str(file).encode(), parameters)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {file}")
        self.vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))

    def close(self) -> None:
        api.llama_model_free(self.model)


class Runner:
    """One test's context, with its cache filled to the depth."""

    def __init__(self, model: Model, test: Test, threads: int, flash_attention: bool) -> None:
        self.model, self.test = model, test
        self.flash_attention = flash_attention
        positions = test.depth + test.prompt + test.generate
        parameters = api.llama_context_default_params()
        parameters.n_ctx = test.batch * ((positions + 255) // 256 * 256)
        parameters.n_batch = 2048
        parameters.n_ubatch = UBATCH
        parameters.n_seq_max = test.batch
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.flash_attn_type = 1 if flash_attention else 0
        parameters.kv_unified = False
        parameters.no_perf = True
        self.context = api.llama_init_from_model(model.model, parameters)
        if not self.context:
            raise RuntimeError(f"llama.cpp makes no context for {test.name}")
        self.memory = api.llama_get_memory(self.context)
        self.batch = api.llama_batch_init(max(parameters.n_batch, test.batch), 0, 1)
        self.random = np.random.default_rng(0)
        for start in range(0, test.depth, UBATCH):
            self._prefill(start, min(UBATCH, test.depth - start))
        if test.depth:
            for sequence in range(1, test.batch):
                api.llama_memory_seq_cp(self.memory, 0, sequence, -1, -1)
        api.llama_synchronize(self.context)

    def seconds(self) -> float:
        """Of one run; the cache is as before after it."""
        test = self.test
        start = time.perf_counter()
        for done in range(0, test.prompt, UBATCH):
            self._prefill(test.depth + done, min(UBATCH, test.prompt - done))
        for step in range(test.generate):
            self._decode(test.depth + step)
        api.llama_synchronize(self.context)
        elapsed = time.perf_counter() - start
        for sequence in range(test.batch):
            api.llama_memory_seq_rm(self.memory, sequence, test.depth, -1)
        return elapsed

    def _prefill(self, position: int, count: int) -> None:
        tokens = self.random.integers(0, self.model.vocabulary, count)
        for index in range(count):
            self._put(index, int(tokens[index]), position + index, 0, index == count - 1)
        self._run(count)

    def _decode(self, position: int) -> None:
        tokens = self.random.integers(0, self.model.vocabulary, self.test.batch)
        for sequence in range(self.test.batch):
            self._put(sequence, int(tokens[sequence]), position, sequence, True)
        self._run(self.test.batch)

    def _put(self, index: int, token: int, position: int, sequence: int, logits: bool) -> None:
        self.batch.token[index] = token
        self.batch.pos[index] = position
        self.batch.n_seq_id[index] = 1
        self.batch.seq_id[index][0] = sequence
        self.batch.logits[index] = logits

    def _run(self, count: int) -> None:
        self.batch.n_tokens = count
        status = api.llama_decode(self.context, self.batch)
        if status != 0:
            raise RuntimeError(f"llama_decode: {status}")

    def close(self) -> None:
        api.llama_batch_free(self.batch)
        api.llama_free(self.context)
