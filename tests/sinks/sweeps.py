"""The points at which a sync can be hit: killed at a call, cut off from its server, refused by it. Every trial starts
at version 1 and must leave version 1 or version 2, and the next sync must end in version 2 exactly."""

import hashlib
import json
import socket
import threading
import time
from collections import Counter

import points
import server as servers

# A kill at one of these calls leaves the same state as a kill at the next other call.
QUIET = points.UNSTEADY | {"brk", "mmap", "munmap", "mprotect", "madvise", "mremap"} | {"read", "pread64", "fstat", "statx", "newfstatat", "lseek", "close", "getrandom", "clock_gettime", "epoll_ctl", "sigaltstack", "rt_sigprocmask", "fcntl", "getdents64", "readlink", "sched_getaffinity"}


def must(holds, what):
    if not holds:
        raise AssertionError(what)


class Postgres:
    """The sink of a slot in a schema: its content, known by a digest of every row."""

    sink = "bi"

    def __init__(self, server, slot):
        self.slot, self.connection = slot, server.connect()
        self.known = {}
        for version in (1, 2):
            self.to(version)
            self.known[version] = servers.stand(self.connection, slot.schema)[1]
        must(self.known[1] != self.known[2], "the two versions do not differ")
        self.to(1)

    def to(self, version):
        self.slot.must("--version", str(version), "--force")

    def check(self, left=()):
        """Returns the current version, which must be whole. A server keeps nothing of a writer that died."""
        version, digest = servers.stand(self.connection, self.slot.schema)
        must(digest == self.known[version], f"the content is not version {version}")
        return version


class Files:
    """A sink of files: the content that `_version.json` lists."""

    def __init__(self, slot, sink):
        self.slot, self.sink = slot, sink
        self.known = {}
        for version in (1, 2):
            self.to(version)
            self.known[version] = self.digest()
        self.to(1)

    def to(self, version):
        self.slot.must("--version", str(version), "--force", sink=self.sink)

    def digest(self, left=()):
        """Every file by its content, as the version's file names them; nothing else may lie there, but what a writer that
        died may leave."""
        folder = self.slot.path(self.sink)
        stand = json.loads((folder / "_version.json").read_text())
        there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"_version.json"}
        there = {path for path in there if not any(mark in path for mark in left)}
        must(there == set(stand["files"]), f"files {there ^ set(stand['files'])} are not those of the version")
        for path, facts in stand["files"].items():
            found = hashlib.sha256((folder / path).read_bytes()).hexdigest()
            must(found == facts["sha256"], f"{path} is not what the version says")
        return tuple(sorted((path, facts["sha256"]) for path, facts in stand["files"].items()))

    def check(self, left=()):
        stand = json.loads((self.slot.path(self.sink) / "_version.json").read_text())
        if stand["state"] == "replacing":
            return "being replaced, and says so"
        must(self.digest(left) == self.known[stand["version"]], f"the content is not version {stand['version']}")
        return stand["version"]


def calls(place):
    """Returns every call of a clean sync from version 1 to 2 behind the first that names the job."""
    slot = place.slot
    trace = slot.folder / "trace"
    place.to(1)
    slot.must("--version", "2", sink=place.sink, prefix=points.traced(trace))
    found, begun = [], False
    for _, kind, number, rest in points.calls(trace):
        begun = begun or (kind == "openat" and "job.toml" in rest)
        if begun and kind not in QUIET:
            found.append((kind, number, rest))
    return found


def repair(place):
    """The next sync ends in version 2."""
    place.slot.must("--version", "2", sink=place.sink)
    must(place.check() == 2, "the next sync does not repair it")


def kill(place, point):
    kind, number, _ = point
    place.to(1)
    code, _, said = place.slot.sync("--version", "2", sink=place.sink, prefix=points.inject(kind, f"signal=KILL:when={number}"))
    must(code in (-9, 0, 137), f"ended with {code}: {said}")
    if place.sink == "bi":
        settle(place)
    stands = place.check(left=("_lock", ".tmp-"))
    must(code != 0 or stands == 2, "ended with 0 without the version")
    repair(place)
    return "not reached" if code == 0 else f"killed, {named(stands)}"


def named(stands):
    return {1: "old version", 2: "new version"}.get(stands, stands)


def settle(place):
    """Waits until the server has noticed that its client is gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vtr sync' AND query LIKE %s"
    servers.wait_until(lambda: place.connection.execute(query, [f"%{place.slot.schema}%"]).fetchone() == (0,))


class Proxy:
    """Forwards to the server and cuts both directions after a number of bytes in one of them."""

    def __init__(self, port, upstream, downstream):
        self.port, self.left = servers.free_port(), {"up": upstream, "down": downstream}
        self.passed = Counter()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.target = port
        self.pairs = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((client, upstream))
            for source, target, way in ((client, upstream, "up"), (upstream, client, "down")):
                threading.Thread(target=self.forward, args=(source, target, way, (client, upstream)), daemon=True).start()

    def forward(self, source, target, way, pair):
        try:
            while data := source.recv(65536):
                limit = self.left[way]
                if limit is not None and self.passed[way] + len(data) >= limit:
                    target.sendall(data[: limit - self.passed[way]])
                    self.passed[way] = limit
                    break
                self.passed[way] += len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def end(self):
        self.listener.close()
        for pair in self.pairs:
            for end in pair:
                end.close()


def lengths(server, place):
    """The bytes of a clean sync in each direction."""
    place.to(1)
    proxy = Proxy(server.port, None, None)
    place.slot.must("--version", "2", url=server.url(port=proxy.port))
    proxy.end()
    return dict(proxy.passed)


def cut(server, place, fault):
    way, after = fault
    place.to(1)
    proxy = Proxy(server.port, after if way == "up" else None, after if way == "down" else None)
    code, _, said = place.slot.sync("--version", "2", url=server.url(port=proxy.port))
    proxy.end()
    settle(place)
    stands = place.check()
    must(code in (0, 1), f"ended with {code}: {said}")
    must(code == 0 or ("sink bi: " in said and servers.PASSWORD not in said), f"the message names no sink: {said}")
    must(code != 0 or stands == 2, "ended with 0 without the version")
    repair(place)
    return f"{'ended well' if code == 0 else 'failed'}, {named(stands)}"


def terminate(place, delay):
    """The administrator ends the session after a while."""
    place.to(1)
    process = []

    def strike():
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vtr sync' AND usename = 'vtr'"
        servers.wait_until(lambda: place.connection.execute(query).fetchone() != (0,))
        time.sleep(delay)
        process.append(place.connection.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'vtr sync' AND usename = 'vtr'").fetchone()[0])

    thread = threading.Thread(target=strike)
    thread.start()
    code, _, said = place.slot.sync("--version", "2")
    thread.join()
    stands = place.check()
    must(code in (0, 1), f"ended with {code}: {said}")
    must(code != 0 or stands == 2, "ended with 0 without the version")
    repair(place)
    return f"{'ended well' if code == 0 else 'failed'}, {named(stands)}"


def interrupt(place, delay):
    """Sends SIGTERM after a while: the result is 143 and the old version, or the new one."""
    place.to(1)
    command = ["timeout", "--signal=TERM", str(delay)]
    code, _, said = place.slot.sync("--version", "2", prefix=command)
    if place.sink == "bi":
        settle(place)
    stands = place.check()
    must(code in (0, 124, 143), f"ended with {code}: {said}")
    must(code != 0 or stands == 2, "ended with 0 without the version")
    repair(place)
    return f"{'ended well' if code == 0 else 'stopped'}, {named(stands)}"
