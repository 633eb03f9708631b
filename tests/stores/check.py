"""Jobs with inputs and output on S3 and on Azure, against real servers on this machine, and against a network that
throttles, breaks, loses answers, repeats requests and delays. Prints `N passed, N failed`."""

import glob
import hashlib
import http.client
import http.server
import json
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time

HOST = "127.0.0.1"
VTR, S3_PORT, AZURE_PORT, WORK = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
SECRET = "a-secret-that-must-not-show"
# The account of the emulator, as published in its documentation.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
# What a job says of text with headings of its own.
CSV = ('[input.columns]\n"order_id" = "order-id"\n"carrier" = "carrier-name"\n"tracking_number" = "tracking-number"\n'
       '"shipped_at" = "ship-date"\n[input.constants]\nseller_id = "A1"\nmarketplace = "GB"\n')
PASSED, FAILED = [], []


def check(name, holds, detail=""):
    (PASSED if holds else FAILED).append(name)
    if not holds:
        print(f"FAILED: {name}\n  {detail}", flush=True)


def clean_environment():
    return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "AZURE_", "GOOGLE_", "VTR_"))}


def s3_environment(port=None):
    return clean_environment() | {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port or S3_PORT}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def azure_environment():
    return clean_environment() | {
        "AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": f"http://{HOST}:{AZURE_PORT}",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    }


class Ran:
    def __init__(self, process):
        out, err = process.communicate(timeout=120)
        self.code, self.out, self.err = process.returncode, out.decode(), err.decode()
        check("no secret is said", SECRET not in self.out + self.err and KEY not in self.out + self.err, self.err)

    def __str__(self):
        return f"exit {self.code}\n{self.out[-1500:]}\n{self.err[-1500:]}"


def start(environment, *arguments):
    return subprocess.Popen([VTR, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def vtr(environment, *arguments):
    return Ran(start(environment, *arguments))


def job(name, path, constants="", extra=""):
    file = os.path.join(WORK, f"{name}.toml")
    with open(file, "w") as out:
        out.write(f'name = "weekly"\nas_of = "2025-05-31"\nrates = {json.dumps(os.path.abspath("sample_data/eurofxref-hist.csv"))}\n'
                  f'[[input]]\npath = {json.dumps(path)}\n{extra}{constants}[output]\npath = "unused"\n')
    return file


class S3:
    root = "s3://lake"
    environment = staticmethod(s3_environment)

    def __init__(self):
        import boto3
        self.client = boto3.client("s3", endpoint_url=f"http://{HOST}:{S3_PORT}", region_name="us-east-1",
                                   aws_access_key_id="testing", aws_secret_access_key=SECRET)
        self.client.create_bucket(Bucket="lake")

    def put(self, key, data):
        self.client.put_object(Bucket="lake", Key=key, Body=data)

    def get(self, key):
        return self.client.get_object(Bucket="lake", Key=key)["Body"].read()

    def delete(self, key):
        self.client.delete_object(Bucket="lake", Key=key)

    def list(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=prefix)
        return {o["Key"]: (o["ETag"], str(o["LastModified"])) for page in pages for o in page.get("Contents", [])}


class Azure:
    root = "az://lake"
    environment = staticmethod(azure_environment)

    def __init__(self):
        from azure.storage.blob import BlobServiceClient
        service = BlobServiceClient(f"http://{HOST}:{AZURE_PORT}/{ACCOUNT}", credential=KEY)
        self.client = service.create_container("lake")

    def put(self, key, data):
        self.client.upload_blob(key, data, overwrite=True)

    def get(self, key):
        return self.client.download_blob(key).readall()

    def delete(self, key):
        self.client.delete_blob(key)

    def list(self, prefix):
        return {b.name: (b.etag, str(b.last_modified)) for b in self.client.list_blobs(name_starts_with=prefix)}


class Proxy:
    """A proxy before the S3 server. `rule(handler, method, path)` may answer in its own way; `pace(method, path)`
    returns the seconds that each 64 KiB of a request take."""

    def __init__(self, rule, pace=None):
        self.seen, proxy = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def forward(self, drop=()):
                headers = {k: v for k, v in self.headers.items() if k.lower() not in drop}
                upstream = http.client.HTTPConnection(HOST, S3_PORT, timeout=60)
                upstream.request(self.command, self.path, self.body, headers)
                answer = upstream.getresponse()
                found = answer.status, answer.getheaders(), answer.read()
                upstream.close()
                return found

            def answer(self, status, headers, body):
                self.send_response(status)
                skipped = ("transfer-encoding", "connection", "server", "date")
                names = [k.lower() for k, _ in headers]
                for k, v in headers:
                    if k.lower() not in skipped and not (k.lower() == "content-length" and self.command != "HEAD"):
                        self.send_header(k, v)
                if self.command != "HEAD" or "content-length" not in names:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def throttle(self):
                self.answer(503, [("Content-Type", "application/xml")],
                            b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")

            def hang_up(self):
                self.close_connection = True
                self.connection.close()

            def take(self, length):
                pause, step = (pace(self.command, self.path) if pace else 0), 1 << 16
                taken = [self.rfile.read(min(step, length - at)) for at in range(0, length, step) if not time.sleep(pause)]
                return b"".join(taken)

            def handle_any(self):
                self.body = self.take(int(self.headers.get("Content-Length") or 0))
                with proxy.lock:
                    proxy.seen.append((self.command, self.path, self.headers.get("Range"), self.headers.get("If-Match")))
                try:
                    if not rule(self, self.command, self.path):
                        self.answer(*self.forward())
                except (BrokenPipeError, ConnectionError, OSError):
                    self.close_connection = True

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass

        self.lock = threading.Lock()
        self.server = Server((HOST, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def environment(self):
        return s3_environment(self.server.server_address[1])


def local_run(name, file, *options):
    out = os.path.join(WORK, name)
    ran = vtr(clean_environment(), "run", file, "--quiet", "--out", out, *options)
    check(f"{name}: the local run", ran.code == 0, ran)
    return out


def data_of(out):
    found = {}
    for path in glob.glob(f"{out}/data/**/*.parquet", recursive=True):
        with open(path, "rb") as file:
            found[os.path.relpath(path, out)] = hashlib.sha256(file.read()).hexdigest()
    return found


def without(files, *tables):
    return {k: v for k, v in files.items() if k.split("/")[1] not in tables}


def data_on(store, prefix):
    keys = [key for key in store.list(prefix + "/") if key.startswith(prefix + "/data/")]
    return {key[len(prefix) + 1:]: hashlib.sha256(store.get(key)).hexdigest() for key in keys}


def manifest(store, prefix, version):
    return json.loads(store.get(f"{prefix}/_log/{version:020}.json"))


def outputs(name, store, weekly, local):
    env, out = store.environment(), f"{store.root}/pub/out"
    ran = vtr(env, "run", weekly, "--out", out)
    check(f"{name}: publishes", ran.code == 0 and "published version 1" in ran.err, ran)
    check(f"{name}: byte for byte what a local run publishes", data_on(store, "pub/out") == data_of(local))
    ours, theirs = manifest(store, "pub/out", 1), json.load(open(f"{local}/_log/{1:020}.json"))
    ours.pop("run_id"), theirs.pop("run_id")
    check(f"{name}: the manifest is the same", ours == theirs)
    keys = store.list("pub/out/")
    check(f"{name}: report and views", any(k.endswith("/report.json") for k in keys) and "pub/out/views.sql" in keys, list(keys)[-5:])
    check(f"{name}: the views name the store", out.encode() + b"/data/vtr_weekly/week=" in store.get("pub/out/views.sql"))
    ran = vtr(env, "run", weekly, "--out", out)
    check(f"{name}: the same again is unchanged", ran.code == 0 and "version 1 is in force" in ran.err, ran)
    check(f"{name}: and nothing was written", store.list("pub/out/") == keys)
    ran = vtr(env, "plan", weekly, "--out", out)
    check(f"{name}: plan", ran.code == 0 and "version 1 of vtr" in ran.out, ran)


def verbs(name, store, weekly):
    env, out = store.environment(), f"{store.root}/pub/out"
    ran = vtr(env, "run", weekly, "--out", out, "--as-of", "2025-06-01", "--quiet")
    check(f"{name}: a second version", ran.code == 0, ran)
    for verb, says in [("verify", "version 2: "), ("resolve", "version 2\n"), ("health", "below target"), ("defects", "scan_missing"),
                       ("gc", "kept versions 1 to 2")]:
        ran = vtr(env, verb, out)
        check(f"{name}: {verb}", ran.code == 0 and says in ran.out, ran)
    ran = vtr(env, "resolve", out, "--version", "1", "--table", "vtr_weekly")
    check(f"{name}: an old version is read", ran.code == 0 and ran.out.startswith("version 1\n") and f"{out}/data/vtr_weekly/" in ran.out, ran)
    ran = vtr(env, "verify", f"{store.root}/nothing/here")
    check(f"{name}: nothing is published there", ran.code == 3 and "nothing is published there" in ran.err, ran)
    victims = [file["path"] for file in manifest(store, "pub/out", 2)["tables"]["vtr_weekly"][:2]]
    store.put(f"pub/out/{victims[0]}", store.get(f"pub/out/{victims[0]}")[:-1] + b"x")
    store.delete(f"pub/out/{victims[1]}")
    ran = vtr(env, "verify", out)
    check(f"{name}: verify finds damage", ran.code == 1 and "changed: its SHA-256" in ran.out and "missing" in ran.out, ran)
    store.delete(f"pub/out/{victims[0]}")
    ran = vtr(env, "run", weekly, "--out", out, "--as-of", "2025-06-01", "--full", "--quiet")
    again = vtr(env, "verify", out)
    check(f"{name}: the next run mends it", ran.code == 0 and again.code == 0, f"{ran}\n{again}")


def inputs(name, store, weekly, local):
    env = store.environment()
    for path in sorted(glob.glob("sample_data/shipments/*.parquet")):
        with open(path, "rb") as file:
            store.put(f"in/shipments/{os.path.basename(path)}", file.read())
    told = ("input_files", "rejects")
    for kind, path in [("glob", "in/shipments/20*.parquet"), ("folder", "in/shipments"), ("list", None)]:
        paths = [f"{store.root}/{path}"] if path else [f"{store.root}/{k}" for k in store.list("in/shipments/")]
        out = os.path.join(WORK, f"{name}-{kind}")
        ran = vtr(env, "run", job(f"{name}-{kind}", paths), "--quiet", "--out", out)
        check(f"{name}: inputs by {kind} give the same tables", ran.code == 0 and
              without(data_of(out), *told) == without(data_of(local), *told), ran)
    ran = vtr(env, "plan", job(f"{name}-shown", f"{store.root}/in/shipments/"))
    check(f"{name}: plan reads footers", ran.code == 0 and "9,000 rows" in ran.out, ran)
    # Delimited text, streamed: the same bytes from a disk and from a store.
    constants = CSV
    rows = b"order-id,carrier-name,tracking-number,ship-date\n" + b"".join(
        b"202-%07d-0000001,Royal Mail,RU%09dGB,2025-03-%02dT10:00:00Z\n" % (i, i, i % 28 + 1) for i in range(200_000))
    os.makedirs(os.path.join(WORK, "csv"), exist_ok=True)
    with open(os.path.join(WORK, "csv/rows.csv"), "wb") as file:
        file.write(rows)
    store.put("in/csv/rows.csv", rows)
    here = local_run(f"{name}-csv-here", job(f"{name}-csv-here", os.path.join(WORK, "csv/rows.csv"), constants))
    there = os.path.join(WORK, f"{name}-csv-there")
    ran = vtr(env, "run", job(f"{name}-csv-there", f"{store.root}/in/csv/*.csv", constants), "--quiet", "--out", there)
    check(f"{name}: text from the store gives the same tables", ran.code == 0 and
          without(data_of(there), *told) == without(data_of(here), *told), ran)
    # Keys with empty segments are ordinary keys; the empty object that represents a folder is none.
    for at, key in enumerate(["in/gaps//rows.csv", "in/gaps//deeper///rows.csv", "in/gaps/rows.csv"]):
        store.put(key, rows[:49] + rows[49 + at * 3_000_000:49 + (at + 1) * 3_000_000].split(b"\n", 1)[-1].rsplit(b"\n", 1)[0] + b"\n")
    if name == "s3":
        store.put("in/gaps//folder/", b"")
    for pattern, count in [("in/gaps/", 3), ("in/gaps", 3), ("in/gaps//*.csv", 1), ("in/gaps/*.csv", 1),
                           ("in/gaps/**/*.csv", 3), ("in/gaps//deeper///rows.csv", 1), ("in/gaps//", 2)]:
        out = os.path.join(WORK, f"{name}-gaps")
        shutil.rmtree(out, ignore_errors=True)
        ran = vtr(env, "run", job(f"{name}-gaps", f"{store.root}/{pattern}", constants), "--json", "--out", out)
        files = json.loads(ran.out)["files"] if ran.code == 0 else None
        check(f"{name}: {pattern} names {count} of three keys", ran.code == 0 and files == count, ran)
    ran = vtr(env, "run", job(f"{name}-none", f"{store.root}/in/nothing/*.csv"), "--out", there)
    check(f"{name}: a pattern that fits nothing is refused", ran.code == 3 and "names no file" in ran.err, ran)
    # All of it on the store.
    ran = vtr(env, "run", job(f"{name}-both", f"{store.root}/in/shipments/*.parquet"), "--quiet", "--out", f"{store.root}/pub/both")
    check(f"{name}: inputs and output on the store", ran.code == 0 and
          without(data_on(store, "pub/both"), *told) == without(data_of(local), *told), ran)


def spread(name, store, local):
    """A run in shares whose plan, inputs, parts and output all lie on the store."""
    env, told = store.environment(), ("input_files", "rejects")
    for what, path, shares, here, extra in [("sample", "in/shipments/", 3, local, ""),
                                           ("great", "in/csv/rows.csv", 1, os.path.join(WORK, f"{name}-csv-here"), CSV)]:
        file = job(f"{name}-spread-{what}", f"{store.root}/{path}", extra)
        units, parts = f"{store.root}/plans/{what}.json", f"{store.root}/parts/{what}"
        ran = vtr(env, "plan", file, "--quiet", "--units", units, "--out", f"{store.root}/pub/spread-{what}")
        check(f"{name}: {what}: a plan lies on the store", ran.code == 0, ran)
        early = vtr(env, "finish", file, "--quiet", "--plan", units, "--from", parts)
        check(f"{name}: {what}: no part yet", early.code == 3 and "there is no part of this plan" in early.err, early)
        fold = lambda share: vtr(env, "fold", file, "--plan", units, "--share", f"{share}/{shares}", "--to", parts)
        for share in range(shares, 0, -1):
            ran = fold(share)
            check(f"{name}: {what}: share {share} is folded", ran.code == 0, ran)
        keys = list(store.list(f"parts/{what}/"))
        ran = fold(1)
        check(f"{name}: {what}: a share that is folded twice is there once", ran.code == 0 and "are there already" in ran.err and
              list(store.list(f"parts/{what}/")) == keys, f"{ran}\n{keys}")
        part = next(key for key in keys if "/copies-" in key)
        whole = store.get(part)
        store.put(part, whole[:-100])
        ran = vtr(env, "finish", file, "--quiet", "--plan", units, "--from", parts)
        check(f"{name}: {what}: a cut part is refused by name", ran.code not in (0, 1) and os.path.basename(part) in ran.err, ran)
        store.put(part, whole)
        ran = vtr(env, "finish", file, "--quiet", "--plan", units, "--from", parts)
        check(f"{name}: {what}: parts on the store give the tables of a run", ran.code == 0 and
              without(data_on(store, f"pub/spread-{what}"), *told) == without(data_of(here), *told), ran)
    check(f"{name}: a part is greater than what is held of it at once", len(whole) > 4 << 20, len(whole))


def ranged(weekly, out, week, *more):
    return ("run", weekly, "--out", out, "--from", week, "--to", week, "--set", "output.tables=[\"vtr_weekly\"]", *more)


def conflicts(store, weekly):
    """Runs a job whose commit is held back while another run publishes."""
    for name, week, code in [("disjoint", "2025-W05", 0), ("overlapping", "2025-W03", 5)]:
        prefix = f"conflict/{name}"
        out = f"{store.root}/{prefix}"
        first = vtr(store.environment(), "run", weekly, "--out", out, "--quiet", "--set", "output.tables=[\"vtr_weekly\"]")
        held, release = threading.Event(), threading.Event()

        def hold(handler, method, path):
            if method == "PUT" and "/_log/" in path and not held.is_set():
                held.set()
                release.wait(60)

        slow = start(Proxy(hold).environment(), *ranged(weekly, out, "2025-W03", "--quiet"))
        check(f"{name}: the first run is held", held.wait(60))
        other = vtr(store.environment(), *ranged(weekly, out, week, "--quiet", "--as-of", "2025-06-01"))
        before = store.list(prefix + "/")
        release.set()
        ran = Ran(slow)
        check(f"{name}: the other lands", first.code == 0 and other.code == 0, f"{first}\n{other}")
        check(f"{name}: the held one exits {code}", ran.code == code, ran)
        versions = [k for k in store.list(prefix + "/_log/")]
        check(f"{name}: versions", len(versions) == (3 if code == 0 else 2), versions)
        if code == 0:
            check(f"{name}: it is based on the other", manifest(store, prefix, 3)["replaced"]["base"] == 2)
        else:
            after = {k: v for k, v in store.list(prefix + "/").items() if "/_runs/" not in k}
            check(f"{name}: nothing changed", after == {k: v for k, v in before.items() if "/_runs/" not in k})
            check(f"{name}: it says why", "run again" in ran.err, ran)
        verified = vtr(store.environment(), "verify", out)
        check(f"{name}: all is whole", verified.code == 0, verified)


def network(store, weekly, local):
    def publishes(name, rule, says="published version 1"):
        prefix = f"net/{name}"
        ran = vtr(Proxy(rule).environment(), "run", weekly, "--out", f"{store.root}/{prefix}")
        check(f"{name}: publishes", ran.code == 0 and says in ran.err, ran)
        check(f"{name}: once, and the same bytes", data_on(store, prefix) == data_of(local) and
              len(store.list(f"{prefix}/_log/")) == 1, list(store.list(f"{prefix}/_log/")))

    def lost(handler, method, path):
        if method == "PUT" and "/_log/" in path:
            handler.forward()
            handler.hang_up()
            return True

    def repeated(handler, method, path):
        if method == "PUT" and "/_log/" in path:
            handler.forward()

    def claims_conflict(handler, method, path):
        if method == "PUT" and "/_log/" in path and path not in once:
            once.add(path)
            handler.answer(409, [], b"<Error><Code>ConditionalRequestConflict</Code><Message>again</Message></Error>")
            return True

    once, lock = set(), threading.Lock()

    def rough(handler, method, path):
        with lock:
            count = len(once)
            if (method, path) in once:
                return False
            once.add((method, path))
        if count % 5 == 0:
            handler.throttle()
            return True
        if count % 5 == 1 and "/_log/" not in path:
            handler.hang_up()
            return True

    publishes("lost-answer", lost)
    publishes("repeated-request", repeated)
    publishes("conflict-without-a-manifest", claims_conflict)
    publishes("throttled-and-broken", rough)

    def forgets(handler, method, path):
        if method == "PUT":
            handler.answer(*handler.forward(drop=("if-none-match",)))
            return True

    ran = vtr(Proxy(forgets).environment(), "run", weekly, "--out", f"{store.root}/net/forgets")
    check("a store without put-if-absent is refused", ran.code == 2 and "If-None-Match" in ran.err, ran)
    check("and nothing is published there", not store.list("net/forgets/_log/"))


def ranges(store):
    """Columns come by ranges, few requests a file, and an object that changes meanwhile is refused."""
    big = os.path.join(WORK, "big")
    made = vtr(clean_environment(), "gen", big, "--rows", "300000", "--files", "1", "--quiet")
    [path] = glob.glob(f"{big}/shipments/*.parquet")
    with open(path, "rb") as file:
        data = file.read()
    store.put("in/big/all.parquet", data)
    groups = 1

    def watch(handler, method, path):
        return False

    proxy = Proxy(watch)
    file = job("ranges", f"{store.root}/in/big/all.parquet")
    ran = vtr(proxy.environment(), "run", file, "--quiet", "--out", os.path.join(WORK, "ranges"), "--set", "limits.max_rejected=\"100%\"")
    check("a big file is read", made.code == 0 and ran.code == 0, ran)
    gets = [seen for seen in proxy.seen if seen[0] == "GET" and seen[1].endswith("all.parquet")]
    check("every read is of a range and of the very object", gets and all(seen[2] and seen[3] for seen in gets), gets[:3])
    size = sum(int(b) - int(a) + 1 for a, b in (seen[2][6:].split("-") for seen in gets))
    check("few requests", len(gets) <= 30 * groups, len(gets))
    check("and no more than the object's bytes and a footer", size <= len(data) + (1 << 20), f"{size} of {len(data)} in {len(gets)}")
    # The run asks for only some weeks, so other row groups are not fetched.
    held, release = threading.Event(), threading.Event()

    def hold(handler, method, path):
        # The first request is for the footer; the next ones are for the columns.
        if method == "GET" and path.endswith("all.parquet"):
            counted.append(path)
            if len(counted) == 2:
                held.set()
                release.wait(60)

    counted = []
    slow = start(Proxy(hold).environment(), "run", file, "--quiet", "--out", os.path.join(WORK, "changed"))
    check("the reading is held", held.wait(60))
    store.put("in/big/all.parquet", data + b" ")
    release.set()
    ran = Ran(slow)
    check("an object that changed is refused", ran.code == 3 and "has changed" in ran.err, ran)


def stopped(name, rule, prefix, arguments, expected, pace=None):
    """Runs a job that gets a signal while a request is held; checks its message, and that it ends within a second."""
    for number, code in [(signal.SIGINT, 130), (signal.SIGTERM, 143)]:
        held = threading.Event()
        slow = start(Proxy(rule(held), pace and pace(held)).environment(), *arguments)
        check(f"{name}, {code}: it is held", held.wait(60))
        time.sleep(0.2)
        slow.send_signal(number)
        begun = time.monotonic()
        ran = Ran(slow)
        seconds = time.monotonic() - begun
        check(f"{name}: a signal ends it with {code}", ran.code == code, ran)
        check(f"{name}, {code}: within a second", seconds < 1, f"{seconds:.2f} s")
        check(f"{name}, {code}: it says how far it came", f"stopped by signal {int(number)}; {expected}" in ran.err, ran)
        yield


def at(kind, answer=None, method="PUT"):
    """Returns a rule that holds the first such request, before it reaches the store or (`answer`) after it."""
    def rule(held):
        def hold(handler, verb, path):
            if verb == method and kind in path and not held.is_set():
                if answer:
                    handler.forward()
                held.set()
                time.sleep(20)
                handler.hang_up()
                return True
        return hold
    return rule


def signals(store, weekly):
    """Stops a run while it writes, while it publishes, and right after: the old version stays, or the new one is
    whole."""
    prefix, old = "stopped", store.environment()
    out = f"{store.root}/{prefix}"
    check("stops: a version to begin with", vtr(old, "run", weekly, "--quiet", "--out", out).code == 0)
    current = f"{prefix}/_log/{1:020}.json"
    before = store.get(current), store.get(f"{prefix}/views.sql")
    again = ["run", weekly, "--quiet", "--out", out, "--as-of", "2025-06-30"]
    nothing = "nothing was published"

    def old_stands(name):
        verified = vtr(old, "verify", out)
        check(f"{name}: the old version stays", store.list(f"{prefix}/_log/").keys() == {current} and verified.code == 0 and
              (store.get(current), store.get(f"{prefix}/views.sql")) == before, verified)

    for name, rule in [("a file on its way", at("/data/")), ("a file whose answer does not come", at("/data/", "later"))]:
        for _ in stopped(name, rule, prefix, again, nothing):
            old_stands(name)
    # A file is sent in parts, and one of them is slow.
    wide = os.path.join(WORK, "wide.csv")
    with open(wide, "w") as file:
        file.write("seller_id,marketplace,order_id,carrier,tracking_number,shipped_at\n")
        file.writelines(f"A1,GB,{os.urandom(40).hex()},,RU{i:09}GB,2025-03-05T10:00:00Z\n" for i in range(220_000))
    parts = ["run", job("wide", wide), "--quiet", "--out", f"{store.root}/wide"]

    def crawl(held):
        def pace(method, path):
            if method == "PUT" and "partNumber=" in path:
                held.set()
                return 1
            return 0
        return pace

    for _ in stopped("a part that crawls", lambda held: lambda *_: False, "wide", parts, nothing, crawl):
        left = store.client.list_multipart_uploads(Bucket="lake").get("Uploads", [])
        check("a part that crawls: no upload is left unfinished", not left, left)
        check("a part that crawls: nothing is published", not store.list("wide/_log/"))
    ran = vtr(old, *parts)
    biggest = max(file["bytes"] for file in manifest(store, "wide", 1)["tables"]["defects"])
    check("sent in parts without a signal", ran.code == 0 and biggest > 8 << 20, f"{biggest}\n{ran}")
    # The commit point: before the store has the manifest, and behind it.
    for _ in stopped("a manifest on its way", at("/_log/"), prefix, again, "version 2 was just being published"):
        old_stands("a manifest on its way")
    behind = [("a manifest whose answer does not come", at("/_log/", "later"), "version 2 is published"),
              ("views on their way", at("/views.sql"), "version 2 is published, but `current` and `views.sql` may be older")]
    for name, rule, says in behind:
        for _ in stopped(name, rule, prefix, again, says):
            verified = vtr(old, "verify", out)
            check(f"{name}: the new version is published", verified.code == 0 and "version 2:" in verified.out, verified)
            mended = vtr(old, *again[:2], *again[3:])
            views = store.get(f"{prefix}/views.sql")
            check(f"{name}: the next run mends the rest", "version 2 is in force" in mended.err and b"version 2 of" in views, mended)
            store.delete(f"{prefix}/_log/{2:020}.json")
            store.put(f"{prefix}/views.sql", before[1])


def noted(name, store, weekly):
    """Notes of row groups on the store serve as those on a disk do, and damaged ones cost nothing but time."""
    env, prefix = store.environment(), "noted/out"
    out, local = f"{store.root}/{prefix}", local_run(f"noted-{name}", weekly)
    ran = vtr(env, "run", weekly, "--quiet", "--out", out)
    notes = [key for key in store.list(f"{prefix}/_state/groups/")]
    check(f"{name}: a run leaves notes of row groups", ran.code == 0 and len(notes) > 3, f"{notes}\n{ran}")

    def week(of, says):
        """A week is judged again, here and there."""
        before = {key for key in store.list(f"{prefix}/_runs/") if key.endswith("/report.json")}
        there = vtr(env, "run", weekly, "--quiet", "--out", out, "--from", of, "--to", of)
        here = vtr(clean_environment(), "run", weekly, "--quiet", "--out", local, "--from", of, "--to", of)
        reports = [key for key in store.list(f"{prefix}/_runs/") if key.endswith("/report.json") and key not in before]
        check(f"{name}: {of} is judged, {says}", there.code == here.code == 0 and len(reports) == 1, f"{there}\n{here}")
        check(f"{name}: {of} is what a disk has, {says}", data_on(store, prefix) == data_of(local))
        return there, json.loads(store.get(reports[0]))["rows_noted"]

    ran, rows = week("2025-W14", "by notes")
    check(f"{name}: rows were taken from notes", rows > 1_000, rows)
    for key in notes:
        store.put(key, store.get(key)[:-1] + b"x")
    ran, rows = week("2025-W16", "with damaged notes")
    check(f"{name}: damaged notes are not believed", rows == 0 and "a note of a row group is not used" in ran.err, f"{rows}\n{ran}")
    left = [key for key in store.list(f"{prefix}/_state/groups/") if store.get(key)[-1:] == b"x"]
    check(f"{name}: those that were opened are deleted", len(left) < len(notes) - 1, left)


def outdated(store):
    """Text inputs on the store: one that changed without growing is noticed."""
    env, out = store.environment(), os.path.join(WORK, "outdated")
    text = b"seller_id,marketplace,order_id,carrier,tracking_number,shipped_at\n" + b"".join(
        b"A1,GB,%d,Royal Mail,RU%09dGB,2025-0%d-10T10:00:00Z\n" % (i, i, i % 4 + 1) for i in range(1_000))
    store.put("in/outdated/rows.csv", text)
    file = job("outdated", f"{store.root}/in/outdated/*.csv")
    first = vtr(env, "run", file, "--quiet", "--out", out)
    plan = vtr(env, "plan", file, "--out", out)
    check("outdated: nothing at first", first.code == 0 and "stale      no week" in plan.out, f"{first}\n{plan}")
    store.put("in/outdated/rows.csv", text.replace(b",Royal Mail,RU000000400GB,", b",Royal Mail,RU000000400XX,"))
    plan = vtr(env, "plan", file, "--out", out)
    check("outdated: a change is noticed", "stale      2025-W02 to 2025-W15" in plan.out and "changed: " in plan.out, plan)
    stale = vtr(env, "run", file, "--stale", "--quiet", "--out", out)
    fresh = os.path.join(WORK, "outdated-fresh")
    vtr(env, "run", file, "--quiet", "--out", fresh)
    manifests = [json.load(open(f"{folder}/_log/{version:020}.json")) for folder, version in [(out, 2), (fresh, 1)]]
    same = [[[file["path"] for file in files] for files in found["tables"].values()] for found in manifests]
    check("outdated: all that is stale is what a full run publishes", stale.code == 0 and same[0] == same[1], stale)


def looks(store):
    """A first look at files on the store gives the same as at local files."""
    env, name = store.environment(), "2025-02.parquet"
    with open(f"sample_data/shipments/{name}", "rb") as file:
        store.put(f"in/looks/{name}", file.read())
    store.put("in/looks/rows.csv", b"seller_id,order_id\nA1,1\nA1,2,3\n")
    for there, here in [(f"in/looks/{name}", f"sample_data/shipments/{name}"), ("in/looks/rows.csv", None)]:
        if here is None:
            here = os.path.join(WORK, "rows.csv")
            with open(here, "wb") as file:
                file.write(store.get(there))
        ours, theirs = vtr(env, "inspect", f"{store.root}/{there}", "--json"), vtr(env, "inspect", here, "--json")
        same = ours.out.replace(f"{store.root}/{there}", here) == theirs.out
        check(f"inspect: {there} is seen as it is seen here", ours.code == theirs.code == 0 and same, f"{ours}\n{theirs}")
    for path, says in [("in/looks", "names 2 objects; name one, such as s3://lake/in/looks/"), ("in/nothing", "there is no such object")]:
        ran = vtr(env, "inspect", f"{store.root}/{path}")
        check(f"inspect: {path}", ran.code == 3 and says in ran.err, ran)
    isolated = job("isolated", f"{store.root}/in/looks/{name}", extra="isolate = true\n")
    ran = vtr(env, "run", isolated, "--quiet", "--out", os.path.join(WORK, "isolated"))
    check("isolate: not from a store, and what to do", ran.code == 2 and "files of this machine" in ran.err and "copy the files here" in ran.err, ran)


def refusals(s3, azure, weekly):
    ran = vtr(s3.environment(), "run", weekly, "--out", "s3://no-such-bucket/out")
    check("s3: no such bucket", ran.code == 1 and "s3://no-such-bucket/out" in ran.err and "no such bucket" in ran.err, ran)
    ran = vtr(azure.environment(), "run", weekly, "--out", "az://no-such-container/out")
    check("azure: no such container", ran.code == 1 and "no such bucket" in ran.err, ran)
    wrong = KEY[:-6] + "AAAA=="
    ran = vtr(azure.environment() | {"AZURE_STORAGE_ACCOUNT_KEY": wrong}, "run", weekly, "--out", "az://lake/out")
    check("azure: a wrong key", ran.code == 1 and "access is refused" in ran.err and wrong not in ran.err, ran)
    ran = vtr(s3.environment(), "run", weekly, "--out", f"s3://key:{SECRET}@lake/out")
    check("credentials in a URI are refused", ran.code == 2 and "must not hold credentials" in ran.err, ran)
    ran = vtr(s3.environment(), "run", weekly, "--out", "ftp://lake/out")
    check("another scheme is refused", ran.code == 2 and "s3://, gs:// or az://" in ran.err, ran)


def wait_for(port):
    for _ in range(300):
        try:
            http.client.HTTPConnection(HOST, port, timeout=1).connect()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"FAILED: no server came up on port {port}")


def main():
    os.makedirs(WORK)
    wait_for(S3_PORT)
    wait_for(AZURE_PORT)
    s3, azure = S3(), Azure()
    weekly = job("weekly", os.path.abspath("sample_data/shipments") + "/*.parquet")
    local = local_run("local", weekly)
    for name, store in [("s3", s3), ("azure", azure)]:
        outputs(name, store, weekly, local)
        verbs(name, store, weekly)
        inputs(name, store, weekly, local)
        spread(name, store, local)
        noted(name, store, weekly)
    conflicts(s3, weekly)
    network(s3, weekly, local)
    ranges(s3)
    signals(s3, weekly)
    outdated(s3)
    looks(s3)
    refusals(s3, azure, weekly)
    shutil.rmtree(WORK)
    print(f"{len(PASSED)} passed, {len(FAILED)} failed")
    sys.exit(1 if FAILED else 0)


main()
