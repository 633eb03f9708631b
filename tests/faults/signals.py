"""SIGINT and SIGTERM at every call of the publish phase, and at moments all over a longer run.

Each time it checks the exit code, that the process ends within a second, that the published version is the old one
untouched or the new one whole, and that a message says which.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter

import check
import points
import sweeps
import world

NAMES = {signal.SIGINT: "INT", signal.SIGTERM: "TERM"}


def says(said, number, old, new):
    """Checks the message, which must say whether the new version is published."""
    check.must(f"stopped by signal {int(number)}" in said, f"the message: {said!r}")
    published = re.search(r"version (\d+) (is published|was just being published)", said)
    if published is None:
        check.must("nothing was published" in said and old, f"a new version holds, but it said: {said}")
    elif "is published" in published.group():
        check.must(new, f"the old version holds, but it said: {said}")


def at_calls(pool, tally, most):
    # Calls that every thread makes when it begins and ends are left out; each would give two signals.
    every = [point for point in sweeps.phase(pool.any()) if point[0] in sweeps.REFUSALS]
    chosen = [(point, list(NAMES)[index % 2]) for index, point in enumerate(points.spread(every, most))]

    def trial(slot, fault):
        (kind, number, _), name = fault
        slot.reset()
        code, _, said = slot.run(prefix=points.inject(kind, f"signal={NAMES[name]}:when={number}"))
        stands = check.output(slot)
        check.must(code in (0, 128 + name), f"ended with {code}: {said}")
        if code:
            says(said, name, stands < slot.last, stands == slot.last)
        else:
            check.must(stands == slot.last, "ended with 0 without publishing")
        left = [name for _, folders, names in os.walk(slot.out) for name in folders + names if name.startswith(".tmp-")]
        check.must(not left, f"left {left}")
        check.converge(slot, world.vtr)
        return f"{'stopped' if code else 'ended well'}, {'new' if stands == slot.last else 'old'} version"

    title = f"signals at calls: {len(chosen)} of {len(every)} calls of the publish phase"
    endings = tally.sweep(title, pool, chosen, trial, lambda fault: f"SIG{NAMES[fault[1]]} at {fault[0][0]} {fault[0][1]}({fault[0][2][:120]}")
    for ending in ("stopped, old version", "stopped, new version"):
        tally.must(endings[ending] > 0, f"no call gave: {ending}")


class Started:
    """A process that will be stopped."""

    def __init__(self, *args, cwd=None):
        self.process = subprocess.Popen(
            [str(world.VTR), *map(str, args)], cwd=cwd, env=world.ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def stop(self, after, *names):
        """Sends signals; returns the exit code, the output, and the seconds until the process ended. No seconds if it
        had ended before."""
        try:
            self.process.wait(after)
            return self.process.returncode, self.process.stderr.read().decode(), None
        except subprocess.TimeoutExpired:
            pass
        begun = time.monotonic()
        for name in names:
            self.process.send_signal(name)
            time.sleep(0.02 * (len(names) > 1))
        self.process.wait(60)
        return self.process.returncode, self.process.stderr.read().decode(), time.monotonic() - begun


class History:
    """A generated history, published once as of an earlier day."""

    def __init__(self, folder, rows):
        self.folder, self.out = folder, folder / "out"
        folder.mkdir(parents=True)
        code, said, error = world.vtr("gen", "--rows", rows, "--seed", 5, "--files", 6, folder / "history", timeout=600)
        assert code == 0, error
        as_of = said.strip().splitlines()[-1]
        self.write("job.toml", "history/shipments/*.parquet", as_of)
        self.write("base.toml", "history/shipments/*.parquet", 'as_of = "2024-06-30"')
        code, _, error = world.vtr("run", folder / "base.toml", "--quiet", timeout=600)
        assert code == 0, error
        shutil.copytree(self.out / "_log", folder / "log")
        begun = time.monotonic()
        # The output is elsewhere, to learn how long a run takes and what it publishes.
        code, _, error = world.vtr("run", folder / "job.toml", "--quiet", "--out", folder / "alone", timeout=600)
        assert code == 0, error
        self.seconds = time.monotonic() - begun
        self.expected = check.manifests(folder / "alone")[1]["tables"]

    def write(self, name, path, as_of):
        (self.folder / name).write_text(
            f'name = "faults"\n{as_of}\n[[input]]\npath = "{path}"\n[output]\npath = "out"\n[limits]\nmax_vanished_weeks = 999\n'
        )

    def renew(self):
        """Restores the base: a published version may be removed with its manifest here, because nobody else reads it."""
        for name in ("_log", "_snapshots", "_runs"):
            shutil.rmtree(self.out / name, ignore_errors=True)
        (self.out / "current").unlink(missing_ok=True)
        shutil.copytree(self.folder / "log", self.out / "_log")

    def after(self):
        """Returns the current version: the base or exactly what a separate run publishes."""
        found = check.manifests(self.out)
        for manifest in found.values():
            check.whole(self.out, manifest)
        check.current(self.out, found)
        last = found[max(found)]
        if last["version"] > 1:
            named = lambda tables: {name: [file["path"] for file in files] for name, files in tables.items()}
            check.must(named(last["tables"]) == named(self.expected), "the new version is not what a run on its own publishes")
        return last["version"]


def quickly(seconds):
    check.must(seconds < 1, f"took {seconds:.2f} s to end")
    return seconds


def over_a_run(history, tally, moments):
    slowest, endings = [], Counter()

    def trial(moment):
        name = list(NAMES)[moment % 2]
        history.renew()
        started = Started("run", history.folder / "job.toml", cwd=history.folder)
        code, said, seconds = started.stop(history.seconds * (moment + 0.5) / moments, name)
        version = history.after()
        if seconds is None or code == 0:
            check.must(code == 0 and version == 2, f"ended with {code} before it was stopped: {said}")
            endings["ended before"] += 1
            return
        slowest.append(quickly(seconds))
        check.must(code == 128 + name, f"ended with {code}: {said}")
        says(said, name, version == 1, version == 2)
        endings[f"stopped, {'old' if version == 1 else 'new'} version"] += 1

    for moment in range(moments):
        tally.try_one(f"signal at moment {moment + 1} of {moments}", lambda: trial(moment))
    ended = ", ".join(f"{count} {how}" for how, count in sorted(endings.items()))
    print(f"signals over a run of {history.seconds:.1f} s: {moments} moments\n  {ended}; {max(slowest, default=0):.2f} s at most", flush=True)
    tally.must(len(slowest) * 2 > moments, f"only {len(slowest)} of {moments} runs were stopped")


def of_verbs(history, tally, folder):
    """Other verbs, records without an end, and a second signal."""
    endless = folder / "endless"
    (endless / "in").mkdir(parents=True)
    (endless / "job.toml").write_text(world.JOB)
    with open(endless / "in/1.csv", "w") as text:
        text.write(world.HEADINGS + 'A1,DE,"305-1')
        for _ in range(300):
            text.write("x" * (1 << 20))
    seller = "A1"
    verbs = {
        "gen": ("gen", "--rows", 50_000_000, folder / "endless-history"),
        "explain": ("explain", history.folder / "job.toml", "--seller", seller, "--order", "none"),
        "verify": ("verify", history.folder / "alone"),
        "a record without an end": ("run", endless / "job.toml", "--set", "limits.max_record_bytes=1000000000"),
    }
    ended = []
    for name, args in verbs.items():

        def trial(name=name, args=args):
            for wait in (0.01, 0.02, 0.1, 0.3):
                shutil.rmtree(folder / "endless-history", ignore_errors=True)
                code, said, seconds = Started(*args).stop(wait, signal.SIGTERM)
                if seconds is None or code != 143:
                    # The run has ended, or it is so early that no handler is installed yet: then the system ends
                    # it.
                    check.must(seconds is None or code in (0, -15), f"ended with {code}: {said}")
                    continue
                quickly(seconds)
                check.must("stopped by signal 15" in said, f"said {said!r}")
                ended.append(name)

        tally.try_one(f"SIGTERM to {name}", trial)
    shutil.rmtree(folder / "endless-history", ignore_errors=True)

    def twice():
        history.renew()
        code, said, seconds = Started("run", history.folder / "job.toml").stop(history.seconds / 3, signal.SIGTERM, signal.SIGTERM)
        check.must(code == 143 and seconds < 0.4, f"ended with {code} after {seconds} s: {said}")
        check.must(history.after() == 1, "a new version")

    tally.try_one("a second signal", twice)
    counted = ", ".join(f"{name} {ended.count(name)}" for name in verbs)
    print(f"signals to other work: stopped {counted}; and a second signal to a run", flush=True)
    tally.must(ended, "no verb was stopped")


def sweep(folder, slots, tally, untraceable, bounded):
    if untraceable:
        tally.skip("signals at calls", untraceable)
    else:
        at_calls(slots["over a base"], tally, 40 if bounded else None)
    history = History(folder / "signals", 300_000 if bounded else 1_000_000)
    over_a_run(history, tally, 8 if bounded else 24)
    of_verbs(history, tally, folder)
