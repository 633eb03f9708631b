"""Compares one version of Spark with `vtr run`: the published bytes must be the same. Prints a line per case and `N
passed, N failed`."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.environ["DRIVER"])

import pyspark
from pyspark.sql import SparkSession

import vtr
import vtr.spark

WORK, ROWS, S3_PORT = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
HOST = "127.0.0.1"
S3 = {
    "AWS_ENDPOINT_URL": f"http://{HOST}:{S3_PORT}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
}
os.environ.update(S3)
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
EVENTS = f"{WORK}/events"
PASSED, FAILED = [], []


def session():
    os.makedirs(EVENTS, exist_ok=True)
    archive = vtr.spark.archive(f"{WORK}/vtr.tar.gz")
    builder = SparkSession.builder.master("local-cluster[2,1,700]").appName("vtr")
    settings = {
        "spark.driver.host": HOST, "spark.driver.bindAddress": HOST, "spark.ui.enabled": "false",
        "spark.executor.memory": "700m", "spark.archives": f"{archive}#vtr_package",
        "spark.executorEnv.PYTHONPATH": "./vtr_package", "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": f"file://{EVENTS}", "spark.eventLog.compress": "false", "spark.local.dir": f"{WORK}/local",
        "spark.sql.session.timeZone": "America/Los_Angeles", "spark.sql.warehouse.dir": f"{WORK}/warehouse",
        "spark.eventLog.rolling.enabled": "false",
    }
    settings |= {f"spark.executorEnv.{name}": value for name, value in S3.items()}
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def resolved(out):
    environment = os.environ | {"PYTHONPATH": os.environ["DRIVER"]}
    ran = subprocess.run([sys.executable, "-m", "vtr", "resolve", out, "--json"], env=environment, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def published(out):
    """Every file of the newest version: table, week, rows and the digest of its bytes."""
    return {
        (table["table"], file["week"], file["rows"], file["sha256"])
        for table in resolved(out)["tables"]
        for file in table["files"]
    }


def case(name):
    def run(function):
        began = time.monotonic()
        try:
            said = function()
            PASSED.append(name)
            print(f"ok      {name}: {said} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as error:
            FAILED.append(name)
            print(f"FAILED: {name}: {error}", flush=True)
            traceback.print_exc()

    return run


def same(job, out, without=(), spark_job=None, **options):
    """Runs a job by both and compares; returns how many files are the same."""
    ours, theirs = f"{out}/run", f"{out}/spark"
    named = {key: options.pop(key) for key in ("units_per_task", "buckets", "staging", "table") if key in options}
    vtr.run(job, out=ours, **options)
    report = vtr.spark.run(spark, spark_job or job, out=theirs, **named, **options)
    assert report["outcome"] == "published", report
    one, other = published(ours), published(theirs)
    one, other = ({file for file in files if file[0] not in without} for files in (one, other))
    assert len(one) > 3
    assert one == other, f"{len(one ^ other)} files differ: {sorted(map(str, one ^ other))[:6]}"
    left = glob.glob(f"{theirs}/_parts/*")
    assert not left, f"parts are left: {left}"
    return f"{len(one)} files, 0 differing bytes, {report['counts']['read']} rows"


def job_of(name, path, more_input=""):
    at = f"{WORK}/{name}.toml"
    with open(at, "w") as file:
        file.write(f'name = "{name}"\nas_of = "{AS_OF}"\n[[input]]\npath = "{path}"\n{more_input}\n[output]\npath = "out/{name}"\n')
    return at


def generate(folder, *words):
    environment = os.environ | {"PYTHONPATH": os.environ["DRIVER"]}
    subprocess.run([sys.executable, "-m", "vtr", "gen", "--rows", str(ROWS), "--seed", "11", "--dirt", *words, folder],
                   env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def executors():
    """The processes of this session's executors."""
    found = []
    for place in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(place).read()
        except OSError:
            continue
        if "CoarseGrainedExecutorBackend" in words and spark.sparkContext.applicationId in words:
            found.append(int(place.split("/")[2]))
    return found


def recomputed():
    """Map tasks of stages that were submitted again."""
    again = 0
    for log in glob.glob(f"{EVENTS}/*"):
        for line in open(log):
            event = json.loads(line)
            if event.get("Event") == "SparkListenerTaskEnd" and event["Task Type"] == "ShuffleMapTask":
                again += event["Stage Attempt ID"] > 0 and event["Task End Reason"]["Reason"] == "Success"
    return again


AS_OF = "2025-12-31"
shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK)
spark = session()
spark.sparkContext.setLogLevel("ERROR")


@case("the package is shipped")
def shipped():
    import pyarrow as pa

    def where(batches):
        import vtr as package

        for batch in batches:
            yield pa.RecordBatch.from_pydict({"at": [os.path.realpath(package.__file__)] * batch.num_rows})

    places = {row.at for row in spark.range(0, 4, 1, 4).mapInArrow(where, "at string").collect()}
    assert places and all("vtr_package" in place or "local" in place for place in places), places
    assert not any(place.startswith(os.environ["DRIVER"]) for place in places), places
    return f"workers import it from {len(places)} unpacked archives"


@case("sample")
def sample():
    return same(f"{ROOT}/jobs/weekly.toml", f"{WORK}/sample", units_per_task=2, buckets=3)


@case("sample, a range of weeks")
def weeks():
    return same(f"{ROOT}/jobs/weekly.toml", f"{WORK}/weeks", from_="2025-W03", to="2025-W08")


@case("sample, identity = order")
def order():
    return same(f"{ROOT}/jobs/weekly.toml", f"{WORK}/order", units_per_task=1, buckets=5, set={"identity": "order"})


@case("sample, a task and a bucket")
def one():
    return same(f"{ROOT}/jobs/weekly.toml", f"{WORK}/one", units_per_task=10_000, buckets=1)


generate(f"{WORK}/parquet")
PARQUET = job_of("parquet", f"{WORK}/parquet/**/*.parquet")
generate(f"{WORK}/csv", "--format", "csv")
CSV = job_of("csv", f"{WORK}/csv/**/*.csv*")


@case("generated Parquet with dirt and copies")
def parquet():
    return same(PARQUET, f"{WORK}/parquet-out", units_per_task=1, buckets=16)


@case("generated CSV with dirt and copies")
def csv():
    return same(CSV, f"{WORK}/csv-out", units_per_task=1)


@case("a worker killed, and its map output lost")
def killed():
    context, stop, dead = spark.sparkContext, threading.Event(), []

    def kill():
        # Once both workers have parts and are settling them, one worker ends, and its parts are lost.
        tracker = context.statusTracker()
        while not stop.wait(0.01):
            for stage in tracker.getActiveStageIds():
                info = tracker.getStageInfo(stage)
                if info and info.numTasks == BUCKETS and 1 <= info.numCompletedTasks < BUCKETS // 2 and not dead:
                    processes = executors()
                    if len(processes) == 2:
                        os.kill(processes[0], signal.SIGKILL)
                        dead.append(processes[0])

    BUCKETS = 48
    thread = threading.Thread(target=kill)
    thread.start()
    try:
        said = same(PARQUET, f"{WORK}/killed-out", units_per_task=1, buckets=BUCKETS)
    finally:
        stop.set()
        thread.join()
    assert dead, "no worker was killed in time"
    again = recomputed()
    assert again > 0, "the event log shows no recomputed task"
    return f"{said}; {again} map tasks were computed again"


@case("S3")
def objects():
    import boto3

    client = boto3.client("s3", endpoint_url=S3["AWS_ENDPOINT_URL"], region_name="us-east-1",
                          aws_access_key_id="testing", aws_secret_access_key="testing")
    client.create_bucket(Bucket="history")
    for path in glob.glob(f"{ROOT}/sample_data/shipments/*.parquet"):
        client.upload_file(path, "history", f"in/{os.path.basename(path)}")
    job = job_of("objects", "s3://history/in/*.parquet")
    said = same(job, f"s3://history/{pyspark.__version__}", units_per_task=1, buckets=2)
    listed = client.list_objects_v2(Bucket="history", Prefix=f"{pyspark.__version__}/spark/_parts")
    assert listed["KeyCount"] == 0, listed
    return said


TIE = ("rejects", "input_files")


@case("table mode")
def table():
    # The session's zone differs from the rows' and from the machine's: instants must not change.
    rows = spark.read.parquet(f"{ROOT}/sample_data/shipments")
    rows = rows.withColumnRenamed("order_id", "Order ID")
    job = job_of("table", f"{ROOT}/sample_data/shipments/*.parquet")
    mapped = job_of("mapped", "unused.parquet", more_input='[input.columns]\norder_id = "order id"')
    return same(job, f"{WORK}/table", without=TIE, spark_job=mapped, table=rows)


@case("table mode refuses what it cannot do")
def refusals():
    rows = spark.read.parquet(f"{ROOT}/sample_data/shipments")
    job = job_of("refused", "unused.parquet")
    from pyspark.sql import functions as F

    cases = [
        ("identity = \"order\"", {"table": rows, "set": {"identity": "order"}}),
        ("no column `order_id`", {"table": rows.drop("order_id")}),
        ("TIMESTAMP_NTZ", {"table": rows.withColumn("shipped_at", F.col("shipped_at").cast("timestamp_ntz"))}),
    ]
    for text, options in cases:
        try:
            vtr.spark.run(spark, job, out=f"{WORK}/refused", **options)
            raise AssertionError(f"not refused: {text}")
        except vtr.UsageError as error:
            assert text in str(error), error
    return f"{len(cases)} refusals by name"


@case("an input that is gone fails in the engine's words")
def gone():
    try:
        vtr.spark.run(spark, job_of("gone", f"{WORK}/nowhere/*.parquet"))
        raise AssertionError("not refused")
    except vtr.InputError as error:
        return str(error).splitlines()[0]


spark.stop()
print(f"Spark {pyspark.__version__}, {ROWS} generated rows")
print(f"{len(PASSED)} passed, {len(FAILED)} failed")
sys.exit(1 if FAILED else 0)
