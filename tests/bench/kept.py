"""The results from which docs/benchmarks.md is made: a folder of parts, each replaced by its next run.

A part is one job at one size, with its measurements, date and machine; Criterion's estimates and the profile are
parts too. Runs of different sizes, made one after the other, are combined here.
"""

import glob
import json
import os

import report

FOLDER = os.path.join(os.environ.get("WORK") or "target/bench", "kept")
DOCS, PLOT = "docs/benchmarks.md", "docs/benchmarks.svg"


def keep_jobs(results):
    for part in results["parts"]:
        _write(f"{part['job']}-{part['rows']}", part)
    publish()


def keep_micro(micro):
    """Keeps the estimates; benchmarks that were not run this time keep their old ones."""
    before = _read("micro") or {"benches": []}
    again = {bench["name"] for bench in micro["benches"]}
    _write("micro", micro | {"benches": [bench for bench in before["benches"] if bench["name"] not in again] + micro["benches"]})
    publish()


def keep_profile(profile):
    _write("profile", profile)
    publish()


def publish():
    """Writes the docs from all parts."""
    paths = sorted(path for path in glob.glob(f"{FOLDER}/*.json") if os.path.basename(path) not in ("micro.json", "profile.json"))
    parts = sorted((json.load(open(path)) for path in paths), key=lambda part: (list(report.JOBS).index(part["job"]), part["rows"]))
    results = {"parts": parts, "micro": _read("micro"), "profile": _read("profile")}
    with open(DOCS, "w", encoding="utf-8") as file:
        file.write(report.markdown(results))
    report.plot(results, PLOT)


def _read(name):
    path = os.path.join(FOLDER, f"{name}.json")
    return json.load(open(path)) if os.path.exists(path) else None


def _write(name, part):
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, f"{name}.json"), "w") as file:
        json.dump(part, file, indent=1)


if __name__ == "__main__":
    publish()
