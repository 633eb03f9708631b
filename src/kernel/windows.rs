//! Windows of an account: the days that a marketplace looks at, which of them are final, and which can still
//! change.
//!
//! They follow from a marketplace's entry in the book and the `as_of` day. Every function is total and reads no clock.

use crate::calendar::{Day, monday};
use crate::policy::{Book, Market};
use std::collections::BTreeSet;

/// A seller has a row if it has a package within this many days up to the window's end.
pub const ROW_DAYS: i32 = 84;
/// The length in days of the last part of the window that is also looked at alone, and the distance of the previous
/// window.
pub const WEEK_DAYS: i32 = 7;

/// Returns the lengths of the book's windows in days.
pub fn lengths(book: &Book) -> BTreeSet<i32> {
    book.markets().map(|(_, market)| market.window_days.max(1)).collect()
}

/// Returns the first and last day of a marketplace's last final window.
pub fn health(market: &Market, as_of: Day) -> (Day, Day) {
    let end = as_of - market.latency_days - 1;
    (end - market.window_days.max(1) + 1, end)
}

/// Returns the first and last day of a marketplace's window that can still change: it ends on the Sunday on or
/// after `as_of`.
pub fn outlook(market: &Market, as_of: Day) -> (Day, Day) {
    let end = monday(as_of) + 6;
    (end - market.window_days.max(1) + 1, end)
}

/// Returns the first and last day of all days that an account's row covers.
pub fn span(market: &Market, as_of: Day) -> (Day, Day) {
    let ((start, end), outlook) = (health(market, as_of), outlook(market, as_of));
    ((end - ROW_DAYS + 1).min(start - WEEK_DAYS).min(outlook.0), end.max(outlook.1))
}

/// Returns the days on which the time axis must be cut for an account's row.
pub fn borders(market: &Market, as_of: Day) -> [Day; 7] {
    let ((start, end), outlook) = (health(market, as_of), outlook(market, as_of));
    [end - ROW_DAYS + 1, start - WEEK_DAYS, start, end - WEEK_DAYS + 1, end + 1, outlook.0, outlook.1 + 1]
}

/// Zones of time around a window, as bits: a day can be in several.
pub mod zone {
    /// Days whose packages give their seller a row.
    pub const ROWS: u8 = 1;
    /// The last final window.
    pub const WINDOW: u8 = 2;
    /// The last week of that window.
    pub const LAST_DAYS: u8 = 4;
    /// The window a week earlier.
    pub const BEFORE: u8 = 8;
    /// The window that can still change.
    pub const OUTLOOK: u8 = 16;
}

/// Returns the zones that contain a day, around a marketplace's window. They change only on [`borders`].
pub fn zones(day: Day, market: &Market, as_of: Day) -> u8 {
    let (start, end) = health(market, as_of);
    let (first, last) = outlook(market, as_of);
    let bits = [
        (zone::ROWS, (end - ROW_DAYS + 1..=end).contains(&day)),
        (zone::WINDOW, (start..=end).contains(&day)),
        (zone::LAST_DAYS, (end - WEEK_DAYS + 1..=end).contains(&day)),
        (zone::BEFORE, (start - WEEK_DAYS..=end - WEEK_DAYS).contains(&day)),
        (zone::OUTLOOK, (first..=last).contains(&day)),
    ];
    bits.into_iter().filter(|(_, is_in)| *is_in).fold(0, |zones, (bit, _)| zones | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_change_on_borders_only() {
        let (book, as_of) = (crate::load::embedded().unwrap(), 20_269);
        for (_, market) in book.markets() {
            let (borders, (first, last)) = (borders(market, as_of), span(market, as_of));
            let changes =
                (first - 1..=last + 1).filter(|day| zones(*day, market, as_of) != zones(day - 1, market, as_of));
            let changes: Vec<Day> = changes.collect();
            assert!(changes.iter().all(|day| borders.contains(day)), "{}", market.name);
            assert!(zones(first, market, as_of) != 0 && zones(first - 1, market, as_of) == 0, "{}", market.name);
            assert!(zones(last, market, as_of) != 0 && zones(last + 1, market, as_of) == 0, "{}", market.name);
        }
    }
}
