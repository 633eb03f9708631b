//! A piece of a table as the bytes of one Parquet file, and back.
//!
//! The same rows give the same bytes on every machine, however they were cut into batches: nothing of
//! time, host or run goes in, and the program's name stands there without its version. Only a broken
//! invariant, such as a batch of another schema, stops the writing.

use crate::error::{Error, Result};
use crate::tables::Piece;
use arrow::compute::BatchCoalescer;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::fs::File;
use std::path::Path;

/// Rows handed to the writer at a time. Page borders fall where writes end, so a fixed size keeps the
/// bytes apart from how the rows arrived; changing it changes the bytes of every file.
const ROWS_AT_A_TIME: usize = 65_536;

/// Rows of a row group.
const ROWS_OF_A_GROUP: usize = 1 << 20;

/// The bytes of one Parquet file.
///
/// # Panics
/// If a batch does not have the schema of its table.
pub fn parquet(piece: &Piece) -> Result<Vec<u8>> {
    let name = piece.table.name();
    try_parquet(piece).map_err(|error| Error::failed(format!("{name}: making its Parquet file"), error))
}

fn try_parquet(piece: &Piece) -> std::result::Result<Vec<u8>, ParquetError> {
    let schema = piece.table.schema();
    let properties = WriterProperties::builder()
        .set_created_by("vtr".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_dictionary_enabled(true)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROWS_OF_A_GROUP))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))?;
    let mut rows = BatchCoalescer::new(schema.clone(), ROWS_AT_A_TIME);
    for batch in &piece.batches {
        let name = piece.table.name();
        assert!(batch.schema().fields() == schema.fields(), "a batch of {name} has another schema than its table");
        rows.push_batch(batch.clone())?;
        while let Some(batch) = rows.next_completed_batch() {
            writer.write(&batch)?;
        }
    }
    rows.finish_buffered_batch()?;
    while let Some(batch) = rows.next_completed_batch() {
        writer.write(&batch)?;
    }
    writer.into_inner()
}

/// Opens a published file for reading.
pub fn open(path: &Path) -> Result<ParquetRecordBatchReader> {
    let failed = |error: ParquetError| Error::failed(format!("{}: reading it", path.display()), error);
    builder(path)?.build().map_err(failed)
}

/// The rows that a published file's footer tells of.
pub fn rows(path: &Path) -> Result<u64> {
    Ok(builder(path)?.metadata().file_metadata().num_rows().unsigned_abs())
}

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|error| Error::failed(format!("{}: opening it", path.display()), error))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| Error::failed(format!("{}: reading its footer", path.display()), error))
}
