"""Makes everything that a measured run needs and that is not timed: histories, books, jobs, dimension tables,
queries.

Everything is under the work folder and is made once. It fails with the message of `vtr gen` or DuckDB.
"""

import glob
import hashlib
import json
import os
import pickle
import shutil
import subprocess

import sql
import survey
from book import Book, without_shapes

BOOK = "src/kernel/book"
COLUMNS = """seller_id marketplace order_id package_id fulfillment_channel order_status carrier ship_service buy_shipping
tracking_number ship_from_country ship_to_country package_value currency product_category programme promised_delivery_at
shipped_at tracking_added_at first_scan_at delivery_scan_at updated_at""".split()
TIMES = COLUMNS[16:]
# The tables that were there before people were told what to do; the others came with the page and the sinks.
VERSION_1 = "vtr_weekly vtr_weekly_category vtr_rolling account_health defects carrier_names rejects input_files".split()
DIALECTS = {"duckdb": sql.DuckDb(), "chdb": sql.ClickHouse(), "datafusion": sql.DataFusion()}


def kind_of(column, text, flag, value, time):
    return {"buy_shipping": flag, "package_value": value}.get(column, time if column in TIMES else text)


def duckdb_source(history):
    if history["format"] == "parquet":
        return f"read_parquet('{history['files']}')"
    kinds = {column: kind_of(column, "VARCHAR", "BOOLEAN", "DECIMAL(12,2)", "TIMESTAMP") for column in COLUMNS}
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items())
    return (f"read_csv('{history['files']}', auto_detect = false, header = true, delim = ',', quote = '\"', columns = {{{columns}}}, "
            "timestampformat = '%Y-%m-%dT%H:%M:%SZ')")


def chdb_source(history):
    if history["format"] == "parquet":
        return f"file('{history['files']}', 'Parquet')"
    kinds = ((column, kind_of(column, "String", "Bool", "Decimal(12, 2)", "DateTime64(6, \\'UTC\\')")) for column in COLUMNS)
    structure = ", ".join(f"{name} Nullable({kind})" for name, kind in kinds)
    return f"file('{history['files']}', 'CSVWithNames', '{structure}')"


def made_from():
    """Returns a digest of everything from which dimension tables are made beside the history: the book, and the code."""
    digest = hashlib.sha256()
    for path in sorted(glob.glob(f"{BOOK}/**/*.toml", recursive=True)) + [f"tests/bench/{name}.py" for name in ("book", "dims", "shapes", "cells")]:
        digest.update(open(path, "rb").read())
    return digest.hexdigest()[:12]


class Work:
    def __init__(self, folder, vtr, seed=1):
        self.folder, self.vtr, self.seed = os.path.abspath(folder), vtr, seed
        os.makedirs(self.folder, exist_ok=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def history(self, rows, form="parquet", files=None, extra=(), name=None):
        """Returns a generated history: its folder, files as a glob, format and the day of judging."""
        name = name or f"{form}-{rows}"
        folder, note = self.path("data", name), self.path("data", f"{name}.json")
        if not os.path.exists(note):
            shutil.rmtree(folder, ignore_errors=True)
            asked = ["--rows", str(rows), "--seed", str(self.seed), "--format", form, *(["--files", str(files)] if files else []), *extra]
            said = subprocess.run([self.vtr, "gen", folder, *asked], check=True, stdout=subprocess.PIPE, text=True).stdout
            found = {"folder": folder, "files": f"{folder}/shipments/*.{form}", "format": form, "rows": rows, "name": name,
                     "as_of": said.strip().splitlines()[-1].split('"')[1]}
            found["bytes"] = sum(os.path.getsize(path) for path in glob.glob(found["files"]))
            with open(note, "w") as file:
                json.dump(found, file)
        return json.load(open(note))

    def form(self, standard, key, make):
        """Returns a history in another form, made once: `make` writes it from the standard's files into a folder."""
        name = f"{standard['name']}-{key}"
        folder, done = self.path("data", name), self.path("data", f"{name}.done")
        if not os.path.exists(done):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            make(sorted(glob.glob(standard["files"])), folder)
            open(done, "w").close()
        files = f"{folder}/*"
        return standard | {"files": files, "name": name, "bytes": sum(os.path.getsize(path) for path in glob.glob(files))}

    def book_without_shapes(self):
        folder = self.path("book-without-shapes")
        shutil.rmtree(folder, ignore_errors=True)
        without_shapes(BOOK, folder)
        subprocess.run([self.vtr, "book", "check", folder], check=True, stdout=subprocess.DEVNULL)
        return folder

    def job(self, history, tables=None, deduplicate=True):
        """A job file over a history; without tables, all of them."""
        asked = f"tables = {json.dumps(tables)}\n" if tables else ""
        which = "all" if not tables else tables[0] if len(tables) == 1 else f"{len(tables)}-tables"
        name = f"{history['name']}-{which}-{'once' if deduplicate else 'as-is'}"
        path = self.path("jobs", f"{name}.toml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(f"""name = "bench"
as_of = "{history['as_of']}"
deduplicate = {str(deduplicate).lower()}
[[input]]
path = "{history['files']}"
[output]
path = "../out/{name}"
{asked}""")
        return path

    def dims(self, history):
        """The dimension tables of a history and the facts that queries are made from."""
        name = f"{history['name']}-{made_from()}"
        folder, facts = self.path("dims", name), self.path("dims", f"{name}.facts")
        if not os.path.exists(facts):
            from dims import Dims  # DuckDB comes with it

            made = Dims(Book(BOOK), duckdb_source(history), history["as_of"], folder)
            with open(facts, "wb") as file:
                pickle.dump(made.facts(), file)
        return folder, facts

    def task(self, engine, job, history, threads):
        """The task file of an engine for a job, as peer.py takes it."""
        folder, path = self.dims(history)
        with open(path, "rb") as file:
            facts = pickle.load(file)
        task = {"engine": engine, "job": job, "format": history["format"], "history": history["files"], "dims": folder, "facts": path,
                "columns": COLUMNS, "threads": threads, "found": sum(facts.distinct) if job == "full" else facts.distinct_names + sum(facts.distinct[1:]), "out": self.path("cells", f"{engine}-{job}-{history['name']}.parquet")}
        if engine in DIALECTS:
            source = {"duckdb": duckdb_source, "chdb": chdb_source, "datafusion": lambda _: "history"}[engine](history)
            table = {"duckdb": lambda name: f"'{folder}/{name}.parquet'", "chdb": lambda name: f"file('{folder}/{name}.parquet', 'Parquet')",
                     "datafusion": lambda name: name}[engine]
            task["survey"] = survey.statements(engine, history["format"], DIALECTS[engine], source, job)
            task["query"] = sql.query(DIALECTS[engine], facts, source, table, job)
        if engine == "datafusion":
            task["history"] = os.path.dirname(history["files"])
        os.makedirs(self.path("cells"), exist_ok=True)
        os.makedirs(self.path("tasks"), exist_ok=True)
        target = self.path("tasks", f"{engine}-{job}-{history['name']}.json")
        with open(target, "w") as file:
            json.dump(task, file)
        return target, task["out"]


if __name__ == "__main__":
    # A separate process keeps the engines used for preparing out of the one that measures.
    import sys

    folder, vtr, engine, job, name, threads = sys.argv[1:]
    work = Work(folder, vtr)
    print(*work.task(engine, job, json.load(open(work.path("data", f"{name}.json"))), int(threads)))
