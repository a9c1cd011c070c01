#!/usr/bin/env python3
"""Kills a sweep of tiny models with SIGKILL and resumes it, again and again: half of the times at a
random moment, half of the times within 20 ms after a cell's process ended, when its result is stored.

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


class Sweep:
    """A sweep that gets killed, and what was seen of its store."""

    def __init__(self, dyno, folder, moments):
        self.dyno, self.folder, self.moments = dyno, folder, moments
        self.specification = tiny_sweep.write_specification(folder, 1)
        self.totals = dict.fromkeys(
            ["sweeps", "committed", "early", "unsound", "lost", "changed", "duplicates", "wrong"], 0)
        self.begin()

    def begin(self):
        """A new store."""
        self.totals["sweeps"] += 1
        self.store = os.path.join(self.folder, f"sweep-{self.totals['sweeps']}.db")
        self.expected = tiny_sweep.expected_units(self.dyno, self.specification, self.store)
        self.seen = {}

    def kill(self, aimed):
        """Resumes the sweep and kills it; whether it still ran then."""
        process = subprocess.Popen(
            [self.dyno, "sweep", self.specification, "--store", self.store],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if aimed:
            self.until_a_cell_ended(process)
            time.sleep(self.moments.uniform(0, 0.02))
        else:
            self.observe(process, time.monotonic() + self.moments.uniform(0, 5))
        alive = process.poll() is None
        process.kill()
        process.wait()
        self.check()
        return alive

    def observe(self, process, end):
        while time.monotonic() < end and process.poll() is None:
            self.look()
            time.sleep(0.01)

    def until_a_cell_ended(self, process):
        """Looks at the store while the first cell runs, which writes nothing, then at the process."""
        path = f"/proc/{process.pid}/task/{process.pid}/children"
        cells = self.moments.randint(1, 2)
        child = ""
        while process.poll() is None and cells > 0:
            with open(path) as file:
                now = file.read().strip()
            if child and now != child:
                cells -= 1
            if now and now != child:
                self.look()
            child = now
            time.sleep(0.0005)

    def look(self):
        try:
            if tiny_sweep.is_there(self.store):
                self.seen.update(tiny_sweep.results(self.store))
        except sqlite3.OperationalError:
            pass  # being created at this moment

    def check(self):
        if not tiny_sweep.is_there(self.store):
            self.totals["early"] += 1
            return
        self.totals["unsound"] += not tiny_sweep.is_sound(self.store)
        now = tiny_sweep.results(self.store)
        self.totals["lost"] += sum(uid not in now for uid in self.seen)
        self.totals["changed"] += sum(now.get(uid, record) != record
                                      for uid, record in self.seen.items())
        self.seen.update(now)

    def finish(self):
        """Lets the sweep run to its end, and counts what is wrong then."""
        tiny_sweep.run(self.dyno, "sweep", self.specification, "--store", self.store)
        self.totals["committed"] += len(self.seen)
        self.check()
        units = tiny_sweep.units(self.store)
        self.totals["duplicates"] += len(units) - len(set(units))
        self.totals["wrong"] += len(set(units) ^ self.expected)
        self.totals["wrong"] += len(tiny_sweep.results(self.store)) - len(units)


def main():
    parser = tiny_sweep.arguments(__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of either kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sweep = Sweep(options.dyno, folder, random.Random(options.seed))
        kills = {False: 0, True: 0}
        while min(kills.values()) < options.kills:
            aimed = kills[True] < kills[False]
            if sweep.kill(aimed):
                kills[aimed] += 1
            else:  # it had ended by itself
                sweep.finish()
                sweep.begin()
        sweep.finish()
    totals = sweep.totals
    print(f"{kills[False]} kills at random moments ({totals['early']} before there was a store), "
          f"{kills[True]} while a result was being stored; {totals['sweeps']} sweep(s) of "
          f"{len(sweep.expected)} units; {totals['committed']} results committed between kills")
    tiny_sweep.report("kill_nine", [
        (f"{totals['unsound']} times the integrity check failed", totals["unsound"] == 0),
        (f"{totals['lost']} committed results lost", totals["lost"] == 0),
        (f"{totals['changed']} committed results changed", totals["changed"] == 0),
        (f"{totals['duplicates']} duplicates after the last resume", totals["duplicates"] == 0),
        (f"{totals['wrong']} units missing, unexpected or failed then", totals["wrong"] == 0),
    ])


if __name__ == "__main__":
    main()
