#!/usr/bin/env bash
# Measures `vtr` beside DuckDB, Polars, chDB and DataFusion, which come from pip into a venv of their own under
# target/bench.
#
# Options, as environment variables: ROWS (10000000), CSV_ROWS (as ROWS), REPEAT (3), THREADS (cores), JOBS (full scan csv
# default dedup threads scaling week floor), PEERS (duckdb polars chdb datafusion), SCALES (row counts for `scaling`), LIMIT_S
# (seconds a run may take, 900), KEEP=1 (keep the results and write docs/benchmarks.md), VTR (the program), WORK (target/bench).
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${WORK:-target/bench}
mkdir -p "$work"
if [ ! -x "$work/venv/bin/python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet -r tests/bench/requirements.txt
fi
exec "$work/venv/bin/python" -B tests/bench/bench.py
