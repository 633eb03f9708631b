#!/usr/bin/env bash
# Measures a run spread over shares against `vtr run` on this machine, in pairs that take turns: processor seconds, bytes of
# parts, memory of the finish, equal bytes. Prints the rows of the table in docs/scale.md. VTR names another program.
#   tests/bench/shares.sh [ROWS] [SHARES] [FORMAT] [PAIRS]
set -euo pipefail
rows=${1:-4000000} shares=${2:-4} format=${3:-parquet} pairs=${4:-3}
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
same() { (cd "$1" && find data -name '*.parquet' | sort); }
echo "$(date -u +%F), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), load $(cut -d' ' -f1 /proc/loadavg); $("$vtr" --version)"
for pair in $(seq "$pairs"); do
  rm -rf whole spread parts
  whole=$(cost "$vtr" run job.toml --full --quiet --out whole)
  plan=$(cost "$vtr" plan job.toml --quiet --out spread --units units.json)
  fold=0
  : > shares.txt
  for i in $(seq "$shares"); do
    one=$(cost "$vtr" fold job.toml --plan units.json --share "$i/$shares" --to parts)
    grep ' cells in ' said | tr -d , >> shares.txt
    fold=$(awk "BEGIN { print $fold + $one }")
  done
  finish=$(cost "$vtr" finish job.toml --plan units.json --from parts --quiet --json)
  peak=$(sed -n 's/.*"peak_rss_bytes": *\([0-9]*\).*/\1/p' said)
  sed -E 's/.* ([0-9]+) cells in ([0-9]+) bytes and ([0-9]+) copies in ([0-9]+) bytes.*/\1 \2 \3 \4/' shares.txt | awk \
    -v rows="$rows" -v format="$format" -v shares="$shares" -v run="$whole" -v plan="$plan" -v fold="$fold" -v finish="$finish" -v peak="$peak" '
    { cells += $1; cell_bytes += $2; copies += $3; copy_bytes += $4 }
    END { printf "| %g M rows, %s, %d shares | %.1f s | %.1f s | %.1f s | %.1f s | %.2f | %.2f M | %.1f | %.2f M | %.1f | %d MiB |\n",
      rows / 1e6, format, shares, run, plan, fold, finish, (plan + fold + finish) / run,
      cells / 1e6, cell_bytes / cells, copies / 1e6, copy_bytes / copies, peak / 1048576 }'
  if ! diff <(same whole) <(same spread) > /dev/null; then echo "published: DIFFERENT files"; exit 1; fi
done
echo "published: the same files in every pair, named by their content"
