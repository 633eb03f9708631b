//! Encodes Arrow batches as the rows of `COPY .. FROM STDIN BINARY`.
//!
//! The bytes follow PostgreSQL's documentation of the format and of the types' `recv` functions; values that a server
//! cannot store (U+0000, a key longer than an index entry) are altered and counted. It knows no connection and cannot
//! fail; a batch without the columns of its table panics.

use super::ddl::{KEY_BYTES, is_cut};
use crate::job::digest::sha256_hex;
use crate::schema::Table;
use crate::sinks::Altered;
use arrow::array::{Array, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray};
use arrow::array::{Date32Array, TimestampMicrosecondArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use bytes::{BufMut, Bytes, BytesMut};
use hashbrown::DefaultHashBuilder;
use std::borrow::Cow;
use std::hash::{BuildHasher, Hash};

/// The beginning of a stream: signature, flags, length of an extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of a stream.
const TRAILER: i16 = -1;
/// Days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;
/// Bytes of a SHA-256 in hex.
const HASH_BYTES: usize = 64;

/// Encoded rows of one table that are not yet sent.
pub struct Rows {
    buffer: BytesMut,
    cut: Vec<bool>,
    /// Cells that were altered.
    pub altered: Altered,
}

/// A column of a batch by type.
enum Column<'a> {
    Text(&'a StringArray, bool),
    Count(&'a Int64Array),
    Share(&'a Float64Array),
    Day(&'a Date32Array),
    Flag(&'a BooleanArray),
    Money(&'a Decimal128Array, usize),
    Time(&'a TimestampMicrosecondArray),
}

impl Column<'_> {
    fn is_null(&self, row: usize) -> bool {
        match self {
            Column::Text(texts, _) => texts.is_null(row),
            Column::Count(counts) => counts.is_null(row),
            Column::Share(shares) => shares.is_null(row),
            Column::Day(days) => days.is_null(row),
            Column::Flag(flags) => flags.is_null(row),
            Column::Money(amounts, _) => amounts.is_null(row),
            Column::Time(times) => times.is_null(row),
        }
    }
}

impl Rows {
    /// Begins the rows of a table with the stream's header.
    pub fn begin(table: Table) -> Rows {
        let mut buffer = BytesMut::new();
        buffer.put_slice(HEADER);
        Rows { buffer, cut: table.columns().iter().map(is_cut).collect(), altered: Altered::default() }
    }

    /// The number of encoded bytes not yet taken.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Takes the encoded bytes.
    pub fn take(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// Ends the stream; returns its last bytes.
    pub fn end(&mut self) -> Bytes {
        self.buffer.put_i16(TRAILER);
        self.take()
    }

    /// Adds rows.
    pub fn add(&mut self, batch: &RecordBatch) {
        let columns = self.columns(batch);
        (0..batch.num_rows()).for_each(|row| self.row(&columns, row));
    }

    fn columns<'b>(&self, batch: &'b RecordBatch) -> Vec<Column<'b>> {
        let columns: Vec<Column> =
            batch.columns().iter().zip(&self.cut).map(|(column, cut)| column_of(column, *cut)).collect();
        assert!(columns.len() == self.cut.len(), "a batch has the columns of its table");
        columns
    }

    fn row(&mut self, columns: &[Column], row: usize) {
        self.buffer.put_i16(i16::try_from(columns.len()).expect("tables are narrower than PostgreSQL's limit"));
        for column in columns {
            if column.is_null(row) {
                self.buffer.put_i32(-1);
            } else {
                self.cell(column, row);
            }
        }
    }

    fn cell(&mut self, column: &Column, row: usize) {
        let buffer = &mut self.buffer;
        match column {
            Column::Text(texts, cut) => {
                let text = text(texts.value(row), *cut, &mut self.altered);
                put(buffer, text.as_bytes());
            }
            Column::Count(counts) => put(buffer, &counts.value(row).to_be_bytes()),
            Column::Share(shares) => put(buffer, &shares.value(row).to_be_bytes()),
            Column::Day(days) => put(buffer, &(days.value(row) - EPOCH_DAYS).to_be_bytes()),
            Column::Flag(flags) => put(buffer, &[u8::from(flags.value(row))]),
            Column::Money(amounts, scale) => put(buffer, &numeric(amounts.value(row), *scale)),
            Column::Time(times) => put(buffer, &(times.value(row) - EPOCH_MICROS).to_be_bytes()),
        }
    }
}

/// Digests of rows, keyed at random: of the key, and of the other cells.
///
/// Two rows of one key are taken for equal by chance once in 2^64 pairs; keys that collide are replaced without need.
pub struct Digests {
    keys: Vec<usize>,
    others: Vec<usize>,
    random: DefaultHashBuilder,
}

impl Digests {
    /// Returns digests of the rows of a table.
    pub fn of(table: Table) -> Digests {
        let keys = key_places(table);
        let others = (0..table.columns().len()).filter(|place| !keys.contains(place)).collect();
        Digests { keys, others, random: DefaultHashBuilder::default() }
    }

    /// Returns the digests of the rows of a batch.
    pub fn rows(&self, batch: &RecordBatch) -> impl Iterator<Item = (u64, u64)> {
        let [keys, others] = [&self.keys, &self.others].map(|places| {
            let mut digests = vec![0; batch.num_rows()];
            places.iter().for_each(|place| self.column(&column_of(batch.column(*place), false), &mut digests));
            digests
        });
        keys.into_iter().zip(others)
    }

    /// Adds the cells of a column to the digests of its rows.
    fn column(&self, column: &Column, digests: &mut [u64]) {
        match column {
            Column::Text(texts, _) => self.cells(texts.iter(), digests),
            Column::Count(counts) => self.cells(counts.iter(), digests),
            Column::Share(shares) => self.cells(shares.iter().map(|share| share.map(f64::to_bits)), digests),
            Column::Day(days) => self.cells(days.iter(), digests),
            Column::Flag(flags) => self.cells(flags.iter(), digests),
            Column::Money(amounts, _) => self.cells(amounts.iter(), digests),
            Column::Time(times) => self.cells(times.iter(), digests),
        }
    }

    fn cells<T: Hash>(&self, cells: impl Iterator<Item = Option<T>>, digests: &mut [u64]) {
        for (digest, cell) in digests.iter_mut().zip(cells) {
            *digest = self.random.hash_one((*digest, cell));
        }
    }
}

/// The places of a table's key among its columns.
pub fn key_places(table: Table) -> Vec<usize> {
    let columns = table.columns();
    let place = |name| columns.iter().position(|facts| facts.name == name);
    table.key().iter().filter_map(|name| place(*name)).collect()
}

fn column_of(column: &dyn Array, cut: bool) -> Column<'_> {
    match column.data_type() {
        DataType::Utf8 => Column::Text(column.as_string(), cut),
        DataType::Int64 => Column::Count(column.as_primitive::<Int64Type>()),
        DataType::Float64 => Column::Share(column.as_primitive::<Float64Type>()),
        DataType::Date32 => Column::Day(column.as_primitive::<Date32Type>()),
        DataType::Boolean => Column::Flag(column.as_boolean()),
        DataType::Decimal128(_, scale) => {
            let scale = usize::try_from(*scale).expect("amounts have no negative scale");
            Column::Money(column.as_primitive::<Decimal128Type>(), scale)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Column::Time(column.as_primitive::<TimestampMicrosecondType>())
        }
        other => unreachable!("published tables have no column of type {other}"),
    }
}

fn put(buffer: &mut BytesMut, bytes: &[u8]) {
    buffer.put_i32(i32::try_from(bytes.len()).expect("a cell is far below 2 GiB"));
    buffer.put_slice(bytes);
}

/// A text in a form that the server can store.
pub fn text<'t>(text: &'t str, cut: bool, altered: &mut Altered) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    if text.as_bytes().contains(&0) {
        altered.nul += 1;
        text = Cow::Owned(text.replace('\0', "\\u{0}"));
    }
    if cut && text.len() > KEY_BYTES {
        altered.cut += 1;
        let hash = sha256_hex(text.as_bytes());
        let most = KEY_BYTES - HASH_BYTES - 1;
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text = Cow::Owned(format!("{}~{hash}", &text[..end]));
    }
    text
}

/// Encodes a decimal as digits of base 10,000.
fn numeric(value: i128, scale: usize) -> Vec<u8> {
    let digits = value.unsigned_abs().to_string();
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let whole_groups = whole.len().div_ceil(4);
    let padded = format!("{whole:0>width$}", width = whole_groups * 4) + fraction;
    let padded = format!("{padded:0<width$}", width = padded.len().div_ceil(4) * 4);
    let group = |at: usize| padded[at * 4..at * 4 + 4].parse::<i16>().expect("four digits are a number");
    let groups: Vec<i16> = (0..padded.len() / 4).map(group).collect();
    let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
    let last = groups.iter().rposition(|group| *group != 0).map_or(first, |last| last + 1);
    let kept = &groups[first..last];
    let small = |number: usize| i16::try_from(number).expect("a decimal of 38 digits is short");
    let weight = if kept.is_empty() { 0 } else { small(whole_groups) - 1 - small(first) };
    let sign: u16 = if value < 0 { 0x4000 } else { 0 };
    let mut bytes = Vec::with_capacity(8 + kept.len() * 2);
    bytes.put_i16(small(kept.len()));
    bytes.put_i16(weight);
    bytes.put_u16(sign);
    bytes.put_i16(small(fraction.len()));
    kept.iter().for_each(|group| bytes.put_i16(*group));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weight, scale and digits.
    fn parts(value: i128, scale: usize) -> (i16, u16, i16, Vec<i16>) {
        let bytes = numeric(value, scale);
        let at = |index: usize| i16::from_be_bytes([bytes[index * 2], bytes[index * 2 + 1]]);
        let digits: Vec<i16> = (4..bytes.len() / 2).map(at).collect();
        assert_eq!(usize::from(at(0) as u16), digits.len());
        (at(1), at(2) as u16, at(3), digits)
    }

    #[test]
    fn decimals_are_digits_of_base_ten_thousand() {
        assert_eq!(parts(12_500_000_000, 9), (0, 0, 1, vec![12, 5_000]));
        assert_eq!(parts(-1, 9), (-3, 0x4000, 9, vec![1_0000 / 10]));
        assert_eq!(parts(0, 9), (0, 0, 0, vec![]));
        assert_eq!(parts(123_456_780_000, 4), (1, 0, 0, vec![1_234, 5_678]));
        assert_eq!(parts(100_000_000, 0), (2, 0, 0, vec![1]));
        assert_eq!(parts(10_001, 4), (0, 0, 4, vec![1, 1]));
    }

    #[test]
    fn long_keys_end_in_their_hash_and_stay_apart() {
        let mut altered = Altered::default();
        let long = "ä".repeat(2_000);
        let other = format!("{}b", "ä".repeat(1_999));
        let (one, two) = (text(&long, true, &mut altered), text(&other, true, &mut altered));
        assert!(one.len() <= KEY_BYTES && one.ends_with(&sha256_hex(long.as_bytes())) && one != two);
        assert_eq!((text(&long, false, &mut altered).len(), altered.cut), (long.len(), 2));
        assert_eq!(text("a\0b", false, &mut altered), "a\\u{0}b");
        assert_eq!(altered.nul, 1);
        let borrowed = text("short", true, &mut altered);
        assert!(matches!(borrowed, Cow::Borrowed("short")));
    }
}
