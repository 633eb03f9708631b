//! Whether the feeds still name the numbers of the newest packages, however long the history before them is.
//!
//! It counts packages by how long ago their events were due, in a few spans, so that it takes no more memory for longer
//! histories. It looks at nothing else, and cannot fail.

use super::tally::NOTICED;
use vtr_kernel::calendar::{Day, date_from_day};

/// The days of each span, the newest first; each holds those before it.
const SPANS: [Day; 4] = [7, 14, 28, 56];
/// Numbers from which on it is noticed that some are named, but less than half as many as there should be.
const HALVED: u64 = 30;
/// Days by which the newest numbers may be ahead of those that are named, whenever the files were made: events come later.
const BEHIND: Day = 5;

/// The newest packages: how many a feed should name, and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// By span, without those of the spans before it.
    asked: [u32; SPANS.len()],
    named: [u32; SPANS.len()],
    /// The last day of shipping.
    last_asked: Day,
    /// The last day of shipping of one that is named.
    last_named: Day,
    /// The last day of shipping of which events are due.
    end: Day,
}

impl Default for Recent {
    fn default() -> Self {
        let (asked, named) = ([0; SPANS.len()], [0; SPANS.len()]);
        Recent { asked, named, last_asked: Day::MIN, last_named: Day::MIN, end: Day::MIN }
    }
}

impl Recent {
    /// Counts a package of a day whose events are due since so many days, from 1.
    pub fn add(&mut self, day: Day, age: Day, is_named: bool) {
        self.end = day + age - 1;
        self.last_asked = self.last_asked.max(day);
        if is_named {
            self.last_named = self.last_named.max(day);
        }
        if let Some(span) = SPANS.iter().position(|days| age <= *days) {
            self.asked[span] += 1;
            self.named[span] += u32::from(is_named);
        }
    }

    /// Adds the packages of another.
    pub fn merge(&mut self, other: &Recent) {
        self.asked.iter_mut().zip(other.asked).for_each(|(sum, more)| *sum += more);
        self.named.iter_mut().zip(other.named).for_each(|(sum, more)| *sum += more);
        self.last_asked = self.last_asked.max(other.last_asked);
        (self.last_named, self.end) = (self.last_named.max(other.last_named), self.end.max(other.end));
    }

    /// Says that the newest numbers are not named: none of at least ten, or clearly fewer than the limit asks for.
    pub fn stopped(&self, (part, whole): (u64, u64)) -> Option<String> {
        let (mut asked, mut named, mut widest) = (0, 0, None);
        for (span, days) in SPANS.into_iter().enumerate() {
            asked += u64::from(self.asked[span]);
            named += u64::from(self.named[span]);
            let is_halved = u128::from(named) * 2 * u128::from(whole) < u128::from(asked) * u128::from(part);
            // Files that end long before `as_of` leave only their last days in a span.
            let is_behind = self.last_asked.saturating_sub(self.last_named) > BEHIND;
            let is_week = self.last_asked.saturating_sub(self.end.saturating_sub(days)) >= SPANS[0];
            if asked >= NOTICED && named == 0 && is_behind || asked >= HALVED && is_halved && is_week {
                widest = Some((asked, named, days));
            }
        }
        let (asked, named, days) = widest?;
        let date = date_from_day;
        Some(format!(
            "{named} of {asked} numbers shipped from {} to {} are named by events, unlike those before; the last day with a number \
             that is named is {}: a feed has probably stopped",
            date(self.end - days + 1),
            date(self.end),
            date(self.last_named)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COVER: (u64, u64) = (95, 100);

    /// The packages of a year, some a day, of which the feed names those until so many days before the end.
    fn year(a_day: u64, stopped: Day, every: u64) -> Option<String> {
        let mut recent = Recent::default();
        for age in 1..=365 {
            (0..a_day)
                .filter(|at| (*at + age as u64).is_multiple_of(every))
                .for_each(|_| recent.add(20_000 - age, age, age > stopped));
        }
        recent.stopped(COVER)
    }

    #[test]
    fn a_feed_that_stopped_is_noticed_and_one_that_ends_some_days_before_is_not() {
        let said = year(10, 14, 1).unwrap();
        assert!(said.contains("0 of 140 numbers shipped from 2024-09-20 to 2024-10-03"), "{said}");
        assert!(said.contains("the last day with a number that is named is 2024-09-19"), "{said}");
        assert!(year(10, 5, 1).is_some() && year(10, 3, 1).is_none() && year(10, 0, 1).is_none());
    }

    #[test]
    fn files_that_end_long_ago_miss_the_events_of_their_last_days_only() {
        for end in 1..=70 {
            let mut recent = Recent::default();
            (end..400).for_each(|age| (0..20).for_each(|_| recent.add(20_000 - age, age, age > end + 1)));
            assert_eq!(recent.stopped(COVER), None, "{end}");
        }
    }

    #[test]
    fn few_packages_are_noticed_once_there_are_ten() {
        assert!(year(1, 9, 1).is_none() && year(1, 14, 1).is_some());
        assert!(year(1, 28, 4).is_none() && year(1, 56, 4).is_some());
    }
}
