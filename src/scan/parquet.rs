//! Parquet files: footers to units of work, row groups to batches.
//!
//! It decodes only mapped columns, keeps dictionaries, and compares every row count of the footer with the rows that
//! were decoded. Nested or wrong types, encrypted and damaged files are refused with the reason only; a panic of the
//! decoder is such a reason.

use super::choose::{self, Choice, Decoded, Headings};
use super::files::Listed;
use super::headings::{self, HeadingPlace, Mapping, shown_heading};
use super::inflate::GroupPages;
use super::prune::{self, Clock, TimeColumn};
use super::{
    Chunk, FilePart, GroupDays, LookSettings, Looked, SourceFile, Unit, UnitEnd, footer, pages, source_file, unmapped,
};
use crate::job::plan::Limits;
use crate::place::budget::Budget;
use crate::place::readable::Readable;
use arrow::array::{Array, ArrayRef, AsArray, NullArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::parquet_to_arrow_field_levels;
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataOptions, ParquetStatisticsPolicy, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::cell::Cell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};
use vtr_columnar::dictionary::Known;
use vtr_columnar::fold::Records;
use vtr_columnar::input::{Column, Kind};
use vtr_kernel::text::shown;

/// Rows of a batch.
pub(crate) const BATCH_ROWS: usize = 4_096;
/// The rows that are decoded at once in any case.
pub(super) const LEAST_ROWS: u64 = 64;
/// Rows up to which the ratio of rows to bytes is not checked.
const ROWS_FROM: u64 = 4 << 20;

/// Bytes at the end of an object that are fetched first, because they usually hold the footer.
const TAIL: u64 = 64 << 10;

/// Bytes of an object that a row group's columns may keep fetched while they are decoded.
const READY: usize = 128 << 20;

/// How a file is decoded.
pub(crate) struct ParquetDecoding {
    metadata: ArrowReaderMetadata,
    /// The columns that are decoded if rows are counted, and if rows can only be copies of counted ones.
    counted: Projection,
    for_copies: Projection,
    /// The limits of a page, a value and a row group.
    limits: Limits,
    /// The most bytes that the values of a batch may take.
    most_bytes: u64,
    /// The memory that must have room for the pages; `None` where the system limits it.
    budget: Option<Budget>,
}

impl ParquetDecoding {
    fn projection(&self, unit: &Unit) -> &Projection {
        if unit.for_copies { &self.for_copies } else { &self.counted }
    }
}

/// The columns that are decoded.
struct Projection {
    /// Top-level fields that are decoded, ascending.
    roots: Vec<usize>,
    /// For each field of `schema`, its positions in `roots`, and how it is built from them.
    columns: Vec<(Vec<usize>, Option<Arc<Choice>>)>,
    /// Leaves below those fields.
    leaves: Vec<usize>,
    /// For each of `roots`, whether it holds UUIDs, which are sixteen bytes each and become text.
    are_uuids: Vec<bool>,
    /// Canonical names and the types that the fold expects.
    schema: SchemaRef,
}

/// A column that is read.
#[derive(Clone)]
struct ReadColumn {
    /// Canonical name and the type that the fold expects.
    field: Field,
    /// Its positions among the file's top-level fields.
    roots: Vec<usize>,
    /// How it is built from them; `None` if it is used as decoded.
    choice: Option<Arc<Choice>>,
}

impl Projection {
    fn of(metadata: &ParquetMetaData, columns: Vec<ReadColumn>) -> Projection {
        let mut roots: Vec<usize> = columns.iter().flat_map(|read| read.roots.iter().copied()).collect();
        roots.sort_unstable();
        roots.dedup();
        let place = |root: &usize| roots.binary_search(root).expect("every used field is a root");
        let parts = |read: &ReadColumn| (read.roots.iter().map(place).collect(), read.choice.clone());
        let parts = columns.iter().map(parts).collect();
        let leaves = leaves(metadata, &roots);
        let are_uuids = roots.iter().map(|root| is_uuid(metadata, *root)).collect();
        let fields: Vec<Field> = columns.into_iter().map(|read| read.field).collect();
        Projection { roots, columns: parts, leaves, are_uuids, schema: Arc::new(Schema::new(fields)) }
    }
}

thread_local! {
    /// Whether this thread is in the decoder.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Calls the decoder and turns a panic of it into an error.
pub(crate) fn guarded<T, E: Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    static HUSH: Once = Once::new();
    // A caught panic is reported as an error; a trace on stderr would look like a crash.
    HUSH.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                before(info);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let caught = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    match caught {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(format!("the decoder gave up: {text}"))
        }
    }
}

/// Reads a file's footer.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn survey(reading: &LookSettings, listed: &Listed, index: u32) -> Result<Looked, Vec<String>> {
    let one = |fault: String| vec![fault];
    let LookSettings { input, limits, needed, counted, .. } = *reading;
    let file = listed.origin.open().map_err(one)?;
    let head = match &file {
        Readable::ObjectFile(object) => {
            // Most footers come with the first request.
            let tail = listed.bytes.saturating_sub(TAIL)..listed.bytes;
            object.prefetch(&[tail], 1).map_err(|trouble| one(trouble.to_string()))?;
            footer::FirstBytes::Left
        }
        _ => footer::FirstBytes::Looked,
    };
    let mut options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(true);
    options.set_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let footer = footer::read(&file, listed.bytes, head, &options).map_err(one)?;
    let metadata = Arc::new(footer);
    let plain = plain(&metadata).map_err(|error| one(format!("its columns cannot be understood: {error}")))?;
    let names: Vec<String> = plain.schema().fields().iter().map(|field| field.name().clone()).collect();
    if names.len() > limits.max_columns {
        let (count, max) = (names.len(), limits.max_columns);
        return Err(one(format!("has {count} columns, more than {max}; if that is right, raise [limits] max_columns")));
    }
    let (mapping, mut faults) = headings::map(input, &listed.shown, &names);
    let source = source(&plain, &mapping, reading, &mut faults);
    faults.extend(check(&metadata, &source.counted.leaves, listed.bytes, limits).err());
    if !faults.is_empty() {
        return Err(faults);
    }
    let clock = clock(reading, &plain, &mapping);
    let unmapped = unmapped::unmapped(input, &mapping, &names);
    let mut looked = SourceFile { unmapped, ..source_file(listed, &mapping) };
    let (mut units, mut beyond, mut rows, mut days) = (Vec::new(), Vec::new(), 0, Some(Vec::new()));
    for (group_index, group) in metadata.row_groups().iter().enumerate() {
        let group_rows = group.num_rows() as u64;
        let group_days = clock.days(group);
        let for_copies = counted.is_some_and(|days| clock.can_leave_out(group, days));
        let part = FilePart::RowGroup(group_index);
        let last_day = group_days.flatten().map(|(_, last)| last);
        let first_record = rows + 1;
        let mut unit = Unit { file: index, part, first_record, for_copies, last_day, rows: group_rows, bytes: 0 };
        let leaves = source.projection(&unit).leaves.iter();
        unit.bytes = leaves.map(|leaf| group.column(*leaf).compressed_size() as u64).sum();
        match needed.filter(|days| clock.can_leave_out(group, *days)) {
            Some((_, last)) => {
                looked.rows_pruned += group_rows;
                let later = group_days.flatten().filter(|days| days.1 > last && !clock.is_later(group));
                beyond.extend(later.map(|(first, _)| (first, unit)));
            }
            None if group_rows > 0 => units.push(unit),
            None => {}
        }
        rows += group_rows;
        match (&mut days, group_days) {
            (Some(days), Some(group_days)) => {
                let latest = clock.latest(group);
                days.extend(group_days.map(|(first, last)| GroupDays { first, last, latest }));
            }
            _ => days = None,
        }
    }
    looked.days = days;
    looked.rows = Some(rows);
    let listed = mapping.listed();
    Ok(Looked { file: looked, units, beyond, source: super::FileDecoding::Parquet(Box::new(source)), listed })
}

/// Returns the columns as the file describes them; an embedded Arrow schema that does not fit is ignored.
pub(crate) fn plain(metadata: &Arc<ParquetMetaData>) -> Result<ArrowReaderMetadata, String> {
    let read = |options: ArrowReaderOptions| guarded(|| ArrowReaderMetadata::try_new(metadata.clone(), options));
    read(ArrowReaderOptions::new()).or_else(|_| read(ArrowReaderOptions::new().with_skip_arrow_metadata(true)))
}

/// Decides the type that every mapped column is decoded as, and names the columns of a wrong type.
fn source(
    plain: &ArrowReaderMetadata,
    mapping: &Mapping,
    reading: &LookSettings,
    faults: &mut Vec<String>,
) -> ParquetDecoding {
    let mut fields: Vec<Arc<Field>> = plain.schema().fields().iter().cloned().collect();
    let (mut counted, mut for_copies) = (Vec::new(), Vec::new());
    for (column, places) in &mapping.columns {
        let found: Vec<DataType> = places.iter().map(|place| found_or_null(*column, plain, place.index)).collect();
        let is_float =
            |(place, kind): (&HeadingPlace, &DataType)| kind.is_floating() && holds_floats(*column, plain, place.index);
        let float = places
            .iter()
            .zip(&found)
            .find(|pair| is_float(*pair))
            .map(|(_, kind)| column.refuse_float(kind).to_string());
        let decoded = float.map_or_else(
            || {
                let (column, places, book) = (*column, places.clone(), reading.book.cloned());
                choose::decoded(Headings { column, places, book }, &found, reading.input)
            },
            Err,
        );
        match decoded {
            // A used column of the wrong type would be refused; an unused one must not make a job fail because of one
            // more table.
            Ok(_) if reading.unused.contains(*column) => {}
            Ok(Decoded { types, wanted, choice }) => {
                for ((place, kind), found) in places.iter().zip(types).zip(&found) {
                    // The decoder returns these types as they are; they are converted to nulls or text afterwards.
                    if kind != DataType::Null && !found.is_binary() {
                        fields[place.index] = Arc::new(fields[place.index].as_ref().clone().with_data_type(kind));
                    }
                }
                let roots = places.iter().map(|place| place.index).collect();
                let field = Field::new(column.name(), wanted, true);
                let read = ReadColumn { field, roots, choice: choice.map(Arc::new) };
                if !column.is_moot_outside(read.field.data_type()) {
                    for_copies.push(read.clone());
                }
                counted.push(read);
            }
            Err(fault) => {
                let heading = |place: &HeadingPlace| plain.schema().field(place.index).name();
                let names: Vec<String> =
                    places.iter().map(|place| format!("`{}`", shown_heading(heading(place)))).collect();
                let is_own = places.len() == 1 && headings::key(heading(&places[0])) == column.name();
                let heading = if is_own { String::new() } else { format!(" (heading {})", names.join(", ")) };
                faults.push(format!("{fault}{heading}"));
            }
        }
    }
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    // Types that the decoder does not convert directly are cast afterwards, batch by batch.
    let metadata =
        guarded(|| ArrowReaderMetadata::try_new(plain.metadata().clone(), options)).unwrap_or_else(|_| plain.clone());
    let [counted, for_copies] = [counted, for_copies].map(|columns| Projection::of(plain.metadata(), columns));
    let LookSettings { limits, most_bytes, budget, .. } = *reading;
    ParquetDecoding { metadata, counted, for_copies, limits: limits.clone(), most_bytes, budget }
}

/// Returns the type of a top-level field; `Null` if its column cannot be read from that type but holds no value at
/// all.
fn found_or_null(column: Column, plain: &ArrowReaderMetadata, place: usize) -> DataType {
    let found = found_type(plain, place);
    if column.read_as(&found).is_err() && all_null(plain, place) { DataType::Null } else { found }
}

/// Returns the statistics of a top-level field's column in each row group; `None` if the field has more or fewer
/// leaves than one, or if a group has no statistics.
fn statistics(plain: &ArrowReaderMetadata, place: usize) -> Option<Vec<(&Statistics, u64)>> {
    let leaves = leaves(plain.metadata(), &[place]);
    let [leaf] = leaves.as_slice() else { return None };
    let of = |group: &'_ RowGroupMetaData| group.num_rows() as u64;
    let groups = plain.metadata().row_groups().iter();
    groups.map(|group| Some((group.column(*leaf).statistics()?, of(group)))).collect()
}

/// Returns whether the statistics show that a column holds no value at all.
fn all_null(plain: &ArrowReaderMetadata, place: usize) -> bool {
    let all = statistics(plain, place);
    all.is_some_and(|all| all.iter().all(|(known, rows)| known.null_count_opt() == Some(*rows)))
}

/// Returns whether the statistics show that a text column of floats holds numbers; NaN never appears in them.
fn holds_floats(column: Column, plain: &ArrowReaderMetadata, place: usize) -> bool {
    let is_text = matches!(column.kind(), Kind::Label | Kind::Text) && column != Column::TrackingNumber;
    let known = |(known, _): &(&Statistics, u64)| match known {
        Statistics::Float(known) => known.min_opt().is_some_and(|least| !least.is_nan()),
        Statistics::Double(known) => known.min_opt().is_some_and(|least| !least.is_nan()),
        _ => false,
    };
    is_text && statistics(plain, place).is_some_and(|all| all.iter().any(known))
}

/// Returns the type of a top-level field; a dictionary of anything but text counts as the type of its values.
pub(crate) fn found_type(plain: &ArrowReaderMetadata, place: usize) -> DataType {
    let root = &plain.parquet_schema().root_schema().get_fields()[place];
    if root.is_primitive() && root.get_physical_type() == PhysicalType::INT96 {
        // Decoded as nanoseconds, the default of INT96, years after 2262 would wrap around.
        return DataType::Timestamp(TimeUnit::Microsecond, None);
    }
    match plain.schema().field(place).data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        other => other.clone(),
    }
}

/// Returns whether a top-level field holds UUIDs by its logical type.
pub(crate) fn is_uuid(metadata: &ParquetMetaData, root: usize) -> bool {
    let field = &metadata.file_metadata().schema().get_fields()[root];
    field.is_primitive() && field.get_basic_info().logical_type_ref() == Some(&LogicalType::Uuid)
}

/// Returns UUIDs in their usual form, in lower case.
fn uuid_texts(array: &ArrayRef) -> ArrayRef {
    let Some(bytes) = array.as_fixed_size_binary_opt().filter(|bytes| bytes.value_length() == 16) else {
        return array.clone();
    };
    let text = |bytes: &[u8]| {
        let digits = bytes.iter().enumerate().flat_map(|(at, byte)| {
            let hyphen = [4, 6, 8, 10].contains(&at).then_some('-');
            hyphen
                .into_iter()
                .chain([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])))
        });
        digits.collect::<String>()
    };
    Arc::new(bytes.iter().map(|bytes| bytes.map(text)).collect::<StringArray>())
}

pub(crate) fn leaves(metadata: &ParquetMetaData, roots: &[usize]) -> Vec<usize> {
    let schema = metadata.file_metadata().schema_descr();
    (0..schema.num_columns()).filter(|leaf| roots.contains(&schema.get_column_root_idx(*leaf))).collect()
}

/// Returns the columns that date the file's rows.
fn clock(reading: &LookSettings, plain: &ArrowReaderMetadata, mapping: &Mapping) -> Clock {
    let schema = plain.parquet_schema();
    let of = |wanted: &[Column]| {
        // A date that is constant or comes from the path is in no statistics.
        let is_elsewhere = mapping.constants.iter().any(|(column, _)| wanted.contains(column));
        let columns = mapping.columns.iter().filter(|(column, _)| wanted.contains(column) && !is_elsewhere);
        let leaf = |place: usize| (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == place);
        let time = |place: &HeadingPlace| {
            let arrow = found_type(plain, place.index);
            let is_local = reading.input.zone.is_some() && matches!(arrow, DataType::Timestamp(_, None));
            let clock = if is_local { prune::ANY_CLOCK } else { prune::UTC };
            TimeColumn { leaf: leaf(place.index).unwrap_or(usize::MAX), arrow, clock }
        };
        columns.flat_map(|(_, places)| places.iter().map(time)).collect::<Vec<_>>()
    };
    // If a column has several headings, each bounds only its own rows: a late value in one of them proves nothing.
    let is_one = |column: &Column| mapping.columns.iter().any(|(known, places)| known == column && places.len() == 1);
    let single: Vec<Column> = [Column::ShippedAt, Column::UpdatedAt].into_iter().filter(is_one).collect();
    let later = reading.as_of.map(|as_of| (of(&single), as_of));
    let moments =
        [Column::ShippedAt, Column::TrackingAddedAt, Column::FirstScanAt, Column::DeliveryScanAt, Column::UpdatedAt];
    let is_elsewhere = mapping.constants.iter().any(|(column, _)| moments.contains(column));
    let moments = (!is_elsewhere).then(|| of(&moments));
    Clock { dates: of(&[Column::PromisedDeliveryAt, Column::ShippedAt]), later, moments }
}

/// Checks the footer for consistency with itself and with the file's size.
pub(crate) fn check(metadata: &ParquetMetaData, leaves: &[usize], size: u64, limits: &Limits) -> Result<(), String> {
    let total = metadata.file_metadata().num_rows();
    let mut rows = 0i64;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Err(format!("row group {index} has {} rows; the footer is damaged", group.num_rows()));
        }
        rows = rows.saturating_add(group.num_rows());
        let mut stored = 0u64;
        for leaf in leaves {
            check_chunk(group, *leaf, size, limits).map_err(|fault| format!("row group {index}, {fault}"))?;
            stored = stored.saturating_add(group.column(*leaf).compressed_size() as u64);
        }
        check_rows(group.num_rows() as u64, stored, limits).map_err(|fault| format!("row group {index} {fault}"))?;
    }
    if rows == total {
        Ok(())
    } else {
        Err(format!("its row groups have {rows} rows, but the footer says {total}; it is damaged"))
    }
}

/// Refuses too many rows for the stored bytes, because rows cost time however few bytes they take.
fn check_rows(rows: u64, stored: u64, limits: &Limits) -> Result<(), String> {
    let max = limits.max_row_group_rows;
    if rows > max {
        return Err(format!("has {rows} rows, more than {max}; if that is right, raise [limits] max_row_group_rows"));
    }
    let ratio = limits.max_inflated_ratio;
    if stored > 0 && rows > ROWS_FROM && rows > stored.saturating_mul(ratio) {
        return Err(format!(
            "has {rows} rows in {stored} bytes, more than {ratio} a byte; if that is right, raise [limits] max_inflated_ratio"
        ));
    }
    Ok(())
}

fn check_chunk(group: &RowGroupMetaData, leaf: usize, size: u64, limits: &Limits) -> Result<(), String> {
    let Some(column) = group.columns().get(leaf) else {
        return Err("a column is missing; the footer is damaged".to_owned());
    };
    let name = column.column_path().string();
    let repeats = column.column_descr().max_rep_level() > 0;
    if column.num_values() < 0 || !repeats && column.num_values() != group.num_rows() {
        let (values, rows) = (column.num_values(), group.num_rows());
        return Err(format!("column `{name}`: {values} values in {rows} rows; the footer is damaged"));
    }
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let end = start.checked_add(column.compressed_size());
    if start < 0 || column.compressed_size() < 0 || end.is_none_or(|end| end as u64 > size) {
        return Err(format!("column `{name}`: is outside the file; the footer is damaged or the file is cut off"));
    }
    let max_value = limits.max_field_bytes;
    let most = (max_value as u64).saturating_mul(column.num_values() as u64).saturating_add(1 << 20);
    if column.uncompressed_size() < 0 || column.uncompressed_size() as u64 > most {
        let (bytes, values) = (column.uncompressed_size(), column.num_values());
        return Err(format!(
            "column `{name}`: {bytes} bytes in {values} values, more than {max_value} each; \
             if that is right, raise [limits] max_field_bytes"
        ));
    }
    Ok(())
}

/// Decodes a row group.
///
/// # Errors
/// The inner error: a fault of the file. The outer error: the one that `each` returned, or too little memory.
pub(crate) fn read(
    source: &ParquetDecoding,
    file: &SourceFile,
    unit: &Unit,
    each: &mut dyn FnMut(Chunk) -> crate::error::Result<()>,
) -> crate::error::Result<Result<UnitEnd, String>> {
    let projection = source.projection(unit);
    let (mut reader, at_once) = match open(source, file, unit) {
        Ok(opened) => opened,
        Err(refused) => return Ok(Err(refused)),
    };
    source.budget.map_or(Ok(()), |budget| budget.admit_pages(at_once, &shown(&file.shown)))?;
    let (mut rows_read, mut short) = (0, Known::default());
    loop {
        let batch = match guarded(|| reader.next().transpose()) {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(error) => return Ok(Err(damaged(unit, &error))),
        };
        let rows = batch.num_rows() as u64;
        let batch = match canonical(projection, &batch).and_then(|batch| short_enough(source, batch, &mut short)) {
            Ok(batch) => batch,
            Err(error) => return Ok(Err(damaged(unit, &error))),
        };
        each(Chunk { batch, records: Records::From(unit.first_record + rows_read), rejects: Vec::new() })?;
        rows_read += rows;
    }
    if rows_read != unit.rows {
        return Ok(Err(damaged(unit, &format!("{rows_read} rows were decoded, but the footer says {}", unit.rows))));
    }
    Ok(Ok(UnitEnd { rows_read, bytes_read: unit.bytes, digest: None }))
}

fn open(
    source: &ParquetDecoding,
    file: &SourceFile,
    unit: &Unit,
) -> Result<(impl Iterator<Item = Result<RecordBatch, arrow::error::ArrowError>>, u64), String> {
    let data = file.origin.open()?;
    let Projection { roots, leaves, .. } = source.projection(unit);
    let FilePart::RowGroup(group) = unit.part else {
        unreachable!("a Parquet file is read by row groups");
    };
    if let Readable::ObjectFile(object) = &data {
        let group = source.metadata.metadata().row_group(group);
        let range = |leaf: &usize| {
            let (start, length) = group.column(*leaf).byte_range();
            start..start + length
        };
        let ranges: Vec<_> = leaves.iter().map(range).collect();
        object.prefetch(&ranges, READY).map_err(|trouble| trouble.to_string())?;
    }
    let data = Arc::new(data);
    let walked = pages::walk_group(
        &data,
        source.metadata.metadata().row_group(group),
        leaves,
        &source.limits,
        source.most_bytes,
    )
    .map_err(|fault| format!("row group {group}, {fault}"))?;
    let mask = ProjectionMask::roots(source.metadata.parquet_schema(), roots.iter().copied());
    let rows = walked.batch_rows.min(unit.rows as usize).max(1);
    let pages = GroupPages { data, metadata: source.metadata.metadata().clone(), group, inflated: walked.inflated };
    let reader = guarded(|| {
        let fields = source.metadata.schema().fields();
        let levels = parquet_to_arrow_field_levels(source.metadata.parquet_schema(), mask, Some(fields))?;
        ParquetRecordBatchReader::try_new_with_row_groups(&levels, &pages, rows, None)
    });
    reader.map(|reader| (reader, walked.at_once)).map_err(|error| damaged(unit, &error))
}

pub(super) fn too_long(bytes: u64, limits: &Limits) -> String {
    let max = limits.max_field_bytes;
    format!("a value of {bytes} bytes, more than {max}; if that is right, raise [limits] max_field_bytes")
}

/// Returns the batch, unless a text in it is longer than a cell may be; `short` holds dictionaries without such texts.
fn short_enough(source: &ParquetDecoding, batch: RecordBatch, short: &mut Known) -> Result<RecordBatch, String> {
    let max = source.limits.max_field_bytes as u64;
    for (place, (field, column)) in batch.schema_ref().fields().iter().zip(batch.columns()).enumerate() {
        let longest = match field.data_type() {
            // The low half of a view's first word is the text's length.
            DataType::Utf8View => column.as_string_view().views().iter().map(|view| u64::from(*view as u32)).max(),
            DataType::Dictionary(..) => {
                let values = column.as_any_dictionary().values().as_string_opt::<i32>();
                values.filter(|values| !short.has(place, values)).and_then(|values| {
                    short.keep(place, values);
                    values.offsets().windows(2).map(|pair| (pair[1] - pair[0]) as u64).max()
                })
            }
            _ => None,
        };
        if let Some(longest) = longest.filter(|longest| *longest > max) {
            return Err(format!("column `{}`: {}", field.name(), too_long(longest, &source.limits)));
        }
    }
    Ok(batch)
}

fn damaged(unit: &Unit, error: &str) -> String {
    match unit.part {
        FilePart::RowGroup(group) => format!("row group {group} cannot be decoded ({error}); write the file again"),
        FilePart::Whole => format!("cannot be decoded ({error}); write the file again"),
    }
}

/// Returns the batch under canonical names and in the types that the fold expects.
fn canonical(projection: &Projection, batch: &RecordBatch) -> Result<RecordBatch, String> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let decoded = |place: usize| match projection.are_uuids[place] {
        true => uuid_texts(batch.column(place)),
        false => batch.column(place).clone(),
    };
    let typed = |(field, (places, choice)): (&Arc<Field>, &(Vec<usize>, _))| -> Result<ArrayRef, String> {
        if let Some(choice) = choice {
            let decoded: Vec<ArrayRef> = places.iter().map(|place| decoded(*place)).collect();
            let choice: &Arc<Choice> = choice;
            return choice.array(&decoded).map_err(|error| format!("column `{}`: {error}", field.name()));
        }
        let array = &decoded(places[0]);
        if array.data_type() == field.data_type() {
            return Ok(array.clone());
        }
        if *field.data_type() == DataType::Null {
            return match array.null_count() == array.len() {
                true => Ok(Arc::new(NullArray::new(array.len()))),
                false => Err(format!("column `{}`: the footer says that it holds no value, but it does", field.name())),
            };
        }
        let to = |array: &ArrayRef, kind: &DataType| cast_with_options(array, kind, &strict);
        // Bytes become text before they become views or a dictionary; otherwise nothing would check that they are
        // UTF-8.
        let cast = match array.data_type() {
            DataType::FixedSizeBinary(_) => to(array, &DataType::Binary).and_then(|bytes| to(&bytes, &DataType::Utf8)),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => to(array, &DataType::Utf8),
            _ => Ok(array.clone()),
        };
        if cast.is_err() && array.data_type().is_binary() {
            let (name, kind) = (field.name(), array.data_type());
            return Err(format!("column `{name}`: {kind} whose bytes are no UTF-8: cast the column to text"));
        }
        cast.and_then(|array| to(&array, field.data_type()))
            .map_err(|error| format!("column `{}`: {error}", field.name()))
    };
    let arrays =
        projection.schema.fields().iter().zip(&projection.columns).map(typed).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(projection.schema.clone(), arrays, &options).map_err(|error| error.to_string())
}
