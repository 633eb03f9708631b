//! Tests of the accounting identity: a batch that is lost or repeated between reader and fold is detected, whatever
//! else is right, and nothing is published.

use crate::support::{ok, text, vtr};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use vtr::error::{Error, Result};
use vtr::job::plan::Plan;
use vtr::job::{Overrides, load};
use vtr::progress::Visibility;
use vtr::scan::{Chunk, Reader, Survey, Unit, UnitEnd, read};

/// A folder with a generated history of several chunks in both formats, and a job over it.
fn history() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for format in ["parquet", "csv"] {
        let target = folder.path().join("in").join(format).display().to_string();
        ok(&["gen", "--rows", "40000", "--seed", "5", "--format", format, "--quiet", &target]);
    }
    let job = "name = \"test\"\nas_of = \"2026-06-30\"\n[[input]]\npath = \"in\"\n[output]\npath = \"out\"\ntables = [\"vtr_weekly\", \"input_files\"]\n";
    let path = folder.path().join("job.toml");
    fs::write(&path, job).unwrap();
    (folder, path)
}

fn plan(job: &Path, deduplicate: bool) -> Plan {
    let set = vec![format!("deduplicate={deduplicate}"), "limits.max_rejected=100%".to_owned()];
    load(job, &Overrides { set, ..Overrides::default() }, SystemTime::now()).unwrap()
}

fn published(job: &Path) -> bool {
    job.parent().unwrap().join("out/current").exists()
}

/// Reads everything unchanged, except that `instead` handles one chunk.
fn with_chunk(
    at: usize,
    instead: impl Fn(Chunk, &mut dyn FnMut(Chunk) -> Result<()>) -> Result<()> + Sync,
) -> impl Fn(&Plan, &Survey, &Unit, &mut dyn FnMut(Chunk) -> Result<()>) -> Result<UnitEnd> + Sync {
    let seen = AtomicUsize::new(0);
    move |plan, survey, unit, each| {
        read(plan, survey, unit, &mut |chunk| {
            if seen.fetch_add(1, Ordering::SeqCst) == at { instead(chunk, each) } else { each(chunk) }
        })
    }
}

fn trips(job: &Path, deduplicate: bool, reader: &Reader) -> String {
    let (report, result) = vtr::run_by(&plan(job, deduplicate), Visibility::Quiet, reader);
    let Err(error @ Error::Gate(_)) = result else { panic!("the gate did not trip: {result:?}") };
    assert_eq!(error.exit_code(), 4);
    assert_eq!(report.version, None);
    assert!(!published(job), "nothing may be published");
    error.to_string()
}

#[test]
fn a_batch_that_is_lost_or_comes_twice_trips_the_gate() {
    let (_folder, job) = history();
    let chunks = AtomicUsize::new(0);
    let count = |plan: &Plan, survey: &Survey, unit: &Unit, each: &mut dyn FnMut(Chunk) -> Result<()>| {
        read(plan, survey, unit, &mut |chunk| {
            chunks.fetch_add(1, Ordering::SeqCst);
            each(chunk)
        })
    };
    for (deduplicate, at) in [(true, 0), (false, 3)] {
        let lost = trips(&job, deduplicate, &with_chunk(at, |_, _| Ok(())));
        assert!(lost.contains("rows read, but"), "{lost}");
        let twice = trips(
            &job,
            deduplicate,
            &with_chunk(at, |chunk, each| {
                each(chunk.clone())?;
                each(chunk)
            }),
        );
        assert!(twice.contains("rows read, but"), "{twice}");
    }
    // A control: with nothing changed, the same job publishes.
    let (_, result) = vtr::run_by(&plan(&job, true), Visibility::Quiet, &count);
    result.unwrap();
    assert!(published(&job) && chunks.into_inner() > 3, "the chunks counted from 0 to 3 were there");
}

#[test]
fn a_reader_that_counts_wrong_is_noticed_too() {
    let (_folder, job) = history();
    for wrong in [1, -1i64] {
        let reader = |plan: &Plan, survey: &Survey, unit: &Unit, each: &mut dyn FnMut(Chunk) -> Result<()>| {
            let end = read(plan, survey, unit, each)?;
            let rows_read = if unit.file == 0 { end.rows_read.wrapping_add_signed(wrong) } else { end.rows_read };
            Ok(UnitEnd { rows_read, ..end })
        };
        assert!(trips(&job, true, &reader).contains("rows read, but"));
    }
}

#[test]
fn sellers_with_too_many_rejected_rows_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = String::from("seller_id,marketplace,order_id,shipped_at,first_scan_at\n");
    for order in 0..200 {
        let (seller, market) = if order % 10 == 0 { ("BAD", "Narnia") } else { ("GOOD", "DE") };
        csv += &format!("{seller},{market},{order},2025-06-05,\n");
    }
    csv += "BAD,DE,x,2025-06-05,\nGOOD,DE,y,never,\n";
    fs::write(folder.path().join("in.csv"), csv).unwrap();
    let job = "name = \"t\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"in.csv\"\n[output]\npath = \"out\"\n[limits]\nmax_rejected = \"1%\"\n";
    let path = folder.path().join("job.toml");
    fs::write(&path, job).unwrap();
    let output = vtr(&["run", &path.display().to_string()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("allows a run (1 in 100): BAD 20 of 21 (95.23 %)\n"), "{said}");
}
