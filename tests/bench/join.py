"""The join of packages, orders and events by `vtr`, DuckDB and Polars over the same Parquet files: wall, CPU, peak, temporary bytes.

`make bench-join` (ROWS, 1000000; REPEAT, 1; MEMORY, what `vtr` and DuckDB are told to keep to). Each package has its order and two
events, every file lies in an order of its own. No number ends in zeros, as one that a spreadsheet cut does. Whoever joins writes one row a package, sorted by seller, marketplace and order; the rows are
then compared, cell for cell. `vtr` also cuts them into weeks, names where each fact comes from, counts coverage and commits.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import machine

ROWS = int(os.environ.get("ROWS", 1_000_000))
REPEAT = int(os.environ.get("REPEAT", 1))
MEMORY = os.environ.get("MEMORY", "300MB")
WORK = Path(os.environ.get("WORK", "target/bench")).absolute() / f"join-{ROWS}"
VTR = Path(os.environ.get("VTR", "target/release/vtr")).absolute()

PACKAGES = """
    SELECT 'S' || lpad(((i * 7919) % 5000)::VARCHAR, 5, '0') AS seller_id, CASE i % 3 WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' ELSE 'IT' END AS marketplace,
        lpad((i % 900 + 100)::VARCHAR, 3, '0') || '-' || lpad((i // 10000000 + 1000000)::VARCHAR, 7, '0') || '-'
            || lpad((i % 10000000)::VARCHAR, 7, '0') AS order_id,
        'DHL Paket' AS carrier, '34043416' || lpad(i::VARCHAR, 11, '0') || '7' AS tracking_number, 'Paket' AS ship_service,
        TIMESTAMPTZ '2025-01-01 08:00:00+00' + to_minutes((i * 104729) % 500000) AS shipped_at, i
    FROM range(ROWS) AS r(i)"""
FILES = {
    "packages": "SELECT * EXCLUDE (i) FROM p ORDER BY hash(i)",
    "orders": """SELECT seller_id, order_id, shipped_at + INTERVAL 4 DAY AS promised_delivery_at,
        (10 + i % 9000 / 100)::DECIMAL(18, 2) AS item_price, 'EUR' AS currency, marketplace AS ship_to_country FROM p ORDER BY hash(i + 1)""",
    "events": """SELECT tracking_number, 'DHL Paket' AS carrier, shipped_at + to_hours(20 * k) AS occurred_at,
        CASE k WHEN 1 THEN 'in_transit' ELSE 'delivered' END AS status FROM p, range(1, 3) AS e(k) ORDER BY hash(i * 2 + k)""",
}
JOB = """name = "join"
as_of = "2026-12-31"
[[input]]
path = "packages.parquet"
[input.columns]
PACKAGES
[[input]]
role = "orders"
path = "orders.parquet"
[input.columns]
ORDERS
[[input]]
kind = "vtr.events"
path = "events.parquet"
[assemble]
path = "out-vtr"
[limits]
events_cover = "0%"
[output]
path = "tables"
tables = ["vtr_weekly"]
"""
for word, names in {"PACKAGES": "seller_id marketplace order_id carrier tracking_number ship_service shipped_at",
                    "ORDERS": "seller_id order_id promised_delivery_at item_price currency ship_to_country"}.items():
    JOB = JOB.replace(word, "\n".join(f'{name} = "{name}"' for name in names.split()))
COLUMNS = ["seller_id", "marketplace", "order_id", "carrier", "tracking_number", "ship_service", "shipped_at", "promised_delivery_at",
           "package_value", "currency", "ship_to_country", "first_scan_at", "delivery_scan_at"]
DUCKDB = """
import duckdb, sys
at = duckdb.connect(config={"threads": 2, "memory_limit": sys.argv[1], "temp_directory": "tmp-duckdb"})
at.sql("SET TimeZone = 'UTC'")
at.sql('''COPY (SELECT p.*, o.promised_delivery_at, o.item_price AS package_value, o.currency, o.ship_to_country, min(e.occurred_at) AS first_scan_at,
    min(e.occurred_at) FILTER (WHERE e.status = 'delivered') AS delivery_scan_at
  FROM 'packages.parquet' p LEFT JOIN 'orders.parquet' o USING (seller_id, order_id)
  LEFT JOIN 'events.parquet' e ON e.tracking_number = p.tracking_number
    AND e.occurred_at BETWEEN p.shipped_at - INTERVAL 3 DAY AND p.shipped_at + INTERVAL 90 DAY
  GROUP BY ALL ORDER BY seller_id, marketplace, order_id) TO 'out-duckdb.parquet' (COMPRESSION zstd)''')
"""
POLARS = """
import polars as pl
day = pl.duration(days=1)
packages, orders, events = (pl.scan_parquet(f"{name}.parquet") for name in ("packages", "orders", "events"))
own = packages.select("tracking_number", "shipped_at").join(events, on="tracking_number", how="inner")
own = own.filter(pl.col("occurred_at").is_between(pl.col("shipped_at") - 3 * day, pl.col("shipped_at") + 90 * day))
scans = own.group_by("tracking_number").agg(first_scan_at=pl.col("occurred_at").min(),
    delivery_scan_at=pl.col("occurred_at").filter(pl.col("status") == "delivered").min())
joined = packages.join(orders.rename({"item_price": "package_value"}), on=["seller_id", "order_id"], how="left").join(scans, on="tracking_number", how="left")
joined.sort("seller_id", "marketplace", "order_id").sink_parquet("out-polars.parquet", compression="zstd")
"""


def make():
    import duckdb
    WORK.mkdir(parents=True, exist_ok=True)
    at = duckdb.connect(config={"threads": 2, "memory_limit": "3GB", "temp_directory": str(WORK / "tmp-made")})
    at.sql("SET TimeZone = 'UTC'")
    at.sql(f"CREATE VIEW p AS {PACKAGES.replace('ROWS', str(ROWS))}")
    for name, query in FILES.items():
        path = WORK / f"{name}.parquet"
        if not path.exists():
            at.sql(f"COPY ({query}) TO '{path}.part' (FORMAT parquet, COMPRESSION zstd)")
            Path(f"{path}.part").rename(path)
    (WORK / "job.toml").write_text(JOB)
    shutil.rmtree(WORK / "tmp-made", ignore_errors=True)


def held(folder):
    """Bytes of files below a folder, those without a name included, which this file system's users hold open."""
    total = 0
    for path in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            name = os.readlink(path)
            if name.startswith(str(folder)) and "tmp-" in name:
                total += os.stat(path).st_blocks * 512
        except OSError:
            pass
    return total


def measured(command, temporary):
    """As `measure.run`, with the most that lay in the temporary folder, looked at ten times a second."""
    most, stop = [0], threading.Event()

    def watch():
        while not stop.is_set():
            most[0] = max(most[0], held(temporary))
            stop.wait(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        here = Path(__file__).parent
        said = subprocess.run([sys.executable, "-S", here / "measure.py", "1800", *command], cwd=WORK, check=True, stdout=subprocess.PIPE, text=True)
    finally:
        stop.set()
        watcher.join()
    return json.loads(said.stdout) | {"temporary_bytes": most[0]}


def engine(name):
    for old in ("out-vtr", "tables"):
        shutil.rmtree(WORK / old, ignore_errors=True)
    (WORK / "tmp-vtr").mkdir(exist_ok=True)
    (WORK / "tmp-duckdb").mkdir(exist_ok=True)
    if name.startswith("vtr"):
        memory = ["--memory", MEMORY] if name == "vtr" else []
        os.environ["TMPDIR"] = str(WORK / "tmp-vtr")
        run = [VTR, "run", "job.toml", "--quiet", "--threads", "2", *memory]
        taken = measured(run, WORK / "tmp-vtr")
        if "failed" not in taken:
            # The same with packages that stand: what is left of the first run is the join.
            again = measured([*run, "--full"], WORK / "tmp-vtr")
            taken |= {"judging_wall_s": again["wall_s"], "judging_cpu_s": again["cpu_s"], "judging_peak_bytes": again["peak_bytes"]}
        return taken
    limit = MEMORY if name == "duckdb" else "16GB"
    script = POLARS if name == "polars" else DUCKDB
    return measured([sys.executable, "-c", script, limit], WORK / f"tmp-{name.split()[0]}")


def compare():
    import duckdb
    at = duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(WORK / "tmp-duckdb")})
    at.sql("SET TimeZone = 'UTC'")
    ours = f"SELECT {', '.join(COLUMNS)} FROM '{WORK}/out-vtr/current/packages/*/*.parquet'"
    counts = {}
    for name in ("duckdb", "polars"):
        path = WORK / f"out-{name}.parquet"
        if path.exists():
            theirs = f"SELECT * REPLACE (package_value::DECIMAL(38, 9) AS package_value) FROM (SELECT {', '.join(COLUMNS)} FROM '{path}')"
            said = at.sql(f"SELECT (SELECT count(*) FROM ({theirs})), (SELECT count(*) FROM (({ours}) EXCEPT ALL ({theirs})))").limit(1).fetchall()[0]
            counts[name] = said[0]
            if said != (ROWS, 0):
                sys.exit(f"{name}: {said[0]} packages, {said[1]} of vtr's are none of them")
    return counts


def main():
    make()
    results = {}
    for _ in range(REPEAT):
        for name in os.environ.get("PEERS", "vtr,duckdb,duckdb free,polars").split(","):
            taken = engine(name)
            results.setdefault(name, []).append(taken)
            print(name, {key: round(value / 1e6, 1) if key.endswith("bytes") else value if isinstance(value, str) else round(value, 1)
                         for key, value in taken.items()}, flush=True)
            if name == "vtr" and "failed" not in taken:
                shutil.rmtree(WORK / "kept", ignore_errors=True)
                shutil.copytree(WORK / "out-vtr", WORK / "kept", symlinks=True)
    if any("failed" in taken for taken in results["vtr"]):
        sys.exit("vtr failed, so nothing can be compared")
    shutil.rmtree(WORK / "out-vtr", ignore_errors=True)
    (WORK / "kept").rename(WORK / "out-vtr")
    print(json.dumps(machine.facts()))
    for name, count in compare().items():
        print(f"{count} packages of {name} are those of vtr, cell for cell")


if __name__ == "__main__":
    main()
