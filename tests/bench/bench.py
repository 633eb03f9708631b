"""`make bench`: every engine does every job in turn, interleaved; cells are compared, and the costs of each are kept.

Options are environment variables (see run.sh). Numbers go to results.json in the work folder, a table to stdout, a
plot beside them; with KEEP set they are kept for docs/benchmarks.md, which is then rewritten. It fails if an engine
disagrees with `vtr` in one cell.
"""

import glob
import importlib.metadata
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys

import kept
import machine
import measure
from prepare import VERSION_1, Work
from report import ALL, EIGHT, WEEKLY, goals, jobs_table, plot

ENGINES = "duckdb polars chdb datafusion".split()
# A comparison: the history, and whether numbers have shapes.
COMPARED = {"full": ("parquet", True), "scan": ("parquet", False), "csv": ("csv", False)}
ALONE = "default dedup threads scaling week floor".split()


class Bench:
    def __init__(self, environment):
        ask = lambda name, default: environment.get(name) or default
        # Measurements over the greatest history are long; they are made at most twice.
        self.few = min(2, int(ask("REPEAT", "3")))
        self.rows, self.csv_rows = int(ask("ROWS", "10000000")), int(ask("CSV_ROWS", ask("ROWS", "10000000")))
        self.repeat, self.threads, self.limit_s = int(ask("REPEAT", "3")), int(ask("THREADS", str(os.cpu_count()))), int(ask("LIMIT_S", "900"))
        self.jobs, self.peers = ask("JOBS", " ".join([*COMPARED, *ALONE])).split(), ask("PEERS", " ".join(ENGINES)).split()
        self.scales = [int(rows) for rows in ask("SCALES", f"1000000 {self.rows}").split()]
        self.work = Work(ask("WORK", "target/bench"), os.path.abspath(ask("VTR", "target/release/vtr")))
        self.bare = os.path.join(os.path.dirname(self.work.vtr), "examples", "bare_decode")
        self.keep = ask("KEEP", "")
        self.runs, self.results = [], {"parts": [], "micro": None, "profile": None}

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def vtr(self, job, out, *more, anew=True):
        """Runs `vtr` once, into an empty folder or else onto what is published there, with its own report."""
        before = set() if anew else set(glob.glob(f"{out}/_runs/*/report.json"))
        if anew:
            shutil.rmtree(out, ignore_errors=True)
        taken = measure.run([self.work.vtr, "run", job, "--out", out, "--quiet", *more], self.limit_s)
        reports = set(glob.glob(f"{out}/_runs/*/report.json")) - before
        if reports:
            report = json.load(open(reports.pop()))
            taken["report"] = {key: report.get(key) for key in ("stages", "bytes_read", "counts", "rows_noted", "peak_rss_bytes")}
        return taken

    def note(self, job, engine, rows, taken, **more):
        self.runs.append({"job": job, "engine": engine, "rows": rows, **taken, **more})
        told = taken.get("failed") or f"{taken['wall_s']:.1f} s, {taken['cpu_s']:.1f} s CPU, {taken['peak_bytes'] / 1e6:.0f} MB"
        self.say(f"  {job}: {engine}: {told}" + (f", {more['cells']} cells, {more['differ']} differ" if "cells" in more else "")
                 + (f", survey {taken['survey']['wall_s']:.1f} s, {taken['survey']['cpu_s']:.1f} s CPU" if "survey" in taken else ""))

    def history(self, form):
        rows = self.rows if form == "parquet" else self.csv_rows
        self.say(f"history of {rows} rows as {form}")
        history = self.work.history(rows, form, files=64 if form == "csv" else None)
        # Reads the files once, so that the first engine does not pay for the disk.
        for path in glob.glob(history["files"]):
            with open(path, "rb") as file:
                while file.read(1 << 24):
                    pass
        return history

    def compare(self, job):
        """Runs all engines on one job, interleaved; in the first repetition the cells of each are compared with
        `vtr`'s."""
        form, shapes = COMPARED[job]
        history = self.history(form)
        book = [] if shapes else ["--book", self.work.book_without_shapes()]
        task_file = self.work.job(history, ["vtr_weekly"], deduplicate=False)
        tasks = {engine: self.task(engine, job, history) for engine in self.peers}
        out = self.work.path("out", job)
        for repetition in range(self.repeat):
            taken = self.vtr(task_file, out, "--threads", str(self.threads), *book)
            self.note(job, "vtr", history["rows"], taken)
            for engine, (path, cells) in list(tasks.items()):
                if os.path.exists(cells):
                    os.remove(cells)
                taken = measure.run([sys.executable, "tests/bench/peer.py", path], self.limit_s)
                if "failed" not in taken:
                    taken["survey"] = self.survey(path, cells)
                found = self.differences(out, cells) if "failed" not in taken and repetition == 0 else {}
                self.note(job, engine, history["rows"], taken, **found)
                if "failed" in taken:
                    del tasks[engine]  # said once is enough

    def task(self, engine, job, history):
        made = subprocess.run([sys.executable, "tests/bench/prepare.py", self.work.folder, self.work.vtr, engine, "full" if job == "full" else "scan",
                               history["name"], str(self.threads)], check=True, stdout=subprocess.PIPE, text=True)
        path, cells = made.stdout.split()
        return path, cells

    def survey(self, path, cells):
        """Returns the cost of the survey in an engine's run; the survey must have found everything."""
        taken, asked = json.load(open(cells + ".survey")), json.load(open(path))["found"]
        if taken["found"] != asked:
            sys.exit(f"{path}: the survey found {taken['found']} names, routes and heads of numbers instead of {asked}")
        return taken

    def differences(self, out, cells):
        said = subprocess.run([sys.executable, "tests/bench/compare.py", out, cells], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(said.stdout)

    # The measurements of `vtr` alone.

    def repeatedly(self, job, variants):
        for _ in range(self.repeat):
            for name, history, task_file, more in variants:
                taken = self.vtr(task_file, self.work.path("out", "alone"), *more)
                self.note(job, name, history["rows"], taken)

    def default(self):
        history = self.history("parquet")
        jobs = ((ALL, self.work.job(history)), (EIGHT, self.work.job(history, VERSION_1)), (WEEKLY, self.work.job(history, ["vtr_weekly"])))
        self.repeatedly("default", [(name, history, task_file, ["--threads", str(self.threads)]) for name, task_file in jobs])

    def dedup(self):
        history, threads = self.history("parquet"), ["--threads", str(self.threads)]
        self.repeatedly("dedup", [(name, history, self.work.job(history, ["vtr_weekly"], on), threads) for name, on in (("off", False), ("on", True))])

    def thread_counts(self):
        history = self.history("parquet")
        task_file = self.work.job(history, ["vtr_weekly"], deduplicate=False)
        self.repeatedly("threads", [(str(count), history, task_file, ["--threads", str(count)]) for count in (1, 2)])

    def scaling(self):
        for rows in self.scales:
            history = self.work.history(rows)
            jobs = (("vtr_weekly", self.work.job(history, ["vtr_weekly"], False)), ("vtr_weekly, deduplicated", self.work.job(history, ["vtr_weekly"], True)),
                    ("default", self.work.job(history)))
            for (name, task_file), _ in itertools.product(jobs, range(self.few)):
                self.note("scaling", name, rows, self.vtr(task_file, self.work.path("out", "alone"), "--threads", str(self.threads)))

    def week(self):
        """One week of a history of 104, sorted by date: the share of the input's bytes that is read. Around one in the middle
        copies are sought on both sides. The last one is what a scheduler runs, on an output that has all weeks and notes."""
        history = self.work.history(max(self.scales))
        jobs = (("vtr_weekly", self.work.job(history, ["vtr_weekly"], False)), ("default", self.work.job(history)))
        weeks = (("the last", "2025-W52"), ("one in the middle", "2025-W20"))
        for _, (name, task_file), (which, week) in itertools.product(range(self.few), jobs, weeks):
            taken = self.vtr(task_file, self.work.path("out", "week"), "--from", week, "--to", week)
            read = (taken.get("report") or {}).get("bytes_read")
            self.note("week", f"{name}, {which}", history["rows"], taken, bytes=history["bytes"], bytes_read=read)
            self.say(f"    {read} of {history['bytes']} bytes: {100 * (read or 0) / history['bytes']:.2f} %")
        (_, (name, task_file)), (which, week), out = jobs, weeks[0], self.work.path("out", "published")
        self.vtr(task_file, out)
        for _ in range(self.few):
            taken = self.vtr(task_file, out, "--from", week, "--to", week, anew=False)
            read = (taken.get("report") or {}).get("bytes_read")
            self.note("week", f"{name}, {which}, all being published", history["rows"], taken, bytes=history["bytes"], bytes_read=read)

    def floor(self):
        """Decodes the same columns and does nothing else, beside the run that judges and publishes."""
        history = self.history("parquet")
        files = sorted(glob.glob(history["files"]))
        for _ in range(self.repeat):
            for threads in (1, self.threads):
                taken = measure.run([self.bare, str(threads), *files], self.limit_s)
                self.note("floor", f"bare decode, threads: {threads}", history["rows"], taken)

    def part(self, job):
        """Returns the runs since the last part, with the date and setting of the measurement."""
        version = subprocess.run([self.work.vtr, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        versions = {"vtr": version, "python": platform.python_version(), **{engine: importlib.metadata.version(engine) for engine in ENGINES}}
        runs, self.runs = self.runs, []
        return {"job": job, "rows": max(run["rows"] for run in runs), "repeat": self.repeat if job not in ("scaling", "week") else self.few,
                "threads": self.threads, **machine.facts(), "versions": versions, "runs": runs}

    def run(self):
        alone = {"default": self.default, "dedup": self.dedup, "threads": self.thread_counts, "scaling": self.scaling, "week": self.week, "floor": self.floor}
        if unknown := [job for job in self.jobs if job not in COMPARED and job not in alone]:
            sys.exit(f"there is no job `{unknown[0]}`; there are: {' '.join([*COMPARED, *ALONE])}")
        for job in self.jobs:
            self.compare(job) if job in COMPARED else alone[job]()
            self.results["parts"].append(self.part(job))
            with open(self.work.path("results.json"), "w") as file:
                json.dump(self.results, file, indent=1)
        plot(self.results, self.work.path("results.svg"))
        print(goals(self.results), jobs_table(self.results), sep="\n\n")
        if self.keep:
            kept.keep_jobs(self.results)
        wrong = [run for part in self.results["parts"] for run in part["runs"] if run.get("differ")]
        if wrong:
            sys.exit("; ".join(f"{run['engine']} differs in {run['differ']} of {run['cells']} cells of {run['job']}" for run in wrong))


if __name__ == "__main__":
    Bench(os.environ).run()
