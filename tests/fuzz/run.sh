#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a number of seconds (first argument), all or those named after it. New
# inputs are collected in target/fuzz/corpus; an input that fails is kept in target/fuzz/artifacts and named. The
# last lines say how often each target ran.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd tests/fuzz/targets && ls -- *.rs | sed 's/\.rs$//')
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz --locked" >&2
    exit 1
fi
# libFuzzer needs switches that stable compilers keep for nightly ones. There is no sanitizer: the code forbids `unsafe`.
export RUSTC_BOOTSTRAP=1
cargo fuzz build --fuzz-dir tests/fuzz --release --sanitizer none --target-dir target/fuzz
binaries=$(echo target/fuzz/*/release)
failed=0
summary=""
for target in "${targets[@]}"; do
    corpus=target/fuzz/corpus/$target artifacts=target/fuzz/artifacts/$target log=target/fuzz/$target.log
    mkdir -p "$corpus" "$artifacts" "tests/fuzz/seeds/$target"
    folders=("$corpus" "tests/fuzz/seeds/$target")
    [ ! -d "tests/fuzz/regressions/$target" ] || folders+=("tests/fuzz/regressions/$target")
    outcome=ok
    "$binaries/$target" "${folders[@]}" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 \
        -artifact_prefix="$artifacts/" -print_final_stats=1 >"$log" 2>&1 || outcome=FAILED
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
    summary+="$target: ${runs:-0} executions in $seconds s at most, $outcome"$'\n'
    if [ $outcome = FAILED ]; then
        failed=1
        grep -a -E 'panicked|SUMMARY|Test unit written' "$log" >&2 || tail -5 "$log" >&2
        grep -a -A3 panicked "$log" | tail -3 >&2 || true
    fi
done
printf '%s' "$summary"
exit $failed
