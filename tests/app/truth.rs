//! Tests that a run counts exactly what the generator knows of every row.

use crate::support::{Row, cell, count, files, ok, read, table};
use std::collections::BTreeMap;
use std::path::Path;

type Counts<K> = BTreeMap<K, i64>;

fn key(row: &Row, columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| cell(row, column).to_owned()).collect()
}

/// The counts of a wide table in long form, zeros left out.
fn long(rows: &[Row], keys: &[&str], measures: &[&str]) -> Counts<Vec<String>> {
    let mut counts = Counts::new();
    for row in rows {
        for measure in measures {
            let of = count(row, measure);
            if of != 0 {
                let mut key = key(row, keys);
                key.push((*measure).to_owned());
                *counts.entry(key).or_default() += of;
            }
        }
    }
    counts
}

const MEASURES: [&str; 14] = [
    "out_of_scope",
    "exempt",
    "valid",
    "tracking_missing",
    "tracking_placeholder",
    "carrier_missing",
    "carrier_not_accepted",
    "number_refused",
    "carrier_mismatch",
    "added_after_delivery",
    "number_malformed",
    "check_digit_failed",
    "delivery_scan_missing",
    "scan_missing",
];

/// The truth about the same cells.
fn expected(truth: &[Row], keys: &[&str]) -> Counts<Vec<String>> {
    let mut counts = Counts::new();
    for row in truth {
        let measure = match cell(row, "place") {
            "rejected" | "superseded" => continue,
            "defect" => cell(row, "reason"),
            class => class,
        };
        let mut key = key(row, keys);
        key.push(measure.to_owned());
        *counts.entry(key).or_default() += 1;
    }
    counts
}

fn write_job(folder: &Path, as_of: &str) {
    let job = format!(
        "name = \"truth\"\nas_of = \"{as_of}\"\n[[input]]\npath = \"history/shipments/*\"\n[output]\npath = \"out\"\n[limits]\nmax_rejected = \"1%\"\n"
    );
    std::fs::write(folder.join("job.toml"), job).unwrap();
}

fn holds(format: &str, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let history = path("history");
    let asked = ["gen", "--rows", "60000", "--seed", "42", "--dirt", "--truth", "--format", format, &history];
    let said = ok(&[&asked, more].concat());
    let as_of = said.lines().find_map(|line| line.strip_prefix("as_of = \"")).unwrap().trim_end_matches('"');
    write_job(folder.path(), as_of);
    ok(&["run", &path("job.toml"), "--quiet"]);
    let out = folder.path().join("out");
    let truth: Vec<Row> = files(&folder.path().join("history/truth")).iter().flat_map(|path| read(path)).collect();
    assert_eq!(truth.len(), 60_000);

    let weekly = table(&out, "vtr_weekly");
    let by_carrier = ["seller_id", "marketplace", "programme", "carrier", "week_start"];
    assert_eq!(long(&weekly, &by_carrier, &MEASURES), expected(&truth, &by_carrier));
    let by_category = ["seller_id", "marketplace", "programme", "category", "week_start"];
    let categories: Vec<Row> = table(&out, "vtr_weekly_category")
        .into_iter()
        .map(|mut row| {
            let category = row.remove("product_category").unwrap();
            row.insert("category".into(), category);
            row
        })
        .collect();
    assert_eq!(long(&categories, &by_category, &MEASURES), expected(&truth, &by_category));

    // The rows of `defects` are those of the truth, one by one.
    let listed = |rows: &[Row]| {
        let mut keys: Vec<_> = rows
            .iter()
            .map(|row| key(row, &["seller_id", "marketplace", "order_id", "package_id", "reason", "day"]))
            .collect();
        keys.sort();
        keys
    };
    let defects: Vec<Row> = truth.iter().filter(|row| cell(row, "place") == "defect").cloned().collect();
    assert_eq!(listed(&table(&out, "defects")), listed(&defects));

    // Every other row ended where the truth says, file by file.
    let mut places: Counts<(String, String)> = Counts::new();
    truth
        .iter()
        .for_each(|row| *places.entry((cell(row, "file").to_owned(), cell(row, "place").to_owned())).or_default() += 1);
    for row in table(&out, "input_files") {
        let file = cell(&row, "file").trim_start_matches("history/").to_owned();
        for place in ["rejected", "superseded", "out_of_scope", "exempt", "valid", "defect"] {
            let want = places.get(&(file.clone(), place.to_owned())).copied().unwrap_or(0);
            assert_eq!(count(&row, place), want, "{file}: {place}");
        }
    }
    let rejects = table(&out, "rejects");
    assert_eq!(rejects.len(), truth.iter().filter(|row| cell(row, "place") == "rejected").count());
    assert!(!rejects.is_empty());
}

#[test]
fn counts_equal_the_generators_truth_in_parquet() {
    holds("parquet", &[]);
}

#[test]
fn counts_equal_the_generators_truth_in_csv() {
    holds("csv", &[]);
}

#[test]
fn counts_equal_the_generators_truth_of_sellers_with_habits() {
    holds("parquet", &["--habits"]);
}
