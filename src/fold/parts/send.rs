//! Turns the results of a fold into parts.
//!
//! Everything is sorted before it is written, so that a share has the same bytes however often, by however many
//! threads and in however much memory it is folded. It fails if the disk does.

use super::{Making, Part, PartKind, bucket_of, encode, told};
use crate::error::{Error, Result};
use crate::fold::counts::{Defects, Gone, Runs};
use crate::fold::dedup::{Copies, PARTS};
use crate::fold::lost::Lost;
use crate::fold::{Reading, Whole, hands};
use crate::job::plan::{OnBadFile, Plan};
use crate::progress::Progress;
use crate::scan::{self, Survey, Unit};
use crate::schema::Table;
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use std::collections::BTreeSet;
use std::sync::Arc;
use vtr_columnar::judge::{Copy, Dealt, Reject, copies_schema, counts_schema, narrowed};
use vtr_columnar::keys::Keys;
use vtr_kernel::calendar::Day;
use vtr_kernel::reason::Class;

/// Rows of a batch of copies.
const BATCH_ROWS: usize = 1 << 18;

/// Refuses a file whose content, by the digest of the bytes read, is not the expected one.
pub type Still<'a> = dyn Fn(u32, &str) -> Result<()> + 'a;

/// Folds some units to parts: counts and copies have one for each bucket, every other kind has one.
///
/// # Errors
/// An input that cannot be read to its end, more distinct texts than fit, a disk that fails, or a stop of the
/// run.
pub fn folded(
    plan: &Plan,
    survey: &Survey,
    units: &[Unit],
    making: Making,
    (progress, still): (&Progress, &Still),
) -> Result<Vec<Part>> {
    let (judge, kept) = hands(plan, survey.evidence);
    let reading = Reading::of(plan, survey, units, (&scan::read, progress), &kept);
    let gathered = reading.all(&judge).map_err(|error| without_skipping(plan, survey, error))?;
    let (mut whole, copies) = Whole::of(gathered, survey);
    let files: BTreeSet<u32> = units.iter().map(|unit| unit.file).collect();
    files.iter().try_for_each(|file| still(*file, &whole.files[*file as usize].digest))?;
    let (rejects, _) = kept.finish();
    let keys = judge.into_keys();
    let mut parts = counts(std::mem::take(&mut whole.runs), &keys, making)?;
    if plan.identity.is_some() {
        parts.extend(copies_parts(&copies, &keys, making)?);
    }
    // Parts without a bucket of their own are spread over all buckets.
    let bucket = making.units.first().map_or(0, |unit| (*unit % making.buckets.max(1) as usize) as u32);
    let asks_for = |table: Table| plan.output.tables.contains(&table);
    for (kind, table, runs) in [
        (PartKind::Defects, Table::Defects, std::mem::take(&mut whole.defects)),
        (PartKind::Judged, Table::Judged, std::mem::take(&mut whole.judged)),
    ] {
        if asks_for(table) {
            let listed = listed(&Defects::of(runs, Arc::new(Gone::default())))?;
            let schema = listed.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
            parts.push(encode(making, (kind, bucket), &schema, &listed, String::new())?);
        }
    }
    for (kind, batch, told) in [
        (PartKind::Rejects, rejects_batch(&rejects), String::new()),
        (PartKind::Files, files_batch(&whole, survey, &files)?, String::new()),
        (PartKind::Weeks, weeks_batch(&whole), json(&share(&whole, progress))?),
    ] {
        parts.push(encode(making, (kind, bucket), &batch.schema(), std::slice::from_ref(&batch), told)?);
    }
    Ok(parts)
}

/// Turns a bad file into an error: it cannot be left out, because other shares have counted rows of it.
fn without_skipping(plan: &Plan, survey: &Survey, error: Error) -> Error {
    let Error::BadFiles(bad) = &error else { return error };
    let skips = |file: u32| plan.inputs[survey.files[file as usize].input].on_bad_file == OnBadFile::Skip;
    if !bad.iter().any(|(file, _)| skips(*file)) {
        return error;
    }
    Error::Input(format!(
        "{error}\nA plan of shares leaves out what is known to be bad when it is made (on_bad_file = \"skip\"): set isolate = true \
         in its [[input]], so that `vtr plan --units` tries every file whole, or move the file away; then plan again"
    ))
}

fn json(told: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(told).map_err(|error| Error::failed("writing a part", error))
}

/// Returns counts of all kinds, distributed by seller.
fn counts(runs: Runs, keys: &Keys, making: Making) -> Result<Vec<Part>> {
    let dealt = dealt(runs, keys, making.buckets)?;
    (0..).zip(dealt).map(|(bucket, batches)| counts_part(&batches, bucket, making)).collect()
}

/// Returns the counts of one bucket as a part.
pub(super) fn merged_counts(runs: Runs, keys: &Keys, bucket: u32, making: Making) -> Result<Part> {
    let batches: Vec<RecordBatch> = dealt(runs, keys, 1)?.into_iter().flatten().collect();
    counts_part(&batches, bucket, making)
}

fn dealt(runs: Runs, keys: &Keys, buckets: u32) -> Result<Vec<Vec<RecordBatch>>> {
    let mut dealt = Dealt::new(keys, buckets as usize, &|text| bucket_of(text, buckets));
    runs.each(&mut |kind, time, counts| dealt.add(kind, time, counts))?;
    Ok(dealt.batches())
}

fn counts_part(batches: &[RecordBatch], bucket: u32, making: Making) -> Result<Part> {
    let schema = batches.first().map_or_else(counts_schema, RecordBatch::schema);
    encode(making, (PartKind::Counts, bucket), &schema, batches, String::new())
}

/// Returns copies by bucket of their identity, by hash.
fn copies_parts(copies: &[Copies], keys: &Keys, making: Making) -> Result<Vec<Part>> {
    let buckets = making.buckets.max(1) as usize;
    let mut parts = Vec::with_capacity(buckets);
    for bucket in 0..buckets {
        let mut bytes = Vec::new();
        for part in bucket * PARTS / buckets..(bucket + 1) * PARTS / buckets {
            copies.iter().try_for_each(|copies| copies.read(part, &mut bytes))?;
        }
        crate::signals::check()?;
        let sorted = Copy::sorted(&bytes);
        drop(bytes);
        let batches: Vec<RecordBatch> = sorted.chunks(BATCH_ROWS).map(|copies| keys.copies(copies)).collect();
        let batches = narrowed(&batches);
        let schema = batches.first().map_or_else(copies_schema, RecordBatch::schema);
        parts.push(encode(making, (PartKind::Copies, bucket as u32), &schema, &batches, String::new())?);
    }
    Ok(parts)
}

/// Returns listed rows, a batch for each week.
fn listed(rows: &Defects) -> Result<Vec<RecordBatch>> {
    let mut weeks = Vec::new();
    for week in rows.weeks() {
        let batches = rows.sorted(week)?.collect::<Result<Vec<RecordBatch>>>()?;
        if let Some(first) = batches.first() {
            let whole = concat_batches(&first.schema(), &batches);
            weeks.push(whole.map_err(|error| Error::failed("writing a part", error))?);
        }
    }
    Ok(weeks)
}

pub(super) fn rejects_batch(rejects: &[(u32, Reject)]) -> RecordBatch {
    let text = |of: &dyn Fn(&Reject) -> Option<String>| -> ArrayRef {
        Arc::new(rejects.iter().map(|(_, reject)| of(reject)).collect::<StringArray>())
    };
    let number = |of: &dyn Fn(&Reject) -> Option<u64>| -> ArrayRef {
        Arc::new(rejects.iter().map(|(_, reject)| of(reject)).collect::<UInt64Array>())
    };
    let columns: [(&str, ArrayRef); 7] = [
        ("file", Arc::new(UInt32Array::from_iter_values(rejects.iter().map(|(file, _)| *file)))),
        ("record", number(&|reject| Some(reject.record))),
        ("line", number(&|reject| reject.line)),
        ("byte_offset", number(&|reject| reject.byte_offset)),
        ("column", text(&|reject| reject.column.clone())),
        ("reason", text(&|reject| Some(reject.reason.clone()))),
        ("value", text(&|reject| reject.value.clone())),
    ];
    let columns = columns.map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("each column has a value for each row")
}

fn files_batch(whole: &Whole, survey: &Survey, files: &BTreeSet<u32>) -> Result<RecordBatch> {
    let told = files.iter().map(|file| json(&told::File::of(&whole.files[*file as usize], survey.times_seen(*file))));
    let told = told.collect::<Result<Vec<String>>>()?;
    let columns: [(&str, ArrayRef); 3] = [
        ("file", Arc::new(UInt32Array::from_iter_values(files.iter().copied()))),
        ("name", Arc::new(StringArray::from_iter_values(files.iter().map(|file| &survey.files[*file as usize].shown)))),
        ("told", Arc::new(StringArray::from_iter_values(told))),
    ];
    Ok(RecordBatch::try_from_iter(columns).expect("each column has a value for each row"))
}

fn weeks_batch(whole: &Whole) -> RecordBatch {
    let cells = |(week, counts)| Class::ALL.map(|class| (week, class, counts));
    let rows: Vec<(Day, Class, [i64; 4])> = whole.weeks.rows().flat_map(cells).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("week", Arc::new(Date32Array::from_iter_values(rows.iter().map(|(week, ..)| *week)))),
        ("class", Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, class, _)| class.name())))),
        (
            "count",
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, class, counts)| counts[*class as usize]))),
        ),
    ];
    RecordBatch::try_from_iter(columns).expect("each column has a value for each row")
}

fn share(whole: &Whole, progress: &Progress) -> told::Share {
    let (sellers, further) = whole.sellers.told();
    told::Share {
        rows_taken: progress.done(),
        bytes_read: whole.bytes_read,
        unpriced: whole.unpriced,
        due: whole.due.by_monday(),
        sellers: (sellers.clone(), further),
    }
}

/// Returns everything that the losers of a bucket subtract, except their cells.
pub(super) fn gone_part(lost: &Lost, bucket: u32, making: Making) -> Result<Part> {
    let rows = lost.gone.rows();
    let columns: [(&str, ArrayRef); 2] = [
        ("file", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(file, _)| *file)))),
        ("record", Arc::new(UInt64Array::from_iter_values(rows.iter().map(|(_, record)| *record)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("each column has a value for each row");
    let told = told::Lost {
        files: lost.files.iter().map(|(file, (tally, rows))| (*file, (told::Tally::of(tally), *rows))).collect(),
        weeks: lost.weeks.rows().collect(),
        unpriced: lost.unpriced,
        apart_days: lost.apart_days,
    };
    encode(making, (PartKind::Gone, bucket), &batch.schema(), std::slice::from_ref(&batch), json(&told)?)
}
