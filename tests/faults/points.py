"""The points at which a run can be hit: every system call of its publish phase, by kind and number.

The counters of `strace -e inject` are per thread and per kind, so each kind is counted separately, in the trace of a
run without faults. The phase is from the first call that names the output to the end of the process.
"""

import re
import subprocess
from collections import Counter

# Their number differs from run to run, and a kill at one of them leaves the same files as a kill elsewhere.
UNSTEADY = {"futex", "sched_yield"}
LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)")


def can_trace():
    """Returns why system calls cannot be hit here, or nothing."""
    try:
        tried = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "inject=getpid:retval=1", "true"], capture_output=True)
    except FileNotFoundError:
        return "strace is not installed"
    return None if tried.returncode == 0 else f"strace cannot trace: {tried.stderr.decode(errors='replace').strip()}"


def inject(kind, what, log="/dev/null"):
    # Without --seccomp-bpf, which is faster but never delivers the signal.
    return ["strace", "-f", "-o", log, "-e", f"trace={kind}", "-e", f"inject={kind}:{what}"]


def leave_out(kinds, when):
    """Suppresses the calls, and reports success to the program."""
    return ["strace", "-f", "-o", "/dev/null", "-e", f"trace={kinds}", "-e", f"inject={kinds}:retval=0{when}"]


def phase(slot, mounted=False):
    """The calls of the publish phase as (kind, number, what it names), in their order, of every thread that names the
    output; where a file system will be mounted there, its folder is there before the run."""
    trace = slot.folder / "trace"
    slot.reset()
    if mounted:
        slot.out.mkdir(exist_ok=True)
    code, _, said = slot.run(prefix=["strace", "-f", "-y", "-s", "300", "-o", trace])
    assert code == 0, f"a traced run ended with {code}: {said}"
    counts, begun, found = {}, set(), []
    for line in trace.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if not match:
            continue
        thread, kind, rest = match.groups()
        counter = counts.setdefault(thread, Counter())
        counter[kind] += 1
        if kind != "execve" and str(slot.out) in rest:
            begun.add(thread)
        if thread in begun and kind not in UNSTEADY:
            found.append((kind, counter[kind], rest))
    trace.unlink()
    return found


def spread(points, most):
    """Returns at most this many of the points, evenly spread; the last is always among them."""
    if most is None or len(points) <= most:
        return points
    step = len(points) / most
    return [points[len(points) - 1 - int(index * step)] for index in range(most)][::-1]
