//! Time columns whose every value is midnight, which are dates that a tool without a date type has stored as moments, and
//! scan columns without any value.
//!
//! West of their clock such moments are on the day before. A column is checked until its first other time of day,
//! which hardly ever takes more than one batch; nothing is changed. It cannot fail.

use super::SourceFile;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use std::sync::atomic::{AtomicU16, Ordering};
use vtr_columnar::input::{CellRules, Column};
use vtr_kernel::calendar::{DAY_MICROS, FIRST_DAY};
use vtr_kernel::text::shown;

/// The columns of times.
pub(super) const TIMES: [Column; 6] = [
    Column::PromisedDeliveryAt,
    Column::ShippedAt,
    Column::TrackingAddedAt,
    Column::FirstScanAt,
    Column::DeliveryScanAt,
    Column::UpdatedAt,
];

/// The columns of which it is known whether they have any value, however it is written.
const SCANS: [Column; 2] = [Column::FirstScanAt, Column::DeliveryScanAt];

/// For each file one bit for every time column that has a value at midnight, above it one for every scan column that has
/// any value, and above these one for every time column that has another time of day.
#[derive(Debug)]
pub(crate) struct Midnights(Vec<AtomicU16>);

/// The shift of the bits of scan columns with any value.
const ANY: usize = 6;
/// The shift of the bits of columns with another time of day.
const OTHER: usize = 8;

/// The times of a batch of a column.
#[derive(Clone, Copy, Default)]
struct TimesSeen {
    midnight: bool,
    other: bool,
}

impl Midnights {
    /// Returns the state for `files` files, with nothing seen yet.
    pub fn of(files: usize) -> Midnights {
        Midnights((0..files).map(|_| AtomicU16::new(0)).collect())
    }

    /// Looks at the times of a batch of a file.
    pub fn look(&self, file: u32, batch: &RecordBatch, cells: &CellRules) {
        let bits = &self.0[file as usize];
        let known = bits.load(Ordering::Relaxed);
        for (place, column) in SCANS.iter().enumerate().filter(|(place, _)| known >> (place + ANY) & 1 == 0) {
            if batch.column_by_name(column.name()).is_some_and(|array| has_any(array, cells)) {
                bits.fetch_or(1 << (place + ANY), Ordering::Relaxed);
            }
        }
        for (place, column) in TIMES.iter().enumerate() {
            if known >> (place + OTHER) & 1 == 1 {
                continue;
            }
            let Some(array) = batch.column_by_name(column.name()) else { continue };
            let seen = seen(array, cells);
            let new = u16::from(seen.midnight) << place | u16::from(seen.other) << (place + OTHER);
            if new & !known != 0 {
                bits.fetch_or(new, Ordering::Relaxed);
            }
        }
    }

    /// Returns the times seen in a file, for another process.
    pub fn seen(&self, file: u32) -> u16 {
        self.0[file as usize].load(Ordering::Relaxed)
    }

    /// Adds the times that another process saw in a file.
    pub fn see(&self, file: u32, seen: u16) {
        self.0[file as usize].fetch_or(seen, Ordering::Relaxed);
    }

    /// Returns whether some time in a column of a file is neither midnight nor the end of a day.
    pub fn has_time_of_day(&self, file: u32, column: Column) -> bool {
        let place = TIMES.iter().position(|known| *known == column);
        place.is_some_and(|place| self.seen(file) >> (place + OTHER) & 1 == 1)
    }

    /// Returns a sentence for each column that has only midnights in some file.
    pub fn warnings(&self, files: &[SourceFile]) -> Vec<String> {
        let warning = |(place, column): (usize, &Column)| {
            let is_only = |bits: u16| bits >> place & 1 == 1 && bits >> (place + OTHER) & 1 == 0;
            let mut only = self.0.iter().zip(files).filter(|(bits, _)| is_only(bits.load(Ordering::Relaxed)));
            let (_, first) = only.next()?;
            let more = match only.count() {
                0 => String::new(),
                more => format!(" and {more} more files"),
            };
            Some(sentence(column.name(), &format!("{}{more}", shown(&first.shown))))
        };
        TIMES.iter().enumerate().filter_map(warning).chain(self.without_first_scans(files)).collect()
    }

    /// Returns a sentence if some file has delivery scans and a column of first scans without any. New files may well
    /// have first scans only, of which nothing is said.
    fn without_first_scans(&self, files: &[SourceFile]) -> Option<String> {
        let [first, delivery] = SCANS;
        let is_empty = |(bits, file): &(&AtomicU16, &SourceFile)| {
            let has = bits.load(Ordering::Relaxed) >> ANY & 0b11;
            file.columns.contains(first) && has == 0b10
        };
        let mut empty = self.0.iter().zip(files).filter(is_empty);
        let (_, file) = empty.next()?;
        let more = match empty.count() {
            0 => String::new(),
            more => format!(" and {more} more files"),
        };
        Some(format!(
            "no row of {}{more} has a value in `{}`, though the column is there and `{}` has: packages that need two scans \
             lack one; if the source does not know that scan, take the column out of the job or the file",
            shown(&file.shown),
            first.name(),
            delivery.name()
        ))
    }
}

/// Explains that all times of a column are midnight, and the remedy.
pub(crate) fn sentence(column: &str, whose: &str) -> String {
    format!(
        "every `{column}` of {whose} is midnight or the end of a day (00:00, 23:59): if they are calendar days, write days = \
         [\"{column}\"] in the [[input]]; as moments of another clock they lie on the day before or after"
    )
}

fn seen(array: &ArrayRef, cells: &CellRules) -> TimesSeen {
    const FIRST: i64 = FIRST_DAY as i64;
    match array.data_type() {
        DataType::Timestamp(unit, zone) if zone.as_deref().is_none_or(is_utc) => {
            let (values, per_day): (Vec<Option<i64>>, i64) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().iter().collect(), 86_400),
                TimeUnit::Millisecond => {
                    (array.as_primitive::<TimestampMillisecondType>().iter().collect(), 86_400_000)
                }
                TimeUnit::Microsecond => {
                    (array.as_primitive::<TimestampMicrosecondType>().iter().collect(), DAY_MICROS)
                }
                TimeUnit::Nanosecond => {
                    (array.as_primitive::<TimestampNanosecondType>().iter().collect(), 1_000 * DAY_MICROS)
                }
            };
            // Filler dates of long ago are not days that anybody meant.
            let values = values.into_iter().flatten().filter(|value| value.div_euclid(per_day) >= FIRST);
            let is_border = |value: i64| {
                let time = value.rem_euclid(per_day);
                // The last minute of a day without a zone is an end of that day; with one it may be what was promised.
                time == 0 || zone.is_none() && time >= per_day - per_day / 1_440
            };
            gathered(values.map(is_border))
        }
        DataType::Utf8View => {
            let texts = array.as_string_view().iter().flatten();
            let written = texts.filter_map(|text| {
                let text = cells.trim(text)?;
                Some((has_offset(text), cells.times.as_written(text)?))
            });
            let written = written.filter(|(_, (day, _))| *day >= FIRST_DAY);
            let times = written.filter_map(|(has_offset, (_, time))| Some((has_offset, time?)));
            gathered(
                times.map(|(has_offset, time)| time == 0 || !has_offset && time >= DAY_MICROS - DAY_MICROS / 1_440),
            )
        }
        _ => TimesSeen::default(),
    }
}

/// Returns whether a column has any value that is not blank.
fn has_any(array: &ArrayRef, cells: &CellRules) -> bool {
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().iter().flatten().any(|text| cells.trim(text).is_some()),
        _ => array.logical_null_count() < array.len(),
    }
}

/// Returns how many times of a column are midnight and how many are not; both are 0 or 1 where the exact number does
/// not matter.
pub(crate) fn counted(array: &ArrayRef, cells: &CellRules) -> (u64, u64) {
    let seen = seen(array, cells);
    (u64::from(seen.midnight), u64::from(seen.other))
}

/// Whether a text ends with an offset from UTC.
pub(super) fn has_offset(text: &str) -> bool {
    let behind = text.get(10..).unwrap_or_default();
    behind.ends_with(['Z', 'z']) || behind.ends_with("UTC") || behind.ends_with("GMT") || behind.contains(['+', '-'])
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "Z" | "+00:00" | "Etc/UTC")
}

/// Returns whether some are midnight and some are not; stops at the first that is not.
fn gathered(mut are_midnight: impl Iterator<Item = bool>) -> TimesSeen {
    let mut seen = TimesSeen::default();
    seen.other = are_midnight.any(|is_midnight| {
        seen.midnight |= is_midnight;
        !is_midnight
    });
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{StringViewArray, TimestampMicrosecondArray, TimestampNanosecondArray};
    use std::sync::Arc;

    #[test]
    fn columns_with_midnights_only_are_known_until_another_time_comes() {
        let look = |arrays: &[ArrayRef]| {
            let midnights = Midnights::of(1);
            for array in arrays {
                let batch = RecordBatch::try_from_iter([("shipped_at", array.clone())]).unwrap();
                midnights.look(0, &batch, &CellRules::default());
            }
            let bits = midnights.0[0].load(Ordering::Relaxed);
            (bits >> 1 & 1 == 1, bits >> (1 + OTHER) & 1 == 1)
        };
        let micros = |days: &[Option<i64>], by: i64| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from_iter(days.iter().map(|day| day.map(|day| day * DAY_MICROS + by))))
        };
        let utc = |array: ArrayRef| -> ArrayRef {
            Arc::new(array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC"))
        };
        let days = [Some(20_000), None, Some(20_001)];
        assert_eq!(look(&[micros(&days, 0)]), (true, false));
        assert_eq!(look(&[utc(micros(&days, 0))]), (true, false));
        assert_eq!(look(&[micros(&days, 0), micros(&days, 1)]), (true, true));
        assert_eq!(look(&[micros(&[None, Some(0)], 0)]), (false, false), "a filler says nothing");
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![20_000 * 1_000 * DAY_MICROS]));
        assert_eq!(look(&[nanos]), (true, false));
        let texts = |texts: &[&str]| -> ArrayRef { Arc::new(StringViewArray::from_iter_values(texts)) };
        assert_eq!(look(&[texts(&["2025-01-15T00:00:00Z", "", "2025-01-16 00:00"])]), (true, false));
        assert_eq!(look(&[texts(&["2025-01-15", "2025-01-16"])]), (false, false), "bare dates are days already");
        assert_eq!(look(&[texts(&["2025-01-15T00:00:00Z", "2025-01-15T00:00:01Z"])]), (true, true));
    }
}
