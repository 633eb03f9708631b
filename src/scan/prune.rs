//! Which days the rows of a row group can have, and so which groups need not be read.
//!
//! The day of a row is that of one of its date columns, and the value of that column is not null: the least and
//! greatest values of both columns bound the days of all rows, however many nulls are among them. Statistics are
//! trusted only if the number of nulls is known, because writers that count them also order values as we do; in doubt
//! a row group is read. It never fails.

use super::identity::Days;
use arrow::datatypes::{DataType, TimeUnit};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use vtr_kernel::calendar::Day;

/// A time column: the index of its leaf, and the type it is read as.
pub(crate) struct TimeColumn {
    /// Leaf of the Parquet schema.
    pub leaf: usize,
    /// Its Arrow type.
    pub arrow: DataType,
    /// The hours that a marketplace's clock can be behind and ahead of the column's own.
    pub clock: (i64, i64),
}

/// No clock is more than 12 hours behind UTC or more than 14 ahead of it.
pub(crate) const UTC: (i64, i64) = (-12, 14);
/// Two such clocks are up to 26 hours apart.
pub(crate) const ANY_CLOCK: (i64, i64) = (-26, 26);

/// The columns of a file that place its rows in time.
pub(crate) struct Clock {
    /// Promise and shipment, as far as the file has them; empty if one of them is not read from it.
    pub dates: Vec<TimeColumn>,
    /// Columns in which a value after this day means that the row does not exist yet.
    pub later: Option<(Vec<TimeColumn>, Day)>,
    /// Columns in which a value after `as_of` is not known yet; `None` if one of them is not read from the file.
    pub moments: Option<Vec<TimeColumn>>,
}

impl Clock {
    /// Returns the days that the rows of a group can have by any marketplace's clock; `Some(None)` if no row has a
    /// date, `None` if that is uncertain.
    pub fn days(&self, group: &RowGroupMetaData) -> Option<Option<Days>> {
        let columns: Option<Vec<Option<Days>>> = self.dates.iter().map(|date| days_of(group, date)).collect();
        let columns = columns.filter(|columns| !columns.is_empty())?;
        let known = columns.into_iter().flatten();
        Some(known.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))))
    }

    /// Returns whether a row group holds no row of the days asked for.
    pub fn can_leave_out(&self, group: &RowGroupMetaData, (first, last): Days) -> bool {
        // Each column counts by itself: promises after the days and shipments before them are both outside.
        let outside = |date: &TimeColumn| {
            days_of(group, date).is_some_and(|days| days.is_none_or(|(low, high)| high < first || low > last))
        };
        !self.dates.is_empty() && self.dates.iter().all(outside)
    }

    /// Returns the last day of any moment of a group's rows, or a day after it; `None` if that is uncertain.
    pub fn latest(&self, group: &RowGroupMetaData) -> Option<Day> {
        let last = |time: &TimeColumn| days_of(group, time).map(|days| days.map_or(Day::MIN, |(_, last)| last));
        let lasts: Option<Vec<Day>> = self.moments.as_ref()?.iter().map(last).collect();
        Some(lasts?.into_iter().max().unwrap_or(Day::MIN))
    }

    /// Returns whether no row of a group exists yet on the `as_of` day.
    pub fn is_later(&self, group: &RowGroupMetaData) -> bool {
        let Some((columns, as_of)) = &self.later else { return false };
        let all_later = |time: &TimeColumn| {
            let nulls = statistics(group, time).and_then(Statistics::null_count_opt);
            nulls == Some(0) && days_of(group, time).flatten().is_some_and(|(low, _)| low > *as_of)
        };
        columns.iter().any(all_later)
    }
}

fn statistics<'a>(group: &'a RowGroupMetaData, time: &TimeColumn) -> Option<&'a Statistics> {
    group.columns().get(time.leaf).and_then(|column| column.statistics())
}

fn days_of(group: &RowGroupMetaData, time: &TimeColumn) -> Option<Option<Days>> {
    days(statistics(group, time)?, group.num_rows().unsigned_abs(), time)
}

/// Returns the first and last day of a column's values over `rows` rows in any time zone; `Some(None)` if all are
/// null, `None` if that is uncertain.
fn days(statistics: &Statistics, rows: u64, time: &TimeColumn) -> Option<Option<Days>> {
    let nulls = statistics.null_count_opt()?;
    if nulls == rows {
        return Some(None);
    }
    if nulls > rows || statistics.is_min_max_deprecated() {
        return None;
    }
    let (low, high) = match statistics {
        Statistics::Int32(days) => (i64::from(*days.min_opt()?), i64::from(*days.max_opt()?)),
        Statistics::Int64(units) => (*units.min_opt()?, *units.max_opt()?),
        _ => return None,
    };
    let units_per_day = match (statistics, &time.arrow) {
        // A date without a time is the same day on every clock.
        (Statistics::Int32(_), DataType::Date32 | DataType::Date64) => return in_order(low, high),
        (Statistics::Int64(_), DataType::Date64) => 86_400_000,
        (Statistics::Int64(_), DataType::Timestamp(unit, _)) => match unit {
            TimeUnit::Second => 86_400,
            TimeUnit::Millisecond => 86_400_000,
            TimeUnit::Microsecond => 86_400_000_000,
            TimeUnit::Nanosecond => 86_400_000_000_000,
        },
        _ => return None,
    };
    let by = |units: i64, hours: i64| units.saturating_add(units_per_day / 24 * hours).div_euclid(units_per_day);
    if low > high {
        return None;
    }
    in_order(by(low, time.clock.0), by(high, time.clock.1))
}

fn in_order(low: i64, high: i64) -> Option<Option<Days>> {
    (low <= high).then_some(Some((Day::try_from(low).ok()?, Day::try_from(high).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn micros(min: i64, max: i64, nulls: Option<u64>) -> Statistics {
        Statistics::int64(Some(min), Some(max), None, nulls, false)
    }

    #[test]
    fn days_are_floored_and_trusted_where_nulls_are_counted() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let of = |clock| {
            move |statistics: &Statistics, arrow: &DataType| {
                days(statistics, 10, &TimeColumn { leaf: 0, arrow: arrow.clone(), clock })
            }
        };
        let days = of(UTC);
        assert_eq!(of(ANY_CLOCK)(&micros(26 * HOUR, 47 * HOUR, Some(0)), &time), Some(Some((0, 3))));
        assert_eq!(days(&micros(12 * HOUR, 33 * HOUR, Some(0)), &time), Some(Some((0, 1))));
        assert_eq!(days(&micros(12 * HOUR - 1, 34 * HOUR, Some(9)), &time), Some(Some((-1, 2))), "nulls lie on no day");
        assert_eq!(days(&Statistics::int64(None, None, None, Some(10), false), &time), Some(None));
        assert_eq!(days(&micros(0, HOUR, None), &time), None);
        assert_eq!(days(&micros(0, HOUR, Some(11)), &time), None);
        assert_eq!(days(&micros(HOUR, 0, Some(0)), &time), None);
        assert_eq!(days(&Statistics::int64(Some(0), None, None, Some(0), false), &time), None);
        assert_eq!(days(&Statistics::int64(None, None, None, Some(0), false), &time), None);
        assert_eq!(days(&Statistics::int64(Some(0), Some(1), None, Some(0), true), &time), None);
        let date = Statistics::int32(Some(3), Some(4), None, Some(0), false);
        assert_eq!(days(&date, &DataType::Date32), Some(Some((3, 4))));
        assert_eq!(days(&micros(0, 1, Some(0)), &DataType::Utf8View), None);
    }
}
