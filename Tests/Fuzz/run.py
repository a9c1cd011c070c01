#!/usr/bin/env python3
"""Fuzzes Dyno's readers, one a core: seeds from fixtures and profiles, a corpus that grows.

Writes a table of what ran. Exit code 1 where an input crashed a reader, took too long or too much
memory: it is kept, with the command that runs it again.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests/Fixtures"
PROFILES = ROOT / "profiles"

SECONDS_AN_INPUT = 10
MEBIBYTES = 1024
FAULTS = ("crash", "timeout", "oom")


def files(*patterns):
    for folder, pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            yield path.read_bytes()


def examples(suffix, *patterns):
    """Texts of tests and of the documentation that look like what a reader takes."""
    for folder, pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            text = path.read_text()
            blocks = re.findall(r'"""\n(.*?)"""', text, re.S) if suffix == "swift" else []
            blocks += re.findall(r"```(?:yaml|csv|json)\n(.*?)```", text, re.S)
            for block in blocks:
                lines = block.split("\n")
                indent = min((len(l) - len(l.lstrip()) for l in lines if l.strip()), default=0)
                yield "\n".join(line[indent:] for line in lines).replace("\\\n", "").encode()


def safetensors_headers(fixture):
    data = (FIXTURES / fixture / "model.safetensors").read_bytes()
    yield data[8 : 8 + int.from_bytes(data[:8], "little")]
    yield data[: 8 + int.from_bytes(data[:8], "little")]


def gguf_headers(folder="gguf", pattern="*.gguf"):
    """Up to the last tensor's name, shape, type and offset: zeros behind it do for weights."""
    for data in files((FIXTURES / folder, pattern)):
        end = max(data.rfind(b".weight"), data.rfind(b".bias")) + 64
        yield data[:end]


def stores():
    """Small stores as Dyno makes them: its statements, found in its sources."""
    schema = (ROOT / "Sources/4-measure/Store/StoreSchema.swift").read_text()
    fields = re.findall(r'\("(\w+)", "(\w+)"\)', schema)
    computed = ", ".join(
        f"{column} GENERATED ALWAYS AS (json_extract(record, '$.{path}')) VIRTUAL" for column, path in fields)
    creation = re.search(r'return """\n(.*?)"""', schema, re.S)[1]
    creation = re.sub(r"\\\(computed.*\)\n", lambda _: computed + "\n", creation)
    creation = creation.replace("\\(applicationID)", str(0x44594E4F)).replace("\\(version)", "1")
    record = json.dumps({
        "schema_version": 2, "model_type": "tiny", "type_weights": "bf16", "type_k": "f16", "n_sequences": 1,
        "n_depth": 0, "n_prompt": 16, "n_gen": 0, "n_threads": 1, "build_commit": "c0", "median_ts": 10.5,
        "samples_ns": [1, 2, 3]})
    yield b"SQLite format 3\0"
    with tempfile.TemporaryDirectory() as folder:
        for results in (0, 3):
            path = pathlib.Path(folder) / f"{results}.db"
            database = sqlite3.connect(path)
            database.execute("PRAGMA page_size = 512")
            database.executescript(creation)
            database.execute("INSERT INTO runs VALUES ('r', 'sweep', '2026-01-01T00:00:00.000Z', '{}')")
            database.execute("INSERT INTO cells VALUES ('a', '{}')")
            for block in range(results):
                database.execute(
                    "INSERT INTO results (uid, cell, block, run, status, finished_at, record) VALUES (?, 'a', ?, 'r', "
                    "'measured', '2026-01-01T00:00:00.000Z', ?)", (f"u{block}", block, record))
            database.commit()
            database.close()
            yield path.read_bytes()


def token_files():
    for descr, shape, size in (("<i8", "(4,)", 8), ("<u2", "(2, 2)", 2), ("<u4", "(4,)", 4)):
        header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
        numbers = b"".join(number.to_bytes(size, "little") for number in (1, 2, 3, 50256))
        yield b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + numbers
    yield b"[1, 2, 3]"
    yield b"[[1, 2], [], [3]]"


def training_tables():
    yield b"N,D,loss\n1e8,1e9,3.1\n2e8,4e9,2.9\n"
    yield b"name,d,f,L,H,K,e,tokens,loss,variant\na,512,2048,8,8,8,64,1e9,3.2,\nb,768,3072,12,12,4,64,2e9,3.0,x\n"
    yield b"config,tokens,loss,reference_loss,training_flop\nsmollm2-135m,1e9,3.2,3.1,1e18\n"


def measurements():
    gemm = b"framework,device,op_name,gemm_dtype,m,n,k,latency\n"
    for example in examples(
        "swift", (TESTS / "CostModelTests", "ImportTests.swift"),
        (TESTS / "CommandTests", "CostModelCommandTests.swift")):
        yield gemm + example if example.startswith(b"VLLM") else example
    yield gemm + b"".join(
        b"VLLM,A100,gemm,bfloat16,%d,%d,%d,%f\n" % (m, n, k, m * n * k * 1e-11)
        for m in (8, 128) for n in (128, 1024) for k in (128, 2048))
    yield (b"hardware,framework,model,input_output_length,batch_size,latency_s\n"
           b"A100,vLLM,meta-llama/Llama-3.2-1B,128,4,2.5\nA100,vLLM,x,1024,16,9.5\n")
    yield b'{"avg_latency": 9, "latencies": [2.0, 1.0, 3.0], "percentiles": {"50": 2.0}}'
    yield b'{"elapsed_time": 4.5, "num_requests": 10, "total_num_tokens": 2560}'
    yield (b'{"request_rate": "inf", "completed": 100, "max_concurrency": 20, "duration": 50.0, '
           b'"total_input_tokens": 12800, "total_output_tokens": 12800}')
    # By themselves: all of one are fitted at once.
    for file in ("throughput.json", "results.json", "results-llama-bench.json"):
        yield from (json.dumps(record).encode() for record in json.loads((FIXTURES / "reports" / file).read_text()))


def request_traces():
    yield b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:50.99,396,109\n"
    yield b"arrival_ms,input,output,prefix,prefix_tokens\n0,100,20,a,64\n12.5,90,3,,\n"
    yield b'{"arrival": 0, "input": 4, "output": 2, "prefix": "a", "prefix_tokens": 2}\n{"arrival": 1.5, "input": 4, "output": 2}\n'


def serving_runs():
    yield (b"backend,backend_version,model_path,system,precision,isl,osl,gemm_quant_mode,batch_size,tp_size,pp_size,"
           b"silicon_ttft_ms,silicon_tpot_ms\nvllm,0.14.0,meta-llama/Llama-3.1-8B,h100_sxm,bf16,1024,128,bfloat16,"
           b"4.0,1.0,1.0,259.9,10.2\n")
    texts = examples("swift", (TESTS / "ServingTests", "CalibrationTests.swift"), (TESTS / "CommandTests", "Serving*.swift"))
    yield from (text for text in texts if text.lstrip()[:1] in (b"{", b"["))
    yield (b'{"backend": "vllm", "model_id": "meta-llama/Llama-3.1-8B", "max_concurrency": 4, "completed": 40, '
           b'"num_prompts": 40, "total_input_tokens": 40960, "total_output_tokens": 5120, "mean_ttft_ms": 80.5, '
           b'"mean_tpot_ms": 9.5, "duration": 50.0, "request_rate": "inf"}')
    yield (b'{"benchmarks": [{"args": {"strategy": {"type_": "concurrent", "streams": 4}}, "metrics": '
           b'{"time_to_first_token_ms": {"successful": {"mean": 80.5, "count": 40}}, "time_per_output_token_ms": '
           b'{"successful": {"mean": 9.5}}, "prompt_token_count": {"successful": {"mean": 1024}}, '
           b'"output_token_count": {"successful": {"mean": 128}}}}]}')


def reports():
    """Records one by one: all of a kind are read alike."""
    for path in sorted((TESTS / "report/results").glob("*.json")):
        document = json.loads(path.read_text())
        records = document if isinstance(document, list) else [document]
        yield from (json.dumps(record).encode() for record in records[:3])


TESTS = ROOT / "Tests"
SEEDS = {
    "config": lambda: files((PROFILES / "architectures", "*.json"), (FIXTURES / "huggingface", "*/config*.json")),
    "safetensors": lambda: safetensors_headers("huggingface/granite"),
    "gguf": gguf_headers,
    "index": lambda: files((FIXTURES / "huggingface/llama-sharded", "*.index.json")),
    "csv": lambda: [b'a,b\r\n1,"x ""y"" \n"\r\n', *training_tables()],
    "json": lambda: files((FIXTURES / "reports", "*.json"), (PROFILES / "laws", "*.json"), (FIXTURES / "huggingface", "*/expected.json")),
    "yaml": lambda: examples("swift", (TESTS / "SweepsTests", "*.swift"), (TESTS / "SearchTests", "*.swift"), (ROOT / "docs", "*.md")),
    "training-table": training_tables,
    "gqa-losses": lambda: [b"gqa,loss\n1,2.8\n4,2.81\n8,2.85\n"],
    "measurements": measurements,
    "results": lambda: files((FIXTURES / "reports", "throughput.json"), (FIXTURES / "reports", "results.json")),
    "sweep-spec": lambda: examples("swift", (TESTS / "SweepsTests", "*.swift"), (ROOT / "docs", "sweeps.md")),
    "search-spec": lambda: examples("swift", (TESTS / "SearchTests", "*.swift"), (ROOT / "docs", "search.md")),
    "rule": lambda: [
        b"intermediate_size <= 4 * hidden_size", b"not (layers > 3 and gqa == 4) or hidden_size % 128 == 0",
        b"parameters / 1e9 < -2.5", b"min(layers, 3) >= max(1, query_heads)",
    ],
    "law": lambda: files((PROFILES / "laws", "*.json")),
    "device-profile": lambda: files((PROFILES / "devices", "*.json")),
    "commit-order": lambda: [b"0123456789abcdef0123456789abcdef01234567\nabcdef0 a subject\n"],
    "store": stores,
    "tokens": token_files,
    "gguf-part": lambda: gguf_headers("formats", "mixed-00002-of-00003.gguf"),
    "fp8": lambda: safetensors_headers("formats/fp8-block"),
    "request-trace": request_traces,
    "serving-runs": serving_runs,
    "host-constants": lambda: [
        b'{"format": "dyno-host-constants", "version": 1, "engine": "vllm", "origin": "runs", "constants": {"factor": 1.1, '
        b'"step": 0.001, "prefill": 0.002, "sequence": 1e-5, "request": 1e-3, "token": 1e-5}}'],
    "report": reports,
}
SEEDS["calibration"] = SEEDS["measurements"]


def write_seeds(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    words = set()
    longest = 4096
    for number, seed in enumerate(SEEDS[name]()):
        (folder / f"{number:03}").write_bytes(seed)
        longest = max(longest, len(seed) + 1024)
        words.update(re.findall(rb"[A-Za-z_][A-Za-z0-9_.-]{2,40}", seed))
    numbers = [b"0", b"-1", b"1e308", b"1e300", b"9223372036854775807", b"-9223372036854775808",
               b"18446744073709551615", b"NaN", b"null", b"true", b"[]", b"{}", b"../", b"/dev/zero"]
    dictionary = folder.parent / "dictionary"
    dictionary.write_text("".join(f'"{word.decode()}"\n' for word in sorted(words)[:2000] + numbers))
    return dictionary, longest


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def fuzz(fuzzer, name, amount, seed, corpora):
    folder = corpora / name
    corpus = folder / "corpus"
    faults = folder / "faults"
    for path in (corpus, faults):
        path.mkdir(parents=True, exist_ok=True)
    dictionary, longest = write_seeds(name, folder / "seeds")
    known = set(faults.iterdir())
    # Swift's own report of a crash would trace the process, and stop it until that is done.
    process = subprocess.run(
        [fuzzer, name, amount, f"-timeout={SECONDS_AN_INPUT}",
         f"-rss_limit_mb={MEBIBYTES}", f"-malloc_limit_mb={MEBIBYTES}", f"-max_len={longest}",
         "-print_final_stats=1", "-detect_leaks=0", "-use_value_profile=0", "-reload=0",
         f"-seed={seed}", f"-dict={dictionary}", f"-artifact_prefix={faults}/", corpus, folder / "seeds"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace",
        env={**os.environ, "SWIFT_BACKTRACE": "enable=no", "ASAN_OPTIONS": "detect_leaks=0"})
    (folder / "log").write_text(process.stderr)
    new = sorted(set(faults.iterdir()) - known)
    counts = {kind: sum(path.name.startswith(kind) for path in new) for kind in FAULTS}
    if process.returncode and not new:
        counts["crash"] += 1
        print(process.stderr[-2000:], file=sys.stderr)
    inputs = number(r"stat::number_of_executed_units:\s*(\d+)", process.stderr) or number(r"#(\d+)\s", process.stderr)
    peak = number(r"stat::peak_rss_mb:\s*(\d+)", process.stderr) or number(r"rss: (\d+)Mb", process.stderr)
    lines = [f"{name:<16}{inputs:>12,}{counts['crash']:>9}{counts['timeout']:>7}{counts['oom']:>12}{peak:>10} MiB"]
    lines += [f"  again: SWIFT_BACKTRACE=enable=no {os.path.relpath(fuzzer)} {name} {os.path.relpath(path)}" for path in new]
    print("\n".join(lines), flush=True)
    return sum(counts[kind] for kind in ("crash", "timeout", "oom"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fuzzer", required=True, type=pathlib.Path)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--seconds", type=int, default=10, help="of each reader")
    amount.add_argument("--inputs", type=int, help="of each reader, however long they take")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="readers at a time")
    parser.add_argument("--corpora", type=pathlib.Path, default=ROOT / ".build-fuzz-corpora")
    parser.add_argument("readers", nargs="*", choices=[[], *SEEDS], help="default: all")
    options = parser.parse_args()
    print(f"{'reader':<16}{'inputs':>12}{'crashes':>9}{'hangs':>7}{'over 1 GiB':>12}{'peak':>14}")
    amount = f"-runs={options.inputs}" if options.inputs else f"-max_total_time={options.seconds}"
    fuzzer, corpora = options.fuzzer.resolve(), options.corpora.resolve()
    # Threads that wait for processes: a reader's line comes when it is done.
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as jobs:
        faults = sum(jobs.map(
            lambda name: fuzz(fuzzer, name, amount, options.seed, corpora), options.readers or SEEDS))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
