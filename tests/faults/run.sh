#!/usr/bin/env bash
# Faults of every kind against the built program, with a count of what was tried. FAULTS=ci is the bounded form;
# names of sweeps as arguments run just those: kill errors full power race seeds signals.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 -B tests/faults/main.py "$@"
