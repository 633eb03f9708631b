//! The published rows of `input_files` and `rejects` of files that a run does not read again.
//!
//! It reads these two tables of the run's base and changes nothing. It fails if one cannot be read.

use super::encode;
use super::log::{InputFile, Manifest};
use super::store::Store;
use crate::error::Result;
use crate::scan::{Extent, Survey};
use crate::schema::Table;
use crate::tables::FileRow;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use std::collections::{BTreeMap, HashMap};
use vtr_columnar::fold::Reject;

/// Rows of files that are not read again, by the file's index in the survey.
#[derive(Default)]
pub struct Kept {
    /// Their rows of `input_files`.
    pub files: BTreeMap<usize, FileRow>,
    /// Their rows of `rejects`.
    pub rejects: Vec<(u32, Reject)>,
}

/// Reads the base's rows of the files that a survey leaves out.
pub(super) fn read(store: &dyn Store, base: Option<&Manifest>, survey: &Survey) -> Result<Kept> {
    let mut kept = Kept::default();
    let left_out = (0usize..).zip(&survey.files).filter(|(_, file)| file.reading == Extent::Kept);
    let wanted: HashMap<&str, usize> = left_out.map(|(index, file)| (file.shown.as_str(), index)).collect();
    let Some(base) = base.filter(|_| !wanted.is_empty()) else { return Ok(kept) };
    each(store, base, Table::InputFiles, &mut |batch| {
        let names = batch["file"].as_string::<i32>();
        for row in 0..batch.num_rows() {
            if let Some(index) = wanted.get(names.value(row)) {
                kept.files.insert(*index, file_row(batch, row));
            }
        }
    })?;
    each(store, base, Table::Rejects, &mut |batch| {
        let names = batch["file"].as_string::<i32>();
        for row in 0..batch.num_rows() {
            if let Some(index) = wanted.get(names.value(row)) {
                kept.rejects.push((*index as u32, reject(batch, row)));
            }
        }
    })?;
    // If the table was not published, the manifest still has the figures.
    for input in &base.inputs {
        if let Some(index) = wanted.get(input.file.as_str()) {
            kept.files.entry(*index).or_insert_with(|| row_of(input));
        }
    }
    Ok(kept)
}

fn each(store: &dyn Store, base: &Manifest, table: Table, take: &mut dyn FnMut(&RecordBatch)) -> Result<()> {
    let names: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
    for file in base.files(table) {
        let Some(readable) = store.open(&file.path)? else { continue };
        encode::read_columns(readable, &store.shown(&file.path), &names, &mut |batch| {
            take(batch);
            Ok(())
        })?;
    }
    Ok(())
}

fn count(batch: &RecordBatch, name: &str, row: usize) -> u64 {
    batch[name].as_primitive::<Int64Type>().value(row).unsigned_abs()
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let column = batch[name].as_string::<i32>();
    column.is_valid(row).then(|| column.value(row).to_owned())
}

fn file_row(batch: &RecordBatch, row: usize) -> FileRow {
    let count = |name: &str| count(batch, name, row);
    let day = |name: &str| {
        let column = batch[name].as_primitive::<Date32Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    FileRow {
        file: text(batch, "file", row).unwrap_or_default(),
        bytes: count("bytes"),
        rows_read: count("rows_read"),
        rows_pruned: count("rows_pruned"),
        rejected: count("rejected"),
        after_as_of: count("after_as_of"),
        superseded: count("superseded"),
        outside_range: count("outside_range"),
        classes: ["out_of_scope", "exempt", "valid", "defect"].map(count),
        first_day: day("first_day"),
        last_day: day("last_day"),
        digest: text(batch, "digest", row).unwrap_or_default(),
    }
}

fn row_of(input: &InputFile) -> FileRow {
    FileRow { file: input.file.clone(), bytes: input.bytes, digest: input.digest.clone(), ..FileRow::default() }
}

fn reject(batch: &RecordBatch, row: usize) -> Reject {
    let place = |name: &str| {
        let column = batch[name].as_primitive::<Int64Type>();
        column.is_valid(row).then(|| column.value(row).unsigned_abs())
    };
    Reject {
        record: count(batch, "record", row),
        line: place("line"),
        byte_offset: place("byte_offset"),
        column: text(batch, "column", row).filter(|column| !column.is_empty()),
        reason: text(batch, "reason", row).unwrap_or_default(),
        value: text(batch, "value", row),
        seller: None,
    }
}
