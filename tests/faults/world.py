"""A small job, its published base, and one changed input: the setting of every fault.

A slot is a separate folder in which each run starts from the same base; its expected result is known from a run
without faults. Nothing here judges: `check` does.
"""

import os
import shutil
import subprocess
from pathlib import Path

import check

ROOT = Path(__file__).resolve().parents[2]
VTR = Path(os.environ.get("VTR", ROOT / "target/release/vtr")).resolve()
# One thread, also for libraries, so that the same calls come in the same order.
ENVIRONMENT = {"PATH": os.environ["PATH"], "RAYON_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "LC_ALL": "C"}
HEADINGS = (
    "seller_id,marketplace,order_id,package_id,carrier,tracking_number,product_category,promised_delivery_at,"
    "first_scan_at,delivery_scan_at,updated_at\n"
)
JOB = """name = "faults"
as_of = "2025-06-30"
[[input]]
path = "in/*.csv"
[output]
path = "out"
[limits]
max_rejected = "50%"
max_vanished_weeks = 9
"""


def row(seller, market, order, category, number, day, scan, updated):
    times = [f"2025-06-{scan:02}T10:00:00Z", f"2025-06-{scan + 1:02}T10:00:00Z"] if scan else ["", ""]
    cells = [seller, market, order, "1", "DHL", number, category, f"2025-06-{day:02}", *times, f"2025-06-{updated:02}T00:00:00Z"]
    return ",".join(cells) + "\n"


def history(change=0):
    """Three weeks of two sellers with valid packages, defects, copies and a rejected record; a change moves figures
    of the second and the third week, and no figure of the first."""
    lines = []
    for day in range(2, 23):
        for seller, market in (("A1", "DE"), ("A2", "GB")):
            number = "N/A" if day % 5 == 0 else "00340434161094022115"
            scan = day - 1 if day % 4 else 0
            lines.append(row(seller, market, f"305-{day}", "Toys" if day % 2 else "Books", number, day, scan, 23))
    lines.append(row("A1", "DE", "305-3", "Toys", "00340434161094022115", 3, 2, 22))
    lines.append(row("A1", "Narnia", "305-99", "Toys", "1", 3, 2, 22))
    for index in range(change):
        lines.append(row("A1", "DE", f"306-{index}", "Toys", "00340434161094022115", 10 + index % 12, 9, 24))
    return HEADINGS + "".join(lines)


def vtr(*args, prefix=(), cwd=None, timeout=120):
    """Runs the program, perhaps under another: exit code (negative: signal), stdout, stderr."""
    command = [*map(str, prefix), str(VTR), *map(str, args)]
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, timeout=timeout)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def copy(source, target):
    """A copy that keeps hard links, times and sparse files."""
    subprocess.run(["cp", "-a", "--sparse=always", str(source), str(target)], check=True)


class Slot:
    """A folder in which runs start from the same base, over and over."""

    def __init__(self, folder, published=True):
        self.folder = Path(folder)
        self.out = self.folder / "out"
        self.base = self.folder / "base"
        (self.folder / "in").mkdir(parents=True)
        (self.folder / "job.toml").write_text(JOB)
        (self.folder / "in/1.csv").write_text(history())
        self.expected = {}
        if published:
            self.must_run()
            self.expected[1] = check.manifests(self.out)[1]
            copy(self.out, self.base)
        (self.folder / "in/2.csv").write_text(history(change=7))
        self.must_run()
        last = max(check.manifests(self.out))
        self.expected[last] = check.manifests(self.out)[last]
        self.last = last
        self.reset()

    def must_run(self):
        code, _, said = self.run()
        assert code == 0, f"a run without faults ended with {code}: {said}"

    def reset(self):
        shutil.rmtree(self.out, ignore_errors=True)
        if self.base.exists():
            copy(self.base, self.out)

    def run(self, prefix=(), out=None):
        out = out or self.out
        return vtr("run", self.folder / "job.toml", "--quiet", "--threads", "1", "--out", out, prefix=prefix, cwd=self.folder)
