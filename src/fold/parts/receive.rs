//! Adds up parts to the result of a fold, with codes of this process.
//!
//! Which parts there must be is decided elsewhere; here every one that is given is added, once, batch by batch. It refuses
//! a part by name, and fails if the disk does or the run is told to stop.

use super::met::Met;
use super::{Header, Making, Opened, Part, PartKind, refused, send, told};
use crate::error::Result;
use crate::fold::dedup::{self, Search};
use crate::fold::lost::Lost;
use crate::fold::rejects::KeptRejects;
use crate::fold::{Folded, Gathered, hands, on_threads, settled};
use crate::job::plan::Plan;
use crate::place::budget::Purpose;
use crate::place::readable::Readable;
use crate::place::spill::Spill;
use crate::scan::Survey;
use crate::tell::rejected_sellers::RejectedSellers;
use crate::tell::report::RunReport;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Date32Type, Int64Type, UInt32Type, UInt64Type};
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use vtr_columnar::choice::Between;
use vtr_columnar::judge::{Judge, Reject};
use vtr_kernel::calendar::{FIRST_DAY, last_plausible_day};
use vtr_kernel::ladder::Evidence;
use vtr_kernel::reason::Class;

/// Opens a part by its name.
pub type Opening<'a> = dyn Fn(&str) -> Result<Opened> + Sync + 'a;

/// A part that is not opened yet.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name in its place.
    pub name: String,
    /// What it holds.
    pub kind: PartKind,
    /// Which bucket of it.
    pub bucket: u32,
}

/// Returns the result of all shares, without superseded rows: the same as [`crate::fold::fold`], from parts.
///
/// # Errors
/// A part is cut, damaged or foreign; more distinct texts than fit, a disk that fails, or a stop of the run.
pub fn finished(
    plan: &Plan,
    survey: &Survey,
    parts: &[Named],
    open: &Opening,
    buckets: u32,
    report: &mut RunReport,
) -> Result<Folded> {
    let (judge, kept) = hands(plan, survey.evidence);
    let taking = TakenParts { plan, survey: Some(survey), judge: &judge, kept: &kept, buckets };
    // Copies of a bucket are taken together: only those that may meet another are looked at twice.
    let together = |a: &Named, b: &Named| (a.kind, a.bucket) == (b.kind, b.bucket) && a.kind == PartKind::Copies;
    let tasks: Vec<&[Named]> = parts.chunk_by(together).collect();
    let next = AtomicUsize::new(0);
    let gathered = report.stage("read parts", || {
        on_threads(plan, &AtomicBool::new(false), || {
            let mut gathered = Gathered::new(plan);
            while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                match task {
                    [part] if part.kind != PartKind::Copies => taking.part(&open(&part.name)?, &mut gathered)?,
                    copies => taking.copies(copies.len(), &|place| open(&copies[place].name), &mut gathered)?,
                }
            }
            Ok(gathered)
        })
    })?;
    settled(plan, survey, (judge, kept), gathered, (0, None), report)
}

/// Merges the parts of one bucket: counts become one part without superseded rows, and copies become one part with
/// everything else that the losers among them subtract.
///
/// # Errors
/// As [`finished`].
pub fn settled_bucket(
    plan: &Plan,
    evidence: Evidence,
    parts: &[(String, Part)],
    bucket: u32,
    making: Making,
) -> Result<Vec<Part>> {
    let (judge, kept) = hands(plan, evidence);
    let taking = TakenParts { plan, survey: None, judge: &judge, kept: &kept, buckets: making.buckets };
    let mut gathered = Gathered::new(plan);
    let open = |(name, part): &(String, Part)| {
        Opened::of(name, Readable::Memory(part.bytes.clone().into()), making.seal, &plan.temp)
    };
    let (copies, others): (Vec<&(String, Part)>, _) = parts.iter().partition(|(_, part)| part.kind == PartKind::Copies);
    others.into_iter().try_for_each(|part| taking.part(&open(part)?, &mut gathered))?;
    let mut settled = Vec::new();
    if !copies.is_empty() {
        taking.copies(copies.len(), &|place| open(copies[place]), &mut gathered)?;
        let unit = plan.identity.map(dedup::unit).expect("who plans no identity sends no copies");
        let budget = plan.budget().share(Purpose::Copies);
        let search = Search::new(vec![gathered.copies], unit, budget, Spill::below(&plan.temp));
        let mut lost = Lost::among(plan, &judge, search)?;
        gathered.runs.merge(std::mem::take(&mut lost.runs));
        settled.push(send::gone_part(&lost, bucket, making)?);
    }
    settled.push(send::merged_counts(gathered.runs, &judge.into_keys(), bucket, making)?);
    Ok(settled)
}

/// The state that parts are added to.
struct TakenParts<'a> {
    plan: &'a Plan,
    /// `None` if only counts and copies are given.
    survey: Option<&'a Survey>,
    judge: &'a Judge,
    kept: &'a KeptRejects,
    buckets: u32,
}

/// Opens one of several parts.
type Numbered<'a> = dyn Fn(usize) -> Result<Opened> + 'a;

/// The column of copies by which they meet.
const IDENTITY: [usize; 1] = [0];

fn parsed<T: DeserializeOwned>(name: &str, told: &str) -> Result<T> {
    serde_json::from_str(told).map_err(|error| refused(name, format!("what it tells cannot be read: {error}")))
}

/// Refuses rows that a part of this program cannot hold.
fn typed(name: &str, batch: &RecordBatch, columns: &[(&str, DataType)]) -> Result<()> {
    for (column, kind) in columns {
        let found = batch.column_by_name(column).map(|array| array.data_type());
        if found != Some(kind) {
            let found = found.map_or("absent".to_owned(), ToString::to_string);
            return Err(refused(name, format!("its column `{column}` is {found}, where a part has {kind}")));
        }
    }
    Ok(())
}

impl TakenParts<'_> {
    /// The next batch, unless there is word to stop or more memory is taken than may be.
    fn step(&self, batch: Result<RecordBatch>) -> Result<RecordBatch> {
        crate::signals::check()?;
        self.plan.budget().check()?;
        batch
    }

    fn part(&self, part: &Opened, gathered: &mut Gathered) -> Result<()> {
        let (name, header) = (part.name(), part.header());
        for batch in part.batches(None)? {
            let batch = self.step(batch)?;
            if batch.num_rows() == 0 {
                continue;
            }
            match header.kind {
                PartKind::Counts => self.counts(name, &batch, gathered)?,
                PartKind::Copies => self.copy(name, &batch, gathered)?,
                PartKind::Defects => gathered.defects.add(batch)?,
                PartKind::Judged => gathered.judged.add(batch)?,
                PartKind::Rejects => self.rejects(name, &batch)?,
                PartKind::Files => self.files(name, &batch, gathered)?,
                PartKind::Weeks => self.weeks(name, &batch, gathered)?,
                PartKind::Gone => self.gone(name, &batch, gathered)?,
            }
        }
        match header.kind {
            PartKind::Weeks => self.share(name, header, gathered),
            PartKind::Gone => self.lost(name, header, gathered),
            _ => Ok(()),
        }
    }

    /// All copies of a bucket: first their identities alone, then what else is known of those that may meet another.
    fn copies(&self, parts: usize, open: &Numbered, gathered: &mut Gathered) -> Result<()> {
        let first = open(0)?;
        // Shares are about as great as each other; too few slots let some more pass.
        let about = first.header().rows.saturating_mul(parts as u64);
        let mut met = Met::of(about, self.buckets, self.plan.budget().share(Purpose::Copies));
        let mut first = Some(first);
        for place in 0..parts {
            let part = first.take().map_or_else(|| open(place), Ok)?;
            for batch in part.batches(Some(&IDENTITY))? {
                met.see(&self.step(batch)?);
            }
        }
        for place in 0..parts {
            let part = open(place)?;
            for batch in part.batches(None)? {
                let batch = self.step(batch)?;
                let (passing, any) = met.passing(&batch);
                if any {
                    let rest = filter_record_batch(&batch, &passing).map_err(|error| refused(part.name(), error))?;
                    self.copy(part.name(), &rest, gathered)?;
                }
            }
        }
        Ok(())
    }

    fn copy(&self, name: &str, batch: &RecordBatch, gathered: &mut Gathered) -> Result<()> {
        let copies = self.judge.copies(batch).map_err(|fault| refused(name, fault))?;
        gathered.copies.add(&copies)?;
        gathered.peaks.see(Purpose::Copies, gathered.copies.bytes());
        Ok(())
    }

    fn counts(&self, name: &str, batch: &RecordBatch, gathered: &mut Gathered) -> Result<()> {
        let pieces = self.judge.pieces(batch).map_err(|fault| refused(name, fault))?;
        gathered.hold(pieces)
    }

    /// Returns the index of a file that a row names.
    fn file(&self, name: &str, file: u32) -> Result<u32> {
        match self.survey {
            Some(survey) if survey.files.get(file as usize).is_none() => {
                Err(refused(name, format!("it names file {file}, but there are {}", survey.files.len())))
            }
            _ => Ok(file),
        }
    }

    fn rejects(&self, name: &str, batch: &RecordBatch) -> Result<()> {
        let numbers = ["record", "line", "byte_offset"].map(|column| (column, DataType::UInt64));
        let texts = ["column", "reason", "value"].map(|column| (column, DataType::Utf8));
        typed(name, batch, &[("file", DataType::UInt32)])?;
        typed(name, batch, &numbers)?;
        typed(name, batch, &texts)?;
        let files = batch["file"].as_primitive::<UInt32Type>();
        let [records, lines, offsets] = numbers.map(|(column, _)| batch[column].as_primitive::<UInt64Type>());
        let [columns, reasons, values] = texts.map(|(column, _)| batch[column].as_string::<i32>());
        for row in 0..batch.num_rows() {
            let number = |of: &arrow::array::UInt64Array| of.is_valid(row).then(|| of.value(row));
            let text = |of: &arrow::array::StringArray| of.is_valid(row).then(|| of.value(row).to_owned());
            let reject = Reject {
                record: records.value(row),
                line: number(lines),
                byte_offset: number(offsets),
                column: text(columns),
                reason: text(reasons).unwrap_or_default(),
                value: text(values),
                seller: None,
            };
            self.kept.add(self.file(name, files.value(row))?, vec![reject]);
        }
        Ok(())
    }

    fn files(&self, name: &str, batch: &RecordBatch, gathered: &mut Gathered) -> Result<()> {
        typed(name, batch, &[("file", DataType::UInt32), ("name", DataType::Utf8), ("told", DataType::Utf8)])?;
        let files = batch["file"].as_primitive::<UInt32Type>();
        let (names, told) = (batch["name"].as_string::<i32>(), batch["told"].as_string::<i32>());
        for row in 0..batch.num_rows() {
            let file = self.file(name, files.value(row))?;
            let of = parsed::<told::File>(name, told.value(row))?;
            if let Some(survey) = self.survey {
                if survey.files[file as usize].shown != names.value(row) {
                    return Err(refused(
                        name,
                        format!("its file {file} is {}", vtr_kernel::text::shown(names.value(row))),
                    ));
                }
                survey.see(file, of.seen);
            }
            let counts = of.into_counts().ok_or_else(|| refused(name, "it tells of something unknown"))?;
            gathered.files.entry(file).or_default().merge(&counts);
        }
        Ok(())
    }

    fn weeks(&self, name: &str, batch: &RecordBatch, gathered: &mut Gathered) -> Result<()> {
        typed(name, batch, &[("week", DataType::Date32), ("class", DataType::Utf8), ("count", DataType::Int64)])?;
        let weeks = batch["week"].as_primitive::<Date32Type>().values();
        let counts = batch["count"].as_primitive::<Int64Type>().values();
        let last = last_plausible_day(self.plan.as_of);
        for ((week, class), count) in weeks.iter().zip(batch["class"].as_string::<i32>()).zip(counts) {
            let class = Class::ALL.into_iter().find(|known| Some(known.name()) == class);
            let class = class.filter(|_| (FIRST_DAY - 6..=last).contains(week));
            let class = class.ok_or_else(|| refused(name, "it has an unknown class or week"))?;
            let mut classes = [0; 4];
            classes[class as usize] = *count;
            gathered.weeks.add_rows(*week, classes);
        }
        Ok(())
    }

    fn share(&self, name: &str, header: &Header, gathered: &mut Gathered) -> Result<()> {
        let told::Share { rows_taken, bytes_read, unpriced, due, sellers, twice } = parsed(name, &header.told)?;
        gathered.rows_taken += rows_taken;
        gathered.bytes_read += bytes_read;
        gathered.unpriced += unpriced;
        due.into_iter().for_each(|(week, days)| gathered.due.see(week, days));
        gathered.sellers.merge(RejectedSellers::of(&sellers.0, sellers.1));
        self.survey.into_iter().for_each(|survey| survey.twice().see(twice.clone()));
        Ok(())
    }

    fn gone(&self, name: &str, batch: &RecordBatch, gathered: &mut Gathered) -> Result<()> {
        typed(name, batch, &[("file", DataType::UInt32), ("record", DataType::UInt64)])?;
        let files = batch["file"].as_primitive::<UInt32Type>().values().iter();
        for (file, record) in files.zip(batch["record"].as_primitive::<UInt64Type>().values()) {
            gathered.lost.gone.insert(self.file(name, *file)?, *record);
        }
        Ok(())
    }

    fn lost(&self, name: &str, header: &Header, gathered: &mut Gathered) -> Result<()> {
        let told: told::Lost = parsed(name, &header.told)?;
        let told::Lost { apart_days, valid_lost, numberless, beside, replaced, undated, unscanned, .. } = told;
        let between = Between { apart_days, valid_lost, numberless, beside, replaced, undated, unscanned };
        let mut lost = Lost { unpriced: told.unpriced, between, ..Lost::default() };
        for (file, (tally, rows)) in told.files {
            let tally = tally.into_tally().ok_or_else(|| refused(name, "it tells of something unknown"))?;
            lost.files.insert(self.file(name, file)?, (tally, rows));
        }
        told.weeks.into_iter().for_each(|(week, classes)| lost.weeks.add_rows(week, classes));
        gathered.lost.merge(lost);
        Ok(())
    }
}
