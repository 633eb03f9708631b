#!/usr/bin/env bash
# Tests the program against real servers on this machine: S3 (moto, from pip) and Azure (azurite, from npm), both
# installed into a temporary folder and stopped at the end. A package that cannot be installed is a failure, not a
# skip.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scratch.sh
command -v npm >/dev/null || fail "npm is needed to install azurite"
python3 -m venv "$work/venv" || fail "python3 cannot make a venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]' azure-storage-blob &
pip=$!
npm install --silent --no-audit --no-fund --prefix "$work/node" azurite ||
  fail "npm cannot install azurite"
wait "$pip" || fail "pip cannot install moto[server] and azure-storage-blob"

s3=$(free_port)
azure=$(free_port)
"$work/venv/bin/moto_server" -H 127.0.0.1 -p "$s3" >"$work/moto.log" 2>&1 &
servers+=($!)
node "$work/node/node_modules/azurite/dist/src/blob/main.js" --silent --disableTelemetry --skipApiVersionCheck --inMemoryPersistence \
  --blobHost 127.0.0.1 --blobPort "$azure" >"$work/azurite.log" 2>&1 &
servers+=($!)
"$work/venv/bin/python" tests/stores/check.py "${VTR:-target/release/vtr}" "$s3" "$azure" "$work/scratch"
