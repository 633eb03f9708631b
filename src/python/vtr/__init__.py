"""The open engine for Valid Tracking Rate, as a library.

    >>> import vtr
    >>> report = vtr.run("jobs/weekly.toml")
    >>> report["outcome"], report["counts"]["judged"]

`run` does what `vtr run` does; `judge` gives a verdict for each row of a data frame; `Output` reads published tables;
`health` lists the status of accounts. Tables are passed as Arrow streams: every library that takes an object with
`__arrow_c_stream__` (pyarrow, polars, pandas, DuckDB) takes them without conversion.

Errors are exceptions, one class for each exit code of the program, with the program's own text.
"""

import datetime
import json
import os
import sys

from . import _vtr
from ._vtr import ConflictError, GateError, InputError, Output, Table, UsageError, Verdicts, VtrError, __version__

__all__ = [
    "ConflictError",
    "GateError",
    "InputError",
    "Output",
    "Table",
    "UsageError",
    "Verdicts",
    "VtrError",
    "__version__",
    "finish",
    "fold",
    "health",
    "judge",
    "plan",
    "run",
]

# A job with `isolate = true` tries each file in a separate process.
_vtr.tried_by(sys.executable, ["-m", "vtr"])


def _words(options):
    """Returns keyword options as words of the command line."""
    words = []
    for name, value in options.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            words.append(flag)
        elif name == "set":
            pairs = value.items() if hasattr(value, "items") else (one.split("=", 1) for one in value)
            words += [f"--set={key}={_text(given)}" for key, given in pairs]
        elif isinstance(value, (list, tuple)):
            words += [f"{flag}={_text(one)}" for one in value]
        else:
            words.append(f"{flag}={_text(value)}")
    return words


def _text(value):
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value))
    return str(value)


def run(job, *, from_=None, to=None, last=None, as_of=None, book=None, sources=None, out=None, threads=None,
        memory=None, set=None, batch=None, stale=False, full=False, rehash=False, metrics=None, report=None,
        lineage=None, quiet=True):
    """Reads, judges, aggregates and publishes, as `vtr run JOB` does. See the stub for each option."""
    options = {
        "from_": from_, "to": to, "last": last, "as_of": as_of, "book": book, "sources": sources, "out": out,
        "threads": threads, "memory": memory, "set": set, "batch": batch, "stale": stale, "full": full,
        "rehash": rehash, "metrics": metrics, "report": report, "lineage": lineage, "quiet": quiet,
    }
    return json.loads(_vtr.run(["run", *_words(options), "--", _text(job)]))


def plan(job, *, from_=None, to=None, last=None, as_of=None, book=None, sources=None, out=None, set=None, units=None,
         buckets=None):
    """Lists what `run` would read and replace, and why, as pairs of (step, detail); or writes the plan of units."""
    options = {"from_": from_, "to": to, "last": last, "as_of": as_of, "book": book, "sources": sources, "out": out,
               "set": set, "units": units, "buckets": buckets, "quiet": True}
    steps = json.loads(_vtr.plan(["plan", *_words(options), "--", _text(job)]))
    return [(step["step"], step["detail"]) for step in steps]


def fold(job, plan, share, to, *, threads=None, memory=None):
    """Folds one share of a plan of units, as `vtr fold JOB --plan PLAN --share I/N --to FOLDER` does."""
    options = {"plan": plan, "share": share, "to": to, "threads": threads, "memory": memory, "quiet": True}
    _vtr.fold(["fold", *_words(options), "--", _text(job)])


def finish(job, plan, from_, *, threads=None, memory=None):
    """Adds all shares up and publishes, as `vtr finish JOB --plan PLAN --from FOLDER` does, and returns the report."""
    options = {"plan": plan, "from_": from_, "threads": threads, "memory": memory, "quiet": True}
    return json.loads(_vtr.finish(["finish", *_words(options), "--", _text(job)]))


def health(output, *, seller=None, marketplace=None, limit=None, fail_on=None, max_age=None):
    """Lists the status of accounts, worst first: a list of dicts, one for each row of `account_health`."""
    options = {"seller": seller, "marketplace": marketplace, "limit": limit, "fail_on": fail_on, "max_age": max_age}
    rows, _ = _vtr.health(["health", "--format=json", *_words(options), "--", _text(output)])
    return json.loads(rows)


def judge(data, *, columns={}, constants={}, as_of=None, evidence="auto", book=None, rates=None):
    """Returns a verdict for each row of `data`, in their order, as an Arrow stream. See the stub for its columns."""
    day = as_of if as_of is not None else datetime.datetime.now(datetime.timezone.utc).date()
    if isinstance(day, datetime.datetime):
        day = day.date()
    books = [] if book is None else [book] if isinstance(book, (str, os.PathLike)) else list(book)
    return _vtr.judge(
        data,
        columns=[(key, _text(value)) for key, value in columns.items()],
        constants=[(key, _text(value)) for key, value in constants.items()],
        as_of=str(day),
        evidence=evidence,
        book=[_text(one) for one in books],
        rates=None if rates is None else _text(rates),
    )
