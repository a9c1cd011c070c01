"""Compare Dyno with llama.cpp on this machine: `make peers`.

Both run the same shapes in the same dtype on as many threads, in turns: each block of a cell times
one of them and then the other, in random order, so that the machine's moods hit both alike. A cell's
ratio is the median of its blocks' ratios, with its exact order-statistic interval; throughputs are
medians with theirs. llama.cpp is built for this machine, with its weight repacking, and runs each
test with flash attention or without it, whichever is faster.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import scipy.stats

import llama
import random_model
from llama import Test

ROOT = Path(__file__).resolve().parents[2]
# What threads may still spin, or the memory controller still do, when a side has ended.
PAUSE_S = 0.05


@dataclass
class Group:
    """Tests of one model that are in memory together."""

    model: str
    dtype: str
    tests: list[Test]
    # Asked of the ratio and of the share of the floor, in the order of the tests.
    bars: list[tuple[float | None, float | None]]
    file: Path | None = None
    has_own_router: bool = False
    is_quick: bool = False


def groups(real: Path) -> list[Group]:
    one = "llama-3.2-1b"
    prefill, decode, eight = Test(512, 0), Test(0, 16), Test(0, 8, batch=8)
    deep, deep_eight = Test(0, 16, depth=4096), Test(0, 3, depth=4096, batch=8)
    # Ratio and share of the floor that are asked for: of decoding, of prompts in blocks, of the rest.
    one_token, blocks, many = (1, 0.88), (2, None), (1.3, 0.7)
    depths, none = [(1.8, 0.75)] * 2, (None, None)
    return [
        Group(one, "bf16", [prefill, decode], [many, one_token], is_quick=True),
        Group(one, "bf16", [eight, Test(0, 4, batch=32)], [many, many], is_quick=True),
        Group(one, "bf16", [deep, deep_eight], depths, is_quick=True),
        Group(one, "q8_0", [prefill, decode], [blocks, one_token], is_quick=True),
        Group(one, "q4_0", [prefill, decode], [blocks, one_token], is_quick=True),
        Group(one, "q4_k_m", [prefill, decode, eight], [blocks, one_token, none], is_quick=True),
        Group(one, "q6_k", [prefill, decode], [none, one_token], is_quick=True),
        Group(one, "f32", [prefill, decode], [none, one_token]),
        Group(one, "f16", [prefill, decode], [none] * 2),
        Group(one, "q8_0", [deep, eight], [depths[0], none]),
        Group(one, "q4_0", [eight, Test(0, 4, batch=32)], [none] * 2),
        Group(one, "q4_1", [prefill, decode], [none] * 2),
        Group("smollm2-135m", "q4_1", [prefill, Test(0, 64)], [none] * 2, file=real),
    ] + [
        # The file's router chooses on both sides: experts drawn by chance would be others.
        Group(
            "granite-3.1-1b-a400m", dtype, [prefill, decode, Test(0, 4, batch=8)],
            [(1, None), (1, 0.8), (1, None)], has_own_router=True,
        )
        for dtype in ["bf16", "q8_0", "q4_0"]
    ] + [
        Group(model, dtype, [prefill, decode, Test(0, 4, batch=8)], [none] * 3)
        for model in ["surefire-1b", "panda-1b", "qwen3-0.6b"]
        for dtype in ["bf16", "q8_0", "q4_0"]
    ]


@dataclass
class Cell:
    group: Group
    test: Test
    ours: list[float] = field(default_factory=list)  # seconds
    theirs: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)  # of the floor, by the limits around each run
    flash_attention: bool = False


def median_interval(values: list[float]) -> tuple[float, float]:
    """Between order statistics at 95%: exact whatever the distribution."""
    return tuple(scipy.stats.quantile_test(values, p=0.5).confidence_interval(0.95))


class Dyno:
    """`dyno bench --serve`, which runs a cell whenever it is asked to."""

    def __init__(
        self, executable: Path, group: Group, file: Path, tests: list[Test], threads: int
    ) -> None:
        test = tests[0]
        from_file = group.file or group.has_own_router
        command = [
            executable, "bench", *([file] if from_file else [group.model, "--dtype", group.dtype]),
            "--serve",
            "--threads", threads, "--prompt", ",".join(str(t.prompt) for t in tests),
            "--generate", ",".join(str(t.generate) for t in tests),
            "--depth", test.depth, "--batch", test.batch,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        names = [(cell["test"], cell["nSequences"]) for cell in self._read()["cells"]]
        self.cells = {t: names.index((t.name.split(",")[0], t.batch)) for t in tests}

    def _read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"dyno ended with {self.process.wait()}")
        return json.loads(line)

    def run(self, test: Test) -> tuple[float, float | None]:
        """Its seconds, and the least that the machine's limits right before and after would allow;
        none of a real file, whose types are mixed."""
        request = {"cell": self.cells[test], "runs": 1, "stretch": 0, "floor": True}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = self._read()
        return reply["seconds"][0], reply.get("floorS")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def processor(dyno: Path) -> str:
    return json.loads(subprocess.check_output([dyno, "host", "--output", "json"]))["processor"]


def measure(
    group: Group, models: Path, dyno: Path, threads: int, blocks: int, order: random.Random
) -> list[Cell]:
    file = group.file
    if not file:
        file = models / f"{group.model}-{group.dtype}.gguf"
        config = ROOT / "profiles" / "architectures" / f"{group.model}.json"
        random_model.write(config, group.dtype, file)
    model = llama.Model(file)
    settings = {(t.depth, t.batch) for t in group.tests}
    ours = {
        setting: Dyno(
            dyno, group, file, [t for t in group.tests if (t.depth, t.batch) == setting], threads
        )
        for setting in settings
    }
    cells = []
    for test in group.tests:
        runners = [llama.Runner(model, test, threads, flash) for flash in (False, True)]
        trials = [min(runner.seconds() for _ in range(2)) for runner in runners]
        theirs = runners.pop(trials.index(min(trials)))
        runners[0].close()
        cell = Cell(group, test, flash_attention=theirs.flash_attention)
        mine = ours[test.depth, test.batch]
        mine.run(test)

        def run_ours() -> None:
            seconds, floor = mine.run(test)
            cell.ours.append(seconds)
            if floor:
                cell.shares.append(floor / seconds)

        for _ in range(blocks):
            sides = [run_ours, lambda: cell.theirs.append(theirs.seconds())]
            order.shuffle(sides)
            for run in sides:
                time.sleep(PAUSE_S)
                run()
            if sys.stderr.isatty():
                print(
                    f"\r\033[K{group.model} {group.dtype} {test.name}: "
                    f"{len(cell.ours)} of {blocks}", end="", file=sys.stderr,
                )
        theirs.close()
        cells.append(cell)
    for server in ours.values():
        server.close()
    model.close()
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return cells


def ratios(cell: Cell) -> list[float]:
    return [theirs / ours for ours, theirs in zip(cell.ours, cell.theirs)]


def shares(cell: Cell) -> str:
    low, high = median_interval(cell.shares)
    return f"{statistics.median(cell.shares):.0%} ({low:.0%} – {high:.0%})"


def row(cell: Cell) -> str:
    def rate(seconds: list[float]) -> str:
        low, high = (cell.test.tokens / s for s in reversed(median_interval(seconds)))
        return f"{cell.test.tokens / statistics.median(seconds):.4g} ({low:.4g} – {high:.4g})"

    ratio = statistics.median(ratios(cell))
    low, high = median_interval(ratios(cell))
    bar_ratio, bar_share = cell.group.bars[cell.group.tests.index(cell.test)]

    def judged(text: str, value: float, bar: float | None) -> str:
        return text if bar is None else f"{text}{'' if value >= bar else f' (bar {bar:g})'}"

    name = cell.group.model + (" (real weights)" if cell.group.file else "")
    return (
        f"| {name} | {cell.group.dtype} | {cell.test.name} | {rate(cell.ours)} | "
        f"{rate(cell.theirs)}{' fa' if cell.flash_attention else ''} | "
        + judged(f"{ratio:.2f} ({low:.2f} – {high:.2f})", ratio, bar_ratio)
        + " | "
        + (judged(shares(cell), statistics.median(cell.shares), bar_share) if cell.shares else "")
        + " |"
    )


HEADER = """| model | dtype | test | Dyno, tok/s | llama.cpp, tok/s | ratio | of floor |
|---|---|---|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dyno", type=Path, required=True, help="the executable")
    parser.add_argument("--models", type=Path, required=True, help="folder for GGUF files")
    parser.add_argument("--real", type=Path, required=True, help="SmolLM2's GGUF file, of q4_1")
    parser.add_argument("--blocks", type=int, default=6, help="blocks of each cell, 6 or more")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="models and dtypes: llama-3.2-1b/q8_0,…")
    parser.add_argument("--quick", action="store_true", help="only what matters most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, help="a page whose table is replaced by this one")
    arguments = parser.parse_args()
    if arguments.blocks < 6:
        parser.error(f"--blocks: {arguments.blocks} are too few for an interval at 95%")
    arguments.models.mkdir(parents=True, exist_ok=True)
    chosen = [name for name in arguments.only.split(",") if name]
    order = random.Random(arguments.seed)
    lines, geometric = [HEADER], []
    print(HEADER, flush=True)
    for group in groups(arguments.real):
        if chosen and f"{group.model}/{group.dtype}" not in chosen and group.model not in chosen:
            continue
        if arguments.quick and not group.is_quick:
            continue
        for cell in measure(
            group, arguments.models, arguments.dyno, arguments.threads, arguments.blocks, order
        ):
            lines.append(row(cell))
            geometric.append(statistics.median(ratios(cell)))
            print(lines[-1], flush=True)
    version = importlib.metadata.version("llama-cpp-python")
    system = llama.api.llama_print_system_info().decode().strip()
    lines += [
        "",
        f"Geometric mean of the {len(geometric)} ratios: "
        f"{statistics.geometric_mean(geometric):.2f}; smallest {min(geometric):.2f}. "
        f"{date.today()}, {arguments.threads} threads, {arguments.blocks} blocks a cell, "
        f"{processor(arguments.dyno)}; llama-cpp-python {version} ({system}).",
    ]
    print("\n".join(lines[-2:]))
    if arguments.write:
        replace_table(arguments.write, lines)


def replace_table(page: Path, lines: list[str]) -> None:
    begin, end = "<!-- peers: begin -->\n", "<!-- peers: end -->\n"
    before, rest = page.read_text().split(begin)
    after = rest.split(end)[1]
    page.write_text(before + begin + "\n" + "\n".join(lines) + "\n\n" + end + after)


if __name__ == "__main__":
    main()
