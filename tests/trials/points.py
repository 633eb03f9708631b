"""The points at which a process can be hit: its system calls, by kind and number, as `strace` counts them."""

import re
import subprocess
from collections import Counter

# Their number differs from run to run, and a kill at one of them leaves the same files as a kill elsewhere.
UNSTEADY = {"futex", "sched_yield"}
_LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)")


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


def traced(trace):
    """Writes the calls of a process without faults to a file, for `calls`."""
    return ["strace", "-f", "-y", "-s", "300", "-o", trace]


def calls(trace):
    """Reads a trace and removes it: the calls of all threads in their order, as (thread, kind, number, what it names).

    The counters of `strace -e inject` are per thread and per kind, so each kind is counted separately.
    """
    lines, counts = trace.read_text(errors="replace").splitlines(), Counter()
    trace.unlink()
    for thread, kind, rest in (match.groups() for match in map(_LINE.match, lines) if match):
        counts[thread, kind] += 1
        yield thread, kind, counts[thread, kind], rest


def spread(points, most):
    """Returns at most this many of the points, evenly spread; the last is always among them."""
    if most is None or len(points) <= most:
        return points
    step = len(points) / most
    return [points[len(points) - 1 - int(index * step)] for index in range(most)][::-1]
