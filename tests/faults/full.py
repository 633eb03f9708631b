"""A disk that is full, and one without inodes: a tmpfs of every size between too small and large enough."""

import os
import re
import subprocess

import check
import points
import world

PAGE = 4096


def mount(slot, options):
    slot.out.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", slot.out], check=True, capture_output=True)


def unmount(slot):
    subprocess.run(["umount", "-l", slot.out], check=True, capture_output=True)


def cannot_mount(slot):
    """Why no tmpfs can be mounted here, or nothing."""
    if os.geteuid() != 0:
        return "mounting a tmpfs needs root"
    try:
        mount(slot, "size=1m")
        unmount(slot)
    except subprocess.CalledProcessError as error:
        return f"a tmpfs cannot be mounted: {error.stderr.decode(errors='replace').strip()}"
    return None


def fill(slot):
    """The base, in the mounted output."""
    if slot.base.exists():
        subprocess.run(["cp", "-a", f"{slot.base}/.", slot.out], check=True, capture_output=True)


def needs(slot, run):
    """Blocks and inodes in use with the base in place, or once the run has ended well."""
    mount(slot, "size=64m")
    try:
        fill(slot)
        if run:
            slot.must_run()
        told = os.statvfs(slot.out)
        return told.f_blocks - told.f_bfree, told.f_files - told.f_ffree
    finally:
        unmount(slot)


def trial(slot, options):
    slot.reset()
    mount(slot, options)
    try:
        fill(slot)
        code, _, said = slot.run()
        check.must(code in (0, 1), f"ended with {code}: {said}")
        stands = check.output(slot)
        if code == 0:
            check.must(stands == slot.last, "ended with 0 without publishing")
        else:
            check.must(re.search(r"error: .*/out.*No space left", said, re.S), f"the message names no file: {said}")
            check.must((f"version {slot.last} is published" in said) == (stands == slot.last), f"version {stands} holds: {said}")
        left = len([name for _, _, names in os.walk(slot.out) for name in names if name.startswith(".tmp-")])
        check.must(left == 0, f"{left} unfinished files of a run that could clean up")
        subprocess.run(["mount", "-o", "remount,size=64m,nr_inodes=100000", slot.out], check=True, capture_output=True)
        check.converge(slot, world.vtr)
        return f"{'ended well' if code == 0 else 'failed'}, {'new' if stands == slot.last else 'old'} version"
    finally:
        unmount(slot)


def sweep(slots, tally, most):
    for name, pool in slots.items():
        slot = pool.any()
        slot.reset()
        reason = cannot_mount(slot)
        if reason:
            tally.skip("full", reason)
            return
        (blocks, inodes), (blocks_after, inodes_after) = needs(slot, run=False), needs(slot, run=True)
        # Temporary files need space beside the remaining ones, so the last sizes are sufficient.
        sizes = [f"size={(blocks + more) * PAGE}" for more in range(1, blocks_after - blocks + 6)]
        counts = [f"size=64m,nr_inodes={inodes + more}" for more in range(1, inodes_after - inodes + 4)]
        for what, options in (("a full disk", sizes), ("no inodes", counts)):
            chosen = points.spread(options, most)
            endings = tally.sweep(f"{what}, {name}: {len(chosen)} of {len(options)} sizes of a tmpfs", pool, chosen, trial, str)
            tally.must(any("failed" in ending for ending in endings), "no size was too small")
        slot.reset()
