//! Repeating text to dictionary arrays, without an allocation or a hash of all bytes per value.
//!
//! It compares bytes and changes none. The texts of one array stay the dictionary of the next until there are many, so
//! that the caller resolves each text once; each has one code, in the order of first appearance.

use arrow::array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::Hasher;
use std::sync::Arc;

/// Distinct texts, and their bytes, above which the next array begins a new dictionary: among that many, most are new
/// in the array, and the others would be resolved in vain.
const MOST_KEPT: usize = 512;
const MOST_KEPT_BYTES: usize = 32 << 10;

/// Short texts that are remembered; a power of two.
const RECENT: usize = 512;

/// Builds one `Dictionary(Int32, Utf8)` array after the other.
pub(crate) struct LabelBuilder {
    codes: Vec<i32>,
    /// Short texts and their codes, each in the only slot that it can have.
    recent: Box<[(Short, i32)]>,
    table: HashTable<i32>,
    text: String,
    /// The offset at which each distinct text begins, and the end of the last.
    offsets: Vec<i32>,
    /// The dictionary of the previous array.
    values: Option<Arc<StringArray>>,
}

impl Default for LabelBuilder {
    fn default() -> Self {
        LabelBuilder {
            codes: Vec::new(),
            recent: vec![(Short::MAX, 0); RECENT].into(),
            table: HashTable::new(),
            text: String::new(),
            offsets: vec![0],
            values: None,
        }
    }
}

/// A text without NUL of at most 16 bytes, as a number that no other such text has. No UTF-8 text is all ones.
type Short = u128;

/// Returns the text of the first `length` of these bytes.
#[inline]
fn short(bytes: &[u8; 16], length: usize) -> Option<Short> {
    // Shifts out the bytes after the text, and zeros in.
    let behind = 16usize.checked_sub(length)?;
    let all = u128::from_le_bytes(*bytes);
    Some(if behind == 16 { 0 } else { all << (8 * behind) >> (8 * behind) })
}

#[inline]
fn place(short: Short) -> usize {
    let mixed = (short as u64 ^ ((short >> 64) as u64).rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize % RECENT
}

impl LabelBuilder {
    /// Adds a value without NUL; `head` are the 16 bytes from its beginning, if there are as many, whatever follows
    /// the value.
    #[inline]
    pub fn append(&mut self, value: &str, head: Option<&[u8; 16]>) {
        let Some(short) = head.and_then(|head| short(head, value.len())) else {
            let code = self.code_of_long(value);
            return self.codes.push(code);
        };
        let place = place(short);
        let (known, code) = self.recent[place];
        if known == short {
            return self.codes.push(code);
        }
        let code = self.code(value);
        self.recent[place] = (short, code);
        self.codes.push(code);
    }

    fn code_of_long(&mut self, value: &str) -> i32 {
        // Histories are often sorted: the last value is the likeliest next one.
        match self.codes.last().copied() {
            Some(last) if text_of(&self.text, &self.offsets, last) == value.as_bytes() => last,
            _ => self.code(value),
        }
    }

    fn code(&mut self, value: &str) -> i32 {
        let hash = hash(value.as_bytes());
        let (text, offsets) = (&mut self.text, &mut self.offsets);
        if let Some(code) = self.table.find(hash, |code| text_of(text, offsets, *code) == value.as_bytes()) {
            return *code;
        }
        let code = offsets.len() as i32 - 1;
        text.push_str(value);
        offsets.push(i32::try_from(text.len()).expect("a chunk holds far less than 2 GiB of text"));
        self.table.insert_unique(hash, code, |code| self::hash(text_of(text, offsets, *code)));
        code
    }

    /// Returns the values so far; the builder holds none afterwards.
    pub fn finish(&mut self) -> ArrayRef {
        let codes = Int32Array::from(std::mem::take(&mut self.codes));
        let distinct = self.offsets.len() - 1;
        let values = match self.values.take() {
            Some(values) if values.len() == distinct => values,
            _ => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets.clone()));
                Arc::new(StringArray::new(offsets, Buffer::from(self.text.as_bytes()), None))
            }
        };
        if distinct > MOST_KEPT || self.text.len() > MOST_KEPT_BYTES {
            *self = LabelBuilder::default();
        } else {
            self.values = Some(values.clone());
        }
        Arc::new(DictionaryArray::new(codes, values))
    }
}

fn text_of<'a>(text: &'a str, offsets: &[i32], code: i32) -> &'a [u8] {
    &text.as_bytes()[offsets[code as usize] as usize..offsets[code as usize + 1] as usize]
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;

    fn append(builder: &mut LabelBuilder, value: &str) {
        let behind = format!("{value},of another cell");
        builder.append(value, behind.as_bytes().first_chunk());
    }

    fn texts(array: &ArrayRef) -> Vec<String> {
        let labels = array.as_dictionary::<Int32Type>();
        let values = labels.values().as_string::<i32>();
        labels.keys().values().iter().map(|code| values.value(*code as usize).to_owned()).collect()
    }

    #[test]
    fn each_distinct_text_has_one_code() {
        let mut builder = LabelBuilder::default();
        for value in ["UPS", "UPS", "", "Royal Mail", "UPS", "", "ヤマト"] {
            append(&mut builder, value);
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

    #[test]
    fn a_dictionary_lasts_until_it_grows_or_is_full() {
        let mut builder = LabelBuilder::default();
        let mut finish = |values: &[String]| {
            values.iter().for_each(|value| append(&mut builder, value));
            let array = builder.finish();
            assert_eq!(texts(&array), values);
            array.as_dictionary::<Int32Type>().values().clone()
        };
        let of = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let first = finish(&of(&["UPS", "DHL"]));
        assert!(Arc::ptr_eq(&first, &finish(&of(&["DHL", "DHL"]))));
        assert_eq!(finish(&of(&["GLS", "UPS"])).len(), 3);
        let many: Vec<String> = (0..=MOST_KEPT).map(|number| format!("seller {number}")).collect();
        assert_eq!(finish(&many).len(), 3 + many.len());
        assert_eq!(finish(&of(&["UPS"])).len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn texts_that_look_alike_are_told_apart(values in proptest::collection::vec("[ab]{0,20}", 0..400)) {
            let mut builder = LabelBuilder::default();
            for (index, value) in values.iter().enumerate() {
                // The last cells of a text have few bytes after them.
                if index % 7 == 6 { builder.append(value, None) } else { append(&mut builder, value) }
            }
            proptest::prop_assert_eq!(texts(&builder.finish()), values);
        }
    }
}
