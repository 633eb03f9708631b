"""`make bench-inputs`: one history in the forms of sellers' real files, each beside the standard one.

The standard is the output of `vtr gen`: Parquet by month, zstd, dictionaries, a million rows per row group. DuckDB or
pyarrow makes each form from it, except the history of sellers with habits, which `vtr gen` makes. Each form is judged
into `vtr_weekly` in turn with the standard (pairs, interleaved), and must give the same classes if it holds the same
packages. Options are environment variables (see inputs.sh). With KEEP set the table is written to
docs/benchmarks-inputs.md. It fails if a form's counts differ.
"""

import glob
import gzip
import json
import os
import shutil
import statistics
import sys

import duckdb
import pyarrow
import pyarrow.parquet as parquet

import kept
import machine
import measure
from prepare import Work

DOCS = "docs/benchmarks-inputs.md"
SMALL_FILES = 2_000


def copied(target, select, options=""):
    """Lets DuckDB write a selection from the standard files, one file each."""
    def make(files, folder):
        for at, path in enumerate(files):
            duckdb.execute(f"COPY (SELECT {select} FROM '{path}') TO '{folder}/{at:04}.{target}' ({options or 'FORMAT parquet'})")
    return make


def written(**options):
    """Lets pyarrow rewrite the standard files."""
    def make(files, folder):
        for at, path in enumerate(files):
            parquet.write_table(parquet.read_table(path), f"{folder}/{at:04}.parquet", **options)
    return make


def small_files(files, folder):
    rows = sum(parquet.read_metadata(path).num_rows for path in files)
    at, size = 0, -(-rows // SMALL_FILES)
    for path in files:
        table = parquet.read_table(path)
        for first in range(0, table.num_rows, size):
            parquet.write_table(table.slice(first, size), f"{folder}/{at:06}.parquet", compression="zstd")
            at += 1


def one_csv(files, folder):
    listed = ", ".join(f"'{path}'" for path in files)
    duckdb.execute(f"COPY (SELECT * FROM read_parquet([{listed}])) TO '{folder}/all.csv' (FORMAT csv, HEADER, "
                   "TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ')")


def one_gz(files, folder):
    one_csv(files, folder)
    with open(f"{folder}/all.csv", "rb") as source, gzip.open(f"{folder}/all.csv.gz", "wb", 6) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    os.remove(f"{folder}/all.csv")


def replaced(column, expression):
    return copied("parquet", f"* REPLACE ({expression} AS {column})", "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 1000000")


def free_text(files, folder):
    """Puts a number after each carrier's name, so that about SPELLINGS different names come in no order."""
    listed = ", ".join(f"'{path}'" for path in files)
    [(names,)] = duckdb.execute(f"SELECT count(DISTINCT carrier) FROM read_parquet([{listed}])").fetchall()
    replaced("carrier", f"carrier || ' ' || (hash(order_id) % {max(1, SPELLINGS // names)})")(files, folder)


SPELLINGS = 100_000
FREE_TEXT, SMALL, HABITS = "carriers as free text, 100,000 spellings", "2,000 small files", "sellers with one spelling and few carriers"
# What parquet-mr has by default in Spark 3 and 4: snappy, INT96, pages and dictionaries of 1 MiB, decimals as integers.
SPARK = {"compression": "snappy", "use_deprecated_int96_timestamps": True, "data_page_size": 1 << 20, "dictionary_pagesize_limit": 1 << 20,
         "store_decimal_as_integer": True, "version": "1.0"}
# The name, whether its packages are judged like the standard's, and how it is made; `None`: by `vtr gen`.
FORMS = {
    FREE_TEXT: (False, free_text),
    "400,000 sellers": (False, replaced("seller_id", "'S' || (hash(order_id) % 400000)")),
    "300,000 categories": (True, replaced("product_category", "'C' || (hash(order_id) % 300000)")),
    SMALL: (True, small_files),
    "no dictionaries": (True, written(use_dictionary=False, compression="zstd")),
    "pyarrow's defaults": (True, written()),
    "DuckDB's defaults": (True, copied("parquet", "*")),
    "Spark's defaults, as set in pyarrow": (True, written(**SPARK)),
    "CSV, one file": (True, one_csv),
    "CSV, one file, gz": (True, one_gz),
    HABITS: (False, None),
}
# The greatest part of the standard's CPU that a form is to take.
GOALS = {FREE_TEXT: 2.0, SMALL: 2.0}


class Inputs:
    def __init__(self, environment):
        ask = lambda name, default: environment.get(name) or default
        self.rows, self.repeat = int(ask("ROWS", "5000000")), int(ask("REPEAT", "3"))
        self.limit_s = int(ask("LIMIT_S", "900"))
        self.work = Work(ask("WORK", "target/bench"), os.path.abspath(ask("VTR", "target/release/vtr")))
        self.only, self.keep = ask("ONLY", ""), ask("KEEP", "")

    def made(self, standard, name, make):
        """Returns the history in a form, made once."""
        if make is None:
            return self.work.history(self.rows, extra=["--habits"], name=f"{standard['name']}-habits")
        key = "".join(c if c.isalnum() else "-" for c in name)
        return self.work.form(standard, key, make)

    def run(self, history):
        job, out = self.work.job(history, ["vtr_weekly"], deduplicate=False), self.work.path("out", history["name"])
        shutil.rmtree(out, ignore_errors=True)
        taken = measure.run([self.work.vtr, "run", job, "--out", out, "--quiet"], self.limit_s)
        if "failed" in taken:
            sys.exit(f"{history['name']}: {taken['failed']}")
        report = json.load(open(glob.glob(f"{out}/_runs/*/report.json")[0]))
        return taken | {"counts": report["counts"]}

    def bench(self):
        standard = self.work.history(self.rows)
        found, base = [], []
        for name, (is_same, make) in FORMS.items():
            if self.only and self.only not in name:
                continue
            history, pairs = self.made(standard, name, make), []
            for _ in range(self.repeat):
                one, other = self.run(standard), self.run(history)
                pairs.append((one, other))
                keys = ("read", "out_of_scope", "exempt", "valid", "defect") if is_same else ("read",)
                differ = [key for key in keys if one["counts"][key] != other["counts"][key]]
                if differ:
                    sys.exit(f"{name}: {', '.join(differ)} differ from the standard's: {other['counts']} beside {one['counts']}")
            base += [one for one, _ in pairs]
            found.append((name, history, pairs))
            print(f"  {name}: {self.line(name, history, pairs)}", file=sys.stderr, flush=True)
            shutil.rmtree(self.work.path("out"), ignore_errors=True)
        return self.table(standard, base, found)

    def line(self, name, history, pairs):
        ratio = statistics.median(other["cpu_s"] / one["cpu_s"] for one, other in pairs)
        others = [other for _, other in pairs]
        aim = GOALS.get(name)
        goal = f"at most {aim:.2f}: {'met' if ratio <= aim else '**not met**'}" if aim else ""
        return self.cells(name, history["bytes"] / 1e6, others) + f" {ratio:.2f} | {goal} |"

    def cells(self, name, size, runs):
        least = lambda key: min(run[key] for run in runs)
        cpu = least("cpu_s")
        return (f"| {name} | {size:,.0f} | {least('wall_s'):.2f} | {cpu:.2f} | {cpu / self.rows * 1e9:,.0f} | "
                f"{max(run['peak_bytes'] for run in runs) / 1e6:,.0f} |")

    def table(self, standard, base, found):
        lines = ["| input | MB | wall s | CPU s | CPU, ns a row | peak MB | CPU, times the standard | goal |", "|---|---|---|---|---|---|---|---|",
                 self.cells("standard", standard["bytes"] / 1e6, base) + " 1.00 | |"]
        return "\n".join(lines + [self.line(*form) for form in found])


def page(bench, table):
    facts = machine.facts()
    return f"""# Benchmarks: inputs as they come

`make bench-inputs` with `KEEP=1` writes this page. {facts['date']}: {bench.rows:,} rows into `vtr_weekly`, without deduplication,
standard and form {bench.repeat} times in turn. Times are the least of these, ratios their median. The standard is Parquet
as `vtr gen` writes it: a file a month, zstd, dictionaries.

{machine.told(facts['machine'])};
DuckDB {duckdb.__version__}, pyarrow {pyarrow.__version__}.

{table}

No Spark ran: its form was written by pyarrow with the settings that Spark's writer has by default (snappy, timestamps as
INT96, pages and dictionaries of 1 MiB, decimals as integers); row groups are pyarrow's. Free-text carriers have a number
after the name. The standard draws the spelling of each label by row; sellers with one spelling and few
carriers, as in life, are those of `vtr gen --habits`. Packages of these two forms may be judged unlike the standard's.
"""


if __name__ == "__main__":
    bench = Inputs(os.environ)
    table = bench.bench()
    print(table)
    if bench.keep:
        with open(DOCS, "w", encoding="utf-8") as file:
            file.write(page(bench, table))
        if glob.glob(f"{kept.FOLDER}/*.json"):
            kept.publish()  # which links to it
