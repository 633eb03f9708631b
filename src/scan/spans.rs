//! Spans between two times of a package that show, if many have them, that a column holds something else.
//!
//! A promise before the shipment, a scan months after both, a first scan behind the delivery: one may be true, most of a
//! file are not. It compares times as they are read and changes none. It cannot fail.

use crate::job::assembly::EventWindow;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use vtr_columnar::input::{CellRules, Column};
use vtr_kernel::calendar::{DAY_MICROS, FIRST_DAY, Micros};
use vtr_kernel::instant::Moment;
use vtr_kernel::text::grouped;

/// The spans that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    PromiseBeforeShipment,
    PromiseLongAfterShipment,
    FirstScanAfterDelivery,
    FirstScanLate,
    DeliveryScanLate,
    FirstScanAtShipment,
    FirstScanAtNumber,
}

/// All of them, in the order of their counts in a sample.
pub(super) const SPANS: [Span; 7] = [
    Span::PromiseBeforeShipment,
    Span::PromiseLongAfterShipment,
    Span::FirstScanAfterDelivery,
    Span::FirstScanLate,
    Span::DeliveryScanLate,
    Span::FirstScanAtShipment,
    Span::FirstScanAtNumber,
];

/// How many packages of a sample have a span, and how many have the times for it.
pub(super) type Counts = [u32; 2];

/// Fewer packages show no share.
const LEAST: u64 = 20;
/// Fewer packages do not show that all scans are events of a label.
const LEAST_AT_ONCE: u64 = 100;
/// One in so many packages with late scans is told of, from so many on: single parcels are found again after months.
const LATE_IN: u64 = 50;
const LEAST_LATE: u64 = 5;
/// A label's event is within a minute of the shipment that is confirmed with it.
const AT_ONCE: Micros = 60_000_000;
const SECOND: Micros = 1_000_000;
/// Times on whole hours are probably days, in whichever zone.
const HOUR: Micros = 3_600_000_000;

/// A time of a row; `is_day`: it is probably a day, of any clock.
#[derive(Clone, Copy)]
struct Time {
    micros: Micros,
    is_day: bool,
}

impl Time {
    /// The last moment that can be meant.
    fn end(self) -> Micros {
        self.micros.saturating_add(if self.is_day { DAY_MICROS } else { 0 })
    }

    fn is_before(self, other: Time) -> bool {
        self.end() < other.micros
    }

    fn is_days_after(self, other: Time, days: i32) -> bool {
        self.micros.saturating_sub(other.micros) > i64::from(days) * DAY_MICROS
    }
}

/// The days after its shipment in which an event of raw files belongs to a package, unless a job says otherwise.
fn most_days() -> i32 {
    EventWindow::default().to
}

/// Looks at a row, given the columns of promise, shipment, number's addition, first and delivery scan; returns for each
/// span whether the row has it, `None` if it lacks a time.
pub(super) fn of_row(times: &[Option<&ArrayRef>], row: usize, cells: &CellRules) -> [Option<bool>; SPANS.len()] {
    let most_days = most_days();
    let at = |place: usize| time(times[place]?, row, cells);
    let [promised, shipped, added, first, delivery] = std::array::from_fn(at);
    let both = |one: Option<Time>, other: Option<Time>, has: &dyn Fn(Time, Time) -> bool| Some(has(one?, other?));
    let late = |scan: Option<Time>| {
        let due = [promised, shipped].into_iter().flatten().max_by_key(|time| time.micros);
        both(scan, due, &|scan, due| scan.is_days_after(due, most_days))
    };
    let at_once = |other: Option<Time>| {
        // Times of the same second are copies, of which it is told by themselves.
        both(first.filter(|time| !time.is_day), other, &|scan, other| {
            (SECOND..AT_ONCE).contains(&(scan.micros - other.micros).abs())
        })
    };
    SPANS.map(|span| match span {
        Span::PromiseBeforeShipment => both(promised, shipped.or(first), &Time::is_before),
        Span::PromiseLongAfterShipment => {
            both(promised, shipped.or(first), &|promised, shipped| promised.is_days_after(shipped, most_days))
        }
        Span::FirstScanAfterDelivery => both(delivery, first, &Time::is_before),
        Span::FirstScanLate => late(first),
        Span::DeliveryScanLate => late(delivery),
        Span::FirstScanAtShipment => at_once(shipped),
        Span::FirstScanAtNumber => at_once(added),
    })
}

/// Returns the time of a row, if it is plausible.
fn time(array: &ArrayRef, row: usize, cells: &CellRules) -> Option<Time> {
    if array.is_null(row) {
        return None;
    }
    let micros = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            array.as_primitive::<TimestampSecondType>().value(row).checked_mul(SECOND)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            array.as_primitive::<TimestampMillisecondType>().value(row).checked_mul(1_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000))
        }
        DataType::Date32 => Some(i64::from(array.as_primitive::<Date32Type>().value(row)) * DAY_MICROS),
        DataType::Date64 => array.as_primitive::<Date64Type>().value(row).checked_mul(1_000),
        DataType::Utf8View => match cells.times.read(cells.trim(array.as_string_view().value(row))?).ok()? {
            Moment::Instant(micros) => Some(micros),
            Moment::Date(day) => Some(i64::from(day) * DAY_MICROS),
        },
        _ => None,
    }?;
    // The ends of clocks are fillers, of which it is told by themselves.
    let last = 100 * 366 * DAY_MICROS;
    let first = i64::from(FIRST_DAY) * DAY_MICROS;
    (first..first + last).contains(&micros).then_some(Time { micros, is_day: micros % HOUR == 0 })
}

impl Span {
    /// Returns whether so many of the packages that have its times are told of.
    pub(super) fn is_told(self, [with, all]: Counts) -> bool {
        let (with, all) = (u64::from(with), u64::from(all));
        match self {
            Span::PromiseBeforeShipment | Span::PromiseLongAfterShipment | Span::FirstScanAfterDelivery => {
                all >= LEAST && with * 2 > all
            }
            Span::FirstScanLate | Span::DeliveryScanLate => all >= LEAST && with >= LEAST_LATE && with * LATE_IN >= all,
            Span::FirstScanAtShipment | Span::FirstScanAtNumber => all >= LEAST_AT_ONCE && with * 10 >= all * 9,
        }
    }

    /// Returns a sentence about the packages with it in these files.
    pub(super) fn sentence(self, [with, all]: Counts, files: &str) -> String {
        let (with, all, most_days) = (grouped(with.into()), grouped(all.into()), most_days());
        let late = |column: &str| {
            format!(
                "{with} of {all} packages looked at have a `{column}` more than {most_days} days after promise and shipment, in {files}: \
                 it is probably of a later parcel with the same number, and yet each counts as scanned; join scans to packages by \
                 number and date"
            )
        };
        let at_once = |other: &str| {
            format!(
                "{with} of {all} packages looked at have a `first_scan_at` within a minute of `{other}`, in {files}: it is probably the \
                 making of the label, which is no scan, and yet each counts as scanned; map the column with what the carrier scanned"
            )
        };
        match self {
            Span::PromiseBeforeShipment => format!(
                "{with} of {all} packages looked at are promised before they were shipped, in {files}: `promised_delivery_at` probably \
                 holds another day, such as that of the order, and each package counts in a wrong week; map it with the last day on \
                 which the buyer was promised the delivery, and see whether `shipped_at` is right"
            ),
            Span::PromiseLongAfterShipment => format!(
                "{with} of {all} packages looked at are promised more than {most_days} days after they were shipped, in {files}: one of \
                 the days is probably wrong, such as its year, and each package counts in a wrong week; compare \
                 `promised_delivery_at` with `shipped_at` and the scans"
            ),
            Span::FirstScanAfterDelivery => format!(
                "{with} of {all} packages looked at have a `first_scan_at` after their `delivery_scan_at`, in {files}: the columns are \
                 probably swapped; map each with its own heading"
            ),
            Span::FirstScanLate => late(Column::FirstScanAt.name()),
            Span::DeliveryScanLate => late(Column::DeliveryScanAt.name()),
            Span::FirstScanAtShipment => at_once(Column::ShippedAt.name()),
            Span::FirstScanAtNumber => at_once(Column::TrackingAddedAt.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, StringViewArray, TimestampMillisecondArray};
    use std::sync::Arc;

    fn spans(times: [&str; 5]) -> Vec<Span> {
        let arrays = times.map(|time| -> ArrayRef { Arc::new(StringViewArray::from_iter_values([time])) });
        let found = of_row(&arrays.each_ref().map(Some), 0, &CellRules::default());
        SPANS.into_iter().zip(found).filter(|(_, has)| *has == Some(true)).map(|(span, _)| span).collect()
    }

    #[test]
    fn spans_that_nobody_means_are_found() {
        let shipped = "2025-02-03T10:20:30Z";
        for (times, wanted) in [
            (["2025-02-06", shipped, "", "2025-02-03T18:00:01Z", "2025-02-05T09:00:01Z"], vec![]),
            (["2025-02-03", shipped, "", "", ""], vec![]),
            (["2025-02-02", shipped, "", "", ""], vec![Span::PromiseBeforeShipment]),
            (["2025-02-03T09:00:01Z", shipped, "", "", ""], vec![Span::PromiseBeforeShipment]),
            (["2026-02-03", shipped, "", "", ""], vec![Span::PromiseLongAfterShipment]),
            (["2025-02-06", "", "", "2025-02-12T18:00:01Z", ""], vec![Span::PromiseBeforeShipment]),
            (["2025-02-06", shipped, "", "2025-09-05T18:00:01Z", ""], vec![Span::FirstScanLate]),
            (["2025-02-06", shipped, "", "", "2025-09-05"], vec![Span::DeliveryScanLate]),
            (["", shipped, "", "2025-02-06T18:00:01Z", "2025-02-05T09:00:01Z"], vec![Span::FirstScanAfterDelivery]),
            (["", shipped, "2025-02-04T01:02:03Z", "2025-02-04T01:02:04Z", ""], vec![Span::FirstScanAtNumber]),
            (["", shipped, "", "2025-02-03T10:20:27Z", ""], vec![Span::FirstScanAtShipment]),
            (["", shipped, "", "2025-02-03T10:20:30Z", "1970-01-01"], vec![]),
        ] {
            assert_eq!(spans(times), wanted, "{times:?}");
        }
    }

    #[test]
    fn times_of_every_type_are_compared() {
        let promised: ArrayRef = Arc::new(Date32Array::from(vec![20_000]));
        let shipped: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![20_002 * 86_400_000 + 1]));
        let found = of_row(&[Some(&promised), Some(&shipped), None, None, None], 0, &CellRules::default());
        assert_eq!(found[..3], [Some(true), Some(false), None]);
    }

    #[test]
    fn few_are_not_told_of() {
        assert!(Span::PromiseBeforeShipment.is_told([11, 20]) && !Span::PromiseBeforeShipment.is_told([10, 20]));
        assert!(Span::FirstScanLate.is_told([5, 250]) && !Span::FirstScanLate.is_told([4, 20]));
        assert!(!Span::FirstScanLate.is_told([5, 251]));
        assert!(Span::FirstScanAtShipment.is_told([90, 100]) && !Span::FirstScanAtShipment.is_told([99, 99]));
    }
}
