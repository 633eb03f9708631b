"""Runs the sweeps and counts the trials; exits with 1 if anything was violated.

`FAULTS=ci` takes evenly spread parts of each sweep. A sweep that a machine does not allow is skipped, and reported.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import check
import full
import joined
import points
import power
import race
import signals
import sweeps
import world

BOUNDED = os.environ.get("FAULTS") == "ci"
WORKERS = int(os.environ.get("FAULTS_WORKERS", os.cpu_count() or 1))

# Errors that end a trial but not the sweep: a violation, or a machine that did not do what the trial asked for.
TRIAL_FAILED = (check.Violation, AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError)


class Tally:
    """What passed and what failed."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def skip(self, what, reason):
        self.skipped += 1
        print(f"SKIPPED {what}: {reason}", flush=True)

    def sweep(self, title, pool, faults, trial, shown):
        """Tries every fault, several at a time, and prints how they ended."""
        begun, endings, failures = time.monotonic(), Counter(), []

        def one(fault):
            slot = pool.take()
            try:
                endings[trial(slot, fault)] += 1
            except TRIAL_FAILED as error:
                failures.append(f"{shown(fault)}: {error}")
                if os.environ.get("FAULTS_TRACE"):
                    traceback.print_exc()
            finally:
                pool.give(slot)

        with ThreadPoolExecutor(len(pool)) as workers:
            list(workers.map(one, faults))
        self.passed += len(faults) - len(failures)
        self.failed += len(failures)
        ended = ", ".join(f"{count} {how}" for how, count in sorted(endings.items()))
        print(f"{title}\n  {ended}; {len(failures)} violations; {time.monotonic() - begun:.0f} s", flush=True)
        for failure in failures[:20]:
            print(f"  VIOLATION {failure}", flush=True)
        return endings

    def must(self, holds, what):
        """A condition on a sweep as a whole."""
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        if not holds:
            print(f"  VIOLATION {what}", flush=True)

    def try_one(self, title, trial):
        """A single trial of a sweep that prints itself."""
        try:
            trial()
            self.passed += 1
        except TRIAL_FAILED as error:
            self.failed += 1
            print(f"  VIOLATION {title}: {error}", flush=True)

    def one(self, title, trial):
        """A single trial, which says how it ended."""
        begun = time.monotonic()
        try:
            ended = trial()
            self.passed += 1
            print(f"{title}\n  {ended}; {time.monotonic() - begun:.0f} s", flush=True)
        except TRIAL_FAILED as error:
            self.failed += 1
            print(f"{title}\n  VIOLATION {error}", flush=True)


class Pool:
    """Slots that are used at the same time."""

    def __init__(self, slots):
        self.slots, self.free = slots, Queue()
        for slot in slots:
            self.free.put(slot)

    def __len__(self):
        return len(self.slots)

    def any(self):
        return self.slots[0]

    def take(self):
        return self.free.get()

    def give(self, slot):
        self.free.put(slot)


def pools(folder):
    def pool(name, published):
        return Pool([world.Slot(folder / f"{name}{index}", published) for index in range(WORKERS)])

    return {"over a base": pool("base", True), "first publication": pool("first", False)}


def seeds(tally):
    """Runs the same commit code over a storage in memory that fails, in orders decided by seeds."""
    if BOUNDED:
        tally.skip("seeds", "the bounded form leaves them to `make test`, which tries a thousand")
        return
    command = ["cargo", "test", "--release", "--locked", "-p", "vtr", "--lib", "publish::tests::seeded", "--", "--nocapture"]
    tried = subprocess.run(command, cwd=world.ROOT, env=os.environ | {"FAULT_SEEDS": "100000"}, capture_output=True, text=True)
    counted = [line for line in tried.stdout.splitlines() if "seeds: " in line]
    print("\n".join(counted), flush=True)
    tally.must(tried.returncode == 0 and counted, (tried.stdout + tried.stderr)[-2000:])


def main(asked):
    sweeps_known = ["kill", "errors", "full", "power", "race", "seeds", "signals", "joined"]
    unknown = [name for name in asked if name not in sweeps_known]
    if unknown:
        sys.exit(f"no such sweep: {', '.join(unknown)}; there are {', '.join(sweeps_known)}")
    if not world.VTR.exists():
        sys.exit(f"{world.VTR} is not built; run `make build`")
    asked = asked or sweeps_known
    folder = Path(tempfile.mkdtemp(prefix="vtr-faults-"))
    tally = Tally()
    try:
        untraceable = points.can_trace()
        slots = pools(folder)
        few = (lambda count: count) if BOUNDED else (lambda count: None)
        for name, sweep in (("kill", lambda: sweeps.kill(slots, tally, few(60))), ("errors", lambda: sweeps.refuse(slots, tally, few(120)))):
            if name in asked:
                tally.skip(name, untraceable) if untraceable else sweep()
        if "full" in asked:
            full.sweep(slots, tally, few(6))
        if "power" in asked:
            tally.skip("power", untraceable) if untraceable else power.sweep(slots, tally, few(16))
        if "race" in asked:
            race.sweep(folder, tally, 30 if BOUNDED else 200)
        if "seeds" in asked:
            seeds(tally)
        if "joined" in asked:
            pool = lambda name, published: Pool([joined.Joined(folder / f"joined-{name}{index}", published) for index in range(WORKERS)])
            joined.sweep({"over a base": pool("base", True), "first publication": pool("first", False)}, tally, untraceable, BOUNDED)
        if "signals" in asked:
            signals.sweep(folder, slots, tally, untraceable, BOUNDED)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{tally.passed} passed, {tally.failed} failed" + (f", {tally.skipped} skipped" if tally.skipped else ""))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
