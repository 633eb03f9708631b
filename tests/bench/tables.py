"""What each table costs the default run: processor seconds with all tables, and without one of them.

Usage: tables.py VTR [ROWS] [TIMES] [OLDER]; OLDER is the program of another day, over the same history. Runs take turns, the
least of each counts. It ends with 1 if the default run takes more than 1.3 times what the tables of FIRST took.
"""

import os
import sys
import tempfile

import machine
import measure
from prepare import VERSION_1, Work

FIRST = VERSION_1
LATER = "vtr_weekly_reasons health_breakdown".split()
STAR = "dim_marketplace dim_carrier dim_reason dim_rule dim_week dim_seller".split()
AIM = 1.3


def main(vtr, rows="200000", times="5", older=None):
    with tempfile.TemporaryDirectory() as folder:
        work = Work(folder, os.path.abspath(vtr))
        history = work.history(int(rows))
        jobs = {"all": work.job(history)}
        every = FIRST + LATER + STAR
        # The small tables that say what codes mean cost too little to be told apart.
        parts = {**{table: [table] for table in FIRST + LATER}, "dim_*": STAR}
        for name, tables in [("first", FIRST), *((part, [one for one in every if one not in gone]) for part, gone in parts.items())]:
            jobs[name] = os.path.join(folder, "jobs", f"{name.strip('_*')}.toml")
            text = open(work.job(history, tables)).read()
            with open(jobs[name], "w") as file:
                file.write(text)
        taken = {}
        for _ in range(int(times)):
            programs = [(name, work.vtr, job) for name, job in jobs.items()] + ([("older", older, jobs["all"])] if older else [])
            for name, program, job in programs:
                out = os.path.join(folder, "out", name.strip("_*"))
                run = measure.run([program, "run", job, "--full", "--quiet", "--threads", "1", "--out", out])
                if "failed" in run:
                    sys.exit(f"{name}: {run['failed']}")
                taken[name] = min(taken.get(name, 1e9), run["cpu_s"])
    facts, whole = machine.facts(), taken["all"]
    print(f"{int(rows):,} rows, one thread, least of {times}, {facts['date']}, {machine.told(facts['machine'])}; default run {whole:.2f} s of CPU.\n")
    print("| table | CPU s without it | it costs, s | of the run |\n|---|---|---|---|")
    for table in parts:
        cost = whole - taken[table]
        print(f"| `{table}` | {taken[table]:.2f} | {cost:.2f} | {100 * cost / whole:.1f} % |")
    print(f"\nThe default run takes {whole / taken['first']:.2f} times what it takes with the first {len(FIRST)} tables alone ({taken['first']:.2f} s); at most {AIM} is aimed at.")
    if older:
        print(f"The older program takes {taken['older']:.2f} s: {whole / taken['older']:.2f} times.")
    return whole > AIM * taken["first"]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
