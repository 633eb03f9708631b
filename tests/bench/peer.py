"""Runs one engine once, in a process of its own: the query or frame of a job, its cells written to Parquet.

Usage: peer.py TASK.json, with `engine`, `query`, `history`, `dims`, `out`, `threads` (see bench.py). Fails with the
engine's own message.
"""

import json
import os
import sys

TIMES = "promised_delivery_at shipped_at tracking_added_at first_scan_at delivery_scan_at updated_at".split()


def duckdb(task):
    import duckdb

    db = duckdb.connect()
    db.execute(f"set threads = {task['threads']}")
    db.execute("set timezone = 'UTC'")
    db.execute("set preserve_insertion_order = false")
    # Left on, it folds the steps of the query into one another, and planning alone takes more than half a minute.
    db.execute("set disabled_optimizers = 'partial_aggregate_pushdown'")
    db.execute(f"copy ({task['query']}) to '{task['out']}' (format parquet, compression zstd)")


def chdb(task):
    import chdb

    settings = f"max_threads = {task['threads']}, output_format_parquet_compression_method = 'zstd'"
    # With these as they are by default, it writes the query's steps into each other and needs minutes to plan it.
    settings += ", short_circuit_function_evaluation = 'disable', query_plan_merge_expressions = 0, enable_join_runtime_filters = 0"
    chdb.query(f"insert into function file('{task['out']}', 'Parquet') {task['query']} settings {settings}")


def datafusion(task):
    import datafusion

    config = datafusion.SessionConfig().with_target_partitions(task["threads"])
    # Left to itself, it builds the hash table of a join from the history and probes it with twenty rows.
    config = config.set("datafusion.optimizer.join_reordering", "false")
    context = datafusion.SessionContext(config)
    for name in os.listdir(task["dims"]):
        context.register_parquet(name.removesuffix(".parquet"), os.path.join(task["dims"], name))
    if task["format"] == "parquet":
        context.register_parquet("history", task["history"])
    else:
        import pyarrow as pa

        kinds = {name: pa.timestamp("us", "UTC") for name in TIMES} | {"buy_shipping": pa.bool_(), "package_value": pa.decimal128(12, 2)}
        schema = pa.schema([(name, kinds.get(name, pa.string())) for name in task["columns"]])
        context.register_csv("history", task["history"], schema=schema, has_header=True)
    context.sql(f"copy ({task['query']}) to '{task['out']}' stored as parquet").collect()


def polars(task):
    os.environ["POLARS_MAX_THREADS"] = str(task["threads"])
    import frame

    frame.cells(task).sink_parquet(task["out"], compression="zstd", engine="streaming")


if __name__ == "__main__":
    task = json.load(open(sys.argv[1]))
    {"duckdb": duckdb, "chdb": chdb, "datafusion": datafusion, "polars": polars}[task["engine"]](task)
