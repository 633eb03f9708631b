"""Counts trials and prints how they ended; a sweep tries several faults at a time, each in a place of its own."""

import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import Queue


def said(error):
    return f"{type(error).__name__}: {error}"


class Tally:
    """What passed and what failed. A trial fails by any error, and the others go on."""

    def __init__(self, traced=False):
        self.traced = traced
        self.passed, self.failed, self.skipped = 0, 0, 0

    def fail(self, title, error):
        self.failed += 1
        print(f"{title}\n  VIOLATION {said(error)}", flush=True)
        if self.traced:
            traceback.print_exception(error)

    def skip(self, what, reason):
        self.skipped += 1
        print(f"SKIPPED {what}: {reason}", flush=True)

    def sweep(self, title, pool, faults, trial, shown=lambda fault: str(fault)[:160]):
        """Tries every fault, several at a time, and prints how they ended."""
        begun, endings, failures = time.monotonic(), Counter(), []

        def one(fault):
            slot = pool.take()
            try:
                endings[trial(slot, fault)] += 1
            except Exception as error:
                failures.append(f"{shown(fault)}: {said(error)}")
                if self.traced:
                    traceback.print_exception(error)
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
        except Exception as error:
            self.fail(title, error)

    def one(self, title, trial):
        """A single trial, which may say how it ended."""
        begun = time.monotonic()
        try:
            ended = trial()
            self.passed += 1
            print(f"{title}: {'holds' if ended is None else ended}; {time.monotonic() - begun:.1f} s", flush=True)
        except Exception as error:
            self.fail(title, error)


class Pool:
    """Places in which trials run at the same time, one trial in each."""

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
