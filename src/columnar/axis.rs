//! The time axis: days are cut into segments, and the days of one segment are counted together.
//!
//! The borders of weeks and windows follow from the book and the `as_of` day alone. This module counts nothing and
//! cannot fail; more segments than fit two bytes are a broken invariant and panic.

use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, FIRST_DAY, last_plausible_day, monday};
use vtr_kernel::windows;

/// A time axis cut at every day where a week or a window begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeAxis {
    /// The first days of the segments, ascending.
    starts: Vec<Day>,
    /// The segment of each day from the first start on.
    by_day: Vec<u16>,
}

/// The windows that cut the axis, beside weeks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Trailing windows with the marketplaces' own lengths; `None`: none.
    pub rolling: Option<WindowEnds>,
    /// The windows of `account_health`.
    pub health: bool,
}

/// The days on which trailing windows end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowEnds {
    /// Windows end on every day.
    Daily,
    /// Windows end on Sundays.
    Sundays,
}

impl TimeAxis {
    /// Makes an axis with these first days; days before the first belong to the first segment.
    ///
    /// # Panics
    /// If there are more segments than fit two bytes.
    pub fn new(mut starts: Vec<Day>) -> TimeAxis {
        starts.sort_unstable();
        starts.dedup();
        assert!(starts.len() < 1 << 14, "a time axis has fewer than 2^14 segments");
        let mut by_day = Vec::new();
        if let (Some(first), Some(last)) = (starts.first(), starts.last()) {
            let segment = |day: Day| starts.partition_point(|start| *start <= day) - 1;
            by_day = (*first..=*last).map(|day| segment(day) as u16).collect();
        }
        TimeAxis { starts, by_day }
    }

    /// Makes the axis of the weeks from the first day that is judged to the last plausible one, cut at the borders
    /// of windows.
    pub fn of(book: &Book, as_of: Day, cuts: Cuts) -> TimeAxis {
        let (first, last) = (monday(FIRST_DAY), monday(last_plausible_day(as_of)) + 6);
        let mut starts: Vec<Day> = (first..=last).step_by(7).collect();
        match cuts.rolling {
            Some(WindowEnds::Daily) => starts.extend(first..=last),
            Some(WindowEnds::Sundays) => {
                for length in windows::lengths(book) {
                    let begins = (first + 6..=last).step_by(7).map(|end| end - length + 1);
                    starts.extend(begins.filter(|start| *start > first));
                }
            }
            None => {}
        }
        if cuts.health {
            let borders = book.markets().flat_map(|(_, market)| windows::borders(market, as_of));
            starts.extend(borders.filter(|start| *start > first));
        }
        TimeAxis::new(starts)
    }

    /// Returns the index of the segment that contains a day.
    #[inline]
    pub fn segment(&self, day: Day) -> u16 {
        let Some(first) = self.starts.first() else { return 0 };
        let place = i64::from(day) - i64::from(*first);
        match self.by_day.get(place.max(0) as usize) {
            Some(segment) => *segment,
            None => (self.starts.len() - 1) as u16,
        }
    }

    /// Returns the first day of a segment.
    pub fn first_day(&self, segment: u16) -> Day {
        self.starts.get(usize::from(segment)).copied().unwrap_or(Day::MIN)
    }

    /// Returns the segment that begins on a day; `None` if none does.
    pub(crate) fn segment_from(&self, start: Day) -> Option<u16> {
        self.starts.binary_search(&start).ok().map(|segment| segment as u16)
    }

    /// Returns the number of segments.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns whether there is no segment.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_find_their_segments() {
        let axis = TimeAxis::new(vec![30, 10, 20, 20]);
        let segments: Vec<u16> = [5, 10, 19, 20, 29, 30, 1_000].into_iter().map(|day| axis.segment(day)).collect();
        assert_eq!(segments, [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!((axis.first_day(1), axis.len()), (20, 3));
        assert_eq!((axis.segment_from(20), axis.segment_from(21)), (Some(1), None));
    }

    #[test]
    fn windows_cut_weeks_where_they_begin_and_end() {
        let (book, as_of) = (vtr_kernel::load::embedded().unwrap(), 20_269);
        let weeks = TimeAxis::of(&book, as_of, Cuts::default());
        assert!((1..weeks.len() as u16).all(|week| weeks.first_day(week) - weeks.first_day(week - 1) == 7));
        let health = TimeAxis::of(&book, as_of, Cuts { rolling: None, health: true });
        for (_, market) in book.markets() {
            let (first, last) = windows::health(market, as_of);
            assert!(health.segment_from(first).is_some() && health.segment_from(last + 1).is_some(), "{}", market.name);
        }
        let daily = TimeAxis::of(&book, as_of, Cuts { rolling: Some(WindowEnds::Daily), health: true });
        assert_eq!(daily.segment_from(as_of), Some(daily.segment(as_of)));
        let sundays = TimeAxis::of(&book, as_of, Cuts { rolling: Some(WindowEnds::Sundays), health: false });
        let end = monday(as_of) + 6;
        for length in windows::lengths(&book) {
            assert!(sundays.segment_from(end - length + 1).is_some(), "{length}");
        }
    }
}
