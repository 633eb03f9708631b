"""Prints Criterion's estimates as a table, and with KEEP set keeps them for docs/benchmarks.md.

Usage: micro.py FOLDER STAMP: Criterion's folder, and a file older than the runs that count.
"""

import glob
import json
import os
import sys

import kept
from machine import facts
from report import micro_table


def found(folder, since):
    """The benchmarks measured since then, in nanoseconds for one iteration."""
    benches = []
    for path in sorted(glob.glob(f"{folder}/*/*/new/estimates.json"), key=os.path.getmtime):
        if os.path.getmtime(path) < since:
            continue
        estimates, about = json.load(open(path)), json.load(open(os.path.join(os.path.dirname(path), "benchmark.json")))
        told = estimates.get("slope") or estimates["mean"]
        interval = told["confidence_interval"]
        benches.append({"name": about["full_id"], "ns": told["point_estimate"], "low_ns": interval["lower_bound"],
                        "high_ns": interval["upper_bound"], "of": about.get("throughput")})
    return benches


if __name__ == "__main__":
    folder, stamp = sys.argv[1:]
    micro = facts() | {"benches": found(folder, os.path.getmtime(stamp))}
    if not micro["benches"]:
        sys.exit("Criterion measured nothing")
    print(micro_table(micro))
    if os.environ.get("KEEP"):
        kept.keep_micro(micro)
