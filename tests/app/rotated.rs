//! Tests of jobs whose old inputs are deleted as a rule: windows over days whose files are gone stay as published, and are
//! made again once the files are back.

use crate::support::{Row, cell, count, table, text, vtr_in};
use chrono::{Days, NaiveDate};
use std::fs;
use std::path::Path;

const HEADINGS: &str =
    "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,shipped_at,first_scan_at\n";

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Writes the file of a day: ten packages, of which one in nine was never scanned.
fn put(folder: &Path, day: NaiveDate) {
    let shipped = day - Days::new(2);
    let row = |order: u64| {
        let scan = if order == 3 { String::new() } else { format!("{shipped}T20:00:00Z") };
        format!("A1,DE,{day}-{order},DHL,0034043416109401{order:04},{day},{shipped}T08:00:00Z,{scan}\n")
    };
    let rows: String = (0..10).map(row).collect();
    fs::write(folder.join(format!("{day}.csv")), format!("{HEADINGS}{rows}")).unwrap();
}

fn run(at: &Path, as_of: &str, extra: &[&str]) -> (i32, String) {
    let ended = vtr_in(at, &[&["run", "job.toml", "--as-of", as_of], extra].concat());
    (ended.status.code().unwrap(), text(&ended.stderr))
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

/// A history of 120 days up to 20 November 2025, published on that day; three days later.
fn world() -> (tempfile::TempDir, NaiveDate) {
    let folder = tempfile::tempdir().unwrap();
    let (at, day) = (folder.path(), date("2025-11-20"));
    fs::create_dir(at.join("in")).unwrap();
    fs::create_dir(at.join("old")).unwrap();
    (0..120).for_each(|ago| put(&at.join("in"), day - Days::new(ago)));
    let job = "name = \"r\"\nas_of = \"2025-11-20\"\n[[input]]\npath = \"in\"\n[output]\npath = \"out\"\nclosed_after_days = 20\n";
    fs::write(at.join("job.toml"), job).unwrap();
    let (code, said) = run(at, "2025-11-20", &[]);
    assert_eq!(code, 0, "{said}");
    (1..=3).for_each(|later| put(&at.join("in"), day + Days::new(later)));
    (folder, day + Days::new(3))
}

/// Moves the files of days before another out of the way, or back.
fn rotate(at: &Path, before: NaiveDate, from: &str, to: &str) {
    for entry in fs::read_dir(at.join(from)).unwrap() {
        let path = entry.unwrap().path();
        if date(path.file_stem().unwrap().to_str().unwrap()) < before {
            fs::rename(&path, at.join(to).join(path.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn windows_over_files_that_are_gone_stay_as_published_until_they_are_back() {
    let (folder, day) = world();
    let (at, out) = (folder.path(), folder.path().join("out"));
    let (health, rolling) = (sorted(table(&out, "account_health")), sorted(table(&out, "vtr_rolling")));
    let breakdown = sorted(table(&out, "health_breakdown"));
    rotate(at, day - Days::new(30), "in", "old");
    let (code, said) = run(at, "2025-11-23", &[]);
    assert_eq!(code, 0, "{said}");
    for part in ["are gone", "account_health was not replaced", "it is of 2025-11-20", "--from 2025-W", "vtr_rolling"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("apart from weeks before 2025-W45, which are closed, and account_health"), "{said}");
    assert!(sorted(table(&out, "account_health")) == health && sorted(table(&out, "health_breakdown")) == breakdown);
    let weekly = table(&out, "vtr_weekly");
    for row in table(&out, "vtr_rolling") {
        // Each window holds exactly the packages that the weeks say, or is the one published before.
        let end = date(cell(&row, "window_end"));
        let first = (end - Days::new(29)).max(date("2025-07-24"));
        let last = end.min(date("2025-11-23"));
        let packages = 10 * (last - first).num_days() + 10;
        assert!(rolling.contains(&row) || count(&row, "eligible") == packages, "{row:?}");
    }
    assert_eq!(weekly.iter().map(|row| count(row, "eligible")).sum::<i64>(), 1_230, "no week lost a package");
    // The next run says it again.
    let (code, said) = run(at, "2025-11-23", &[]);
    assert!(code == 0 && said.contains("account_health was not replaced"), "{said}");

    rotate(at, day, "old", "in");
    let from = said.split("--from ").nth(1).unwrap()[..8].to_owned();
    let (code, said) = run(at, "2025-11-23", &["--from", &from]);
    assert!(code == 0 && !said.contains("are gone"), "{said}");
    let (code, said) = run(at, "2025-11-23", &["--full", "--out", "fresh"]);
    assert_eq!(code, 0, "{said}");
    for name in ["account_health", "health_breakdown", "vtr_rolling", "vtr_weekly"] {
        assert!(sorted(table(&out, name)) == sorted(table(&at.join("fresh"), name)), "{name}");
    }
}

#[test]
fn files_that_are_kept_long_enough_or_come_back_in_other_pieces_change_nothing() {
    let (folder, day) = world();
    let at = folder.path();
    // The tables of the last final window reach back 99 days.
    rotate(at, day - Days::new(110), "in", "old");
    let (code, said) = run(at, "2025-11-23", &[]);
    assert!(code == 0 && !said.contains("are gone"), "{said}");
    // The days of October come in one file.
    let days = (0..31).map(|later| date("2025-10-01") + Days::new(later));
    let whole: String = days
        .map(|day| {
            let path = at.join("in").join(format!("{day}.csv"));
            let rows = fs::read_to_string(&path).unwrap();
            fs::remove_file(&path).unwrap();
            rows.strip_prefix(HEADINGS).unwrap().to_owned()
        })
        .collect();
    fs::write(at.join("in/2025-10-01.csv"), format!("{HEADINGS}{whole}")).unwrap();
    put(&at.join("in"), date("2025-11-24"));
    let (code, said) = run(at, "2025-11-24", &[]);
    assert!(code == 0 && !said.contains("are gone, which"), "{said}");
    let health = table(&folder.path().join("out"), "account_health");
    assert!(health.iter().any(|row| cell(row, "as_of") == "2025-11-24" && count(row, "eligible") == 300), "{health:?}");
}

/// An export of the last 45 days that always has the same name.
#[test]
fn an_export_that_reaches_less_far_back_does_not_make_windows_smaller() {
    let (folder, day) = world();
    let (at, out) = (folder.path(), folder.path().join("out"));
    let health = sorted(table(&out, "account_health"));
    let whole = |from: NaiveDate, to: NaiveDate| {
        let days = from.iter_days().take_while(|day| *day <= to);
        days.map(|day| {
            put(&at.join("old"), day);
            fs::read_to_string(at.join("old").join(format!("{day}.csv")))
                .unwrap()
                .strip_prefix(HEADINGS)
                .unwrap()
                .to_owned()
        })
        .collect::<String>()
    };
    let export = |from: NaiveDate, to: NaiveDate| {
        fs::write(at.join("in/export.csv"), format!("{HEADINGS}{}", whole(from, to))).unwrap();
    };
    fs::remove_dir_all(at.join("in")).unwrap();
    fs::create_dir(at.join("in")).unwrap();
    fs::remove_dir_all(&out).unwrap();
    export(day - Days::new(122), day - Days::new(3));
    assert_eq!(run(at, "2025-11-20", &[]).0, 0);
    assert_eq!(sorted(table(&out, "account_health")), health);
    export(day - Days::new(45), day);
    let (code, said) = run(at, "2025-11-23", &[]);
    assert!(code == 0 && said.contains("account_health was not replaced"), "{said}");
    assert_eq!(sorted(table(&out, "account_health")), health);
}
