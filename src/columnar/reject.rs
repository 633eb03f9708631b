//! Rows that cannot be judged, and their places in their file.
//!
//! A reject names the first fault and shows the value, escaped and cut. Nothing here decides what is wrong. It
//! cannot fail.

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use vtr_kernel::text::shown;

/// The record numbers of the rows of a batch.
#[derive(Clone, Debug)]
pub enum Records {
    /// Consecutive records from this number.
    From(u64),
    /// These records, each with the physical line and the byte offset at which it begins.
    Listed {
        /// Record numbers, from 1.
        record: Vec<u64>,
        /// Line numbers, from 1.
        line: Vec<u64>,
        /// Byte offsets.
        byte_offset: Vec<u64>,
    },
}

impl Records {
    /// Returns the record number of a row of the batch, from 1.
    pub fn number(&self, row: usize) -> u64 {
        match self {
            Records::From(first) => first + row as u64,
            Records::Listed { record, .. } => record.get(row).copied().unwrap_or(0),
        }
    }

    /// Returns the records of some rows.
    ///
    /// # Panics
    /// If the batch has fewer rows.
    pub fn slice(&self, first: usize, rows: usize) -> Records {
        let of = |list: &Vec<u64>| list[first..first + rows].to_vec();
        match self {
            Records::From(start) => Records::From(start + first as u64),
            Records::Listed { record, line, byte_offset } => {
                Records::Listed { record: of(record), line: of(line), byte_offset: of(byte_offset) }
            }
        }
    }

    pub(crate) fn place(&self, row: usize) -> (Option<u64>, Option<u64>) {
        match self {
            Records::From(_) => (None, None),
            Records::Listed { line, byte_offset, .. } => (line.get(row).copied(), byte_offset.get(row).copied()),
        }
    }
}

/// A row that cannot be judged at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The record number in the file, from 1.
    pub record: u64,
    /// The physical line, if the file has lines.
    pub line: Option<u64>,
    /// The byte offset of the record, if it is known.
    pub byte_offset: Option<u64>,
    /// The first column at fault; `None`: the record as a whole.
    pub column: Option<String>,
    /// The description of the fault.
    pub reason: String,
    /// The offending value, escaped and cut; `None`: there is none.
    pub value: Option<String>,
    /// The seller as typed; `None`: it could not be read.
    pub seller: Option<String>,
}

/// Rejected rows, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejects(pub Vec<Reject>);

impl Rejects {
    /// Returns the number of rejected rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an iterator over the rejected rows.
    pub fn iter(&self) -> std::slice::Iter<'_, Reject> {
        self.0.iter()
    }
}

impl IntoIterator for Rejects {
    type Item = Reject;
    type IntoIter = std::vec::IntoIter<Reject>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The greatest number of characters of a value in a reject.
const VALUE_CHARS: usize = 200;

/// Returns a value as rejects show it: hidden characters are escaped, and at most 200 characters remain.
pub fn shown_value(text: &str) -> String {
    // Escaping never shortens a character, so the rest would be cut anyway.
    let end = text.char_indices().nth(VALUE_CHARS).map_or(text.len(), |(at, _)| at);
    shown(&text[..end]).chars().take(VALUE_CHARS).collect()
}

/// Returns a cell as text; a timestamp with a time zone is shown in UTC.
pub fn shown_cell(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let DataType::Timestamp(unit, Some(_)) = array.data_type() else {
        return array_value_to_string(array, row).ok();
    };
    // The same instants without the zone, which Arrow can display without a time zone database.
    let plain =
        cast(&array.slice(row, 1), &DataType::Int64).and_then(|raw| cast(&raw, &DataType::Timestamp(*unit, None)));
    plain.and_then(|plain| array_value_to_string(&plain, 0)).ok().map(|text| text + "Z")
}
