#!/usr/bin/env python3
"""Kills a sweep of tiny models with SIGKILL at random moments and resumes it each time.

Until each kill an observer notes every result that it can read in the store: those are committed,
and must be there, byte for byte, ever after. In the end every unit must be there exactly once.
"""

import os
import random
import sqlite3
import subprocess
import tempfile
import time

import tiny_sweep


def observe(store, process, seconds, seen):
    """Notes what others can read until it is time to kill; whether the sweep still ran then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            if tiny_sweep.is_there(store):
                seen.update(tiny_sweep.results(store))
        except sqlite3.OperationalError:
            pass  # being created at this moment
        time.sleep(0.003)
    return process.poll() is None


def main():
    parser = tiny_sweep.arguments(__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--blocks", type=int, default=5)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    seen, unsound, lost, changed, early, kills = {}, 0, 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        specification = tiny_sweep.write_specification(folder, options.blocks)
        store = os.path.join(folder, "sweep.db")
        expected = tiny_sweep.expected_units(options.dyno, specification, store)
        finished = False
        while kills < options.kills and not finished:
            process = subprocess.Popen(
                [options.dyno, "sweep", specification, "--store", store],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            alive = observe(store, process, moments.uniform(0, 1.5), seen)
            process.kill()
            process.wait()
            finished = not alive
            kills += alive
            if not tiny_sweep.is_there(store):
                early += 1
                continue
            unsound += not tiny_sweep.is_sound(store)
            now = tiny_sweep.results(store)
            lost += sum(uid not in now for uid in seen)
            changed += sum(now.get(uid, record) != record for uid, record in seen.items())
        after_kills = len(tiny_sweep.units(store))
        tiny_sweep.run(options.dyno, "sweep", specification, "--store", store)
        units = tiny_sweep.units(store)
        now = tiny_sweep.results(store)
        failed = len(now) - len(units)
        print(f"{kills} kills, {early} of them before the store was made; "
              f"{after_kills} of {len(expected)} units measured by then, "
              f"{len(seen)} results seen committed between kills")
        tiny_sweep.report("kill_nine", [
            (f"{kills} of {options.kills} kills hit a running sweep", kills == options.kills),
            (f"{unsound} stores fail the integrity check after a kill", unsound == 0),
            (f"{lost + sum(uid not in now for uid in seen)} committed results lost", lost == 0
             and all(uid in now for uid in seen)),
            (f"{changed} committed results changed", changed == 0),
            (f"{len(units) - len(set(units))} duplicates after the last resume",
             len(units) == len(set(units))),
            (f"{len(expected - set(units))} units missing, {len(set(units) - expected)} unexpected, "
             f"{failed} failed", set(units) == expected and failed == 0),
            ("the finished store passes the integrity check", tiny_sweep.is_sound(store)),
        ])


if __name__ == "__main__":
    main()
