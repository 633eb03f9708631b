"""Power failure: a separate ext4 loses everything that was not synced, at every moment of a publication.

The file system is shut down without flushing its journal, mounted again, and read. The test must detect controls that
leave out the syncs, or it would prove nothing.
"""

import fcntl
import os
import struct
import subprocess
import time

import check
import points
import sweeps
import world

EXT4_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2
# Calls that change nothing have nothing to lose. A cut before each of the others and one at the end cover every
# cut.
CHANGING = {
    "write", "pwrite64", "ftruncate", "copy_file_range", "fsync", "fdatasync", "syncfs", "rename", "renameat2", "link", "linkat", "symlink",
    "symlinkat", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "openat", "exit_group",
}


def run(*command):
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


class Disk:
    """An ext4 over the output of a slot, in a file."""

    def __init__(self, slot):
        self.slot = slot
        self.blank, self.image = slot.folder / "blank.img", slot.folder / "disk.img"
        slot.reset()
        slot.out.mkdir(exist_ok=True)
        run("truncate", "-s", "48M", self.image)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()
        try:
            if slot.base.exists():
                run("cp", "-a", f"{slot.base}/.", slot.out)
        finally:
            self.unmount()
        self.image.rename(self.blank)

    def renew(self):
        self.image.unlink(missing_ok=True)
        world.copy(self.blank, self.image)
        self.mount()

    def mount(self):
        # The journal commits only when asked to.
        run("mount", "-o", "loop,commit=900", self.image, self.slot.out)

    def unmount(self):
        # A process that was killed may take a moment to release its files.
        for patience in (0.05, 0.1, 0.2, 0.5, 1, 2):
            if subprocess.run(["umount", self.slot.out], capture_output=True).returncode == 0:
                return
            time.sleep(patience)
        run("umount", self.slot.out)

    def cut(self):
        """Cuts the power, and restores it."""
        folder = os.open(self.slot.out, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(folder)
        self.unmount()
        self.mount()


def cannot_cut(slot):
    """Returns why the power cannot be cut here, or nothing."""
    if os.geteuid() != 0:
        return "loop devices need root"
    try:
        disk = Disk(slot)
        disk.renew()
        disk.cut()
        disk.unmount()
    except FileNotFoundError as error:
        return f"{error.filename} is not installed"
    except subprocess.CalledProcessError as error:
        return f"{' '.join(error.cmd[:2])}: {error.stderr.decode(errors='replace').strip()}"
    except OSError as error:
        return f"the file system cannot be shut down: {error}"
    return None


def lose(disk, prefix, wanted):
    """Makes one run and one cut, and returns what remains."""
    slot = disk.slot
    disk.renew()
    try:
        code, _, said = slot.run(prefix=prefix)
        check.must(code in wanted, f"ended with {code}: {said}")
        disk.cut()
        stands = check.output(slot)
        check.must(code != 0 or stands == slot.last, f"ended with 0, and version {slot.last} is gone")
        check.converge(slot, world.vtr, is_known_dead=False)
        return code, stands
    finally:
        disk.unmount()


def sweep(slots, tally, most):
    reason = cannot_cut(slots["over a base"].any())
    if reason:
        tally.skip("power", reason)
        return
    for name, pool in slots.items():
        disks = {id(slot): Disk(slot) for slot in pool.slots}
        all_points = [point for point in sweeps.phase(pool.any(), mounted=True) if point[0] in CHANGING and not is_reading(point)]
        # Out of the way of the mounts.
        pool.any().reset()
        pool.any().out.mkdir(exist_ok=True)
        chosen = points.spread(all_points, most)

        def trial(slot, point):
            code, stands = lose(disks[id(slot)], points.inject(point[0], f"signal=KILL:when={point[1]}"), (-9, 0))
            return "not reached" if code == 0 else "old version" if stands < slot.last else "new version"

        title = f"power loss, {name}: {len(chosen)} of {len(all_points)} moments"
        endings = tally.sweep(title, pool, chosen, trial, lambda point: f"cut at {point[0]} {point[1]}({point[2][:120]}")
        tally.must(endings["not reached"] == 0, f"{endings['not reached']} moments were not reached")
        tally.one(f"power loss, {name}: after the end", lambda: f"version {lose(disks[id(pool.any())], (), (0,))[1]} held")
    controls(disks[id(pool.any())], all_points, tally)


def is_reading(point):
    return point[0] == "openat" and "O_CREAT" not in point[2]


def controls(disk, all_points, tally):
    """Checks that runs without syncs are detected: without any sync, and without those of the data alone."""
    kinds = [kind for kind, _, _ in all_points]
    assert "syncfs" in kinds, "the data were not synced by the call that this control leaves out"
    left_out = {
        "no sync at all": points.leave_out("fsync,fdatasync,syncfs", ""),
        "no sync before the manifest's": points.leave_out("syncfs", ""),
    }
    for name, prefix in left_out.items():

        def found_out(prefix=prefix):
            try:
                lose(disk, prefix, (0,))
            except check.Violation as violation:
                return f"found out, as it must be: {violation}"
            raise AssertionError("a run that does not sync went unnoticed: the test proves nothing")

        tally.one(f"power loss, control: {name}", found_out)
