"""Simulated Mondays: a scheduler's plain `vtr run` must leave what `--full` would leave.

A seeded generator writes exports of a week each: scans come late, a number is corrected in place in a file of the
same size, a shipment comes again in a later export, a row is dated ahead, the oldest export is deleted.
"""

import datetime as dt
import json
import os
import random
import subprocess
import sys
from pathlib import Path

VTR, WORK = sys.argv[1], Path(sys.argv[2])
FIRST = dt.date(2026, 9, 7)
WEEKS_BEFORE = 26
HEADINGS = "seller_id,marketplace,order_id,package_id,carrier,tracking_number,promised_delivery_at,shipped_at,first_scan_at,delivery_scan_at,updated_at,product_category"
WITHOUT = {"rejects", "input_files"}
failures = []


def number(dice):
    """A parcel number of DHL with its check digit."""
    digits = "0034043" + f"{dice.randrange(10**12):012}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def packages(week):
    """Returns the packages shipped in a week, the same on every call."""
    dice = random.Random(week.toordinal())
    for index in range(40):
        shipped = dt.datetime.combine(week, dt.time(8)) + dt.timedelta(days=dice.randrange(7), minutes=dice.randrange(600))
        promised = shipped + dt.timedelta(days=dice.choice([2, 3, 5, 8]))
        scan = shipped + dt.timedelta(days=dice.choice([0, 1, 1, 2, 6, 11]), hours=5)
        delivery = scan + dt.timedelta(days=dice.choice([1, 2, 4]))
        yield {
            "seller": f"S{dice.randrange(3)}",
            "store": dice.choice(["DE", "DE", "GB"]),
            "order": f"{week:%y%m%d}-{index:04}",
            "number": dice.choice([number(dice), number(dice), number(dice), "0000000000"]),
            "shipped": shipped,
            "promised": promised,
            "scan": scan if dice.random() > 0.1 else None,
            "delivery": delivery if dice.random() > 0.2 else None,
            "category": dice.choice(["Toys", "Books"]),
        }


def line(package, monday):
    """Returns the line of a Monday's export: scans come with time."""
    known = lambda time: f"{time:%Y-%m-%dT%H:%M:%SZ}" if time and time.date() < monday else ""
    times = [time for time in (package["shipped"], package["scan"], package["delivery"]) if time and time.date() < monday]
    always = lambda time: f"{time:%Y-%m-%dT%H:%M:%SZ}"
    cells = [package["seller"], package["store"], package["order"], "1", "DHL", package["number"], always(package["promised"]),
             always(package["shipped"]), known(package["scan"]), known(package["delivery"]), always(max(times)), package["category"]]
    return ",".join(cells)


def export(week, monday, more=()):
    lines = [HEADINGS] + [line(package, monday) for package in packages(week)] + list(more)
    (WORK / "in" / f"{week}.csv").write_text("\n".join(lines) + "\n")


def write_inputs(index, monday):
    """Writes the inbox of a Monday: the last five exports are pulled anew, older ones stay."""
    newest = monday - dt.timedelta(days=7)
    back = WEEKS_BEFORE if index == 0 else 5
    again = dict(next(packages(newest - dt.timedelta(days=28))))
    for age in range(back):
        week = newest - dt.timedelta(days=7 * age)
        more = []
        if age == 0:
            # A shipment of four weeks ago comes again with a later promise; and one row is dated ahead.
            again["promised"] += dt.timedelta(days=21)
            more.append(line(again, monday))
            ahead = dict(next(packages(week)), order=f"ahead-{index}", shipped=dt.datetime.combine(monday, dt.time(9)) + dt.timedelta(days=3))
            cells = line(ahead | {"scan": None, "delivery": None}, monday + dt.timedelta(days=9)).split(",")
            more.append(",".join(cells))
        export(week, monday, more)
    if index == 1:
        oldest = min((WORK / "in").iterdir())
        oldest.unlink()
        return f"{oldest.name} is gone"
    if index == 2:
        corrected = sorted((WORK / "in").iterdir())[8]
        text = corrected.read_text()
        before = next(cell for cell in text.split(",") if cell.startswith("0034043"))
        stat = corrected.stat()
        corrected.write_text(text.replace(before, "1" * len(before), 1))
        os.utime(corrected, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert corrected.stat().st_size == stat.st_size
        return f"a number of {corrected.name} is corrected in place, size and time of change as before"
    return "late scans"


def job(name, rest):
    path = WORK / f"{name}.toml"
    path.write_text(f'name = "mondays"\ncopies_within = 35\n[[input]]\npath = "in/*.csv"\n[limits]\nmax_vanished_weeks = 3\nmax_rejected = "5%"\n[output]\npath = "{name}"\n{rest}')
    return path


def run(monday, *args):
    done = subprocess.run(["faketime", f"{monday} 06:00:00", VTR, "run", *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{monday}: vtr run {args}: exit {done.returncode}\n{done.stderr}")
    return done


def manifest(out):
    newest = max((WORK / out / "_log").glob("*.json"))
    return json.loads(newest.read_text())


def published(out, keep=lambda table, week: True):
    """Returns the files in force; their names are their digests."""
    files = [(table, file) for table, files in manifest(out)["tables"].items() if table not in WITHOUT for file in files]
    chosen = {file["path"] for table, file in files if keep(table, file["week"])}
    for path in chosen:
        assert (WORK / out / path).is_file(), path
    return chosen


def compare(what, one, other):
    if one == other:
        print(f"  {what}: {len(one)} files are the same")
    else:
        failures.append(what)
        print(f"  {what}: {len(one ^ other)} files differ, such as {sorted(one ^ other)[:3]}")


def main():
    (WORK / "in").mkdir()
    mondays = int(os.environ.get("MONDAYS", "4"))
    plain, closed = job("plain", ""), job("closed", "closed_after_days = 120\nkeep = 3\n")
    before = set()
    for index in range(mondays):
        monday = FIRST + dt.timedelta(days=7 * index)
        what = write_inputs(index, monday)
        print(f"{monday}: {what}")
        run(monday, plain)
        full = f"full-{index}"
        run(monday, plain, "--full", "--out", WORK / full, "--quiet")
        compare("plain and --full", published("plain"), published(full))
        health = [table for table in ("plain", full) if manifest(table)["health_as_of"] != str(monday)]
        if health:
            failures.append("account_health froze")
        if index:
            rows = [manifest(out)["sums"]["read"] for out in ("plain", full)]
            print(f"  rows read: {rows[0]} instead of {rows[1]}")
            if index > 2 and rows[0] >= rows[1]:
                failures.append("nothing was left unread")
        again = run(monday, plain).stderr
        if "no week is outdated" not in again:
            failures.append("a second run of the day found something to do")
        # Closed weeks stay although their export is gone; all others equal those of --full.
        run(monday, closed, "--quiet")
        border = str(monday - dt.timedelta(days=120) + dt.timedelta(days=7))
        window = str(monday - dt.timedelta(days=120) + dt.timedelta(days=7 + 42))
        is_open = lambda table, week: week is None or week >= (window if table == "vtr_rolling" else border)
        compare("open weeks and --full", published("closed", is_open), published(full, is_open))
        over = str(monday - dt.timedelta(days=127))
        is_closed = lambda table, week: week is not None and week < over
        if index:
            earlier = {path for path in before if path.split("week=")[1][:10] < over}
            compare("closed weeks and those of the Monday before", published("closed", is_closed), earlier)
        before = published("closed", lambda table, week: week is not None)
    if failures:
        sys.exit(f"failed: {', '.join(failures)}")
    print(f"{mondays} Mondays: every plain run left the bytes of a full one")


main()
