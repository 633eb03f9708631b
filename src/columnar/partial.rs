//! Partial counts: how many rows fell into each cell, as small packed entries.
//!
//! A marginal is one table from a cell to a count: sparse, mergeable, subtractable. When it grows too
//! large it is taken out as a [`Run`], which is grouped by time so that a week can be found again on
//! disk. It knows no rates and no texts, and nothing in it fails.

pub use crate::cells::Entry;

use crate::cells::{Lines, Table, Wide};
use crate::keys::time;
use crate::settings::Beside;
use vtr_kernel::calendar::{Day, FIRST_DAY, monday};

/// The index of a day's week, counted from the first plausible one.
pub(crate) fn week_index(day: Day) -> u16 {
    ((monday(day) - monday(FIRST_DAY)) / 7).clamp(0, (1 << 14) - 1) as u16
}

/// The Monday of a week's index.
pub fn week_monday(index: u16) -> Day {
    monday(FIRST_DAY) + 7 * i32::from(index)
}

/// Which marginals a run keeps.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// By carrier and week.
    pub weekly: bool,
    /// By category and segment.
    pub category: bool,
    /// By typed name and week.
    pub names: bool,
    /// By circumstances and week.
    pub reasons: bool,
    /// Eligible packages of the health windows by carrier and category.
    pub breakdown: bool,
}

/// Counts by cell.
#[derive(Debug)]
struct Counts<T: Table> {
    /// A table for each time: histories come more or less in its order, so that what is being counted in
    /// is small enough for the processor's caches, however many cells there are.
    tables: Vec<T>,
    /// Bytes that all tables together take.
    bytes: usize,
    /// Rows not yet counted.
    pending: Vec<T::Cell>,
    /// Counts that had to be set aside because their cell's would have overflown.
    aside: Vec<Entry>,
}

impl<T: Table> Default for Counts<T> {
    fn default() -> Counts<T> {
        Counts { tables: Vec::new(), bytes: 0, pending: Vec::new(), aside: Vec::new() }
    }
}

/// Rows that wait to be counted.
const PENDING: usize = 1_024;
/// Rows whose memory is asked for at once.
const TOUCHED: usize = 64;

impl<T: Table> Counts<T> {
    /// Counts one row in, soon.
    #[inline]
    fn note(&mut self, cell: T::Cell) {
        self.pending.push(cell);
        if self.pending.len() >= PENDING {
            self.settle();
        }
    }

    /// Counts what is pending. Memory that is in no cache is long in coming, so it is asked for some rows at a time
    /// before it is used: then many requests are under way at once.
    fn settle(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        for cells in pending.chunks(TOUCHED) {
            let table = |cell: T::Cell| self.tables.get(usize::from(T::time(cell)));
            let touch = |cell: &T::Cell| table(*cell).map_or(0, |table| table.touch(*cell));
            std::hint::black_box(cells.iter().map(touch).fold(0, |all, word| all ^ word));
            cells.iter().for_each(|cell| self.add(*cell, 1));
        }
        pending.clear();
        self.pending = pending;
    }

    #[inline]
    fn add(&mut self, cell: T::Cell, by: i32) {
        let time = usize::from(T::time(cell));
        if self.tables.len() <= time {
            self.tables.resize_with(time + 1, T::default);
        }
        let table = &mut self.tables[time];
        let before = table.bytes();
        let back = table.add(cell, by);
        self.bytes += table.bytes() - before;
        if let Some(entry) = back {
            self.aside.push(entry);
        }
    }

    fn merge(&mut self, mut other: Counts<T>) {
        other.settle();
        self.settle();
        for (time, table) in (0..).zip(other.tables) {
            match self.tables.get_mut(usize::from(time)) {
                Some(own) if own.len() == 0 => {
                    self.bytes = self.bytes - own.bytes() + table.bytes();
                    *own = table;
                }
                Some(_) => table.entries(time).for_each(|entry| self.add(T::cell(&entry), entry.count)),
                None => {
                    self.bytes += table.bytes();
                    self.tables.push(table);
                }
            }
        }
        self.aside.extend(other.aside);
    }

    fn bytes(&self) -> usize {
        self.bytes + self.aside.len() * size_of::<Entry>()
    }

    fn take(&mut self) -> Run {
        self.settle();
        let Counts { tables, aside, .. } = std::mem::take(self);
        let mut run = Run::default();
        run.entries.reserve_exact(tables.iter().map(T::len).sum::<usize>() + aside.len());
        for (at, table) in (0..).zip(tables) {
            let first = run.entries.len();
            let aside = aside.iter().copied().filter(|entry| time(entry.key) == at);
            run.entries.extend(table.entries(at).chain(aside).filter(|entry| entry.count != 0));
            let entries = &run.entries[first..];
            if !entries.is_empty() {
                let rows = entries.iter().map(|entry| i64::from(entry.count)).sum();
                run.times.push(Stretch { time: at, entries: entries.len(), rows });
            }
        }
        run
    }
}

/// Entries grouped by time; the same cell may stand in several runs, and more than once in one.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Each time that there are entries of, ascending.
    pub times: Vec<Stretch>,
}

/// The entries of one time in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The time.
    pub time: u16,
    /// How many entries.
    pub entries: usize,
    /// How many rows they count, those taken out negative.
    pub rows: i64,
}

/// The marginals of one partial as runs.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// By carrier and week.
    pub weekly: Run,
    /// By category and segment.
    pub category: Run,
    /// By typed name and week.
    pub names: Run,
    /// By circumstances and week.
    pub reasons: Run,
    /// Eligible packages of the health windows by carrier and category; who can mend them stands for their time.
    pub breakdown: Run,
}

/// The cells that one judged row is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowKeys {
    pub weekly: u64,
    pub category: u64,
    pub name: u64,
    pub reasons: u64,
    pub breakdown: u64,
    /// What stands beside these keys.
    pub beside: Beside,
    /// Whether its week is asked for.
    pub in_range: bool,
    /// Whether some window asked for holds its day.
    pub in_windows: bool,
    /// Whether it is eligible and lies within its marketplace's health window.
    pub in_breakdown: bool,
}

/// The marginals of one thread, or of several added up.
#[derive(Debug, Default)]
pub struct Partial {
    weekly: Counts<Lines>,
    category: Counts<Wide>,
    names: Counts<Wide>,
    reasons: Counts<Wide>,
    breakdown: Counts<Wide>,
}

impl Partial {
    /// Counts a row in.
    #[inline]
    pub(crate) fn count(&mut self, row: &RowKeys, wants: Wants) {
        if wants.weekly && row.in_range {
            self.weekly.note(row.weekly);
        }
        if wants.category && (row.in_range || row.in_windows) {
            self.category.note((row.category, row.beside.category));
        }
        if wants.names && row.in_range {
            self.names.note((row.name, row.beside.typed));
        }
        if wants.reasons && row.in_range {
            self.reasons.note((row.reasons, row.beside.circumstances));
        }
        if wants.breakdown && row.in_breakdown {
            self.breakdown.note((row.breakdown, row.beside.category));
        }
    }

    /// Takes a row out again.
    pub(crate) fn take_out(&mut self, row: &RowKeys, wants: Wants) {
        if wants.weekly && row.in_range {
            self.weekly.add(row.weekly, -1);
        }
        if wants.category && (row.in_range || row.in_windows) {
            self.category.add((row.category, row.beside.category), -1);
        }
        if wants.names && row.in_range {
            self.names.add((row.name, row.beside.typed), -1);
        }
        if wants.reasons && row.in_range {
            self.reasons.add((row.reasons, row.beside.circumstances), -1);
        }
        if wants.breakdown && row.in_breakdown {
            self.breakdown.add((row.breakdown, row.beside.category), -1);
        }
    }

    /// Adds another thread's counts.
    pub fn merge(&mut self, other: Partial) {
        self.weekly.merge(other.weekly);
        self.category.merge(other.category);
        self.names.merge(other.names);
        self.reasons.merge(other.reasons);
        self.breakdown.merge(other.breakdown);
    }

    /// Bytes that the counts take.
    pub fn bytes(&self) -> usize {
        let counted = self.weekly.bytes() + self.category.bytes() + self.names.bytes();
        counted + self.reasons.bytes() + self.breakdown.bytes()
    }

    /// The counts so far as runs; there are none afterwards. Cells that were emptied again are left out.
    pub fn take(&mut self) -> Runs {
        Runs {
            weekly: self.weekly.take(),
            category: self.category.take(),
            names: self.names.take(),
            reasons: self.reasons.take(),
            breakdown: self.breakdown.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_would_overflow_are_set_aside() {
        let mut counts = Counts::<Wide>::default();
        for _ in 0..3 {
            counts.add((7 << 50, 1), i32::MAX);
        }
        counts.add((3 << 50, 1), 1);
        counts.add((3 << 50, 1), -1);
        counts.add((2 << 50, 9), -4);
        let run = counts.take();
        let stretch = |time, entries, rows| Stretch { time, entries, rows };
        assert_eq!(run.times, [stretch(2, 1, -4), stretch(7, 3, 3 * i64::from(i32::MAX))]);
        assert_eq!(run.entries[0], Entry { key: 2 << 50, beside: 9, count: -4 });
        assert_eq!(run.entries[1..].iter().map(|entry| i64::from(entry.count)).sum::<i64>(), 3 * i64::from(i32::MAX));
        assert_eq!(counts.bytes(), 0);
        assert!(run.entries.iter().all(|entry| Entry::from_bytes(&entry.to_bytes()) == *entry));
    }

    #[test]
    fn both_kinds_of_tables_count_alike() {
        const WHOLE: u64 = (1 << 50) - 1;
        let some = [0, 1, WHOLE, 3 << 50, 3 << 50 | 1, 3 << 50 | WHOLE, ((1 << 14) - 1) << 50 | WHOLE];
        let (mut lines, mut others, mut wide) =
            (Counts::<Lines>::default(), Counts::<Lines>::default(), Counts::<Wide>::default());
        let mut random = 7u64;
        for step in 0..400_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Some cells often and many once or twice; counts run up and down beyond what a place holds.
            let is_common = random >> 40 & 3 != 0;
            let cell = if is_common { some[(random >> 33) as usize % some.len()] } else { random >> 47 << 7 | 5 << 50 };
            let by = match step / 100_000 {
                0 => 1,
                1 | 2 => -1,
                _ => (random >> 33) as i32 - (1 << 30),
            };
            if step % 3 == 0 {
                others.add(cell, by)
            } else {
                lines.add(cell, by)
            }
            wide.add((cell, 0), by);
        }
        lines.merge(others);
        let sums = |run: Run| {
            let mut sums = std::collections::BTreeMap::new();
            run.entries.iter().for_each(|entry| *sums.entry(entry.key).or_insert(0) += i64::from(entry.count));
            sums.retain(|_, count| *count != 0);
            (sums, run.times.iter().map(|stretch| (stretch.time, stretch.rows)).collect::<Vec<_>>())
        };
        let (lines, wide) = (sums(lines.take()), sums(wide.take()));
        assert!(lines.0.len() > 50_000);
        assert_eq!(lines, wide);
    }

    #[test]
    fn a_cell_counted_over_and_over_sets_little_aside() {
        let mut counts = Counts::<Lines>::default();
        (0..100_000).for_each(|_| counts.note(9 << 50 | 77));
        let run = counts.take();
        assert!(run.entries.len() < 20, "{}", run.entries.len());
        assert_eq!(run.times, [Stretch { time: 9, entries: run.entries.len(), rows: 100_000 }]);
    }
}
