//! Repeating text to dictionary arrays, without an allocation per value.
//!
//! It compares bytes and changes none; each distinct text of a chunk gets one code, in the order of
//! first appearance.

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::Hasher;
use std::sync::Arc;

/// Builds one `Dictionary(Int32, Utf8)` array after the other.
pub(super) struct LabelBuilder {
    codes: Vec<i32>,
    table: HashTable<i32>,
    text: String,
    /// Where each distinct text begins, and the end of the last.
    offsets: Vec<i32>,
}

impl Default for LabelBuilder {
    fn default() -> Self {
        LabelBuilder { codes: Vec::new(), table: HashTable::new(), text: String::new(), offsets: vec![0] }
    }
}

impl LabelBuilder {
    /// Adds a value.
    pub fn append(&mut self, value: &str) {
        let (text, offsets) = (&mut self.text, &mut self.offsets);
        let known = |text: &str, offsets: &[i32], code: i32| {
            &text.as_bytes()[offsets[code as usize] as usize..offsets[code as usize + 1] as usize] == value.as_bytes()
        };
        // Histories are often sorted: the last value is the likeliest next one.
        if let Some(last) = self.codes.last().copied()
            && known(text, offsets, last)
        {
            return self.codes.push(last);
        }
        let hash = hash(value.as_bytes());
        let code = match self.table.find(hash, |code| known(text, offsets, *code)) {
            Some(code) => *code,
            None => {
                let code = offsets.len() as i32 - 1;
                text.push_str(value);
                offsets.push(i32::try_from(text.len()).expect("a chunk holds far less than 2 GiB of text"));
                let (text, offsets) = (&*text, &*offsets);
                self.table.insert_unique(hash, code, |code| {
                    let range = offsets[*code as usize] as usize..offsets[*code as usize + 1] as usize;
                    self::hash(&text.as_bytes()[range])
                });
                code
            }
        };
        self.codes.push(code);
    }

    /// The values so far; the builder is empty afterwards.
    pub fn finish(&mut self) -> ArrayRef {
        let LabelBuilder { codes, text, offsets, .. } = std::mem::take(self);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let values = StringArray::new(offsets, Buffer::from_vec(text.into_bytes()), None);
        Arc::new(DictionaryArray::new(Int32Array::from(codes), Arc::new(values)))
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int32Type;

    #[test]
    fn each_distinct_text_has_one_code() {
        let mut builder = LabelBuilder::default();
        for value in ["UPS", "UPS", "", "Royal Mail", "UPS", "", "ヤマト"] {
            builder.append(value);
        }
        let array = builder.finish();
        let labels = array.as_dictionary::<Int32Type>();
        assert_eq!(labels.keys().values(), &[0, 0, 1, 2, 0, 1, 3]);
        assert_eq!(
            labels.values().as_string::<i32>().iter().flatten().collect::<Vec<_>>(),
            ["UPS", "", "Royal Mail", "ヤマト"]
        );
        assert_eq!(builder.finish().len(), 0);
    }
}
