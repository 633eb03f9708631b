//! Which row groups cannot hold a day that is asked for.
//!
//! It trusts a column's statistics only where no null is among its values, and leaves a row group out
//! only if neither date column reaches the days asked for; in doubt a row group is read. It never
//! fails.

use arrow::datatypes::{DataType, TimeUnit};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use vtr_kernel::calendar::Day;

/// A date column: the index of its leaf, and the type it is read as.
pub(super) struct DateColumn {
    /// Leaf of the Parquet schema.
    pub leaf: usize,
    /// Its Arrow type.
    pub arrow: DataType,
}

/// Whether a row group can be left out. A row lies by one of its date columns, which of them depends
/// on the marketplace, and its days by UTC are off by up to one from those of the marketplace.
pub(super) fn can_leave_out(group: &RowGroupMetaData, dates: &[DateColumn], (first, last): (Day, Day)) -> bool {
    let outside = |date: &DateColumn| {
        let statistics = group.columns().get(date.leaf).and_then(|column| column.statistics());
        statistics
            .and_then(|statistics| days(statistics, &date.arrow))
            .is_some_and(|(low, high)| high.saturating_add(1) < first || low.saturating_sub(1) > last)
    };
    !dates.is_empty() && dates.iter().all(outside)
}

/// The first and last day by UTC that a column holds, if that is certain.
fn days(statistics: &Statistics, arrow: &DataType) -> Option<(Day, Day)> {
    if statistics.null_count_opt() != Some(0) || statistics.is_min_max_deprecated() {
        return None;
    }
    let (low, high) = match statistics {
        Statistics::Int32(days) => (i64::from(*days.min_opt()?), i64::from(*days.max_opt()?)),
        Statistics::Int64(units) => (*units.min_opt()?, *units.max_opt()?),
        _ => return None,
    };
    let units_per_day = match (statistics, arrow) {
        (Statistics::Int32(_), DataType::Date32 | DataType::Date64) => 1,
        (Statistics::Int64(_), DataType::Date64) => 86_400_000,
        (Statistics::Int64(_), DataType::Timestamp(unit, _)) => match unit {
            TimeUnit::Second => 86_400,
            TimeUnit::Millisecond => 86_400_000,
            TimeUnit::Microsecond => 86_400_000_000,
            TimeUnit::Nanosecond => 86_400_000_000_000,
        },
        _ => return None,
    };
    let day = |units: i64| Day::try_from(units.div_euclid(units_per_day)).ok();
    (low <= high).then_some((day(low)?, day(high)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn micros(min: i64, max: i64, nulls: Option<u64>) -> Statistics {
        Statistics::int64(Some(min), Some(max), None, nulls, false)
    }

    #[test]
    fn days_are_floored_and_trusted_only_without_nulls() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(days(&micros(-HOUR, 25 * HOUR, Some(0)), &time), Some((-1, 1)));
        assert_eq!(days(&micros(0, HOUR, None), &time), None);
        assert_eq!(days(&micros(0, HOUR, Some(1)), &time), None);
        assert_eq!(days(&micros(HOUR, 0, Some(0)), &time), None);
        assert_eq!(days(&Statistics::int64(Some(0), None, None, Some(0), false), &time), None);
        assert_eq!(days(&Statistics::int64(Some(0), Some(1), None, Some(0), true), &time), None);
        assert_eq!(days(&Statistics::int32(Some(3), Some(4), None, Some(0), false), &DataType::Date32), Some((3, 4)));
        assert_eq!(days(&micros(0, 1, Some(0)), &DataType::Utf8View), None);
    }
}
