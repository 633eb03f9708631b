#!/usr/bin/env bash
# Opens the sample's pages in a real browser: Debian's Chromium, driven by puppeteer-core, checked by axe-core; both
# from npm.
set -euo pipefail
cd "$(dirname "$0")/../.."
browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
if [ -z "$browser" ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "tests/pages: needs Chromium: apt-get install chromium, or CHROMIUM=/path/to/chromium" >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
  browser=$(command -v chromium)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shots=${SHOTS:-$work/shots}
mkdir -p "$shots"
cp tests/pages/check.mjs tests/pages/package.json "$work"
(cd "$work" && npm install --silent --no-audit --no-fund)
page() { # NAME AS_OF [OPTION ..]
  target/release/vtr run jobs/weekly.toml --quiet --as-of "$2" --set as_of_mode=scans --out "$work/$1"
  target/release/vtr report "$work/$1" -o "$work/$1.html" "${@:3}"
}
page own 2025-05-31
page pending 2025-04-28 --event "2025-W10=Evri collects at 16:00"
target/release/vtr report "$work/pending" --appeal A1CABLECORNER0 GB -o "$work/appeal.html"
cd "$work"
CHROMIUM=$browser SHOTS=$shots node check.mjs own.html pending.html appeal.html
