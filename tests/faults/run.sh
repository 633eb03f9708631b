#!/usr/bin/env bash
# Applies faults of every kind to the built program, and counts the trials. FAULTS=ci is the bounded form; names of
# sweeps as arguments run only those: kill errors full power race seeds signals joined.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHONPATH=$PWD/tests/trials exec python3 -B tests/faults/main.py "$@"
