"""Runs one engine once, in a separate process: its survey of the history, then the query or frame of a job, with the
cells written to Parquet.

Usage: peer.py TASK.json, with `engine`, `survey`, `query`, `history`, `dims`, `out`, `threads` (see bench.py). The
cost and the findings of the survey go to a file beside the cells. It fails with the engine's own message.
"""

import json
import os
import sys
import time

TIMES = "promised_delivery_at shipped_at tracking_added_at first_scan_at delivery_scan_at updated_at".split()


def survey(task, count):
    """Surveys the history for the query, and notes the cost of that in this process."""
    wall, cpu = time.monotonic(), time.process_time()
    found = sum(count(one) for one in task["survey"]["sets"])
    if task["survey"]["bounds"]:
        count(task["survey"]["bounds"])
    taken = {"wall_s": time.monotonic() - wall, "cpu_s": time.process_time() - cpu, "found": found}
    with open(task["out"] + ".survey", "w") as file:
        json.dump(taken, file)


def duckdb(task):
    import duckdb

    db = duckdb.connect()
    db.execute(f"set threads = {task['threads']}")
    db.execute("set timezone = 'UTC'")
    db.execute("set preserve_insertion_order = false")
    survey(task, lambda statement: len(db.execute(statement).fetchall()))
    # With this optimizer the engine merges the steps of the query, and planning alone takes more than half a
    # minute.
    db.execute("set disabled_optimizers = 'partial_aggregate_pushdown'")
    db.execute(f"copy ({task['query']}) to '{task['out']}' (format parquet, compression zstd)")


def chdb(task):
    import chdb

    # White space is part of a cell, as for all other engines.
    settings = f"max_threads = {task['threads']}, input_format_csv_trim_whitespaces = 0"

    def count(statement):
        [row] = json.loads(chdb.query(f"{statement} settings {settings}", "JSONCompact").bytes())["data"]
        return sum(len(one) for one in row if isinstance(one, list))

    survey(task, count)
    settings += ", output_format_parquet_compression_method = 'zstd'"
    # With the defaults it merges the query's steps and needs minutes to plan it.
    settings += ", short_circuit_function_evaluation = 'disable', query_plan_merge_expressions = 0, enable_join_runtime_filters = 0"
    chdb.query(f"insert into function file('{task['out']}', 'Parquet') {task['query']} settings {settings}")


def datafusion(task):
    import datafusion

    config = datafusion.SessionConfig().with_target_partitions(task["threads"])
    # By default it builds the hash table of a join from the history and probes it with twenty rows.
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
    survey(task, lambda statement: sum(batch.num_rows for batch in context.sql(statement).collect()))
    context.sql(f"copy ({task['query']}) to '{task['out']}' stored as parquet").collect()


def polars(task):
    os.environ["POLARS_MAX_THREADS"] = str(task["threads"])
    import frame

    survey(task | {"survey": {"sets": [frame.survey(task)], "bounds": None}}, lambda sets: sum(one.height for one in sets()))
    frame.cells(task).sink_parquet(task["out"], compression="zstd", engine="streaming")


if __name__ == "__main__":
    task = json.load(open(sys.argv[1]))
    {"duckdb": duckdb, "chdb": chdb, "datafusion": datafusion, "polars": polars}[task["engine"]](task)
