//! Encodes a piece of a table as the bytes of one Parquet file, and reads such files.
//!
//! The same rows give the same bytes on every machine, however they were cut into batches: time, host and run are left
//! out, and the program's name is written without its version. Rows stream through: at most one row group is held, and
//! a file that grows is spooled to an unnamed file on disk. It fails if the rows cannot be made or if the disk is
//! full.

mod chunk;
mod group;
mod runs;
#[cfg(test)]
mod tests;
mod values;

use crate::error::{Error, Result};
use crate::place::hashed::Hashed;
use crate::place::readable::Readable;
use crate::tables::each_text;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef, UInt32Type};
use group::Groups;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::ops::Range;
use std::sync::Arc;
use tempfile::SpooledTempFile;

/// Rows passed to the writer at a time. Pages end where writes end, so writes depend on the rows alone and not on how
/// they arrived; another value changes the bytes of every long file.
const ROWS_AT_A_TIME: usize = 65_536;

/// Once the waiting texts have this many bytes, the rows are written early. This is tested only at multiples of
/// [`ROWS_OF_A_STEP`]; the longest texts of that many rows are some MiB.
const BYTES_AT_A_TIME: usize = 16 << 20;
/// See [`BYTES_AT_A_TIME`].
const ROWS_OF_A_STEP: usize = 16;

/// The most rows of a row group, and the bytes after which the next one begins: the writer holds a group in memory.
const ROWS_OF_A_GROUP: usize = 1 << 20;
const BYTES_OF_A_GROUP: usize = 32 << 20;

/// The level at which pages are compressed.
const ZSTD_LEVEL: i32 = 3;

/// Bytes of a file that are kept in memory; a longer one goes to disk.
const BYTES_IN_MEMORY: usize = 8 << 20;

/// One Parquet file that is not yet in place.
#[derive(Debug)]
pub struct Encoded {
    /// Its bytes, positioned at the beginning.
    pub content: SpooledTempFile,
    /// Their SHA-256 in hex.
    pub sha256: String,
    /// The number of bytes.
    pub bytes: u64,
    /// The number of rows.
    pub rows: u64,
}

/// Makes the bytes of one Parquet file; `name` is for messages.
///
/// # Errors
/// The error of making the rows, or of the system if the file does not fit into memory and cannot be spooled.
///
/// # Panics
/// If a batch does not have the schema.
pub fn batches(name: &str, schema: &SchemaRef, batches: impl Iterator<Item = Result<RecordBatch>>) -> Result<Encoded> {
    let failed = |error: ParquetError| Error::failed(format!("{name}: making its Parquet file"), error);
    let mut writer = Groups::new(Hashed::new(BYTES_IN_MEMORY), schema).map_err(failed)?;
    let mut steps = Steps { writer: &mut writer, waiting: Vec::new(), rows: 0, bytes: 0 };
    let mut rows = 0;
    for batch in batches {
        let batch = batch?;
        assert!(is_of(&batch, schema), "a batch of {name} has another schema than its table");
        rows += batch.num_rows() as u64;
        steps.write(batch).map_err(failed)?;
    }
    steps.write_waiting().map_err(failed)?;
    let written = writer.into_inner().map_err(failed)?.finish().map_err(ParquetError::from).map_err(failed)?;
    Ok(Encoded { content: written.file, sha256: written.sha256, bytes: written.bytes, rows })
}

/// The writer properties of every published Parquet file.
pub fn properties() -> std::result::Result<WriterProperties, ParquetError> {
    Ok(WriterProperties::builder()
        .set_created_by("vtr".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_dictionary_enabled(true)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROWS_OF_A_GROUP))
        .build())
}

/// A writer that receives equal steps, however rows arrive.
struct Steps<'w> {
    writer: &'w mut Groups,
    /// The batches to be written next; `rows` and `bytes` are the sums of their rows and bytes of texts.
    waiting: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Steps<'_> {
    fn write(&mut self, batch: RecordBatch) -> std::result::Result<(), ParquetError> {
        let mut from = 0;
        while from < batch.num_rows() {
            let whole = from..batch.num_rows().min(from + ROWS_AT_A_TIME - self.rows);
            let bytes = self.bytes + text_bytes(&batch, whole.clone());
            let is_long = bytes >= BYTES_AT_A_TIME;
            let to = if is_long { self.end_of_long(&batch, whole) } else { whole.end };
            self.rows += to - from;
            self.bytes = if is_long { self.bytes } else { bytes };
            self.waiting.push(batch.slice(from, to - from));
            from = to;
            let is_end = self.bytes >= BYTES_AT_A_TIME && self.rows.is_multiple_of(ROWS_OF_A_STEP);
            if self.rows == ROWS_AT_A_TIME || is_end {
                self.write_waiting()?;
            }
        }
        Ok(())
    }

    /// The end of the step in which texts become too long to wait, and the end of the rows if none does; the bytes up
    /// to it are added.
    fn end_of_long(&mut self, batch: &RecordBatch, rows: Range<usize>) -> usize {
        let (mut to, before) = (rows.start, self.rows);
        while to < rows.end {
            let done = before + to - rows.start;
            let next = rows.end.min(to + ROWS_OF_A_STEP - done % ROWS_OF_A_STEP);
            self.bytes += text_bytes(batch, to..next);
            to = next;
            let is_step = (before + to - rows.start).is_multiple_of(ROWS_OF_A_STEP);
            if self.bytes >= BYTES_AT_A_TIME && is_step {
                break;
            }
        }
        to
    }

    fn write_waiting(&mut self) -> std::result::Result<(), ParquetError> {
        (self.rows, self.bytes) = (0, 0);
        self.writer.write(&std::mem::take(&mut self.waiting))?;
        if self.writer.bytes() >= BYTES_OF_A_GROUP { self.writer.flush() } else { Ok(()) }
    }
}

fn text_bytes(batch: &RecordBatch, rows: Range<usize>) -> usize {
    let bytes = |column: &dyn Array| {
        if let Some(texts) = column.as_string_opt::<i32>() {
            return (texts.value_offsets()[rows.end] - texts.value_offsets()[rows.start]) as usize;
        }
        let Some(coded) = column.as_dictionary_opt::<UInt32Type>() else { return 0 };
        let (keys, texts) = (coded.keys(), coded.values().as_string::<i32>());
        let length = |row: usize| texts.value_length(keys.values()[row] as usize) as usize;
        match keys.nulls() {
            None => rows.clone().map(length).sum(),
            Some(nulls) => rows.clone().filter(|row| nulls.is_valid(*row)).map(length).sum(),
        }
    };
    batch.columns().iter().map(|column| bytes(column)).sum()
}

/// Whether a batch has the columns of a schema; texts may be coded.
fn is_of(batch: &RecordBatch, schema: &SchemaRef) -> bool {
    let own = batch.schema();
    own.fields().len() == schema.fields().len()
        && own.fields().iter().zip(schema.fields()).all(|(own, of)| {
            let is_coded = *own.data_type() == coded() && *of.data_type() == DataType::Utf8;
            let is_typed = is_coded || own.data_type() == of.data_type();
            is_typed && own.name() == of.name() && own.is_nullable() == of.is_nullable()
        })
}

/// The type of texts that arrive as codes.
fn coded() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

/// Opens a published file for reading; `shown` names it in messages.
pub fn open(readable: Readable, shown: &str) -> Result<ParquetRecordBatchReader> {
    let failed = |error: ParquetError| Error::failed(format!("{shown}: reading it"), error);
    builder(readable, shown)?.build().map_err(failed)
}

/// Reads some columns of a published file, batch by batch.
pub fn read_columns(
    readable: Readable,
    shown: &str,
    names: &[&str],
    take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let builder = builder(readable, shown)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
    let failed = |error: ParquetError| Error::failed(format!("{shown}: reading it"), error);
    for batch in builder.with_projection(mask).build().map_err(failed)? {
        take(&batch.map_err(|error| Error::failed(format!("{shown}: reading it"), error))?)?;
    }
    Ok(())
}

/// Reads a column of texts of a published file, and hands on the text of each run of equal ones. Texts stay in their
/// dictionary, so that rows cost little.
pub fn read_texts(readable: Readable, shown: &str, name: &str, take: &mut dyn FnMut(&str)) -> Result<()> {
    let failed = |error: ParquetError| Error::failed(format!("{shown}: reading it"), error);
    let plain = ArrowReaderMetadata::load(&readable, ArrowReaderOptions::new()).map_err(failed)?;
    let coded = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    let field = |field: &FieldRef| match field.name() == name {
        true => Arc::new(field.as_ref().clone().with_data_type(coded.clone())),
        false => field.clone(),
    };
    let schema = Schema::new(plain.schema().fields().iter().map(field).collect::<Vec<_>>());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    let metadata = ArrowReaderMetadata::try_new(plain.metadata().clone(), options).map_err(failed)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(readable, metadata);
    let mask = ProjectionMask::columns(builder.parquet_schema(), [name]);
    let reader = builder.with_projection(mask).with_batch_size(ROWS_AT_A_TIME).build().map_err(failed)?;
    for batch in reader {
        let batch = batch.map_err(|error| failed(error.into()))?;
        each_text(batch.column(0), &mut |text, _| take(text));
    }
    Ok(())
}

/// The number of rows according to a published file's footer.
pub fn rows(readable: Readable, shown: &str) -> Result<u64> {
    Ok(builder(readable, shown)?.metadata().file_metadata().num_rows().unsigned_abs())
}

/// A published file, ready to be read in whole or in part.
pub fn builder(readable: Readable, shown: &str) -> Result<ParquetRecordBatchReaderBuilder<Readable>> {
    ParquetRecordBatchReaderBuilder::try_new(readable)
        .map_err(|error| Error::failed(format!("{shown}: reading its footer"), error))
}
