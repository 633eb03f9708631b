"""Runs the parts and counts the trials; exits with 1 if anything was violated. `SINKS=ci` is the bounded form."""

import os
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import bi
import cells
import points
import refusals
import server as servers
import sweeps
import tls
from tally import Pool, Tally
from world import World

BOUNDED = os.environ.get("SINKS") == "ci"
WORKERS = int(os.environ.get("SINKS_WORKERS", os.cpu_count() or 1))


def every_cell(tally, world, server):
    """All cells of both versions in every sink, forwards and back."""
    slot = world.slot("cells", server.url())
    for version in (1, 2, 1):
        for sink in ("bi", "flat", "raw", "lake", "lines"):
            slot.must("--version", str(version), "--force", sink=sink)
        with server.connect() as connection:
            tally.one(f"version {version}, postgres by psycopg", lambda: f"{cells.postgres(world, version, connection, 'cells')} cells agree")
        tally.one(f"version {version}, csv by pandas", lambda: f"{cells.csv(world, version, slot.path('flat'), True)} cells agree")
        tally.one(f"version {version}, csv as it is by pandas", lambda: f"{cells.csv(world, version, slot.path('raw'), False)} cells agree")
        tally.one(f"version {version}, parquet by DuckDB", lambda: f"{cells.parquet(world, version, slot.path('lake'))} cells agree")
        tally.one(f"version {version}, json lines by Polars", lambda: f"{cells.jsonl(world, version, slot.path('lines'))} cells agree")


def kills(tally, world, server):
    """SIGKILL at every call of a clean sync."""
    why_not = points.can_trace()
    if why_not:
        raise SystemExit(f"FAILED: {why_not}")
    groups = {
        "postgres": [sweeps.Postgres(server, world.slot(f"kill{index}", server.url())) for index in range(WORKERS)],
        "files": [sweeps.Files(world.slot(f"killed{index}", server.url()), "lake") for index in range(WORKERS)],
    }
    for name, places in groups.items():
        found = sweeps.calls(places[0])
        chosen = points.spread(found, 60 if BOUNDED else None)
        kinds = Counter(kind for kind, _, _ in chosen)
        listed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        endings = tally.sweep(f"kill, {name}: {len(chosen)} of {len(found)} calls ({listed})", Pool(places), chosen, sweeps.kill)
        tally.one(f"kill, {name}: the calls were reached", lambda: reached(endings, len(chosen)))
    delays = [0.02 + 0.02 * index for index in range(6 if BOUNDED else 30)]
    tally.sweep(f"SIGTERM, postgres: after {len(delays)} times", Pool(groups["postgres"]), delays, sweeps.interrupt)


def reached(endings, tried):
    missed = endings["not reached"]
    sweeps.must(missed * 20 <= tried, f"{missed} of {tried} calls were not reached")
    return f"{tried - missed} of {tried}"


def cuts(tally, world, server):
    """Cuts the connection after a number of bytes, in either direction; and lets the administrator end it."""
    places = [sweeps.Postgres(server, world.slot(f"cut{index}", server.url())) for index in range(WORKERS)]
    total = sweeps.lengths(server, places[0])
    most = 30 if BOUNDED else 300
    faults = [(way, 1 + (length - 1) * index // most) for way, length in sorted(total.items()) for index in range(most)]
    sizes = ", ".join(f"{length} bytes {way}" for way, length in sorted(total.items()))
    tally.sweep(f"cut: {len(faults)} places in {sizes}", Pool(places), faults, lambda place, fault: sweeps.cut(server, place, fault))
    delays = [0.004 * index for index in range(10 if BOUNDED else 40)]
    tally.sweep(f"ended by the administrator: after {len(delays)} times", Pool(places[:1]), delays, sweeps.terminate)


def refused(tally, world, server):
    """Tries everything that a server, a folder or a person may refuse."""
    place = sweeps.Postgres(server, world.slot("refuse", server.url()))
    for name, trial in refusals.Refusals(server, place).all():
        def one():
            place.to(1)
            count = trial()
            repair = sweeps.repair(place)
            return f"{count} refusals" if count else repair

        tally.one(f"refused: {name.replace('_', ' ')}", one)


def reader(tally, world, server):
    """A reader in a loop sees one version or the other while syncs go back and forth."""
    place = sweeps.Postgres(server, world.slot("read", server.url()))
    seen, faults, stop = Counter(), [], threading.Event()

    def read(isolated):
        with server.connect(autocommit=not isolated) as connection:
            if isolated:
                connection.isolation_level = 2 + 1  # REPEATABLE READ
            while not stop.is_set():
                version, digest = servers.stand(connection, "read")
                if digest != place.known[version]:
                    faults.append(f"tables are not those of version {version}")
                seen[version] += 1
                if isolated:
                    connection.rollback()

    def isolated_statements():
        """Several statements of one transaction."""
        with server.connect(autocommit=False) as connection:
            connection.isolation_level = 2 + 1
            while not stop.is_set():
                first = connection.execute('SELECT version FROM "read"._version').fetchone()
                second = servers.stand(connection, "read")
                third = connection.execute('SELECT DISTINCT version FROM "read".vtr_weekly_bi').fetchall()
                if not (first[0] == second[0] and third == [first] and second[1] == place.known[first[0]]):
                    faults.append(f"two versions in one transaction: {first} {second[0]} {third}")
                seen[first[0]] += 1
                connection.rollback()

    def loop():
        threads = [threading.Thread(target=read, args=(False,)), threading.Thread(target=isolated_statements)]
        [thread.start() for thread in threads]
        rounds = 12 if BOUNDED else 60
        try:
            for index in range(rounds):
                place.to(2 - index % 2)
        finally:
            stop.set()
            [thread.join() for thread in threads]
        sweeps.must(not faults, f"{len(faults)} of {sum(seen.values())} looks saw two versions: {faults[:3]}")
        sweeps.must(len(seen) == 2, f"the reader saw {dict(seen)}")
        return f"{sum(seen.values())} looks during {rounds} syncs saw one version each ({dict(seen)})"

    tally.one("a reader in a loop", loop)


PARTS = {"cells": every_cell, "reader": reader, "refuse": refused, "kill": kills, "cut": cuts, "tls": tls.run, "bi": bi.run}


def main():
    binaries, folder, *asked = sys.argv[1:]
    folder = Path(folder)
    begun, tally = time.monotonic(), Tally(traced=bool(os.environ.get("SINKS_TRACE")))
    server = servers.Server(binaries, folder / "pg")
    try:
        server.make()
        world = World(folder / "world")
        for name in asked or PARTS:
            PARTS[name](tally, world, server)
    finally:
        server.end()
        shutil.rmtree(folder / "world", ignore_errors=True)
    print(f"sinks: {tally.passed} trials passed, {tally.failed} violations; {time.monotonic() - begun:.0f} s", flush=True)
    sys.exit(1 if tally.failed else 0)


main()
