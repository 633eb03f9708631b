"""Types of `vtr.spark`: a job on Spark (3.5 and later), by its DataFrame API only."""

import datetime
import os
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

_Path = Union[str, "os.PathLike[str]"]

def run(
    spark: Any,
    job: _Path,
    *,
    table: Any = None,
    units_per_task: Optional[int] = None,
    staging: Optional[_Path] = None,
    buckets: Optional[int] = None,
    task_memory: str = "1 GiB",
    memory: Optional[str] = None,
    from_: Optional[str] = None,
    to: Optional[str] = None,
    last: Optional[int] = None,
    as_of: Union[str, datetime.date, None] = None,
    book: Union[_Path, Sequence[_Path], None] = None,
    sources: Optional[_Path] = None,
    out: Optional[_Path] = None,
    set: Union[Mapping[str, object], Iterable[str], None] = None,
) -> dict[str, Any]:
    """Runs a job on a SparkSession and publishes its tables; returns the report as `vtr.run` does.

    Without `table` the executors read the job's files with the engine's own readers, and the published tables are byte for
    byte those of `vtr run --full`. Files, book, rates and `staging` must be at paths or URIs that both driver and executors
    can reach, with the credentials of `docs/object-stores.md` in the environment of both.

    table: a DataFrame whose rows are judged instead of the job's only `[[input]]`; its columns are mapped by that
        input's `[input.columns]`. Its needed columns are staged as Parquet, the copies of an order together and in the
        order of a digest of the row, which decides ties that file and record decide otherwise. Timestamps are instants,
        whatever the session's zone; a TIMESTAMP_NTZ needs the input's `time_zone`. `identity = "order"` is refused.
    units_per_task: the number of units (row groups, or text files) that a task folds; default: as many as add up to 128 MiB.
    staging: folder or URI of the parts, and of a staged table; the run makes a folder of its own in it, and deletes
        that at the end. Default: `_parts` in the output.
    buckets: the number of buckets of counts and copies, 1 to 1024, and so the number of tasks that settle them; default:
        by the number of rows, four million per bucket.
    task_memory: memory of a task, in its Python process beside the executor's heap; `memory` is that of the driver's finish.

    Weeks and other options are those of `vtr.run`. Sinks are not updated: `vtr sync JOB` does that.

    Raises the exceptions of `vtr.run` for faults that the driver finds. A fault in a task fails the Spark job, with the
    engine's message in its error."""

def archive(path: _Path) -> str:
    """Packs the installed package as a `.tar.gz` for `--archives` (`spark.archives`), for executors that have no wheel: with
    `ARCHIVE#vtr_package` and `spark.executorEnv.PYTHONPATH=./vtr_package` they import it from there. The driver must be of the
    executors' platform. Returns the path."""
