"""A PostgreSQL server of our own, on loopback, in a temporary folder; and the queries to its databases."""

import os
import pwd
import shutil
import socket
import subprocess
import time

import psycopg

HOST = "127.0.0.1"

PASSWORD = "not-a-secret"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nobody():
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
            return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        except KeyError:
            pass
    raise SystemExit("FAILED: there is no user to run the server as")


class Server:
    def __init__(self, binaries, folder, encoding="UTF8"):
        self.binaries, self.folder, self.port = binaries, folder, free_port()
        self.data = folder / "data"
        folder.mkdir()
        (folder / "password").write_text(PASSWORD)
        if not os.geteuid():
            subprocess.run(["chown", "-R", "--reference=/var/lib/postgresql" if os.path.isdir("/var/lib/postgresql") else "nobody", folder], check=True)
        self.call("initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "-E", encoding, "--locale=C", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n"
                "max_connections = 60\nlog_min_messages = fatal\n"
            )
        self.start()

    def call(self, program, *arguments):
        done = subprocess.run([*nobody(), os.path.join(self.binaries, program), *map(str, arguments)], capture_output=True, text=True, cwd="/")
        if done.returncode:
            raise SystemExit(f"FAILED: {program}: {done.stdout}{done.stderr}")

    def start(self):
        self.call("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "start")

    def stop(self, mode="immediate"):
        self.call("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def end(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, user="vtr", database="bi", port=None):
        return f"postgres://{user}:{PASSWORD}@{HOST}:{port or self.port}/{database}"

    def connect(self, user="postgres", database="bi", autocommit=True):
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=user, password=PASSWORD, dbname=database, autocommit=autocommit
        )

    def admin(self, *statements, database="bi"):
        with self.connect(database=database) as connection:
            return [connection.execute(statement) for statement in statements][-1]

    def make(self):
        self.admin("CREATE DATABASE bi", database="postgres")
        self.admin(
            f"CREATE ROLE vtr LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE ROLE poor LOGIN PASSWORD '{PASSWORD}'",
            "GRANT CREATE ON DATABASE bi TO vtr",
        )


def tables(connection, schema):
    """The names of the tables of a sink's schema."""
    rows = connection.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s AND relkind = 'r'", [schema]
    )
    return sorted(name for (name,) in rows)


def stand(connection, schema):
    """Returns the version that a schema says it holds, and a digest of every row of every table, at one moment."""
    names = [name for name in tables(connection, schema) if name != "_version"]
    if not names:
        return None
    parts = ", ".join(
        f"(SELECT '{name} ' || count(*) || ' ' || coalesce(md5(string_agg(to_jsonb(t)::text, chr(10) ORDER BY to_jsonb(t)::text)), '') FROM {schema}.{name} t)"
        for name in names
    )
    row = connection.execute(f"SELECT (SELECT version FROM {schema}._version), {parts}").fetchone()
    return row[0], tuple(row[1:])


def wait_until(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come to pass in time")
        time.sleep(0.02)
