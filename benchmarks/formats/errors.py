#!/usr/bin/env python3
"""Prints the errors of docs/formats.md: of Dyno's quantisers and of llama.cpp's, on the same values.

    pip install -r Tests/Fixtures/formats/requirements.txt
    python benchmarks/formats/errors.py [path of llama.cpp's libggml-base.so]

Errors are root mean squares, relative to the values' own: of normally distributed values, and of
Laplace's, whose tails are longer. gguf-py dequantises what either quantised.
"""

import ctypes
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

KERNELS = pathlib.Path(__file__).resolve().parents[2] / "kernels"
# In the order of `dyno_dtype`, from Q8_0 on.
NAMES = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "MXFP4", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
         "Q6_K", "IQ4_XS"]
COUNT = 256 * 1024


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def dyno_library(folder):
    path = pathlib.Path(folder) / "kernels.so"
    sources = [str(KERNELS / name) for name in ("quantize.c", "scalar.c")]
    subprocess.run(["clang", "-O2", "-shared", "-fPIC", *sources, "-o", str(path), "-lm"], check=True)
    return ctypes.CDLL(str(path))


def llama_library():
    if len(sys.argv) > 1:
        return ctypes.CDLL(sys.argv[1])
    import llama_cpp

    return ctypes.CDLL(str(pathlib.Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))


def error(values, stored, kind):
    kept = quants.dequantize(stored.reshape(1, -1), kind).ravel().astype(np.float64)
    return np.sqrt(((kept - values) ** 2).mean() / (values.astype(np.float64) ** 2).mean())


def main():
    rng = np.random.default_rng(0)
    sets = [(make(size=COUNT) * 0.02).astype(np.float32) for make in (rng.standard_normal, rng.laplace)]
    with tempfile.TemporaryDirectory() as folder:
        dyno, llama = dyno_library(folder), llama_library()
        print("| format | bytes a weight | normal | llama.cpp | Laplace | llama.cpp |")
        print("|---|---|---|---|---|---|")
        for number, name in enumerate(NAMES):
            kind = Type[name]
            elements, size = gguf.GGML_QUANT_SIZES[kind]
            cells = []
            for values in sets:
                stored = np.zeros(COUNT // elements * size, np.uint8)
                dyno.dyno_quantize(3 + number, pointer(values), ctypes.c_size_t(COUNT), pointer(stored))
                cells.append(error(values, stored, kind))
                llama.ggml_quantize_chunk(
                    int(kind), pointer(values), pointer(stored), ctypes.c_int64(0),
                    ctypes.c_int64(COUNT // 256), ctypes.c_int64(256), None)
                cells.append(error(values, stored, kind))
            row = " | ".join(f"{100 * cell:.2f}%" for cell in cells)
            print(f"| {name.lower()} | {size / elements:.4g} | {row} |")


main()
