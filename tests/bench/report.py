"""Tables, a plot and docs/benchmarks.md out of results.json; every number there is one that a run gave."""

import json
import os
import statistics
import sys

JOBS = {
    "full": "J-full: the whole ladder (exemptions by value, placeholders, shapes, check digits, signatures of other carriers)",
    "scan": "J-scan: the same without shapes and check digits; scans decide",
    "csv": "J-csv: J-scan over CSV, 64 files",
    "default": "the default run of `vtr`: all eight tables, deduplication, publication",
    "dedup": "deduplication off and on, `vtr_weekly` alone",
    "threads": "threads, `vtr_weekly` alone, no deduplication",
    "scaling": "1 to 100 million rows, default memory budget",
    "floor": "the floor: decoding the same columns with dictionaries kept, and nothing else",
    "week": "one week of a history sorted by date",
}
SHOWN = {"vtr": "vtr", "duckdb": "DuckDB", "polars": "Polars", "chdb": "chDB (ClickHouse)", "datafusion": "DataFusion"}
COMPARED = ("full", "scan", "csv")


def groups(results, job):
    """Runs of a job by engine and rows, in the order of their first run."""
    found = {}
    for run in results["runs"]:
        if run["job"] == job:
            found.setdefault((run["engine"], run["rows"]), []).append(run)
    return found


def least(runs, what):
    return min(run[what] for run in runs)


def middle(runs, what):
    return statistics.median(run[what] for run in runs)


def compared_table(results, job):
    """Rows of a comparison: least (median) of wall and CPU, the highest peak, ratios to `vtr`, cells that differ."""
    found = groups(results, job)
    ours = next(runs for (engine, _), runs in found.items() if engine == "vtr")
    peak = lambda runs: max(run["peak_bytes"] for run in runs)
    lines = ["| engine | wall s, least (median) | CPU s, least (median) | peak MB | wall / vtr | CPU / vtr | peak / vtr | cells that differ |",
             "|---|---|---|---|---|---|---|---|"]
    for (engine, _), runs in found.items():
        failed = next((run["failed"] for run in runs if "failed" in run), None)
        if failed:
            lines.append(f"| {SHOWN[engine]} | not finished: {failed[:200].replace('|', '/')} | | | | | | |")
            continue
        ratio = lambda what: f"{least(runs, what) / least(ours, what):.2f}"
        cells = next((f"{run['differ']} of {run['cells']:,}" for run in runs if "cells" in run), "-")
        lines.append(f"| {SHOWN[engine]} | {least(runs, 'wall_s'):.2f} ({middle(runs, 'wall_s'):.2f}) | {least(runs, 'cpu_s'):.2f} "
                     f"({middle(runs, 'cpu_s'):.2f}) | {peak(runs) / 1e6:,.0f} | {ratio('wall_s')} | {ratio('cpu_s')} | {peak(runs) / peak(ours):.2f} | {cells} |")
    return "\n".join(lines)


def alone_table(results, job):
    lines = ["| | rows | wall s, least (median) | CPU s, least (median) | peak MB | stages, s | bytes read |", "|---|---|---|---|---|---|---|"]
    for (name, rows), runs in groups(results, job).items():
        if any("failed" in run for run in runs):
            lines.append(f"| {name} | {rows:,} | not finished: {runs[0].get('failed', '')[:200].replace('|', '/')} | | | | |")
            continue
        best = min(runs, key=lambda run: run["wall_s"])
        report = best.get("report") or {}
        stages = ", ".join(f"{stage['name']} {stage['seconds']:.2f}" for stage in report.get("stages") or [])
        read = report.get("bytes_read")
        share = f"{read:,}" + (f" ({100 * read / best['bytes']:.2f} % of {best['bytes']:,})" if "bytes" in best else "") if read is not None else ""
        lines.append(f"| {name} | {rows:,} | {least(runs, 'wall_s'):.2f} ({middle(runs, 'wall_s'):.2f}) | {least(runs, 'cpu_s'):.2f} "
                     f"({middle(runs, 'cpu_s'):.2f}) | {max(run['peak_bytes'] for run in runs) / 1e6:,.0f} | {stages} | {share} |")
    return "\n".join(lines)


def jobs_table(results):
    told = []
    for job, title in JOBS.items():
        found = groups(results, job)
        if found:
            rows = sorted({rows for _, rows in found})
            table = compared_table(results, job) if job in COMPARED else alone_table(results, job)
            told.append(f"### {title}\n\n" + (f"{rows[0]:,} rows.\n\n" if len(rows) == 1 else "") + table)
    return "\n\n".join(told)


def goals(results):
    """What was aimed at beside what was measured, where the runs needed for it were made."""
    lines = ["| goal | aimed at | measured | |", "|---|---|---|---|"]

    def goal(name, aim, measured, met, shown="{:.2f}"):
        lines.append(f"| {name} | {aim} | {shown.format(measured)} | {'met' if met else '**not met**'} |")

    for job, aim in (("full", 1 / 6), ("scan", 2 / 5), ("csv", 2 / 5)):
        found = {engine: runs for (engine, _), runs in groups(results, job).items() if not any("failed" in run for run in runs)}
        ours, peers = found.pop("vtr", None), [runs for engine, runs in found.items() if engine != "datafusion"]
        if not ours or not peers:
            continue
        for what, unit in (("wall_s", "wall"), ("cpu_s", "CPU")):
            ratio = least(ours, what) / min(least(runs, what) for runs in peers)
            goal(f"J-{job}: {unit}, part of the fastest other", f"at most {aim:.2f}", ratio, ratio <= aim)
        peak = max(run["peak_bytes"] for run in ours) / min(max(run["peak_bytes"] for run in runs) for runs in peers)
        goal(f"J-{job}: peak memory, part of the leanest other", "at most 0.50", peak, peak <= 0.5)
    threads = {engine: runs for (engine, _), runs in groups(results, "threads").items()}
    floor = {engine: runs for (engine, _), runs in groups(results, "floor").items()}
    if {"1", "2"} <= set(threads):
        ratio = least(threads["1"], "wall_s") / least(threads["2"], "wall_s")
        goal("two threads beside one, wall", "at least 1.80", ratio, ratio >= 1.8)
    if "1" in threads and floor:
        stage = min(stage["seconds"] for run in threads["1"] for stage in run["report"]["stages"] if stage["name"].startswith("read"))
        ratio = stage / least(floor["bare decode, threads: 1"], "wall_s")
        goal("reading, judging and folding on one thread, beside bare decoding", "at most 3.00", ratio, ratio <= 3)
    dedup = {engine: runs for (engine, _), runs in groups(results, "dedup").items()}
    if {"on", "off"} <= set(dedup):
        ratio = least(dedup["on"], "wall_s") / least(dedup["off"], "wall_s")
        goal("deduplication on beside off, wall", "at most 2.00", ratio, ratio <= 2)
    scaling = groups(results, "scaling")
    for (name, rows), runs in scaling.items():
        if rows == max(rows for _, rows in scaling) and "failed" not in runs[0]:
            peak = max(run["peak_bytes"] for run in runs) / 2**30
            goal(f"peak at {rows:,} rows, {name}, GiB", "at most 2.00", peak, peak <= 2)
    for (name, _), [run, *_] in groups(results, "week").items():
        aim = 0.05 if name == "vtr_weekly" else 0.20
        share = (run["bytes_read"] or 0) / run["bytes"]
        goal(f"one week of 104, {name}: share of bytes read", f"under {aim:.2f}", share, share < aim, "{:.4f}")
    return "\n".join(lines)


def markdown(results):
    machine, versions = results["machine"], results["versions"]
    return f"""# Benchmarks

Written by `make bench` with `KEEP=1`; every number comes out of its runs. How the comparison is made, and what favours whom,
stands in [`tests/bench/README.md`](../tests/bench/README.md).

* {results['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']};
  {results['threads']} threads for every engine, {results['repeat']} repetitions, interleaved.
* {', '.join(f'{SHOWN.get(name, name)} {version.removeprefix("vtr ")}' for name, version in versions.items())}.
* Wall and CPU are those of the whole process, start and publication included; peak is its resident memory.

![Wall seconds by job and engine](benchmarks.svg)

## Goals

{goals(results)}

{notes()}
## Runs

{jobs_table(results)}
"""


def notes():
    """What was seen and thought about the last kept numbers; written by hand."""
    with open(os.path.join(os.path.dirname(__file__), "notes.md"), encoding="utf-8") as file:
        return file.read()


def plot(results, path):
    """Horizontal bars of the least wall seconds, one block a compared job."""
    bars, y = [], 10
    for job in COMPARED:
        found = {engine: runs for (engine, _), runs in groups(results, job).items() if not any("failed" in run for run in runs)}
        if not found:
            continue
        bars.append(f'<text x="10" y="{y + 14}" font-weight="bold">{JOBS[job].split(":")[0]}, {next(iter(found.values()))[0]["rows"]:,} rows, wall s</text>')
        y += 24
        longest = max(least(runs, "wall_s") for runs in found.values())
        for engine, runs in found.items():
            wall = least(runs, "wall_s")
            width = max(2, 420 * wall / longest)
            colour = "#2a7" if engine == "vtr" else "#89a"
            bars.append(f'<text x="150" y="{y + 14}" text-anchor="end">{SHOWN[engine]}</text>'
                        f'<rect x="160" y="{y + 2}" width="{width:.0f}" height="16" fill="{colour}"/>'
                        f'<text x="{168 + width:.0f}" y="{y + 14}">{wall:.1f}</text>')
            y += 22
        y += 14
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{y}" font-family="sans-serif" font-size="13">'
                   f'<rect width="680" height="{y}" fill="white"/>{"".join(bars)}</svg>\n')


def keep(results, drawn):
    with open("docs/benchmarks.md", "w", encoding="utf-8") as file:
        file.write(markdown(results))
    plot(results, drawn)


if __name__ == "__main__":
    # Results of several runs on one machine are kept together: report.py RESULTS.json...
    first, *more = (json.load(open(path)) for path in sys.argv[1:])
    for other in more:
        first["runs"] += other["runs"]
    keep(first, "docs/benchmarks.svg")
