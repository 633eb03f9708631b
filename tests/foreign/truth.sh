#!/usr/bin/env bash
# Generates a history of ROWS rows with its truth, runs it, and lets DuckDB compare every cell. GEN has further options
# of `vtr gen`, such as --habits.
set -euo pipefail
cd "$(dirname "$0")/../.."
rows=${ROWS:-10000000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb
target/release/vtr gen --rows "$rows" --seed "${SEED:-1}" --dirt --truth ${GEN:-} "$work/history" | tail -n 1 > "$work/as_of"
cat > "$work/job.toml" <<JOB
name = "truth"
$(cat "$work/as_of")
[[input]]
path = "history/shipments/*.parquet"
[output]
path = "out"
JOB
target/release/vtr run "$work/job.toml"
"$work/venv/bin/python" tests/foreign/truth.py "$work/history" "$work/out"
