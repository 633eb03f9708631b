"""Runs a job on Spark (3.5 and later): executors fold, the driver finishes. The output has the same bytes as that of `vtr run`.

    import vtr.spark
    report = vtr.spark.run(spark, "job.toml")

The driver plans the job's units; executors fold them with the engine's own readers, settle copies bucket by bucket and put the
results into a staging folder; the driver adds them up and publishes. Spark moves parts and repeats lost tasks; it parses no
input. A part has the same bytes and the same name on every worker, so that retries, speculative twins and lost workers count
nothing twice. An input that cannot be folded fails the Spark job with the engine's own message.
"""

import hashlib
import json
import os
import shutil
import tarfile

from . import UsageError, _text, _vtr, _words

__all__ = ["archive", "run"]

# The columns of a part: its kind, its bucket, its bytes.
_PART = "kind string, bucket int, bytes binary"
_PLACED = "name string"

# The bytes that a task reads unless `units_per_task` is given.
_TASK_BYTES = 128 << 20

# The plan that is open in this Python process: its text, and the work.
_open = {}


def _work(units, memory):
    if units not in _open:
        _open.clear()
        _open[units] = _vtr.Work(units, threads=1, memory=memory)
    return _open[units]


def _batch(schema, columns):
    import pyarrow as pa

    kinds = {"string": pa.string(), "int": pa.int32(), "binary": pa.binary()}
    fields = [field.split() for field in schema.split(", ")]
    arrays = [pa.array(values, kinds[kind]) for (_, kind), values in zip(fields, columns)]
    return pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in fields])


def _folding(units, tasks, memory):
    """Returns the function that folds; its rows are numbers of tasks."""

    def fold(batches):
        yield _batch(_PART, ([], [], []))
        for batch in batches:
            for task in batch.column(0).to_pylist():
                first, last = tasks[task]
                for kind, bucket, data in _work(units, memory).fold(list(range(first, last))):
                    yield _batch(_PART, ([kind], [bucket], [data]))

    return fold


def _settling(units, staging, memory):
    """Returns the function that settles; its rows are parts, and one task has all parts of a bucket."""

    def settle(batches):
        yield _batch(_PLACED, ([],))
        buckets = {}
        for batch in batches:
            for part in zip(*(column.to_pylist() for column in batch.columns)):
                buckets.setdefault(part[1], []).append(part)
        work = _work(units, memory)
        for bucket in sorted(buckets):
            for kind, of, data in work.settle(buckets.pop(bucket)):
                # The name follows from the content, so that a repeated task writes the same file.
                name = f"settled/{kind}-{of:05}-{hashlib.sha256(data).hexdigest()[:24]}.arrow"
                work.put(staging, name, (kind, of, data))
                yield _batch(_PLACED, ([name],))

    return settle


def _stretches(sizes, units_per_task):
    """Cuts units, in their order, into tasks: pairs of the first index and the one after the last."""
    tasks, first, held = [], 0, 0
    for place, size in enumerate(sizes):
        full = place - first >= units_per_task if units_per_task else held + size > _TASK_BYTES
        if place > first and full:
            tasks.append((first, place))
            first, held = place, 0
        held += size
    return tasks + ([(first, len(sizes))] if sizes else [])


def run(spark, job, *, table=None, units_per_task=None, staging=None, buckets=None, task_memory="1 GiB", memory=None,
        **options):
    """Runs a job on a Spark session, publishes its tables and returns the report as `vtr.run` does. See the stub."""
    allowed = {"from_", "to", "last", "as_of", "book", "sources", "out", "set"}
    unknown = sorted(set(options) - allowed)
    if unknown:
        raise TypeError(f"run() got an unexpected keyword argument {unknown[0]!r}; there are {', '.join(sorted(allowed))}")
    if units_per_task is not None and units_per_task < 1:
        raise UsageError("units_per_task: a task takes at least one unit")
    words = ["plan", "--quiet", *_words(options)]
    facts = _vtr.job_facts([*words, "--", _text(job)])
    staging = _text(staging) if staging else f"{facts.output.rstrip('/')}/_parts"
    staging = _ours(f"{staging.rstrip('/')}/{facts.run_id}")
    try:
        if table is not None:
            words += _stage(spark, table, facts, f"{staging}/table")
        units = _vtr.plan_units([*words, "--", _text(job)], buckets)
        _fold(spark, units, units_per_task, f"{staging}/parts", task_memory)
        return json.loads(_vtr.Work(units, memory=memory).finish(f"{staging}/parts"))
    finally:
        _forget(staging)


def _fold(spark, units, units_per_task, staging, memory):
    """Folds all units to settled parts below `staging`."""
    planned = json.loads(units)
    sizes = [unit["bytes"] for unit in planned["units"]]
    _vtr.prepare(staging)
    tasks = _stretches(sizes, units_per_task)
    if not tasks:
        return
    # Each partition has one number, and so is one task.
    numbers = spark.range(0, len(tasks), 1, len(tasks))
    parts = numbers.mapInArrow(_folding(units, tasks, memory), _PART)
    dealt = parts.repartition(planned["buckets"], "bucket")
    dealt.mapInArrow(_settling(units, staging, memory), _PLACED).collect()


def _ours(uri):
    """Returns the URI with `s3`, the engine's name of S3, instead of `s3a`, Hadoop's."""
    return "s3" + uri[3:] if uri.startswith("s3a:") else uri


def _forget(staging):
    """Deletes the staged files. A failure to delete them is no failure of the publication, and is ignored."""
    try:
        _vtr.sweep(staging)
    except Exception:
        return
    if "://" not in staging:
        shutil.rmtree(staging, ignore_errors=True)
        try:
            os.rmdir(os.path.dirname(staging))
        except OSError:
            pass


def _stage(spark, table, facts, place):
    """Writes the columns of a table that the job reads as Parquet, with the copies of an order together and in the order
    of their digests. Returns the options by which the job reads them."""
    from pyspark.sql import functions as F

    if facts.inputs != 1:
        raise UsageError(f"table: the job has {facts.inputs} [[input]]s; a table can only replace a single one")
    if facts.by_order:
        raise UsageError("table: identity = \"order\" counts each order's newest file, and a table has no files; use identity = \"package\"")
    there = {name.lower(): name for name in table.columns}
    used, keys, missing = [], [], []
    for column, headings in facts.columns:
        found = [there[heading.lower()] for heading in headings if heading.lower() in there]
        used += [name for name in found if name not in used]
        if column in ("seller_id", "marketplace", "order_id"):
            keys += found[:1]
            missing += [] if found or column in facts.constants else [headings[0]]
    if missing:
        raise UsageError(f"table: it has no column `{missing[0]}`; map the job's [input.columns] to {', '.join(table.columns)}")
    kinds = {field.name: field.dataType.simpleString() for field in table.schema.fields}
    local = [name for name in used if kinds[name] == "timestamp_ntz"]
    if local and not facts.has_zone:
        raise UsageError(f"table: `{local[0]}` is a TIMESTAMP_NTZ, which is no instant; say its time_zone in the job's [[input]]")
    columns = [F.col(f"`{name}`") for name in used]
    digest = F.xxhash64(*columns)
    rows = table.select(*columns)
    rows = rows.repartition(*[F.col(f"`{name}`") for name in keys]) if keys else rows
    rows = rows.sortWithinPartitions(digest, *columns)
    # Timestamps are written as instants: the default of Spark 3.5 is a type without a unit, and refuses old dates.
    settings = {
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    }
    before = {key: spark.conf.get(key) for key in settings}
    try:
        for key, value in settings.items():
            spark.conf.set(key, value)
        target = place if "://" in place else "file://" + os.path.abspath(place)
        rows.write.mode("error").parquet("s3a" + target[2:] if _by_hadoop(spark, target) else target)
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)
    return [f"--set=input.0.path={place}/*.parquet", "--set=input.0.format=parquet"]


def _by_hadoop(spark, uri):
    """Returns whether S3 has Hadoop's own client here, which accepts only `s3a`; an engine with another one sets it for `s3`."""
    return uri.startswith("s3:") and spark.conf.get("spark.hadoop.fs.s3.impl", None) is None and not os.path.exists("/usr/share/aws/emr")


def archive(path):
    """Packs this package for `--archives`, for executors without it, which unpack it into a folder on their PYTHONPATH. A
    compiled module cannot be imported from a zip, so `--py-files` does not suffice. Returns the path of the archive."""
    package = os.path.dirname(os.path.abspath(__file__))
    path = os.fspath(path)

    def kept(member):
        return None if "__pycache__" in member.name else member

    with tarfile.open(path, "w:gz") as packed:
        packed.add(package, arcname="vtr", filter=kept)
    return path
