//! Partial counts: the number of rows in each cell, as small packed entries.
//!
//! A marginal is one table from a cell to a count: sparse, mergeable, subtractable. A marginal that grows too large
//! is taken out as [`Piece`]s, one per week or segment, so that each can be found again on disk. This module has no
//! rates and no texts, and nothing in it fails.

use crate::cells::{CellEntry, Lines, Table, Wide};
use crate::keys::time;
use crate::marginals::MarginalKind;
use crate::settings::Beside;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use vtr_kernel::calendar::{Day, FIRST_DAY, monday};

/// Returns the index of a day's week, counted from the first plausible one.
pub(crate) fn week_index(day: Day) -> u16 {
    ((monday(day) - monday(FIRST_DAY)) / 7).clamp(0, (1 << 14) - 1) as u16
}

/// Returns the Monday of a week's index.
pub(crate) fn week_monday(index: u16) -> Day {
    monday(FIRST_DAY) + 7 * i32::from(index)
}

/// The kinds of counts that are kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    pub weekly: bool,
    pub category: bool,
    pub names: bool,
    pub reasons: bool,
    pub breakdown: bool,
}

impl Wants {
    /// Makes the set of these kinds.
    pub(crate) fn of(kinds: &[MarginalKind]) -> Wants {
        let has = |kind: MarginalKind| kinds.contains(&kind);
        Wants {
            weekly: has(MarginalKind::Weekly),
            category: has(MarginalKind::Category),
            names: has(MarginalKind::Names),
            reasons: has(MarginalKind::Reasons),
            breakdown: has(MarginalKind::Breakdown),
        }
    }
}

/// Counts by cell.
#[derive(Debug)]
struct CellCounts<T: Table> {
    /// One table per time. Histories are roughly in order of time, so the tables in use fit the processor's caches,
    /// however many cells there are.
    tables: Vec<T>,
    /// The bytes of all tables together.
    bytes: usize,
    /// Rows not yet counted.
    pending: Vec<T::Cell>,
    /// Entries that were set aside because the count of their cell would have overflowed.
    aside: Vec<CellEntry>,
}

impl<T: Table> Default for CellCounts<T> {
    fn default() -> CellCounts<T> {
        CellCounts { tables: Vec::new(), bytes: 0, pending: Vec::new(), aside: Vec::new() }
    }
}

/// The number of rows that are collected before they are counted.
const PENDING: usize = 1_024;
/// The number of rows whose memory is prefetched together.
const TOUCHED: usize = 64;

impl<T: Table> CellCounts<T> {
    /// Adds one row, which is counted later.
    #[inline]
    fn note(&mut self, cell: T::Cell) {
        self.pending.push(cell);
        if self.pending.len() >= PENDING {
            self.count_pending();
        }
    }

    /// Counts the pending rows. Memory outside the caches is slow, so it is prefetched for some rows before it is
    /// used, and many requests are in flight at once. With 155,000 cells a week a row takes 20 ns, without it 31.
    fn count_pending(&mut self) {
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

    fn merge(&mut self, mut other: CellCounts<T>) {
        other.count_pending();
        self.count_pending();
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
        self.bytes + self.aside.len() * size_of::<CellEntry>()
    }

    /// Returns the cells by time, without those whose counts were subtracted to zero.
    fn cells(&self) -> BTreeMap<u16, Unpacked> {
        let mut cells = BTreeMap::<u16, Unpacked>::new();
        let tables = (0..).zip(&self.tables).flat_map(|(at, table)| table.entries(at));
        for entry in tables.chain(self.aside.iter().copied()).filter(|entry| entry.count != 0) {
            cells.entry(time(entry.key)).or_default().0.push(entry);
        }
        cells
    }

    fn take(&mut self) -> Run {
        self.count_pending();
        let CellCounts { tables, aside, .. } = std::mem::take(self);
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

/// The counts of one kind and one time, packed. The same cell may occur in several pieces, and more than once in
/// one.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The kind of counts.
    pub kind: MarginalKind,
    /// The time as the judge numbers it; see [`Keys::day`](crate::keys::Keys::day).
    pub time: u16,
    /// The number of counted rows; subtracted rows count negatively.
    pub rows: i64,
    /// The counts.
    pub packed: Packed,
}

/// Packed counts, to be kept in memory or written to disk. Only the keys of the judge that packed them make them
/// readable.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The entries of all times that were taken together.
    entries: Arc<Vec<CellEntry>>,
    own: Range<usize>,
}

impl Packed {
    /// Returns the bytes that they take.
    pub fn bytes(&self) -> usize {
        self.own.len() * CellEntry::BYTES
    }

    /// Appends the bytes for a spill file.
    pub fn write(&self, into: &mut Vec<u8>) {
        self.entries[self.own.clone()].iter().for_each(|entry| into.extend_from_slice(&entry.to_bytes()));
    }
}

/// Packed counts that are read back, from any number of pieces of one kind and time.
#[derive(Debug, Default)]
pub struct Unpacked(pub(crate) Vec<CellEntry>);

impl Unpacked {
    /// The length of bytes passed to [`Unpacked::add_bytes`] must be a multiple of this.
    pub const STEP: usize = CellEntry::BYTES;

    /// Adds counts that are in memory.
    pub fn add(&mut self, packed: &Packed) {
        self.0.extend_from_slice(&packed.entries[packed.own.clone()]);
    }

    /// Adds counts written by [`Packed::write`].
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.0.extend(bytes.as_chunks().0.iter().map(CellEntry::from_bytes));
    }
}

/// Packs cells that another worker counted, by time; a count too great for one entry takes several.
pub(crate) fn packed(kind: MarginalKind, cells: Vec<(CellEntry, i64)>) -> Vec<Piece> {
    let mut entries = Vec::with_capacity(cells.len());
    for (entry, rows) in cells {
        let mut left = rows;
        while left != 0 {
            let by = left.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            left -= i64::from(by);
            entries.push(CellEntry { count: by, ..entry });
        }
    }
    // The sort is stable, and takes little time if the entries are already in order of time.
    entries.sort_by_key(|entry| time(entry.key));
    let times = entries.chunk_by(|a, b| time(a.key) == time(b.key)).map(|alike| Stretch {
        time: time(alike[0].key),
        entries: alike.len(),
        rows: alike.iter().map(|entry| i64::from(entry.count)).sum(),
    });
    let times = times.collect();
    Run { entries, times }.pieces(kind).collect()
}

/// The counts of one kind, by time.
#[derive(Debug, Default)]
struct Run {
    entries: Vec<CellEntry>,
    /// Each time that has entries, ascending, with the number of entries and of counted rows.
    times: Vec<Stretch>,
}

/// The entries of one time in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stretch {
    time: u16,
    entries: usize,
    rows: i64,
}

impl Run {
    fn pieces(self, kind: MarginalKind) -> impl Iterator<Item = Piece> {
        let (entries, mut from) = (Arc::new(self.entries), 0);
        self.times.into_iter().map(move |stretch| {
            let own = from..from + stretch.entries;
            from = own.end;
            Piece { kind, time: stretch.time, rows: stretch.rows, packed: Packed { entries: entries.clone(), own } }
        })
    }
}

/// The cells in which one judged row is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowKeys {
    pub weekly: u64,
    pub category: u64,
    pub name: u64,
    pub reasons: u64,
    pub breakdown: u64,
    /// The codes that are not part of these keys.
    pub beside: Beside,
    /// Whether its week is requested.
    pub in_range: bool,
    /// Whether a requested window contains its day.
    pub in_windows: bool,
    /// Whether it is eligible and within its marketplace's health window.
    pub in_breakdown: bool,
}

/// The marginals of one thread, or of several added up.
#[derive(Debug, Default)]
pub struct Partial {
    weekly: CellCounts<Lines>,
    category: CellCounts<Wide>,
    names: CellCounts<Wide>,
    reasons: CellCounts<Wide>,
    breakdown: CellCounts<Wide>,
}

impl Partial {
    /// Counts a row.
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

    /// Subtracts a row.
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

    /// Returns the bytes that the counts take.
    pub fn bytes(&self) -> usize {
        let counted = self.weekly.bytes() + self.category.bytes() + self.names.bytes();
        counted + self.reasons.bytes() + self.breakdown.bytes()
    }

    /// Returns the counts so far, packed, and empties them. Cells whose counts were subtracted to zero are left
    /// out.
    pub fn take(&mut self) -> Vec<Piece> {
        let weekly = self.weekly.take().pieces(MarginalKind::Weekly);
        let category = self.category.take().pieces(MarginalKind::Category);
        let names = self.names.take().pieces(MarginalKind::Names);
        let reasons = self.reasons.take().pieces(MarginalKind::Reasons);
        let breakdown = self.breakdown.take().pieces(MarginalKind::Breakdown);
        weekly.chain(category).chain(names).chain(reasons).chain(breakdown).collect()
    }

    /// Adds to the count of one cell.
    pub(crate) fn add(&mut self, kind: MarginalKind, entry: CellEntry, rows: i64) {
        let mut left = rows;
        while left != 0 {
            let by = left.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            left -= i64::from(by);
            match kind {
                MarginalKind::Weekly => self.weekly.add(entry.key, by),
                MarginalKind::Category => self.category.add((entry.key, entry.beside), by),
                MarginalKind::Names => self.names.add((entry.key, entry.beside), by),
                MarginalKind::Reasons => self.reasons.add((entry.key, entry.beside), by),
                MarginalKind::Breakdown => self.breakdown.add((entry.key, entry.beside), by),
            }
        }
    }

    /// Counts the pending rows.
    pub(crate) fn count_pending(&mut self) {
        self.weekly.count_pending();
        self.category.count_pending();
        self.names.count_pending();
        self.reasons.count_pending();
        self.breakdown.count_pending();
    }

    /// Returns the cells of a kind by time, without pending rows.
    pub(crate) fn cells(&self, kind: MarginalKind) -> BTreeMap<u16, Unpacked> {
        match kind {
            MarginalKind::Weekly => self.weekly.cells(),
            MarginalKind::Category => self.category.cells(),
            MarginalKind::Names => self.names.cells(),
            MarginalKind::Reasons => self.reasons.cells(),
            MarginalKind::Breakdown => self.breakdown.cells(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_would_overflow_are_set_aside() {
        let mut counts = CellCounts::<Wide>::default();
        for _ in 0..3 {
            counts.add((7 << 50, 1), i32::MAX);
        }
        counts.add((3 << 50, 1), 1);
        counts.add((3 << 50, 1), -1);
        counts.add((2 << 50, 9), -4);
        let run = counts.take();
        let stretch = |time, entries, rows| Stretch { time, entries, rows };
        assert_eq!(run.times, [stretch(2, 1, -4), stretch(7, 3, 3 * i64::from(i32::MAX))]);
        assert_eq!(run.entries[0], CellEntry { key: 2 << 50, beside: 9, count: -4 });
        assert_eq!(run.entries[1..].iter().map(|entry| i64::from(entry.count)).sum::<i64>(), 3 * i64::from(i32::MAX));
        assert_eq!(counts.bytes(), 0);
        assert!(run.entries.iter().all(|entry| CellEntry::from_bytes(&entry.to_bytes()) == *entry));
    }

    #[test]
    fn both_kinds_of_tables_count_alike() {
        const WHOLE: u64 = (1 << 50) - 1;
        let some = [0, 1, WHOLE, 3 << 50, 3 << 50 | 1, 3 << 50 | WHOLE, ((1 << 14) - 1) << 50 | WHOLE];
        let (mut lines, mut others, mut wide) =
            (CellCounts::<Lines>::default(), CellCounts::<Lines>::default(), CellCounts::<Wide>::default());
        let mut random = 7u64;
        for step in 0..400_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Some cells occur often and many once or twice; counts rise and fall beyond the range of a place.
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
        let mut counts = CellCounts::<Lines>::default();
        (0..100_000).for_each(|_| counts.note(9 << 50 | 77));
        let run = counts.take();
        assert!(run.entries.len() < 20, "{}", run.entries.len());
        assert_eq!(run.times, [Stretch { time: 9, entries: run.entries.len(), rows: 100_000 }]);
    }
}
