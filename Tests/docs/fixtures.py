"""Makes the files that pages speak of, small, in a folder that commands then run in."""

import json
import os
import shutil
import struct
import subprocess

GRID = """architectures: [smollm2-135m]
dtype: [q8_0]
batch: [1]
depth: [0]
prompt: 16
generate: 4
repetitions: 1
threads: 1
"""


def make(folder, root, dyno):
    """Fills `folder`."""
    config = json.loads((root / "profiles/architectures/smollm2-135m.json").read_text())
    config |= {"num_hidden_layers": 4, "hidden_size": 512, "intermediate_size": 1280}
    config |= {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64}
    (folder / "my").mkdir()
    (folder / "my/config.json").write_text(json.dumps(config))
    shutil.copy(root / "Tests/Fixtures/gguf/llama-q4_0.gguf", folder / "model.gguf")
    for name in ("gate.json", "search.json"):
        shutil.copy(root / "Tests/report/results" / name, folder / name)
    for name in ("grid.yaml", "gqa.yaml"):
        (folder / name).write_text(GRID)
    write_tokens(folder / "text.npy", [1 + index * 7 % 50 for index in range(256)])
    write_runs(folder / "runs.csv")
    write_shapes(folder / "morph-fit.csv")
    write_served(folder / "vllm-serve")
    measure_host(folder, dyno)
    for name in ("grid", "gqa"):
        subprocess.run(
            [dyno, "sweep", f"{name}.yaml", "--store", f"{name}-0.db"],
            cwd=folder,
            check=True,
            capture_output=True,
        )


def measure_host(folder, dyno):
    """Operators and whole runs of this machine, as docs/calibration.md has them measured."""
    measured = folder / "host-measurements"
    measured.mkdir()
    for batch in ("1", "4"):
        done = subprocess.run(
            [dyno, "bench", "my/config.json", "smollm2-135m", "--prompt", "32", "--generate", "4"]
            + ["--depth", "0,64"]
            + ["--batch", batch, "--repetitions", "2", "--threads", "1", "--output", "json"]
            + ["--operators", f"host-measurements/operators-{batch}.csv"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        (measured / f"run-{batch}.json").write_bytes(done.stdout)
    # What `dyno calibrate --measure` keeps after minutes.
    files = [f"host-measurements/{name}" for name in sorted(os.listdir(measured))]
    subprocess.run(
        [dyno, "calibrate", "--device", "host", *files, "--write", "host"],
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
        check=True,
        capture_output=True,
    )


def write_served(folder):
    """Results of `vllm bench serve`: models of unlike layers, at two concurrencies each."""
    folder.mkdir()
    for model, speed in [("meta-llama/Llama-3.1-8B", 1.0), ("Qwen/Qwen2.5-1.5B", 3.0)]:
        for concurrency in (8, 32):
            served = {"request_rate": "inf", "completed": 4 * concurrency, "model_id": model}
            served |= {"max_concurrency": concurrency, "total_output_tokens": 1024 * concurrency}
            served |= {"total_input_tokens": 2048 * concurrency}
            served |= {"duration": 4 * (2.0 + 0.03 * concurrency) / speed}
            name = f"{model.split('/')[1]}-{concurrency}.json"
            (folder / name).write_text(json.dumps(served))


def write_tokens(path, tokens):
    """A NumPy file of 32-bit integers."""
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({len(tokens)},), }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    path.write_bytes(data + struct.pack(f"<{len(tokens)}i", *tokens))


def write_runs(path):
    """Training runs that follow Chinchilla's law, some percent off."""
    lines = ["parameters,tokens,loss"]
    for index in range(40):
        parameters = 5e7 * 2 ** (index % 8)
        tokens = 1e9 * 3 ** (index // 8)
        loss = 1.8 + 480 / parameters**0.35 + 2100 / tokens**0.37
        lines.append(f"{parameters:.0f},{tokens:.0f},{loss * (1 + 0.003 * (index * 7 % 5 - 2)):.5f}")
    path.write_text("\n".join(lines) + "\n")


def write_shapes(path):
    """Training runs of unlike depth and width."""
    lines = ["parameters,tokens,hidden_size,layers,loss"]
    for index in range(40):
        parameters = 8e7 * 1.6 ** (index % 5)
        tokens = 4e9 * 2 ** (index // 5 % 3)
        hidden, layers = 512 + 128 * (index % 4), 8 + 4 * (index % 3)
        loss = (2.5 + 1.1e5 / parameters**0.65 + 1.8e6 / tokens**0.65) * (
            1 + 9e-4 * (hidden / layers) ** 0.65
        )
        lines.append(
            f"{parameters:.0f},{tokens:.0f},{hidden},{layers},{loss * (1 + 0.002 * (index % 3 - 1)):.5f}"
        )
    path.write_text("\n".join(lines) + "\n")
