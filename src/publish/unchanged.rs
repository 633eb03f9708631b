//! Rows that are those of the file published already: they are not encoded again.
//!
//! A run judges a week again because some row near it is new, and most of its tables come out as they were. So the rows
//! of a piece that is published are hashed, and held while there is room: if all of them hash to what the published file
//! was made from, its entry stays. It hashes cells in their order, however they were cut into batches and coded; it decides
//! nothing else, and fails as the making of rows does.

use crate::error::Result;
use crate::tables::Batches;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, SchemaRef, UInt32Type};

/// The digest of rows so far.
struct RowsDigest {
    /// Of each column: its values, and which rows have none.
    columns: Vec<[blake3::Hasher; 2]>,
    rows: u64,
    buffer: Vec<u8>,
}

impl RowsDigest {
    fn of(schema: &SchemaRef) -> RowsDigest {
        let named = |name: &str| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(name.as_bytes());
            [hasher.clone(), hasher]
        };
        RowsDigest {
            columns: schema.fields().iter().map(|field| named(field.name())).collect(),
            rows: 0,
            buffer: Vec::new(),
        }
    }

    fn add(&mut self, batch: &RecordBatch) {
        for ([values, nulls], column) in self.columns.iter_mut().zip(batch.columns()) {
            self.buffer.clear();
            let valid = column.nulls().into_iter().flat_map(NullBuffer::iter);
            for (row, _) in (self.rows..).zip(valid).filter(|(_, is_valid)| !is_valid) {
                self.buffer.extend_from_slice(&row.to_le_bytes());
            }
            nulls.update(&self.buffer);
            self.buffer.clear();
            cells(column.as_ref(), values, &mut self.buffer);
        }
        self.rows += batch.num_rows() as u64;
    }

    fn told(&self, made_by: &str) -> String {
        let mut all = blake3::Hasher::new();
        all.update(made_by.as_bytes()).update(&self.rows.to_le_bytes());
        self.columns.iter().flatten().for_each(|column| {
            all.update(column.finalize().as_bytes());
        });
        all.finalize().to_hex().to_string()
    }
}

/// Hashes the cells of a column, texts with their lengths; it makes no difference what is below a null.
fn cells(column: &dyn Array, hasher: &mut blake3::Hasher, buffer: &mut Vec<u8>) {
    let mut text = |text: &str| {
        buffer.extend_from_slice(&(text.len() as u32).to_le_bytes());
        buffer.extend_from_slice(text.as_bytes());
    };
    match column.data_type() {
        DataType::Dictionary(..) => {
            let coded = column.as_dictionary::<UInt32Type>();
            let texts = coded.values().as_string::<i32>();
            coded.keys().iter().for_each(|key| text(key.map_or("", |key| texts.value(key as usize))));
        }
        DataType::Utf8 => column.as_string::<i32>().iter().for_each(|cell| text(cell.unwrap_or_default())),
        DataType::Boolean => buffer.extend(column.as_boolean().iter().map(|flag| u8::from(flag.unwrap_or_default()))),
        kind => {
            let width = kind.primitive_width().expect("tables hold texts, flags, numbers and times");
            let data = column.to_data();
            let from = data.offset() * width;
            let bytes = &data.buffers()[0].as_slice()[from..from + column.len() * width];
            match column.nulls().filter(|nulls| nulls.null_count() > 0) {
                None => {
                    hasher.update(bytes);
                }
                Some(nulls) => bytes.chunks_exact(width).zip(nulls).for_each(|(value, is_valid)| match is_valid {
                    true => buffer.extend_from_slice(value),
                    false => buffer.extend(std::iter::repeat_n(0, width)),
                }),
            }
        }
    }
    hasher.update(buffer);
}

/// The rows of a piece on their way into a file; each batch is hashed when it is asked for.
pub(super) struct Rows<'a, 'p> {
    batches: Batches<'a>,
    pass: &'p mut dyn FnMut(&RecordBatch),
    digest: Option<RowsDigest>,
}

impl<'a, 'p> Rows<'a, 'p> {
    /// Takes rows of a schema. `pass` sees every batch once; the rows are hashed if they were published before.
    pub fn new(
        batches: Batches<'a>,
        schema: &SchemaRef,
        was_published: bool,
        pass: &'p mut dyn FnMut(&RecordBatch),
    ) -> Rows<'a, 'p> {
        Rows { batches, pass, digest: was_published.then(|| RowsDigest::of(schema)) }
    }

    /// Moves rows into `held` until they take more than `most_bytes`; returns whether these are all.
    ///
    /// # Errors
    /// The rows cannot be made.
    pub fn hold(&mut self, most_bytes: usize, held: &mut Vec<RecordBatch>) -> Result<bool> {
        let mut bytes = 0;
        while let Some(batch) = self.next().transpose()? {
            bytes += batch.columns().iter().map(|column| own_bytes(column.as_ref())).sum::<usize>();
            held.push(batch);
            if bytes > most_bytes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the digest of the rows so far, and of `made_by`, which is everything by which equal rows may become other
    /// bytes; `None` if they were not published before.
    pub fn digest(&self, made_by: &str) -> Option<String> {
        self.digest.as_ref().map(|digest| digest.told(made_by))
    }
}

impl Iterator for Rows<'_, '_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        let batch = self.batches.next()?;
        if let Ok(batch) = &batch {
            (self.pass)(batch);
            if let Some(digest) = &mut self.digest {
                digest.add(batch);
            }
        }
        Some(batch)
    }
}

/// Returns the bytes that a column takes for itself; the texts behind codes are shared by all.
fn own_bytes(column: &dyn Array) -> usize {
    match column.as_dictionary_opt::<UInt32Type>() {
        Some(coded) => coded.keys().get_buffer_memory_size(),
        None => column.get_buffer_memory_size(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, StringArray, UInt32Array};
    use arrow::compute::{concat_batches, take_record_batch};
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let columns: [(&str, ArrayRef); 4] = [
            ("text", Arc::new(StringArray::from(vec![Some("a"), None, Some(""), Some("ab"), Some("c")]))),
            ("number", Arc::new(Int64Array::from(vec![Some(1), Some(0), None, Some(-1), Some(7)]))),
            ("share", Arc::new(Float64Array::from(vec![Some(0.5), None, Some(0.0), Some(1.0), Some(0.25)]))),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true), None]))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
    }

    fn digest(batches: &[RecordBatch]) -> String {
        let mut pass = |_: &RecordBatch| {};
        let all = Box::new(batches.iter().cloned().map(Ok));
        let mut rows = Rows::new(all, &batches[0].schema(), true, &mut pass);
        assert!(rows.hold(1 << 20, &mut Vec::new()).unwrap());
        rows.digest("1").unwrap()
    }

    #[test]
    fn cuts_and_codes_of_equal_rows_make_no_difference() {
        let whole = batch();
        for cut in 0..=5 {
            assert_eq!(
                digest(&[whole.slice(0, cut), whole.slice(cut, 5 - cut)]),
                digest(std::slice::from_ref(&whole)),
                "{cut}"
            );
        }
        let texts = StringArray::from(vec!["c", "unused", "ab", "", "a"]);
        let keys = UInt32Array::from(vec![Some(4), None, Some(3), Some(2), Some(0)]);
        let coded: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(texts)));
        let names = ["text", "number", "share", "flag"].into_iter();
        let columns = names.zip(std::iter::once(coded).chain(whole.columns()[1..].iter().cloned()));
        let coded = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
        assert_eq!(digest(&[coded.slice(0, 2), coded.slice(2, 3)]), digest(std::slice::from_ref(&whole)));
    }

    #[test]
    fn any_other_cell_order_name_or_maker_makes_another_digest() {
        let whole = batch();
        let known = digest(std::slice::from_ref(&whole));
        for column in 0..whole.num_columns() {
            for row in 0..5u32 {
                // The cells of one row of one column are those of another row.
                let places = UInt32Array::from_iter_values((0..5).map(|at| if at == row { (row + 1) % 5 } else { at }));
                let other = take_record_batch(&whole, &places).unwrap();
                let mut columns = whole.columns().to_vec();
                columns[column] = other.column(column).clone();
                let changed = RecordBatch::try_new(whole.schema(), columns).unwrap();
                assert_eq!(
                    digest(std::slice::from_ref(&changed)) == known,
                    changed == whole,
                    "column {column}, row {row}"
                );
            }
        }
        let twice = concat_batches(&whole.schema(), [&whole, &whole]).unwrap();
        assert_ne!(digest(&[twice]), known);
        let mut pass = |_: &RecordBatch| {};
        let mut rows = Rows::new(Box::new(std::iter::once(Ok(whole.clone()))), &whole.schema(), true, &mut pass);
        assert!(!rows.hold(1, &mut Vec::new()).unwrap(), "there is no room for them");
        assert_ne!(rows.digest("2").unwrap(), known);
        assert_eq!(rows.digest("1").unwrap(), known);
    }
}
