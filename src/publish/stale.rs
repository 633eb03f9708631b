//! Which published weeks no longer say what a run of the job would say, and why.
//!
//! It compares what a plan would read now with the manifests of the runs that judged each week, and
//! rather names a week too many than one too few; figures it does not look at. It fails only if a
//! manifest cannot be read.

use crate::error::Result;
use crate::job::plan::{Plan, Rolling, WeekRange};
use crate::publish::encode;
use crate::publish::log::{self, InputFile, Manifest, Span, day_text};
use crate::publish::store::Store;
use crate::scan::{SourceFile, Survey};
use crate::schema::Table;
use crate::tables::rolling;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Int64Type};
use std::collections::{BTreeMap, BTreeSet};
use vtr_kernel::calendar::{Day, FIRST_DAY, last_plausible_day, monday};
use vtr_kernel::policy::Market;

/// What is stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// These.
    Some(Outdated),
    /// What, cannot be known before reading; why.
    Everything(String),
}

/// What is stale, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outdated {
    /// Weeks, by Monday, each with the reason.
    pub weeks: BTreeMap<Day, String>,
    /// The reason for `account_health`, if it is, and the weeks asked for hold all its days.
    pub health: Option<String>,
}

/// First and last day.
type Days = (Day, Day);

/// What is known of an input now.
struct Known<'a> {
    file: &'a SourceFile,
    /// The days of its rows; `None`: not known.
    days: Option<Vec<Days>>,
    /// Empty for a text that cannot be the published one.
    digest: String,
}

/// What is known of all inputs now, by shown path.
struct Inputs<'a>(BTreeMap<&'a str, Known<'a>>);

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
    let inputs = Inputs::of(survey, &base, store)?;
    let published: BTreeSet<Day> = base.files(table).iter().filter_map(|file| file.week).collect();
    let (mut weeks, latest) = (published.clone(), last_plausible_day(plan.as_of));
    for input in inputs.0.values() {
        let Some(days) = &input.days else {
            let file = &input.file.shown;
            return Ok(Stale::Everything(format!("{file} has changed, and its days are not known before reading")));
        };
        // What lies before or after that is rejected, whatever it is.
        let judged = |(first, last): &Days| (monday(*first.max(&FIRST_DAY))..=*last.min(&latest)).step_by(7);
        weeks.extend(days.iter().flat_map(judged));
    }
    let asked = |week: &Day| plan.range.is_none_or(|range| (range.first..=range.last).contains(week));
    weeks.retain(asked);
    let mut stale = BTreeMap::new();
    let mut health = Health::of(plan, &base);
    for version in log::versions(store)?.into_iter().rev() {
        if weeks.is_empty() && !matches!(health, Health::Sought(_)) {
            break;
        }
        let judged = if version == base.version { base.clone() } else { log::read(store, version)? };
        if let Some(span) = judged.replaced.tables.get(table.name()) {
            let (of_it, rest) = weeks.into_iter().partition(|week| span.covers(Some(*week)));
            weeks = rest;
            stale.extend(since(plan, &judged, &of_it, &inputs, store)?);
        }
        if let Health::Sought(days) = &health
            && judged.replaced.tables.contains_key(Table::AccountHealth.name())
        {
            let reasons = since(plan, &judged, days, &inputs, store)?;
            health = reasons.into_values().next().map_or(Health::Sound, Health::Stale);
        }
    }
    stale.extend(weeks.into_iter().map(|week| (week, "not judged yet".to_owned())));
    if plan.output.tables.contains(&Table::VtrRolling) {
        let packed = if table == Table::VtrRolling { BTreeSet::new() } else { published.clone() };
        add_windows(plan, &packed, published.first().copied(), &mut stale);
        stale.retain(|week, _| asked(week));
    }
    Ok(Stale::Some(Outdated { weeks: stale, health: health.reason() }))
}

/// Adds the weeks without packages before a stale one: windows end there only if packages follow, so they
/// may come or go with it.
fn add_windows(plan: &Plan, packed: &BTreeSet<Day>, first: Option<Day>, stale: &mut BTreeMap<Day, String>) {
    let longest = rolling::window_lengths(plan).last().copied().unwrap_or(1);
    for (week, why) in stale.clone() {
        let before = (1..=longest / 7 + 1).map(|back| week - 7 * back);
        for empty in before.take_while(|week| !packed.contains(week) && first.is_some_and(|first| first < *week)) {
            stale.entry(empty).or_insert_with(|| why.clone());
        }
    }
}

/// What is known of `account_health`.
enum Health {
    /// It is not this run's to refresh, or it is as it should be.
    Sound,
    /// It is outdated; why.
    Stale(String),
    /// So far it is sound, if nothing has changed in these weeks since the run that made it.
    Sought(BTreeSet<Day>),
}

impl Health {
    /// By dates alone.
    fn of(plan: &Plan, base: &Manifest) -> Health {
        let (from, to) = plan.health_span();
        let holds = |range: WeekRange| range.days().0 <= from && to <= range.days().1;
        if !plan.output.tables.contains(&Table::AccountHealth) || !plan.range.is_none_or(holds) {
            return Health::Sound;
        }
        match base.health_as_of {
            None => Health::Stale("not published yet".into()),
            // A later one is never replaced.
            Some(day) if day > plan.as_of => Health::Sound,
            Some(day) if day < plan.as_of => Health::Stale(format!("of {}", day_text(day))),
            Some(_) => Health::Sought((monday(from)..=to).step_by(7).collect()),
        }
    }

    fn reason(self) -> Option<String> {
        match self {
            Health::Stale(why) => Some(why),
            Health::Sound | Health::Sought(_) => None,
        }
    }
}

/// Published weeks that a run of the plan would leave without rows, as far as that can be known: no
/// input can hold a day of them.
///
/// # Errors
/// Those of [`stale`].
pub fn vanishing(plan: &Plan, survey: &Survey, base: &Manifest, store: &dyn Store) -> Result<Option<BTreeSet<Day>>> {
    let inputs = Inputs::of(survey, base, store)?;
    let days: Option<Vec<&Vec<Days>>> = inputs.0.values().map(|input| input.days.as_ref()).collect();
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
    inputs: &Inputs,
    store: &dyn Store,
) -> Result<BTreeMap<Day, String>> {
    let all = |reason: String| weeks.iter().map(|week| (*week, reason.clone())).collect();
    if weeks.is_empty() {
        return Ok(BTreeMap::new());
    }
    if judged.book != plan.book.digest() {
        return Ok(all("the book has changed".into()));
    }
    if judged.job.digest != plan.job_digest {
        return Ok(all("the job has changed".into()));
    }
    let (then, now) = (day_text(judged.as_of), day_text(plan.as_of));
    if judged.as_of != plan.as_of && (plan.as_of < judged.as_of || cut_off(judged)) {
        return Ok(all(format!("judged as of {then}, which left out what was known later; now as of {now}")));
    }
    if plan.output.tables.contains(&Table::CarrierNames) && other_versions(plan, judged.as_of) {
        return Ok(all(format!("other carriers are integrated as of {now} than as of {then}")));
    }
    let mut stale = BTreeMap::new();
    for latency in plan.book.markets().map(|(_, market)| market.latency_days).collect::<BTreeSet<_>>() {
        let turned = |day: Day| day + latency >= judged.as_of && day + latency < plan.as_of;
        // Windows may end on any day of a week, and each turns by itself.
        let first = if plan.output.rolling == Rolling::Daily { 0 } else { 6 };
        let of_week = |week: &&Day| (**week + first..=**week + 6).any(turned);
        let reason = format!("provisional as of {then}, final now");
        stale.extend(weeks.iter().filter(of_week).map(|week| (*week, reason.clone())));
    }
    let slack = match plan.identity {
        Some(_) => i64::from(plan.copies_within_days).max(judged.copies_apart_days.unwrap_or(0)),
        None => 0,
    };
    let slack = Day::try_from(slack).unwrap_or(Day::MAX / 4);
    for Change { why, days } in inputs.changes(judged, plan.as_of, store)? {
        let touched = |week: &&Day| {
            days.as_ref().is_none_or(|days| {
                days.iter().any(|(first, last)| *first - slack <= **week + 6 && **week <= *last + slack)
            })
        };
        let fresh: Vec<Day> = weeks.iter().filter(touched).filter(|week| !stale.contains_key(*week)).copied().collect();
        stale.extend(fresh.into_iter().map(|week| (week, why.clone())));
    }
    Ok(stale)
}

/// Whether another version of a policy is in force on the plan's day than on this one.
fn other_versions(plan: &Plan, then: Day) -> bool {
    let version = |market: &Market, day: Day| market.version(day).map(|version| version.id);
    plan.book.markets().any(|(_, market)| version(market, then) != version(market, plan.as_of))
}

/// Whether a run looked back at a day that was over when it ran: what happened in between was there to
/// be read, and was left out. Run ids begin with the day.
fn cut_off(judged: &Manifest) -> bool {
    let ran = judged.run_id.get(..8).and_then(|day| chrono::NaiveDate::parse_from_str(day, "%Y%m%d").ok());
    ran.is_none_or(|ran| judged.as_of < vtr_kernel::calendar::day_from_date(ran))
}

/// What changed, and the days that it can move; `None`: not known.
struct Change {
    why: String,
    days: Option<Vec<Days>>,
}

impl<'a> Inputs<'a> {
    /// Days by statistics, or of an unchanged text file by what the last publication found in it.
    fn of(survey: &'a Survey, base: &Manifest, store: &dyn Store) -> Result<Inputs<'a>> {
        let published = found(base, store)?;
        let mut inputs = BTreeMap::new();
        for file in &survey.files {
            let digest = match &file.digest {
                Some(digest) => digest.clone(),
                // Only a text that could be the published one is worth hashing.
                None if base.inputs.iter().any(|input| input.file == file.shown && input.bytes == file.bytes) => {
                    digest_of(file)?
                }
                None => String::new(),
            };
            let by_statistics =
                file.days.as_ref().map(|groups| groups.iter().map(|group| (group.first, group.last)).collect());
            let read = || published.get(&(file.shown.clone(), digest.clone())).and_then(|found| found.days.clone());
            inputs.insert(file.shown.as_str(), Known { file, days: by_statistics.or_else(read), digest });
        }
        Ok(Inputs(inputs))
    }

    /// What changed since a run: files, and rows and scans dated after its `as_of` that count now.
    fn changes(&self, judged: &Manifest, as_of: Day, store: &dyn Store) -> Result<Vec<Change>> {
        let before: BTreeMap<&str, &InputFile> =
            judged.inputs.iter().map(|input| (input.file.as_str(), input)).collect();
        let names: BTreeSet<&str> = before.keys().copied().chain(self.0.keys().copied()).collect();
        let mut changes = Vec::new();
        let mut then = None;
        for name in names {
            let (old, new) = (before.get(name), self.0.get(name));
            let is_same = old.zip(new).is_some_and(|(old, new)| old.digest == new.digest);
            if is_same && judged.as_of == as_of {
                continue;
            }
            let then = match &mut then {
                Some(then) => then,
                none => none.insert(found(judged, store)?),
            };
            let of_old = old.and_then(|old| then.get(&(name.to_owned(), old.digest.clone())));
            if let (true, Some(new)) = (is_same, new) {
                let why = format!("rows or scans dated after {}: {name}", day_text(judged.as_of));
                changes.extend(new.later(judged.as_of, of_old).map(|days| Change { why, days }));
                continue;
            }
            let mut days = new.map_or(Some(Vec::new()), |new| new.days.clone());
            if old.is_some() {
                let held = of_old.and_then(|found| found.days.clone());
                days = days.zip(held).map(|(days, held)| [days, held].concat());
            }
            changes.push(Change { why: format!("inputs have changed: {name}"), days });
        }
        Ok(changes)
    }
}

impl Known<'_> {
    /// The days of an unchanged file's rows of which a run as of a day did not know all; `None`: it did. Of
    /// a text only rows that were left out tell, not scans alone.
    fn later(&self, as_of: Day, found: Option<&Found>) -> Option<Option<Vec<Days>>> {
        match &self.file.days {
            Some(groups) => {
                let later = groups.iter().filter(|group| group.latest.is_none_or(|latest| latest > as_of));
                let days: Vec<Days> = later.map(|group| (group.first, group.last)).collect();
                (!days.is_empty()).then_some(Some(days))
            }
            None => found.is_none_or(|found| found.after_as_of > 0).then(|| self.days.clone()),
        }
    }
}

fn digest_of(file: &SourceFile) -> Result<String> {
    let read = || file.origin.open()?.hash().map_err(|error| error.to_string());
    read().map_err(|why| {
        let refused = || crate::error::Error::Input(format!("{}: {why}", file.shown));
        file.origin.trouble().unwrap_or_else(refused)
    })
}

/// What a publication found in an input.
struct Found {
    /// Its days; `None` if it was not read whole.
    days: Option<Vec<Days>>,
    /// Rows that were not there yet.
    after_as_of: i64,
}

/// What a publication found in its inputs, by file and digest; nothing where its table is gone.
fn found(manifest: &Manifest, store: &dyn Store) -> Result<BTreeMap<(String, String), Found>> {
    let mut found = BTreeMap::new();
    for file in manifest.files(Table::InputFiles) {
        let Some(blob) = store.open(&file.path)? else { continue };
        let columns = ["file", "digest", "rows_pruned", "after_as_of", "first_day", "last_day"];
        encode::read_columns(blob, &store.shown(&file.path), &columns, &mut |batch| {
            let text = |name: &str| batch[name].as_string::<i32>().clone();
            let day = |name: &str| batch[name].as_primitive::<Date32Type>().clone();
            let count = |name: &str| batch[name].as_primitive::<Int64Type>().clone();
            let (names, digests, first, last) = (text("file"), text("digest"), day("first_day"), day("last_day"));
            let (pruned, later) = (count("rows_pruned"), count("after_as_of"));
            for row in 0..batch.num_rows() {
                let days = first.is_valid(row).then(|| (first.value(row), last.value(row))).into_iter().collect();
                let days = (pruned.value(row) == 0).then_some(days);
                let key = (names.value(row).to_owned(), digests.value(row).to_owned());
                found.insert(key, Found { days, after_as_of: later.value(row) });
            }
            Ok(())
        })?;
    }
    Ok(found)
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
