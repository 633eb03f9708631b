//! Tests of what a run leaves for monitoring: metrics, lineage, JSON on stderr.

use crate::support::{text, vtr_in};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

const CSV: &str = "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,first_scan_at\n\
    A1,DE,305-1,DHL,00340434161094022115,2025-06-05,2025-06-03T10:00:00Z\nA1,DE,305-2,DHL,N/A,2025-06-05,\n";
const JOB: &str =
    "name = \"we\\\"ekly\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"in/*.csv\"\n[output]\npath = \"out\"\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in/a.csv"), CSV).unwrap();
    fs::write(folder.path().join("job.toml"), JOB).unwrap();
    folder
}

fn watched(at: &Path, extra: &[&str]) -> Output {
    let watch = ["--metrics", "vtr.prom", "--lineage", "lineage.jsonl", "--log-format", "json"];
    vtr_in(at, &[&["run", "job.toml"], watch.as_slice(), extra].concat())
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

#[test]
fn metrics_follow_each_run_that_ends_well_or_not() {
    let folder = folder();
    let at = folder.path();
    let metrics = || fs::read_to_string(at.join("vtr.prom")).unwrap();
    let holds = |series: &str| metrics().lines().any(|line| line == series.replace("JOB", "job=\"we\\\"ekly\""));
    assert!(watched(at, &[]).status.success());
    for series in [
        "vtr_run_success{JOB} 1",
        "vtr_run_outcome{JOB,outcome=\"published\"} 1",
        "vtr_run_outcome{JOB,outcome=\"failed\"} 0",
        "vtr_run_rows{JOB,fate=\"valid\"} 1",
        "vtr_run_rows{JOB,fate=\"defect\"} 1",
        "vtr_run_rows_read{JOB} 2",
        "vtr_published_version{JOB} 1",
        "vtr_run_as_of_timestamp_seconds{JOB} 1751241600",
        "vtr_table_rows{JOB,table=\"defects\"} 1",
    ] {
        assert!(holds(series), "{series}: {}", metrics());
    }
    assert!(watched(at, &[]).status.success());
    assert!(holds("vtr_run_outcome{JOB,outcome=\"unchanged\"} 1") && holds("vtr_run_success{JOB} 1"), "{}", metrics());
    assert!(watched(at, &["--stale"]).status.success());
    assert!(holds("vtr_run_outcome{JOB,outcome=\"unchanged\"} 1") && holds("vtr_run_success{JOB} 1"), "{}", metrics());
    fs::write(at.join("in/a.csv"), CSV.replace(",DE,", ",Narnia,")).unwrap();
    assert_eq!(watched(at, &[]).status.code(), Some(4));
    for series in ["vtr_run_success{JOB} 0", "vtr_run_exit_code{JOB} 4", "vtr_run_rows{JOB,fate=\"rejected\"} 2"] {
        assert!(holds(series), "{series}: {}", metrics());
    }
    fs::write(at.join("job.toml"), "name = 7").unwrap();
    assert_eq!(watched(at, &[]).status.code(), Some(2));
    assert!(metrics().contains("vtr_run_success{job=\"job.toml\"} 0"), "a job without a name: {}", metrics());
    let nowhere = vtr_in(at, &["run", "job.toml", "--metrics", "gone/vtr.prom"]);
    assert!(nowhere.status.code() == Some(2) && text(&nowhere.stderr).contains("gone/vtr.prom"));
}

#[test]
fn lineage_has_a_start_and_an_end_of_each_run() {
    let folder = folder();
    let at = folder.path();
    assert!(watched(at, &[]).status.success());
    assert_eq!(watched(at, &["--set", "input.0.path=gone.csv"]).status.code(), Some(3));
    let events = objects(&fs::read_to_string(at.join("lineage.jsonl")).unwrap());
    let kinds: Vec<&str> = events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["START", "COMPLETE", "START", "FAIL"]);
    assert_eq!(events[0]["run"]["runId"], events[1]["run"]["runId"]);
    assert_ne!(events[1]["run"]["runId"], events[2]["run"]["runId"]);
    assert_eq!(events[1]["job"]["name"], "we\"ekly");
    assert!(events[1]["inputs"][0]["name"].as_str().unwrap().ends_with("/in"), "{}", events[1]);
    let outputs = events[1]["outputs"].as_array().unwrap();
    let defects = outputs.iter().find(|data| data["name"].as_str().unwrap().ends_with("out/data/defects")).unwrap();
    let statistics = &defects["outputFacets"]["outputStatistics"];
    assert_eq!((statistics["rowCount"].as_u64(), statistics["fileCount"].as_u64()), (Some(1), Some(1)));
    let message = events[3]["run"]["facets"]["errorMessage"]["message"].as_str().unwrap();
    assert!(message.contains("gone.csv"), "{message}");
    assert!(events[1]["run"]["facets"]["errorMessage"].is_null());
}

#[test]
fn with_json_logs_every_line_of_stderr_is_an_object() {
    let folder = folder();
    let at = folder.path();
    let good = watched(at, &["--json"]);
    let said = objects(&text(&good.stderr));
    let summary = said.iter().find(|line| line["code"] == 0).expect("a summary with its code");
    assert!(summary["level"] == "INFO" && summary["message"].as_str().unwrap().contains("published"), "{said:?}");
    assert!(serde_json::from_slice::<Value>(&good.stdout).unwrap()["ended_at"].is_string(), "stdout is as ever");
    fs::write(at.join("in/a.csv"), CSV.replace("N/A,2025", "N/A,x2025")).unwrap();
    let bad = watched(at, &[]);
    assert_eq!(bad.status.code(), Some(4));
    let said = objects(&text(&bad.stderr));
    let last = said.last().unwrap();
    assert!(last["level"] == "ERROR" && last["code"] == 4, "{said:?}");
    assert!(!last["message"].as_str().unwrap().starts_with("error"), "{last}");
    assert!(said.iter().any(|line| line["level"] == "WARN" && line["code"].is_null()), "{said:?}");
    let other = vtr_in(at, &["verify", "nowhere", "--log-format", "json"]);
    assert_eq!(objects(&text(&other.stderr)).last().unwrap()["level"], "ERROR");
}
