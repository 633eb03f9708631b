"""Faults while raw files are joined: kills, refusals and a full disk at every call that may touch the packages.

The packages are an output of their own beside the tables. After a fault each of the two is the old version or the new one,
whole, and the next run publishes the same bytes as a run without faults.
"""

import re
import shutil
import subprocess
from collections import Counter

import check
import full
import points
import sweeps
import world

PACKAGES = {"packages", "assembled_files", "join_coverage", "rejects"}
TABLES = {"vtr_weekly", "defects"}
JOB = """name = "joined"
as_of = "2025-06-30"
[[input]]
kind = "amazon.ship_confirm"
path = "confirm/*.txt"
[input.from_path]
pattern = '/(?<seller_id>[A-Z0-9]+)_(?<marketplace>[A-Z]{2})_(?<written_at>[0-9-]{10}T[0-9]{6}Z)[.]'
[[input]]
role = "orders"
path = "orders.csv"
constants = { seller_id = "S1" }
[input.columns]
order_id = "order"
item_price = "price"
currency = "currency"
created_at = "placed"
promised_delivery_at = "promise"
[[input]]
kind = "vtr.events"
path = "events/*.csv"
[assemble]
path = "packages"
[output]
path = "tables"
tables = ["vtr_weekly", "defects"]
"""
CONFIRMATION = "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\n"


def confirmed(order, day, number):
    return f"{order}\t\t1\t2025-05-{day:02}\tDHL\t\t{number}\tPaket\n"


class Joined(world.Slot):
    """A folder with raw files, their published packages and tables, and one export that came since."""

    def __init__(self, folder, published=True):
        self.folder = folder
        self.out, self.tables = folder / "packages", folder / "tables"
        self.bases = {self.out: folder / "base-packages", self.tables: folder / "base-tables"}
        self.base = self.bases[self.out]
        (folder / "confirm").mkdir(parents=True)
        (folder / "events").mkdir()
        (folder / "job.toml").write_text(JOB)
        days = range(5, 26)
        (folder / "confirm/S1_DE_2025-05-27T100000Z.txt").write_text(
            CONFIRMATION + "".join(confirmed(f"O-{day}", day, f"0034043416109402{day:04}") for day in days))
        (folder / "orders.csv").write_text("order,price,currency,placed,promise\n" + "".join(
            f"O-{day},{day}.50,EUR,2025-05-{day - 1:02},2025-05-{day + 4:02}\n" for day in days))
        (folder / "events/1.csv").write_text("tracking_number,carrier,occurred_at,status\n" + "".join(
            f"0034043416109402{day:04},DHL,2025-05-{day + 1:02}T09:00:00Z,in_transit\n" for day in days))
        self.expected, self.before = {}, {}
        if published:
            self.must_run()
            self.before = self.versions()
            for place, base in self.bases.items():
                world.copy(place, base)
        (folder / "confirm/S1_DE_2025-05-29T100000Z.txt").write_text(CONFIRMATION + confirmed("O-12", 12, "003404341610940299"))
        self.must_run()
        self.after = self.versions()
        self.reset()

    def versions(self):
        """The newest manifest of each place without what changes between equal runs; None: there is none."""
        newest = {}
        for place in self.bases:
            found = check.manifests(place)
            newest[place] = {key: value for key, value in check.bare(found[max(found)]).items() if key != "judged"} if found else None
        return newest

    def reset(self):
        for place, base in self.bases.items():
            shutil.rmtree(place, ignore_errors=True)
            if base.exists():
                world.copy(base, place)

    def run(self, prefix=(), out=None):
        return world.vtr("run", self.folder / "job.toml", "--quiet", "--threads", "1", prefix=prefix, cwd=self.folder)


def whole(slot):
    """Every version that stands is the old or the new one, byte for byte; gives which of the packages."""
    now = slot.versions()
    for place, names in ((slot.out, PACKAGES), (slot.tables, TABLES)):
        found = check.manifests(place)
        for version, manifest in found.items():
            check.must(names <= set(manifest["tables"]), f"version {version} of {place.name} names the tables {sorted(manifest['tables'])}")
            for file in check.files(manifest):
                content = place / file["path"]
                check.must(content.exists() and content.stat().st_size == file["bytes"], f"{place.name}: {file['path']} is gone or cut short")
                check.must(check.hashlib.sha256(content.read_bytes()).hexdigest() == file["sha256"], f"{place.name}: {file['path']} has other bytes")
        check.must(now[place] in (slot.before.get(place), slot.after[place]), f"{place.name}: neither the old version nor the new one stands")
        check.current(place, found)
    # Tables of packages that are not published would be the worst of all.
    check.must(now[slot.tables] != slot.after[slot.tables] or now[slot.out] == slot.after[slot.out], "the tables are newer than their packages")
    return "new packages" if now[slot.out] == slot.after[slot.out] else "old packages"


def converge(slot):
    code, _, said = slot.run()
    check.must(code == 0, f"the run after the fault ended with {code}: {said}")
    check.must(whole(slot) == "new packages" and slot.versions() == slot.after, "the run after the fault did not publish what it should")
    for place in slot.bases:
        code, _, said = world.vtr("verify", place)
        check.must(code == 0, f"verify of {place.name} after the fault: {said}")


def phase(slot):
    """All calls of every thread from the first that names the packages until the tables are written; raw files are read and
    set aside by threads that never name the packages.

    The counters of `strace` are per thread, so a number that the first thread passed while it started would hit it there:
    such calls are left out.
    """
    trace = slot.folder / "trace"
    slot.reset()
    code, _, said = slot.run(prefix=points.traced(trace))
    assert code == 0, f"a traced run ended with {code}: {said}"
    first, passed, begun, found = None, Counter(), False, []
    for thread, kind, number, rest in points.calls(trace):
        first = first or thread
        if thread == first and not begun:
            passed[kind] = number
        begun = begun or (kind != "execve" and f"{slot.out}/" in rest)
        if not begun:
            continue
        if str(slot.tables) in rest and ("O_CREAT" in rest or kind.startswith("mkdir")):
            break
        if kind not in points.UNSTEADY and number > passed[kind]:
            found.append((kind, number, rest))
    return found


def sweep(pools, tally, untraceable, bounded):
    for name, pool in pools.items():
        if untraceable:
            tally.skip("joined", untraceable)
            break
        kill(name, pool, tally, 50 if bounded else None)
    if not untraceable:
        refuse(pools["over a base"], tally, 60 if bounded else None)
    no_room(pools["over a base"], tally, 6 if bounded else None)


def kill(name, pool, tally, most):
    every = [point for point in phase(pool.any()) if point[0] not in sweeps.MEMORY]
    chosen = points.spread(every, most)

    def trial(slot, point):
        kind, number, _ = point
        slot.reset()
        code, _, said = slot.run(prefix=points.inject(kind, f"signal=KILL:when={number}"))
        check.must(code in (-9, 0), f"ended with {code}: {said}")
        stands = whole(slot)
        converge(slot)
        return "not reached" if code == 0 else stands

    title = f"joined, kill, {name}: {len(chosen)} of {len(every)} calls"
    endings = tally.sweep(title, pool, chosen, trial, lambda point: f"SIGKILL at {point[0]} {point[1]}({point[2][:120]}")
    tally.must(endings["not reached"] * 20 <= len(chosen), f"{endings['not reached']} of {len(chosen)} calls were not reached")


def refuse(pool, tally, most):
    calls = [point for point in phase(pool.any()) if point[0] in sweeps.REFUSALS]
    every = [(point, error, often) for point in calls for error in sweeps.REFUSALS[point[0]] for often in ("", "+")
             if sweeps.makes_sense(point, often)]
    chosen = points.spread(every, most)

    def trial(slot, fault):
        (kind, number, _), error, often = fault
        slot.reset()
        code, _, said = slot.run(prefix=points.inject(kind, f"error={error}:when={number}{often}"))
        check.must(code in (0, 1, 3), f"ended with {code}: {said}")
        stands = whole(slot)
        check.must(code != 0 or slot.versions() == slot.after, "ended with 0 without publishing")
        check.must(code == 0 or kind == "write" or "error: " in said, f"it failed and said nothing: {said!r}")
        converge(slot)
        return f"{ {0: 'ended well', 1: 'failed', 3: 'refused'}[code] }, {stands}"

    title = f"joined, errors: {len(chosen)} of {len(every)} refusals at {len(calls)} calls"
    tally.sweep(title, pool, chosen, trial, lambda fault: f"{fault[1]}{fault[2]} at {fault[0][0]} {fault[0][1]}({fault[0][2][:120]}")


def no_room(pool, tally, most):
    """A tmpfs under the packages, of every size between too small and large enough."""
    slot = pool.any()
    slot.reset()
    reason = full.cannot_mount(slot)
    if reason:
        tally.skip("joined, full", reason)
        return

    def trial(slot, blocks):
        slot.reset()
        full.mount(slot, f"size={blocks * full.PAGE}")
        try:
            full.fill(slot)
            code, _, said = slot.run()
            check.must(code in (0, 1), f"ended with {code}: {said}")
            stands = whole(slot)
            check.must(code == 0 or re.search(r"error: .*/packages.*No space left", said, re.S), f"the message names no file: {said}")
            subprocess.run(["mount", "-o", "remount,size=64m", slot.out], check=True, capture_output=True)
            converge(slot)
            return f"{'ended well' if code == 0 else 'failed'}, {stands}"
        finally:
            full.unmount(slot)

    (before, _), (after, _) = full.needs(slot, run=False), full.needs(slot, run=True)
    sizes = list(range(before + 1, after + 6))
    chosen = points.spread(sizes, most)
    endings = tally.sweep(f"joined, a full disk: {len(chosen)} of {len(sizes)} sizes of a tmpfs", pool, chosen, trial, lambda blocks: f"{blocks} blocks")
    tally.must(any("failed" in ending for ending in endings), "no size was too small")
    slot.reset()
