//! Turns the results of a fold into parts.
//!
//! Everything is sorted before it is written, so that a share has the same bytes however often, by however many
//! threads and in however much memory it is folded. It fails if the disk does.

use super::{Making, Part, PartKind, bucket_of, encode, encode_each, told};
use crate::error::{Error, Result};
use crate::fold::counts::{Defects, Gone, Runs};
use crate::fold::dedup::{Copies, PARTS};
use crate::fold::lost::Lost;
use crate::fold::whole::Whole;
use crate::fold::{FoldReading, hands};
use crate::job::plan::{OnBadFile, Plan};
use crate::progress::Progress;
use crate::scan::{self, Survey, Unit};
use crate::schema::Table;
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow::datatypes::Schema;
use std::collections::BTreeSet;
use std::sync::Arc;
use vtr_columnar::judge::{CopyRecord, Dealt, Reject, copies_schema, counts_schema, narrowed};
use vtr_columnar::keys::Keys;
use vtr_kernel::calendar::Day;
use vtr_kernel::reason::Class;

/// Rows of a batch of copies.
const BATCH_ROWS: usize = 1 << 16;

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
    take: &mut dyn FnMut(Part) -> Result<()>,
) -> Result<()> {
    let (judge, kept) = hands(plan, survey.evidence);
    let reading = FoldReading::of(plan, survey, units, (&scan::read, progress), &kept);
    let gathered = reading.all(&judge).map_err(|error| without_skipping(plan, survey, error))?;
    let mut take = |part: Part| {
        plan.budget().check()?;
        take(part)
    };
    let (mut whole, copies) = Whole::of(gathered, survey);
    let files: BTreeSet<u32> = units.iter().map(|unit| unit.file).collect();
    files.iter().try_for_each(|file| still(*file, &whole.files[*file as usize].digest))?;
    let (rejects, _) = kept.finish();
    let keys = judge.into_keys();
    for (bucket, batches) in (0..).zip(dealt(std::mem::take(&mut whole.runs), &keys, making.buckets)?) {
        take(counts_part(&batches, bucket, making)?)?;
    }
    if plan.identity.is_some() {
        copies_parts(&copies, &keys, making, &mut take)?;
    }
    drop(copies);
    // What is of no bucket is spread over all of them.
    let bucket = making.units.first().map_or(0, |unit| (*unit % making.buckets.max(1) as usize) as u32);
    let asks_for = |table: Table| plan.output.tables.contains(&table);
    for (kind, table, runs) in [
        (PartKind::Defects, Table::Defects, std::mem::take(&mut whole.defects)),
        (PartKind::Judged, Table::Judged, std::mem::take(&mut whole.judged)),
    ] {
        if asks_for(table) {
            take(listed_part(&Defects::of(runs, Arc::new(Gone::default())), (kind, bucket), making)?)?;
        }
    }
    for (kind, batch, told) in [
        (PartKind::Rejects, rejects_batch(&rejects), String::new()),
        (PartKind::Files, files_batch(&whole, survey, &files)?, String::new()),
        (PartKind::Weeks, weeks_batch(&whole), json(&share(&whole, survey, progress))?),
    ] {
        take(encode(making, (kind, bucket), &batch.schema(), std::slice::from_ref(&batch), told)?)?;
    }
    Ok(())
}

/// A file that turns out bad half way cannot be left out: other shares have counted rows of it. Where it may be left out,
/// the plan was made once it had been read to its end.
fn without_skipping(plan: &Plan, survey: &Survey, error: Error) -> Error {
    let Error::BadFiles(bad) = &error else { return error };
    let skips = |file: u32| plan.inputs[survey.files[file as usize].input].on_bad_file == OnBadFile::Skip;
    if !bad.iter().any(|(file, _)| skips(*file)) {
        return error;
    }
    Error::Input(format!(
        "{error}\nit could be read when it was planned; plan again to leave it out, and fold all shares of that plan"
    ))
}

fn json(told: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(told).map_err(|error| Error::failed("writing a part", error))
}

/// The counts of one bucket as a part of it.
pub(super) fn merged_counts(runs: Runs, keys: &Keys, bucket: u32, making: Making) -> Result<Part> {
    let batches: Vec<RecordBatch> = dealt(runs, keys, 1)?.into_iter().flatten().collect();
    counts_part(&batches, bucket, making)
}

/// Counts of all kinds, dealt out by seller.
fn dealt(runs: Runs, keys: &Keys, buckets: u32) -> Result<Vec<Vec<RecordBatch>>> {
    let mut dealt = Dealt::new(keys, buckets as usize, &|text| bucket_of(text, buckets));
    runs.each(&mut |kind, time, counts| dealt.add(kind, time, counts))?;
    Ok(dealt.batches())
}

fn counts_part(batches: &[RecordBatch], bucket: u32, making: Making) -> Result<Part> {
    let schema = batches.first().map_or_else(counts_schema, RecordBatch::schema);
    encode(making, (PartKind::Counts, bucket), &schema, batches, String::new())
}

/// Copies by bucket of their identity, by hash.
fn copies_parts(
    copies: &[Copies],
    keys: &Keys,
    making: Making,
    take: &mut dyn FnMut(Part) -> Result<()>,
) -> Result<()> {
    let buckets = making.buckets.max(1) as usize;
    for bucket in 0..buckets {
        let (mut bytes, mut sorted, mut batches) = (Vec::new(), Vec::new(), Vec::new());
        // Parts of the hash space ascend, and each is small enough to be sorted in the processor's caches.
        for part in bucket * PARTS / buckets..(bucket + 1) * PARTS / buckets {
            bytes.clear();
            copies.iter().try_for_each(|copies| copies.read(part, &mut bytes))?;
            CopyRecord::sort_into(&bytes, &mut sorted);
            if sorted.len() >= BATCH_ROWS {
                crate::signals::check()?;
                batches.extend(sorted.chunks(BATCH_ROWS).map(|copies| keys.copies(copies)));
                sorted.clear();
            }
        }
        batches.extend(sorted.chunks(BATCH_ROWS).map(|copies| keys.copies(copies)));
        drop(sorted);
        let batches = narrowed(&batches);
        let schema = batches.first().map_or_else(copies_schema, RecordBatch::schema);
        take(encode(making, (PartKind::Copies, bucket as u32), &schema, &batches, String::new())?)?;
    }
    Ok(())
}

/// Listed rows, week by week.
fn listed_part(rows: &Defects, of: (PartKind, u32), making: Making) -> Result<Part> {
    let mut batches = rows.weeks().into_iter().flat_map(|week| match rows.evenly(week) {
        Ok(batches) => batches,
        Err(error) => Box::new(std::iter::once(Err(error))),
    });
    let first = batches.next().transpose()?;
    let schema = first.as_ref().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    encode_each(making, of, &schema, &mut first.map(Ok).into_iter().chain(batches), String::new())
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
    let told = files.iter().map(|file| json(&told::File::of(&whole.files[*file as usize], survey.seen(*file))));
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

fn share(whole: &Whole, survey: &Survey, progress: &Progress) -> told::Share {
    let (sellers, further) = whole.sellers.told();
    told::Share {
        rows_taken: progress.done(),
        bytes_read: whole.bytes_read,
        unpriced: whole.unpriced,
        due: whole.due.by_monday(),
        sellers: (sellers.clone(), further),
        twice: survey.twice().take(),
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
        apart_days: lost.between.apart_days,
        valid_lost: lost.between.valid_lost,
        numberless: lost.between.numberless,
        replaced: lost.between.replaced,
        beside: lost.between.beside,
        undated: lost.between.undated,
        unscanned: lost.between.unscanned,
    };
    encode(making, (PartKind::Gone, bucket), &batch.schema(), std::slice::from_ref(&batch), json(&told)?)
}
