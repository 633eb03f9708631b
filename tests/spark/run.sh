#!/usr/bin/env bash
# Tests the wheel on Spark: `vtr.spark.run` on a local cluster of two worker processes, compared byte for byte with
# `vtr run` of the same wheel. The workers' interpreter has no wheel; it is shipped to them as an archive. Spark 3.5
# and 4 come from pip, each with an environment of its own; S3 by moto, from pip. A JRE comes from Debian if there
# is none. A package that cannot be installed is a failure, not a skip.
#
# SPARK=ci takes a bounded number of generated rows, SPARKS="3.5" one version, ROWS a number of rows, CACHE a folder
# that keeps the environments, WHEEL an existing wheel, MATURIN words for maturin.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scratch.sh
rows=${ROWS:-$([ "${SPARK:-}" = ci ] && echo 60000 || echo 5000000)}
cache=${CACHE:-$work}
if ! command -v java >/dev/null; then
  { apt-get -qq update && apt-get -qq install -y openjdk-17-jre-headless; } >/dev/null 2>&1 || fail "apt cannot install a JRE"
fi
# An environment, made once in a folder that is kept: name, packages.
environment() {
  [ -x "$cache/$1/bin/python" ] || python3 -m venv "$cache/$1" || fail "python3 cannot make a venv"
  "$cache/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}" || fail "pip cannot install ${*:2}"
}
wheel=${WHEEL:-}
if [ -z "$wheel" ]; then
  environment maturin 'maturin>=1.9,<2'
  # shellcheck disable=SC2086  # words of cargo
  PATH="$cache/maturin/bin:$PATH" maturin build --release --locked --quiet --interpreter "$cache/maturin/bin/python" --out "$work/wheel" ${MATURIN:-}
  wheel=$(echo "$work"/wheel/vtr-*.whl)
fi
# The driver has the wheel on a path of its own, which the workers do not have.
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/driver" "$wheel"

environment moto 'moto[server]' boto3
s3=$(free_port)
"$cache/moto/bin/moto_server" -H 127.0.0.1 -p "$s3" >"$work/moto.log" 2>&1 &
servers+=($!)

failed=0
for version in ${SPARKS:-3.5 4}; do
  environment "spark-$version" "pyspark==$version.*" 'pyarrow<27' 'pandas<4' setuptools boto3
  interpreter="$cache/spark-$version/bin/python"
  "$interpreter" -c 'import vtr' 2>/dev/null && fail "the workers' interpreter has a wheel of its own"
  SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON=$interpreter PYSPARK_DRIVER_PYTHON=$interpreter DRIVER=$work/driver \
    "$interpreter" tests/spark/check.py "$work/$version" "$rows" "$s3" 2>"$work/$version.log" || {
    failed=1
    grep -v 'WARN\|INFO' "$work/$version.log" | tail -60 >&2
  }
done
exit $failed
