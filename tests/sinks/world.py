"""A small job with two versions, whose texts are as difficult as possible, and the slots in which trials sync it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VTR = Path(os.environ.get("VTR", ROOT / "target/release/vtr")).resolve()
HEADINGS = "seller_id,marketplace,order_id,package_id,carrier,tracking_number,product_category,promised_delivery_at,first_scan_at,delivery_scan_at,updated_at\n"
JOB = """name = "sinks"
as_of = "2025-06-30"
[[input]]
path = "in/*.csv"
[output]
path = "out"
[limits]
max_rejected = "50%"
max_vanished_weeks = 9
[[sink]]
name = "bi"
kind = "postgres"
schema = "{schema}"
[[sink]]
name = "flat"
kind = "files"
path = "flat"
format = "csv"
flat = true
[[sink]]
name = "raw"
kind = "files"
path = "raw"
format = "csv"
defuse = false
[[sink]]
name = "lake"
kind = "files"
path = "lake"
format = "parquet"
[[sink]]
name = "lines"
kind = "files"
path = "lines"
format = "jsonl"
"""
LONG = "L" + "ä" * 1500
BAD = ["=1+1", "+4\"9'", "@a,b", "a\tb", "x\\y", "\\N", "Ünïcode 包裹", "a;b", "{\"a\": 1}", "  padded", "new\nline", "nul\0l", "NULL", "$$", "%s"]


def cell(text):
    return '"' + text.replace('"', '""') + '"'


def row(seller, market, order, category, carrier, number, day, scan):
    times = [f"2025-06-{scan:02}T10:00:00Z", f"2025-06-{scan + 1:02}T10:00:00Z"] if scan else ["", ""]
    texts = [seller, market, order, "1", carrier, number, category, f"2025-06-{day:02}", *times, "2025-06-24T00:00:00Z"]
    return ",".join(map(cell, texts)) + "\n"


def history(change=0):
    """Four weeks of ordinary and of strange sellers; a change alters weeks 2 and 3 and removes week 4."""
    lines = []
    for day in range(2, 24 if change else 28):
        for seller, market in (("A1", "DE"), ("A2", "GB"), (LONG, "DE")):
            number = "N/A" if day % 5 == 0 else "00340434161094022115"
            scan = day - 1 if day % 4 else 0
            lines.append(row(seller, market, f"305-{day}", "Toys" if day % 2 else "Books", "DHL", number, day, scan))
    # Beside these sellers few rows of a week change, under keys that are hard to quote.
    for index in range(40):
        for day in range(9, 23):
            text = BAD[index % len(BAD)]
            lines.append(row(f"C{index} {text}", "DE", f"308-{index}-{day}", f"C {text}", "DHL", "00340434161094022115", day, day - 1))
    for index, text in enumerate(BAD):
        lines.append(row(f"B {text}", "FR", f"306-{index} {text}", f"C {text}", text, text, 3 + index % 14, 0))
    lines.append(row("A1", "Narnia", "305-99", "Toys", "DHL", "1", 3, 2))
    for index in range(change):
        text = BAD[index % len(BAD)]
        lines.append(row(f"C{index} {text}", "DE", f"309-{index}", f"C {text}", "DHL", "N/A", 10 + index % 10, 0))
        lines.append(row("A1", "DE", f"307-{index}", LONG[:1300], "DHL", "00340434161094022115", 10 + index % 10, 9))
    return HEADINGS + "".join(lines)


class World:
    """An output with two versions."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "in").mkdir(parents=True)
        (folder / "job.toml").write_text(JOB.format(schema="vtr"))
        for change in (0, 7):
            (folder / "in/1.csv").write_text(history(change))
            done = vtr(folder, {}, "run", "job.toml", "--quiet", "--threads", "1", "--out", "out")
            assert done[0] == 0, done
        self.out = folder / "out"

    def manifest(self, version):
        return json.loads((self.out / f"_log/{version:020}.json").read_text())

    def slot(self, name, url):
        return Slot(self, name, url)


class Slot:
    """A folder and a schema of its own for trials, over the world's output."""

    def __init__(self, world, name, url):
        self.schema, self.folder = name, world.folder.parent / name
        self.folder.mkdir()
        (self.folder / "job.toml").write_text(JOB.format(schema=name))
        (self.folder / "in").symlink_to(world.folder / "in")
        (self.folder / "out").symlink_to(world.out)
        self.environment = {"VTR_SINK_BI_URL": url}

    def sync(self, *args, prefix=(), url=None, sink="bi", **more):
        environment = {**self.environment, **({"VTR_SINK_BI_URL": url} if url else {}), **more}
        return vtr(self.folder, environment, "sync", "job.toml", "--sink", sink, *args, prefix=prefix)

    def must(self, *args, **more):
        code, out, said = self.sync(*args, **more)
        assert code == 0, f"a sync without faults ended with {code}: {said}"
        return said

    def path(self, sink):
        return self.folder / sink


def vtr(folder, environment, *args, prefix=(), timeout=180):
    """Runs the program, perhaps under another: exit code (negative: signal), stdout, stderr."""
    plain = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
    command = [*map(str, prefix), str(VTR), *map(str, args)]
    done = subprocess.run(command, cwd=folder, env={**plain, **environment}, capture_output=True, timeout=timeout)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def again(folder):
    shutil.rmtree(folder, ignore_errors=True)
