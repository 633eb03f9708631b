#!/usr/bin/env bash
# Runs four Mondays of a scheduler: a plain `vtr run` each, compared byte for byte with one `--full` run each. The
# clock is libfaketime's (Debian: faketime), which is installed if it is missing. VTR names the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
VTR=$(realpath "${VTR:-target/release/vtr}")
if ! command -v faketime > /dev/null; then
    sudo=$(command -v sudo || true)
    { $sudo apt-get update -qq && $sudo apt-get install -qq -y faketime; } > /dev/null
fi
faketime '2026-09-07 06:00:00' date > /dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 tests/schedule/mondays.py "$VTR" "$work"
