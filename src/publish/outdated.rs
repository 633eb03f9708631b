//! Decides which weeks of an output no longer say what a run would say, and why, in one function of plain facts.
//!
//! It compares what a run would judge by now with the states of the newest manifest, and in doubt names a week too
//! many. It does not look at figures, reads nothing and cannot fail.

use crate::job::plan::{ByWeek, WeekRange};
use crate::scan::identity::Days;
use std::collections::{BTreeMap, BTreeSet};
use vtr_kernel::calendar::{Day, FIRST_DAY, last_plausible_day, monday};

use super::log::{InputFile, Later, day_text};
use super::state::State;

/// What a run would judge by now.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// The last day that the run takes into account.
    pub as_of: Day,
    /// The output revision of the program.
    pub revision: u32,
    /// Digest of the job.
    pub job: String,
    /// Digests of the parts of the book.
    pub book: BTreeMap<String, String>,
    /// The tables that the job makes.
    pub tables: BTreeSet<String>,
    /// The latencies of the marketplaces.
    pub latencies: BTreeSet<i32>,
    /// The first weekday on which windows end: 6 is Sunday.
    pub first_end: i32,
    /// The most days between copies of a package; `None` if copies are not looked for.
    pub slack: Option<i32>,
    /// Days on which another list of carriers comes into force; earlier publications used the old one.
    pub turns: BTreeSet<Day>,
    /// The inputs by shown path.
    pub inputs: BTreeMap<String, Input>,
}

/// An input as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The identity of its content.
    pub digest: String,
    /// The days of its rows; `None` if they are unknown.
    pub days: Option<Vec<Days>>,
    /// Digests of its rows by the week that judges them; empty if unknown.
    pub by_week: ByWeek,
    /// Rows that another `as_of` would judge differently.
    pub later: Vec<Later>,
    /// The days beside its own whose counts its rows can change if the file is new; `None`: all from `slack` before its
    /// first to `slack` after its last day.
    pub touched: Option<Vec<Days>>,
}

/// The published state.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// The states, the newest first, each with its inputs.
    pub states: Vec<(State, Vec<InputFile>)>,
    /// Weeks with published rows.
    pub weeks: BTreeSet<Day>,
    /// Weeks with pending packages, with the first promised day of these: once `as_of` passes it, fewer are pending.
    pub pending: BTreeMap<Day, Day>,
    /// By changed part of the book, the weeks with packages of a marketplace that the part covers. A part that is not
    /// listed here may affect every week.
    pub covered: BTreeMap<String, BTreeSet<Day>>,
}

/// The outdated part of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outdated {
    /// These weeks, each with its reason.
    Weeks(BTreeMap<Day, String>),
    /// Unknown until everything is read; with the reason.
    Everything(String),
}

/// Decides which weeks are outdated.
pub fn outdated(now: &Now, standing: &InForce) -> Outdated {
    if standing.states.is_empty() {
        return Outdated::Everything("it is not known how the published weeks were judged".into());
    }
    let latest = last_plausible_day(now.as_of);
    let mut weeks = standing.weeks.clone();
    for (file, input) in &now.inputs {
        let Some(days) = &input.days else {
            return Outdated::Everything(format!(
                "{file} has changed, and its days cannot be known before all is read"
            ));
        };
        let is_known = |(_, inputs): &(State, Vec<InputFile>)| inputs.iter().any(|known| known.digest == input.digest);
        if days.is_empty() && !standing.states.iter().any(is_known) {
            return Outdated::Everything(format!("{file} is new or has changed, and no row of it has a day"));
        }
        // Days before the first and after the latest plausible day are rejected.
        let judged = |(first, last): &Days| (monday(*first.max(&FIRST_DAY))..=*last.min(&latest)).step_by(7);
        weeks.extend(days.iter().flat_map(judged));
        // Rows rejected for a day too far ahead are not in `days`.
        let ahead = input.later.iter().map(|later| (later.first, later.last));
        weeks.extend(ahead.collect::<Vec<Days>>().iter().flat_map(judged));
    }
    let mut stale = BTreeMap::new();
    for (state, inputs) in &standing.states {
        let (of_it, rest) = weeks.into_iter().partition(|week| state.holds(*week));
        weeks = rest;
        match since(now, standing, (state, inputs), &of_it) {
            Ok(found) => stale.extend(found),
            Err(why) => return Outdated::Everything(why),
        }
    }
    stale.extend(weeks.into_iter().map(|week| (week, "not judged yet".to_owned())));
    Outdated::Weeks(stale)
}

/// The outdated weeks of one state; the error says why they cannot be known.
fn since(
    now: &Now,
    standing: &InForce,
    (state, inputs): (&State, &[InputFile]),
    weeks: &BTreeSet<Day>,
) -> Result<BTreeMap<Day, String>, String> {
    let mut stale = BTreeMap::new();
    if let Some(why) = all_of_it(now, state) {
        return Ok(weeks.iter().map(|week| (*week, why.clone())).collect());
    }
    let mut add = |why: String, touched: &dyn Fn(Day) -> bool| {
        for week in weeks.iter().filter(|week| touched(**week)) {
            stale.entry(*week).or_insert_with(|| why.clone());
        }
    };
    for part in changed_parts(&state.book, &now.book) {
        let covered = standing.covered.get(part);
        add(format!("the book has changed: {part}"), &|week| covered.is_none_or(|weeks| weeks.contains(&week)));
    }
    let then = state.as_of;
    for latency in &now.latencies {
        let turned = |day: Day| day + latency >= then && day + latency < now.as_of;
        let why = format!("provisional as of {}, final now", day_text(then));
        add(why, &|week| (week + now.first_end..=week + 6).any(turned));
    }
    if now.as_of > then {
        let why = format!("packages were pending as of {}", day_text(then));
        add(why, &|week| standing.pending.get(&week).is_some_and(|first| now.as_of > *first));
    }
    let apart = state.copies_apart_days.and_then(|days| Day::try_from(days).ok()).unwrap_or(0);
    let slack = now.slack.map_or(0, |days| days.max(apart));
    for Change { why, days, is_exact } in changes(now, then, inputs)? {
        let slack = if is_exact { 0 } else { slack };
        add(why, &|week| {
            days.iter().any(|(first, last)| first - slack <= week + 6 && week <= last.saturating_add(slack))
        });
    }
    Ok(stale)
}

/// The reason why all weeks of a state are outdated, if there is one.
fn all_of_it(now: &Now, state: &State) -> Option<String> {
    let (then, as_of) = (day_text(state.as_of), day_text(now.as_of));
    if state.revision != now.revision {
        return Some("this program writes other tables than the one before".into());
    }
    if state.job != now.job {
        return Some("the job has changed".into());
    }
    if let Some(new) = now.tables.difference(&state.tables).next() {
        return Some(format!("the job makes {new} now"));
    }
    // A run with an `as_of` in the past left out data that existed already.
    if state.as_of != now.as_of && (now.as_of < state.as_of || state.as_of < state.ran_on) {
        return Some(format!("judged as of {then}, which left out what was known later; now as of {as_of}"));
    }
    if now.turns.iter().any(|day| (state.as_of + 1..=now.as_of).contains(day)) {
        return Some(format!("other carriers are integrated as of {as_of} than as of {then}"));
    }
    None
}

/// Parts of a book that are new, gone or changed.
pub fn changed_parts<'a>(
    then: &'a BTreeMap<String, String>,
    now: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a str> {
    let names: BTreeSet<&str> = then.keys().chain(now.keys()).map(String::as_str).collect();
    names.into_iter().filter(|part| then.get(*part) != now.get(*part))
}

/// A change of the inputs: the reason, and the days of its rows.
struct Change {
    why: String,
    days: Vec<Days>,
    /// Whether it can affect no other days.
    is_exact: bool,
}

/// The changes of the inputs since a day.
fn changes(now: &Now, then: Day, before: &[InputFile]) -> Result<Vec<Change>, String> {
    let before: BTreeMap<&str, &InputFile> = before.iter().map(|input| (input.file.as_str(), input)).collect();
    let names: BTreeSet<&str> = before.keys().copied().chain(now.inputs.keys().map(String::as_str)).collect();
    let mut changes = Vec::new();
    for name in names {
        let (old, new) = (before.get(name).copied(), now.inputs.get(name));
        // Something changes between the two days if the first of them was over.
        let moves = |later: &&Later| then < later.until && later.from <= now.as_of && then < now.as_of;
        if let (Some(old), Some(new)) = (old, new)
            && old.digest == new.digest
        {
            // What was after the `as_of` of then may be before that of the run that read the file last.
            let later = new.later.iter().chain(&old.later).filter(moves);
            let days: Vec<Days> = later.map(|later| (later.first, later.last)).collect();
            if !days.is_empty() {
                let why = format!("rows or scans dated after {}: {name}", day_text(then));
                changes.push(Change { why, days, is_exact: false });
            }
            continue;
        }
        let why = match (old, new) {
            (None, _) => format!("new: {name}"),
            (_, None) => format!("gone: {name}"),
            _ => format!("changed: {name}"),
        };
        if let (Some(old), Some(new)) = (old, new)
            && !(old.by_week.is_empty() || new.by_week.is_empty())
        {
            let later = old.later.filter(|later| moves(&later)).map(|later| (later.first, later.last));
            let days = differing(&old.by_week, &new.by_week).chain(later).collect();
            changes.push(Change { why, days, is_exact: false });
            continue;
        }
        let mut days = new.and_then(|new| new.days.clone()).unwrap_or_default();
        match old.map(|old| old.days.as_ref()) {
            Some(None) => return Err(format!("{why}, and the days that it contained are not known")),
            Some(Some(held)) => days.extend(held),
            None => {}
        }
        // Rows that were still in the future when the file was read would count by now.
        days.extend(old.and_then(|old| old.later).map(|later| (later.first, later.last)));
        let touched = new.filter(|_| old.is_none()).and_then(|new| new.touched.as_ref());
        days.extend(touched.into_iter().flatten());
        changes.push(Change { why, days, is_exact: touched.is_some() });
    }
    Ok(changes)
}

/// The days of the weeks whose rows differ.
fn differing(old: &ByWeek, new: &ByWeek) -> impl Iterator<Item = Days> {
    let weeks: BTreeSet<Day> = old.keys().chain(new.keys()).copied().collect();
    weeks.into_iter().filter(|week| old.get(week) != new.get(week)).map(|week| (week, week + 6))
}

/// Groups weeks into ranges; ranges at most `gap_weeks` apart become one.
pub fn ranges(weeks: impl IntoIterator<Item = Day>, gap_weeks: i32) -> Vec<WeekRange> {
    let mut ranges: Vec<WeekRange> = Vec::new();
    for week in weeks {
        match ranges.last_mut() {
            Some(range) if range.last + 7 * (gap_weeks + 1) >= week => range.last = week,
            _ => ranges.push(WeekRange { first: week, last: week }),
        }
    }
    ranges
}

#[cfg(test)]
#[path = "outdated_tests.rs"]
mod tests;
