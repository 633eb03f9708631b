//! Which published weeks no longer say what a run of the job would say, and why.
//!
//! It compares what a plan would read now with the manifests of the runs that judged each week, and
//! rather names a week too many than one too few; figures it does not look at. It fails only if a
//! manifest cannot be read.

use crate::error::Result;
use crate::job::plan::{Plan, WeekRange};
use crate::publish::encode;
use crate::publish::log::{self, InputFile, Manifest, Span, day_text};
use crate::publish::store::Store;
use crate::scan::{SourceFile, Survey};
use crate::tables::columns::Table;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Int64Type};
use std::collections::{BTreeMap, BTreeSet};
use vtr_kernel::calendar::{Day, monday};

/// What is stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// These weeks, by Monday, each with the reason.
    Weeks(BTreeMap<Day, String>),
    /// Which weeks cannot be known before reading; why.
    Everything(String),
}

/// First and last day.
type Days = (Day, Day);

/// What is known of the days of an input now: `None` is not known.
struct Known<'a> {
    files: BTreeMap<&'a str, (&'a SourceFile, Option<Vec<Days>>, String)>,
}

/// What is stale of an output, within the weeks that a plan asks for.
///
/// # Errors
/// A manifest, or a text input whose digest is needed, cannot be read.
pub fn stale(plan: &Plan, survey: &Survey, store: &dyn Store) -> Result<Stale> {
    let Some(base) = log::latest(store)? else { return Ok(Stale::Everything("nothing is published yet".into())) };
    let tables = [Table::VtrWeekly, Table::VtrWeeklyCategory, Table::Defects, Table::CarrierNames, Table::VtrRolling];
    let Some(table) = tables.into_iter().find(|table| plan.output.tables.contains(table)) else {
        return Ok(Stale::Everything("the job makes no table with weeks".into()));
    };
    let known = Known::of(survey, &base, store)?;
    let mut weeks: BTreeSet<Day> = base.files(table).iter().filter_map(|file| file.week).collect();
    for (file, days, _) in known.files.values() {
        let Some(days) = days else {
            return Ok(Stale::Everything(format!(
                "{} has changed, and its days are not known before reading",
                file.shown
            )));
        };
        weeks.extend(days.iter().flat_map(|(first, last)| (monday(*first)..=*last).step_by(7)));
    }
    weeks.retain(|week| plan.range.is_none_or(|range| (range.first..=range.last).contains(week)));
    let mut stale = BTreeMap::new();
    for version in log::versions(store)?.into_iter().rev() {
        if weeks.is_empty() {
            break;
        }
        let judged = if version == base.version { base.clone() } else { log::read(store, version)? };
        let Some(span) = judged.replaced.tables.get(table.name()) else { continue };
        let (of_it, rest) = weeks.into_iter().partition(|week| span.covers(Some(*week)));
        weeks = rest;
        stale.extend(since(plan, &judged, &of_it, &known, store)?);
    }
    stale.extend(weeks.into_iter().map(|week| (week, "not judged yet".to_owned())));
    Ok(Stale::Weeks(stale))
}

/// Published weeks that a run of the plan would leave without rows, as far as that can be known: no
/// input can hold a day of them.
///
/// # Errors
/// Those of [`stale`].
pub fn vanishing(plan: &Plan, survey: &Survey, base: &Manifest, store: &dyn Store) -> Result<Option<BTreeSet<Day>>> {
    let known = Known::of(survey, base, store)?;
    let days: Option<Vec<&Vec<Days>>> = known.files.values().map(|(_, days, _)| days.as_ref()).collect();
    let Some(days) = days else { return Ok(None) };
    let holds = |week: Day| days.iter().copied().flatten().any(|(first, last)| *first <= week + 6 && week <= *last);
    let weekly = [Table::VtrWeekly, Table::VtrWeeklyCategory].into_iter();
    let spans: BTreeMap<Table, Span> = crate::publish::spans(plan).into_iter().collect();
    let replaced = weekly.filter_map(|table| Some((spans.get(&table)?, base.files(table))));
    let weeks = replaced.flat_map(|(span, files)| files.iter().filter(|file| span.covers(file.week)));
    Ok(Some(weeks.filter_map(|file| file.week).filter(|week| !holds(*week)).collect()))
}

/// Weeks in a row, as ranges.
pub fn ranges(weeks: impl IntoIterator<Item = Day>) -> Vec<WeekRange> {
    let mut ranges: Vec<WeekRange> = Vec::new();
    for week in weeks {
        match ranges.last_mut() {
            Some(range) if range.last + 7 == week => range.last = week,
            _ => ranges.push(WeekRange { first: week, last: week }),
        }
    }
    ranges
}

/// The weeks that one run judged and that are stale since then.
fn since(
    plan: &Plan,
    judged: &Manifest,
    weeks: &BTreeSet<Day>,
    known: &Known,
    store: &dyn Store,
) -> Result<BTreeMap<Day, String>> {
    let all = |reason: String| weeks.iter().map(|week| (*week, reason.clone())).collect();
    if judged.book != plan.book.digest() {
        return Ok(all("the book has changed".into()));
    }
    if judged.job.digest != plan.job_digest {
        return Ok(all("the job has changed".into()));
    }
    if judged.as_of != plan.as_of && (plan.as_of < judged.as_of || cut_off(judged)) {
        let (then, now) = (day_text(judged.as_of), day_text(plan.as_of));
        return Ok(all(format!("judged as of {then}, which left out what was known later; now as of {now}")));
    }
    let mut stale = BTreeMap::new();
    for latency in plan.book.markets().map(|(_, market)| market.latency_days).collect::<BTreeSet<_>>() {
        let turned = |week: &&Day| **week + 6 + latency >= judged.as_of && **week + 6 + latency < plan.as_of;
        let reason = format!("provisional as of {}, final now", day_text(judged.as_of));
        stale.extend(weeks.iter().filter(turned).map(|week| (*week, reason.clone())));
    }
    let slack = match plan.identity {
        Some(_) => i64::from(plan.copies_within_days).max(judged.copies_apart_days.unwrap_or(0)),
        None => 0,
    };
    let slack = Day::try_from(slack).unwrap_or(Day::MAX / 4);
    for (file, days) in known.changed(judged, store)? {
        let touched = |week: &&Day| {
            days.as_ref().is_none_or(|days| {
                days.iter().any(|(first, last)| *first - slack <= **week + 6 && **week <= *last + slack)
            })
        };
        let fresh: Vec<Day> = weeks.iter().filter(touched).filter(|week| !stale.contains_key(*week)).copied().collect();
        stale.extend(fresh.into_iter().map(|week| (week, format!("inputs have changed: {file}"))));
    }
    Ok(stale)
}

/// Whether a run looked back at a day that was over when it ran: what happened in between was there to
/// be read, and was left out. Run ids begin with the day.
fn cut_off(judged: &Manifest) -> bool {
    let ran = judged.run_id.get(..8).and_then(|day| chrono::NaiveDate::parse_from_str(day, "%Y%m%d").ok());
    ran.is_none_or(|ran| judged.as_of < vtr_kernel::calendar::day_from_date(ran))
}

impl<'a> Known<'a> {
    /// Days by statistics, or of an unchanged text file by what the last publication found in it.
    fn of(survey: &'a Survey, base: &Manifest, store: &dyn Store) -> Result<Known<'a>> {
        let published = days_found(base, store)?;
        let mut files = BTreeMap::new();
        for file in &survey.files {
            let digest = match &file.digest {
                Some(digest) => digest.clone(),
                // Only a text that could be the published one is worth hashing.
                None if base.inputs.iter().any(|input| input.file == file.shown && input.bytes == file.bytes) => {
                    digest_of(file)?
                }
                None => String::new(),
            };
            let found = published.get(&(file.shown.clone(), digest.clone())).cloned();
            files.insert(file.shown.as_str(), (file, file.days.clone().or(found), digest));
        }
        Ok(Known { files })
    }

    /// The files that changed since a run, each with the days that it held or holds; `None`: unknown.
    fn changed(&self, judged: &Manifest, store: &dyn Store) -> Result<Vec<(String, Option<Vec<Days>>)>> {
        let before: BTreeMap<&str, &InputFile> =
            judged.inputs.iter().map(|input| (input.file.as_str(), input)).collect();
        let names: BTreeSet<&str> = before.keys().copied().chain(self.files.keys().copied()).collect();
        let mut changed = Vec::new();
        let mut found = None;
        for name in names {
            let (old, new) = (before.get(name), self.files.get(name));
            if let (Some(old), Some((_, _, digest))) = (old, new)
                && old.digest == *digest
            {
                continue;
            }
            let mut days = new.map_or(Some(Vec::new()), |(_, days, _)| days.clone());
            if let Some(old) = old {
                if found.is_none() {
                    found = Some(days_found(judged, store)?);
                }
                let held = found.as_ref().and_then(|found| found.get(&(name.to_owned(), old.digest.clone())));
                days = days.zip(held.cloned()).map(|(days, held)| [days, held].concat());
            }
            changed.push((name.to_owned(), days));
        }
        Ok(changed)
    }
}

fn digest_of(file: &SourceFile) -> Result<String> {
    let read = || file.origin.open()?.hash().map_err(|error| error.to_string());
    read().map_err(|why| {
        let refused = || crate::error::Error::Input(format!("{}: {why}", file.shown));
        file.origin.trouble().unwrap_or_else(refused)
    })
}

/// The days that a publication found in its inputs, by file and digest; of files that it did not read
/// whole, and where its table is gone, nothing is known.
fn days_found(manifest: &Manifest, store: &dyn Store) -> Result<BTreeMap<(String, String), Vec<Days>>> {
    let mut days = BTreeMap::new();
    for file in manifest.files(Table::InputFiles) {
        let Some(blob) = store.open(&file.path)? else { continue };
        let columns = ["file", "digest", "rows_pruned", "first_day", "last_day"];
        encode::read_columns(blob, &store.shown(&file.path), &columns, &mut |batch| {
            let text = |name: &str| batch[name].as_string::<i32>().clone();
            let day = |name: &str| batch[name].as_primitive::<Date32Type>().clone();
            let (names, digests, first, last) = (text("file"), text("digest"), day("first_day"), day("last_day"));
            let pruned = batch["rows_pruned"].as_primitive::<Int64Type>();
            for row in (0..batch.num_rows()).filter(|row| pruned.value(*row) == 0) {
                let of_file = first.is_valid(row).then(|| (first.value(row), last.value(row)));
                days.insert(
                    (names.value(row).to_owned(), digests.value(row).to_owned()),
                    of_file.into_iter().collect::<Vec<Days>>(),
                );
            }
            Ok(())
        })?;
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_in_a_row_are_one_range() {
        let range = |first, last| WeekRange { first, last };
        assert_eq!(ranges([4, 11, 25, 32, 39, 60]), [range(4, 11), range(25, 39), range(60, 60)]);
        assert!(ranges([]).is_empty());
    }
}
