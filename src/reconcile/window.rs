//! A span of calendar days, both ends included.

use vtr_kernel::calendar::{Day, date_from_day};

/// The first and last day of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

impl Window {
    /// Whether the span contains a day.
    pub fn contains(self, day: Day) -> bool {
        self.from <= day && day <= self.to
    }

    /// Whether a day is the first or the last.
    pub fn is_border(self, day: Day) -> bool {
        day == self.from || day == self.to
    }

    /// The span extended by some days at either end.
    pub fn widened(self, days: i32) -> Window {
        Window { from: self.from - days, to: self.to + days }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(to, "{} .. {}", date_from_day(self.from), date_from_day(self.to))
    }
}
