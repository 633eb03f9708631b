#!/usr/bin/env bash
# Measures a run spread over shares against `vtr run` on this machine: processor seconds, bytes of parts, equal bytes.
#   tests/bench/shares.sh [ROWS] [SHARES] [FORMAT]
set -euo pipefail
rows=${1:-2000000} shares=${2:-8} format=${3:-parquet}
vtr=${VTR:-target/release/vtr}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
vtr=$(realpath "$vtr")
cd "$work"
"$vtr" gen --rows "$rows" --seed 7 --dirt --format "$format" history --quiet > /dev/null
cat > job.toml <<'JOB'
name = "shares"
as_of = "2026-01-31"
[[input]]
path = "history/shipments"
[output]
path = "out"
JOB
TIMEFORMAT='%U %S'
# Prints the processor seconds of a command, user and system.
cost() { { time "$@" > "$work/said" 2>&1; } 2>&1 | awk '{ printf "%.2f", $1 + $2 }'; }
whole=$(cost "$vtr" run job.toml --full --quiet --out whole)
plan=$(cost "$vtr" plan job.toml --quiet --out spread --units units.json)
fold=0
for i in $(seq "$shares"); do
  one=$(cost "$vtr" fold job.toml --plan units.json --share "$i/$shares" --to parts)
  cat said
  fold=$(awk "BEGIN { print $fold + $one }")
done
finish=$(cost "$vtr" finish job.toml --plan units.json --from parts --quiet)
bytes=$(du -sb parts | cut -f1)
echo "rows $rows ($format), $shares shares: run $whole s; plan $plan s, folds $fold s, finish $finish s of processor time"
awk "BEGIN { printf \"plan, folds and finish over run: %.2f; parts: %.1f bytes a row\n\", ($plan + $fold + $finish) / $whole, $bytes / $rows }"
same() { (cd "$1" && find data -name '*.parquet' | sort); }
if diff <(same whole) <(same spread) > /dev/null; then echo "published: the same files, named by their content"; else echo "published: DIFFERENT files"; exit 1; fi
