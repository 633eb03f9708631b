//! Counts kept separately from the marginals: by file, and by week and class.
//!
//! The marginals must add up to these counts, so the two share no code. They cannot fail.

use crate::partial::{week_index, week_monday};
use std::collections::BTreeMap;
use vtr_kernel::calendar::Day;
use vtr_kernel::reason::{COUNT, Class, Reason};

/// Rows that another `as_of` would judge differently: one of their times is after it, or more than two years ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Later {
    /// The first of their days.
    pub first: Day,
    /// The last of their days.
    pub last: Day,
    /// The first `as_of` that changes anything about them.
    pub from: Day,
    /// The last such `as_of`.
    pub until: Day,
}

impl Later {
    pub(crate) fn plus(self, other: Later) -> Later {
        Later {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            from: self.from.min(other.from),
            until: self.until.max(other.until),
        }
    }
}

/// The outcomes of a file's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTally {
    /// Rows that cannot be judged.
    pub rejected: u64,
    /// Rows that do not exist yet on `as_of`.
    pub after_as_of: u64,
    /// Judged rows outside the range.
    pub outside_range: u64,
    /// Those of them whose day is after all requested windows.
    pub after_windows: u64,
    /// Judged rows by class.
    pub classes: [u64; 4],
    /// The same rows by reason.
    pub reasons: [u64; COUNT],
    /// The first day of a row that is not rejected.
    pub first_day: Option<Day>,
    /// The last day of a row that is not rejected.
    pub last_day: Option<Day>,
    /// Rows that another `as_of` would judge differently, if they were looked for and found.
    pub later: Option<Later>,
    /// Judged rows with a scan that is after `as_of`, and so not there yet.
    pub blanked: u64,
    /// Judged rows whose first scan and shipment, and those whose delivery and promise, are known only as days.
    pub by_days: [u64; 2],
    /// Those of them for which the two days are one.
    pub same_day: [u64; 2],
}

impl FileTally {
    /// Adds another part of the same file.
    pub fn merge(&mut self, other: &FileTally) {
        self.rejected += other.rejected;
        self.after_as_of += other.after_as_of;
        self.outside_range += other.outside_range;
        self.after_windows += other.after_windows;
        self.classes.iter_mut().zip(other.classes).for_each(|(own, other)| *own += other);
        self.reasons.iter_mut().zip(other.reasons).for_each(|(own, other)| *own += other);
        self.first_day = self.first_day.into_iter().chain(other.first_day).min();
        self.last_day = self.last_day.into_iter().chain(other.last_day).max();
        other.later.into_iter().for_each(|later| self.see_later(later));
        self.blanked += other.blanked;
        self.by_days.iter_mut().zip(other.by_days).for_each(|(own, other)| *own += other);
        self.same_day.iter_mut().zip(other.same_day).for_each(|(own, other)| *own += other);
    }

    /// Subtracts judged rows that another copy supersedes.
    ///
    /// # Panics
    /// If more rows are subtracted than were counted.
    pub fn take_out(&mut self, other: &FileTally) {
        let less = |own: &mut u64, by: u64| {
            *own = own.checked_sub(by).expect("no more rows are taken out than were counted in");
        };
        less(&mut self.outside_range, other.outside_range);
        less(&mut self.after_windows, other.after_windows);
        self.classes.iter_mut().zip(other.classes).for_each(|(own, other)| less(own, other));
        self.reasons.iter_mut().zip(other.reasons).for_each(|(own, other)| less(own, other));
    }

    pub(crate) fn add(&mut self, reason: Reason) {
        self.classes[reason.class() as usize] += 1;
        self.reasons[reason as usize] += 1;
    }

    pub(crate) fn add_outside(&mut self, day: Day, windows: Option<(Day, Day)>) {
        self.outside_range += 1;
        self.after_windows += u64::from(windows.is_some_and(|(_, last)| day > last));
    }

    pub(crate) fn see_later(&mut self, later: Later) {
        self.later = Some(self.later.map_or(later, |own| own.plus(later)));
    }

    pub(crate) fn see(&mut self, day: Day) {
        self.first_day = Some(self.first_day.map_or(day, |first| first.min(day)));
        self.last_day = Some(self.last_day.map_or(day, |last| last.max(day)));
    }
}

/// Judged rows in range by week and class: the independent counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weeks(Vec<[i64; 4]>);

/// The first and last promised day of the pending rows of each week, by its index. Rows that a newer copy
/// supersedes are included: a week may seem to depend on a day on which nothing changes, but never the reverse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due(BTreeMap<u16, (Day, Day)>);

impl Due {
    pub(crate) fn add(&mut self, week: u16, promised: Option<Day>) {
        if let Some(day) = promised {
            self.hold(week, (day, day));
        }
    }

    fn hold(&mut self, week: u16, (first, last): (Day, Day)) {
        let days = self.0.entry(week).or_insert((first, last));
        *days = (days.0.min(first), days.1.max(last));
    }

    /// Adds days of the week that begins on a Monday.
    pub fn see(&mut self, week: Day, days: (Day, Day)) {
        self.hold(week_index(week), days);
    }

    /// Returns the days by the Monday of their week.
    pub fn by_monday(&self) -> BTreeMap<Day, (Day, Day)> {
        self.0.iter().map(|(week, days)| (week_monday(*week), *days)).collect()
    }

    /// Adds another thread's days.
    pub fn merge(&mut self, other: &Due) {
        other.0.iter().for_each(|(week, days)| self.hold(*week, *days));
    }
}

impl Weeks {
    pub(crate) fn add(&mut self, week: u16, class: Class, by: i64) {
        let week = usize::from(week);
        if self.0.len() <= week {
            self.0.resize(week + 1, [0; 4]);
        }
        self.0[week][class as usize] += by;
    }

    /// Returns the counts of each week, by Monday; subtracted rows count negatively.
    pub fn rows(&self) -> impl Iterator<Item = (Day, [i64; 4])> {
        let counted = (0..).zip(&self.0).filter(|(_, classes)| classes.iter().any(|count| *count != 0));
        counted.map(|(week, classes)| (week_monday(week), *classes))
    }

    /// Adds counts of the week that begins on a Monday.
    pub fn add_rows(&mut self, week: Day, classes: [i64; 4]) {
        Class::ALL.into_iter().zip(classes).for_each(|(class, by)| self.add(week_index(week), class, by));
    }

    /// Returns the weeks that have rows, by Monday.
    ///
    /// # Panics
    /// If more rows were subtracted than counted.
    pub fn by_monday(&self) -> BTreeMap<Day, [u64; 4]> {
        let judged = (0..).zip(&self.0).filter(|(_, classes)| classes.iter().any(|count| *count != 0));
        let count = |count: i64| u64::try_from(count).expect("no more rows are taken out than were counted in");
        judged.map(|(week, classes)| (week_monday(week), classes.map(count))).collect()
    }

    /// Adds another counter.
    pub fn merge(&mut self, other: &Weeks) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), [0; 4]);
        }
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
    }
}
