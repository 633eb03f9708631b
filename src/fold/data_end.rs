//! How far the data reach beyond the days that a ranged run counts.
//!
//! Its last windows end where those of a full run do: in the week of the last judged package. The rows that were read
//! show it; if they do not, row groups that were left out are read, one after the other, until one has such a package,
//! and none of their rows is counted. It fails as reading does.

use crate::error::{Error, Result};
use crate::fold::{self, Folded};
use crate::job::plan::Plan;
use crate::scan::{self, Survey, Unit};
use crate::schema::Table;
use crate::signals;
use std::sync::Arc;
use vtr_columnar::fold::{FileTally, Later};
use vtr_columnar::judge::{InputError, JudgeBuilder, Source, TimeAxis};
use vtr_kernel::calendar::{Day, monday};

/// Returns whether a package was judged whose day is after all days that are counted, if a table depends on it.
///
/// # Errors
/// A row group that was left out cannot be read to its end, or the run is told to stop.
pub fn goes_on(plan: &Plan, survey: &Survey, folded: &Folded, reader: &scan::Reader) -> Result<bool> {
    let Some(range) = plan.range.filter(|_| plan.output.tables.contains(&Table::VtrRolling)) else {
        return Ok(false);
    };
    if folded.files.iter().any(|file| file.tally.after_windows > 0) {
        return Ok(true);
    }
    // Without packages there are no windows; if the last week of the windows has packages, no further ones change it.
    let last_end = plan.window_ends(range).1;
    let counted_to = folded.counted.category.days().last().copied();
    if counted_to.is_none_or(|day| monday(day) + 6 >= last_end) {
        return Ok(false);
    }
    // A row that supersedes one of them is within `copies_within` of it, and so after those days too.
    let judge = looking(plan, survey);
    for unit in &survey.beyond {
        if holds_judged(plan, survey, unit, &judge, reader)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns a judge that counts and lists nothing.
fn looking(plan: &Plan, survey: &Survey) -> JudgeBuilder {
    fold::judge(plan, survey).axis(TimeAxis::new(Vec::new())).kinds(&[]).lists(false, None).identity(None)
}

/// Returns the outcome of the rows of a chunk; the texts are forgotten afterwards, because a file may hold any number.
fn tallied(
    judge: &JudgeBuilder,
    source: &Arc<Source>,
    chunk: &scan::Chunk,
    seeks_later: bool,
) -> std::result::Result<FileTally, InputError> {
    let judge = judge.clone().build();
    let mut counter = judge.counter();
    counter.seek_later(seeks_later);
    let input = judge.input_of(&chunk.batch.schema(), source)?;
    counter.add(&input, &chunk.batch, &chunk.records)?;
    Ok(counter.take().tally)
}

/// The result of a look through a file.
pub struct FoundDays {
    /// First day of a row not rejected.
    pub first_day: Option<Day>,
    /// Last day of a row not rejected.
    pub last_day: Option<Day>,
    /// Rows that another `as_of` would judge differently.
    pub later: Option<Later>,
    /// The digest of its content, if reading computes it.
    pub digest: Option<String>,
}

/// Reads a file whole for the days of its rows, and counts nothing.
///
/// # Errors
/// It cannot be read to its end, or the run is told to stop.
pub fn look(plan: &Plan, survey: &Survey, index: usize) -> Result<FoundDays> {
    let judge = looking(plan, survey).range(None).windows(None);
    let file = &survey.files[index];
    let source = fold::source(plan, survey, index as u32);
    let (mut tally, mut digest) = (FileTally::default(), None);
    for unit in survey.units.iter().filter(|unit| unit.file as usize == index) {
        let end = scan::read(plan, survey, unit, &mut |chunk| {
            signals::check()?;
            tally.merge(&tallied(&judge, &source, &chunk, true).map_err(|fault| fold::refused(file, fault))?);
            Ok(())
        })?;
        digest = end.digest.or(digest);
    }
    Ok(FoundDays { first_day: tally.first_day, last_day: tally.last_day, later: tally.later, digest })
}

/// Returns whether a unit holds a judged package after all days that are counted; reading ends at the first.
fn holds_judged(
    plan: &Plan,
    survey: &Survey,
    unit: &Unit,
    judge: &JudgeBuilder,
    reader: &scan::Reader,
) -> Result<bool> {
    let file = &survey.files[unit.file as usize];
    let source = fold::source(plan, survey, unit.file);
    let read = reader(plan, survey, unit, &mut |chunk| {
        signals::check()?;
        let tally = tallied(judge, &source, &chunk, false).map_err(|fault| fold::refused(file, fault))?;
        if tally.after_windows > 0 { Err(Error::Enough) } else { Ok(()) }
    });
    match read {
        Err(Error::Enough) => Ok(true),
        read => read.map(|_| false),
    }
}
