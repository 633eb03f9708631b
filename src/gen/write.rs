//! Writing a history: one file at a time, Parquet or CSV, and the truth beside it.
//!
//! The bytes depend only on the rows: on no clock, thread or host. It fails with the path that could not be
//! written.

use super::Format;
use super::columns::{Dictionaries, batch, schema, truth_batch, truth_schema};
use super::numbers::Text;
use super::package::{Factory, NEVER, Parcel};
use super::world::SECOND;
use crate::error::{GenError, Result};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use vtr_columnar::input::{Column, Kind};

/// The number of rows that are made at once.
const BATCH: u64 = 32_768;
/// The number of rows of a row group.
const GROUP: usize = 1_000_000;

/// The targets of one file of a history.
pub struct Target<'a> {
    /// The data file.
    pub data: &'a Path,
    /// The file's name in the truth.
    pub shown: &'a str,
    /// The truth file, if one is wanted.
    pub truth: Option<&'a Path>,
    /// Called before each batch; `false` ends the work.
    pub go_on: fn() -> bool,
}

fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_max_row_group_row_count(Some(GROUP))
        .set_created_by("vtr gen".into())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_enabled(true);
    for column in Column::ALL {
        let path = ColumnPath::from(column.name());
        if matches!(column.kind(), Kind::Time) || matches!(column, Column::OrderId | Column::TrackingNumber) {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        if column.kind() == Kind::Time {
            properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}

struct ParquetFile<'a> {
    path: &'a Path,
    writer: ArrowWriter<File>,
}

impl<'a> ParquetFile<'a> {
    fn create(path: &'a Path, schema: &SchemaRef) -> Result<ParquetFile<'a>> {
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let file = create(path)?;
        let writer =
            ArrowWriter::try_new_with_options(file, schema.clone(), options).map_err(|error| failed(path, error))?;
        Ok(ParquetFile { path, writer })
    }

    fn write(&mut self, batch: &arrow::array::RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|error| failed(self.path, error))
    }

    fn close(self) -> Result<()> {
        self.writer.close().map(drop).map_err(|error| failed(self.path, error))
    }
}

fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> GenError {
    GenError::failed(format!("cannot write {}", path.display()), error)
}

/// Writes one file of a history, and its truth.
pub fn file(
    factory: &Factory,
    dictionaries: &Dictionaries,
    index: usize,
    format: Format,
    target: &Target,
) -> Result<()> {
    let row = |row: u64| factory.row(index, row);
    rows(factory, dictionaries, factory.slices[index].rows(), &row, format, target)
}

/// Writes this many rows as a file of a history, and their truth.
pub fn rows(
    factory: &Factory,
    dictionaries: &Dictionaries,
    rows: u64,
    row: &dyn Fn(u64) -> Parcel,
    format: Format,
    target: &Target,
) -> Result<()> {
    let (schema, truth_schema) = (schema(), truth_schema());
    let mut parquet = match format {
        Format::Parquet => Some(ParquetFile::create(target.data, &schema)?),
        Format::Csv => None,
    };
    let mut csv = match format {
        Format::Parquet => None,
        Format::Csv => Some(BufWriter::with_capacity(1 << 20, create(target.data)?)),
    };
    let mut truth = target.truth.map(|path| ParquetFile::create(path, &truth_schema)).transpose()?;
    if let Some(csv) = &mut csv {
        let headings: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
        writeln!(csv, "{}", headings.join(",")).map_err(|error| failed(target.data, error))?;
    }
    let (mut parcels, mut lines) = (Vec::new(), Vec::new());
    for first in (0..rows).step_by(BATCH as usize) {
        if !(target.go_on)() {
            return Err(GenError::Stopped);
        }
        parcels.clear();
        parcels.extend((first..rows.min(first + BATCH)).map(row));
        if let Some(parquet) = &mut parquet {
            parquet.write(&batch(&parcels, dictionaries, &schema))?;
        }
        if let Some(csv) = &mut csv {
            lines.clear();
            parcels.iter().for_each(|parcel| line(parcel, factory, &mut lines));
            csv.write_all(&lines).map_err(|error| failed(target.data, error))?;
        }
        if let Some(truth) = &mut truth {
            truth.write(&truth_batch(&parcels, dictionaries, &truth_schema, target.shown, first + 1))?;
        }
    }
    if let Some(mut csv) = csv {
        csv.flush().map_err(|error| failed(target.data, error))?;
    }
    parquet.map_or(Ok(()), ParquetFile::close)?;
    truth.map_or(Ok(()), ParquetFile::close)
}

/// Writes a line of CSV, in the order of the contract.
fn line(parcel: &Parcel, factory: &Factory, out: &mut Vec<u8>) {
    let texts = &factory.world.texts;
    let flag = match parcel.buy_shipping {
        None => "",
        Some(true) => "true",
        Some(false) => "false",
    };
    let package = ["", "1", "2"][usize::from(parcel.package)];
    let number = parcel.tracking.as_ref().map_or("", Text::as_str);
    let cells = [
        texts.seller.text(parcel.seller),
        texts.marketplace.text(parcel.marketplace),
        parcel.order.as_str(),
        package,
        texts.channel.text(parcel.channel),
        texts.status.text(parcel.status),
        texts.carrier.text(parcel.carrier),
        texts.service.text(parcel.service),
        flag,
        number,
        texts.country.text(parcel.from),
        texts.country.text(parcel.to),
    ];
    for text in cells {
        cell(text, out);
        out.push(b',');
    }
    match parcel.value {
        _ if parcel.garbled => out.extend_from_slice(b"12.5O"),
        Some(value) => {
            digits(value / 100, 1, out);
            out.push(b'.');
            digits(value % 100, 2, out);
        }
        None => {}
    }
    for text in [
        texts.currency.text(parcel.currency),
        texts.category.text(parcel.category),
        texts.programme.text(parcel.programme),
    ] {
        out.push(b',');
        cell(text, out);
    }
    for moment in [parcel.promised, parcel.shipped, parcel.added, parcel.first_scan, parcel.delivery, parcel.updated] {
        out.push(b',');
        time(moment, out);
    }
    out.push(b'\n');
}

/// Writes a cell of CSV, quoted if necessary.
pub fn cell(text: &str, out: &mut Vec<u8>) {
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.push(b'"');
        out.extend(text.bytes().flat_map(|byte| [byte, b'"'].into_iter().take(if byte == b'"' { 2 } else { 1 })));
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Writes the digits of a number that is not negative, padded with zeros to a width.
pub fn digits(number: i64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = [b'0'; 20];
    let (mut rest, mut first) = (number, buffer.len());
    while rest > 0 || first > buffer.len() - width {
        first -= 1;
        buffer[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&buffer[first..]);
}

/// Writes RFC 3339 in UTC; nothing for never.
pub fn time(moment: i64, out: &mut Vec<u8>) {
    if moment == NEVER {
        return;
    }
    use chrono::Datelike;
    let seconds = moment.div_euclid(SECOND);
    let date = super::world::date(seconds.div_euclid(86_400) as i32);
    let second = seconds.rem_euclid(86_400);
    let parts =
        [(i64::from(date.year()), 4, b'-'), (i64::from(date.month()), 2, b'-'), (i64::from(date.day()), 2, b'T')];
    let clock = [(second / 3_600, 2, b':'), (second / 60 % 60, 2, b':'), (second % 60, 2, b'Z')];
    for (number, width, mark) in parts.into_iter().chain(clock) {
        digits(number, width, out);
        out.push(mark);
    }
}
