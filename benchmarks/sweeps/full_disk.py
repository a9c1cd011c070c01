#!/usr/bin/env python3
"""Runs a sweep of tiny models on disks that fill up (small tmpfs; needs root), then makes room and
resumes.

The sweep must stop with exit code 70 and one line; the store must be sound and hold everything that
was committed, before and after the resume.
"""

import os
import shutil
import subprocess
import tempfile

import tiny_sweep


def committed_results(store, folder):
    """What a full disk holds, read from a copy: SQLite needs room even to read a log."""
    copy = tempfile.mkdtemp(dir=folder)
    for suffix in ["", "-wal"]:
        if os.path.exists(store + suffix):
            shutil.copy(store + suffix, copy)
    store = os.path.join(copy, os.path.basename(store))
    if not tiny_sweep.is_there(store):
        return {}, True
    return tiny_sweep.results(store), tiny_sweep.is_sound(store)


def fill(dyno, specification, store, folder, checks, size):
    """Sweeps until the disk is full; what the store holds then."""
    outcome = subprocess.run(
        [dyno, "sweep", specification, "--store", store], capture_output=True, text=True)
    lines = outcome.stderr.splitlines()
    checks.append((f"{size} KiB: stops with exit code {outcome.returncode}: {lines}",
                   outcome.returncode == 70 and len(lines) == 1))
    results, sound = committed_results(store, folder)
    checks.append((f"{size} KiB: sound with {len(results)} results on the full disk", sound))
    return results


def main():
    options = tiny_sweep.arguments(__doc__).parse_args()
    checks = []
    with tempfile.TemporaryDirectory() as folder:
        specification = tiny_sweep.write_specification(folder, 1)
        disk = os.path.join(folder, "disk")
        os.mkdir(disk)
        for size in [16, 100, 200, 300, 450, 600]:
            tiny_sweep.run("mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk)
            try:
                store = os.path.join(disk, "sweep.db")
                expected = tiny_sweep.expected_units(options.dyno, specification, store)
                committed = fill(options.dyno, specification, store, folder, checks, size)
                again = fill(options.dyno, specification, store, folder, checks, size)
                tiny_sweep.run("mount", "-o", "remount,size=64m", disk)
                tiny_sweep.run(options.dyno, "sweep", specification, "--store", store)
                units = tiny_sweep.units(store)
                now = tiny_sweep.results(store)
                kept = all(now.get(uid) == record
                           for uid, record in [*committed.items(), *again.items()])
                checks.append((
                    f"{size} KiB: {len(committed)} committed results kept, "
                    f"{len(units) - len(set(units))} duplicates, "
                    f"{len(expected ^ set(units))} of {len(expected)} units missing or unexpected "
                    "after the resume",
                    kept and len(units) == len(set(units)) and set(units) == expected
                    and tiny_sweep.is_sound(store)))
            finally:
                tiny_sweep.run("umount", disk)
    tiny_sweep.report("full_disk", checks)


if __name__ == "__main__":
    main()
