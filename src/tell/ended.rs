//! Whether the inputs go on until the day of a run: exports that stopped leave scans unseen, and a scheduled run goes on.
//!
//! It knows only how many packages each week has, which every manifest says, so that a run and the lists of a published
//! output say the same. It judges nothing, and cannot fail.

use crate::job::plan::Plan;
use crate::publish::log::{ENDED, Manifest, day_text};
use std::collections::BTreeMap;
use vtr_kernel::calendar::Day;

/// Days before `as_of` on which packages may end: exports are often weekly.
pub const LATE: Day = 7;
/// Days before `as_of` from which on no window of account health has a package any more; lists say so themselves.
pub const LONG_AGO: Day = 44;
/// Weeks with whose packages those of a week are compared.
const WEEKS_BEFORE: usize = 8;

/// Returns the last day of the last week that has at least a tenth of the packages of the weeks before it: single
/// packages may be promised far ahead.
pub fn last_day(weeks: &BTreeMap<Day, [u64; 4]>) -> Option<Day> {
    let count = |classes: &[u64; 4]| classes.iter().sum::<u64>();
    let is_full = |(week, own): &(&Day, &[u64; 4])| {
        let before: Vec<u64> = weeks.range(..**week).rev().take(WEEKS_BEFORE).map(|(_, own)| count(own)).collect();
        count(own) * 10 * before.len() as u64 >= before.iter().sum::<u64>()
    };
    weeks.iter().rev().find(is_full).map(|(week, _)| *week + 6)
}

/// Says that the inputs of a run of these days ended before its `as_of`; whoever looks back knows where they end.
pub fn warning(plan: &Plan, weeks: &BTreeMap<Day, [u64; 4]>) -> Option<String> {
    let last = last_day(weeks)?;
    let days = plan.as_of - last;
    let is_of_now = (plan.as_of..=plan.as_of + LATE).contains(&plan.began_on());
    (is_of_now && (LATE + 1..=LONG_AGO).contains(&days)).then(|| {
        format!(
            "{ENDED}hardly any package is of a day after {}, {days} days before as_of. If the exports have stopped, newer packages \
             are missing, and scans since then count as never made; bring the newer exports and run again",
            day_text(last)
        )
    })
}

/// The same of the weeks that a run judged, with those that it leaves as they are; a person's choice of weeks says nothing.
pub fn of_run(plan: &Plan, own: &BTreeMap<Day, [u64; 4]>, base: Option<&Manifest>) -> Option<String> {
    let Some(range) = plan.range else { return warning(plan, own) };
    plan.claim.as_ref()?;
    let mut weeks = base.map(|base| base.weeks.clone()).unwrap_or_default();
    weeks.retain(|week, _| !(range.first..=range.last).contains(week));
    weeks.extend(own);
    warning(plan, &weeks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_packages_far_ahead_do_not_hide_where_the_packages_end() {
        let weeks = |counts: &[u64]| (0..).step_by(7).zip(counts.iter().map(|count| [0, 0, *count, 0])).collect();
        assert_eq!(last_day(&weeks(&[])), None);
        assert_eq!(last_day(&weeks(&[1])), Some(6));
        assert_eq!(last_day(&weeks(&[90, 110, 100, 10])), Some(27));
        assert_eq!(last_day(&weeks(&[90, 110, 100, 9, 1])), Some(20));
    }
}
