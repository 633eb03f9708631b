//! Tests of verbs, exit codes and messages as people and schedulers see them.

use crate::support::{cell, fails, files, ok, root, table, text, vtr};
use std::fs;
use std::path::Path;

const HEADINGS: &str = "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,first_scan_at\n";

/// A folder with a CSV history of these lines and a job that reads it.
fn job(lines: &str, rest: &str) -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), format!("{HEADINGS}{lines}")).unwrap();
    let job_text = format!(
        "name = \"test\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"in.csv\"\n[output]\npath = \"out\"\n{rest}"
    );
    fs::write(folder.path().join("job.toml"), job_text).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (job, out) = (path("job.toml"), path("out"));
    (folder, job, out)
}

const GOOD: &str = "A1,DE,305-1,DHL,00340434161094022115,2025-06-05,2025-06-03T10:00:00Z\n";

#[test]
fn the_jobs_of_the_repository_run_as_they_stand() {
    let out = tempfile::tempdir().unwrap();
    for name in ["weekly", "backfill", "format-evidence", "assemble"] {
        let target = out.path().join(name);
        ok(&[
            "run",
            &root().join(format!("jobs/{name}.toml")).display().to_string(),
            "--quiet",
            "--out",
            &target.display().to_string(),
        ]);
        assert!(!table(&target, "vtr_weekly").is_empty(), "{name}");
    }
}

#[test]
fn a_run_can_be_planned_explained_listed_judged_and_verified() {
    let bad = "A1,DE,305-2,DHL,N/A,2025-06-05,\n";
    let (_folder, job, out) = job(&format!("{GOOD}{bad}"), "");
    let planned = ok(&["plan", &job]);
    assert!(planned.contains("vtr_weekly") && planned.contains("nothing yet"), "{planned}");
    assert!(!Path::new(&out).exists(), "a plan writes nothing");
    let report: serde_json::Value = serde_json::from_str(&ok(&["run", &job, "--json", "--quiet"])).unwrap();
    assert_eq!((report["counts"]["valid"].as_u64(), report["counts"]["defect"].as_u64()), (Some(1), Some(1)));
    let story = ok(&["explain", &job, "--seller", "A1", "--order", "305-2"]);
    assert!(story.contains("tracking_placeholder") && story.contains("Replace the filler"), "{story}");
    let defects = ok(&["defects", &out, "--format", "csv"]);
    assert!(defects.lines().count() == 2 && defects.contains("305-2"), "{defects}");
    assert!(ok(&["defects", &out, "--format", "csv", "--reason", "scan_missing"]).lines().count() == 1);
    assert!(ok(&["health", &out]).contains("A1"));
    ok(&["verify", &out]);
    assert!(ok(&["resolve", &out, "--table", "vtr_weekly"]).contains("week=2025-06-02"));
    ok(&["gc", &out, "--dry-run"]);
}

#[test]
fn every_list_is_written_for_people_spreadsheets_and_programs() {
    let bad = "A1,DE,305-2,DHL,N/A,2025-06-05,\n";
    let (_folder, job, out) = job(&format!("{GOOD}{bad}"), "");
    ok(&["run", &job, "--quiet"]);
    let lists: [(&[&str], &str); 18] = [
        (&["plan", &job], "step"),
        (&["explain", &job, "--seller", "A1", "--order", "305-2"], "seller_id"),
        (&["defects", &out], "order_id"),
        (&["health", &out], "seller_id"),
        (&["worklist", &out, "--today", "2000-01-01"], "seller_id"),
        (&["carriers"], "carrier"),
        (&["carriers", "DHL", "--number", "00340434161094022115"], "finding"),
        (&["carriers", "DHL", "--ship-from", "DE"], "finding"),
        (&["carriers", "--number", "1Z8A4W210315764208"], "finding"),
        (&["book", "show"], "marketplace"),
        (&["book", "show", "GB", "--on", "2025-01-15"], "says"),
        (&["book", "diff", "embedded", "embedded"], "change"),
        (&["book", "check"], "digest"),
        (&["tables"], "table"),
        (&["tables", "defects"], "column"),
        (&["resolve", &out], "path"),
        (&["verify", &out], "path"),
        (&["gc", &out, "--dry-run"], "files"),
    ];
    let of = |list: &[&str], option: &[&str]| ok(&[list, option].concat());
    for (list, column) in lists {
        let csv = of(list, &["--format", "csv"]);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let heads = reader.headers().unwrap().clone();
        assert!(heads.iter().any(|head| head == column), "{list:?}: {heads:?}");
        let rows = reader.records().map(Result::unwrap).count();
        assert!(rows > 0 || matches!(list, ["verify", ..] | ["book", "diff", ..]), "{list:?}: {csv}");
        let json = of(list, &["--format", "json"]);
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        if let Some(all) = parsed.as_array() {
            assert_eq!(all.len(), rows, "{list:?}");
            assert!(all.iter().all(|row| row.get(column).is_some()), "{list:?}: {json}");
        }
        assert_eq!(json, of(list, &["--json"]), "{list:?}");
        assert_eq!(of(list, &[]), of(list, &["--format", "table"]), "{list:?}");
    }
}

#[test]
fn verify_finds_a_damaged_file() {
    let (_folder, job, out) = job(GOOD, "");
    ok(&["run", &job, "--quiet"]);
    let file = files(&Path::new(&out).join("data/vtr_weekly")).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&file).unwrap(); // the hard link under current/ keeps its own bytes
    fs::write(&file, bytes).unwrap();
    let output = vtr(&["verify", &out]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("data/vtr_weekly"), "{}", text(&output.stdout));
}

#[test]
fn too_many_rejects_publish_nothing_and_are_kept() {
    let (_folder, job, out) = job(&format!("{GOOD}A1,Narnia,305-3,DHL,1,2025-06-05,\n"), "");
    let said = fails(4, &["run", &job, "--quiet"]);
    assert!(said.contains("1 of 2 rows were rejected"), "{said}");
    assert!(!Path::new(&out).join("current").exists());
    let kept = files(&Path::new(&out).join("_runs"));
    assert_eq!(kept.len(), 1, "the rejects of the run are kept");
    ok(&["run", &job, "--quiet", "--set", "limits.max_rejected=50%"]);
    let rejects = table(Path::new(&out), "rejects");
    assert_eq!(rejects.len(), 1);
    let row = &rejects[0];
    assert_eq!(
        [cell(row, "file"), cell(row, "record"), cell(row, "line"), cell(row, "column"), cell(row, "value")],
        ["in.csv", "2", "3", "marketplace", "Narnia"]
    );
}

#[test]
fn health_turns_into_an_exit_code() {
    let bad = "A1,DE,305-2,DHL,N/A,2025-06-05,\n";
    let (_folder, job, out) = job(bad, "");
    ok(&["run", &job, "--quiet"]);
    fails(4, &["health", &out, "--fail-on", "breach"]);
    assert!(ok(&["health", &out]).contains("too few to judge"));
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_mend() {
    let (folder, job, _) = job(GOOD, "");
    let job_text = fs::read_to_string(&job).unwrap();
    let with = |bad: String| {
        fs::write(folder.path().join("bad.toml"), bad).unwrap();
        folder.path().join("bad.toml").display().to_string()
    };
    let unknown = fails(2, &["run", &with(job_text.replace("as_of", "asof"))]);
    assert!(unknown.contains("bad.toml:2") && unknown.contains("as_of"), "{unknown}");
    let missing = fails(3, &["run", &with(job_text.replace("in.csv", "gone.csv"))]);
    assert!(missing.contains("gone.csv"), "{missing}");
    let heading =
        fails(3, &["run", &with(job_text.replace("[output]", "[input.columns]\ncarrier = \"carier\"\n[output]"))]);
    assert!(heading.contains("carier") && heading.contains("carrier"), "{heading}");
    assert!(fails(2, &["run", &job, "--from", "2025-W99"]).contains("2025-W99"));
    assert!(fails(2, &["run", "nowhere.toml"]).contains("nowhere.toml"));
    assert!(fails(3, &["explain", &job, "--seller", "A1", "--order", "none"]).contains("none"));
    fails(2, &["frobnicate"]);
}

#[test]
fn an_output_belongs_to_one_job_and_one_kind_of_evidence() {
    let (_folder, job, _) = job(GOOD, "");
    ok(&["run", &job, "--quiet"]);
    assert!(fails(2, &["run", &job, "--quiet", "--set", "name=other"]).contains("belongs to job"));
    assert!(fails(2, &["run", &job, "--quiet", "--set", "evidence=format"]).contains("evidence"));
}

#[test]
fn the_book_is_shown_checked_and_compared() {
    assert!(ok(&["book", "show", "GB", "--on", "2025-01-15"]).contains("gb-2025-01-15"));
    ok(&["book", "check"]);
    assert_eq!(ok(&["book", "diff", "embedded", "embedded"]).lines().count(), 1);
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("book");
    for entry in walkdir::WalkDir::new(root().join("src/kernel/book")) {
        let entry = entry.unwrap();
        let target = book.join(entry.path().strip_prefix(root().join("src/kernel/book")).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap()
        } else {
            fs::copy(entry.path(), target).map(|_| ()).unwrap()
        }
    }
    let policy = book.join("policies/gb.toml");
    let rules = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, rules.replacen("at_least = \"0.95\"", "at_least = \"0.96\"", 1)).unwrap();
    let shown = book.display().to_string();
    let out = folder.path().join("out").display().to_string();
    ok(&["book", "check", &shown]);
    for books in [vec!["--book", "embedded"], vec!["--book", &shown], vec!["--book", "embedded", "--book", &shown]] {
        let planned = ok(&[vec!["plan", "jobs/weekly.toml", "--out", &out], books.clone()].concat());
        assert!(planned.contains("shipments"), "{books:?}: {planned}");
    }
    assert!(ok(&["book", "diff", "embedded", &shown]).contains("0.96"));
    fs::write(&policy, rules.replacen("scans = 1", "scans = 7\nscan = 1", 1)).unwrap();
    let said = fails(2, &["book", "check", &shown]);
    assert!(said.contains("policies/gb.toml:") && said.contains("scan"), "{said}");
}

#[test]
fn carriers_says_what_a_name_is_taken_for_and_what_is_wrong_with_a_number() {
    assert!(ok(&["carriers", "Royal Mail Tracked 48"]).contains("royal_mail"));
    let said = ok(&["carriers", "DPD", "--number", "1Z5R89390357567127"]);
    assert!(said.contains("ups"), "{said}");
}

#[test]
fn help_completions_man_and_schema_are_there() {
    for verb in
        ["run", "plan", "explain", "defects", "health", "carriers", "book", "gen", "resolve", "verify", "gc", "inspect"]
    {
        assert!(ok(&["help", verb]).contains("Example"), "{verb}");
    }
    assert!(ok(&["completions", "bash"]).contains("vtr"));
    assert!(ok(&["man"]).contains(".TH"));
    let schema: serde_json::Value = serde_json::from_str(&ok(&["job", "schema"])).unwrap();
    assert!(schema["properties"]["input"].is_object());
    assert!(String::from_utf8_lossy(&vtr(&["--version"]).stdout).starts_with("vtr "));
}

#[test]
fn published_weeks_do_not_vanish_unnoticed() {
    let (folder, job, out) =
        job(&format!("{GOOD}A1,DE,305-9,DHL,00340434161094022122,2025-06-12,2025-06-10T10:00:00Z\n"), "");
    ok(&["run", &job, "--quiet"]);
    assert_eq!(table(Path::new(&out), "vtr_weekly").len(), 2);
    fs::write(folder.path().join("in.csv"), format!("{HEADINGS}{GOOD}")).unwrap();
    let said = fails(4, &["run", &job, "--quiet"]);
    assert!(said.contains("1 published weeks would vanish, 2025-06-09"), "{said}");
    assert_eq!(table(Path::new(&out), "vtr_weekly").len(), 2, "the old version stays");
    ok(&["run", &job, "--quiet", "--set", "limits.max_vanished_weeks=1"]);
    assert_eq!(table(Path::new(&out), "vtr_weekly").len(), 1);
}

#[test]
fn a_gap_in_the_data_costs_a_ranged_run_no_window() {
    let days = ["2025-01-06", "2025-01-13", "2025-02-10", "2025-03-31", "2025-04-07"];
    let lines: String =
        days.iter().map(|day| format!("A1,DE,305-{day},DHL,00340434161094022115,{day},{day}T01:00:00Z\n")).collect();
    let (_folder, job, out) = job(&lines, "");
    ok(&["run", &job, "--quiet"]);
    let whole = crate::support::contents(Path::new(&out));
    ok(&["run", &job, "--quiet", "--from", "2025-W07", "--to", "2025-W07"]);
    let windows = |out: &str| files(&Path::new(out).join("current/vtr_rolling")).len();
    assert_eq!(windows(&out), 11, "nine Sundays around the first three packages, two around the last");
    let weeks = |paths: &[String]| paths.iter().filter(|path| path.contains("week=")).cloned().collect::<Vec<_>>();
    assert_eq!(
        weeks(&crate::support::contents(Path::new(&out))),
        weeks(&whole),
        "no file that the full run had not made"
    );
}
