//! Dictionaries that recur batch after batch, recognised by their address in memory.
//!
//! A result that was computed for a dictionary is reused as long as the same one recurs. Nothing fails.

use arrow::array::{Array, StringArray};

/// The last dictionary of each column, for which a result is remembered.
#[derive(Default)]
pub struct Known(Vec<Option<StringArray>>);

impl Known {
    /// Returns whether it is the column's remembered one.
    pub fn has(&self, column: usize, values: &StringArray) -> bool {
        self.0.get(column).is_some_and(|known| known.as_ref().is_some_and(|known| is_same(known, values)))
    }

    /// Makes it the column's remembered one.
    pub fn keep(&mut self, column: usize, values: &StringArray) {
        if self.0.len() <= column {
            self.0.resize(column + 1, None);
        }
        self.0[column] = Some(values.clone());
    }
}

/// Returns whether two arrays are the same memory; holding the first keeps its addresses from being reused.
pub(crate) fn is_same(a: &StringArray, b: &StringArray) -> bool {
    a.len() == b.len()
        && a.value_data().as_ptr() == b.value_data().as_ptr()
        && a.value_offsets().as_ptr() == b.value_offsets().as_ptr()
        && a.null_count() == b.null_count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_dictionary_of_its_column_is_known() {
        let (one, other) = (StringArray::from(vec!["a", "b"]), StringArray::from(vec!["a", "b"]));
        let mut known = Known::default();
        known.keep(2, &one);
        assert!(known.has(2, &one.clone()));
        assert!(!known.has(2, &other) && !known.has(2, &one.slice(0, 1)) && !known.has(1, &one) && !known.has(9, &one));
        known.keep(2, &other);
        assert!(known.has(2, &other) && !known.has(2, &one));
    }
}
