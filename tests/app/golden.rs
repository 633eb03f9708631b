//! Golden jobs: small histories whose published tables were worked out by hand.
//!
//! `tests/golden/<case>/` has `job.toml`, its inputs, and `expected/<table>.csv`. With `VTR_BLESS=1` the expectations
//! are rewritten, to be reviewed in the diff.

use crate::support::{Row, ok, root, table};
use std::collections::BTreeMap;
use std::path::Path;

/// Columns that depend on the machine or on digests, never on figures.
const VOLATILE: [&str; 2] = ["bytes", "digest"];

fn as_csv(rows: &[Row], columns: &[String]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns).unwrap();
    for row in rows {
        writer.write_record(columns.iter().map(|column| row[column].as_deref().unwrap_or("null"))).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn columns(name: &str) -> Vec<String> {
    let table = vtr::schema::Table::from_name(name).unwrap();
    let names = table.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    names.into_iter().filter(|name| !VOLATILE.contains(&name.as_str())).collect()
}

fn check(case: &Path) -> Vec<String> {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("out");
    ok(&["run", &case.join("job.toml").display().to_string(), "--quiet", "--out", &target.display().to_string()]);
    let mut found = BTreeMap::new();
    let published = |name: &str| target.join("current").join(name).is_dir();
    for name in vtr::schema::Table::ALL.map(vtr::schema::Table::name).into_iter().filter(|name| published(name)) {
        found.insert(name, as_csv(&table(&target, name), &columns(name)));
    }
    let expected = case.join("expected");
    let mut faults = Vec::new();
    let bless = std::env::var_os("VTR_BLESS").is_some();
    let listed = std::fs::read_dir(&expected).unwrap().map(|entry| entry.unwrap().path());
    let lacking = listed.filter(|path| !found.contains_key(path.file_stem().unwrap().to_str().unwrap()));
    faults.extend(lacking.filter(|_| !bless).map(|path| format!("{}: the table was not published", path.display())));
    for (name, text) in found {
        let path = expected.join(format!("{name}.csv"));
        if bless {
            std::fs::create_dir_all(&expected).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let want = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if want != text {
            faults.push(format!("{} differs; found:\n{text}", path.display()));
        }
    }
    faults
}

#[test]
fn every_golden_job_publishes_what_was_worked_out() {
    let mut cases: Vec<_> =
        std::fs::read_dir(root().join("tests/golden")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    let faults: Vec<String> = cases.iter().flat_map(|case| check(case)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
