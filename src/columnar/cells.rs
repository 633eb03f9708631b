//! Tables from a cell to the count of its rows; each table holds the cells of one time.
//!
//! Most cells of a history count only a few rows, and each row is one look-up among millions of cells, so the cost
//! is waiting for memory. Nothing here fails; a count that does not fit is handed back.

use crate::keys::{TIME_BITS, time};
use hashbrown::HashTable;

/// A cell and its count: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellEntry {
    /// The time and codes, packed by [`Layout`](crate::keys::Layout).
    pub key: u64,
    /// The code of a category or of a typed name.
    pub beside: u32,
    /// The number of rows; negative for rows that are subtracted.
    pub count: i32,
}

impl CellEntry {
    /// The size of an entry on disk, in bytes.
    pub const BYTES: usize = 16;

    /// Returns the bytes for a spill file.
    pub fn to_bytes(self) -> [u8; CellEntry::BYTES] {
        let mut bytes = [0; CellEntry::BYTES];
        bytes[..8].copy_from_slice(&self.key.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.beside.to_le_bytes());
        bytes[12..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }

    /// Reads the bytes of [`CellEntry::to_bytes`].
    pub fn from_bytes(bytes: &[u8; CellEntry::BYTES]) -> CellEntry {
        let whole = u128::from_le_bytes(*bytes);
        CellEntry { key: whole as u64, beside: (whole >> 64) as u32, count: (whole >> 96) as u32 as i32 }
    }
}

/// A table of the cells of one time.
pub(crate) trait Table: Default {
    /// A cell, its time included.
    type Cell: Copy;

    /// Returns the time of a cell.
    fn time(cell: Self::Cell) -> u16;

    /// Prefetches the memory of a cell's count; the value returned has no meaning.
    fn touch(&self, cell: Self::Cell) -> u64;

    /// Adds to a cell's count. The entry handed back is not, or is no longer, counted here.
    fn add(&mut self, cell: Self::Cell, by: i32) -> Option<CellEntry>;

    /// Returns the number of cells.
    fn len(&self) -> usize;

    /// Returns the bytes that the table takes.
    fn bytes(&self) -> usize;

    /// Returns all cells with their counts, in no order.
    fn entries(&self, time: u16) -> impl Iterator<Item = CellEntry>;

    /// Returns the cell of an entry.
    fn cell(entry: &CellEntry) -> Self::Cell;
}

/// Returns a number whose low bits depend on the whole key; the low bits of a product alone are mixed least.
fn mixed(key: u64) -> u64 {
    let product = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}

/// Cells that consist of a key and a code beside it.
#[derive(Debug, Default)]
pub(crate) struct Wide(HashTable<CellEntry>);

fn hash(key: u64, beside: u32) -> u64 {
    mixed(key ^ u64::from(beside).rotate_left(32))
}

impl Table for Wide {
    type Cell = (u64, u32);

    fn time((key, _): (u64, u32)) -> u16 {
        time(key)
    }

    fn touch(&self, _: (u64, u32)) -> u64 {
        0
    }

    #[inline]
    fn add(&mut self, (key, beside): (u64, u32), by: i32) -> Option<CellEntry> {
        let hashed = hash(key, beside);
        let new = CellEntry { key, beside, count: by };
        match self.0.find_mut(hashed, |entry| entry.key == key && entry.beside == beside) {
            Some(entry) => match entry.count.checked_add(by) {
                Some(count) => entry.count = count,
                None => return Some(std::mem::replace(entry, new)),
            },
            None => {
                self.0.insert_unique(hashed, new, |entry| hash(entry.key, entry.beside));
            }
        }
        None
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> usize {
        self.0.allocation_size()
    }

    fn entries(&self, _: u16) -> impl Iterator<Item = CellEntry> {
        self.0.iter().copied()
    }

    fn cell(entry: &CellEntry) -> (u64, u32) {
        (entry.key, entry.beside)
    }
}

/// Cells that consist of a key only, eight to a cache line. All places of a line are compared at once, and the line
/// can be prefetched, which no library's table allows. A cell takes 14 bytes instead of the 28 to 30 of [`Wide`], in about
/// the same time: with 155,000 cells a week 20 ns a row instead of 21, with 18,500 10 instead of 8.5.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: Vec<Line>,
    cells: usize,
}

const PLACES: usize = 8;

/// The places of cells, free ones last and 0. A place holds the key, with the count instead of its time; the count
/// is stored [`HALF`] higher, so that it is never 0.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line([u64; PLACES]);

/// The bits of a count.
const COUNT: u64 = (1 << TIME_BITS) - 1;
/// The offset of stored counts, so that they can be negative.
const HALF: u64 = 1 << (TIME_BITS - 1);
/// The average number of cells per line from which the number of lines is doubled; below it few lines are full.
const MOST: usize = 5;
/// The initial number of lines.
const FIRST: usize = 16;

/// Returns the count in a place.
fn count_of(place: u64) -> i32 {
    (place & COUNT) as i32 - HALF as i32
}

impl Lines {
    /// Returns the line where the search for a key begins.
    #[inline]
    fn line(key: u64, lines: usize) -> usize {
        mixed(key >> TIME_BITS) as usize & lines.wrapping_sub(1)
    }

    fn grow(&mut self) {
        let lines = (self.lines.len() * 2).max(FIRST);
        let before = std::mem::replace(&mut self.lines, vec![Line::default(); lines]);
        for place in before.iter().flat_map(|line| line.0).filter(|place| *place != 0) {
            let key = place & !COUNT;
            *self.place(key) = place;
        }
    }

    /// Returns the place of a key, which is the bits above a count, or a free place if the key has none.
    #[inline]
    fn place(&mut self, key: u64) -> &mut u64 {
        let mask = self.lines.len() - 1;
        let mut at = Lines::line(key, self.lines.len());
        loop {
            let own = |place: u64| u32::from(place == 0 || (place ^ key) & !COUNT == 0);
            let bits = self.lines[at].0.iter().enumerate().fold(0, |bits, (n, place)| bits | own(*place) << n);
            if bits != 0 {
                return &mut self.lines[at].0[bits.trailing_zeros() as usize % PLACES];
            }
            at = (at + 1) & mask;
        }
    }
}

impl Table for Lines {
    type Cell = u64;

    fn time(key: u64) -> u16 {
        time(key)
    }

    #[inline]
    fn touch(&self, cell: u64) -> u64 {
        self.lines.get(Lines::line(cell << TIME_BITS, self.lines.len())).map_or(0, |line| line.0[0])
    }

    #[inline]
    fn add(&mut self, cell: u64, by: i32) -> Option<CellEntry> {
        if self.cells >= self.lines.len() * MOST {
            self.grow();
        }
        let key = cell << TIME_BITS;
        let place = self.place(key);
        let before = if *place == 0 { key | HALF } else { *place };
        let is_new = *place == 0;
        let with = |base: u64| Some((base as i64 + i64::from(by)) as u64).filter(|count| (1..=COUNT).contains(count));
        let (place_to_be, back) = match (with(before & COUNT), with(HALF)) {
            (Some(count), _) => (key | count, None),
            (None, Some(count)) => (key | count, Some(count_of(before))),
            (None, None) => (before, Some(by)),
        };
        *place = place_to_be;
        self.cells += usize::from(is_new);
        back.map(|count| CellEntry { key: cell, beside: 0, count })
    }

    fn len(&self) -> usize {
        self.cells
    }

    fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }

    fn entries(&self, time: u16) -> impl Iterator<Item = CellEntry> {
        self.lines.iter().flat_map(|line| line.0).filter(|place| *place != 0).map(move |place| CellEntry {
            key: u64::from(time) << (u64::BITS - TIME_BITS) | place >> TIME_BITS,
            beside: 0,
            count: count_of(place),
        })
    }

    fn cell(entry: &CellEntry) -> u64 {
        entry.key
    }
}
