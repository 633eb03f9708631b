"""Runs the sweeps and counts the trials; exits with 1 if anything was violated.

`FAULTS=ci` takes evenly spread parts of each sweep. A sweep that a machine does not allow is skipped, and reported.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import full
import joined
import points
import power
import race
import signals
import sweeps
import world
from tally import Pool, Tally

BOUNDED = os.environ.get("FAULTS") == "ci"
WORKERS = int(os.environ.get("FAULTS_WORKERS", os.cpu_count() or 1))


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
    tally = Tally(traced=bool(os.environ.get("FAULTS_TRACE")))
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
