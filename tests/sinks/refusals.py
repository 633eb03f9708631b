"""The refusals of a server, a folder or a person: the exit code, the message, the state afterwards, and the sync that
repairs it."""

import os
import subprocess
import threading
import time
from contextlib import contextmanager

import server as servers
from sweeps import must, repair


class Refusals:
    def __init__(self, server, place):
        self.server, self.place, self.slot = server, place, place.slot
        self.schema = place.slot.schema

    def all(self):
        named = [name for name in dir(self) if name.startswith("try_")]
        return [(name[4:], getattr(self, name)) for name in named]

    def refused(self, codes, words, *args, **more):
        """A sync that must fail: it changes nothing and says what to do."""
        before = self.place.check()
        code, _, said = self.slot.sync("--version", "2", *args, **more)
        must(code in codes, f"ended with {code}, not {codes}: {said}")
        for word in words:
            must(word in said, f"`{word}` does not stand in: {said}")
        must(servers.PASSWORD not in said, "the password is shown")
        must(self.place.check() == before, "something changed")

    @contextmanager
    def changed_job(self, was, becomes):
        """The job says something else for a while."""
        job = self.slot.folder / "job.toml"
        text = job.read_text()
        job.write_text(text.replace(was, becomes))
        try:
            yield
        finally:
            job.write_text(text)

    @contextmanager
    def another_schema(self, name):
        """The sink is another schema for a while, which is dropped at the end."""
        with self.changed_job(f'schema = "{self.schema}"', f'schema = "{name}"'):
            try:
                yield
            finally:
                self.server.admin(f"DROP SCHEMA IF EXISTS {name} CASCADE")

    def try_no_right_to_make_a_schema(self):
        url = self.server.url("poor")
        code, _, said = self.slot.sync(url=url)
        must(code == 2 and "GRANT" in said and "CREATE SCHEMA" in said, f"{code}: {said}")

    def try_each_lacking_right(self):
        """Tries a schema of another owner, with rights given one after the other as the messages ask."""
        name, url = "granted", self.server.url("poor")
        with self.another_schema(name):
            self.server.admin(f"CREATE SCHEMA {name}")
            seen = []
            for grant in (f"GRANT USAGE ON SCHEMA {name} TO poor", f"GRANT CREATE ON SCHEMA {name} TO poor"):
                code, _, said = self.slot.sync(url=url)
                must(code == 2 and "GRANT" in said and name in said, f"{code}: {said}")
                seen.append(said)
                self.server.admin(grant)
            code, _, said = self.slot.sync("--version", "1", url=url)
            must(code == 0, f"with all rights: {code}: {said}")
            for table in ("vtr_weekly", "_version", "account_health"):
                for right in ("SELECT", "INSERT", "DELETE"):
                    self.server.admin(f"REVOKE {right} ON {name}.{table} FROM poor")
                    code, _, said = self.slot.sync("--version", "2", url=url)
                    must(code == 2 and "GRANT" in said, f"without {right} on {table}: {code}: {said}")
                    found = self.server.admin(f"SELECT version FROM {name}._version").fetchone()
                    must(found == (1,), f"version {found} after a refusal")
                    self.server.admin(f"GRANT {right} ON {name}.{table} TO poor")
            code, _, said = self.slot.sync("--version", "2", url=url)
            must(code == 0, f"with all rights again: {code}: {said}")

    def try_a_wrong_password(self):
        self.refused([2], ["PGPASSFILE"], url=self.server.url().replace(servers.PASSWORD, "wrong"))

    def try_no_such_database(self):
        self.refused([2], ["does not exist"], url=self.server.url(database="nowhere"))

    def try_no_server(self):
        self.refused([1], ["connecting to 127.0.0.1"], url=self.server.url(port=servers.free_port()))

    def try_a_read_only_user(self):
        self.server.admin("ALTER ROLE vtr SET default_transaction_read_only = on")
        try:
            self.refused([2], ["read"])
        finally:
            self.server.admin("ALTER ROLE vtr RESET default_transaction_read_only")

    def try_no_connection_left(self):
        self.server.admin("ALTER ROLE vtr CONNECTION LIMIT 0")
        try:
            self.refused([1], ["no room"])
        finally:
            self.server.admin("ALTER ROLE vtr CONNECTION LIMIT -1")

    def try_another_encoding(self):
        self.server.admin("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'", database="postgres")
        self.refused([2], ["UTF8"], url=self.server.url(database="latin"))

    def try_settings_of_the_user_change_nothing(self):
        settings = ("statement_timeout = '400ms'", "datestyle = 'German'", "standard_conforming_strings = off", "search_path = nowhere", "extra_float_digits = 0")
        for setting in settings:
            self.server.admin(f"ALTER ROLE vtr SET {setting}")
        try:
            self.place.to(1)
            repair(self.place)
        finally:
            self.server.admin("ALTER ROLE vtr RESET ALL")

    @contextmanager
    def trigger(self, table, when, what):
        """A table of the sink with a trigger of someone else before each insertion."""
        table = f'"{self.schema}"."{table}"'
        self.server.admin(
            f"CREATE OR REPLACE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {what} END$$",
            f"CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH {when} EXECUTE FUNCTION public.meddle()",
        )
        try:
            yield
        finally:
            self.server.admin(f"DROP TRIGGER t ON {table}")

    def try_a_trigger_that_drops_rows(self):
        with self.trigger("vtr_weekly", "ROW WHEN (NEW.seller_id = 'A1')", "RETURN NULL;"):
            self.refused([1], ["rows", "trigger"])

    def try_a_trigger_that_alters_sums(self):
        with self.trigger("vtr_weekly", "ROW", "NEW.valid := NEW.valid + 1; RETURN NEW;"):
            self.refused([1], ["valid", "trigger"])

    def try_errors_of_every_class(self):
        """An error of the server at a row of each table, of every class of codes."""
        codes = ("08006", "22P02", "23505", "25P02", "40001", "40P01", "42501", "53100", "53200", "54000", "55P03", "57014", "58030", "XX000")
        for table in ("vtr_weekly", "account_health", "_version"):
            for code in codes:
                want = {"42501": 2, "55P03": 5, "40P01": 5}.get(code, 1)
                with self.trigger(table, "STATEMENT", f"RAISE EXCEPTION 'refused' USING ERRCODE = '{code}';"):
                    try:
                        self.refused([want], ["sink bi: "])
                    except AssertionError as error:
                        raise AssertionError(f"{code} at {table}: {error}") from None
        return 3 * len(codes)

    def try_locks_are_waited_for_and_given_up(self):
        """Waits 30 seconds for a table that another session locks, and for the turn of another sync."""

        def one(sql):
            with self.server.connect(autocommit=False) as holder:
                holder.execute(sql)
                begun = time.monotonic()
                code, _, said = self.slot.sync("--version", "2")
                waited = time.monotonic() - begun
                must(code == 5 and "sync again" in said, f"{code}: {said}")
                must(28 < waited < 40, f"it waited {waited:.0f} s")
                holder.rollback()

        one(f'LOCK TABLE "{self.schema}".vtr_weekly IN SHARE MODE')
        must(self.place.check() == 1, "something changed")

    def try_a_strangers_table(self):
        name = "strange"
        with self.another_schema(name):
            self.server.admin(f"CREATE SCHEMA {name} AUTHORIZATION vtr", f"CREATE TABLE {name}.defects (mine text)", f"ALTER TABLE {name}.defects OWNER TO vtr")
            code, _, said = self.slot.sync()
            must(code == 2 and "another `schema`" in said, f"{code}: {said}")

    def try_a_view_that_stands_on_a_changed_table(self):
        """Another user removed a column and built on a view of ours: the sync is refused with its name, then
        repaired."""
        self.server.admin(
            f'CREATE VIEW public.mine AS SELECT seller_id FROM "{self.schema}".defects_bi',
            f'DROP VIEW "{self.schema}".carrier_names_bi',
        )
        try:
            self.refused([2], ["drop what depends on them", "mine"])
        finally:
            self.server.admin("DROP VIEW public.mine")

    def try_a_column_that_was_taken_away(self):
        self.server.admin(f'ALTER TABLE "{self.schema}".carrier_names DROP COLUMN shipments CASCADE')
        repair(self.place)
        self.server.admin(f'DROP VIEW "{self.schema}".carrier_names_bi', f'ALTER TABLE "{self.schema}".carrier_names ALTER COLUMN shipments TYPE text')
        repair(self.place)

    def try_rows_that_are_not_those_of_the_version(self):
        """A sync that would replace only the rows that differ finds others on the server, and replaces all."""
        key = "week_start = '2025-06-09' AND seller_id LIKE 'C1 %'"
        for change in (
            f"DELETE FROM {{table}} WHERE {key}",
            f"UPDATE {{table}} SET seller_id = 'other' WHERE {key}",
            "UPDATE {table} SET eligible = eligible + 1 WHERE week_start = '2025-06-09' AND seller_id LIKE 'C39%'",
            "DELETE FROM {table} WHERE week_start = '2025-06-09'",
        ):
            for table in ("vtr_weekly", "vtr_weekly_category"):
                self.place.to(1)
                done = self.server.admin(change.format(table=f'"{self.schema}".{table}'))
                must(done.rowcount, f"{change}: no row of {table} was changed")
                self.place.to(2)
                must(self.place.check() == 2, f"the sync after {change} of {table} gave another version")

    def try_a_newer_version(self):
        self.place.to(2)
        code, _, said = self.slot.sync("--version", "1")
        must(code == 5 and "--force" in said and self.place.check() == 2, f"{code}: {said}")
        code, _, said = self.slot.sync("--version", "2")
        must(code == 0 and "already" in said, f"{code}: {said}")

    def try_another_output(self):
        self.server.admin(f'UPDATE "{self.schema}"._version SET output = \'{"0" * 32}\'')
        for force in ([], ["--force"], ["--full"]):
            code, _, said = self.slot.sync("--version", "2", *force)
            must(code == 2 and "another output" in said, f"{code}: {said}")
        self.server.admin(f'DROP SCHEMA "{self.schema}" CASCADE')
        self.place.to(1)

    def try_a_full_disk(self):
        """A small file system for the tables of the sink; once there is room the sync goes through."""
        folder = self.server.folder / "small"
        folder.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True, text=True)
        must(mounted.returncode == 0, f"a small file system cannot be mounted here: {mounted.stderr}")
        try:
            subprocess.run(["chown", f"--reference={self.server.data}", str(folder)], check=True)
            self.server.admin(f"CREATE TABLESPACE small LOCATION '{folder}'", "GRANT CREATE ON TABLESPACE small TO vtr")
            self.server.admin(f'DROP SCHEMA "{self.schema}" CASCADE', "ALTER ROLE vtr SET default_tablespace = small")
            self.place.to(1)
            filler = folder / "filler"
            room = os.statvfs(folder)
            filler.write_bytes(b"x" * max(0, room.f_bavail * room.f_frsize - 4096 * 3))
            code, _, said = self.slot.sync("--version", "2", "--full")
            must(code == 1 and "no room" in said, f"{code}: {said}")
            must(self.place.check() == 1, "something changed")
            filler.unlink()
            repair(self.place)
            self.server.admin(f'DROP SCHEMA "{self.schema}" CASCADE')
        finally:
            self.server.admin("ALTER ROLE vtr RESET ALL")
            try:
                self.server.admin("CHECKPOINT", "REVOKE ALL ON TABLESPACE small FROM vtr", "DROP TABLESPACE IF EXISTS small")
            finally:
                subprocess.run(["umount", "-l", str(folder)], check=False)
        self.place.to(1)

    def try_two_at_once(self):
        """Syncs at the same time take turns and end in the version."""
        self.place.to(1)
        ended = []
        threads = [threading.Thread(target=lambda: ended.append(self.slot.sync("--version", "2"))) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        must([code for code, _, _ in ended] == [0] * 4, f"{ended}")
        must(sum("now" in said for _, _, said in ended) == 1, f"one of them writes: {ended}")
        must(self.place.check() == 2, "the version does not stand")
        self.place.to(1)

    def try_a_sync_of_files_at_once(self):
        """A folder that another sync holds is left alone; a folder that is no sink's is refused."""
        folder = self.slot.path("stranger")
        folder.mkdir()
        (folder / "mine.csv").write_text("mine")
        with self.changed_job('path = "flat"', 'path = "stranger"'):
            code, _, said = self.slot.sync(sink="flat")
        must(code == 2 and "mine.csv" in said and (folder / "mine.csv").read_text() == "mine", f"{code}: {said}")
        self.slot.must("--version", "1", "--force", sink="flat")
        started = open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]
        boot = open("/proc/sys/kernel/random/boot_id").read().strip()
        host = open("/proc/sys/kernel/hostname").read().strip()
        lock = self.slot.path("flat") / "_lock"
        lock.write_text(f'{{"run": "x", "host": "{host} {boot}", "process": {os.getpid()}, "since": "{started}"}}')
        code, _, said = self.slot.sync("--version", "2", sink="flat")
        must(code == 5 and "_lock" in said, f"{code}: {said}")
        lock.write_text(f'{{"run": "x", "host": "{host} {boot}", "process": {os.getpid()}, "since": "1"}}')
        self.slot.must("--version", "2", sink="flat")
        must(not lock.exists(), "the lock stays")
