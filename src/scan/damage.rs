//! What spreadsheets do to identifiers: a long number opened there and saved again is `9.2E+21`.
//!
//! The digits are gone and nothing brings them back; the row is judged as it stands, but a run and a
//! look say how many there are. It cannot fail.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use std::sync::atomic::{AtomicU64, Ordering};
use vtr_columnar::dictionary::Known;
use vtr_columnar::input::Column;

/// The columns whose values are identifiers.
pub(crate) const IDENTIFIERS: [Column; 4] =
    [Column::SellerId, Column::OrderId, Column::PackageId, Column::TrackingNumber];

/// Whether a text is a number in the form that spreadsheets give long ones: a digit, perhaps a
/// fraction, `E+` and an exponent of two or three digits.
pub(crate) fn is_damaged(text: &[u8]) -> bool {
    // The shortest is 9E+21; a spreadsheet shows 15 digits at most. Most numbers fail here.
    let length = text.len();
    if !(5..=24).contains(&length) || text[length - 3] != b'+' && text[length - 4] != b'+' || !text[0].is_ascii_digit()
    {
        return false;
    }
    let Some(at) = text.iter().position(|byte| matches!(byte, b'E' | b'e')) else { return false };
    let (mantissa, exponent) = (&text[1..at], &text[at + 1..]);
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let fraction = match mantissa {
        [] => true,
        [b'.' | b',', fraction @ ..] => digits(fraction),
        _ => false,
    };
    fraction && matches!(exponent, [b'+', exponent @ ..] if (2..=3).contains(&exponent.len()) && digits(exponent))
}

/// How many damaged values were read, by the place of their column in [`IDENTIFIERS`].
#[derive(Debug, Default)]
pub(crate) struct Damage([AtomicU64; 4]);

impl Damage {
    /// Adds damaged values of one of these columns.
    pub fn add(&self, place: usize, count: u64) {
        self.0[place].fetch_add(count, Ordering::Relaxed);
    }

    /// Adds those of a batch; `sound` are dictionaries without any.
    pub fn count(&self, batch: &RecordBatch, sound: &mut Known) {
        for (place, column) in IDENTIFIERS.iter().enumerate() {
            if let Some(array) = batch.column_by_name(column.name()) {
                let count = damaged(array, place, sound);
                if count > 0 {
                    self.add(place, count);
                }
            }
        }
    }

    /// A sentence for each column with such values.
    pub fn warnings(&self) -> Vec<String> {
        let counts = IDENTIFIERS.iter().zip(&self.0).map(|(column, count)| (column, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).map(|(column, count)| sentence(column.name(), count)).collect()
    }
}

/// Whether one of sixteen bytes is a plus sign, which hardly any number has: a byte less one borrows only from 0.
#[inline]
fn has_plus(bytes: u128) -> bool {
    const ONES: u128 = u128::MAX / 255;
    let zeros = bytes ^ (ONES * b'+' as u128);
    zeros.wrapping_sub(ONES) & !zeros & (ONES << 7) != 0
}

fn damaged(array: &ArrayRef, place: usize, sound: &mut Known) -> u64 {
    match array.data_type() {
        DataType::Utf8View => {
            // Texts of up to 12 bytes stand in their view, behind four bytes of length; spreadsheets write no longer ones.
            let is = |view: &u128| {
                let (bytes, length) = (view.to_le_bytes(), *view as u32 as usize);
                length <= 12 && has_plus(*view) && is_damaged(&bytes[4..4 + length])
            };
            array.as_string_view().views().iter().filter(|view| is(view)).count() as u64
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let Some(values) = dictionary.values().as_string_opt::<i32>() else { return 0 };
            if sound.has(place, values) {
                return 0;
            }
            let bad: Vec<bool> =
                values.iter().map(|value| value.is_some_and(|value| is_damaged(value.as_bytes()))).collect();
            if !bad.contains(&true) {
                sound.keep(place, values);
                return 0;
            }
            let keys = dictionary.normalized_keys();
            keys.iter().enumerate().filter(|(row, key)| array.is_valid(*row) && bad[**key]).count() as u64
        }
        _ => 0,
    }
}

/// What damaged values of a column mean and how to mend them.
pub(crate) fn sentence(column: &str, count: u64) -> String {
    format!(
        "`{column}` holds {count} values such as 9.2E+21: a spreadsheet has damaged them, and they are judged as they \
         stand; export the file again without opening it in one"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, StringViewArray};
    use arrow::datatypes::Int32Type;
    use std::sync::Arc;

    #[test]
    fn numbers_that_a_spreadsheet_shortened_are_known() {
        for text in ["9.2E+21", "1E+10", "1.23456789012345E+25", "9,2E+21", "1e+100"] {
            assert!(is_damaged(text.as_bytes()), "{text}");
        }
        for text in ["", "9.2E+2", "1E10", "92E+21", "9.E+21", "1Z999AA10123456784", "E+21", "9.2E+2a", "9.2E-21"] {
            assert!(!is_damaged(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn damaged_numbers_are_counted_however_long_the_others_are() {
        let texts = ["1E+10", "9.2E+21", "+49 30 1234", "1Z999AA10123456784", "1.23456E+21", "12345678+", ""];
        let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
        assert_eq!(damaged(&views, 0, &mut Known::default()), 3);
        let mut sound = Known::default();
        let labels =
            |texts: &[&str]| -> ArrayRef { Arc::new(texts.iter().copied().collect::<DictionaryArray<Int32Type>>()) };
        let (none, some) = (labels(&["a", "b", "a"]), labels(&["1E+10", "b", "1E+10"]));
        for _ in 0..2 {
            assert_eq!([&none, &some, &none].map(|array| damaged(array, 0, &mut sound)), [0, 2, 0]);
        }
        for place in 0..16 {
            let mut bytes = *b"0123456789abcdef";
            assert!(!has_plus(u128::from_le_bytes(bytes)));
            bytes[place] = b'+';
            assert!(has_plus(u128::from_le_bytes(bytes)), "{place}");
        }
    }
}
