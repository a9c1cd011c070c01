"""Runs the commands of README and docs: `run.py --dyno .build/release/dyno [PAGE…]`.

Every `dyno` command of a code block is checked for options that exist; those that can run here do, with
the small substitutes of substitutes.py, in a folder with the files of fixtures.py. Every `make` command
must name a target. Links, and workflows that pages show, are checked too. Ends with 1 where anything fails.
"""

import argparse
import glob
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

import commands
import fixtures
import links
import options
import substitutes
import workflows

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 300


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dyno", required=True, type=pathlib.Path)
    parser.add_argument("--parse-only", action="store_true", help="run nothing")
    parser.add_argument("pages", nargs="*", help="only pages whose path contains one of these")
    arguments = parser.parse_args()
    dyno = str(arguments.dyno.resolve())
    pages = [
        page
        for page in commands.pages(ROOT)
        if not arguments.pages or any(part in str(page) for part in arguments.pages)
    ]
    shown = [
        command
        for page in pages
        for command in commands.commands(page, ROOT)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        complaints = links.check(pages) + workflows.check(ROOT, folder)
        complaints += check(shown, dyno, folder, arguments.parse_only)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    sys.exit(1 if complaints else 0)


def check(shown, dyno, folder, parse_only):
    """Checks commands and runs them in `folder`; the complaints."""
    known = options.Options(dyno)
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    complaints, ran, parsed = [], 0, []
    if not parse_only:
        fixtures.make(folder, ROOT, dyno)
    for command in shown:
        if command.words[0] == "make":
            complaints += missing_targets(command, targets)
            continue
        complaint = known.complaint(command.words)
        if complaint:
            complaints.append(f"{command.place}: {complaint}")
            continue
        reason = substitutes.reason_to_parse_only(command)
        if command.is_synopsis or parse_only:
            reason = reason or "says what a reader fills in"
        if reason:
            parsed.append(f"{command.place}: {command.text[:70]} ({reason})")
            continue
        complaints += run(command, dyno, folder)
        ran += 1
    print(f"{len(shown)} commands: {ran} ran, {len(parsed)} were checked for their options only:")
    for line in parsed:
        print("  " + line)
    return complaints


def missing_targets(command, targets):
    named = [word for word in command.words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
    if command.words[1:2] == ["-C"]:
        named = named[1:]
    return [f"{command.place}: make has no target {word}" for word in named if word not in targets]


def run(command, dyno, folder):
    words = []
    for word in substitutes.substituted(command, dyno):
        words += sorted(glob.glob(word, root_dir=folder)) or [word] if "*" in word else [word]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "SLURM_ARRAY_TASK_ID": "0"}
    began = time.monotonic()
    try:
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        code, errors = done.returncode, done.stderr
    except subprocess.TimeoutExpired:
        code, errors = -1, f"was not done after {PATIENCE} seconds"
        return [f"{command.place}: {shlex.join(words)}: {errors}"]
    print(f"{time.monotonic() - began:6.1f} s  {command.place}: {command.text[:90]}", flush=True)
    keep_output(command, folder, done.stdout)
    if code == 0 or code in substitutes.ALLOWED.get(command.words[1], set()):
        return []
    return [f"{command.place}: {shlex.join(words)}\n    ended with {code}: {errors.strip()[-500:]}"]


def keep_output(command, folder, text):
    """What a page sends to a file with >, later commands read."""
    if command.target:
        (folder / command.target).write_text(text)


if __name__ == "__main__":
    main()
