"""Runs one child process and measures wall time, CPU time and peak memory, as the kernel counts them.

The child is started by a small separate process (this file as a program), because a process inherits the memory peak
of its parent, and a comparison in between would be counted as the next engine's peak.
"""

import json
import os
import signal
import subprocess
import sys
import time


def run(command, limit_s=1800):
    """Returns wall and CPU seconds and peak resident bytes of a command; a failure carries the command's output."""
    said = subprocess.run([sys.executable, "-S", __file__, str(limit_s), *command], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(said.stdout)


def watched(limit_s, command):
    # If memory runs out, the system should kill this child first.
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    killed_before, begun, late = memory_kills(), time.monotonic(), []
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    signal.signal(signal.SIGALRM, lambda *_: (late.append(True), child.kill()))
    signal.alarm(limit_s)
    said = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    signal.alarm(0)
    taken = {"wall_s": time.monotonic() - begun, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}
    code = os.waitstatus_to_exitcode(status)
    if late:
        taken["failed"] = f"stopped after {limit_s} s, the limit"
    elif code == -signal.SIGKILL and memory_kills() > killed_before:
        taken["failed"] = "killed by the system: out of memory"
    elif code != 0:
        lines = " ".join(said.split())
        taken["failed"] = f"ended with {code}: {lines[-600:]}"
    return taken


def memory_kills():
    """Returns how many processes the system has killed for lack of memory."""
    return next((int(line.split()[1]) for line in open("/proc/vmstat") if line.startswith("oom_kill ")), 0)


if __name__ == "__main__":
    print(json.dumps(watched(int(sys.argv[1]), sys.argv[2:])))
