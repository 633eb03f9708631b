#!/usr/bin/env bash
# Tests the sinks against a real PostgreSQL and foreign readers: PostgreSQL from Debian; psycopg, DuckDB, pandas, Polars
# and dbt from pip (dbt 1.10, since later ones fetch a part of themselves from elsewhere). The server stands in a
# temporary folder on loopback. A package that cannot be installed is a failure, not a skip. SINKS=ci is the bounded
# form; names of parts as arguments run only those: cells kill cut refuse reader tls bi.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scratch.sh
bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }
if [ -z "$(bin)" ]; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; }
fi
[ -n "$(bin)" ] || fail "PostgreSQL cannot be installed"
chmod 755 "$work"
if [ -n "${PYTHON:-}" ]; then
  python=$PYTHON
else
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]' duckdb pandas polars pyarrow pyyaml \
    'dbt-core>=1.10,<1.11' 'dbt-postgres<1.11' 'dbt-duckdb<1.11'
  python=$work/venv/bin/python
fi
PYTHONPATH=$PWD/tests/trials "$python" -B tests/sinks/main.py "$(bin)" "$work" "$@"
