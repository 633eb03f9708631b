"""Follows docs/bi.md as its reader would: the commands against an empty server, and its SQL, with the same rows in
PostgreSQL and DuckDB."""

import decimal
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import duckdb
import yaml

import server as servers
from sweeps import must
from world import ROOT, VTR

# The program beside the interpreter, unless another one is named.
DBT = os.environ.get("DBT", os.path.join(os.path.dirname(sys.executable), "dbt"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def plain(row):
    """Numbers of both engines as one kind."""
    return tuple(float(cell) if isinstance(cell, (decimal.Decimal, int, float)) and not isinstance(cell, bool) else cell for cell in row)


def run(tally, world, server):
    text = (ROOT / "docs/bi.md").read_text()
    blocks = BLOCK.findall(text)
    folder = world.folder.parent / "bi"
    folder.mkdir()
    for name in ("jobs", "sample_data"):
        (folder / name).symlink_to(ROOT / name)
    server.admin("CREATE DATABASE figures", database="postgres")
    server.admin(f"CREATE ROLE bi_sync LOGIN PASSWORD '{servers.PASSWORD}'", f"CREATE ROLE bi_reader LOGIN PASSWORD '{servers.PASSWORD}'")
    environment = {**os.environ, "PATH": f"{VTR.parent}:{server.binaries}:{os.environ['PATH']}", "PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": servers.PASSWORD, "PGDATABASE": "figures"}
    environment.pop("VTR_SINK_BI_URL", None)

    def commands():
        """Runs every shell block in order, in one folder; the blocks of TOML are the job."""
        count = 0
        for kind, body in blocks:
            if kind == "toml":
                (folder / "bi.toml").write_text(body)
            if kind == "sh":
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", body], cwd=folder, env=environment, capture_output=True, text=True)
                must(done.returncode == 0, f"{body}\nended with {done.returncode}: {done.stderr}{done.stdout}")
                count += 1
        return f"{count} blocks of commands ran from an empty database"

    def charts():
        views = subprocess.run([VTR, "views", "out/bi"], cwd=folder, check=True, capture_output=True, text=True).stdout
        duck = duckdb.connect()
        duck.execute("CREATE SCHEMA vtr; USE vtr;")
        duck.execute(views)
        asked = [body for kind, body in blocks if kind == "sql"]
        must(len(asked) >= 5, f"only {len(asked)} blocks of SQL")
        total = 0
        with server.connect("bi_reader", "figures") as connection:
            for sql in asked:
                one = Counter(map(plain, connection.execute(sql).fetchall()))
                two = Counter(map(plain, duck.execute(sql).fetchall()))
                must(one and one == two, f"{sql}\nPostgreSQL alone: {list(one - two)[:3]}\nDuckDB alone: {list(two - one)[:3]}")
                total += sum(one.values())
        return f"{len(asked)} queries, {total} rows, the same in PostgreSQL and DuckDB"

    def sources():
        """dbt's sources: every column of every table is there, keys are unique, values are those that are accepted."""
        out = {}
        for target in ("postgres", "duckdb"):
            text = subprocess.run([VTR, "dbt", "out/bi", "--target", target], cwd=folder, check=True, capture_output=True, text=True).stdout
            out[target] = yaml.safe_load(text)["sources"][0]
        tests = 0
        with server.connect("bi_reader", "figures") as connection:
            connection.execute(out["postgres"]["config"]["loaded_at_query"]).fetchone()[0].year
            for table in out["postgres"]["tables"]:
                name = f"vtr.{table['name']}"
                there = {row[0] for row in connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", [name])}
                must(there == {column["name"] for column in table["columns"]}, f"{name}: other columns")
                for test in table.get("data_tests", []):
                    twice = connection.execute(f"SELECT {test['unique']['column_name']} FROM {name} GROUP BY 1 HAVING count(*) > 1").fetchall()
                    must(not twice, f"{name}: {len(twice)} keys stand twice")
                    tests += 1
                for column in table["columns"]:
                    for test in column.get("data_tests", []):
                        quoted = f'"{column["name"]}"'
                        if test == "not_null":
                            found = connection.execute(f"SELECT count(*) FROM {name} WHERE {quoted} IS NULL").fetchone()[0]
                        elif test == "unique":
                            found = connection.execute(f"SELECT count({quoted}) - count(DISTINCT {quoted}) FROM {name}").fetchone()[0]
                        else:
                            values = test["accepted_values"]["arguments"]["values"]
                            found = connection.execute(f"SELECT count(*) FROM {name} WHERE NOT {quoted} = ANY(%s)", [values]).fetchone()[0]
                        must(found == 0, f"{name}.{quoted}: {found} rows fail {test}")
                        tests += 1
        for table in out["duckdb"]["tables"]:
            if duckdb.execute("SELECT count(*) FROM glob(?)", [re.search(r"'(.*?)'", table["config"]["external_location"])[1]]).fetchone()[0]:
                duckdb.execute(f"SELECT * FROM {table['config']['external_location']} LIMIT 1").fetchall()
        return f"{tests} tests of {len(out['postgres']['tables'])} sources hold"

    def dbt():
        """dbt itself reads the sources, runs their tests and builds a model on them, from PostgreSQL and from the files."""
        project = folder / "project"
        (project / "models").mkdir(parents=True)
        server.admin("CREATE SCHEMA models AUTHORIZATION bi_sync", database="figures")
        (project / "dbt_project.yml").write_text("name: figures\nprofile: figures\nflags:\n  send_anonymous_usage_stats: false\n")
        (project / "profiles.yml").write_text(
            "figures:\n  target: postgres\n  outputs:\n"
            f"    postgres: {{type: postgres, host: 127.0.0.1, port: {server.port}, user: bi_sync, password: {servers.PASSWORD}, dbname: figures, schema: models, threads: 2}}\n"
            f"    duckdb: {{type: duckdb, path: '{project}/figures.duckdb', threads: 2}}\n"
        )
        (project / "models/rate.sql").write_text(
            "SELECT marketplace, sum(valid) AS valid, sum(eligible) AS eligible FROM {{ source('vtr', 'vtr_weekly') }} GROUP BY 1\n"
        )

        def call(*arguments):
            done = subprocess.run([DBT, *arguments, "--profiles-dir", "."], cwd=project, env=environment, capture_output=True, text=True)
            must(done.returncode == 0, f"dbt {arguments}: {done.stdout[-3000:]}{done.stderr[-1000:]}")
            return int(re.search(r"PASS=(\d+)", done.stdout)[1]) if "PASS=" in done.stdout else 0

        passed = {}
        for target in ("postgres", "duckdb"):
            text = subprocess.run([VTR, "dbt", "out/bi", "--target", target], cwd=folder, check=True, capture_output=True, text=True).stdout
            (project / "models/sources.yml").write_text(text)
            if target == "postgres":
                call("source", "freshness", "--target", target)
            passed[target] = call("build", "--target", target)
        must(min(passed.values()) > 100 and len(set(passed.values())) == 1, f"dbt ran other tests: {passed}")
        with server.connect("bi_sync", "figures") as connection:
            one = set(connection.execute("SELECT marketplace, valid, eligible FROM models.rate").fetchall())
        two = set(duckdb.connect(str(project / "figures.duckdb")).execute("SELECT * FROM rate").fetchall())
        must(one and one == two, f"PostgreSQL {one - two}, DuckDB {two - one}")
        return f"{passed} nodes and tests passed, {len(one)} rows of a model are the same"

    def moved():
        """Views of an output that was copied elsewhere read the copy."""
        there = folder / "else where's"
        shutil.copytree(folder / "out/bi", there, symlinks=True)
        views = subprocess.run([VTR, "views", there], check=True, capture_output=True, text=True).stdout
        must(str(there.resolve()).replace("'", "''") in views, views[:400])
        duck = duckdb.connect()
        duck.execute(views)
        return f"{duck.execute('SELECT count(*) FROM vtr_weekly').fetchone()[0]} rows from a copy"

    for trial in (commands, charts, sources, dbt, moved):
        tally.one(f"bi: {trial.__name__}", trial)
