//! A sample of the rows of each file, for what only shares show: order ids of other forms beside Amazon's, local times
//! most of which are the ends of days, and times that are oddly far apart.
//!
//! Which rows are looked at depends on their record numbers alone and not on the batches that they come in, so that a
//! run says the same each time. Nothing is changed. It cannot fail.

use super::midnight::{Midnights, TIMES, has_offset};
use super::spans::{self, SPANS};
use super::{Chunk, SourceFile};
use crate::job::plan::Plan;
use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray};
use arrow::datatypes::{
    DataType, Int32Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vtr_columnar::fold::Records;
use vtr_columnar::input::{CellRules, Column};
use vtr_kernel::Book;
use vtr_kernel::calendar::{DAY_MICROS, FIRST_DAY};
use vtr_kernel::policy::Marketplace;
use vtr_kernel::text::{grouped, shown};

/// The records of a file that are all looked at; of the others one in so many.
const FIRST_RECORDS: u64 = 128;
const EVERY: u64 = 64;

/// Fewer order ids show no share.
const LEAST_IDS: u64 = 20;
/// One in so many order ids of another form is told of.
const OTHER_IN: u64 = 20;

/// Returns whether so many order ids of Amazon's form, and others, are of several channels.
pub(crate) fn are_of_several_channels(own: u64, others: u64) -> bool {
    own > 0 && own + others >= LEAST_IDS && others * OTHER_IN >= own + others
}
/// Fewer times show no share.
const LEAST_TIMES: u64 = 100;
/// Of ten times this many are told of if they are ends of days.
const ENDS_OF_TEN: u64 = 9;

/// What the rows of a sample have. Those of parts of a file are added up in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Order ids of Amazon's form, and others.
    ids: [u32; 2],
    /// For each column of times, those without an offset that are ends of days, and others.
    times: [[u32; 2]; TIMES.len()],
    /// For each span between two times, packages that have it, and all that have the times.
    #[serde(default)]
    spans: [spans::Counts; SPANS.len()],
}

impl Sample {
    fn add(&mut self, other: Sample) {
        let times = self.times.iter_mut().zip(other.times).chain(self.spans.iter_mut().zip(other.spans));
        for (own, other) in std::iter::once((&mut self.ids, other.ids)).chain(times) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own = own.saturating_add(other));
        }
    }
}

/// For each file what its sample has.
#[derive(Debug)]
pub(crate) struct Sampled(Vec<Mutex<Sample>>);

impl Sampled {
    /// Returns the state for `files` files, with nothing seen yet.
    pub fn of(files: usize) -> Sampled {
        Sampled((0..files).map(|_| Mutex::default()).collect())
    }

    /// Looks at the rows of a chunk of a file, which has the place `at` here.
    pub fn look(&self, at: u32, file: &SourceFile, chunk: &Chunk, plan: &Plan) {
        let rows = rows(&chunk.records, chunk.batch.num_rows());
        if rows.is_empty() {
            return;
        }
        let (input, cells) = (&plan.inputs[file.input], plan.cells(file.input, file.format));
        let column = |column: Column| chunk.batch.column_by_name(column.name());
        let mut sample = Sample::default();
        if let Some(ids) = column(Column::OrderId).and_then(|ids| ids.as_string_view_opt()) {
            let mut market = MarketColumn::of(file, column(Column::Marketplace), &plan.book);
            for row in rows.iter().filter(|row| ids.is_valid(**row)) {
                let Some(id) = cells.trim(ids.value(*row)) else { continue };
                let is_of_amazon = has_amazons_form(id);
                if is_of_amazon || market.is_amazons(*row, &cells) {
                    sample.ids[usize::from(!is_of_amazon)] += 1;
                }
            }
        }
        let is_told = |time: &Column| input.zone.is_none() && !input.days.contains(*time);
        for (place, time) in TIMES.iter().enumerate().filter(|(_, time)| is_told(time)) {
            let Some(array) = column(*time) else { continue };
            for is_end in rows.iter().filter_map(|row| is_end_of_day(array, *row, &cells)) {
                sample.times[place][usize::from(!is_end)] += 1;
            }
        }
        let times = TIMES.map(column);
        for row in &rows {
            let found = spans::of_row(&times, *row, &cells);
            for ([with, all], has) in sample.spans.iter_mut().zip(found) {
                *with += u32::from(has == Some(true));
                *all += u32::from(has.is_some());
            }
        }
        self.see(at, sample);
    }

    /// Returns what the sample of a file has, for another process.
    pub fn seen(&self, file: u32) -> Sample {
        *self.0[file as usize].lock()
    }

    /// Adds what another process saw in a file.
    pub fn see(&self, file: u32, seen: Sample) {
        self.0[file as usize].lock().add(seen);
    }

    /// Returns sentences about shares among the files of each input.
    pub fn warnings(&self, files: &[SourceFile], midnights: &Midnights) -> Vec<String> {
        let inputs = files.iter().map(|file| file.input).collect::<std::collections::BTreeSet<_>>();
        let mut warnings = Vec::new();
        for input in inputs {
            let of_input = || (0..).zip(files).filter(|(_, file)| file.input == input);
            let with = |has: &dyn Fn(&Sample) -> bool| {
                let names = of_input().filter(|(at, _)| has(&self.seen(*at))).map(|(_, file)| file.shown.as_str());
                listed(&names.collect::<Vec<_>>())
            };
            let mut all = Sample::default();
            of_input().for_each(|(at, _)| all.add(self.seen(at)));
            let [own, others] = all.ids.map(u64::from);
            if are_of_several_channels(own, others) {
                let files = with(&|sample| sample.ids[1] > 0);
                warnings.push(of_other_channels(others, own + others, &files));
            }
            for (place, time) in TIMES.iter().enumerate() {
                let [ends, others] = all.times[place].map(u64::from);
                let mixed = of_input().any(|(at, _)| midnights.has_time_of_day(at, *time));
                if mixed && ends + others >= LEAST_TIMES && ends * 10 >= (ends + others) * ENDS_OF_TEN {
                    let files = with(&|sample| sample.times[place][0] > 0);
                    warnings.push(ends_of_days(time.name(), ends, ends + others, &files));
                }
            }
            for (place, span) in SPANS.into_iter().enumerate() {
                // One file of many may be odd, or all of many that are too small to show it.
                let is_odd = |sample: &Sample| span.is_told(sample.spans[place]);
                let mut odd = Sample::default();
                of_input().map(|(at, _)| self.seen(at)).filter(is_odd).for_each(|sample| odd.add(sample));
                if odd.spans[place][1] > 0 {
                    warnings.push(span.sentence(odd.spans[place], &with(&is_odd)));
                } else if is_odd(&all) {
                    warnings.push(span.sentence(all.spans[place], &with(&|sample| sample.spans[place][0] > 0)));
                }
            }
        }
        warnings
    }
}

fn listed(names: &[&str]) -> String {
    let first = names.first().map_or_else(String::new, |name| shown(name).into_owned());
    match names.len() {
        0 | 1 => first,
        more => format!("{first} and {} more files", grouped(more as u64 - 1)),
    }
}

fn of_other_channels(others: u64, all: u64, files: &str) -> String {
    format!(
        "{} of {} order ids looked at are not of Amazon's form (3-7-7 digits), though the marketplace of their rows is Amazon's, in \
         {files}: {OTHER_CHANNELS}",
        grouped(others),
        grouped(all)
    )
}

/// What follows from ids of other forms, and the remedy.
pub(crate) const OTHER_CHANNELS: &str = "they are probably orders of other channels, and each counts as one of Amazon's; export \
     Amazon's orders alone, or map `marketplace` to the column that names the channel";

fn ends_of_days(column: &str, ends: u64, all: u64, files: &str) -> String {
    format!(
        "{} of {} `{column}` looked at have no offset and are midnight or the end of a day (00:00, 23:59), in {files}: they are \
         probably of a local clock, and read as UTC they can lie on another day; write time_zone = \"Europe/Berlin\", or \
         whichever clock it is, in the [[input]], or days = [\"{column}\"] if they are calendar days",
        grouped(ends),
        grouped(all)
    )
}

/// Returns the rows of a chunk that are looked at.
fn rows(records: &Records, count: usize) -> Vec<usize> {
    match records {
        Records::From(first) => {
            let early = (FIRST_RECORDS + 1).saturating_sub(*first).min(count as u64);
            let next = (first + early).next_multiple_of(EVERY) - first;
            (0..early as usize).chain((next as usize..count).step_by(EVERY as usize)).collect()
        }
        Records::Listed { record, .. } => {
            let is_looked_at = |record: u64| record <= FIRST_RECORDS || record.is_multiple_of(EVERY);
            record.iter().enumerate().filter(|(_, record)| is_looked_at(**record)).map(|(row, _)| row).collect()
        }
    }
}

/// Where the marketplace of rows stands.
enum MarketColumn<'a> {
    /// One for the whole file: whether it is Amazon's.
    Constant(bool),
    /// A column, with the last label that was looked up.
    Labels { labels: &'a DictionaryArray<Int32Type>, book: &'a Book, last: Option<(i32, bool)> },
}

impl<'a> MarketColumn<'a> {
    fn of(file: &SourceFile, column: Option<&'a ArrayRef>, book: &'a Book) -> MarketColumn<'a> {
        match column.and_then(|column| column.as_dictionary_opt::<Int32Type>()) {
            Some(labels) => MarketColumn::Labels { labels, book, last: None },
            None => {
                let mut constants = file.constants.iter();
                let text = constants.find(|(column, _)| *column == Column::Marketplace).map(|(_, text)| text.as_str());
                MarketColumn::Constant(text.is_some_and(|text| is_of_book(book, text)))
            }
        }
    }

    fn is_amazons(&mut self, row: usize, cells: &CellRules) -> bool {
        match self {
            MarketColumn::Constant(is_amazons) => *is_amazons,
            MarketColumn::Labels { labels, book, last } => {
                let Some(key) = labels.is_valid(row).then(|| labels.keys().value(row)) else { return false };
                if let Some((_, is_amazons)) = last.filter(|(known, _)| *known == key) {
                    return is_amazons;
                }
                let values = labels.values().as_string_opt::<i32>().filter(|values| values.is_valid(key as usize));
                let text = values.and_then(|values| cells.trim(values.value(key as usize)));
                let is_amazons = text.is_some_and(|text| is_of_book(book, text));
                *last = Some((key, is_amazons));
                is_amazons
            }
        }
    }
}

fn is_of_book(book: &Book, text: &str) -> bool {
    matches!(book.resolve_marketplace(text), Some(Marketplace::Known(_)))
}

/// The form of Amazon's order ids; `0` is any digit.
const FORM: &[u8; 19] = b"000-0000000-0000000";
/// The beginnings of ids of multi-channel fulfilment, in which the first group begins so.
const MULTI_CHANNEL: &[u8; 1] = b"S";

/// Returns whether an id has Amazon's form, or holds one: some tools write a prefix or the number of a parcel beside it.
pub(crate) fn has_amazons_form(id: &str) -> bool {
    let fits = |text: &[u8]| {
        let digits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
        let from = usize::from(text.starts_with(MULTI_CHANNEL));
        text.iter().zip(FORM).skip(from).all(digits)
    };
    id.as_bytes().windows(FORM.len()).any(fits)
}

/// Returns whether a time without an offset is midnight or the last minute of a day; `None` if it has an offset, no time of
/// day, or is none.
fn is_end_of_day(array: &ArrayRef, row: usize, cells: &CellRules) -> Option<bool> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Timestamp(unit, None) => {
            let (value, per_day) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 86_400),
                TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 86_400_000),
                TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), DAY_MICROS),
                TimeUnit::Nanosecond => {
                    (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000 * DAY_MICROS)
                }
            };
            let time = value.rem_euclid(per_day);
            let is_end = time == 0 || time >= per_day - per_day / 1_440;
            (value.div_euclid(per_day) >= i64::from(FIRST_DAY)).then_some(is_end)
        }
        DataType::Utf8View => {
            let text = cells.trim(array.as_string_view().value(row)).filter(|text| !has_offset(text))?;
            let (day, time) = cells.times.as_written(text)?;
            let time = time?;
            (day >= FIRST_DAY).then_some(time == 0 || time >= DAY_MICROS - DAY_MICROS / 1_440)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{StringViewArray, TimestampNanosecondArray};
    use std::sync::Arc;

    #[test]
    fn the_same_records_are_looked_at_however_they_are_cut() {
        let whole: Vec<usize> = rows(&Records::From(1), 5_000);
        assert_eq!(whole.len(), 128 + (5_000 / 64 - 128 / 64));
        for size in [1, 63, 64, 500, 513, 4_096] {
            let cut = (0..5_000).step_by(size).flat_map(|from| {
                let count = size.min(5_000 - from);
                rows(&Records::From(from as u64 + 1), count).into_iter().map(move |row| from + row)
            });
            assert_eq!(cut.collect::<Vec<_>>(), whole, "{size}");
        }
        let record: Vec<u64> = (1..=5_000).collect();
        let listed = Records::Listed { line: record.clone(), byte_offset: record.clone(), record };
        assert_eq!(rows(&listed, 5_000), whole);
    }

    #[test]
    fn ids_of_amazon_are_known_by_their_digits() {
        for id in ["302-1234567-1234567", "S02-1234567-1234567", "302-1234567-1234567-1", "AMZ 302-1234567-1234567"] {
            assert!(has_amazons_form(id), "{id}");
        }
        for id in ["12-09876-54321", "#1001", "302-1234567-123456", "302_1234567_1234567", ""] {
            assert!(!has_amazons_form(id), "{id}");
        }
    }

    #[test]
    fn only_local_times_are_ends_of_days() {
        let texts = [
            ("2025-01-15 23:59:59", Some(true)),
            ("2025-01-15T00:00", Some(true)),
            ("2025-01-15T20:00:00", Some(false)),
            ("2025-01-15T23:59:59Z", None),
            ("2025-01-15T23:59:59+01:00", None),
            ("2025-01-15", None),
            ("1970-01-01 00:00:00", None),
            ("x", None),
        ];
        for (text, wanted) in texts {
            let array: ArrayRef = Arc::new(StringViewArray::from_iter_values([text]));
            assert_eq!(is_end_of_day(&array, 0, &CellRules::default()), wanted, "{text}");
        }
        let day = 20_000 * 1_000 * DAY_MICROS;
        let nanos = TimestampNanosecondArray::from(vec![Some(day), Some(day - 1), Some(day + 60_000_000_000), None]);
        let of = |array: &ArrayRef| [0, 1, 2, 3].map(|row| is_end_of_day(array, row, &CellRules::default()));
        assert_eq!(of(&(Arc::new(nanos.clone()) as ArrayRef)), [Some(true), Some(true), Some(false), None]);
        assert_eq!(of(&(Arc::new(nanos.with_timezone("UTC")) as ArrayRef)), [None; 4]);
    }
}
