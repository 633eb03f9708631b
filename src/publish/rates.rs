//! The counts of the rates of each week, kept in the manifest: a version's headline figure, and the days on which
//! figures change by themselves.
//!
//! It adds up rows that are written anyway and reads no file. It cannot fail.

use crate::schema::Table;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vtr_kernel::calendar::Day;
use vtr_kernel::tally::Tally;

use super::log::day;

/// Packages that count in a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Valid packages.
    pub valid: u64,
    /// Valid packages and defects.
    pub eligible: u64,
    /// Defects whose promised day is not yet past.
    pub pending: u64,
}

impl Counts {
    /// The sum of both.
    pub fn plus(&mut self, other: Counts) {
        self.valid += other.valid;
        self.eligible += other.eligible;
        self.pending += other.pending;
    }

    fn percent(&self, more_valid: u64) -> String {
        Tally { valid: self.valid + more_valid, eligible: self.eligible }.percent()
    }
}

/// One week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekRates {
    /// Its Monday.
    #[serde(with = "day")]
    pub week: Day,
    /// The counts of marketplaces whose latency had passed.
    pub sure: Counts,
    /// The counts of the other marketplaces, whose figures still change.
    pub open: Counts,
    /// The first promised day of a pending package: once `as_of` passes it, fewer are pending.
    #[serde(with = "day::optional", default)]
    pub due_from: Option<Day>,
    /// The last promised day of a pending package: once `as_of` passes it, none is pending.
    #[serde(with = "day::optional", default)]
    pub due_to: Option<Day>,
}

impl WeekRates {
    /// Whether the number of its pending packages on a day differs from when it was judged.
    pub fn is_outdated(&self, as_of: Day) -> bool {
        self.due_from.is_some_and(|first| as_of > first)
    }
}

/// The tables from which the rates of weeks are taken; the first of them that is made is used.
pub const SOURCES: [Table; 2] = [Table::VtrWeekly, Table::VtrWeeklyCategory];

/// The sums of rows of one of [`SOURCES`]: those of final rows and those of open ones.
///
/// # Panics
/// If a column is missing.
pub fn sums(rows: &RecordBatch) -> [Counts; 2] {
    let count = |name: &str| rows[name].as_primitive::<Int64Type>().values();
    let (valid, eligible, pending) = (count("valid"), count("eligible"), count("pending"));
    let mut sums = [Counts::default(); 2];
    for (row, is_open) in rows["provisional"].as_boolean().iter().enumerate() {
        let of = |counts: &[i64]| counts[row].unsigned_abs();
        let counts = Counts { valid: of(valid), eligible: of(eligible), pending: of(pending) };
        sums[usize::from(is_open == Some(true))].plus(counts);
    }
    sums
}

/// The weeks of a run, from the counts written and the promised days of pending packages.
pub fn weeks(written: &BTreeMap<Day, [Counts; 2]>, due: &BTreeMap<Day, (Day, Day)>) -> Vec<WeekRates> {
    let week = |(week, [sure, open]): (&Day, &[Counts; 2])| {
        let due = due.get(week).filter(|_| sure.pending + open.pending > 0);
        WeekRates {
            week: *week,
            sure: *sure,
            open: *open,
            due_from: due.map(|due| due.0),
            due_to: due.map(|due| due.1),
        }
    };
    written.iter().map(week).collect()
}

/// A sentence with the rates of a version's weeks; `None` if nothing is eligible. Final weeks come first, then those
/// that still change, with their rates if no pending package is scanned and if every one is.
pub fn headline(weeks: &[WeekRates]) -> Option<String> {
    let [mut sure, mut open] = [Counts::default(); 2];
    for week in weeks {
        sure.plus(week.sure);
        open.plus(week.open);
    }
    let defects = open.eligible - open.valid;
    let open_ones = match open.pending {
        0 => format!("open weeks at {}", open.percent(0)),
        pending => format!(
            "open weeks between {} and {}: {pending} of their {defects} defects are not due yet",
            open.percent(0),
            open.percent(pending)
        ),
    };
    match (sure.eligible, open.eligible) {
        (0, 0) => None,
        (0, _) => Some(format!("no week is final yet; {open_ones}")),
        (_, 0) => Some(format!("{} in final weeks", sure.percent(0))),
        _ => Some(format!("{} in final weeks; {open_ones}", sure.percent(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(valid: u64, eligible: u64, pending: u64) -> Counts {
        Counts { valid, eligible, pending }
    }

    #[test]
    fn the_headline_tells_final_weeks_from_open_ones() {
        let week = |sure, open| WeekRates { sure, open, ..WeekRates::default() };
        assert_eq!(headline(&[]), None);
        let sure = week(counts(9_262, 10_000, 0), Counts::default());
        assert_eq!(headline(std::slice::from_ref(&sure)).unwrap(), "92.62 % in final weeks");
        let open = week(Counts::default(), counts(723, 822, 70));
        let want = "open weeks between 87.95 % and 96.47 %: 70 of their 99 defects are not due yet";
        assert_eq!(headline(std::slice::from_ref(&open)).unwrap(), format!("no week is final yet; {want}"));
        assert_eq!(headline(&[sure.clone(), open]).unwrap(), format!("92.62 % in final weeks; {want}"));
        let settled = week(Counts::default(), counts(1, 2, 0));
        assert_eq!(headline(&[sure, settled]).unwrap(), "92.62 % in final weeks; open weeks at 50.00 %");
    }

    #[test]
    fn a_week_changes_once_the_first_of_its_promises_has_passed() {
        let of = |due: Option<(Day, Day)>, pending| {
            let due: BTreeMap<Day, (Day, Day)> = due.map(|due| (4, due)).into_iter().collect();
            weeks(&BTreeMap::from([(4, [Counts::default(), counts(1, 9, pending)])]), &due).remove(0)
        };
        let week = of(Some((6, 8)), 3);
        assert!(!week.is_outdated(6) && week.is_outdated(7) && week.due_to == Some(8));
        // Newer copies supersede all packages that were pending.
        assert!(!of(Some((6, 8)), 0).is_outdated(100) && !of(None, 0).is_outdated(100));
    }
}
