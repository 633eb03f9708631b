"""Profiles one thread, by module: a run over the whole ladder, by function too, J-scan, J-csv, what deduplication adds,
and a scheduled week.

Usage: profile.py perf|callgrind PROGRAM. A sample belongs to the innermost function, inlined ones included, outside
the standard library and hash tables; without line tables it belongs to the symbol. It fails with the message of the
tools.
"""

import bisect
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import kept
from machine import facts
from prepare import Work
from report import profile_table

# The paths of sources; the first that fits counts, so the order matters.
MODULES = (
    (r"src/kernel/(?:carrier|number|check_digit)\.rs", "judge: numbers against carriers"),
    (r"src/kernel/placeholder", "judge: placeholders"),
    (r"src/kernel/(?:instant|calendar)\.rs", "judge: clocks and days"),
    (r"src/kernel/", "judge: the ladder"),
    (r"src/columnar/(?:keys|cells|partial|marginals|tallies)", "fold: counting"),
    (r"src/columnar/(?:copies|choice|alike|carried)", "copies: records and choice"),
    (r"src/columnar/", "fold: reading rows"),
    (r"src/scan/", "scan"),
    (r"src/fold/notes", "copies: notes of row groups"),
    (r"src/(?:fold/dedup|place/spill)", "copies: keeping and finding"),
    (r"src/fold/", "counts: sorting and merging"),
    (r"/siphasher-[^/]*/", "copies: keyed hashes"),
    (r"src/(?:tables|publish)/", "tables and publication"),
    (r"/parquet-[^/]*/src/(?:arrow/arrow_writer|column/writer|encodings/encoding|file/writer|bloom_filter|util/interner)", "Parquet, writing"),
    (r"/parquet-[^/]*/", "Parquet, reading"),
    (r"/(?:arrow|simdutf8)[^/]*/", "Arrow arrays"),
    (r"(?:^|/)src/", "the rest of vtr"))
SYMBOLS = (
    (r"^_?(?:ZSTD|HUF|FSE|HIST|XXH|zstd)", "zstd"),
    (r"\bparquet::(?:arrow::arrow_writer|column::writer|encodings::encoding|encodings::rle::RleEncoder|file::writer|util::interner)", "Parquet, writing"),
    (r"\bparquet::", "Parquet, reading"), (r"\b(?:arrow\w*|simdutf8)::", "Arrow arrays"), (r"\bpolars", "tables and publication"), (r"\bsha2::", "digests"),
    (r"\bsiphasher::", "copies: keyed hashes"), (r"\bvtr_kernel::", "judge: the ladder"), (r"\bvtr_columnar::", "fold: reading rows"), (r"\bvtr::", "the rest of vtr"),
    (r"\b(?:hashbrown|core|alloc|std)::", "standard library, callers unknown"))
PASSED_OVER = re.compile(r"/rustc/|/library/(?:core|alloc|std)/|/(?:hashbrown|rustc-hash)-")
FUNCTIONS = 20


def module_of(path, symbol):
    for rules, text in ((MODULES, path), (SYMBOLS, symbol)):
        for pattern, module in rules:
            if text and re.search(pattern, text):
                return module
    return "other"


def short(function):
    """Returns a function's name without hash and arguments of types."""
    name = re.sub(r"::h[0-9a-f]{16}.*$", "", function)
    while (plain := re.sub(r"<[^<>]*>", "", name)) != name:
        name = plain
    return name.replace("::::", "::").strip(":")


def place(frames, symbol):
    """Returns module and function of an address: frames are (function, path), the innermost first; without lines,
    those of its symbol."""
    for at, (function, path) in enumerate(frames):
        if "/" in path and not PASSED_OVER.search(path):
            # A closure is named after the function that contains it.
            own = (name for name, place in frames[at:] if "/" in place and not PASSED_OVER.search(place))
            named = next((name for name in own if not name.startswith("{closure")), function)
            file = re.sub(r"^.*?((?:[^/]+-[0-9][^/]*/)?src/(?!index\.)[^:]*):.*$", r"\1", path)
            return module_of(path, ""), f"{short(named)}`, `{file}"
    return module_of("", symbol), short(symbol)


def frames_of(program, addresses):
    """Returns for each address its functions, the innermost first."""
    tool = [shutil.which("llvm-symbolizer"), "--output-style=GNU"] if shutil.which("llvm-symbolizer") else ["addr2line"]
    asked = "\n".join(hex(address) for address in addresses)
    said = subprocess.run([*tool, "-e", program, "-a", "-f", "-i", "-C"], input=asked, check=True, stdout=subprocess.PIPE, text=True).stdout
    found, frames, lines = {}, None, iter(said.splitlines())
    for line in lines:
        if re.fullmatch(r"0x[0-9a-f]+", line):
            frames = found.setdefault(int(line, 16), [])
        elif line:
            frames.append((line, next(lines)))
    return found


def by_perf(command, folder):
    """Samples by (module, function)."""
    data, program = os.path.join(folder, "perf.data"), os.path.realpath(command[0])
    subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(HERTZ), "-o", data, "--", *command], check=True, stderr=subprocess.DEVNULL)
    said = subprocess.run(["perf", "script", "-i", data, "--show-mmap-events", "-F", "event,ip,sym,dso"], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    mapped, samples, counts = [], Counter(), Counter()
    for line in said.splitlines():
        if found := re.search(r"\[0x([0-9a-f]+)\(0x[0-9a-f]+\) @ (?:0x)?([0-9a-f]+) .*r-xp (.*)$", line):
            if os.path.realpath(found[3]) == program:
                mapped.append((int(found[1], 16), int(found[2], 16)))
        elif found := re.search(r"^\s*(?:\S+:\s+)?([0-9a-f]+) (.*) \((.*)\)$", line):
            samples[(int(found[1], 16), found[2], found[3])] += 1
    mapped.sort()
    starts, segments = [start for start, _ in mapped], loaded(program)

    def virtual(address):
        start, offset = mapped[bisect.bisect_right(starts, address) - 1]
        within = address - start + offset
        return next(within - at + to for at, size, to in segments if at <= within < at + size)

    ours = {address: virtual(address) for address, _, owner in samples if os.path.realpath(owner) == program}
    frames = frames_of(program, sorted(set(ours.values())))
    labels = labels_of(program)
    for (address, symbol, owner), count in samples.items():
        if address in ours:
            # perf passes over labels of assembly, such as those of zstd's inner loops.
            if symbol == "[unknown]":
                symbol = labels[max(0, bisect.bisect_right(labels, (ours[address], "~")) - 1)][1]
            counts[place(frames[ours[address]], symbol)] += count
        elif "kernel" in owner:
            counts["system", "(system calls, page faults)"] += count
        else:
            counts["C library", f"{symbol} ({os.path.basename(owner)})"] += count
    return counts


def labels_of(program):
    """The addresses and names of all labels, in order."""
    said = subprocess.run(["nm", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted((int(words[0], 16), words[2]) for words in map(str.split, said.splitlines()) if len(words) == 3 and words[1] in "tT")


def loaded(program):
    """The loaded segments of a program: offset in the file, size, virtual address."""
    said = subprocess.run(["readelf", "-lW", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    numbers = (line.split()[1:5] for line in said.splitlines() if line.strip().startswith("LOAD"))
    return [(int(offset, 16), int(size, 16), int(virtual, 16)) for offset, virtual, _, size in numbers]


def by_callgrind(command, folder):
    """Instructions by (module, function); callgrind names the file of each, inlined ones included."""
    out = os.path.join(folder, "callgrind.out")
    subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command], check=True, stderr=subprocess.DEVNULL)
    said = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", out], check=True, stdout=subprocess.PIPE, text=True).stdout
    counts = Counter()
    for line in said.splitlines():
        if found := re.match(r"\s*([\d,]+) \([ \d.]+%\)\s+([^:]*):(.*?)(?: \[(.*)\])?$", line):
            count, path, function = int(found[1].replace(",", "")), found[2], re.sub(r"'\d+$", "", found[3])
            known = not path.startswith("?") and not PASSED_OVER.search(path)
            foreign = found[4] and os.path.realpath(found[4]) != os.path.realpath(command[0])
            counts["C library" if foreign else module_of(path if known else "", function), short(function)] += count
    return counts


# The scheduled run that is profiled: all tables, one week. The history ends with it.
WEEK = "2025-W52"
# Samples a second; what a sample of perf and an instruction of callgrind stand for.
HERTZ = 1999
UNITS = {"perf": ("ns a row", 1e9 / HERTZ, "CPU ms", 1e3 / HERTZ), "callgrind": ("instructions a row", 1, "M instructions", 1e-6)}


def main(tool, program):
    rows = int(os.environ.get("ROWS") or (10_000_000 if tool == "perf" else 1_000_000))
    work = Work(os.environ.get("WORK") or "target/bench", os.path.abspath(program))
    history = work.history(rows)
    weekly = lambda deduplicate: work.job(history, ["vtr_weekly"], deduplicate)

    out = work.path("out", "profile")

    def counted(job, *more, anew=True):
        """Samples of a run into an empty output, or onto what is there, by (module, function)."""
        if anew:
            shutil.rmtree(out, ignore_errors=True)
        command = [work.vtr, "run", job, "--out", out, "--threads", "1", "--quiet", *more]
        return {"perf": by_perf, "callgrind": by_callgrind}[tool](command, work.folder)

    def summed(counts, named):
        sums = Counter()
        for (module, function), count in counts.items():
            sums[named(module, function)] += count
        return sums

    by_module = lambda counts: summed(counts, lambda module, _: module)
    without_shapes = ["--book", work.book_without_shapes()]
    of_csv = work.job(work.history(rows, "csv", files=64), ["vtr_weekly"], False)
    full, copies = counted(weekly(False)), counted(weekly(True))
    scan, csv = counted(weekly(False), *without_shapes), counted(of_csv, *without_shapes)
    week, everything = ["--from", WEEK, "--to", WEEK], work.job(history)
    empty = by_module(counted(everything, *week))
    shutil.rmtree(out)
    subprocess.run([work.vtr, "run", everything, "--out", out, "--quiet"], check=True, stderr=subprocess.DEVNULL)
    published = by_module(counted(everything, *week, anew=False))

    of_row, row_unit, of_run, run_unit = UNITS[tool]
    a_row = lambda count: count * row_unit / rows
    total = sum(full.values())
    sums = [by_module(counts) for counts in (full, scan, csv, copies)]
    sums[3].subtract(sums[0])
    names = list(dict.fromkeys(name for of in sums for name, _ in of.most_common()))
    modules = [(name, sums[0][name] / total, *(a_row(of[name]) for of in sums)) for name in names]
    functions = summed(full, lambda module, function: f"`{function}` ({module})").most_common(FUNCTIONS)
    profile = facts() | {
        "of_row": of_row, "of_run": of_run,
        "modules": [("all", 1, *(a_row(sum(of.values())) for of in sums)), *modules],
        "functions": [(name, count / total, a_row(count)) for name, count in functions],
        "weeks": [("all", sum(empty.values()) * run_unit, sum(published.values()) * run_unit),
                  *((name, count * run_unit, published[name] * run_unit) for name, count in empty.most_common())],
    }
    what = "samples of `perf` (cpu-clock)" if tool == "perf" else "instructions of callgrind"
    profile["about"] = (f"`vtr_weekly` over {rows:,} rows on one thread; {total:,} {what} for J-full, {profile['date']}. Inlined functions count for "
                        "themselves, standard library and hash tables for their callers. J-scan reads the same files under the book without shapes, "
                        "J-csv as many rows from 64 CSV files; deduplication is what it takes more than J-full. The last table is a run of one "
                        "week, the last one, into all tables: into an empty output, and into one that has all weeks and the notes of the run that made them.")
    print(profile["about"], profile_table(profile), sep="\n\n")
    if os.environ.get("KEEP"):
        kept.keep_profile(profile)


if __name__ == "__main__":
    main(*sys.argv[1:])
