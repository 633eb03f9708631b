#!/usr/bin/env bash
# Programs that are not ours read what we publish: DuckDB and pyarrow, from pip, in a venv of their own.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb pyarrow
target/release/vtr run jobs/weekly.toml --quiet --out "$work/out"
"$work/venv/bin/python" tests/foreign/read.py "$work/out" sample_data/shipments
