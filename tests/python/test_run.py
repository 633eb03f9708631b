"""Jobs from Python: reports, published tables, errors by exit code, and Ctrl-C."""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vtr
from conftest import ROOT

JOB = ROOT / "jobs/weekly.toml"


def test_the_report_is_that_of_the_program(published):
    out, report = published
    assert report["outcome"] == "published" and report["version"] == 1
    assert report["counts"]["rejected"] == 2
    stored = json.loads(next(pathlib.Path(out, "_runs").glob("*/report.json")).read_text())
    assert stored == report
    assert vtr.run(JOB, out=out, set=["deduplicate=false", "output.judged_weeks=500",
                                      'output.tables=["vtr_weekly", "account_health", "judged", "rejects"]'])["outcome"] == "unchanged"


def test_tables_in_every_library(published):
    out, report = published
    output = vtr.Output(out)
    assert output.tables() == ["vtr_weekly", "account_health", "judged", "rejects"]
    table = weekly = output.table("vtr_weekly")
    rows = next(one["rows"] for one in report["tables"] if one["table"] == "vtr_weekly")
    assert (table.name, table.version, table.num_rows) == ("vtr_weekly", 1, rows)
    arrow = pa.table(table)
    files = sorted(pathlib.Path(out, "data/vtr_weekly").rglob("*.parquet"))
    assert len(files) > 20
    stored = pa.concat_tables(pq.ParquetFile(file).read() for file in files)
    order = [(name, "ascending") for name in ("week_start", "seller_id", "marketplace", "programme", "carrier")]
    assert arrow.sort_by(order).equals(stored.cast(arrow.schema).sort_by(order))
    assert pl.DataFrame(table).height == rows and len(pd.DataFrame.from_arrow(table)) == rows
    valid = sum(arrow["valid"].to_pylist())
    assert duckdb.sql("SELECT sum(valid) FROM weekly").fetchall() == [(valid,)]
    assert report["counts"]["valid"] == valid


def test_an_older_version_is_there(tmp_path):
    for as_of in ("2025-04-30", "2025-05-31"):
        vtr.run(JOB, out=tmp_path / "out", as_of=as_of, set={"output.tables": ["vtr_weekly"]})
    output = vtr.Output(str(tmp_path / "out"))
    first, second = output.table("vtr_weekly", version=1), output.table("vtr_weekly")
    assert (first.version, second.version) == (1, 2)
    assert not pa.table(first).equals(pa.table(second))
    with pytest.raises(vtr.UsageError, match="3"):
        output.table("vtr_weekly", version=3)


def test_health(published):
    rows = vtr.health(published[0])
    table = pa.table(vtr.Output(published[0]).table("account_health"))
    assert len(rows) == table.num_rows and set(rows[0]) == set(table.column_names)
    assert rows[0]["status"] == "breach"
    assert len(vtr.health(published[0], limit=2)) == 2
    with pytest.raises(vtr.GateError, match="--fail-on breach: "):
        vtr.health(published[0], fail_on=["breach"])


def test_plan(published, tmp_path):
    steps = dict(vtr.plan(JOB, out=tmp_path / "out"))
    assert steps["job"] == "weekly" and steps["as of"] == "2025-05-31" and steps["stands"] == "nothing yet"
    assert not (tmp_path / "out").exists()


def refused(**options):
    with pytest.raises(vtr.VtrError) as caught:
        vtr.run(**options)
    return caught.value


def program(*words):
    return subprocess.run([sys.executable, "-m", "vtr", *map(str, words)], capture_output=True, text=True)


def test_errors_by_exit_code_in_the_programs_words(tmp_path):
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    (tmp_path / "jobs").mkdir()
    job = shutil.copy(JOB, tmp_path / "jobs")
    out = tmp_path / "out"
    cases = [
        (vtr.UsageError, 2, {"job": tmp_path / "none.toml"}),
        (vtr.UsageError, 2, {"job": job, "set": {"no.such.key": 1}}),
        (vtr.UsageError, 2, {"job": job, "from_": "2025-W03", "full": True}),
        (vtr.InputError, 3, {"job": job, "set": {"input.0.path": "../sample_data/nothing/*.parquet"}}),
        (vtr.GateError, 4, {"job": job, "set": {"limits.max_rejected": 0}}),
    ]
    for kind, code, options in cases:
        error = refused(out=out, **options)
        assert type(error) is kind and error.exit_code == code
        words = [f"--from={options['from_']}"] if "from_" in options else []
        words += ["--full"] if options.get("full") else []
        words += [f"--set={key}={value}" for key, value in options.get("set", {}).items()]
        ran = program("run", "--quiet", f"--out={out}", *words, "--", options["job"])
        assert ran.returncode == code
        assert str(error).splitlines()[0].removeprefix("error: ") in ran.stderr
        with pytest.raises(vtr.InputError, match="nothing is published there"):
            vtr.Output(out).tables()
    with pytest.raises(vtr.InputError, match="nothing is published there"):
        vtr.Output(tmp_path / "none").table("vtr_weekly")
    with pytest.raises(vtr.UsageError, match="`vtr_monthly` is no table"):
        vtr.Output(tmp_path / "none").table("vtr_monthly")


def test_the_program_is_in_the_package(published):
    ran = program("health", published[0], "--format", "json", "--limit", "1")
    assert ran.returncode == 0 and json.loads(ran.stdout) == vtr.health(published[0], limit=1)


def test_files_are_tried_in_processes_of_their_own(tmp_path):
    assert vtr.run(JOB, out=tmp_path / "out", set={"input.0.isolate": True})["counts"]["read"] == 9000
    damaged = tmp_path / "damaged.parquet"
    whole = (ROOT / "sample_data/shipments/2025-01.parquet").read_bytes()
    damaged.write_bytes(whole[:4000] + bytes(2000) + whole[6000:])
    with pytest.raises(vtr.InputError, match="damaged.parquet"):
        vtr.run(JOB, out=tmp_path / "other", set={"input.0.isolate": True, "input.0.path": str(damaged)})


def test_other_threads_go_on(tmp_path):
    ticks = []
    done = threading.Event()

    def tick():
        while not done.wait(0.005):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.monotonic()
    vtr.run(JOB, out=tmp_path / "out", full=True)
    ended = time.monotonic()
    done.set()
    thread.join()
    during = [tick for tick in ticks if began < tick < ended]
    assert len(during) > (ended - began) / 0.05


def test_ctrl_c_stops_a_run_with_nothing_half_done(tmp_path):
    history = tmp_path / "history"
    assert program("gen", "--rows", "3000000", "--seed", "5", history).returncode == 0
    job = tmp_path / "job.toml"
    job.write_text(f'name = "long"\nas_of = "today"\n[[input]]\npath = "{history}/**/*.parquet"\n[output]\npath = "out"\n')
    code = f"import vtr\ntry:\n    vtr.run({str(job)!r}, threads=1)\nexcept KeyboardInterrupt as stopped:\n    print('stopped:', stopped)\n" \
           f"print(vtr.plan({str(job)!r})[0])"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "out").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    said, _ = process.communicate(timeout=60)
    assert time.monotonic() - sent < 10
    assert "stopped: stopped by signal 2; nothing was published" in said, said
    assert "('job', 'long')" in said and process.returncode == 0
    assert not list(tmp_path.glob("out/_log/*"))


def test_shares_give_the_bytes_of_a_run(tmp_path):
    units, parts = tmp_path / "units.json", tmp_path / "parts"
    assert vtr.plan(JOB, out=tmp_path / "spread", units=units, buckets=3) == []
    assert json.loads(units.read_text())["buckets"] == 3
    for index in (3, 1, 2, 1):
        vtr.fold(JOB, units, f"{index}/3", parts)
    report = vtr.finish(JOB, units, parts)
    assert report["outcome"] == "published" and report["counts"]["read"] == 9000
    vtr.run(JOB, out=tmp_path / "one")

    def files(out):
        data = tmp_path / out / "data"
        return {str(file.relative_to(data)): file.read_bytes() for file in data.rglob("*.parquet")}

    spread, one = files("spread"), files("one")
    assert len(one) > 100 and spread == one


def test_a_missing_share_is_refused_by_name(tmp_path):
    units, parts = tmp_path / "units.json", tmp_path / "parts"
    vtr.plan(JOB, out=tmp_path / "out", units=units)
    vtr.fold(JOB, units, "1/2", parts)
    with pytest.raises(vtr.InputError, match="2"):
        vtr.finish(JOB, units, parts)
