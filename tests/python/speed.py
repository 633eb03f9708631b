"""Measures how many rows `vtr.judge` judges per second on one core, over the sample repeatedly. Prints a line; fails
below a lower bound that every sound build exceeds by far."""

import os
import pathlib
import time

import pyarrow as pa
import pyarrow.parquet as pq

import vtr

ROOT = pathlib.Path(__file__).resolve().parents[2]
sample = pa.concat_tables(pq.read_table(file) for file in sorted((ROOT / "sample_data/shipments").glob("*.parquet")))
rows = pa.concat_tables([sample] * 120).combine_chunks()
rows = pa.Table.from_batches(rows.to_batches(max_chunksize=250_000))
best = 0.0
for _ in range(int(os.environ.get("REPEAT", "3"))):
    began, cpu = time.perf_counter(), time.process_time()
    verdicts = pa.RecordBatchReader.from_stream(vtr.judge(rows, as_of="2025-05-31"))
    judged = sum(batch.num_rows for batch in verdicts)
    assert judged == rows.num_rows
    best = max(best, judged / (time.process_time() - cpu))
print(f"vtr.judge: {rows.num_rows} rows, {best / 1e6:.2f} million rows a second of one core")
assert best > 100_000, "slower than any build has been"
