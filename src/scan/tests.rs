//! The promises of the module as a whole, tested on small files that are written here.

mod csv;
mod forged;
mod look;
mod parquet;

use super::*;
use crate::job::plan::fixture::{input, plan};
use crate::job::plan::{EvidenceWanted, Input, Quote};
use std::fs;

/// Everything that reading a plan's files returned.
struct Got {
    survey: Survey,
    /// For each row, in order: record number and the row's cells as text.
    rows: Vec<(u64, Vec<Option<String>>)>,
    /// Line and byte offset of each row of a CSV file.
    places: Vec<(u64, u64)>,
    rejects: Vec<Reject>,
    ends: Vec<UnitEnd>,
}

fn get(plan: &Plan) -> Result<Got> {
    let survey = survey(plan)?;
    let (mut rows, mut places, mut rejects, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut units = survey.units.clone();
    units.sort_by_key(|unit| (unit.file, unit.first_record));
    for unit in &units {
        let end = read(plan, &survey, unit, &mut |chunk: Chunk| {
            for (row, cells) in cells(&chunk.batch).into_iter().enumerate() {
                match &chunk.records {
                    Records::From(first) => rows.push((first + row as u64, cells)),
                    Records::Listed { record, line, byte_offset } => {
                        rows.push((record[row], cells));
                        places.push((line[row], byte_offset[row]));
                    }
                }
            }
            rejects.extend(chunk.rejects);
            Ok(())
        })?;
        ends.push(end);
    }
    Ok(Got { survey, rows, places, rejects, ends })
}

fn cells(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    use arrow::util::display::array_value_to_string;
    let cell = |column: &arrow::array::ArrayRef, row| {
        column.is_valid(row).then(|| array_value_to_string(column, row).unwrap())
    };
    use arrow::array::Array;
    (0..batch.num_rows()).map(|row| batch.columns().iter().map(|column| cell(column, row)).collect()).collect()
}

/// Makes a folder with one file, and a plan that reads it.
fn one_file(name: &str, content: &[u8], adapt: impl FnOnce(&mut Input)) -> (tempfile::TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    let mut input = input(&[name]);
    adapt(&mut input);
    let plan = plan(folder.path(), vec![input]);
    (folder, plan)
}

const HEADINGS: &str = "seller_id,marketplace,order_id,tracking_number,shipped_at";

#[test]
fn all_bad_files_are_named_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.csv"), format!("{HEADINGS}\nS,DE,1,T,2025-01-01\n")).unwrap();
    fs::write(folder.path().join("empty.csv"), "").unwrap();
    fs::write(folder.path().join("newlines.csv"), "\n\n\n").unwrap();
    fs::write(folder.path().join("zip.csv"), b"PK\x03\x04rest").unwrap();
    fs::write(folder.path().join("dateless.csv"), "seller_id,marketplace,order_id\n").unwrap();
    fs::write(folder.path().join("text.parquet"), "no parquet file").unwrap();
    let error = survey(&plan(folder.path(), vec![input(&["*"])])).err().unwrap();
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    for part in [
        "5 of 6",
        "empty.csv: has no headings",
        "newlines.csv: has no headings",
        "zip.csv: is not delimited text but a ZIP",
        "dateless.csv: neither",
        "text.parquet: is not a Parquet file",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("good.csv"));
}

#[test]
fn evidence_is_one_for_the_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("scans.csv"), format!("{HEADINGS},first_scan_at\n")).unwrap();
    fs::write(folder.path().join("none.csv"), format!("{HEADINGS}\n")).unwrap();
    let run = |path: &str, wanted| {
        let mut plan = plan(folder.path(), vec![input(&[path])]);
        plan.evidence = wanted;
        survey(&plan).map(|survey| survey.evidence.name()).map_err(|error| error.to_string())
    };
    assert_eq!(run("scans.csv", EvidenceWanted::Auto), Ok("scans"));
    assert_eq!(run("none.csv", EvidenceWanted::Auto), Ok("format"));
    assert_eq!(run("*", EvidenceWanted::Format), Ok("format"));
    let mixed = run("*", EvidenceWanted::Auto).unwrap_err();
    assert!(mixed.contains("With:\n  scans.csv") && mixed.contains("Without:\n  none.csv"), "{mixed}");
    assert!(
        run("*", EvidenceWanted::Scans)
            .unwrap_err()
            .contains("neither `first_scan_at` nor `delivery_scan_at`:\n  none.csv")
    );
}

#[test]
fn absent_columns_are_told_with_what_follows() {
    let (_folder, plan) = one_file("a.csv", format!("{HEADINGS},FIRST_SCAN_AT\n").as_bytes(), |input| {
        input.constants = vec![(Column::Carrier, "UPS".into())];
    });
    let survey = survey(&plan).unwrap();
    let absent: Vec<Column> = survey.not_judged.iter().map(|absent| absent.column).collect();
    assert!(absent.contains(&Column::DeliveryScanAt) && absent.contains(&Column::PromisedDeliveryAt));
    assert!(
        !absent.contains(&Column::Carrier)
            && !absent.contains(&Column::FirstScanAt)
            && !absent.contains(&Column::ShippedAt)
    );
    assert_eq!(survey.files[0].constants, [(Column::Carrier, "UPS".to_owned())]);
    assert_eq!(survey.not_judged[0].files, [0]);
}

#[test]
fn bad_files_are_left_out_where_the_job_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("b.csv"), format!("{HEADINGS}\nS,DE,1,T,2025-01-01\n")).unwrap();
    fs::write(folder.path().join("a.csv"), "").unwrap();
    fs::write(folder.path().join("c.csv"), format!("{HEADINGS}\nS,DE,2,T,2025-01-01\n")).unwrap();
    let mut skips = input(&["*"]);
    skips.on_bad_file = OnBadFile::Skip;
    let plan_of = |input: Input| plan(folder.path(), vec![input]);
    let plan = plan_of(skips);
    let survey = survey(&plan).unwrap();
    assert_eq!(survey.files.iter().map(|file| file.shown.as_str()).collect::<Vec<_>>(), ["b.csv", "c.csv"]);
    assert!(survey.warnings()[0].contains("left out") && survey.warnings()[0].contains("a.csv: has no headings"));
    // One of the other files proves to be bad while it is read.
    let rest = survey.without(&plan, vec![(0, "b.csv: cut off".into())]).unwrap();
    assert_eq!((rest.files[0].shown.as_str(), rest.units[0].file, rest.units.len()), ("c.csv", 0, 1));
    assert_eq!(rest.left_out().count(), 2);
    let none = rest.without(&plan, vec![(0, "c.csv: cut off".into())]).err().unwrap();
    assert!(none.to_string().contains("every input file was refused"), "{none}");
    // Where the job does not allow it, all of them are named.
    let strict = plan_of(input(&["b.csv", "c.csv"]));
    let strict_survey = super::survey(&strict).unwrap();
    let error = strict_survey.without(&strict, vec![(0, "b.csv: x".into()), (1, "c.csv: y".into())]).err().unwrap();
    assert_eq!(error.exit_code(), 3);
    assert_eq!(error.to_string(), "2 input files refused:\n  b.csv: x\n  c.csv: y");
}
