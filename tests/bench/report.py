"""Makes the tables, a plot and the text of docs/benchmarks.md from results; every number there is from a run.

Results are `parts`, each of one job at one size with its runs, date, machine and versions; beside them are
Criterion's estimates and a profile, if there are any (kept.py combines them).
"""

import os
import statistics
import textwrap

import machine

JOBS = {
    "full": "J-full: the whole ladder (exemptions by value, placeholders, shapes, check digits, signatures of other carriers)",
    "scan": "J-scan: the same without shapes and check digits; scans decide",
    "csv": "J-csv: J-scan over CSV, 64 files",
    "default": "runs of `vtr` with all tables, with the eight of version 1, and with `vtr_weekly` alone",
    "dedup": "deduplication off and on, `vtr_weekly` alone",
    "threads": "threads, `vtr_weekly` alone, no deduplication",
    "scaling": "1 to 100 million rows, default memory budget",
    "floor": "the floor: decoding the same columns with dictionaries kept, and nothing else",
    "week": "one week of a history sorted by date",
}
SHOWN = {"vtr": "vtr", "duckdb": "DuckDB", "polars": "Polars", "chdb": "chDB (ClickHouse)", "datafusion": "DataFusion"}
COMPARED = ("full", "scan", "csv")
# The runs of the job `default`; the tables of version 1 are listed in prepare.py.
ALL, EIGHT, WEEKLY = "all tables, deduplicated", "the eight tables of version 1, deduplicated", "vtr_weekly, deduplicated"


def by_engine(part):
    """Runs of a part by engine and rows, in the order of their first run."""
    found = {}
    for run in part["runs"]:
        found.setdefault((run["engine"], run["rows"]), []).append(run)
    return found


def part_of(results, job):
    """The part of a job over most rows, or none."""
    return max((part for part in results["parts"] if part["job"] == job), key=lambda part: part["rows"], default=None)


def failure(runs):
    return next((run["failed"] for run in runs if "failed" in run), None)


def least(runs, what):
    return min(run[what] for run in runs)


def middle(runs, what):
    return statistics.median(run[what] for run in runs)


def alone(runs, what):
    """Returns the least time of the query without the survey before it."""
    return min(run[what] - run.get("survey", {}).get(what, 0) for run in runs)


def peak(runs):
    return max(run["peak_bytes"] for run in runs)


def both(runs, what):
    return f"{least(runs, what):.2f} ({middle(runs, what):.2f})"


def compared_table(part):
    """Rows of a comparison: the query alone and then the whole, each with its ratio to `vtr`; the highest peak; cells that differ."""
    found = by_engine(part)
    ours = next(runs for (engine, _), runs in found.items() if engine == "vtr")
    lines = ["| engine | query alone: wall s | / vtr | CPU s | / vtr | whole: wall s, least (median) | / vtr | CPU s, least (median) | / vtr | peak MB | / vtr | cells that differ |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for (engine, _), runs in found.items():
        if failed := failure(runs):
            lines.append(f"| {SHOWN[engine]} | not finished: {failed[:200].replace('|', '/')} | | | | | | | | {peak(runs) / 1e6:,.0f} | | |")
            continue
        told = []
        for what in ("wall_s", "cpu_s"):
            seconds = alone(runs, what)
            told += [f"{seconds:.2f}", f"{seconds / least(ours, what):.2f}"] if runs is not ours else ["-", "-"]
        for what in ("wall_s", "cpu_s"):
            told += [both(runs, what), f"{least(runs, what) / least(ours, what):.2f}"]
        cells = next((f"{run['differ']} of {run['cells']:,}" for run in runs if "cells" in run), "-")
        lines.append(f"| {SHOWN[engine]} | {' | '.join(told)} | {peak(runs) / 1e6:,.0f} | {peak(runs) / peak(ours):.2f} | {cells} |")
    return "\n".join(lines)


def alone_table(part):
    lines = ["| | rows | wall s, least (median) | CPU s, least (median) | peak MB | stages, s | bytes read |", "|---|---|---|---|---|---|---|"]
    for (name, rows), runs in by_engine(part).items():
        if failed := failure(runs):
            lines.append(f"| {name} | {rows:,} | not finished: {failed[:200].replace('|', '/')} | | | | |")
            continue
        best = min(runs, key=lambda run: run["wall_s"])
        report = best.get("report") or {}
        stages = ", ".join(f"{stage['name']} {stage['seconds']:.2f}" for stage in report.get("stages") or [])
        read = report.get("bytes_read")
        share = f"{read:,}" + (f" ({100 * read / best['bytes']:.2f} % of {best['bytes']:,})" if "bytes" in best else "") if read is not None else ""
        lines.append(f"| {name} | {rows:,} | {both(runs, 'wall_s')} | {both(runs, 'cpu_s')} | {peak(runs) / 1e6:,.0f} | {stages} | {share} |")
    return "\n".join(lines)


def jobs_table(results):
    told = []
    for part in sorted(results["parts"], key=lambda part: (list(JOBS).index(part["job"]), part["rows"])):
        compared = part["job"] in COMPARED
        times = "once" if part["repeat"] == 1 else f"{part['repeat']} times" + (", interleaved" if compared else "")
        about = f"{part['rows']:,} rows, {part['threads']} threads{' for every engine' if compared else ''}, {times}, {part['date']}."
        told.append(f"### {JOBS[part['job']]}\n\n{about}\n\n{compared_table(part) if compared else alone_table(part)}{decoded_rows(part)}")
    return "\n\n".join(told)


def decoded_rows(part):
    """Returns what a scheduled week judges and takes from notes, in a sentence; empty for other parts."""
    runs = [run for (name, _), runs in by_engine(part).items() if name.endswith("all being published") for run in runs if "rows_noted" in (run.get("report") or {})]
    if part["job"] != "week" or not runs:
        return ""
    run = runs[0]
    counts, noted = run["report"]["counts"], run["report"]["rows_noted"]
    judged, of_week = counts["read"] - noted, sum(counts[name] for name in ("out_of_scope", "exempt", "valid", "defect"))
    share = lambda rows: f"{rows:,} rows ({100 * rows / run['rows']:.1f} % of the history)"
    text = (f"On an output that has all weeks, a run judges {share(judged)} here, of which it counts {share(of_week)} in the week; it decodes the "
            f"row groups in which they lie. Of {share(noted)} beside and around them it takes identities and counts from notes.")
    return "\n\n" + textwrap.fill(text, 120)


def ours_and_peers(part):
    """Finished runs of `vtr`, or none, and those of each other engine."""
    found = {engine: runs for (engine, _), runs in by_engine(part).items() if not failure(runs)} if part else {}
    return found.pop("vtr", None), list(found.values())


def goals(results):
    """Returns the goals beside the measurements, if the necessary runs were made. The first figure is beside the query alone."""
    lines = ["| goal | aimed at | beside the query alone | beside the whole | |", "|---|---|---|---|---|"]

    def goal(name, aim, measured, met, shown="{:.2f}", query=None):
        # What is measured beside nothing else has one figure.
        figures = [shown.format(measured), ""] if query is None else [shown.format(query), shown.format(measured)]
        lines.append(f"| {name} | {aim} | {' | '.join(figures)} | {'met' if met else '**not met**'} |")

    for job, aim, told in COMPARED_GOALS:
        compared_goals(part_of(results, job), job, aim, told, goal)
    alone_goals(results, goal)
    for bench in (results["micro"] or {"benches": []})["benches"]:
        if bench["name"] == "judge/number":
            goal("judging a number against its declared carrier, ns", "under 60", bench["ns"], bench["ns"] < 60, "{:.1f}")
    return "\n".join(lines)


# A job, the part of the fastest other engine's cost that is allowed, and how that is told.
COMPARED_GOALS = (("full", 1 / 6, "at most 1/6 (0.167); 1/7 (0.143) is aimed at"), ("scan", 1 / 4, "at most 1/4 (0.250)"), ("csv", 2 / 5, "at most 2/5 (0.400)"))


def compared_goals(part, job, aim, told, goal):
    """Adds the goals beside the fastest of all other engines, which may be another one for each figure."""
    ours, peers = ours_and_peers(part)
    if not ours or not peers:
        return
    absent = [SHOWN[engine] for engine in SHOWN if engine not in {run["engine"] for run in part["runs"]}]
    rows = f"{part['rows'] / 1_000_000:g} M rows" + (f", without {' and '.join(absent)}" if absent else "")
    for what, unit in (("wall_s", "wall"), ("cpu_s", "CPU")):
        ratio = least(ours, what) / min(least(runs, what) for runs in peers)
        query = least(ours, what) / min(alone(runs, what) for runs in peers)
        goal(f"J-{job}, {rows}: {unit}, part of the fastest other", told, ratio, ratio <= aim, shown="{:.3f}", query=query)
    ratio = peak(ours) / min(peak(runs) for runs in peers)
    goal(f"J-{job}, {rows}: peak memory, part of the leanest other", "at most 0.50", ratio, ratio <= 0.5)


def runs_of(results, job):
    """Returns the finished runs of a job of `vtr` alone over most rows, by name."""
    part = part_of(results, job) or {"runs": []}
    return {engine: runs for (engine, _), runs in by_engine(part).items() if not failure(runs)}


def alone_goals(results, goal):
    """Adds the goals of `vtr` beside itself and beside bare decoding."""
    default, threads, floor, dedup = (runs_of(results, job) for job in ("default", "threads", "floor", "dedup"))
    if {EIGHT, WEEKLY} <= set(default):
        for what, unit in (("wall_s", "wall"), ("cpu_s", "CPU")):
            ratio = least(default[EIGHT], what) / least(default[WEEKLY], what)
            goal(f"the eight tables of version 1 beside `vtr_weekly` alone, {unit}", "at most 2.00", ratio, ratio <= 2)
    if {"1", "2"} <= set(threads):
        ratio = least(threads["1"], "wall_s") / least(threads["2"], "wall_s")
        goal("two threads beside one, wall", "at least 1.80", ratio, ratio >= 1.8)
    if "1" in threads and floor:
        stage = min(stage["seconds"] for run in threads["1"] for stage in run["report"]["stages"] if stage["name"].startswith("read"))
        ratio = stage / least(floor["bare decode, threads: 1"], "wall_s")
        goal("reading, judging and folding on one thread, beside bare decoding", "at most 2.00", ratio, ratio <= 2)
    if {"on", "off"} <= set(dedup):
        for what, unit in (("wall_s", "wall"), ("cpu_s", "CPU")):
            ratio = least(dedup["on"], what) / least(dedup["off"], what)
            goal(f"deduplication on beside off, {unit}", "at most 1.25", ratio, ratio <= 1.25)
    scaling = by_engine(part_of(results, "scaling") or {"runs": []})
    for (name, rows), runs in scaling.items():
        if rows == max(rows for _, rows in scaling) and not failure(runs):
            goal(f"peak at {rows:,} rows, {name}, GiB", "at most 2.00", peak(runs) / 2**30, peak(runs) <= 2**31)
    week_goals(results, goal)


def week_goals(results, goal):
    """Adds the shares of the input's bytes that the last week of 104 takes, and its CPU on an output that has all weeks."""
    last, runs = "default, the last", runs_of(results, "week")
    share = lambda run: (run["bytes_read"] or 0) / run["bytes"]
    for name in (last, f"{last}, all being published"):
        if name in runs:
            measured = share(runs[name][0])
            goal(f"one week of 104, {name}: share of bytes read", "under 0.03", measured, measured < 0.03, "{:.4f}")
    if {last, f"{last}, all being published"} <= set(runs):
        ratio = least(runs[f"{last}, all being published"], "cpu_s") / least(runs[last], "cpu_s")
        goal(f"one week of 104, {last}, all being published: CPU beside an empty output", "at most 0.20", ratio, ratio <= 0.2)


def row_table(results):
    """Returns the cost of J-full per row, in nanoseconds of CPU, and what a sixth of the fastest other engine would
    allow."""
    part, floor, micro = part_of(results, "full"), part_of(results, "floor"), results["micro"]
    ours, peers = ours_and_peers(part)
    judging = [bench["ns"] for bench in (micro or {"benches": []})["benches"] if bench["name"] == "judge/shipment"]
    if not (ours and peers and floor and judging):
        return ""
    run = min(ours, key=lambda run: run["cpu_s"])
    a_row = lambda seconds, rows=part["rows"]: seconds / rows * 1e9
    decoding = a_row(least(by_engine(floor)["bare decode, threads: 1", floor["rows"]], "cpu_s"), floor["rows"])
    table = a_row(part["threads"] * sum(stage["seconds"] for stage in run["report"]["stages"] if stage["name"] == "tables"))
    whole, aim = a_row(run["cpu_s"]), a_row(min(least(runs, "cpu_s") for runs in peers)) / 6
    lines = [(f"`vtr`, J-full, {part['rows']:,} rows", whole), (f"of these, bare decoding (the floor, {floor['rows']:,} rows)", decoding),
             ("the table (stage `tables` on all threads)", table), ("judging a shipment (`judge/shipment`, by itself)", judging[0]),
             ("the rest: reading its columns, counting it, waiting for memory", whole - decoding - table - judging[0]),
             ("a sixth of the fastest other", aim), ("which would leave for the rest", aim - decoding - table - judging[0])]
    return "\n".join(["| a row | CPU, ns |", "|---|---|"] + [f"| {name} | {value:,.0f} |" for name, value in lines]) + "\n\n"


def micro_table(micro):
    """Criterion's estimates with their 95 % interval."""
    lines = ["| benchmark | one iteration, µs (95 % interval) | rate |", "|---|---|---|"]
    for bench in micro["benches"]:
        [(unit, count)] = (bench["of"] or {"Numbers": 1}).items()
        rate = count / bench["ns"] * 1e9
        shown = {"Bytes": f"{rate / 2**20:,.0f} MiB/s", "Elements": f"{rate:,.0f} rows/s"}.get(unit, f"{bench['ns']:.1f} ns a number")
        low, middle, high = (f"{bench[name] / 1000:,.3f}" for name in ("low_ns", "ns", "high_ns"))
        lines.append(f"| {bench['name']} | {middle} ({low} to {high}) | {shown} |")
    return "\n".join(lines)


def profile_table(profile):
    """What a row costs by module and by function, the heaviest first; what a scheduled week costs by module."""
    each = profile["of_row"]
    row = lambda cells: f"| {' | '.join(cells)} |"
    lines = [row(("module", "J-full, share", f"J-full, {each}", f"J-scan, {each}", f"J-csv, {each}", f"deduplication, {each} more")), "|---|---|---|---|---|---|"]
    lines += [row((name, f"{100 * share:.1f} %", *(f"{cost:.1f}" for cost in costs))) for name, share, *costs in profile["modules"]]
    lines += ["", row(("function, J-full", "share", each)), "|---|---|---|"]
    lines += [row((name, f"{100 * share:.1f} %", f"{cost:.1f}")) for name, share, cost in profile["functions"]]
    lines += ["", row(("module, one week", f"empty output, {profile['of_run']}", f"all published, {profile['of_run']}")), "|---|---|---|"]
    lines += [row((name, f"{empty:,.0f}", f"{published:,.0f}")) for name, empty, published in profile["weeks"]]
    return "\n".join(lines)


def machines(results):
    """Returns a line for each machine and set of versions with which parts were measured."""
    told = []
    for part in results["parts"]:
        versions = ", ".join(f"{SHOWN.get(name, name)} {version.removeprefix('vtr ')}" for name, version in part["versions"].items())
        told.append(f"* {machine.told(part['machine'])};\n  {versions}.")
    return "\n".join(dict.fromkeys(told))


def markdown(results):
    more = ""
    if micro := results["micro"]:
        more += f"\n### one thread, by Criterion, CPU time of the thread (`make bench-micro`)\n\n{micro['date']}.\n\n{micro_table(micro)}\n"
    if profile := results["profile"]:
        more += f"\n### where the time goes (`make profile`)\n\n{profile['about']}\n\n{profile_table(profile)}\n"
    return f"""# Benchmarks

`make bench`, `make bench-micro` and `make profile` with `KEEP=1` write this page; every number comes from their runs.
[`tests/bench/README.md`](../tests/bench/README.md) describes the comparison and what favours each engine.

{machines(results)}
* Wall and CPU are those of the whole process, start and publication included. Beside the other engines the first figure
  is for their query alone; the whole adds the survey of the history, without which the query could not be written, and
  goals are held against the whole of the fastest of all of them. Peak is resident memory.
{inputs_link()}
![Wall seconds by job and engine](benchmarks.svg)

## Goals

{goals(results)}

{row_table(results)}{notes()}
## Runs

{jobs_table(results)}
{more}"""


def inputs_link():
    """Returns a link to the measurements of other forms of files, once they are kept."""
    there = os.path.exists("docs/benchmarks-inputs.md")
    return "* Free-text carriers, CSV in one file, other programs' Parquet: [benchmarks-inputs.md](benchmarks-inputs.md).\n" if there else ""


def notes():
    """Returns the notes on the last kept numbers, which are written by hand."""
    with open(os.path.join(os.path.dirname(__file__), "notes.md"), encoding="utf-8") as file:
        return file.read()


def plot(results, path):
    """Horizontal bars of the least wall seconds, one block a compared job and size."""
    bars, y = [], 10
    for part in results["parts"]:
        found = {engine: runs for (engine, _), runs in by_engine(part).items() if not failure(runs)}
        if part["job"] not in COMPARED or not found:
            continue
        bars.append(f'<text x="10" y="{y + 14}" font-weight="bold">{JOBS[part["job"]].split(":")[0]}, {part["rows"]:,} rows, wall s</text>')
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
