//! Cuts batches with long cells into pieces whose texts take few bytes even if each is written out.
//!
//! A dictionary or a page lets thousands of rows share one long text, but the fold keeps its own copy of each row. It
//! looks at lengths only, and at those of a dictionary once. Nothing fails.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use vtr_columnar::dictionary::Known;

/// The most bytes that the texts of a piece may take if each row has the longest texts of its batch.
const PIECE_BYTES: usize = 4 << 20;
/// Texts of at most this many bytes are short.
const SHORT: usize = 128;

/// Determines how many rows of a batch make a piece.
#[derive(Default)]
pub struct Pieces {
    /// Dictionaries that hold short texts only.
    short: Known,
}

impl Pieces {
    /// Returns the rows of a piece; an ordinary batch is one piece.
    pub fn rows(&mut self, batch: &RecordBatch) -> usize {
        let columns = batch.columns().iter().enumerate();
        let longest: usize = columns.map(|(place, column)| self.longest(place, column)).sum();
        PIECE_BYTES.checked_div(longest).unwrap_or(batch.num_rows()).max(1)
    }

    /// Returns the length of a column's longest text, if it is not short.
    fn longest(&mut self, place: usize, column: &dyn Array) -> usize {
        let longest = match column.data_type() {
            // The low half of a view's first word is the text's length.
            DataType::Utf8View => column.as_string_view().views().iter().map(|view| *view as u32).max(),
            DataType::Dictionary(..) => {
                let values = column.as_any_dictionary().values().as_string_opt::<i32>();
                values.filter(|values| !self.short.has(place, values)).and_then(|values| {
                    let longest = values.offsets().windows(2).map(|pair| (pair[1] - pair[0]) as u32).max();
                    if longest.is_none_or(|longest| longest as usize <= SHORT) {
                        self.short.keep(place, values);
                    }
                    longest
                })
            }
            _ => None,
        };
        longest.map_or(0, |longest| longest as usize).checked_sub(SHORT).map_or(0, |more| more + SHORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, DictionaryArray, StringViewArray};
    use arrow::datatypes::Int32Type;
    use std::sync::Arc;

    #[test]
    fn only_batches_with_long_texts_are_cut() {
        let batch = |text: &str, label: &str| {
            let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values([text, "b", "c"]));
            let labels: DictionaryArray<Int32Type> = [label, "y", label].into_iter().collect();
            RecordBatch::try_from_iter([("order_id", texts), ("seller_id", Arc::new(labels) as ArrayRef)]).unwrap()
        };
        let mut pieces = Pieces::default();
        assert_eq!(pieces.rows(&batch("a", "x")), 3);
        let long = "x".repeat(1 << 20);
        assert_eq!(pieces.rows(&batch(&long, "x")), 4);
        assert_eq!(pieces.rows(&batch(&long, &long)), 2);
        assert_eq!(pieces.rows(&batch("a", &long)), 4);
        assert_eq!(pieces.rows(&batch("a", &long.repeat(9))), 1);
        assert_eq!(pieces.rows(&batch("a", "x")), 3);
    }
}
