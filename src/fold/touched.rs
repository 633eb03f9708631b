//! The days whose counts the rows of new files can change beside their own: those of rows that may be copies of them.
//!
//! Rows of earlier files are known by their notes; a few that have none are read. It counts nothing, and knows no days
//! if too much would have to be read for it. It fails as reading does.

use super::notes::{Known, NotePlace, Notes, OF_PACKAGE, key_of};
use crate::error::{Error, Result};
use crate::fold;
use crate::job::plan::Plan;
use crate::place::budget::Purpose;
use crate::place::spill::Spill;
use crate::scan::{self, Survey, Unit};
use crate::signals;
use std::collections::BTreeSet;
use std::sync::Arc;
use vtr_columnar::judge::{CopyRecord, Judge, TimeAxis};
use vtr_kernel::calendar::Day;

/// The most rows that are read to find the days.
#[derive(Clone, Copy, Debug)]
pub struct MostRows {
    /// Of new files: they are read once more, and their keys are kept.
    pub new: u64,
    /// Of other files, because they have no note.
    pub unnoted: u64,
}

/// What is cheap beside a run.
pub const CHEAP: MostRows = MostRows { new: 1 << 20, unnoted: 1 << 18 };

/// Returns the days of the rows of `new` files and of all rows of the same orders that are at most `within` days from
/// these; `None` if that cannot be known by reading at most so many rows.
///
/// # Errors
/// A file cannot be read to its end, a disk fails, or the run is told to stop.
pub fn days(
    plan: &Plan,
    survey: &Survey,
    (new, within): (&BTreeSet<u32>, Day),
    place: &dyn NotePlace,
    most: MostRows,
) -> Result<Option<BTreeSet<Day>>> {
    let Some(notes) = Notes::of(plan, survey, place) else { return Ok(None) };
    let (own, others): (Vec<&Unit>, Vec<&Unit>) = survey.units.iter().partition(|unit| new.contains(&unit.file));
    let is_noted = |unit: &Unit| notes.has(plan, &survey.files[unit.file as usize], unit);
    let of_span = |span: Option<(Day, Day)>| {
        let span = span.map(|(first, last)| (first.saturating_sub(within), last.saturating_add(within)));
        others.iter().copied().filter(move |unit| may_hold(survey, unit, span))
    };
    let rows: u64 = own.iter().map(|unit| unit.rows).sum();
    let unnoted = of_span(days_of(survey, &own)).filter(|unit| !is_noted(unit));
    if rows > most.new || unnoted.map(|unit| unit.rows).sum::<u64>() > most.unnoted {
        return Ok(None);
    }
    let judge = fold::judge(plan, survey).axis(TimeAxis::new(Vec::new())).kinds(&[]).lists(false, None);
    let judge = judge.most_text_bytes(plan.budget().share(Purpose::Texts)).build();
    let (mut orders, mut days) = (Vec::new(), BTreeSet::new());
    for unit in &own {
        each_copy(plan, survey, unit, &judge, &mut |copy| {
            orders.push(key_of(copy) & !OF_PACKAGE);
            days.insert(copy.day);
        })?;
    }
    let Some(span) = days.first().copied().zip(days.last().copied()) else { return Ok(Some(days)) };
    orders.sort_unstable();
    orders.dedup();
    let mut unnoted = 0;
    for unit in of_span(Some(span)) {
        if let Some(known) = notes.keys(plan, &judge, &survey.files[unit.file as usize], unit) {
            match met(&notes, known, unit, &orders, Arc::new(Spill::below(&plan.temp))) {
                Some(met) => days.extend(met),
                None => return Ok(None),
            }
            continue;
        }
        // A note may turn out to be damaged.
        unnoted += unit.rows;
        if unnoted > most.unnoted {
            return Ok(None);
        }
        each_copy(plan, survey, unit, &judge, &mut |copy| {
            if orders.binary_search(&(key_of(copy) & !OF_PACKAGE)).is_ok() {
                days.insert(copy.day);
            }
        })?;
    }
    Ok(Some(days))
}

/// Returns the days that a unit's rows can have, if they are known.
fn days_of_unit(survey: &Survey, unit: &Unit) -> Option<(Day, Day)> {
    let scan::FilePart::RowGroup(index) = unit.part else { return None };
    survey.files[unit.file as usize].days.as_ref()?.get(index).map(|group| (group.first, group.last))
}

/// Returns the first and the last day that rows of units can have; `None` if they can have any.
fn days_of(survey: &Survey, units: &[&Unit]) -> Option<(Day, Day)> {
    let days: Option<Vec<(Day, Day)>> = units.iter().map(|unit| days_of_unit(survey, unit)).collect();
    days?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Returns whether a unit may hold rows of some days; without days, of any.
fn may_hold(survey: &Survey, unit: &Unit, span: Option<(Day, Day)>) -> bool {
    let both = days_of_unit(survey, unit).zip(span);
    both.is_none_or(|((first, last), (from, to))| first <= to && from <= last)
}

/// Returns the days of a noted unit's rows that are of these orders, which ascend; `None` if the note is damaged.
fn met(notes: &Notes, known: Known, unit: &Unit, orders: &[u64], spill: Arc<Spill>) -> Option<BTreeSet<Day>> {
    let (group, keys) = known.into_group(unit, spill);
    let (mut wanted, mut at) = (Vec::new(), 0);
    for (rank, key) in (0..).zip(keys.as_chunks::<8>().0) {
        let key = u64::from_le_bytes(*key);
        while orders.get(at).is_some_and(|order| *order < key & !OF_PACKAGE) {
            at += 1;
        }
        if orders.get(at) == Some(&(key & !OF_PACKAGE)) {
            wanted.push((key, rank));
        }
    }
    match group.records(notes, &wanted) {
        Ok(records) => Some(records.iter().map(|(_, copy)| copy.day).collect()),
        Err(why) => {
            group.give_up(notes, &why);
            None
        }
    }
}

/// Reads a unit and hands on the record of each row that is judged.
fn each_copy(
    plan: &Plan,
    survey: &Survey,
    unit: &Unit,
    judge: &Judge,
    each: &mut dyn FnMut(&CopyRecord),
) -> Result<()> {
    let file = &survey.files[unit.file as usize];
    let source = fold::source(plan, survey, unit.file);
    let mut counter = judge.counter();
    scan::read(plan, survey, unit, &mut |chunk| {
        signals::check()?;
        let input = judge.input_of(&chunk.batch.schema(), &source).map_err(|fault| fold::refused(file, fault))?;
        counter.add(&input, &chunk.batch, &chunk.records).map_err(|fault| fold::refused(file, fault))?;
        counter.take_copies().iter().for_each(&mut *each);
        Ok::<(), Error>(())
    })
    .map(drop)
}
