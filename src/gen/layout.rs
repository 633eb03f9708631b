//! Layout: the days and the number of rows of each file, and the packages that occur again.
//!
//! Every file but the first begins with copies of the last packages of the file before it, as in overlapping
//! exports. Rows are numbers here; other modules decide their content. Everything follows from the options alone.

use super::dice::{Dice, mix};
use super::world::{Day, date};
use chrono::Datelike;

/// The number of copies among 10,000 rows of a file.
const OVERLAP: u64 = 300;

/// One in this many packages is exported twice inside one file.
const TWICE: u64 = 900;

/// One in this many orders has two parcels.
const PAIRS: u64 = 27;

/// One file.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Its name without suffix.
    pub name: String,
    /// Its first day.
    pub first_day: Day,
    /// For each day, the number of new packages that were shipped up to its end.
    pub until_day: Vec<u64>,
    /// The number of copies of packages of the file before.
    pub copies: u64,
    /// The number of new packages.
    pub fresh: u64,
    /// The number of new packages that occur again in the next file: the last ones.
    pub again: u64,
    /// The number of its first new package, counted over all files.
    pub first_package: u64,
}

/// How rows are cut into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One file per month.
    Months,
    /// This many files of about the same number of rows.
    Files(usize),
}

/// A row of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A package of the file before, exported again.
    Copy { package: u64 },
    /// A package that the next row also holds.
    Early { package: u64 },
    /// A package's only row in this file.
    Fresh { package: u64 },
}

/// Returns how busy a day is: weekdays, the weeks before Christmas, July sales, and growth.
fn busyness(day: Day, from: Day) -> u64 {
    let date = date(day);
    let weekday = [125, 115, 110, 105, 100, 60, 45][date.weekday().num_days_from_monday() as usize];
    let season = match (date.month(), date.day()) {
        (11, 20..) => 190,
        (11, _) => 130,
        (12, 1..=20) => 185,
        (12, _) => 80,
        (7, 8..=17) => 150,
        (1..=2, _) => 85,
        (8, _) => 88,
        _ => 100,
    };
    let growth = 1_000 + (day - from) as u64 * 100 / 365;
    weekday * season * growth
}

/// Cuts `rows` rows shipped from the day `from` to the day `to` into files.
pub fn cut(rows: u64, from: Day, to: Day, how: Cut) -> Vec<Slice> {
    let weights: Vec<u64> = (from..=to).map(|day| busyness(day, from)).collect();
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let mut sum = 0u128;
    // The rows up to the end of each day, by the days' shares; they add up exactly.
    let until: Vec<u64> = weights
        .iter()
        .map(|weight| {
            sum += u128::from(*weight);
            (u128::from(rows) * sum / total) as u64
        })
        .collect();
    let spans = match how {
        Cut::Months => months(from, to, &until),
        Cut::Files(count) => equal(rows, from, count.max(1), &until),
    };
    let (mut slices, mut first_package): (Vec<Slice>, u64) = (Vec::new(), 0);
    for (name, first_day, shipped) in spans {
        let rows = shipped.last().copied().unwrap_or(0);
        let before = slices.last_mut();
        let copies = before.as_ref().map_or(0, |before| (before.fresh * OVERLAP / 10_000).min(rows / 2));
        if let Some(before) = before {
            before.again = copies;
        }
        let fresh = rows - copies;
        let until_day = shipped.iter().map(|until| {
            if rows == 0 { 0 } else { (u128::from(*until) * u128::from(fresh) / u128::from(rows)) as u64 }
        });
        slices.push(Slice { name, first_day, until_day: until_day.collect(), copies, fresh, again: 0, first_package });
        first_package += fresh;
    }
    slices
}

type Span = (String, Day, Vec<u64>);

fn months(from: Day, to: Day, until: &[u64]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut before = 0;
    for day in from..=to {
        let name = date(day).format("%Y-%m").to_string();
        let now = until[(day - from) as usize];
        if spans.last().is_none_or(|span| span.0 != name) {
            before = if day == from { 0 } else { until[(day - from) as usize - 1] };
            spans.push((name, day, Vec::new()));
        }
        if let Some(span) = spans.last_mut() {
            span.2.push(now - before);
        }
    }
    spans
}

fn equal(rows: u64, from: Day, count: usize, until: &[u64]) -> Vec<Span> {
    let border = |file: usize| (u128::from(rows) * file as u128 / count as u128) as u64;
    let width = (count - 1).to_string().len().max(4);
    let span = |file: usize| {
        let (first, last) = (border(file), border(file + 1));
        let first_day = until.partition_point(|until| *until <= first).min(until.len() - 1);
        let last_day = until.partition_point(|until| *until < last).min(until.len() - 1);
        let shipped =
            until[first_day..=last_day.max(first_day)].iter().map(|until| (*until).clamp(first, last) - first);
        (format!("part-{file:0width$}"), from + first_day as Day, shipped.collect())
    };
    (0..count).map(span).collect()
}

impl Slice {
    /// Returns the number of rows of the file.
    pub fn rows(&self) -> u64 {
        self.copies + self.fresh
    }

    /// Returns the day on which a new package was shipped. Unsorted files shuffle the days.
    pub fn day(&self, package: u64, sorted: bool) -> Day {
        let place = if sorted { package } else { shuffled(package, self.fresh) };
        self.first_day + self.until_day.partition_point(|until| *until <= place) as Day
    }

    /// Returns the content of a row; `row` counts from 0.
    pub fn row(&self, seed: u64, file: u64, row: u64) -> Row {
        if row < self.copies {
            return Row::Copy { package: row };
        }
        let package = row - self.copies;
        let early = |package: u64| {
            package + 1 < self.fresh - self.again && Dice::new(seed, 21, file, package).below(TWICE) == 0
        };
        if early(package) && !early(package + 1) { Row::Early { package: package + 1 } } else { Row::Fresh { package } }
    }
}

/// Returns whether a package is the second parcel of the order that began with the package before it.
pub fn is_second(seed: u64, file: u64, package: u64) -> bool {
    let drawn = |package: u64| Dice::new(seed, 22, file, package).below(PAIRS) == 0;
    package > 0 && drawn(package) && !drawn(package - 1)
}

/// Returns the image of a number under a permutation of the numbers below `count`.
fn shuffled(number: u64, count: u64) -> u64 {
    let prime = [1_000_003u64, 2_750_159].into_iter().find(|prime| !count.is_multiple_of(*prime)).unwrap_or(1);
    ((u128::from(number) * u128::from(prime) + u128::from(mix(count))) % u128::from(count.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_add_up_however_they_are_cut() {
        for how in [Cut::Months, Cut::Files(1), Cut::Files(7), Cut::Files(40)] {
            for rows in [1u64, 50, 9_999] {
                let slices = cut(rows, 19_700, 19_900, how);
                assert_eq!(slices.iter().map(Slice::rows).sum::<u64>(), rows, "{how:?}");
                for slice in &slices {
                    assert_eq!(slice.until_day.last().copied().unwrap_or(0), slice.fresh);
                    assert!(slice.again <= slice.fresh);
                    for package in 0..slice.fresh {
                        let day = slice.day(package, package % 2 == 0);
                        assert!((19_700..=19_900).contains(&day), "{how:?} {rows} {day}");
                    }
                }
            }
        }
    }

    #[test]
    fn shuffling_loses_nothing() {
        for count in [1u64, 2, 1_000, 1_000_003] {
            let mut seen = vec![false; count as usize];
            (0..count).for_each(|number| seen[shuffled(number, count) as usize] = true);
            assert!(seen.iter().all(|seen| *seen));
        }
    }
}
