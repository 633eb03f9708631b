"""Compares every cell of every sink, read by a foreign program, with the published Parquet files."""

import datetime
import decimal
import hashlib
import math
from collections import Counter

import duckdb
import pandas
import polars
import pyarrow.parquet

KEY_BYTES = 1200


def published(world, version):
    """Tables by name: column names, and rows as tuples."""
    tables = {}
    for name, files in world.manifest(version)["tables"].items():
        columns, rows = None, []
        for file in files:
            table = pyarrow.parquet.read_table(world.out / file["path"], partitioning=None)
            columns = table.column_names
            rows += zip(*(column.to_pylist() for column in table.columns)) if table.num_columns else []
        tables[name] = (columns, rows)
    return tables


def indexed(schema_rows):
    """Returns the columns that an index of the sink's schema contains."""
    return {column for (column,) in schema_rows}


def as_stored(value, column, cut):
    """Returns what PostgreSQL can hold of a text."""
    if not isinstance(value, str):
        return value
    value = value.replace("\0", "\\u{0}")
    raw = value.encode()
    if column in cut and len(raw) > KEY_BYTES:
        hashed = hashlib.sha256(raw).hexdigest()
        head = raw[: KEY_BYTES - len(hashed) - 1].decode(errors="ignore")
        return f"{head}~{hashed}"
    return value


def same(found, wanted, what):
    """Compares two lists of rows as multisets."""
    found, wanted = Counter(map(normal, found)), Counter(map(normal, wanted))
    if found != wanted:
        gone, new = list((wanted - found))[:2], list((found - wanted))[:2]
        raise AssertionError(f"{what}: lacks {gone}, has {new}")
    return sum(wanted.values())


def normal(row):
    return tuple(one(cell) for cell in row)


def one(cell):
    if isinstance(cell, float) and math.isnan(cell):
        return None
    if isinstance(cell, decimal.Decimal):
        return cell.normalize()
    if isinstance(cell, datetime.datetime):
        return cell.astimezone(datetime.timezone.utc) if cell.tzinfo else cell
    return cell


def postgres(world, version, connection, schema):
    """psycopg, cell by cell; and the comments and types that people see."""
    rows = connection.execute(
        "SELECT DISTINCT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE n.nspname = %s",
        [schema],
    ).fetchall()
    cut, cells = indexed(rows), 0
    for name, (columns, wanted) in published(world, version).items():
        if columns is None:
            assert connection.execute(f'SELECT count(*) FROM "{schema}"."{name}"').fetchone() == (0,)
            continue
        listed = ", ".join(f'"{column}"' for column in columns)
        found = connection.execute(f'SELECT {listed} FROM "{schema}"."{name}"').fetchall()
        stored = [tuple(as_stored(cell, column, cut) for cell, column in zip(row, columns)) for row in wanted]
        cells += same(found, stored, f"postgres {name}") * len(columns)
        comments = connection.execute(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "AND col_description(attrelid, attnum) IS NULL",
            [f'"{schema}"."{name}"'],
        ).fetchone()
        assert comments == (0,), f"{name}: {comments} columns without a comment"
        percent = connection.execute(f'SELECT count(*) FROM "{schema}"."{name}_bi"').fetchone()
        assert percent == (len(wanted),), f"{name}_bi: {percent} of {len(wanted)} rows"
    for (week, moment, rate, percent) in connection.execute(
        f'SELECT t.week_start, v.week_start_at, t.vtr, v.vtr_percent FROM "{schema}".vtr_weekly t JOIN "{schema}".vtr_weekly_bi v '
        "USING (seller_id, marketplace, programme, carrier, week_start)"
    ):
        assert moment == datetime.datetime.combine(week, datetime.time()) and (rate is None) == (percent is None)
        assert rate is None or abs(percent - 100 * rate) < 0.0001, (rate, percent)
    return cells


def typed(value, wanted):
    """Returns a text of CSV as the published value."""
    if value == "":
        return None if wanted is None else ""
    if isinstance(wanted, bool):
        return {"true": True, "false": False}[value]
    if isinstance(wanted, int):
        return int(value)
    if isinstance(wanted, float):
        return float(value)
    if isinstance(wanted, decimal.Decimal):
        return decimal.Decimal(value)
    if isinstance(wanted, datetime.datetime):
        return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(wanted, datetime.date):
        return datetime.date.fromisoformat(value)
    return value


def defused(text):
    """Returns a text as it may be given to a spreadsheet; the product's own tests cover which texts begin like a
    formula."""
    return text[1:] if text.startswith("'") else text


def by_week(world, version, name):
    """The published rows of each file: `None` for the whole table."""
    for file in world.manifest(version)["tables"][name]:
        table = pyarrow.parquet.read_table(world.out / file["path"], partitioning=None)
        yield file["week"], table.column_names, list(zip(*(column.to_pylist() for column in table.columns)))


def written(folder, name, week, suffix):
    """The file of a table, or of a week of it."""
    return folder / (f"{name}.{suffix}" if week is None else f"{name}/week={week}.{suffix}")


def csv(world, version, folder, flat):
    """pandas, every cell as text, against what was published; files of a week hold their week."""
    cells, formulas = 0, 0
    for name, (columns, _) in published(world, version).items():
        parts = list(by_week(world, version, name))
        if flat:
            parts = [(None, columns, [row for _, _, rows in parts for row in rows])]
        for week, names, wanted in parts:
            path = written(folder, name, week, "csv")
            frame = pandas.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, lineterminator="\n")
            if columns is None:
                assert len(frame) == 0
                continue
            assert list(frame.columns) == names, (path, list(frame.columns))
            found = []
            for row, published_row in zip(frame.itertuples(index=False, name=None), wanted, strict=True):
                plain = [typed(value, cell) for value, cell in zip(row, published_row)]
                for index, (value, cell) in enumerate(zip(plain, published_row)):
                    if flat and isinstance(cell, str) and value != cell and value == "'" + cell:
                        plain[index], formulas = cell, formulas + 1
                found.append(tuple(plain))
            cells += same(found, wanted, str(path)) * len(names)
    assert (formulas > 0) == flat, f"{formulas} formulas were defused in {folder}"
    return cells


def parquet(world, version, folder):
    """DuckDB."""
    cells = 0
    for name in world.manifest(version)["tables"]:
        for week, names, wanted in by_week(world, version, name):
            path = written(folder, name, week, "parquet")
            found = duckdb.execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [str(path)]).fetchall()
            cells += same(found, wanted, str(path)) * len(names)
    return cells


def jsonl(world, version, folder):
    """Polars."""
    cells = 0
    for name in world.manifest(version)["tables"]:
        for week, names, wanted in by_week(world, version, name):
            path = written(folder, name, week, "jsonl")
            if not wanted:
                assert path.stat().st_size == 0
                continue
            frame = polars.read_ndjson(path, infer_schema_length=None)
            assert frame.columns == names, (path, frame.columns)
            found = [
                tuple(typed(value, cell) if isinstance(value, str) else value for value, cell in zip(row, cells_of))
                for row, cells_of in zip(frame.rows(), wanted, strict=True)
            ]
            cells += same(found, wanted, str(path)) * len(names)
    return cells
