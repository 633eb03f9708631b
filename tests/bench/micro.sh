#!/usr/bin/env bash
# Runs Criterion's benchmarks: judging a number, the CSV reader, the fold; one thread each, CPU time of that thread.
#
# Options, as environment variables: BENCH (judge, csv or fold; all), KEEP=1 (into docs/benchmarks.md as well). `BENCH=judge`
# builds the kernel alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CRITERION_HOME=$PWD/target/bench/criterion
mkdir -p "$CRITERION_HOME"
begun=$(mktemp -p target/bench)
trap 'rm -f "$begun"' EXIT
features=(--features history)
[ "${BENCH:-}" != judge ] || features=()
# Unquoted, because CARGO may carry options.
${CARGO:-cargo} bench --manifest-path tests/bench/micro/Cargo.toml --target-dir target --locked "${features[@]}" ${BENCH:+--bench "$BENCH"}
python3 -B tests/bench/micro.py "$CRITERION_HOME" "$begun"
