//! Adds up parts to the result of a fold, with codes of this process.
//!
//! Other code decides which parts are required; here every given part is added once. It refuses a part by name, and
//! fails if the disk does or the run is told to stop.

use super::{Header, Making, Part, PartKind, Seal, decode, refused, send, told};
use crate::error::Result;
use crate::fold::dedup::{self, Search};
use crate::fold::lost::Lost;
use crate::fold::rejects::Kept;
use crate::fold::{Folded, Gathered, hands, on_threads, settled};
use crate::job::plan::Plan;
use crate::place::budget::Purpose;
use crate::place::spill::Spill;
use crate::scan::Survey;
use crate::tell::report::RunReport;
use crate::tell::sellers::Sellers;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Int64Type, UInt32Type, UInt64Type};
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use vtr_columnar::judge::{Judge, Reject};
use vtr_kernel::calendar::{FIRST_DAY, last_plausible_day};
use vtr_kernel::ladder::Evidence;
use vtr_kernel::reason::Class;

/// Reads a part by its name.
pub type Reading<'a> = dyn Fn(&str) -> Result<Vec<u8>> + Sync + 'a;

/// Returns the result of all shares, without superseded rows: the same as [`crate::fold::fold`], from parts.
///
/// # Errors
/// A part is cut, damaged or foreign; more distinct texts than fit, a disk that fails, or a stop of the run.
pub fn finished(
    plan: &Plan,
    survey: &Survey,
    names: &[String],
    read: &Reading,
    seal: &Seal,
    report: &mut RunReport,
) -> Result<Folded> {
    let (judge, kept) = hands(plan, survey.evidence);
    let taking = Taking { plan, survey: Some(survey), judge: &judge, kept: &kept };
    let next = AtomicUsize::new(0);
    let gathered = report.stage("read parts", || {
        on_threads(plan, &AtomicBool::new(false), || {
            let mut gathered = Gathered::new(plan);
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                crate::signals::check()?;
                plan.budget().check()?;
                taking.part(name, &read(name)?, seal, &mut gathered)?;
            }
            Ok(gathered)
        })
    })?;
    settled(plan, survey, (judge, kept), gathered, 0, report)
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
    let taking = Taking { plan, survey: None, judge: &judge, kept: &kept };
    let mut gathered = Gathered::new(plan);
    for (name, part) in parts {
        crate::signals::check()?;
        taking.part(name, &part.bytes, making.seal, &mut gathered)?;
    }
    let mut settled = Vec::new();
    if parts.iter().any(|(_, part)| part.kind == PartKind::Copies) {
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
struct Taking<'a> {
    plan: &'a Plan,
    /// `None` if only counts and copies are given.
    survey: Option<&'a Survey>,
    judge: &'a Judge,
    kept: &'a Kept,
}

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

impl Taking<'_> {
    fn part(&self, name: &str, bytes: &[u8], seal: &Seal, gathered: &mut Gathered) -> Result<()> {
        let (header, batches) = decode(name, bytes, seal)?;
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            match header.kind {
                PartKind::Counts => self.counts(name, batch, gathered)?,
                PartKind::Copies => {
                    let copies = self.judge.copies(batch).map_err(|fault| refused(name, fault))?;
                    gathered.copies.add(&copies)?;
                    gathered.peaks.see(Purpose::Copies, gathered.copies.bytes());
                }
                PartKind::Defects => gathered.defects.add(batch.clone())?,
                PartKind::Judged => gathered.judged.add(batch.clone())?,
                PartKind::Rejects => self.rejects(name, batch)?,
                PartKind::Files => self.files(name, batch, gathered)?,
                PartKind::Weeks => self.weeks(name, batch, gathered)?,
                PartKind::Gone => self.gone(name, batch, gathered)?,
            }
        }
        match header.kind {
            PartKind::Weeks => self.share(name, &header, gathered),
            PartKind::Gone => self.lost(name, &header, gathered),
            _ => Ok(()),
        }
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
                survey.see_times(file, of.times);
            }
            let counts = of.into_counts().ok_or_else(|| refused(name, "it tells of something unknown"))?;
            let own = gathered.files.entry(file).or_default();
            own.rows_read += counts.rows_read;
            own.tally.merge(&counts.tally);
            own.asides.merge(&counts.asides);
            if !counts.digest.is_empty() {
                own.digest = counts.digest;
            }
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
        let told::Share { rows_taken, bytes_read, unpriced, due, sellers } = parsed(name, &header.told)?;
        gathered.rows_taken += rows_taken;
        gathered.bytes_read += bytes_read;
        gathered.unpriced += unpriced;
        due.into_iter().for_each(|(week, days)| gathered.due.see(week, days));
        gathered.sellers.merge(Sellers::of(&sellers.0, sellers.1));
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
        let mut lost = Lost { unpriced: told.unpriced, apart_days: told.apart_days, ..Lost::default() };
        for (file, (tally, rows)) in told.files {
            let tally = tally.into_tally().ok_or_else(|| refused(name, "it tells of something unknown"))?;
            lost.files.insert(self.file(name, file)?, (tally, rows));
        }
        told.weeks.into_iter().for_each(|(week, classes)| lost.weeks.add_rows(week, classes));
        gathered.lost.merge(lost);
        Ok(())
    }
}
