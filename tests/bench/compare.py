"""Compares an engine's cells with those that `vtr` published, cell for cell, in DuckDB."""

import json
import sys

import duckdb

from cells import MEASURES


def cells_of(out):
    """The published cells as rows: one for each measure that is not zero."""
    columns = ", ".join(MEASURES)
    return f"""select seller_id, marketplace, programme, carrier, week_start, measure, n from (unpivot (select seller_id, marketplace,
               programme, carrier, week_start, {columns} from read_parquet('{out}/current/vtr_weekly/*/*.parquet', hive_partitioning = false))
               on {columns} into name measure value n) where n > 0"""


def differences(out, cells):
    """Returns how many cells there are, and how many are on one side only or have another count."""
    db = duckdb.connect()
    ours = cells_of(out)
    theirs = f"select seller_id, marketplace, programme, carrier, week_start, measure, n from '{cells}'"
    db.execute(f"create temp table ours as {ours}")
    db.execute(f"create temp table theirs as {theirs}")
    keys = "seller_id, marketplace, programme, carrier, week_start, measure"
    count, same, other = db.execute(f"""select (select count(*) from ours), (select count(*) from ours join theirs using ({keys}, n)),
                                        (select count(*) from theirs)""").fetchone()
    return {"cells": count, "differ": max(count, other) - same}


if __name__ == "__main__":
    print(json.dumps(differences(*sys.argv[1:])))
