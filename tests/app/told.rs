//! What verbs say beside their figures: notes, remedies and warnings, once and where they belong.

use crate::support::{fails, ok, text, vtr, vtr_in};
use std::fs;
use std::path::Path;

const HEADINGS: &str =
    "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,shipped_at,first_scan_at\n";

/// Ten weeks with a package a day, of which every tenth is not scanned; the last days are not due yet.
fn history(at: &Path, keys: &str) -> String {
    let mut rows = HEADINGS.to_owned();
    for day in 0..70 {
        let date = |more: i64| {
            let first = chrono::NaiveDate::from_ymd_opt(2025, 4, 1).unwrap();
            (first + chrono::Days::new((day + more) as u64)).to_string()
        };
        let scan = if day % 10 == 3 || day > 60 { String::new() } else { format!("{}T08:00:00Z", date(1)) };
        rows += &format!("S1,GB,{day}-1,DHL,JJD0003900078401{day:02},{},{},{scan}\n", date(4), date(0));
    }
    fs::write(at.join("in.csv"), rows).unwrap();
    let path = at.join("job.toml");
    let job = "name = \"told\"\nas_of = \"2025-06-09\"\n[[input]]\npath = \"in.csv\"\n[output]\npath = \"out\"\n";
    fs::write(&path, format!("{job}{keys}")).unwrap();
    path.display().to_string()
}

fn said(args: &[&str]) -> String {
    let output = vtr(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn a_run_that_changes_nothing_tells_the_open_weeks_as_the_run_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let job = history(folder.path(), "");
    let rates = |said: &str| said.lines().find(|line| line.contains("in final weeks")).map(str::to_owned);
    let first = rates(&said(&["run", &job]));
    assert!(first.as_ref().is_some_and(|line| line.contains("not due yet")), "{first:?}");
    assert_eq!(rates(&said(&["run", &job])), first);
}

#[test]
fn a_remedy_is_whole_though_the_typed_value_is_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let job = history(folder.path(), "");
    for (set, remedy) in [
        ("input.0.time_zone=Berlin", "such as \"Europe/Berlin\""),
        ("book=[\"embedded\",\"nope\"]", "or `embedded` for the book in the program"),
    ] {
        let refused = fails(2, &["plan", &job, "--set", set]);
        assert!(refused.contains(remedy), "{set}: {refused}");
    }
    let hidden = fails(2, &["plan", &job, "--set", "input.0.time_zone=Secretown"]);
    assert!(!hidden.contains("Secretown"), "{hidden}");
}

#[test]
fn an_explanation_says_that_the_tables_were_judged_by_another_book() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let job = history(at, "");
    let asked = ["explain", &job, "--seller", "S1", "--order", "1-1"];
    assert!(!said(&asked).contains("another book"), "nothing is published");
    said(&["run", &job]);
    assert!(!said(&asked).contains("another book"));
    let book = at.join("book");
    ok(&["book", "export", &book.display().to_string()]);
    let words = book.join("placeholders.toml");
    let placeholders = fs::read_to_string(&words).unwrap().replacen("words = [", "words = [\"not yet\", ", 1);
    fs::write(&words, placeholders).unwrap();
    let other = said(&[&asked[..], &["--book", &book.display().to_string()]].concat());
    assert!(other.contains("version 1 of") && other.contains("placeholders"), "{other}");
}

#[test]
fn figures_without_account_health_have_an_age_too() {
    let folder = tempfile::tempdir().unwrap();
    let job = history(folder.path(), "tables = [\"vtr_weekly\", \"vtr_rolling\", \"defects\"]\n");
    said(&["run", &job]);
    let out = folder.path().join("out").display().to_string();
    let old = said(&["worklist", &out, "--today", "2025-08-01"]);
    assert!(old.contains("as of 2025-06-09, 53 days before today"), "{old}");
    assert!(!said(&["worklist", &out, "--today", "2025-06-10"]).contains("days before today"));
    let early = said(&["worklist", &out, "--today", "2025-06-01"]);
    assert!(early.contains("--today is before the day of the figures, 2025-06-09"), "{early}");
}

#[test]
fn an_output_that_is_a_file_and_a_zone_that_is_no_place_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let job = history(folder.path(), "");
    let refused = fails(2, &["plan", &job, "--set", "output.path=in.csv"]);
    assert!(refused.contains("is a file; name a folder"), "{refused}");
    let sink = "sink=[{ name = \"s\", kind = \"files\", format = \"csv\", path = \"in.csv\" }]";
    let refused = fails(2, &["plan", &job, "--set", sink]);
    assert!(refused.contains("sink.0.path") && refused.contains("is a file"), "{refused}");
    let book = folder.path().join("book");
    ok(&["book", "export", &book.display().to_string()]);
    let us = book.join("policies/us.toml");
    let zones = fs::read_to_string(&us).unwrap();
    let zone = zones.lines().find(|line| line.starts_with("time_zone")).unwrap().to_owned();
    fs::write(&us, zones.replace(&zone, "time_zone = \"EST\"")).unwrap();
    let refused = fails(2, &["book", "check", &book.display().to_string()]);
    assert!(refused.contains("is no place of the IANA database"), "{refused}");
}

#[test]
fn tables_of_joined_packages_are_described() {
    assert!(ok(&["tables", "packages"]).contains("other_delivered"));
    let told = fails(2, &["tables", "join_coverage"]);
    assert!(told.contains("docs/assemble.md") && told.contains("vtr tables packages"), "{told}");
}

#[test]
fn gc_says_why_it_keeps_more_versions_than_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let job = history(folder.path(), "");
    let out = folder.path().join("out").display().to_string();
    said(&["run", &job]);
    assert!(!ok(&["gc", &out, "--keep", "1"]).contains("more than 1"));
    said(&["run", &job, "--as-of", "2025-06-10"]);
    assert!(ok(&["gc", &out, "--keep", "1"]).contains("more than 1 are kept: each of them was the newest within"));
}

const EXPORT: &str = "order,number,shipped\n";

/// Shipments of two pulls that are joined with orders: a later pull has five orders again, with a number.
fn pulls(at: &Path, later: &str) -> String {
    let mut first = EXPORT.to_owned();
    let mut orders = "order-id,latest-delivery-date\n".to_owned();
    for order in 0..35 {
        let number = if order < 5 { String::new() } else { format!("RU19901345{order:02}GB") };
        if order < 30 {
            first += &format!("206-0000000-00000{order:02},{number},2025-05-0{}\n", 1 + order % 9);
        }
        orders += &format!("206-0000000-00000{order:02},2025-05-1{}T20:00:00Z\n", order % 9);
    }
    fs::create_dir_all(at.join("pulls")).unwrap();
    fs::write(at.join("pulls/2025-05-12.csv"), first).unwrap();
    fs::write(at.join("pulls/2025-05-19.csv"), format!("{EXPORT}{later}")).unwrap();
    fs::write(at.join("orders.csv"), orders).unwrap();
    let job = "name = \"pulls\"\nas_of = \"2025-07-09\"\n[[input]]\npath = \"pulls/*.csv\"\nrole = \"shipments\"\n\
               constants = { seller_id = \"S1\", marketplace = \"GB\", carrier = \"Royal Mail\" }\n\
               [input.columns]\norder_id = \"order\"\ntracking_number = \"number\"\nshipped_at = \"shipped\"\n\
               [[input]]\npath = \"orders.csv\"\nrole = \"orders\"\nconstants = { seller_id = \"S1\" }\n\
               [input.columns]\norder_id = \"order-id\"\npromised_delivery_at = \"latest-delivery-date\"\n\
               [output]\npath = \"out\"\n";
    fs::write(at.join("job.toml"), job).unwrap();
    at.join("job.toml").display().to_string()
}

#[test]
fn joined_orders_that_are_exported_again_with_a_number_are_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let row = |order: u32| format!("206-0000000-00000{order:02},RU19901346{order:02}GB,2025-05-03\n");
    let new: String = (30..35).map(row).collect();
    let quiet = said(&["run", &pulls(at, &new)]);
    assert!(!quiet.contains("they count twice"), "other orders: {quiet}");
    let job = pulls(at, &(0..5).map(row).collect::<String>());
    let told = said(&["run", &job, "--full"]);
    assert!(told.contains("5 of 35 packages have no number, and a later file has their order"), "{told}");
    assert!(told.contains("fold = \"confirmations\""), "{told}");
    let again = at.join("again").display().to_string();
    let batches = said(&["run", &job, "--from", "2025-W18", "--to", "2025-W21", "--batch", "1", "--out", &again]);
    assert!(batches.contains("batch 3 of 4"), "{batches}");
    assert_eq!(batches.matches("they count twice").count(), 1, "{batches}");
}

#[test]
fn a_first_job_reads_the_files_of_later_weeks() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let events =
        "tracking_number,carrier,occurred_at,status\nRU199013456GB,Royal Mail,2025-05-03T08:00:00Z,in_transit\n";
    for name in ["events-2025-05.csv", "scans/feed.csv"] {
        let file = at.join("raw").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, events).unwrap();
    }
    let made = vtr_in(at, &["job", "init", "raw"]);
    let job = fs::read_to_string(at.join("job.toml")).unwrap();
    assert!(job.contains("# A pattern, so that later files are read too") && job.contains("raw/*.csv"), "{job}");
    assert!(job.contains("# Only this file is read") && job.contains("raw/scans/feed.csv"), "{job}");
    assert!(text(&made.stdout).contains("next: add files that make packages"), "{}", text(&made.stdout));
}
