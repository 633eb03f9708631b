//! The tables that hold rows and no rates: `defects`, `carrier_names`, `rejects`, `input_files`.
//!
//! They go straight from the fold's Arrow batches to the published ones: sorted, and with what the
//! book and the table of reasons say beside each row. They judge nothing and do not fail; batches
//! that break the fold's promise panic.

use super::columns::Table;
use super::frames::{self, NONE, dictionary};
use super::{Piece, TablesInput, batches, day_column, text_column};
use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, StringArray};
use arrow::datatypes::{Date32Type, Int64Type, UInt8Type, UInt32Type};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use vtr_columnar::fold::Reject;
use vtr_kernel::calendar::{self, Day};
use vtr_kernel::carrier::Carrier;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::{Book, Reason};

fn counts(counts: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(counts.map(|count| i64::try_from(count).unwrap_or(i64::MAX))))
}

/// The columns of a batch of defects.
struct Defects<'a> {
    file: &'a [u32],
    record: &'a [i64],
    day: &'a [Day],
    reason: &'a [u8],
    texts: [&'a StringArray; 8],
    likely_carrier: &'a StringArray,
    mendable: &'a BooleanArray,
}

/// The text columns of a batch of defects; the first four are the table's key.
const TEXTS: [&str; 8] =
    ["seller_id", "marketplace", "order_id", "package_id", "carrier_typed", "carrier", "tracking_number", "rule"];

impl<'a> Defects<'a> {
    fn of(batch: &'a RecordBatch) -> Defects<'a> {
        Defects {
            file: batch["file"].as_primitive::<UInt32Type>().values(),
            record: batch["record"].as_primitive::<Int64Type>().values(),
            day: batch["day"].as_primitive::<Date32Type>().values(),
            reason: batch["reason"].as_primitive::<UInt8Type>().values(),
            texts: TEXTS.map(|name| batch[name].as_string::<i32>()),
            likely_carrier: batch["likely_carrier"].as_string::<i32>(),
            mendable: batch["mendable"].as_boolean(),
        }
    }

    /// A text; null and empty are the same here.
    fn text(&self, column: usize, row: usize) -> &'a str {
        if self.texts[column].is_null(row) { "" } else { self.texts[column].value(row) }
    }

    fn reason(&self, row: usize) -> Reason {
        Reason::from_code(self.reason[row]).expect("the fold writes codes of reasons")
    }
}

/// Where a defect stands: batch and row.
type Place = (u32, u32);

/// `defects`, week by week.
pub fn defects(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    let found: Vec<Defects> = input.defects.iter().map(Defects::of).collect();
    let mut weeks: BTreeMap<Day, Vec<Place>> = BTreeMap::new();
    for (batch, defects) in found.iter().enumerate() {
        for (row, day) in defects.day.iter().enumerate() {
            let week = calendar::monday(*day);
            if input.in_range(week) {
                weeks.entry(week).or_default().push((batch as u32, row as u32));
            }
        }
    }
    for (week, mut places) in weeks {
        places.sort_unstable_by(|a, b| {
            let key = |(batch, row): &Place| {
                let (defects, row) = (&found[*batch as usize], *row as usize);
                let texts = [0, 1, 2, 3].map(|column| defects.text(column, row));
                (texts, defects.file[row], defects.record[row])
            };
            key(a).cmp(&key(b))
        });
        let batches = batches(places.len(), |rows| Ok(defect_batch(input, &found, week, &places[rows])))?;
        each(Piece { table: Table::Defects, week: Some(week), batches })?;
    }
    Ok(())
}

fn defect_batch(input: &TablesInput, found: &[Defects], week: Day, places: &[Place]) -> RecordBatch {
    let rows = || places.iter().map(|(batch, row)| (&found[*batch as usize], *row as usize));
    let text = |column: usize| text_column(rows().map(move |(defects, row)| defects.text(column, row)));
    let said = |of: fn(Reason) -> &'static str| text_column(rows().map(move |(defects, row)| of(defects.reason(row))));
    let likely =
        rows().map(|(defects, row)| defects.likely_carrier.is_valid(row).then(|| defects.likely_carrier.value(row)));
    let mendable = rows().map(|(defects, row)| Some(defects.mendable.value(row)));
    let columns: Vec<ArrayRef> = vec![
        text(0),
        text(1),
        text(2),
        text(3),
        day_column(rows().map(|(defects, row)| defects.day[row])),
        day_column(rows().map(|_| week)),
        text(4),
        text(5),
        text(6),
        said(Reason::name),
        text(7),
        said(|reason| reason.entry().meaning),
        said(|reason| reason.entry().fix),
        Arc::new(StringArray::from_iter(likely)),
        Arc::new(BooleanArray::from_iter(mendable)),
        input.evidence_column(places.len()),
    ];
    input.batch(Table::Defects, columns)
}

/// `carrier_names`, week by week.
pub fn carrier_names(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    for (week, batch) in input.marginals.names.iter().filter(|(week, _)| input.in_range(**week)) {
        let columns = ["marketplace", "carrier_typed", "carrier"].map(|name| dictionary(batch, name));
        let shipments = batch["count"].as_primitive::<Int64Type>().values();
        let mut names: BTreeMap<[&str; 3], i64> = BTreeMap::new();
        for (row, count) in shipments.iter().enumerate() {
            let key = columns.map(|(keys, texts)| texts.value(keys.value(row) as usize));
            *names.entry(key).or_default() += count;
        }
        let names: Vec<([&str; 3], i64)> = names.into_iter().collect();
        let batches = batches(names.len(), |rows| Ok(name_batch(input, *week, &names[rows])))?;
        if !batches.is_empty() {
            each(Piece { table: Table::CarrierNames, week: Some(*week), batches })?;
        }
    }
    Ok(())
}

fn name_batch(input: &TablesInput, week: Day, names: &[([&str; 3], i64)]) -> RecordBatch {
    let text = |column: usize| text_column(names.iter().map(move |(key, _)| key[column]));
    let integrated = names.iter().map(|(key, _)| is_integrated(&input.plan.book, key[0], key[2], input.plan.as_of));
    let columns: Vec<ArrayRef> = vec![
        text(0),
        text(1),
        day_column(names.iter().map(|_| week)),
        text(2),
        Arc::new(BooleanArray::from_iter(integrated)),
        counts(names.iter().map(|(_, count)| frames::unsigned(*count))),
        input.evidence_column(names.len()),
    ];
    input.batch(Table::CarrierNames, columns)
}

/// Whether a carrier is on the list of the version in force on `as_of`, both named as in tables.
fn is_integrated(book: &Book, marketplace: &str, carrier: &str, as_of: Day) -> Option<bool> {
    if marketplace == NONE {
        return None;
    }
    let (market, _) = book.markets().find(|(_, market)| market.name == marketplace)?;
    let carrier = match book.carriers.by_id(carrier) {
        Some(id) => Carrier::Known(id),
        None if carrier == book.carriers.label(Carrier::Missing) => Carrier::Missing,
        None => Carrier::Unknown,
    };
    book.is_integrated(Marketplace::Known(market), carrier, as_of)
}

/// `rejects`: the first of them, up to the job's cap.
pub fn rejects(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    let mut rejects: Vec<(&str, &Reject)> =
        input.rejects.iter().map(|(file, reject)| (input.files[*file as usize].file.as_str(), reject)).collect();
    rejects.sort_by_key(|(file, reject)| (*file, reject.record));
    rejects.truncate(input.plan.limits.max_rejected_rows_kept);
    let batches = batches(rejects.len(), |rows| Ok(reject_batch(input, &rejects[rows])))?;
    each(Piece { table: Table::Rejects, week: None, batches })
}

fn reject_batch(input: &TablesInput, rejects: &[(&str, &Reject)]) -> RecordBatch {
    let place = |of: fn(&Reject) -> Option<u64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(
            rejects.iter().map(|(_, reject)| of(reject).and_then(|at| i64::try_from(at).ok())),
        ))
    };
    let columns: Vec<ArrayRef> = vec![
        text_column(rejects.iter().map(|(file, _)| *file)),
        counts(rejects.iter().map(|(_, reject)| reject.record)),
        place(|reject| reject.line),
        place(|reject| reject.byte_offset),
        text_column(rejects.iter().map(|(_, reject)| reject.column.as_deref().unwrap_or_default())),
        text_column(rejects.iter().map(|(_, reject)| reject.reason.as_str())),
        Arc::new(StringArray::from_iter(rejects.iter().map(|(_, reject)| reject.value.as_deref()))),
        input.evidence_column(rejects.len()),
    ];
    input.batch(Table::Rejects, columns)
}

/// `input_files`.
pub fn input_files(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    let mut files: Vec<_> = input.files.iter().collect();
    files.sort_by(|a, b| a.file.cmp(&b.file));
    let batches = batches(files.len(), |rows| {
        let files = &files[rows];
        let day = |of: fn(&super::FileRow) -> Option<Day>| -> ArrayRef {
            Arc::new(Date32Array::from_iter(files.iter().map(|file| of(file))))
        };
        let count = |of: fn(&super::FileRow) -> u64| counts(files.iter().map(|file| of(file)));
        let columns: Vec<ArrayRef> = vec![
            text_column(files.iter().map(|file| file.file.as_str())),
            count(|file| file.bytes),
            count(|file| file.rows_read),
            count(|file| file.rows_pruned),
            count(|file| file.rejected),
            count(|file| file.after_as_of),
            count(|file| file.superseded),
            count(|file| file.outside_range),
            count(|file| file.classes[0]),
            count(|file| file.classes[1]),
            count(|file| file.classes[2]),
            count(|file| file.classes[3]),
            day(|file| file.first_day),
            day(|file| file.last_day),
            text_column(files.iter().map(|file| file.digest.as_str())),
            input.evidence_column(files.len()),
        ];
        Ok(input.batch(Table::InputFiles, columns))
    })?;
    each(Piece { table: Table::InputFiles, week: None, batches })
}
