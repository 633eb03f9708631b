//! Parquet files to records: the columns that the profile maps, as text.
//!
//! It decodes with the guards of the run's own reader. Columns of floats are refused for fields that need exact text.

use super::{
    Each, FieldSet, Heading, RawFile, ReadItem, ReadSettings, Record, RecordCounts, RecordPart, constant_cells,
    find_headings, first_filled,
};
use crate::scan::Origin;
use crate::scan::footer;
use crate::scan::pages::walk_group;
use crate::scan::parquet::{BATCH_ROWS, check, guarded, leaves, plain};
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaDataOptions;
use std::sync::Arc;

/// The most bytes that the values of a batch may take.
const MOST_BYTES: u64 = 32 << 20;

pub(super) fn read(
    file: &RawFile,
    reading: &ReadSettings,
    each: &mut Each,
) -> crate::error::Result<Result<RecordCounts, String>> {
    let (metadata, headings) = match open(file, reading) {
        Ok(opened) => opened,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut roots: Vec<usize> = headings.iter().flat_map(|heading| heading.places.iter().map(|(at, _)| *at)).collect();
    roots.sort_unstable();
    roots.dedup();
    let mut counts = RecordCounts { bytes: file.origin.bytes(), ..RecordCounts::default() };
    for group in 0..metadata.metadata().num_row_groups() {
        let mut batches = match batches(file, reading, &metadata, &roots, group) {
            Ok(batches) => batches,
            Err(refused) => return Ok(Err(format!("row group {group}: {refused}"))),
        };
        let before = counts.records;
        loop {
            let batch = match guarded(|| batches.next().transpose()) {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(refused) => return Ok(Err(format!("row group {group} cannot be decoded: {refused}"))),
            };
            let texts = match texts(&batch) {
                Ok(texts) => texts,
                Err(refused) => return Ok(Err(refused)),
            };
            hand_on(&batch, (&texts, &roots, &headings), file, reading, &mut counts, each)?;
        }
        let told = metadata.metadata().row_group(group).num_rows() as u64;
        let decoded = counts.records - before;
        if decoded != told {
            return Ok(Err(format!("row group {group}: {decoded} rows were decoded, but the footer says {told}")));
        }
    }
    Ok(Ok(counts))
}

/// Returns the names of the columns.
pub(super) fn names(origin: &Origin) -> Result<Vec<String>, String> {
    Ok(names_of(&footer_of(origin)?))
}

fn names_of(metadata: &ArrowReaderMetadata) -> Vec<String> {
    metadata.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn footer_of(origin: &Origin) -> Result<ArrowReaderMetadata, String> {
    let data = origin.open()?;
    let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(true);
    let footer = Arc::new(footer::read(&data, origin.bytes(), footer::FirstBytes::Looked, &options)?);
    plain(&footer).map_err(|error| format!("its columns cannot be understood: {error}"))
}

/// Opens the file: its footer, and the columns that are read.
fn open<'a>(file: &RawFile, reading: &ReadSettings<'a>) -> Result<(ArrowReaderMetadata, Vec<Heading<'a>>), String> {
    let metadata = footer_of(file.origin)?;
    let footer = metadata.metadata().clone();
    let names = names_of(&metadata);
    let max = reading.limits.max_columns;
    if names.len() > max {
        return Err(format!(
            "has {} columns, more than {max}; if that is right, raise [limits] max_columns",
            names.len()
        ));
    }
    let headings = find_headings(reading, file.constants, &names)?;
    let roots: Vec<usize> = headings.iter().flat_map(|heading| heading.places.iter().map(|(at, _)| *at)).collect();
    for root in &roots {
        let field = metadata.schema().field(*root);
        let kind = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        if kind.is_nested() || kind.is_floating() || kind.is_binary() {
            return Err(format!("the column `{}` is {kind}; write it as text", names[*root]));
        }
    }
    check(&footer, &leaves(&footer, &roots), file.origin.bytes(), reading.limits)?;
    Ok((metadata, headings))
}

fn batches(
    file: &RawFile,
    reading: &ReadSettings,
    metadata: &ArrowReaderMetadata,
    roots: &[usize],
    group: usize,
) -> Result<impl Iterator<Item = Result<RecordBatch, arrow::error::ArrowError>>, String> {
    let data = Arc::new(file.origin.open()?);
    let leaves = leaves(metadata.metadata(), roots);
    let walked = walk_group(&data, metadata.metadata().row_group(group), &leaves, reading.limits, MOST_BYTES)?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
    let data = Arc::into_inner(data).ok_or("is still being read")?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(data, metadata.clone());
    let rows = walked.batch_rows.min(BATCH_ROWS);
    guarded(|| builder.with_row_groups(vec![group]).with_projection(mask).with_batch_size(rows).build())
}

/// Returns every column as text: times as RFC 3339, or without an offset if they have none.
fn texts(batch: &RecordBatch) -> Result<Vec<StringArray>, String> {
    let schema = batch.schema();
    let text = |(at, column): (usize, &arrow::array::ArrayRef)| {
        let name = schema.field(at).name().clone();
        // Values with a zone are instants of UTC; named zones cannot be written by the cast.
        let text = match column.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
                guarded(|| cast(column, &utc).and_then(|column| cast(&column, &DataType::Utf8)))
            }
            _ => guarded(|| cast(column, &DataType::Utf8)),
        };
        text.map(|text| text.as_string::<i32>().clone())
            .map_err(|error| format!("the column `{name}` is not text: {error}"))
    };
    batch.columns().iter().enumerate().map(text).collect()
}

fn hand_on(
    batch: &RecordBatch,
    (texts, roots, headings): (&[StringArray], &[usize], &[Heading]),
    file: &RawFile,
    reading: &ReadSettings,
    counts: &mut RecordCounts,
    each: &mut Each,
) -> crate::error::Result<()> {
    let base = constant_cells(file.constants, reading.cells);
    for row in 0..batch.num_rows() {
        let (mut cells, mut filled, mut numbers) = (base, 0, FieldSet::default());
        for heading in headings {
            let value = heading.places.iter().find_map(|(at, spot)| {
                let place = roots.binary_search(at).ok()?;
                let texts = texts.get(place).filter(|texts| !texts.is_null(row))?;
                Some((first_filled(spot, texts.value(row), reading.cells)?, batch.column(place).data_type()))
            });
            filled += usize::from(value.is_some());
            if value.is_some_and(|(_, kind)| kind.is_numeric()) {
                numbers.insert(heading.field);
            }
            cells[heading.field.index()] = value.map(|(text, _)| text);
        }
        counts.records += 1;
        counts.documents += 1;
        let number = counts.records;
        let (record, document) = (number, number);
        let (line, byte_offset, part) = (None, None, RecordPart::Whole);
        each(ReadItem::Record(Record { record, document, line, byte_offset, part, filled, cells: &cells, numbers }))?;
    }
    Ok(())
}
