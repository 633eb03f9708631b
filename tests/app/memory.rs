//! Tests that a run keeps to its memory limit, and that figures do not depend on it.

use crate::support::{contents, ok, table};
use std::fmt::Write;
use std::path::Path;

const SMALL: u64 = 256 << 20;

/// Runs a job and returns its report.
fn report(job: &Path, out: &Path, extra: &[&str]) -> serde_json::Value {
    let (job, out) = (job.display().to_string(), out.display().to_string());
    let mut args = vec!["run", &job, "--quiet", "--json", "--out", &out];
    args.extend(extra);
    serde_json::from_str(&ok(&args)).unwrap()
}

fn job(folder: &Path, input: &str, rest: &str) -> std::path::PathBuf {
    let path = folder.join("job.toml");
    let text = format!(
        "name = \"memory\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"{input}\"\n[output]\npath = \"out\"\n{rest}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn what_does_not_fit_goes_to_disk_and_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history").display().to_string();
    ok(&["gen", "--rows", "1500000", "--seed", "5", "--from", "2024-11-01", "--to", "2025-05-31", &history]);
    let job = job(folder.path(), "history/shipments/*", "");
    for identity in ["package", "order"] {
        let set = format!("identity={identity}");
        let roomy =
            report(&job, &folder.path().join(format!("roomy-{identity}")), &["--set", &set, "--memory", "8 GiB"]);
        let small =
            report(&job, &folder.path().join(format!("small-{identity}")), &["--set", &set, "--memory", "256 MiB"]);
        assert_eq!(roomy["spilled_bytes"], 0);
        assert!(small["spilled_bytes"].as_u64().unwrap() > 50 << 20, "{}", small["spilled_bytes"]);
        assert!(small["peak_rss_bytes"].as_u64().unwrap() <= SMALL, "{}", small["peak_rss_bytes"]);
        let published = |name: &str| contents(&folder.path().join(format!("{name}-{identity}")));
        assert!(published("small").len() > 100);
        assert_eq!(published("small"), published("roomy"));
    }
}

#[test]
fn three_hundred_thousand_sellers_in_one_file_fit() {
    let folder = tempfile::tempdir().unwrap();
    let mut text =
        String::from("seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,first_scan_at\n");
    for seller in 0..300_000 {
        writeln!(text, "A{seller:013},DE,305-{seller},DHL,N/A,2025-06-05,").unwrap();
    }
    std::fs::write(folder.path().join("in.csv"), text).unwrap();
    let job = job(folder.path(), "in.csv", "");
    let report = report(&job, &folder.path().join("out"), &["--memory", "256 MiB"]);
    assert_eq!(report["counts"]["defect"], 300_000);
    assert!(report["peak_rss_bytes"].as_u64().unwrap() <= SMALL, "{}", report["peak_rss_bytes"]);
    let tables = report["tables"].as_array().unwrap();
    let rows = |name: &str| tables.iter().find(|table| table["table"] == name).unwrap()["rows"].as_u64().unwrap();
    assert_eq!((rows("vtr_weekly"), rows("defects")), (300_000, 300_000));
    assert_eq!(table(&folder.path().join("out"), "carrier_names").len(), 1);
}

#[test]
fn too_little_memory_is_refused_and_too_many_names_are_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.csv"), "seller_id,marketplace,order_id,shipped_at\n").unwrap();
    let job = job(folder.path(), "in.csv", "");
    let said = crate::support::fails(2, &["run", &job.display().to_string(), "--memory", "100 MiB"]);
    assert!(said.contains("at least 256 MiB"), "{said}");
}
