"""A sweep of tiny models that takes seconds, and how its store is looked at from outside."""

import argparse
import json
import os
import sqlite3
import subprocess

MODEL = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "head_dim": 16, "num_key_value_heads": 2, "vocab_size": 256,
    "tie_word_embeddings": True,
}

SPECIFICATION = """\
architectures:
  - base: tiny.json
    vary: {{hidden_size: [64, 96, 128], gqa: [1, 2, 4]}}
dtype: [bf16, q8_0]
prompt: 8
generate: 2
threads: 1
repetitions: 2
blocks: {blocks}
"""


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dyno", default=".build/release/dyno", help="the executable")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    return parser


def write_specification(folder, blocks):
    """The path of a specification with 36 units a block."""
    with open(os.path.join(folder, "tiny.json"), "w") as file:
        json.dump(MODEL, file)
    path = os.path.join(folder, "tiny.yaml")
    with open(path, "w") as file:
        file.write(SPECIFICATION.format(blocks=blocks))
    return path


def run(*command):
    """The outcome of a command that must end well."""
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {outcome.returncode}: {outcome.stderr}")
    return outcome.stdout


def expected_units(dyno, specification, store):
    """The (cell, block) pairs that a finished sweep holds."""
    rows = json.loads(run(dyno, "sweep", specification, "--store", store, "--list",
                          "--output", "json"))
    return {(row["cell"], row["block"]) for row in rows}


def query(store, text):
    connection = sqlite3.connect(f"file:{store}?mode=rw", uri=True, timeout=30)
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def results(store):
    """Every result's name and bytes."""
    return dict(query(store, "SELECT uid, record FROM results"))


def units(store):
    """The measured (cell, block) pairs, with repeats if there are any."""
    return query(store, "SELECT cell, block FROM results WHERE status = 'measured'")


def is_sound(store):
    return query(store, "PRAGMA integrity_check") == [("ok",)]


def is_there(store):
    """Whether the store has its tables already."""
    return os.path.exists(store) and bool(
        query(store, "SELECT 1 FROM sqlite_master WHERE name = 'results'"))


def report(name, checks):
    """Prints what was found; exit code 1 where something is wrong."""
    for text, good in checks:
        print(f"{'ok  ' if good else 'FAIL'} {text}")
    if not all(good for _, good in checks):
        raise SystemExit(f"{name}: failed")
