"""`vtr.judge` over every kind of Arrow data: one row for each, in order, and the same verdicts as a run."""

import collections
import datetime as dt

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

import vtr
from conftest import AS_OF, RATES, ROOT

COLUMNS = ["class", "reason", "rule", "version", "lane", "day", "iso_week", "carrier", "likely_carrier", "fault"]
UTC = dt.timezone.utc

ROWS = pa.table(
    {
        "seller_id": ["A1"] * 5,
        "marketplace": ["DE", "amazon.co.uk", "DE", "Narnia", "DE"],
        "order_id": ["302-1", "202-2", "302-3", "302-4", "302-5"],
        "carrier": ["DHL", "Royal Mail", "DHL", "DHL", None],
        "tracking_number": ["00340434161094022115", "RB473124829GB", "N/A", "00340434161094022115", None],
        "promised_delivery_at": pa.array([dt.datetime(2025, 6, day, tzinfo=UTC) for day in (2, 3, 4, 5)] + [None],
                                         pa.timestamp("us", "UTC")),
        "shipped_at": pa.array([dt.datetime(2025, 5, 28, tzinfo=UTC)] * 4 + [None], pa.timestamp("us", "UTC")),
        "first_scan_at": pa.array([dt.datetime(2025, 5, 30, tzinfo=UTC)] + [None] * 4, pa.timestamp("us", "UTC")),
    }
)


def judged(data, **options):
    return pa.table(vtr.judge(data, as_of="2025-06-30", **options))


EXPECTED = judged(ROWS)


def test_one_row_for_each_in_order():
    assert EXPECTED.column_names == COLUMNS
    assert EXPECTED["day"].type == pa.date32() and EXPECTED["class"].type == pa.string()
    assert EXPECTED["reason"].to_pylist() == ["scanned", "scan_missing", "tracking_placeholder", None, None]
    faults = EXPECTED["fault"].to_pylist()
    assert faults[:3] == [None] * 3
    assert faults[3] == "marketplace: no marketplace of the book"
    assert "promised_delivery_at" in faults[4]


def retyped(table, kinds):
    for name, kind in kinds.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table[name].cast(kind))
    return table


TEXTS = {
    "Utf8": pa.string(),
    "LargeUtf8": pa.large_string(),
    "Utf8View": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "dictionary of int8": pa.dictionary(pa.int8(), pa.string()),
    "dictionary of LargeUtf8": pa.dictionary(pa.int64(), pa.large_string()),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_kinds_of_text(kind):
    texts = [field.name for field in ROWS.schema if pa.types.is_string(field.type)]
    assert len(texts) == 5
    assert judged(retyped(ROWS, {name: TEXTS[kind] for name in texts})).equals(EXPECTED)


@pytest.mark.parametrize("zone", [None, "UTC", "America/Los_Angeles", "+05:30"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_kinds_of_time(unit, zone):
    times = [field.name for field in ROWS.schema if pa.types.is_timestamp(field.type)]
    assert len(times) == 3
    assert judged(retyped(ROWS, {name: pa.timestamp(unit, zone) for name in times})).equals(EXPECTED)


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), "text"])
def test_kinds_of_day(kind):
    # A bare date is a day of the marketplace, not an instant of UTC; the days of these rows are the same either
    # way.
    rows = ROWS
    for name in ("promised_delivery_at", "first_scan_at"):
        days = rows[name].cast(pa.date32()) if kind != "text" else pc.strftime(rows[name], "%Y-%m-%d")
        days = days if kind == "text" else days.cast(kind)
        rows = rows.set_column(rows.schema.get_field_index(name), name, days)
    assert judged(rows).equals(EXPECTED)


def test_text_times_and_empty_cells():
    times = [field.name for field in ROWS.schema if pa.types.is_timestamp(field.type)]
    rows = ROWS
    for name in times:
        texts = pc.fill_null(pc.strftime(rows[name], "%Y-%m-%dT%H:%M:%SZ"), " ")
        rows = rows.set_column(rows.schema.get_field_index(name), name, texts)
    assert judged(rows).equals(EXPECTED)


def test_polars_pandas_and_duckdb():
    assert judged(pl.DataFrame(ROWS)).equals(EXPECTED)
    assert judged(pl.DataFrame(ROWS).with_columns(pl.col("carrier").cast(pl.Categorical))).equals(EXPECTED)
    assert judged(ROWS.to_pandas()).equals(EXPECTED)
    assert judged(ROWS.to_pandas().assign(carrier=lambda rows: rows["carrier"].astype("category"))).equals(EXPECTED)
    rows = ROWS
    assert judged(duckdb.sql("SELECT * FROM rows")).equals(EXPECTED)
    assert pl.DataFrame(vtr.judge(pl.DataFrame(ROWS), as_of="2025-06-30"))["reason"].to_list() == EXPECTED["reason"].to_pylist()
    assert pd.DataFrame.from_arrow(vtr.judge(ROWS, as_of="2025-06-30"))["reason"].tolist()[0] == "scanned"
    verdicts = vtr.judge(ROWS, as_of="2025-06-30")
    assert duckdb.sql("SELECT count(*) FROM verdicts WHERE reason = 'scanned'").fetchall() == [(1,)]


def test_columns_and_constants():
    headings = {"seller_id": "Seller ID", "order_id": "order-id", "carrier": "carrier-name"}
    foreign = ROWS.rename_columns([headings.get(name, name.upper()) for name in ROWS.column_names])
    given = {ours: heading.upper() for ours, heading in headings.items()}
    assert judged(foreign, columns=given).equals(EXPECTED)
    one = judged(ROWS.drop_columns(["marketplace", "seller_id"]), constants={"marketplace": "DE", "seller_id": 7})
    assert one["reason"].to_pylist()[0] == "scanned" and one["fault"].to_pylist()[3] is None


def test_batches_of_any_size_and_readers():
    rows = pa.concat_tables([ROWS] * 30_000)
    expected = pa.concat_tables([EXPECTED] * 30_000).combine_chunks()
    for batch in (7, 5_000, 1_000_000):
        reader = pa.RecordBatchReader.from_batches(rows.schema, rows.combine_chunks().to_batches(max_chunksize=batch))
        assert judged(reader).combine_chunks().equals(expected)
    nothing = judged(ROWS.slice(0, 0))
    assert nothing.num_rows == 0 and nothing.column_names == COLUMNS


def test_a_result_can_be_read_again():
    verdicts = vtr.judge(ROWS, as_of="2025-06-30")
    assert pa.table(verdicts).equals(EXPECTED) and pa.table(verdicts).equals(EXPECTED)


def test_evidence():
    without = ROWS.drop_columns(["first_scan_at"])
    assert judged(without)["reason"].to_pylist()[1] != "scan_missing"
    assert judged(ROWS, evidence="format").equals(judged(without))
    with pytest.raises(vtr.InputError, match="neither `first_scan_at` nor"):
        judged(without, evidence="scans")


def test_a_folder_of_rules(tmp_path):
    with pytest.raises(vtr.UsageError, match="is no folder"):
        judged(ROWS, book=tmp_path / "nowhere")
    assert judged(ROWS, book="embedded").equals(EXPECTED)


@pytest.mark.parametrize(
    ("raised", "text", "data", "options"),
    [
        (TypeError, "__arrow_c_stream__", [1, 2], {}),
        (vtr.InputError, "column `order_id` is absent", ROWS.drop_columns(["order_id"]), {}),
        (vtr.InputError, "no column `Order`", ROWS, {"columns": {"order_id": "Order"}}),
        (vtr.InputError, "column `seller_id` is .*; it must be text", ROWS.set_column(0, "seller_id", pa.array([[1]] * 5)), {}),
        (vtr.UsageError, "ordre_id", ROWS, {"columns": {"ordre_id": "order_id"}}),
        (vtr.UsageError, "as_of: `soon` is no date", ROWS, {"as_of": "soon"}),
        (vtr.UsageError, "evidence: `luck`", ROWS, {"evidence": "luck"}),
        (vtr.UsageError, "rates: cannot read", ROWS, {"rates": "nowhere.csv"}),
    ],
)
def test_errors_say_what_to_do(raised, text, data, options):
    with pytest.raises(raised, match=text):
        vtr.judge(data, **{"as_of": "2025-06-30", **options})


def test_what_is_wrong_while_reading_stops_the_stream():
    values = pa.array([1e17 + 1] * 5)
    rows = ROWS.append_column("package_id", values)
    with pytest.raises(pa.ArrowInvalid, match="package_id"):
        judged(rows)


KEY = ["seller_id", "order_id", "day", "class", "reason", "rule", "lane", "carrier", "likely_carrier"]


def test_verdicts_are_those_of_a_run(published):
    out, report = published
    rows = ds.dataset(ROOT / "sample_data/shipments").to_table()
    verdicts = pa.table(vtr.judge(rows, as_of=AS_OF, rates=RATES))
    assert verdicts.num_rows == rows.num_rows == report["counts"]["read"] == 9000

    def keys(table):
        # A published table writes no lane as a text.
        texts = lambda name: [None if text == "(none)" and name == "lane" else text for text in table[name].to_pylist()]
        return collections.Counter(zip(*map(texts, KEY)))

    together = verdicts.append_column("seller_id", rows["seller_id"]).append_column("order_id", rows["order_id"])
    judged_rows = pa.table(vtr.Output(out).table("judged"))
    assert keys(together.filter(pc.is_null(together["fault"]))) == keys(judged_rows)

    classes = collections.Counter(verdicts["class"].to_pylist())
    counts = report["counts"]
    assert {name: classes[name] for name in ("out_of_scope", "exempt", "valid", "defect")} == {
        name: counts[name] for name in ("out_of_scope", "exempt", "valid", "defect")
    }
    assert classes[None] == counts["rejected"] + counts["after_as_of"]
    rejects = pa.table(vtr.Output(out).table("rejects"))
    said = sorted(f"{column}: {reason}" for column, reason in zip(rejects["column"].to_pylist(), rejects["reason"].to_pylist()))
    assert sorted(fault for fault in verdicts["fault"].to_pylist() if fault) == said
