"""The shared fixtures of the wheel's tests: the repository, and the sample published once."""

import pathlib

import pytest

import vtr

ROOT = pathlib.Path(__file__).resolve().parents[2]
AS_OF = "2025-05-31"
RATES = ROOT / "sample_data/eurofxref-hist.csv"


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Returns the sample, with every row counted, and with the list of judged rows."""
    out = tmp_path_factory.mktemp("sample") / "out"
    report = vtr.run(
        ROOT / "jobs/weekly.toml",
        out=out,
        set={"deduplicate": False, "output.judged_weeks": 500,
             "output.tables": ["vtr_weekly", "account_health", "judged", "rejects"]},
    )
    return out, report
