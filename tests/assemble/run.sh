#!/usr/bin/env bash
# Joins generated worlds of raw files by the program and by a naive reference, and compares them cell for cell:
# WORLDS (1000) of them from the seed FIRST (1). It needs Python with pyarrow, from pip.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow tzdata
mkdir "$work/worlds"
"$work/venv/bin/python" tests/assemble/reference.py target/release/vtr "$work/worlds" "${WORLDS:-1000}" "${FIRST:-1}"
