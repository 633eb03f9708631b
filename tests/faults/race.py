"""Two writers, two readers and a cleaner at once, for hundreds of publications of separate and of shared weeks.

The writers publish a week or two with changing `as_of` days, so that each publication is known from a separate run.
Readers take one version, by the log or by `current`, and must see exactly its files; afterwards the whole log is
replayed.
"""

import datetime
import hashlib
import json
import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import check
import world

AS_OF = [f"2025-06-{day:02}" for day in range(10, 30)]
JOB = world.JOB.replace('as_of = "2025-06-30"', 'as_of = "2025-06-30"\nas_of_mode = "scans"')


def history():
    """Two groups of weeks so far apart that no trailing window reaches from one to the other; scans of all of them
    come in while `as_of` moves."""
    lines = []
    for first in (datetime.date(2025, 1, 6), datetime.date(2025, 4, 7)):
        for index in range(21):
            for seller, market in (("A1", "DE"), ("A2", "GB")):
                day = first + datetime.timedelta(days=index)
                scan = f"2025-06-{10 + index % 20:02}T10:00:00Z"
                cells = [seller, market, f"305-{day}", "1", "DHL", "00340434161094022115", "Toys", str(day), scan, scan, ""]
                lines.append(",".join(cells) + "\n")
    return world.HEADINGS + "".join(lines)


class Range:
    def __init__(self, first, last):
        self.args = ("--from", first, "--to", last)
        self.expected = {}

    def learn(self, folder):
        """Learns what a run of this range publishes for each `as_of` day, from separate runs."""
        for as_of in AS_OF:
            out = folder / f"alone-{self.args[1]}-{self.args[3]}-{as_of}"
            code, _, said = run(folder, out, self, as_of)
            assert code == 0, said
            self.expected[as_of] = check.manifests(out)[1]


def run(folder, out, weeks, as_of):
    return world.vtr("run", folder / "job.toml", "--quiet", "--threads", "1", "--out", out, "--as-of", as_of, *weeks.args, cwd=folder)


class Race:
    def __init__(self, folder, ranges, publications):
        self.folder, self.ranges, self.publications = folder, ranges, publications
        self.out = folder / ("out-" + "-".join(weeks.args[1] for weeks in ranges))
        self.counts, self.failures, self.done = Counter(), [], threading.Event()
        self.pause = threading.Barrier(len(ranges))
        code, _, said = world.vtr("run", folder / "job.toml", "--quiet", "--out", self.out, cwd=folder)
        assert code == 0, said

    def versions(self):
        return [int(name[:20]) for name in os.listdir(self.out / "_log") if name.endswith(".json") and not name.startswith(".")]

    def write(self, weeks, seed):
        dice, last = random.Random(seed), None
        for turn in range(self.publications // len(self.ranges)):
            as_of = dice.choice([day for day in AS_OF if day != last])
            while True:
                before = max(self.versions())
                code, _, said = run(self.folder, self.out, weeks, as_of)
                if code != 5:
                    break
                check.must("nothing was published" in said, f"a conflict said: {said}")
                self.counts["conflicts"] += 1
            check.must(code == 0, f"a writer ended with {code}: {said}")
            check.must("warning: version" not in said, said)
            last = as_of
            self.counts["published or unchanged"] += 1
            self.counts["beside another"] += max(self.versions()) > before + 1
            if turn % 10 == 9:
                # Together, so that the cleaner finds a moment without a run.
                self.pause.wait(60)
                time.sleep(0.1)

    def read_log(self, _):
        while not self.done.is_set():
            version = max(self.versions())
            manifest = json.loads((self.out / "_log" / f"{version:020}.json").read_bytes())
            self.counts["files read by the log"] += check.whole(self.out, manifest)
            self.counts["versions read by the log"] += 1
            time.sleep(0.02)

    def read_current(self, _):
        while not self.done.is_set():
            target = os.readlink(self.out / "current")
            version = int(target.rsplit("/", 1)[-1])
            manifest = json.loads((self.out / "_log" / f"{version:020}.json").read_bytes())
            try:
                shown = {}
                for folder, _, names in os.walk(self.out / target, onerror=fail):
                    for name in names:
                        path = Path(folder) / name
                        shown["data/" + str(path.relative_to(self.out / target))] = hashlib.sha256(path.read_bytes()).hexdigest()
            except FileNotFoundError:
                # The newest two snapshots stay; a reader that takes longer than two publications must use the log.
                check.must(max(self.versions()) >= version + 2, f"the snapshot of version {version} went too early")
                self.counts["outpaced by current"] += 1
                continue
            wanted = {file["path"]: file["sha256"] for file in check.files(manifest)}
            if shown != wanted:
                check.must(max(self.versions()) >= version + 2, f"current showed version {version} with other files than its own")
                self.counts["outpaced by current"] += 1
                continue
            self.counts["versions read by current"] += 1
            time.sleep(0.02)

    def clean(self, _):
        """Makes every file look old and cleans: a live run must prevent that, and files named by versions must stay."""
        while not self.done.is_set():
            long_ago = time.time() - 30 * 86_400
            for folder, _, names in os.walk(self.out / "data"):
                for name in names:
                    try:
                        os.utime(Path(folder) / name, (long_ago, long_ago))
                    except FileNotFoundError:
                        pass
            code, _, said = world.vtr("gc", self.out, "--keep", "1000000")
            check.must(code in (0, 5), f"gc ended with {code}: {said}")
            self.counts["cleanings" if code == 0 else "cleanings kept away"] += 1
            time.sleep(0.05)

    def guarded(self, work, argument, seed=0):
        try:
            work(argument, seed) if work == self.write else work(argument)
        except Exception as error:  # every kind ends the race, and is shown
            self.failures.append(f"{work.__name__}: {type(error).__name__}: {error}")
            self.pause.abort()

    def go(self):
        writers = [threading.Thread(target=self.guarded, args=(self.write, weeks, seed)) for seed, weeks in enumerate(self.ranges)]
        others = [threading.Thread(target=self.guarded, args=(work, None)) for work in (self.read_log, self.read_current, self.clean)]
        for thread in writers + others:
            thread.start()
        for thread in writers:
            thread.join()
        self.done.set()
        for thread in others:
            thread.join()
        check.must(not self.failures, "; ".join(self.failures))
        self.replay()
        return ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))

    def replay(self):
        """Checks that every version follows the one before, with the files of its run in its weeks, and the earlier
        files elsewhere."""
        log = check.manifests(self.out)
        for version in sorted(log)[1:]:
            manifest, base = log[version], log[version - 1]
            check.must(manifest["replaced"]["base"] == version - 1, f"version {version} is based on {manifest['replaced']['base']}")
            alone = next((e for e in (weeks.expected[manifest["as_of"]] for weeks in self.ranges) if same_range(e, manifest)), None)
            check.must(alone is not None, f"version {version} replaced {manifest['replaced']['tables']}")
            for table in check.TABLES:
                span = manifest["replaced"]["tables"].get(table)
                for week in {file["week"] for file in manifest["tables"][table] + base["tables"][table]}:
                    replaced = span == "all" or (span is not None and span["weeks"]["first"] <= week <= span["weeks"]["last"])
                    source = alone if replaced else base
                    check.must(paths(manifest, table, week) == paths(source, table, week), f"version {version}: {table} of {week}")
            check.whole(self.out, manifest)
        self.counts["versions replayed"] = len(log)


def same_range(one, other):
    return one["replaced"]["tables"] == other["replaced"]["tables"]


def paths(manifest, table, week):
    return sorted(file["path"] for file in manifest["tables"][table] if file["week"] == week)


def fail(error):
    raise error


def sweep(folder, tally, publications):
    folder = folder / "race"
    (folder / "in").mkdir(parents=True)
    (folder / "job.toml").write_text(JOB)
    (folder / "in/1.csv").write_text(history())
    early, late, beside = Range("2025-W02", "2025-W03"), Range("2025-W15", "2025-W16"), Range("2025-W03", "2025-W04")
    for weeks in (early, late, beside):
        weeks.learn(folder)
    for name, ranges in (("weeks apart", (early, late)), ("shared weeks", (early, beside))):
        race = Race(folder, ranges, publications)
        tally.one(f"race, {name}: {publications} publications by 2 writers, beside 2 readers and a cleaner", race.go)
        apart = name == "weeks apart"
        tally.must((race.counts["conflicts"] == 0) == apart, f"{race.counts['conflicts']} conflicts over {name}")
        wanted = ["versions read by the log", "versions read by current", "cleanings"] + ["beside another"] * apart
        for seen in wanted:
            tally.must(race.counts[seen] > 0, f"no {seen} in the race over {name}")
