//! Weeks beside those that a run judges of which inputs are gone, so that windows over them would be too small.
//!
//! A published week has as many packages as its inputs had when it was judged. If a run counts fewer of them, and a
//! file that held days of the week is gone or reaches less far back, the packages were not taken back by newer copies:
//! the run cannot know them. It reads no file and cannot fail.

use crate::job::plan::{Plan, WeekRange};
use crate::scan::identity::Days;
use crate::schema::Table;
use std::collections::{BTreeMap, BTreeSet};
use vtr_kernel::calendar::{Day, iso_week, monday};

use super::gates::Sums;
use super::log::{InputFile, Manifest, day_text};

/// Days after the first day of a file that reaches less far back in which packages may be missing too: an export by
/// the day of shipment holds the promised days behind it only in part.
const ON_THE_WAY: Day = 14;

/// Returns the weeks beside the range of a run that its windows hold, and of which inputs are gone.
pub fn weeks(
    plan: &Plan,
    counted: &BTreeMap<Day, u64>,
    inputs: &[(InputFile, Sums)],
    base: Option<&Manifest>,
) -> BTreeSet<Day> {
    let (Some(range), Some((first, last)), Some(base)) = (plan.range, plan.days_counted(), base) else {
        return BTreeSet::new();
    };
    let has_windows = plan.output.tables.contains(&Table::VtrRolling) || plan.counts_health_span();
    // As of an earlier day less is known, which is no loss.
    if !has_windows || base.as_of > plan.as_of {
        return BTreeSet::new();
    }
    let fewer = |(week, classes): &(&Day, &[u64; 4])| {
        let is_whole = first <= **week && **week + 6 <= last;
        let is_beside = !(range.first..=range.last).contains(*week);
        is_whole && is_beside && counted.get(week).copied().unwrap_or(0) < classes.iter().sum()
    };
    let fewer: BTreeSet<Day> = base.weeks.iter().filter(fewer).map(|(week, _)| *week).collect();
    if fewer.is_empty() {
        return fewer;
    }
    let mut lost = if base.states.is_empty() { fewer.clone() } else { BTreeSet::new() };
    for state in &base.states {
        let own: Vec<Day> = fewer.iter().copied().filter(|week| state.holds(*week)).collect();
        let before = if own.is_empty() { Vec::new() } else { state.inputs.before(&base.inputs) };
        for old in &before {
            if !inputs.iter().any(|(input, _)| input.digest == old.digest) {
                let new = inputs.iter().map(|(input, _)| input).find(|input| input.file == old.file);
                lost.extend(own.iter().filter(|week| lacks(old, new, **week)));
            }
        }
    }
    lost
}

/// Returns whether a file that is gone or has changed may have taken packages of a week with it.
fn lacks(old: &InputFile, new: Option<&InputFile>, week: Day) -> bool {
    let held =
        old.days.as_ref().is_none_or(|days| days.iter().any(|(first, last)| *first <= week + 6 && week <= *last));
    let first =
        |input: &InputFile| -> Option<Day> { input.days.as_ref()?.iter().map(|(first, _): &Days| *first).min() };
    held && new.is_none_or(|new| {
        let moved = first(new).zip(first(old)).filter(|(new, old)| new > old);
        new.rows < old.rows || moved.is_some_and(|(new, _)| week <= new + ON_THE_WAY)
    })
}

/// Returns the weeks of window ends, of those that a run would replace, whose windows hold no lost week; `windows` are
/// the days of the longest one and the first weekday on which windows end.
pub(super) fn spared((first, last): Days, range: WeekRange, windows: (i32, i32), lost: &BTreeSet<Day>) -> Option<Days> {
    let (longest, first_end) = windows;
    let before = lost.iter().copied().filter(|week| *week < range.first).max();
    let after = lost.iter().copied().filter(|week| *week > range.last).min();
    let first = before.map_or(first, |week| first.max(monday(week + 6 + longest - first_end + 6)));
    let last = after.map_or(last, |week| last.min(week - 7));
    (first <= last).then_some((first, last))
}

/// Returns what is said of windows that stay as published.
pub fn warning(plan: &Plan, lost: &BTreeSet<Day>, base: Option<&Manifest>) -> Option<String> {
    let (first, last) = (lost.first()?, lost.last()?);
    let weeks = if first == last { iso_week(*first) } else { format!("{} to {}", iso_week(*first), iso_week(*last)) };
    let mut kept = Vec::new();
    if plan.counts_health_span() && plan.asks_for_health() && of_health(plan, lost) {
        let of = base.and_then(|base| base.health_as_of).map_or("not made", |_| "not replaced");
        let day = base
            .and_then(|base| base.health_as_of)
            .map_or(String::new(), |day| format!(" (it is of {})", day_text(day)));
        kept.push(format!("account_health was {of}{day}"));
    }
    if plan.output.tables.contains(&Table::VtrRolling) {
        kept.push("windows of vtr_rolling over these weeks were neither made nor replaced".to_owned());
    }
    Some(format!(
        "inputs of {weeks} are gone, which these windows need, and what is left would make them too small: {}; bring the files back \
         and run again with --from {}, and keep inputs until no window needs them",
        kept.join(", "),
        iso_week(*first)
    ))
}

/// Returns whether a lost week holds days that `account_health` covers.
pub fn of_health(plan: &Plan, lost: &BTreeSet<Day>) -> bool {
    let (from, to) = plan.health_span();
    lost.iter().any(|week| from <= week + 6 && *week <= to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, days: Days, rows: u64) -> InputFile {
        InputFile {
            file: name.into(),
            digest: format!("{name}{rows}"),
            days: Some(vec![days]),
            rows,
            ..InputFile::default()
        }
    }

    #[test]
    fn what_is_gone_shorter_or_begins_later_lacks_packages() {
        // Monday 4 of January 1970 and the weeks after it.
        let old = file("a", (4, 60), 100);
        assert!(lacks(&old, None, 4) && lacks(&old, None, 53) && !lacks(&old, None, 67));
        assert!(lacks(&old, Some(&file("a", (4, 60), 99)), 53));
        assert!(!lacks(&old, Some(&file("a", (4, 70), 110)), 4), "it holds more");
        let rolled = file("a", (11, 70), 110);
        assert!(lacks(&old, Some(&rolled), 4) && lacks(&old, Some(&rolled), 25) && !lacks(&old, Some(&rolled), 32));
        assert!(lacks(&InputFile { days: None, ..old }, None, 67), "its days are not known");
    }

    #[test]
    fn windows_over_lost_weeks_are_spared() {
        let range = WeekRange { first: 704, last: 739 };
        let spared = |lost: &[Day], windows| spared((704, 767), range, windows, &lost.iter().copied().collect());
        assert_eq!(spared(&[], (30, 6)), Some((704, 767)));
        // The week from day 697 ends with day 703; a window of 30 days from day 704 on ends with day 733.
        assert_eq!(spared(&[690, 697], (30, 6)), Some((732, 767)));
        assert_eq!(spared(&[697], (30, 0)), Some((739, 767)));
        assert_eq!(spared(&[746], (30, 6)), Some((704, 739)));
        assert_eq!(spared(&[697], (90, 6)), None);
    }
}
