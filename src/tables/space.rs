//! The cells of a marginal as numbers: the codes of a row's keys packed into one integer.
//!
//! The numbers compare as the texts of the keys do, so that sorted counts are merged and written without a look at the
//! texts. The module holds no counts and no tables. Keys that break the invariant of sorted, shared dictionaries
//! panic; nothing else fails.

use super::coded;
use crate::fold::counts::{BATCH_ROWS, Marginal};
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;

/// The name of the total over all categories.
pub const ALL: &str = "(all)";
/// The name of a missing marketplace.
pub const NONE: &str = "(none)";

/// The most bytes of texts in a written batch; its number of rows is what fits if each row had the longest texts.
const BYTES_OF_A_BATCH: usize = 64 << 20;

/// Wherever cells are packed, sellers are the first key column, marketplaces the second and programmes the third; the
/// last one differs.
pub const MARKETPLACE: usize = 1;
/// See [`MARKETPLACE`].
pub const PROGRAMME: usize = 2;
/// See [`MARKETPLACE`].
const LAST: usize = 3;

/// The keys of a marginal: the texts that each key column can hold, in ascending order.
pub struct Space {
    names: [&'static str; 4],
    /// The texts by code, with [`ALL`] among those of the last column if there are totals.
    texts: [StringArray; 4],
    /// The number of bits of each column in a cell, the first column highest.
    bits: [u32; 4],
    /// The number of texts that the marginal itself has in the last column.
    own_texts: usize,
    total: Option<Total>,
}

#[derive(Clone, Copy)]
struct Total {
    /// The code of [`ALL`] in the last column.
    place: u32,
    /// Whether a text of the source equals the total's name. Its own rows are left out, because they could not be told
    /// apart from the total, which includes them.
    is_taken: bool,
}

impl Space {
    /// The keys that all batches of a marginal share.
    pub fn of(marginal: &Marginal, names: &[&'static str; 4]) -> Space {
        let texts = names.map(|name| marginal.texts(name));
        for (name, texts) in names.iter().zip(&texts) {
            let ascending = (1..texts.len()).all(|index| texts.value(index - 1) < texts.value(index));
            assert!(ascending, "the dictionary of `{name}` ascends, so that codes compare as texts do");
        }
        let own_texts = texts[LAST].len();
        Space { names: *names, bits: bits(&texts), texts, own_texts, total: None }
    }

    /// The same keys with a total added to the last column.
    pub fn with_total(mut self) -> Space {
        let texts = &self.texts[LAST];
        let place = (0..texts.len()).find(|index| texts.value(*index) >= ALL).unwrap_or(texts.len());
        let is_taken = place < texts.len() && texts.value(place) == ALL;
        if !is_taken {
            let (before, after) = (texts.slice(0, place), texts.slice(place, texts.len() - place));
            let texts = before.iter().chain([Some(ALL)]).chain(after.iter());
            self.texts[LAST] = texts.collect();
            self.bits = bits(&self.texts);
        }
        self.total = Some(Total { place: place as u32, is_taken });
        self
    }

    /// Whether a column is among the keys.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// The texts of a column, in the order of their codes.
    pub fn texts(&self, column: usize) -> impl Iterator<Item = &str> {
        self.texts[column].iter().map(Option::unwrap_or_default)
    }

    /// The code of one key column of a cell.
    pub fn code(&self, cell: u64, column: usize) -> u32 {
        let below: u32 = self.bits[column + 1..].iter().sum();
        (cell >> below & ((1 << self.bits[column]) - 1)) as u32
    }

    /// The key columns of cells as coded texts.
    pub fn text_columns(&self, cells: &[u64]) -> [ArrayRef; 4] {
        std::array::from_fn(|column| coded(cells.iter().map(|cell| self.code(*cell, column)), &self.texts[column]))
    }

    /// The number of cells written at a time: smaller if the texts are so long that a batch would be large.
    pub fn rows_of_a_batch(&self) -> usize {
        rows_of_a_batch(&self.texts)
    }

    /// The cell of the total over a cell's last column.
    pub fn total_of(&self, cell: u64) -> u64 {
        let place = self.total.map_or(0, |total| total.place);
        cell >> self.bits[LAST] << self.bits[LAST] | u64::from(place)
    }

    /// The cells of a batch's rows.
    pub fn cells(&self, batch: &RecordBatch) -> Vec<u64> {
        let mut cells = vec![0u64; batch.num_rows()];
        for (column, name) in self.names.iter().enumerate() {
            let (keys, texts) = dictionary(batch, name);
            let own_texts = if column == LAST { self.own_texts } else { self.texts[column].len() };
            assert!(texts.len() == own_texts, "all counts share the dictionary of `{name}`");
            let bits = self.bits[column];
            let total = self.total.filter(|total| column == LAST && !total.is_taken);
            let moved_from = total.map_or(u32::MAX, |total| total.place);
            for (cell, code) in cells.iter_mut().zip(keys.values()) {
                *cell = *cell << bits | u64::from(code + u32::from(*code >= moved_from));
            }
        }
        cells
    }
}

/// The number of rows of these texts written at a time.
pub fn rows_of_a_batch(columns: &[StringArray]) -> usize {
    let longest = |texts: &StringArray| texts.offsets().windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
    let bytes: usize = columns.iter().map(|texts| longest(texts) as usize).sum();
    (BYTES_OF_A_BATCH / bytes.max(1)).clamp(1, BATCH_ROWS)
}

/// The number of bits that the codes of each column need.
fn bits(texts: &[StringArray; 4]) -> [u32; 4] {
    let bits = [0, 1, 2, 3].map(|column| usize::BITS - texts[column].len().saturating_sub(1).leading_zeros());
    assert!(bits.iter().sum::<u32>() <= u64::BITS, "all combinations of keys fit 64 bits: {bits:?}");
    bits
}

/// A dictionary column's keys and texts.
pub fn dictionary<'a>(batch: &'a RecordBatch, name: &str) -> (&'a PrimitiveArray<UInt32Type>, &'a StringArray) {
    let array = batch[name].as_dictionary::<UInt32Type>();
    assert!(array.null_count() == 0, "keys of a marginal are never null");
    (array.keys(), array.values().as_string::<i32>())
}
