//! Tests that figures are the same, byte for byte, however the work is divided: threads, files, formats, ranges.

use crate::support::{Row, cell, contents, count, files, ok, read, table};
use std::collections::BTreeMap;
use std::path::Path;

const JOB: &str =
    "name = \"job\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"history/shipments/*\"\n[output]\npath = \"out\"\n";

fn history(folder: &Path, extra: &[&str]) {
    let out = folder.join("history").display().to_string();
    let mut args = vec!["gen", "--rows", "30000", "--seed", "7", "--from", "2024-11-01", "--to", "2025-05-31"];
    args.extend(extra);
    args.push(&out);
    ok(&args);
    std::fs::write(folder.join("job.toml"), JOB).unwrap();
}

fn run(folder: &Path, out: &str, extra: &[&str]) -> Vec<String> {
    let (job, out) = (folder.join("job.toml").display().to_string(), folder.join(out));
    let target = out.display().to_string();
    let mut args = vec!["run", &job, "--quiet", "--out", &target];
    args.extend(extra);
    ok(&args);
    contents(&out)
}

#[test]
fn threads_and_repetition_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), &[]);
    let one = run(folder.path(), "one", &["--threads", "1"]);
    let four = run(folder.path(), "four", &["--threads", "4"]);
    assert!(one.len() > 100, "every week of every table: {}", one.len());
    assert_eq!(one, four);
    assert_eq!(run(folder.path(), "four", &[]), four);
    let log = std::fs::read_dir(folder.path().join("four/_log"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|suffix| suffix == "json"));
    assert_eq!(log.count(), 1, "publishing the same again writes nothing");
}

#[test]
fn weeks_of_a_range_are_those_of_the_whole_history() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), &["--sorted", "date"]);
    run(folder.path(), "whole", &[]);
    let whole = run(folder.path(), "whole", &[]);
    run(folder.path(), "ranged", &["--from", "2025-W06", "--to", "2025-W09"]);
    let ranged = contents(&folder.path().join("ranged"));
    let partitioned = ranged.iter().filter(|path| path.contains("week="));
    let mut seen = 0;
    for path in partitioned {
        assert!(whole.contains(path), "{path} is not what the full run published");
        seen += 1;
    }
    assert!(seen >= 4 * 4, "four weeks of the weekly tables and their windows: {seen}");
    let weeks = |out: &str| {
        let mut weeks: Vec<String> = table(&folder.path().join(out), "vtr_weekly")
            .iter()
            .map(|row| cell(row, "week_start").to_owned())
            .collect();
        weeks.sort();
        weeks.dedup();
        weeks
    };
    assert_eq!(weeks("ranged"), ["2025-02-03", "2025-02-10", "2025-02-17", "2025-02-24"]);
    assert!(weeks("whole").len() > 25);
}

#[test]
fn a_ranged_run_replaces_its_weeks_and_leaves_the_others() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), &[]);
    let whole = run(folder.path(), "out", &[]);
    let again = run(folder.path(), "out", &["--from", "2025-W06", "--to", "2025-W07"]);
    let data = |paths: &[String]| paths.iter().filter(|path| path.contains("week=")).cloned().collect::<Vec<_>>();
    assert_eq!(data(&again), data(&whole), "the same weeks are the same files");
    let rows = |out: &str| table(&folder.path().join(out), "vtr_weekly").len();
    assert_eq!(
        rows("out"),
        files(&folder.path().join("out/data/vtr_weekly")).iter().map(|path| read(path).len()).sum::<usize>()
    );
}

#[test]
fn windows_are_the_sums_of_their_days() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), &[]);
    run(folder.path(), "daily", &["--set", "output.rolling=daily", "--set", "name=daily"]);
    run(folder.path(), "weekly", &[]);
    let by_end = |out: &str| -> BTreeMap<Vec<String>, Row> {
        let keys = ["seller_id", "marketplace", "programme", "product_category", "window_end"];
        table(&folder.path().join(out), "vtr_rolling")
            .into_iter()
            .map(|row| (keys.map(|key| cell(&row, key).to_owned()).to_vec(), row))
            .collect()
    };
    let (daily, weekly) = (by_end("daily"), by_end("weekly"));
    assert!(weekly.len() > 1_000 && daily.len() > 5 * weekly.len(), "{} {}", weekly.len(), daily.len());
    for (key, row) in &weekly {
        assert_eq!(daily.get(key), Some(row), "{key:?}");
    }
    // 28 days are whole weeks, and two days precede them: the sum is between those of four and five weeks.
    let weeks: BTreeMap<(String, String), i64> =
        table(&folder.path().join("weekly"), "vtr_weekly").iter().fold(BTreeMap::new(), |mut sums, row| {
            *sums.entry((cell(row, "marketplace").to_owned(), cell(row, "week_start").to_owned())).or_default() +=
                count(row, "eligible");
            sums
        });
    let mut windows: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in weekly.values().filter(|row| cell(row, "product_category") == "(all)") {
        *windows.entry((cell(row, "marketplace").to_owned(), cell(row, "window_end").to_owned())).or_default() +=
            count(row, "eligible");
    }
    let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
    let mut compared = 0;
    for ((marketplace, end), eligible) in &windows {
        let within = |weeks_back: i64| {
            let first = day(end) - chrono::Duration::days(7 * weeks_back - 1);
            let of = |(market, week): &(String, String)| {
                market == marketplace && day(week) >= first && day(week) <= day(end)
            };
            weeks.iter().filter(|(key, _)| of(key)).map(|(_, eligible)| eligible).sum::<i64>()
        };
        assert!(
            within(4) <= *eligible && *eligible <= within(5),
            "{marketplace} {end}: {} {eligible} {}",
            within(4),
            within(5)
        );
        compared += 1;
    }
    assert!(compared > 100);
}

#[test]
fn parquet_and_csv_of_the_same_history_give_the_same_tables() {
    let figures = |format: &str| {
        let folder = tempfile::tempdir().unwrap();
        history(folder.path(), &["--format", format]);
        run(folder.path(), "out", &[]);
        contents(&folder.path().join("out")).into_iter().filter(|path| path.contains("week=")).collect::<Vec<_>>()
    };
    assert_eq!(figures("parquet"), figures("csv"));
}
