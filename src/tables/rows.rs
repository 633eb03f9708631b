//! The tables that hold rows and no rates: `defects`, `judged`, `carrier_names`, `rejects`, `input_files`.
//!
//! They turn the fold's Arrow batches into the published ones: sorted, with columns of the book and of the table of
//! reasons added to each row. They judge nothing and do not fail; batches that break the fold's invariants panic.

use super::space::{NONE, dictionary};
use super::{FileRow, PieceTask, TablesInput, coded, day_column, text_column};
use crate::error::Result;
use crate::fold::counts::{Batches, Defects};
use crate::schema::Table;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, StringArray};
use arrow::datatypes::{Date32Type, FieldRef, UInt8Type};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use vtr_columnar::fold::{Reject, shown_cell};
use vtr_kernel::calendar::Day;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::mend::{FixableBy, suggested_fix};
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::COUNT;
use vtr_kernel::{Book, Reason};

/// Rows of a batch: few, because texts from sources can be long.
const ROWS_OF_A_BATCH: usize = 8_192;
/// The most bytes of a batch of names, computed as if each were the longest.
const BYTES_OF_A_BATCH: usize = 4 << 20;

fn counts(counts: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(counts.map(|count| i64::try_from(count).unwrap_or(i64::MAX))))
}

/// Makes `defects`, week by week.
pub fn defects<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    listed(input, Table::Defects, &input.counted.defects)
}

/// Makes `judged`, week by week.
pub fn judged<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    listed(input, Table::Judged, &input.counted.judged)
}

fn listed<'a>(input: &'a TablesInput<'a>, table: Table, rows: &'a Defects) -> Vec<PieceTask<'a>> {
    let task = |week: Day| {
        PieceTask::of(table, Some(week), move || {
            let batches = rows.sorted(week)?;
            Ok(Box::new(batches.map(move |batch| Ok(listed_batch(input, table, week, &batch?)))) as Batches)
        })
    };
    rows.weeks().into_iter().filter(|week| input.in_range(*week)).map(task).collect()
}

/// Takes back that a number or carrier can still be corrected where another carrier has delivered the package.
fn called_off(input: &TablesInput, batch: &RecordBatch) -> Option<RecordBatch> {
    let delivered = &input.plan.delivered_by_other;
    if delivered.is_empty() {
        return None;
    }
    let (menders, act_by) = (batch["fixable_by"].as_string::<i32>(), batch["act_by"].as_primitive::<Date32Type>());
    let text = |name: &str, row: usize| shown_cell(&batch[name], row).unwrap_or_default();
    let is_off = |row: usize| {
        let key = ["seller_id", "marketplace", "order_id", "tracking_number"].map(|name| text(name, row));
        delivered.has([&key[0], &key[1], &key[2], &key[3]])
    };
    let by_number = |row: usize| menders.is_valid(row) && menders.value(row) == FixableBy::Number.name();
    let off: Vec<bool> = (0..batch.num_rows()).map(|row| by_number(row) && is_off(row)).collect();
    let menders = menders.iter().zip(&off).map(|(who, off)| if *off { Some(FixableBy::Nobody.name()) } else { who });
    let act_by = act_by.iter().zip(&off).map(|(day, off)| day.filter(|_| !off));
    let (menders, act_by) = (StringArray::from_iter(menders), Date32Array::from_iter(act_by));
    let column = |(field, column): (&FieldRef, &ArrayRef)| -> ArrayRef {
        match field.name().as_str() {
            "fixable_by" => Arc::new(menders.clone()),
            "act_by" => Arc::new(act_by.clone()),
            _ => column.clone(),
        }
    };
    let columns = batch.schema_ref().fields().iter().zip(batch.columns()).map(column).collect();
    Some(RecordBatch::try_new(batch.schema(), columns).expect("columns of the same types and lengths"))
}

/// A batch of listed rows from the fold, with columns of the book and of the table of reasons added.
fn listed_batch(input: &TablesInput, table: Table, week: Day, batch: &RecordBatch) -> RecordBatch {
    let called_off = called_off(input, batch);
    let batch = called_off.as_ref().unwrap_or(batch);
    let rows = batch.num_rows();
    let reasons = batch["reason"].as_primitive::<UInt8Type>().values();
    let reason = |row: usize| Reason::from_code(reasons[row]).expect("the fold writes codes of reasons");
    let said = |of: fn(Reason) -> &'static str| {
        let texts = StringArray::from_iter_values((0..COUNT as u8).filter_map(Reason::from_code).map(of));
        coded(reasons.iter().map(|code| u32::from(*code)), &texts)
    };
    let column = |name: &str| -> ArrayRef {
        match name {
            "week_start" => day_column(std::iter::repeat_n(week, rows)),
            "class" => said(|reason| reason.class().name()),
            "reason" => said(Reason::name),
            "meaning" => said(|reason| reason.entry().meaning),
            "suggested_fix" => fixes(&input.plan.book, batch, &reason),
            "evidence" => input.evidence_column(rows),
            // In these columns null and empty mean the same.
            "package_id" | "carrier_typed" | "tracking_number" => {
                let texts = batch[name].as_string::<i32>();
                text_column(texts.iter().map(Option::unwrap_or_default))
            }
            as_it_is => batch[as_it_is].clone(),
        }
    };
    input.batch(table, table.columns().iter().map(|facts| column(facts.name)).collect())
}

/// The column `suggested_fix`.
fn fixes(book: &Book, batch: &RecordBatch, reason: &dyn Fn(usize) -> Reason) -> ArrayRef {
    let (likely, menders) = (batch["likely_carrier"].as_string::<i32>(), batch["fixable_by"].as_string::<i32>());
    let pending = batch["pending"].as_boolean();
    let name = |row: usize| book.carriers.by_id(likely.value(row)).map(|id| book.carriers.entry(id).name.as_str());
    let fix = |row: usize| {
        let mender = menders.is_valid(row).then(|| FixableBy::from_name(menders.value(row))).flatten();
        let likely = likely.is_valid(row).then(|| name(row)).flatten();
        mender.map_or_else(Default::default, |mender| suggested_fix(reason(row), mender, pending.value(row), likely))
    };
    Arc::new(StringArray::from_iter_values((0..batch.num_rows()).map(fix)))
}

/// Makes `carrier_names`, week by week.
pub fn carrier_names<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let names = &input.counted.names;
    let texts = names.texts("carrier_typed");
    let longest = texts.offsets().windows(2).map(|ends| (ends[1] - ends[0]) as usize).max().unwrap_or(0);
    let task = |week: Day| {
        PieceTask::of(Table::CarrierNames, Some(week), move || {
            let most = (BYTES_OF_A_BATCH / longest.max(1)).clamp(1, ROWS_OF_A_BATCH);
            let batches = names.sorted(week)?.flat_map(move |batch| match batch {
                Ok(batch) => {
                    let rows = batch.num_rows();
                    let piece = |first| Ok(batch.slice(first, most.min(rows - first)));
                    (0..rows).step_by(most).map(piece).collect::<Vec<Result<RecordBatch>>>()
                }
                Err(error) => vec![Err(error)],
            });
            Ok(Box::new(batches.map(move |batch| Ok(name_batch(input, week, &batch?)))) as Batches)
        })
    };
    names.days().into_iter().filter(|week| input.in_range(*week)).map(task).collect()
}

fn name_batch(input: &TablesInput, week: Day, names: &RecordBatch) -> RecordBatch {
    let rows = names.num_rows();
    let columns = ["marketplace", "carrier_typed", "carrier"].map(|name| dictionary(names, name));
    let text = |column: usize, row: usize| {
        let (keys, texts) = columns[column];
        texts.value(keys.value(row) as usize)
    };
    let integrated = (0..rows).map(|row| is_integrated(&input.plan.book, text(0, row), text(2, row), input.plan.as_of));
    let columns: Vec<ArrayRef> = vec![
        names["marketplace"].clone(),
        names["carrier_typed"].clone(),
        day_column(std::iter::repeat_n(week, rows)),
        names["carrier"].clone(),
        Arc::new(BooleanArray::from_iter(integrated)),
        names["count"].clone(),
        input.evidence_column(rows),
    ];
    input.batch(Table::CarrierNames, columns)
}

/// Whether a carrier is on the list of the policy version in force on `as_of`; marketplace and carrier are named as in
/// tables.
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

/// Cuts rows in memory into batches.
fn cut<'a, T: Copy + 'a>(rows: Vec<T>, batch: impl Fn(&[T]) -> RecordBatch + 'a) -> Batches<'a> {
    let starts = (0..rows.len()).step_by(ROWS_OF_A_BATCH);
    Box::new(starts.map(move |start| Ok(batch(&rows[start..rows.len().min(start + ROWS_OF_A_BATCH)]))))
}

/// Makes `rejects`: the first rejected records, up to the job's cap.
pub fn rejects<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let make = move || {
        let mut rejects: Vec<(&str, &Reject)> =
            input.rejects.iter().map(|(file, reject)| (input.files[*file as usize].file.as_str(), reject)).collect();
        rejects.sort_by_key(|(file, reject)| (*file, reject.record));
        rejects.truncate(input.plan.limits.max_rejected_rows_kept);
        Ok(cut(rejects, move |rejects| reject_batch(input, rejects)))
    };
    vec![PieceTask::of(Table::Rejects, None, make)]
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

/// Makes `input_files`.
pub fn input_files<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let make = move || {
        let mut files: Vec<&FileRow> = input.files.iter().collect();
        files.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(cut(files, move |files| file_batch(input, files)))
    };
    vec![PieceTask::of(Table::InputFiles, None, make)]
}

fn file_batch(input: &TablesInput, files: &[&FileRow]) -> RecordBatch {
    let day = |of: fn(&FileRow) -> Option<Day>| -> ArrayRef {
        Arc::new(Date32Array::from_iter(files.iter().map(|file| of(file))))
    };
    let count = |of: fn(&FileRow) -> u64| counts(files.iter().map(|file| of(file)));
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
    input.batch(Table::InputFiles, columns)
}
