//! Ranges on a generated history: a backfill in batches is the full run, and a week reads its share.

use crate::support::ok;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// 104 weeks of shipments sorted by date, in as many files.
fn history(folder: &Path, rows: &str, files: &str) {
    let out = folder.join("history").display().to_string();
    ok(&["gen", "--rows", rows, "--seed", "11", "--from", "2024-01-01", "--to", "2025-12-28", "--files", files, &out]);
}

fn job(folder: &Path, rest: &str) -> String {
    let text = format!(
        "name = \"ranges\"\nas_of = \"2026-01-20\"\n{rest}\n[[input]]\npath = \"history/shipments/*\"\n[output]\npath = \"out\"\n"
    );
    let path = folder.join("job.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn run(job: &str, out: &Path, extra: &[&str]) -> Value {
    let out = out.display().to_string();
    let said = ok(&[&["run", job, "--quiet", "--json", "--out", &out], extra].concat());
    said.lines().last().map(|_| serde_json::from_str(&said).unwrap()).unwrap()
}

/// The share of the bytes that a full run of the same job reads.
fn share(job: &str, folder: &Path, weeks: [&str; 2], extra: &[&str]) -> f64 {
    let bytes = |report: Value| report["bytes_read"].as_u64().unwrap() as f64;
    let name = |kind: &str| -> PathBuf { folder.join(format!("{kind}{}", extra.len())) };
    let whole = bytes(run(job, &name("whole"), extra));
    let one = bytes(run(job, &name("one"), &[extra, &["--from", weeks[0], "--to", weeks[1]]].concat()));
    one / whole
}

#[test]
fn a_scheduled_week_reads_its_share_of_a_long_history() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), "60000", "208");
    let job = job(folder.path(), "");
    let lean = ["--set", "deduplicate=false", "--set", "output.tables=[\"vtr_weekly\"]", "--set", "name=lean"];
    let weeks = ["2025-W45", "2025-W45"];
    let bare = share(&job, folder.path(), weeks, &lean);
    assert!(bare < 0.05, "vtr_weekly alone without deduplication: {bare}");
}
