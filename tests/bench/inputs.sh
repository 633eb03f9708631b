#!/usr/bin/env bash
# Measures one history in the forms of sellers' real files, each beside the standard one; DuckDB and pyarrow from
# pip make them.
#
# Options, as environment variables: ROWS (5000000), REPEAT (3), ONLY (a part of a form's name), LIMIT_S (900), KEEP=1 (write
# docs/benchmarks-inputs.md), VTR (the program), WORK (target/bench).
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${WORK:-target/bench}
mkdir -p "$work"
if [ ! -x "$work/inputs-venv/bin/python" ]; then
    python3 -m venv "$work/inputs-venv"
    "$work/inputs-venv/bin/pip" install --quiet duckdb pyarrow
fi
exec "$work/inputs-venv/bin/python" -B tests/bench/inputs.py
