#!/usr/bin/env bash
# Tests the wheel as a user gets it: built by maturin, installed into a fresh environment beside pinned pyarrow,
# polars, pandas and DuckDB, and tried there: the tests of this folder, the code blocks of docs/python.md, and the
# speed of `vtr.judge`. The archive of sources is built too, and must hold every crate that it needs.
# PYTHON_TESTS=full also builds a wheel from it. The interpreter is `python3`, or the one that PYTHON names. A
# package that cannot be installed is a failure, not a skip.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scratch.sh
python=${PYTHON:-python3}
pip=(-m pip install --quiet --disable-pip-version-check)
"$python" -m venv "$work/build" || fail "$python cannot make a venv"
"$work/build/bin/python" "${pip[@]}" 'maturin>=1.9,<2' || fail "pip cannot install maturin"
# shellcheck disable=SC2086  # words of cargo
PATH="$work/build/bin:$PATH" maturin build --release --locked --quiet --interpreter "$work/build/bin/python" --out "$work/wheel" ${MATURIN:-}

"$python" -m venv "$work/venv"
"$work/venv/bin/python" "${pip[@]}" --only-binary=:all: -r tests/python/requirements.txt "$work"/wheel/vtr-*.whl ||
  fail "pip cannot install the wheel beside tests/python/requirements.txt"
"$work/venv/bin/python" -m pytest -q -p no:cacheprovider --basetemp "$work/tests" tests/python
"$work/venv/bin/python" tests/python/speed.py

PATH="$work/build/bin:$PATH" maturin sdist --out "$work/sdist" 2>/dev/null
mkdir "$work/unpacked"
tar -xzf "$work"/sdist/vtr-*.tar.gz -C "$work/unpacked"
${CARGO:-cargo} metadata --locked --format-version 1 --manifest-path "$work"/unpacked/vtr-*/src/python/Cargo.toml >"$work/metadata.json" ||
  fail "the sources' archive lacks a crate"
for file in pyproject.toml src/python/vtr/__init__.pyi src/python/vtr/py.typed; do
  compgen -G "$work/unpacked/vtr-*/$file" >/dev/null || fail "the sources' archive lacks $file"
done
if [ "${PYTHON_TESTS:-}" = full ]; then
  "$python" -m venv "$work/second"
  CARGO_TARGET_DIR="$PWD/target" "$work/second/bin/python" "${pip[@]}" "$work"/sdist/vtr-*.tar.gz || fail "pip cannot install the sources' archive"
  "$work/second/bin/python" -c 'import vtr; print("from the sources:", vtr.__version__)'
fi
ls -l "$work"/wheel/*.whl "$work"/sdist/*.tar.gz | awk '{n = split($NF, part, "/"); print part[n] ": " $5 " bytes"}'
