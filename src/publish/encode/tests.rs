//! The encoder against the parquet crate's own writer, whose bytes it must give for the same rows.

use super::{BYTES_AT_A_TIME, BYTES_OF_A_GROUP, ROWS_AT_A_TIME, ROWS_OF_A_STEP, batches, coded, properties};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, UInt32Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::Encoding;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use std::io::Read;
use std::slice::from_ref;
use std::sync::Arc;

/// A small generator: the same seed gives the same rows.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Texts of a dictionary: some short, some longer than a bound, some that end in what has no successor.
fn texts(count: u64, random: &mut Random) -> StringArray {
    let text = |at: u64, random: &mut Random| match random.below(6) {
        0 => format!("{at}{}", "\u{10FFFF}".repeat(20)),
        1 => format!("{}{at}", "\u{e4}".repeat(40)),
        2 => format!("{}{at}", "z".repeat(61)),
        3 => format!("{}\u{7F}{at}", "z".repeat(63)),
        _ => format!("text {at}"),
    };
    let empty = std::iter::once(String::new());
    StringArray::from_iter_values(empty.chain((1..count).map(|at| text(at, random))))
}

/// Codes in the manner of tables: in runs, or as they come.
fn keys(rows: usize, count: u64, random: &mut Random) -> UInt32Array {
    let (mut key, mut left) = (0, 0);
    let is_in_runs = random.below(2) == 0;
    let next = |_| {
        if left == 0 {
            (key, left) = (random.below(count), if is_in_runs { random.below(40) } else { 0 });
        } else {
            left -= 1;
        }
        key as u32
    };
    UInt32Array::from_iter_values((0..rows).map(next))
}

fn counts(rows: usize, random: &mut Random) -> Int64Array {
    let kind = random.below(5);
    let next = |_| match kind {
        0 => 7,
        1 => random.below(20) as i64,
        2 => random.below(3_000) as i64 - 1_500,
        3 => random.below(1 << 31) as i64 * random.below(1 << 31) as i64,
        _ => i64::from(random.below(10) == 0),
    };
    Int64Array::from_iter_values((0..rows).map(next))
}

/// A table of the kinds of columns that tables have, in batches of any size.
fn table(rows: usize, seed: u64) -> (SchemaRef, Vec<RecordBatch>) {
    let mut random = Random(seed);
    let random = &mut random;
    let sizes = [1, 2, 30, 300, 70_000];
    let mut fields = vec![
        Field::new("share", DataType::Float64, true),
        Field::new("flag", DataType::Boolean, false),
        Field::new("free", DataType::Utf8, true),
        Field::new("day", DataType::Date32, false),
    ];
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from_iter((0..rows).map(|row| (row % 7 != 0).then_some(row as f64)))),
        Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(row % 3 == 0)))),
        Arc::new(StringArray::from_iter((0..rows).map(|row| (row % 5 != 0).then(|| format!("free {row}"))))),
        Arc::new(Date32Array::from_iter_values((0..rows).map(|row| row as i32 / 1_000 - 3))),
    ];
    for place in 0..4 {
        let count = sizes[random.below(sizes.len() as u64) as usize];
        let dictionary = Arc::new(texts(count, random));
        let coded = DictionaryArray::<UInt32Type>::new(keys(rows, count, random), dictionary);
        fields.push(Field::new(format!("text{place}"), DataType::Utf8, false));
        columns.push(Arc::new(coded));
        fields.push(Field::new(format!("count{place}"), DataType::Int64, false));
        columns.push(Arc::new(counts(rows, random)));
    }
    // Nulls nowhere, in a few places, in most, in long stretches, and everywhere.
    for kind in 0..5 {
        let is_valid = |row: usize, random: &mut Random| match kind {
            0 => true,
            1 => random.below(100) > 0,
            2 => random.below(100) == 0,
            3 => (row / 30_000).is_multiple_of(2),
            _ => false,
        };
        let valid = NullBuffer::from((0..rows).map(|row| is_valid(row, random)).collect::<Vec<bool>>());
        let valid = Some(valid).filter(|valid| valid.null_count() > 0);
        let count = [3, 70_000][random.below(2) as usize];
        let shares = keys(rows, count, random).values().iter().map(|key| f64::from(*key) / 70_000.0).collect();
        let numbers = counts(rows, random).values().clone();
        let dictionary = Arc::new(texts(sizes[random.below(5) as usize], random));
        let codes = keys(rows, dictionary.len() as u64, random).values().clone();
        let codes = UInt32Array::new(codes, valid.clone());
        let zone = || Some("UTC".into());
        let times = TimestampMicrosecondArray::new(counts(rows, random).values().clone(), valid.clone());
        let as_they_are = texts(sizes[random.below(5) as usize], random);
        let of_texts = keys(rows, as_they_are.len() as u64, random).values().clone();
        let of_texts = UInt32Array::new(of_texts, valid.clone());
        let of_kind: [(&str, DataType, ArrayRef); 5] = [
            ("share", DataType::Float64, Arc::new(Float64Array::new(shares, valid.clone()))),
            ("number", DataType::Int64, Arc::new(Int64Array::new(numbers, valid))),
            ("code", DataType::Utf8, Arc::new(DictionaryArray::<UInt32Type>::new(codes, dictionary))),
            ("time", DataType::Timestamp(TimeUnit::Microsecond, zone()), Arc::new(times.with_timezone_opt(zone()))),
            ("free", DataType::Utf8, take(&as_they_are, &of_texts, None).unwrap()),
        ];
        for (name, of, column) in of_kind {
            fields.push(Field::new(format!("{name}{kind}"), of, true));
            columns.push(column);
        }
    }
    let own =
        fields.iter().zip(&columns).map(|(field, column)| field.clone().with_data_type(column.data_type().clone()));
    let whole = RecordBatch::try_new(Arc::new(Schema::new(own.collect::<Vec<_>>())), columns).unwrap();
    let (mut parts, mut first) = (Vec::new(), 0);
    while first < rows {
        let most = [5, 3_000, 40_000, 200_000][random.below(4) as usize];
        let next = (first + random.below(most) as usize).min(rows);
        let part = whole.slice(first, next - first);
        parts.push(if random.below(3) == 0 { recoded(&part) } else { part });
        first = next;
    }
    (Arc::new(Schema::new(fields)), parts)
}

/// The same rows with a dictionary of only the texts that they hold, in the order in which they occur.
fn recoded(batch: &RecordBatch) -> RecordBatch {
    let column = |column: &ArrayRef| -> ArrayRef {
        match *column.data_type() == coded() {
            true => Arc::new(plain(column).as_string::<i32>().iter().collect::<DictionaryArray<UInt32Type>>()),
            false => column.clone(),
        }
    };
    RecordBatch::try_new(batch.schema(), batch.columns().iter().map(column).collect()).unwrap()
}

fn plain(column: &ArrayRef) -> ArrayRef {
    match column.as_dictionary_opt::<UInt32Type>() {
        Some(coded) => take(coded.values(), coded.keys(), None).unwrap(),
        None => column.clone(),
    }
}

/// What the crate's writer makes of the same rows.
fn reference(schema: &SchemaRef, parts: &[RecordBatch]) -> Vec<u8> {
    let plain = parts
        .iter()
        .map(|part| RecordBatch::try_new(schema.clone(), part.columns().iter().map(plain).collect()).unwrap());
    let whole = concat_batches(schema, &plain.collect::<Vec<_>>()).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties().unwrap())).unwrap();
    let texts: Vec<&StringArray> = whole.columns().iter().filter_map(|column| column.as_string_opt()).collect();
    let (mut first, mut bytes) = (0, 0);
    for row in 0..whole.num_rows() {
        let valid = texts.iter().filter(|texts| texts.is_valid(row));
        bytes += valid.map(|texts| texts.value(row).len()).sum::<usize>();
        let rows = row + 1 - first;
        let is_long = bytes >= BYTES_AT_A_TIME && rows % ROWS_OF_A_STEP == 0;
        if rows == ROWS_AT_A_TIME || is_long || row + 1 == whole.num_rows() {
            writer.write(&whole.slice(first, rows)).unwrap();
            if writer.in_progress_size() >= BYTES_OF_A_GROUP {
                writer.flush().unwrap();
            }
            (first, bytes) = (row + 1, 0);
        }
    }
    writer.into_inner().unwrap()
}

fn encoded(schema: &SchemaRef, parts: &[RecordBatch]) -> Vec<u8> {
    let mut encoded = batches("a table", schema, parts.iter().cloned().map(Ok)).unwrap();
    let mut bytes = Vec::new();
    encoded.content.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The columns whose bytes differ if each is written alone.
fn differing(schema: &SchemaRef, parts: &[RecordBatch]) -> Vec<String> {
    let differs = |place: &usize| {
        let schema = Arc::new(schema.project(&[*place]).unwrap());
        let parts: Vec<RecordBatch> = parts.iter().map(|part| part.project(&[*place]).unwrap()).collect();
        encoded(&schema, &parts) != reference(&schema, &parts)
    };
    (0..schema.fields().len()).filter(differs).map(|place| schema.field(place).name().clone()).collect()
}

#[test]
fn every_table_gives_the_bytes_of_the_crates_own_writer() {
    for (seed, rows) in [0, 1, 7, 8, 9, 1_000, 1_024, 20_479, 20_480, 20_481, 65_536, 65_537].into_iter().enumerate() {
        for round in 0..4 {
            let (schema, parts) = table(rows, seed as u64 * 31 + round);
            let differ = encoded(&schema, &parts) != reference(&schema, &parts);
            assert!(!differ, "{rows} rows, round {round}: {:?}", differing(&schema, &parts));
        }
    }
}

fn metadata(file: Vec<u8>) -> ParquetMetaData {
    ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::from(file)).unwrap()
}

fn groups(file: Vec<u8>) -> usize {
    metadata(file).num_row_groups()
}

#[test]
fn full_dictionaries_give_way_to_the_values() {
    let mut full = 0;
    for seed in 100..103 {
        let (schema, parts) = table(200_000, seed);
        let own = encoded(&schema, &parts);
        assert!(own == reference(&schema, &parts), "seed {seed}");
        let metadata = metadata(own);
        let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
        let of_rows = |chunk: &ColumnChunkMetaData| {
            let stats = chunk.page_encoding_stats_mask()?;
            Some(stats.is_set(Encoding::RLE_DICTIONARY) && stats.is_set(Encoding::PLAIN))
        };
        full += chunks.filter(|chunk| of_rows(chunk) == Some(true)).count();
    }
    assert!(full > 0, "no dictionary was full");
}

#[test]
fn a_group_ends_at_its_most_rows_or_bytes() {
    let count = |name: &str| Field::new(name, DataType::Int64, false);
    let rows = super::ROWS_OF_A_GROUP + 70_000;
    let schema: SchemaRef = Arc::new(Schema::new(vec![count("count")]));
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|row| row / 100_000)));
    let whole = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
    let own = encoded(&schema, from_ref(&whole));
    assert!(own == reference(&schema, &[whole]));
    assert_eq!(groups(own), 2);

    let (rows, mut random) = (300_000, Random(7));
    let schema: SchemaRef =
        Arc::new(Schema::new((0..18).map(|place| count(&format!("count{place}"))).collect::<Vec<_>>()));
    let column = |_: &Arc<Field>| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(
            (0..rows).map(|_| (random.below(1 << 31) << 31 | random.below(1 << 31)) as i64),
        ))
    };
    let whole = RecordBatch::try_new(schema.clone(), schema.fields().iter().map(column).collect()).unwrap();
    let own = encoded(&schema, from_ref(&whole));
    assert!(own == reference(&schema, &[whole]));
    assert!(groups(own) > 1);
}
