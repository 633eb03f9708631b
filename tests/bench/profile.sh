#!/usr/bin/env bash
# Profiles one thread: what a row costs by module and by function, and what a scheduled week costs, from perf, or from
# callgrind if there is no perf.
#
# Options, as environment variables: ROWS (10000000; 1000000 with callgrind), KEEP=1 (into docs/benchmarks.md as well), WORK
# (target/bench). The program is built into target/profile with line tables, once more than for anything else.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=perf
if ! perf --version >/dev/null 2>&1; then
    echo "no perf here; callgrind of valgrind stands in" >&2
    tool=callgrind
    if ! valgrind --version >/dev/null 2>&1; then
        echo "make profile needs perf (linux-perf) or valgrind; neither is installed" >&2
        exit 1
    fi
fi
# Names of functions are kept, which a release is stripped of.
lines=(--config 'profile.release.strip="none"')
for package in vtr vtr-kernel vtr-columnar; do
    lines+=(--config "profile.release.package.$package.debug=\"line-tables-only\"")
done
# Unquoted, because CARGO may carry options.
${CARGO:-cargo} "${lines[@]}" build --release --locked --bin vtr --target-dir target/profile
exec python3 -B tests/bench/profile.py $tool target/profile/release/vtr
