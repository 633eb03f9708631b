"""A run spread over shares beside `vtr run` on this machine: what it costs, and what that means for more rows.

Usage: scale.py VTR [ROWS] [SHARES] [FORMAT] [PAIRS] [MEMORY] (4000000 rows, 4 shares, parquet, 3 pairs, 2GiB for the finish).
Whole and spread runs take turns; each spread run is measured a second time without deduplication, so that the cost of
copies can be told from that of cells. It prints the tables of docs/scale.md, for the pair with the middle ratio, and
ends with 1 if a publication differs from that of the run. Histories are those of `make bench`, below WORK (target/bench).
With CATEGORIES=N each row has one of N categories, which makes many cells; DuckDB makes that history, so the interpreter
must be that of `make bench-inputs`.
"""

import glob
import os
import re
import resource
import shutil
import subprocess
import sys

import machine
import measure
from prepare import Work

# Rows of a share, and cores of the machine that folds it, in the table of larger histories.
SHARE_ROWS, CORES = 10_000_000, 4
# Bytes of a copy in the temporary folder of a finish that has more of them than memory.
SPILLED_COPY_BYTES = 56
FOLDED = re.compile(r"([\d,]+) cells in ([\d,]+) bytes and ([\d,]+) copies in ([\d,]+) bytes")


def cost(command):
    """Wall and CPU seconds and peak bytes of a command that must succeed."""
    taken = measure.run(command, 7200)
    if "failed" in taken:
        sys.exit(f"{' '.join(command)}: {taken['failed']}")
    return taken


def told(command):
    """CPU seconds of a command that must succeed, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        sys.exit(f"{' '.join(command)}: ended with {ended.returncode}: {ended.stdout}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended.stdout


def published(out):
    return sorted(os.path.relpath(path, out) for path in glob.glob(f"{out}/data/**/*.parquet", recursive=True))


def spread(vtr, job, folder, shares, memory):
    """Folds a job in shares and finishes it: CPU seconds of each step, cells and copies with their bytes."""
    out, units, parts = (os.path.join(folder, name) for name in ("spread", "units.json", "parts"))
    for old in (out, parts):
        shutil.rmtree(old, ignore_errors=True)
    found = {"plan": told([vtr, "plan", job, "--quiet", "--out", out, "--units", units])[0], "fold": 0.0, "sums": [0, 0, 0, 0]}
    for share in range(1, shares + 1):
        cpu, said = told([vtr, "fold", job, "--plan", units, "--share", f"{share}/{shares}", "--to", parts])
        found["fold"] += cpu
        of_share = [int(number.replace(",", "")) for number in FOLDED.search(said).groups()]
        found["sums"] = [total + own for total, own in zip(found["sums"], of_share)]
    found["finish"] = cost([vtr, "finish", job, "--plan", units, "--from", parts, "--quiet", "--memory", memory])
    shutil.rmtree(parts)
    return found, published(out)


def pair(vtr, job, job_without, folder, shares, memory):
    whole = os.path.join(folder, "whole")
    shutil.rmtree(whole, ignore_errors=True)
    run = cost([vtr, "run", job, "--full", "--quiet", "--out", whole])
    found, files = spread(vtr, job, folder, shares, memory)
    if files != published(whole):
        sys.exit("published: DIFFERENT files")
    without, _ = spread(vtr, job_without, folder, shares, memory)
    ratio = (found["plan"] + found["fold"] + found["finish"]["cpu_s"]) / run["cpu_s"]
    return {"ratio": ratio, "run": run, "with": found, "without": without}


def measured(rows, form, shares, one):
    """A row of the table of costs."""
    found, (cells, cell_bytes, copies, copy_bytes) = one["with"], one["with"]["sums"]
    return (f"| {rows / 1e6:g} M rows, {form}, {shares} shares | {one['run']['cpu_s']:.1f} s | {found['plan']:.1f} s | {found['fold']:.1f} s "
            f"| {found['finish']['cpu_s']:.1f} s | {one['ratio']:.2f} | {cells / 1e6:.2f} M | {cell_bytes / cells:.1f} | {copies / 1e6:.2f} M "
            f"| {copy_bytes / copies:.1f} | {found['finish']['peak_bytes'] / 2**20:.0f} MiB |")


def units_of(rows, read_bytes, one):
    """What a row, a cell and a copy cost."""
    found, finish, alone = one["with"], one["with"]["finish"], one["without"]["finish"]
    cells, cell_bytes, copies, copy_bytes = found["sums"]
    return {"read": read_bytes / rows, "fold": found["fold"] / rows, "parts": (cell_bytes + copy_bytes) / rows, "cells": cells / rows, "copies": copies / rows,
            "settle": (finish["cpu_s"] - alone["cpu_s"]) / copies, "finish": alone["cpu_s"] / one["without"]["sums"][0],
            "settle_wall": (finish["wall_s"] - alone["wall_s"]) / copies, "finish_wall": alone["wall_s"] / one["without"]["sums"][0]}


def grown(each):
    """The table that carries the costs to more rows; every figure is linear in rows."""
    lines = [f"| rows | shares | fold, core hours | machines of {CORES} cores for an hour | parts | copies on the finish's disk | one finish settles all | the finish, if buckets are settled elsewhere |",
             "|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for billions in (1, 10, 100):
        rows = billions * 1e9
        fold, cells, copies = each["fold"] * rows / 3600, each["cells"] * rows, each["copies"] * rows
        settled, added = each["settle_wall"] * copies / 3600, each["finish_wall"] * cells / 3600
        lines.append(f"| {billions} G | {rows / SHARE_ROWS:,.0f} | {fold:.1f} | {-(-fold // CORES):,.0f} | {each['parts'] * rows / 1e9:,.0f} GB "
                     f"| {SPILLED_COPY_BYTES * copies / 1e9:,.0f} GB | {settled + added:.1f} h | {added:.1f} h |")
    return lines


def with_categories(work, standard, count):
    """A copy of a history in which each row has one of many categories."""
    from inputs import replaced

    return work.form(standard, f"{count}-categories", replaced("product_category", f"'C' || (hash(order_id) % {count})"))


def main(vtr, rows="4000000", shares="4", form="parquet", pairs="3", memory="2GiB"):
    rows, shares, vtr = int(rows), int(shares), os.path.abspath(vtr)
    work = Work(os.environ.get("WORK") or "target/bench", vtr)
    history = work.history(rows, form, files=max(shares, 16) if form == "csv" else None)
    categories = os.environ.get("CATEGORIES")
    if categories:
        history, form = with_categories(work, history, int(categories)), f"{form} with {int(categories):,} categories"
    job, job_without = work.job(history), work.job(history, deduplicate=False)
    folder = work.path("scale")
    os.makedirs(folder, exist_ok=True)
    made = sorted((pair(vtr, job, job_without, folder, shares, memory) for _ in range(int(pairs))), key=lambda one: one["ratio"])
    shutil.rmtree(folder)
    one, facts = made[(len(made) - 1) // 2], machine.facts()
    each = units_of(rows, history["bytes"], one)
    nanos = lambda what: f"{each[what] * 1e9:,.0f} ns"
    print(f"{facts['date']}, {machine.told(facts['machine'])}; {len(made)} pairs, over the run {made[0]['ratio']:.2f} to {made[-1]['ratio']:.2f}; "
          f"finish with --memory {memory}. The publications are the same files.\n")
    print("| history | run | plan | folds | finish | over the run | cells | bytes a cell | copies | bytes a copy | finish's peak |",
          "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|", measured(rows, form, shares, one), sep="\n")
    print("\n| a | costs |", "|---|---|", f"| row | {each['read']:.1f} bytes of input, {nanos('fold')} to fold, {each['parts']:.1f} bytes of parts, {each['cells']:.2f} cells |",
          f"| copy | {nanos('settle')} to settle ({nanos('settle_wall')} of the clock on {facts['machine']['cores']} cores) |",
          f"| cell | {nanos('finish')} to add up, make tables of and publish ({nanos('finish_wall')} of the clock) |", sep="\n")
    print("\n" + "\n".join(grown(each)))


if __name__ == "__main__":
    main(*sys.argv[1:])
