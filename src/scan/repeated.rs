//! Columns that hold one and the same value in every row of a file, though each package has its own.
//!
//! One number on all packages identifies none of them, and one moment of all scans is that of an export: nothing of it
//! is evidence, though each row by itself looks sound. A column is checked until its second value, which hardly ever
//! takes more than one batch; nothing is changed. It cannot fail.

use super::SourceFile;
use super::midnight::Midnights;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vtr_columnar::fold::shown_cell;
use vtr_columnar::input::{CellRules, Column};
use vtr_kernel::text::shown;

/// The columns in which each package has its own value.
pub(crate) const COLUMNS: [Column; 3] = [Column::TrackingNumber, Column::FirstScanAt, Column::DeliveryScanAt];

/// Fewer equal values are no sign: a small file may hold the items of one package.
pub(crate) const LEAST: u64 = 20;

/// The values of a column so far. Those of parts of a file are added in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Values {
    /// There is none.
    #[default]
    None,
    /// All have this hash.
    One {
        /// The hash of the value.
        hash: u64,
        /// Their number.
        count: u64,
    },
    /// They differ.
    Several,
}

/// The values of [`COLUMNS`].
pub type ValuesOfColumns = [Values; COLUMNS.len()];

impl Values {
    /// Adds the values of another part.
    fn add(&mut self, other: Values) {
        *self = match (*self, other) {
            (Values::None, other) | (other, Values::None) => other,
            (Values::One { hash, count }, Values::One { hash: again, count: more }) if hash == again => {
                Values::One { hash, count: count + more }
            }
            _ => Values::Several,
        };
    }
}

/// For each file the values of its columns.
#[derive(Debug)]
pub(crate) struct Repeated(Vec<Mutex<ValuesOfColumns>>);

impl Repeated {
    /// Returns the state for `files` files, with nothing seen yet.
    pub fn of(files: usize) -> Repeated {
        Repeated((0..files).map(|_| Mutex::default()).collect())
    }

    /// Looks at the values of a batch of a file.
    pub fn look(&self, file: u32, batch: &RecordBatch, cells: &CellRules) {
        let known = self.seen(file);
        for (place, column) in COLUMNS.iter().enumerate().filter(|(place, _)| known[*place] != Values::Several) {
            if let Some(array) = batch.column_by_name(column.name()) {
                let values = values(array, cells);
                self.0[file as usize].lock()[place].add(values);
            }
        }
    }

    /// Returns the values of a file, for another process.
    pub fn seen(&self, file: u32) -> ValuesOfColumns {
        *self.0[file as usize].lock()
    }

    /// Adds the values that another process saw in a file.
    pub fn see(&self, file: u32, seen: ValuesOfColumns) {
        self.0[file as usize].lock().iter_mut().zip(seen).for_each(|(own, other)| own.add(other));
    }

    /// Returns a sentence for each column that has one value only in some file. Days are often the same: a scan column
    /// must have a time of day.
    pub fn warnings(&self, files: &[SourceFile], midnights: &Midnights) -> Vec<String> {
        let warning = |(place, column): (usize, &Column)| {
            let repeats = |file: usize, values: &Mutex<ValuesOfColumns>| match values.lock()[place] {
                Values::One { count, .. } if count >= LEAST => (*column == Column::TrackingNumber
                    || midnights.has_time_of_day(file as u32, *column))
                .then_some(count),
                _ => None,
            };
            let all = || self.0.iter().enumerate().filter_map(|(file, values)| Some((file, repeats(file, values)?)));
            let (first, count) = all().next()?;
            let more = match all().count() - 1 {
                0 => String::new(),
                more => format!(" (and so have {more} more files)"),
            };
            Some(format!("{}{more}{}", opening(*column, count, &shown(&files[first].shown)), remedy(*column)))
        };
        COLUMNS.iter().enumerate().filter_map(warning).collect()
    }
}

/// Says that all values of a column are the same, and the remedy.
pub(crate) fn sentence(column: Column, count: u64, whose: &str) -> String {
    opening(column, count, whose) + remedy(column)
}

fn opening(column: Column, count: u64, whose: &str) -> String {
    format!("all {count} rows of {whose} with a value in `{}` have the same one", column.name())
}

fn remedy(column: Column) -> &'static str {
    match column {
        Column::TrackingNumber => {
            ": a number belongs to one package, and this one says nothing of any; map the column with each package's own number"
        }
        _ => {
            " to the second: it is the time of an export or an import, not of scans, and yet each package counts as scanned; map the \
             column with what the carrier scanned"
        }
    }
}

fn values(array: &ArrayRef, cells: &CellRules) -> Values {
    match array.data_type() {
        DataType::Utf8View => {
            let mut texts = array.as_string_view().iter().flatten().filter_map(|text| cells.trim(text));
            let Some(first) = texts.next() else { return Values::None };
            let mut count = 1;
            for text in texts {
                if text != first {
                    return Values::Several;
                }
                count += 1;
            }
            Values::One { hash: hash(first), count }
        }
        _ => {
            let present = |row: &usize| array.is_valid(*row);
            let mut rows = (0..array.len()).filter(present);
            let Some(first) = rows.next() else { return Values::None };
            let (Ok(comparator), Some(text)) =
                (make_comparator(array, array, SortOptions::default()), shown_cell(array, first))
            else {
                return Values::Several;
            };
            let mut count = 1;
            for row in rows {
                if comparator(first, row).is_ne() {
                    return Values::Several;
                }
                count += 1;
            }
            Values::One { hash: hash(&text), count }
        }
    }
}

pub(super) fn hash(text: &str) -> u64 {
    u64::from_le_bytes(*blake3::hash(text.as_bytes()).as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringViewArray, TimestampMicrosecondArray};
    use std::sync::Arc;

    fn of(arrays: &[ArrayRef]) -> Values {
        let repeated = Repeated::of(1);
        for array in arrays {
            let batch = RecordBatch::try_from_iter([("tracking_number", array.clone())]).unwrap();
            repeated.look(0, &batch, &CellRules::default());
        }
        repeated.seen(0)[0]
    }

    fn count(values: Values) -> Option<u64> {
        match values {
            Values::None => Some(0),
            Values::One { count, .. } => Some(count),
            Values::Several => None,
        }
    }

    #[test]
    fn a_column_has_one_value_until_another_one_comes() {
        let texts = |texts: &[&str]| -> ArrayRef { Arc::new(StringViewArray::from_iter_values(texts)) };
        assert_eq!(count(of(&[texts(&["", " "])])), Some(0));
        assert_eq!(count(of(&[texts(&["A", " A", ""]), texts(&["A"])])), Some(3));
        assert_eq!(count(of(&[texts(&["A", "B"])])), None);
        assert_eq!(count(of(&[texts(&["A", "A"]), texts(&["B", "B"]), texts(&["A"])])), None);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(7), Some(7)]));
        assert_eq!(count(of(&[numbers.clone(), numbers])), Some(4));
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![5, 5, 6]));
        assert_eq!(count(of(&[times.slice(0, 2)])), Some(2));
        let zoned: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![5, 5]).with_timezone("UTC"));
        assert_eq!(count(of(&[zoned])), Some(2));
        assert_eq!(count(of(&[times])), None);
    }

    #[test]
    fn parts_are_added_in_any_order() {
        let (one, other) = (Values::One { hash: 1, count: 2 }, Values::One { hash: 2, count: 3 });
        for (a, b, want) in [
            (Values::None, one, one),
            (one, one, Values::One { hash: 1, count: 4 }),
            (one, other, Values::Several),
            (Values::Several, Values::None, Values::Several),
            (Values::Several, one, Values::Several),
        ] {
            let (mut ab, mut ba) = (a, b);
            ab.add(b);
            ba.add(a);
            assert_eq!((ab, ba), (want, want));
        }
    }
}
