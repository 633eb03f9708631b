"""The conditions that must hold for an output after any fault, read without the program's help.

A version is whole if every file that its manifest names exists with that size and SHA-256. A violation is an
exception with a sentence; nothing here changes an output except `converge`, which runs the job again.
"""

import hashlib
import json
import os
import re
import time
from pathlib import Path

TABLES = {
    "vtr_weekly", "vtr_weekly_category", "vtr_weekly_reasons", "vtr_rolling", "account_health", "health_breakdown", "defects",
    "carrier_names", "rejects", "input_files", "dim_marketplace", "dim_carrier", "dim_reason", "dim_rule", "dim_week", "dim_seller",
}


class Violation(Exception):
    """A condition that was broken."""


def must(holds, what):
    if not holds:
        raise Violation(what)


def manifests(out):
    """Returns every version of the log. Anything there that is neither a version nor an unfinished file is a
    violation."""
    log = Path(out) / "_log"
    found = {}
    for name in sorted(os.listdir(log)) if log.is_dir() else []:
        if name.startswith(".tmp-"):
            continue
        must(re.fullmatch(r"\d{20}\.json", name), f"_log/{name} is no manifest")
        text = (log / name).read_bytes()
        try:
            manifest = json.loads(text)
        except ValueError as error:
            raise Violation(f"_log/{name} is torn ({len(text)} bytes): {error}") from error
        must(manifest["version"] == int(name[:20]), f"_log/{name} says version {manifest['version']}")
        found[manifest["version"]] = manifest
    must(sorted(found) == list(range(1, len(found) + 1)), f"the log has gaps: {sorted(found)}")
    return found


def files(manifest):
    return [file for table in manifest["tables"].values() for file in table]


def whole(out, manifest):
    """Checks that every file of a version matches its manifest; returns how many were hashed."""
    version = manifest["version"]
    must(set(manifest["tables"]) == TABLES, f"version {version} names the tables {sorted(manifest['tables'])}")
    for file in files(manifest):
        path = Path(out) / file["path"]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Violation(f"version {version} names {file['path']}, which cannot be read: {error}") from error
        same = len(content) == file["bytes"] and hashlib.sha256(content).hexdigest() == file["sha256"]
        must(same, f"version {version}: {file['path']} has {len(content)} bytes, other content than its manifest says")
    return len(files(manifest))


def bare(manifest):
    """What does not change between equal runs."""
    return {key: value for key, value in manifest.items() if key != "run_id"}


def current(out, known):
    """The version that `current` shows, which must show exactly the files of that version; None: no link."""
    link = Path(out) / "current"
    if not os.path.lexists(link):
        return None
    target = os.readlink(link)
    version = int(target.rsplit("/", 1)[-1])
    must(version in known, f"current shows version {version}, the log has {sorted(known)}")
    shown = {}
    for folder, _, names in os.walk(Path(out) / target):
        for name in names:
            path = Path(folder) / name
            shown["data/" + str(path.relative_to(Path(out) / target))] = hashlib.sha256(path.read_bytes()).hexdigest()
    wanted = {file["path"]: file["sha256"] for file in files(known[version])}
    must(shown == wanted, f"current shows {len(shown)} files of version {version}, which has {len(wanted)}, or other bytes")
    return version


def views(out):
    """Every file of the views is there."""
    path = Path(out) / "views.sql"
    for named in re.findall(r"'(/[^']+\.parquet)'", path.read_text()) if path.exists() else []:
        must(Path(named).exists(), f"views.sql names {named}, which is not there")


def output(slot, out=None):
    """An output after a fault: one of the versions that runs without faults made, whole. Gives the highest, 0 for none."""
    out = out or slot.out
    found = manifests(out)
    must(set(found) <= set(slot.expected) | {0}, f"versions {sorted(found)}, expected {sorted(slot.expected)}")
    must(len(found) >= min(slot.expected) - 1, "a version that stood is gone")
    if 1 in slot.expected and slot.base.exists():
        must(1 in found, "the version that stood before is gone")
    for version, manifest in found.items():
        must(bare(manifest) == bare(slot.expected[version]), f"version {version} is not what a run without faults publishes")
        whole(out, manifest)
    current(out, found)
    views(out)
    return max(found, default=0)


def converge(slot, vtr, out=None, is_known_dead=True):
    """The job again, without faults: the same bytes as if nothing had happened, `current` up to date, and no rest of
    a run that is known to be dead; of no other that cleaning would not take away."""
    out = Path(out or slot.out)
    code, _, said = slot.run(out=out)
    must(code == 0, f"the run after the fault ended with {code}: {said}")
    must(output(slot, out) == slot.last, "the run after the fault did not publish")
    left = [Path(folder) / name for folder, folders, names in os.walk(out) for name in folders + names if name.startswith(".tmp-")]
    # A run that was killed before it had marked itself as alive cannot be known to be dead.
    marks = [(path / "lock").read_text() if (path / "lock").exists() else "" for path in left]
    is_clean = not any(marks) and all(path.parent.name == "_tmp" for path in left)
    must(is_clean or not is_known_dead, f"the run after the fault left {left}")
    must(current(out, manifests(out)) == slot.last, "the run after the fault did not bring current up to date")
    text = (out / "views.sql").read_text()
    must(f"version {slot.last} " in text.splitlines()[0], "the run after the fault did not write views.sql")
    code, _, said = vtr("verify", out)
    must(code == 0, f"verify after the fault: {said}")
    named = {file["path"] for manifest in slot.expected.values() for file in files(manifest)}
    for folder, _, names in os.walk(out / "data"):
        for name in names:
            path = str((Path(folder) / name).relative_to(out))
            must(path in named or name.startswith(".tmp-"), f"{path} is named by no version")
    clean(slot, vtr, out)


def clean(slot, vtr, out):
    """Cleaning, long after: unfinished files go, what versions name stays."""
    long_ago = time.time() - 30 * 86_400
    for folder, folders, names in os.walk(out):
        for name in folders + names:
            os.utime(Path(folder) / name, (long_ago, long_ago), follow_symlinks=False)
    code, _, said = vtr("gc", out)
    must(code == 0, f"gc after the fault ended with {code}: {said}")
    for folder, folders, names in os.walk(out):
        left = [name for name in folders + names if name.startswith(".tmp-")]
        must(not left, f"gc left {left} in {folder}")
    must(output(slot, out) == slot.last, "gc took a version away")
