#!/usr/bin/env bash
# Foreign programs read our output: DuckDB and pyarrow the tables, jsonschema and OpenLineage's client the lineage,
# Prometheus' client the metrics; from pip, in a venv of their own.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb pyarrow jsonschema prometheus-client openlineage-python==1.54.0
target/release/vtr run jobs/weekly.toml --quiet --out "$work/out"
"$work/venv/bin/python" tests/foreign/read.py "$work/out" sample_data/shipments
# Folders whose names are patterns, beside others that they match.
for name in 'o?t' 'o*t' 'o[a-z]t' 'o[' '**' "o't" oxt; do
  mkdir -p "$work/named"
  printf 'seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at\n%s,DE,O1,DHL,N/A,2025-06-02\n' "$name" > "$work/named/in.csv"
  printf 'name = "named"\nas_of = "2025-08-01"\n[[input]]\npath = "in.csv"\n[output]\npath = "out"\n' > "$work/named/job.toml"
  target/release/vtr run "$work/named/job.toml" --quiet --out "$work/named/$name"
done
"$work/venv/bin/python" tests/foreign/views.py "$work/named"
for day in 2025-05-31 2025-04-28; do
  target/release/vtr run jobs/weekly.toml --quiet --as-of "$day" --set as_of_mode=scans --out "$work/$day"
  target/release/vtr report "$work/$day" -o "$work/$day.html"
  target/release/vtr worklist "$work/$day" --today "$day" --format csv > "$work/$day.csv"
  "$work/venv/bin/python" tests/foreign/pages.py "$work/$day" "$work/$day.html" "$work/$day.csv"
  "$work/venv/bin/python" tests/foreign/sums.py target/release/vtr "$work/$day"
done
# The same of a generated history, with rows as bad as they come, more accounts and every marketplace.
as_of=$(target/release/vtr gen "$work/gen/history" --rows 20000 --sellers 15 --seed 5 --dirt --quiet | tail -1)
printf 'name = "sums"\n%s\n[[input]]\npath = "history/shipments/*"\n[output]\npath = "out"\n[limits]\nmax_rejected = "50%%"\n' "$as_of" > "$work/gen/job.toml"
target/release/vtr run "$work/gen/job.toml" --quiet
target/release/vtr report "$work/gen/out" -o "$work/gen.html"
target/release/vtr worklist "$work/gen/out" --today 2000-01-01 --format csv > "$work/gen.csv"
"$work/venv/bin/python" tests/foreign/pages.py "$work/gen/out" "$work/gen.html" "$work/gen.csv"
"$work/venv/bin/python" tests/foreign/sums.py target/release/vtr "$work/gen/out"
run() { target/release/vtr run jobs/weekly.toml --quiet --out "$work/other" --lineage "$work/lineage.jsonl" "$@"; }
run --metrics "$work/good.prom"
code=0
run --metrics "$work/bad.prom" --full --set limits.max_rejected=0% 2> "$work/said" || code=$?
[ "$code" = 4 ] || { echo "a gate should have stopped the run, exit code $code:"; cat "$work/said"; exit 1; }
"$work/venv/bin/python" tests/foreign/operate.py "$work/lineage.jsonl" "$work/good.prom" "$work/bad.prom"
