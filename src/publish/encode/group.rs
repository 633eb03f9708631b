//! Row groups: each column by the encoder that suits it, and the file around them.
//!
//! Columns of numbers, days, times and texts are encoded here, and those of flags by the parquet crate. The bytes are
//! those that the crate's own writer would give. It fails if the crate does, or if the file cannot be written.

use super::chunk::{ColumnChunk, Compressor};
use super::values::{Numbers, Texts};
use super::{ROWS_OF_A_GROUP, coded, properties};
use crate::place::hashed::Hashed;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{
    DataType, Date32Type, Field, Float64Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;
use std::io::sink;
use std::sync::Arc;

/// A file of row groups.
pub struct Groups {
    schema: SchemaRef,
    file: SerializedFileWriter<Hashed>,
    compressor: Compressor,
    filling: Option<RowGroup>,
}

/// The row group that is being filled.
struct RowGroup {
    columns: Vec<Column>,
    rows: usize,
}

/// A column of a row group.
enum Column {
    Texts(Box<ColumnChunk<Texts>>),
    Counts(Box<ColumnChunk<Numbers<Int64Type>>>),
    Days(Box<ColumnChunk<Numbers<Date32Type>>>),
    Times(Box<ColumnChunk<Numbers<TimestampMicrosecondType>>>),
    Shares(Box<ColumnChunk<Numbers<Float64Type>>>),
    Other(Arc<Field>, Box<ArrowColumnWriter>),
}

impl Groups {
    /// Begins a file.
    pub fn new(file: Hashed, schema: &SchemaRef) -> Result<Groups> {
        let mut properties = properties()?;
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        let columns = ArrowSchemaConverter::new().with_coerce_types(properties.coerce_types()).convert(schema)?;
        let file = SerializedFileWriter::new(file, columns.root_schema_ptr(), Arc::new(properties))?;
        Ok(Groups { schema: schema.clone(), file, compressor: Compressor::take()?, filling: None })
    }

    /// Writes rows that arrived in several batches.
    pub fn write(&mut self, parts: &[RecordBatch]) -> Result<()> {
        let rows: usize = parts.iter().map(RecordBatch::num_rows).sum();
        let Some(first) = parts.iter().find(|part| part.num_rows() > 0) else { return Ok(()) };
        let group = match self.filling.take() {
            Some(group) => group,
            None => self.begin(first)?,
        };
        let room = ROWS_OF_A_GROUP - group.rows;
        let group = self.filling.insert(group);
        if rows > room {
            let (now, later) = split(parts, room);
            self.write(&now)?;
            return self.write(&later);
        }
        for (place, column) in group.columns.iter_mut().enumerate() {
            let arrays: Vec<&ArrayRef> = parts.iter().map(|part| part.column(place)).collect();
            column.write(&arrays, &mut self.compressor)?;
        }
        group.rows += rows;
        if group.rows == ROWS_OF_A_GROUP { self.flush() } else { Ok(()) }
    }

    fn begin(&self, first: &RecordBatch) -> Result<RowGroup> {
        let descriptors = self.file.schema_descr().columns();
        let own: Vec<Option<Column>> =
            first.columns().iter().zip(descriptors).map(|(array, of)| Column::own(array, of)).collect();
        let mut theirs = self.their_writers(&own)?.into_iter();
        let columns = own.into_iter().zip(self.schema.fields()).map(|(own, field)| {
            let theirs = theirs.next();
            own.or_else(|| Some(Column::Other(field.clone(), Box::new(theirs?))))
        });
        let columns = columns.collect::<Option<_>>();
        let columns = columns.ok_or_else(|| ParquetError::General("a column has no writer".to_owned()))?;
        Ok(RowGroup { columns, rows: 0 })
    }

    /// Returns the crate's writers of all columns, or none if every column is encoded here. Each writer makes a
    /// compressor and a decompressor of its own (see [`Compressor`]), so those that will not be used do not compress.
    fn their_writers(&self, own: &[Option<Column>]) -> Result<Vec<ArrowColumnWriter>> {
        if own.iter().all(Option::is_some) {
            return Ok(Vec::new());
        }
        let schema = self.file.schema_descr();
        let unused = own.iter().zip(schema.columns()).filter(|(own, _)| own.is_some());
        let properties = unused.fold(properties()?.into_builder(), |properties, (_, column)| {
            properties.set_column_compression(column.path().clone(), Compression::UNCOMPRESSED)
        });
        let nowhere = SerializedFileWriter::new(sink(), schema.root_schema_ptr(), Arc::new(properties.build()))?;
        let factory = ArrowRowGroupWriterFactory::new(&nowhere, self.schema.clone());
        factory.create_column_writers(self.file.flushed_row_groups().len())
    }

    /// Bytes of the row group in progress, as far as they are known.
    pub fn bytes(&self) -> usize {
        self.filling.iter().flat_map(|group| &group.columns).map(Column::bytes).sum()
    }

    /// Ends the row group in progress.
    pub fn flush(&mut self) -> Result<()> {
        let Some(group) = self.filling.take() else { return Ok(()) };
        let mut into = self.file.next_row_group()?;
        for column in group.columns {
            column.close(&mut self.compressor, &mut into)?;
        }
        into.close().map(drop)
    }

    /// Ends the file.
    pub fn into_inner(mut self) -> Result<Hashed> {
        self.flush()?;
        self.file.into_inner()
    }
}

/// The first rows of batches, and the rest.
fn split(parts: &[RecordBatch], rows: usize) -> (Vec<RecordBatch>, Vec<RecordBatch>) {
    let (mut now, mut later, mut room) = (Vec::new(), Vec::new(), rows);
    for part in parts {
        let here = part.num_rows().min(room);
        room -= here;
        now.push(part.slice(0, here));
        later.push(part.slice(here, part.num_rows() - here));
    }
    (now, later)
}

impl Column {
    /// The column if it is encoded here.
    fn own(array: &ArrayRef, descriptor: &ColumnDescPtr) -> Option<Column> {
        if *array.data_type() == coded() {
            return Some(Column::Texts(ColumnChunk::of(descriptor)));
        }
        match array.data_type() {
            DataType::Utf8 => Some(Column::Texts(ColumnChunk::of(descriptor))),
            DataType::Int64 => Some(Column::Counts(ColumnChunk::of(descriptor))),
            DataType::Date32 => Some(Column::Days(ColumnChunk::of(descriptor))),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Some(Column::Times(ColumnChunk::of(descriptor))),
            DataType::Float64 => Some(Column::Shares(ColumnChunk::of(descriptor))),
            _ => None,
        }
    }

    fn write(&mut self, parts: &[&ArrayRef], compressor: &mut Compressor) -> Result<()> {
        match self {
            Column::Texts(chunk) => chunk.write(parts, compressor),
            Column::Counts(chunk) => chunk.write(parts, compressor),
            Column::Days(chunk) => chunk.write(parts, compressor),
            Column::Times(chunk) => chunk.write(parts, compressor),
            Column::Shares(chunk) => chunk.write(parts, compressor),
            Column::Other(field, writer) => {
                let arrays: Vec<&dyn Array> = parts.iter().map(|array| &***array).collect();
                let whole = if let [one] = parts { ArrayRef::clone(one) } else { concat(&arrays)? };
                compute_leaves(field, &whole)?.iter().try_for_each(|leaf| writer.write(leaf))
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Column::Texts(chunk) => chunk.bytes(),
            Column::Counts(chunk) => chunk.bytes(),
            Column::Days(chunk) => chunk.bytes(),
            Column::Times(chunk) => chunk.bytes(),
            Column::Shares(chunk) => chunk.bytes(),
            Column::Other(_, writer) => writer.get_estimated_total_bytes(),
        }
    }

    fn close(self, compressor: &mut Compressor, into: &mut SerializedRowGroupWriter<Hashed>) -> Result<()> {
        let (bytes, result) = match self {
            Column::Texts(chunk) => chunk.close(compressor)?,
            Column::Counts(chunk) => chunk.close(compressor)?,
            Column::Days(chunk) => chunk.close(compressor)?,
            Column::Times(chunk) => chunk.close(compressor)?,
            Column::Shares(chunk) => chunk.close(compressor)?,
            Column::Other(_, writer) => return writer.close()?.append_to_row_group(into),
        };
        into.append_column(&bytes, result)
    }
}
