"""One fault at a time, at every possible place: the process is killed, or the system reports that a call failed.

Every trial starts from the same base, must end in a version that a run without faults publishes, and must converge
when the job runs again.
"""

import re
from collections import Counter

import check
import points
import world

# The refusals that make sense for each call. A read may fail on bad media, a new name for lack of space or of
# handles.
REFUSALS = {
    "openat": ["ENOSPC", "EIO", "EDQUOT", "EMFILE"],
    "write": ["ENOSPC", "EIO", "EDQUOT"],
    "pwrite64": ["ENOSPC", "EIO", "EDQUOT"],
    "copy_file_range": ["ENOSPC", "EIO", "EDQUOT"],
    "ftruncate": ["ENOSPC", "EIO", "EDQUOT"],
    "fsync": ["EIO", "ENOSPC", "EDQUOT"],
    "fdatasync": ["EIO", "ENOSPC", "EDQUOT"],
    "syncfs": ["EIO", "ENOSPC", "EDQUOT"],
    "rename": ["ENOSPC", "EIO", "EDQUOT"],
    "renameat2": ["ENOSPC", "EIO", "EDQUOT"],
    "link": ["ENOSPC", "EIO", "EDQUOT", "EMLINK"],
    "linkat": ["ENOSPC", "EIO", "EDQUOT", "EMLINK"],
    "symlink": ["ENOSPC", "EIO", "EDQUOT"],
    "symlinkat": ["ENOSPC", "EIO", "EDQUOT"],
    "mkdir": ["ENOSPC", "EIO", "EDQUOT"],
    "mkdirat": ["ENOSPC", "EIO", "EDQUOT"],
    "unlink": ["EIO"],
    "unlinkat": ["EIO"],
    "rmdir": ["EIO"],
    "close": ["EIO"],
    "read": ["EIO"],
    "pread64": ["EIO"],
    "statx": ["EIO"],
    "newfstatat": ["EIO"],
    "fstat": ["EIO"],
    "getdents64": ["EIO"],
    "readlink": ["EIO"],
    "readlinkat": ["EIO"],
    "flock": ["ENOLCK"],
    "lseek": ["EIO"],
}

# The bounded form spends no trial on these calls: a kill there has the same effect as a kill at the next other
# call.
MEMORY = {"brk", "mmap", "munmap", "mprotect", "madvise", "mremap"}


def phase(slot, mounted=False):
    """The calls of the publish phase as (kind, number, what it names), in their order, of every thread that names the
    output, from its first such call to the end of the process; where a file system will be mounted there, its folder is
    there before the run."""
    trace = slot.folder / "trace"
    slot.reset()
    if mounted:
        slot.out.mkdir(exist_ok=True)
    code, _, said = slot.run(prefix=points.traced(trace))
    assert code == 0, f"a traced run ended with {code}: {said}"
    begun, found = set(), []
    for thread, kind, number, rest in points.calls(trace):
        if kind != "execve" and str(slot.out) in rest:
            begun.add(thread)
        if thread in begun and kind not in points.UNSTEADY:
            found.append((kind, number, rest))
    return found


def kill(slots, tally, most):
    """Sends SIGKILL at every call of the publish phase, over a published base and for a first publication."""
    for name, pool in slots.items():
        all_points = [point for point in phase(pool.any()) if not (most and point[0] in MEMORY)]
        chosen = points.spread(all_points, most)
        kinds = Counter(kind for kind, _, _ in chosen)

        def trial(slot, point):
            kind, number, _ = point
            slot.reset()
            code, _, said = slot.run(prefix=points.inject(kind, f"signal=KILL:when={number}"))
            check.must(code in (-9, 0), f"ended with {code}: {said}")
            stands = check.output(slot)
            check.must(code == -9 or stands == slot.last, "ended with 0 without publishing")
            check.converge(slot, world.vtr)
            return "not reached" if code == 0 else "old version" if stands < slot.last else "new version"

        title = f"kill, {name}: {len(chosen)} of {len(all_points)} calls of {len(kinds)} kinds ({listed(kinds)})"
        endings = tally.sweep(title, pool, chosen, trial, lambda point: f"SIGKILL at {point[0]} {point[1]}({point[2][:120]}")
        # The number of memory calls varies slightly from run to run; a sweep that misses more was not a proper
        # sweep.
        tally.must(endings["not reached"] * 50 <= len(chosen), f"{endings['not reached']} of {len(chosen)} calls were not reached")


def refuse(slots, tally, most):
    """Makes each refusal at every call for which it makes sense, once and from there on."""
    pool = slots["over a base"]
    calls = [point for point in phase(pool.any()) if point[0] in REFUSALS]
    every = [(point, error, often) for point in calls for error in REFUSALS[point[0]] for often in ("", "+") if makes_sense(point, often)]
    chosen = points.spread(every, most)
    kinds = Counter(f"{error} {'from there on' if often else 'once'}" for _, error, often in chosen)

    def trial(slot, fault):
        (kind, number, rest), error, often = fault
        slot.reset()
        code, _, said = slot.run(prefix=points.inject(kind, f"error={error}:when={number}{often}"))
        # An unreadable input is refused with 3; every other refusal of the system is a failure.
        of_input = re.search(r"\bin[/`:]", said) is not None
        check.must(code in (0, 1) or (code == 3 and of_input), f"ended with {code}: {said}")
        stands = check.output(slot)
        if code == 0:
            check.must(stands == slot.last, "ended with 0 without publishing")
        # A refused `write` may be the one to stderr.
        elif said or kind != "write":
            check.must(re.search(r"error: .*(/out|\bin[/`:]|job\.toml)", said, re.S), f"the message names no file: {said!r}")
            published = f"version {slot.last} is published" in said
            check.must(published == (stands == slot.last), f"version {stands} holds, but it said: {said}")
        check.converge(slot, world.vtr)
        ending = {0: "ended well", 1: "failed", 3: "refused"}[code]
        return f"{ending}, {'new' if stands == slot.last else 'old'} version"

    title = f"errors: {len(chosen)} of {len(every)} refusals at {len(calls)} calls ({listed(kinds)})"
    tally.sweep(title, pool, chosen, trial, lambda fault: f"{fault[1]}{fault[2]} at {fault[0][0]} {fault[0][1]}({fault[0][2][:120]}")


def makes_sense(point, often):
    """Closing a folder never fails on Linux, and the standard library panics if it does."""
    kind, _, rest = point
    of_file = any(suffix in rest for suffix in (".json>", ".parquet>", ".sql>", ".csv>", "/.tmp-"))
    return kind != "close" or (of_file and not often)


def listed(counts):
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
