"""Types of the package `vtr`: the arguments, results and exceptions of each function."""

import datetime
import os
from typing import Any, Iterable, Literal, Mapping, Optional, Protocol, Sequence, Union

_Path = Union[str, "os.PathLike[str]"]
_Paths = Union[_Path, Sequence[_Path]]
_Day = Union[str, datetime.date]

__version__: str

class _ArrowStream(Protocol):
    """An object with rows as an Arrow C stream: a pyarrow Table or RecordBatchReader, a polars or pandas (2.2 or
    later) DataFrame, a DuckDB relation."""

    def __arrow_c_stream__(self, requested_schema: Optional[object] = None) -> object: ...

class VtrError(Exception):
    """A failure caused by neither job nor inputs; the base of all others."""

    exit_code: int
    """The exit code of the program for this error: 1."""

class UsageError(VtrError):
    """Options, job or book are wrong; `exit_code` 2. The text names file and line, or the option, and the remedy."""

class InputError(VtrError):
    """An input is missing, has the wrong columns or types, or cannot be trusted; `exit_code` 3."""

class GateError(VtrError):
    """A gate tripped, and nothing was published; `exit_code` 4."""

class ConflictError(VtrError):
    """Another publication came first; safe to retry; `exit_code` 5."""

class Table:
    """A published table of one version. `pyarrow.table(t)`, `polars.DataFrame(t)`, `pandas.DataFrame.from_arrow(t)` and
    DuckDB's `FROM t` read it, any number of times; files are read one after the other, so that only one file's rows are
    in memory. The columns and their meanings: `docs/tables.md`, or `vtr tables NAME`."""

    name: str
    version: int
    num_rows: int
    """The number of rows, from the version's manifest."""

    def __arrow_c_stream__(self, requested_schema: Optional[object] = None) -> object: ...

class Output:
    """A published output: the folder or URI of a job's `[output] path`. Nothing is read before a table is asked for."""

    def __init__(self, path: _Path) -> None: ...
    def table(self, name: str, version: Optional[int] = None) -> Table:
        """Returns a table such as `vtr_weekly`, of the highest version or of the given one.

        Raises `InputError` if nothing is published, `UsageError` for a table that the version lacks, and `VtrError` if a file
        is damaged. A fault that is found while rows are read is raised by the reader, with the same text."""

    def tables(self, version: Optional[int] = None) -> list[str]:
        """Returns the names of the tables of a version, by default the highest."""

class Verdicts:
    """The result of `judge`: an Arrow stream, one row for each row of the data, in their order.

    All columns but `fault` are null for a row that was not judged; `fault` says why it was not, and is null for others.

    | column | type | what it is |
    |---|---|---|
    | class | string | `out_of_scope`, `exempt`, `valid` or `defect` |
    | reason | string | the rung that decided, such as `scanned` or `tracking_missing` |
    | rule | string | the rule of the book that decided |
    | version | string | the version of the marketplace's rules in force on that day; null if none is |
    | lane | string | the lane that applies to the row; null if none does |
    | day | date32 | the marketplace day that places it in time |
    | iso_week | string | the week of that day, such as `2025-W01` |
    | carrier | string | the meaning of the carrier field: an id, `other` or `(none)` |
    | likely_carrier | string | for a mismatch, the carrier to which the number certainly belongs; else null |
    | fault | string | the column at fault and what is wrong with it, or `after_as_of` and why |
    """

    def __arrow_c_stream__(self, requested_schema: Optional[object] = None) -> object: ...

def judge(
    data: _ArrowStream,
    *,
    columns: Mapping[str, str] = {},
    constants: Mapping[str, object] = {},
    as_of: Optional[_Day] = None,
    evidence: Literal["auto", "scans", "format"] = "auto",
    book: Optional[_Paths] = None,
    rates: Optional[_Path] = None,
) -> Verdicts:
    """Judges each row by itself: copies of a package are not found, and nothing is counted or published.

    Rows are judged while the result is read, a batch at a time, on the reader's thread and without the interpreter's
    lock; the result can be read again if the data can.

    data: rows with our columns (see `docs/jobs.md`), or with others that `columns` maps. Texts may be Utf8, LargeUtf8,
        Utf8View or dictionaries of them; times timestamps of any unit, dates, or texts. A timestamp without a zone is
        taken as UTC.
    columns: our name to the column of the data, as `[input.columns]` of a job; names are matched without regard to
        case if not exactly. Columns that are named in our way need no entry.
    constants: our name to the one value of all rows; a column of the data takes precedence.
    as_of: the last day (UTC) for which data are known; default: today.
    evidence: the evidence that decides: `scans`, `format` (the number alone), or `auto`: scans if there is a column of them.
    book: folder or folders of the rules, the lowest first; default: those in the package.
    rates: the ECB's eurofxref-hist.csv, for rules that compare values in another currency.

    Raises `TypeError` for data without `__arrow_c_stream__`, `InputError` for columns that are missing or of a type that
    cannot be read, `UsageError` for anything else that is wrong. A value that cannot be read although its type can (a
    number that a float has cut) stops the stream: its reader raises its own error, with our text.
    """

def run(
    job: _Path,
    *,
    from_: Optional[str] = None,
    to: Optional[str] = None,
    last: Optional[int] = None,
    as_of: Optional[_Day] = None,
    book: Optional[_Paths] = None,
    sources: Optional[_Path] = None,
    out: Optional[_Path] = None,
    threads: Optional[int] = None,
    memory: Optional[str] = None,
    set: Union[Mapping[str, object], Iterable[str], None] = None,
    batch: Optional[int] = None,
    stale: bool = False,
    full: bool = False,
    rehash: bool = False,
    metrics: Optional[_Path] = None,
    report: Optional[_Path] = None,
    lineage: Optional[_Path] = None,
    quiet: bool = True,
) -> dict[str, Any]:
    """Reads, judges, aggregates and publishes, as `vtr run JOB` does, and returns the report of its last publication, as
    `--json` prints it: `outcome` (`published` or `unchanged`), `version`, `counts` (rows), `seconds`, `bytes_read`, `tables`,
    `checks`, `warnings`.

    Each option is that of the program: `from_` and `to` weeks such as `2025-W03` or dates; `last` a number of weeks;
    `as_of` a date or `today`; `memory` a size such as `2 GiB`; `set` any keys of the job, `{"output.path": "out"}`;
    `batch` weeks per publication; `metrics`, `report` and `lineage` files to write. Paths start from the working folder,
    those in `set` from the job's.

    The interpreter's lock is released. Ctrl-C stops the run within a chunk, with nothing half done, and raises
    `KeyboardInterrupt` with a text that says how far it came. Warnings go to the process's standard error as well.

    Raises `UsageError`, `InputError`, `GateError`, `ConflictError` or `VtrError`."""

def plan(
    job: _Path,
    *,
    from_: Optional[str] = None,
    to: Optional[str] = None,
    last: Optional[int] = None,
    as_of: Optional[_Day] = None,
    book: Optional[_Paths] = None,
    sources: Optional[_Path] = None,
    out: Optional[_Path] = None,
    set: Union[Mapping[str, object], Iterable[str], None] = None,
    units: Optional[_Path] = None,
    buckets: Optional[int] = None,
) -> list[tuple[str, str]]:
    """Lists what `run` would read and replace, and why: pairs of step and detail, as `vtr plan` lists them.

    With `units`, a file or object, the plan of units for `fold` and `finish` is written there instead, and the list is
    empty; `buckets` (1 to 1024) is the number of buckets of counts and copies, which by default follows from the number of rows.

    Raises as `run` does before it reads data."""

def fold(
    job: _Path,
    plan: _Path,
    share: str,
    to: _Path,
    *,
    threads: Optional[int] = None,
    memory: Optional[str] = None,
) -> None:
    """Folds share `I/N` (`1/16` to `16/16`) of the plan of units `plan` and puts its parts into the folder or URI `to`. An
    existing share is left unchanged.

    Raises `UsageError` for a plan that is not of this job, `InputError` for an input that has changed since."""

def finish(
    job: _Path,
    plan: _Path,
    from_: _Path,
    *,
    threads: Optional[int] = None,
    memory: Optional[str] = None,
) -> dict[str, Any]:
    """Adds up all shares in the folder or URI `from_` and publishes as `run` does, byte for byte; returns the report.

    Raises `InputError` for a share that is missing, foreign or damaged, `ConflictError` if another version was published
    since the plan, and what `run` raises."""

def health(
    output: _Path,
    *,
    seller: Optional[str] = None,
    marketplace: Optional[str] = None,
    limit: Optional[int] = None,
    fail_on: Union[str, Sequence[str], None] = None,
    max_age: Optional[int] = None,
) -> list[dict[str, Any]]:
    """Lists the status of accounts in the highest version, worst first: a dict for each row of `account_health`, its days as
    texts, its rates as floats between 0 and 1.

    fail_on: `breach`, `at_risk` or `stale`: raise `GateError` if an account has that status, or the figures are older than
    `max_age` days. Raises `InputError` if nothing is published, and `UsageError` if that table is not."""
