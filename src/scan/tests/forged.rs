//! Parquet files whose page headers are written here by hand and may be false.

use super::*;
use ::parquet::basic::{Compression, Encoding};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

const SCHEMA: &str = "message shipments {
    required binary seller_id (STRING);
    required binary marketplace (STRING);
    required binary order_id (STRING);
    required int32 shipped_at (DATE);
}";
const ROWS: i64 = 3;

/// A page and the facts in its header.
#[derive(Clone)]
struct ForgedPage {
    kind: i64,
    inflated: i64,
    stored: i64,
    values: i64,
    checksum: Option<u32>,
    body: Vec<u8>,
}

impl ForgedPage {
    fn true_one(column: &str) -> ForgedPage {
        let body: Vec<u8> = (0..ROWS)
            .flat_map(|row| match column {
                "shipped_at" => (20_000 + row as i32).to_le_bytes().to_vec(),
                "marketplace" => [&2u32.to_le_bytes()[..], b"DE"].concat(),
                _ => [&2u32.to_le_bytes()[..], &[b'A', b'0' + row as u8]].concat(),
            })
            .collect();
        let size = body.len() as i64;
        let mut sum = flate2::Crc::new();
        sum.update(&body);
        ForgedPage { kind: 0, inflated: size, stored: size, values: ROWS, checksum: Some(sum.sum()), body }
    }

    fn bytes(&self) -> Vec<u8> {
        let varint = |mut value: u64| {
            let mut bytes = Vec::new();
            while value >= 0x80 {
                bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
            bytes
        };
        let zigzag = |value: i64| varint(((value << 1) ^ (value >> 63)) as u64);
        let mut header = Vec::new();
        for value in [self.kind, self.inflated, self.stored] {
            header.push(0x15);
            header.extend(zigzag(value));
        }
        if let Some(sum) = self.checksum {
            header.push(0x15);
            header.extend(zigzag(i64::from(sum as i32)));
        }
        // Field 5 or 7: values, encoding, encodings of levels, end.
        let field = if self.kind == 2 { 7 } else { 5 };
        header.push(((field - if self.checksum.is_some() { 4 } else { 3 }) << 4) | 0x0c);
        header.push(0x15);
        header.extend(zigzag(self.values));
        header.extend([0x15, 0]);
        if self.kind != 2 {
            header.extend([0x15, 6, 0x15, 6]);
        }
        header.extend([0, 0]);
        header.extend(&self.body);
        header
    }
}

/// Returns a file whose columns have one page each; `change` modifies any of them.
fn file(change: impl Fn(&str, &mut ForgedPage)) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer =
        SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let columns = writer.schema_descr().columns().to_vec();
    let mut group = writer.next_row_group().unwrap();
    for column in columns {
        let mut page = ForgedPage::true_one(column.name());
        change(column.name(), &mut page);
        let bytes = page.bytes();
        let size = bytes.len() as i64;
        let mut chunk = tempfile::tempfile().unwrap();
        chunk.write_all(&bytes).unwrap();
        let metadata = ColumnChunkMetaData::builder(column)
            .set_encodings(vec![Encoding::PLAIN])
            .set_compression(Compression::UNCOMPRESSED)
            .set_num_values(ROWS)
            .set_total_compressed_size(size)
            .set_total_uncompressed_size(size)
            .set_data_page_offset(0)
            .build()
            .unwrap();
        let close = ColumnCloseResult {
            bytes_written: size as u64,
            rows_written: ROWS as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        group.append_column(&chunk, close).unwrap();
    }
    group.close().unwrap();
    writer.finish().unwrap();
    writer.inner().clone()
}

fn read_file(content: &[u8], limits: impl FnOnce(&mut crate::job::plan::Limits)) -> std::result::Result<usize, String> {
    let (_folder, mut plan) = one_file("a.parquet", content, |_| {});
    limits(&mut plan.limits);
    match get(&plan) {
        Ok(got) => Ok(got.rows.len()),
        Err(error) => {
            assert_eq!(error.exit_code(), 3);
            assert!(error.to_string().contains("a.parquet"), "{error}");
            Err(error.to_string())
        }
    }
}

fn refused(change: impl Fn(&mut ForgedPage)) -> String {
    let only_orders = |column: &str, page: &mut ForgedPage| {
        if column == "order_id" {
            change(page);
        }
    };
    let why = read_file(&file(only_orders), |_| {}).unwrap_err();
    assert!(why.contains("order_id") || why.contains("row group 0"), "{why}");
    why
}

#[test]
fn a_page_that_is_what_it_says_is_read() {
    assert_eq!(read_file(&file(|_, _| {}), |_| {}), Ok(3));
    assert_eq!(read_file(&file(|_, page| page.checksum = None), |_| {}), Ok(3));
}

#[test]
fn a_flipped_byte_in_a_page_with_a_checksum_is_refused() {
    let why = refused(|page| page.body[5] ^= 1);
    assert!(why.contains("CRC"), "{why}");
    // Without the checksum nothing reveals that the value was another one.
    let silent = file(|column, page| {
        if column == "order_id" {
            page.checksum = None;
            page.body[5] ^= 1;
        }
    });
    assert_eq!(read_file(&silent, |_| {}), Ok(3));
}

#[test]
fn headers_that_ask_for_too_much_or_do_not_add_up_are_refused_before_they_are_believed() {
    for (change, says) in [
        (
            (|page| page.inflated = 1 << 31) as fn(&mut ForgedPage),
            "more than 134217728; if that is right, raise [limits] max_page_bytes",
        ),
        (|page| page.inflated = -1, "sizes that cannot be"),
        (|page| page.stored = 1 << 40, "sizes that cannot be"),
        (|page| page.inflated += 1, "not compressed and yet has two sizes"),
        (|page| page.values = -3, "sizes that cannot be"),
        (|page| page.values = 1 << 40, "more values than its column"),
        (|page| page.values = 2, "its pages hold 2 values, but the footer says 3"),
        (|page| page.kind = 9, "a page of unknown kind 9"),
        (|page| (page.kind, page.values) = (2, 1 << 30), "a dictionary of more values than bytes"),
    ] {
        let why = refused(|page| {
            page.checksum = None;
            change(page);
        });
        assert!(why.contains(says), "{says}: {why}");
    }
}

#[test]
fn limits_of_pages_rows_and_values_are_settable() {
    let sound = file(|_, _| {});
    let with = |limits: fn(&mut crate::job::plan::Limits)| read_file(&sound, limits).unwrap_err();
    assert!(with(|limits| limits.max_page_bytes = 10).contains("raise [limits] max_page_bytes"));
    assert!(with(|limits| limits.max_row_group_rows = 2).contains("raise [limits] max_row_group_rows"));
    let why = with(|limits| limits.max_field_bytes = 1);
    assert!(why.contains("a value of 2 bytes, more than 1") && why.contains("max_field_bytes"), "{why}");
}

#[test]
fn a_footer_that_claims_more_row_groups_than_bytes_is_refused() {
    let footer = [0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0];
    let length = (footer.len() as u32).to_le_bytes();
    let content = [b"PAR1", &footer[..], &length, b"PAR1"].concat();
    assert!(read_file(&content, |_| {}).unwrap_err().contains("has a damaged footer"));
}
