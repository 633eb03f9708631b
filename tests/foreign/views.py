"""The views of an output read its own files, whatever the folder's name: DuckDB reads `*`, `?` and `[` as patterns.

Usage: views.py FOLDER, which contains outputs; each counts packages of one seller, named like its folder.
"""
import pathlib
import sys

import duckdb

outputs = sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/views.sql"))
assert len(outputs) >= 7, outputs
for out in outputs:
    db = duckdb.connect()
    db.execute((out / "views.sql").read_text())
    for table in ("vtr_weekly", "account_health", "defects"):
        sellers = [name for (name,) in db.sql(f"select distinct seller_id from {table}").fetchall()]
        assert sellers == [out.name], f"{out}: {table} reads {sellers}"
print(f"views of {len(outputs)} folders read their own files")
