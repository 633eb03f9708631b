"""The views of an output read its own files, whatever the folder is called: DuckDB takes `*`, `?` and `[` for patterns.

Usage: views.py FOLDER, below which outputs lie; each counts packages of one seller, called as its folder.
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
