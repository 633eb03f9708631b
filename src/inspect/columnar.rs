//! A look at a Parquet file: its schema, and every value of every column decoded once.
//!
//! Columns are decoded one after the other, so that memory holds one page and not one of each column; the content of
//! the pages is compared with the footer, column by column. Nested columns are decoded and named as such. It fails as
//! a run does on files that are damaged, encrypted or too large.

use super::profile::Profile;
use super::suggest::{Fill, Keys};
use super::{ColumnLook, Finding, Look, ParquetLook, Request, Values, shown_heading, suggest, text};
use crate::place::readable::Readable;
use crate::scan::store::Origin;
use crate::scan::{footer, midnight, pages, parquet as reading};
use arrow::array::{Array, ArrayRef, AsArray, downcast_primitive_array};
use arrow::datatypes::{DataType, Field, Schema, ToByteSlice};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataOptions, ParquetStatisticsPolicy};
use parquet::schema::types::Type;
use std::sync::Arc;
use vtr_columnar::fold::shown_cell;
use vtr_columnar::input::{CellRules, Column};

/// The most bytes that the values of a decoded batch may take.
const BATCH_BYTES: u64 = 64 << 20;

/// Values of a nested column's row group up to which its rows are assembled; beyond, only its pages are read.
const NESTED_VALUES: i64 = 4 << 20;
/// Rows of a nested column decoded at once: each can hold many values.
const NESTED_ROWS: usize = 256;

pub(super) fn look(request: &Request, origin: &Origin, look: &mut Look) -> Result<(), String> {
    let file = origin.open()?;
    let mut options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(true);
    options.set_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    options.set_column_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let metadata = Arc::new(footer::read(&file, look.bytes, footer::FirstBytes::Looked, &options)?);
    let plain = reading::plain(&metadata).map_err(|error| format!("its columns cannot be understood: {error}"))?;
    let names: Vec<String> = plain.schema().fields().iter().map(|field| field.name().clone()).collect();
    let (count, max) = (names.len(), request.limits.max_columns);
    if count > max {
        return Err(format!(
            "has {count} columns, more than {max}; if that is right, look again with --set limits.max_columns={count}"
        ));
    }
    let leaves: Vec<usize> = (0..metadata.file_metadata().schema_descr().num_columns()).collect();
    reading::check(&metadata, &leaves, look.bytes, &request.limits)?;
    look.rows = metadata.row_groups().iter().map(|group| group.num_rows().unsigned_abs()).sum();
    let mut decoding =
        Decoding { request, origin, metadata: &metadata, plain: &plain, file: Arc::new(file), largest: 0 };
    let profiles = (0..count).map(|place| decoding.column(place)).collect::<Result<Vec<_>, _>>()?;
    let fills: Vec<Fill> = profiles.iter().map(|(profile, _)| Fill::of(profile)).collect();
    look.mapping = suggest::mapping(&names, &fills);
    let mut looked = Vec::new();
    for (place, (profile, nul)) in profiles.iter().enumerate() {
        let maps_to = look.mapping.column_of(names[place].trim());
        decoding.findings(place, maps_to, profile, *nul, &mut look.findings);
        looked.extend(maps_to.and_then(Column::from_name).map(|column| (column, profile)));
    }
    let columns = profiles
        .iter()
        .enumerate()
        .map(|(place, (profile, _))| decoding.finished(place, look.mapping.column_of(names[place].trim()), profile));
    look.columns = columns.collect();
    look.findings.extend(super::findings::of_file(&names, &look.mapping));
    look.parquet = Some(ParquetLook {
        created_by: metadata.file_metadata().created_by().map(shown_heading),
        row_groups: metadata.num_row_groups(),
        compression: codecs(&metadata),
        largest_page_bytes: decoding.largest,
    });
    look.findings.extend(text::doubled(&names));
    look.findings.extend(super::findings::of_scans(&looked));
    look.findings.extend(super::findings::of_stores(&looked));
    look.snippet = suggest::snippet(look, &Keys::of_columns(&looked, &request.input.columnar_cells.nulls));
    Ok(())
}

fn codecs(metadata: &ParquetMetaData) -> Vec<String> {
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    let mut codecs: Vec<String> = chunks
        .map(|chunk| chunk.compression().to_string().split('(').next().unwrap_or_default().to_lowercase())
        .collect();
    codecs.sort();
    codecs.dedup();
    codecs
}

struct Decoding<'a> {
    request: &'a Request<'a>,
    origin: &'a Origin,
    metadata: &'a Arc<ParquetMetaData>,
    plain: &'a ArrowReaderMetadata,
    file: Arc<Readable>,
    largest: u64,
}

impl Decoding<'_> {
    /// Decodes a top-level column through all row groups; also returns how many of its values hold a NUL.
    fn column(&mut self, place: usize) -> Result<(Profile, u64), String> {
        let field = self.plain.schema().field(place).clone();
        let leaves = reading::leaves(self.metadata, &[place]);
        let nested = field.data_type().is_nested();
        let mut profile = Profile::new(self.request.values == Values::Shown);
        let mut nul = 0;
        let options = ArrowReaderOptions::new().with_schema(self.with_views(place));
        let metadata = reading::guarded(|| ArrowReaderMetadata::try_new(self.metadata.clone(), options))
            .unwrap_or_else(|_| self.plain.clone());
        for (index, group) in self.metadata.row_groups().iter().enumerate() {
            let said = |what: String| format!("row group {index}, column `{}`: {what}", shown_heading(field.name()));
            for leaf in &leaves {
                let pages = pages::walk(self.file.as_ref(), group.column(*leaf), &self.request.limits)
                    .map_err(|fault| format!("row group {index}, {fault}"))?;
                self.largest = self.largest.max(pages.largest);
            }
            if nested && leaves.iter().any(|leaf| group.column(*leaf).num_values() > NESTED_VALUES) {
                continue;
            }
            let walked = pages::walk_group(&self.file, group, &leaves, &self.request.limits, BATCH_BYTES)
                .map_err(|fault| format!("row group {index}, {fault}"))?;
            let rows = if nested { walked.batch_rows.min(NESTED_ROWS) } else { walked.batch_rows };
            let mut reader = self.reader(&metadata, index, place, rows).map_err(said)?;
            let mut decoded = 0;
            while let Some(batch) = reading::guarded(|| reader.next().transpose())
                .map_err(|error| said(format!("cannot be decoded ({error}); write the file again")))?
            {
                decoded += batch.num_rows() as u64;
                nul += take(batch.column(0), nested, &mut profile, &self.request.input.columnar_cells);
            }
            if decoded != group.num_rows().unsigned_abs() {
                let told = group.num_rows();
                return Err(said(format!(
                    "{decoded} rows were decoded, but the footer says {told}; write the file again"
                )));
            }
        }
        Ok((profile, nul))
    }

    /// Returns the schema in which the texts of a column are views, so that a dictionary is never written out.
    fn with_views(&self, place: usize) -> Arc<Schema> {
        let mut fields: Vec<Arc<Field>> = self.plain.schema().fields().iter().cloned().collect();
        let view = match fields[place].data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => Some(DataType::Utf8View),
            DataType::Dictionary(_, values) if matches!(values.as_ref(), DataType::Utf8 | DataType::LargeUtf8) => {
                Some(DataType::Utf8View)
            }
            DataType::Binary | DataType::LargeBinary => Some(DataType::BinaryView),
            _ => None,
        };
        if let Some(view) = view {
            fields[place] = Arc::new(fields[place].as_ref().clone().with_data_type(view));
        }
        Arc::new(Schema::new(fields))
    }

    fn reader(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        place: usize,
        rows: usize,
    ) -> Result<ParquetRecordBatchReader, String> {
        let file = self.origin.open()?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), [place]);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
        reading::guarded(|| builder.with_row_groups(vec![group]).with_projection(mask).with_batch_size(rows).build())
            .map_err(|error| format!("cannot be decoded ({error}); write the file again"))
    }

    fn findings(
        &self,
        place: usize,
        maps_to: Option<&'static str>,
        profile: &Profile,
        nul: u64,
        findings: &mut Vec<Finding>,
    ) {
        let field = self.plain.schema().field(place);
        let name = shown_heading(field.name());
        let mut add = |kind, count, says| findings.push(Finding { kind, count, says, first: Vec::new() });
        if nul > 0 {
            add("nul", nul, format!("values of `{name}` with a NUL character"));
        }
        let Some(column) = maps_to.and_then(Column::from_name) else { return };
        if let Err(fault) = column.read_as(&reading::found_type(self.plain, place)) {
            add("wrong_type", 1, fault.to_string());
        }
        findings.extend(super::findings::of_column(column, &name, profile));
    }

    fn finished(&self, place: usize, maps_to: Option<&'static str>, profile: &Profile) -> ColumnLook {
        let field = self.plain.schema().field(place);
        let nested = field.data_type().is_nested();
        let (distinct, distinct_is_exact) = profile.distinct.count();
        let is_text = matches!(
            field.data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..)
        ) || matches!(field.data_type(), DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
        let root = &self.plain.parquet_schema().root_schema().get_fields()[place];
        ColumnLook {
            name: shown_heading(field.name()),
            kind: match reading::is_uuid(self.metadata, place) {
                true => "fixed_len_byte_array, UUID".to_owned(),
                false => kind(root, field.data_type()),
            },
            values: profile.values,
            nulls: profile.nulls,
            distinct: (!nested).then_some(distinct),
            distinct_is_exact,
            longest_bytes: (is_text && !nested).then_some(profile.longest),
            maps_to,
            note: nested.then(|| "nested: no job can map it".to_owned()),
            examples: profile.examples.clone(),
        }
    }
}

/// Returns physical and logical type: `int64, Timestamp(µs)`.
fn kind(root: &Type, arrow: &DataType) -> String {
    let arrow = match arrow {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "List".to_owned(),
        DataType::Struct(_) => "Struct".to_owned(),
        DataType::Map(..) => "Map".to_owned(),
        other => other.to_string(),
    };
    if root.is_group() {
        return arrow;
    }
    format!("{}, {arrow}", root.get_physical_type().to_string().to_lowercase())
}

/// Takes the values of a batch; returns how many of them hold a NUL.
fn take(array: &ArrayRef, nested: bool, profile: &mut Profile, rules: &CellRules) -> u64 {
    let nulls = array.logical_null_count() as u64;
    profile.nulls += nulls;
    if matches!(array.data_type(), DataType::Timestamp(..)) {
        let (midnights, others) = midnight::counted(array, rules);
        profile.midnights += midnights;
        profile.other_times += others;
    }
    if nested {
        profile.values += array.len() as u64 - nulls;
        return 0;
    }
    show(array, profile);
    let mut nul = 0;
    match array.data_type() {
        DataType::Utf8View => {
            for value in array.as_string_view().iter().flatten() {
                nul += u64::from(value.as_bytes().contains(&0));
                profile.cell(value, rules);
            }
        }
        DataType::BinaryView => array.as_binary_view().iter().flatten().for_each(|value| profile.value(value)),
        DataType::FixedSizeBinary(_) => {
            array.as_fixed_size_binary().iter().flatten().for_each(|value| profile.value(value));
        }
        DataType::Boolean => array.as_boolean().iter().flatten().for_each(|value| profile.value(&[u8::from(value)])),
        DataType::Null => {}
        _ => {
            let values: &dyn Array = array.as_ref();
            downcast_primitive_array!(
                values => values.iter().flatten().for_each(|value| profile.value(value.to_byte_slice())),
                _ => profile.values += array.len() as u64 - nulls,
            );
        }
    }
    nul
}

/// Keeps some values, if they are to be shown.
fn show(array: &ArrayRef, profile: &mut Profile) {
    for row in 0..array.len().min(16) {
        if profile.shows()
            && let Some(value) = shown_cell(array, row)
        {
            profile.example(&value);
        }
    }
}
