//! Time columns: each cell is null, a moment or a fault.
//!
//! A column is read in a loop of its own when its batch arrives, so that the reads of successive cells overlap. A cell
//! that cannot be typed is a [`Cell::Fault`], never a null.

use crate::input::{CellRules, micros_per};
use crate::resolve::{Cell, Origin, primitive, valid};
use crate::texts::as_view;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringViewArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use vtr_kernel::calendar::{Day, Micros};
use vtr_kernel::glance::{Instants, MOST};
use vtr_kernel::instant::Moment;

/// A time column.
pub(crate) enum Times {
    Constant(Cell<Moment>),
    /// Instants in microseconds, or null.
    Micros {
        values: ScalarBuffer<i64>,
        nulls: Option<NullBuffer>,
    },
    /// Any other form. A column is read in a loop of its own, so that the reads of successive cells overlap.
    Read {
        values: Vec<i64>,
        kinds: Vec<TimeKind>,
    },
}

/// The form of a value of [`Times::Read`].
#[derive(Clone, Copy)]
pub(crate) enum TimeKind {
    Null,
    Instant,
    Date,
    Fault,
}

/// Returns a time as [`Times::Read`] keeps it.
fn told(cell: Cell<Moment>) -> (Micros, TimeKind) {
    match cell {
        Cell::Null => (0, TimeKind::Null),
        Cell::Value(Moment::Instant(micros)) => (micros, TimeKind::Instant),
        Cell::Value(Moment::Date(day)) => (day.into(), TimeKind::Date),
        Cell::Fault => (0, TimeKind::Fault),
    }
}

fn read_time(text: &str, cells: &CellRules) -> Cell<Moment> {
    let read = |text: &str| match cells.times.read(text) {
        // Some databases write this as their zero; it is a filler like the year 1.
        Err(_) if text.starts_with("0000-00-00") => Cell::Value(Moment::Date(DAY_OF_NOTHING)),
        read => Cell::or_fault(read),
    };
    cells.trim(text).map_or(Cell::Null, read)
}

/// The first day of the year 0.
const DAY_OF_NOTHING: Day = -719_528;

/// Returns the raw counts of a timestamp array, whatever its unit.
fn stamps(array: &ArrayRef, unit: TimeUnit) -> PrimitiveArray<Int64Type> {
    fn raw<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef) -> PrimitiveArray<Int64Type> {
        let array = array.as_primitive::<T>();
        PrimitiveArray::new(array.values().clone(), array.nulls().cloned())
    }
    match unit {
        TimeUnit::Second => raw::<TimestampSecondType>(array),
        TimeUnit::Millisecond => raw::<TimestampMillisecondType>(array),
        TimeUnit::Microsecond => raw::<TimestampMicrosecondType>(array),
        TimeUnit::Nanosecond => raw::<TimestampNanosecondType>(array),
    }
}

impl Times {
    pub(crate) fn new(origin: &Origin, cells: &CellRules) -> Result<Times, String> {
        let array = match origin {
            Origin::Absent => return Ok(Times::Constant(Cell::Null)),
            Origin::Constant(text) => return Ok(Times::Constant(read_time(text, cells))),
            Origin::Array(array) => *array,
        };
        Ok(match array.data_type() {
            DataType::Null => Times::Constant(Cell::Null),
            DataType::Timestamp(unit, _) => {
                let values = stamps(array, *unit);
                if *unit == TimeUnit::Microsecond {
                    let nulls = values.nulls().cloned().filter(|nulls| nulls.null_count() > 0);
                    return Ok(Times::Micros { values: values.values().clone(), nulls });
                }
                let (multiply, divide) = micros_per(*unit);
                Times::read(values.iter(), |value: Micros| match value.checked_mul(multiply) {
                    Some(micros) => Cell::Value(Moment::Instant(micros.div_euclid(divide))),
                    None => Cell::Fault,
                })
            }
            DataType::Date32 => {
                let days = primitive::<Date32Type>(array, &DataType::Date32)?;
                Times::read(days.iter(), |day| Cell::Value(Moment::Date(day)))
            }
            DataType::Date64 => Times::read(array.as_primitive::<Date64Type>().iter(), |millis| {
                Cell::Value(Moment::Date(day_of_millis(millis)))
            }),
            _ => Times::texts(&as_view(array)?, cells),
        })
    }

    fn read<T>(array: impl Iterator<Item = Option<T>>, mut read: impl FnMut(T) -> Cell<Moment>) -> Times {
        let (values, kinds) = array.map(|value| told(value.map_or(Cell::Null, &mut read))).unzip();
        Times::of(values, kinds)
    }

    fn texts(array: &StringViewArray, cells: &CellRules) -> Times {
        let usual = |text: &str| cells.times.read_usual(text);
        // Text that a job declares as null may look like a time.
        let is_usual_null = cells.nulls.iter().any(|null| usual(null).is_some());
        let read = |text: &str| match usual(text).filter(|_| !is_usual_null) {
            Some(instant) => (instant, TimeKind::Instant),
            None => told(read_time(text, cells)),
        };
        let (values, kinds) = array.iter().map(|text| text.map_or((0, TimeKind::Null), read)).unzip();
        Times::of(values, kinds)
    }

    /// Columns that hold instants only are read in the same way from text as from timestamps.
    fn of(values: Vec<Micros>, kinds: Vec<TimeKind>) -> Times {
        if !kinds.iter().all(|kind| matches!(kind, TimeKind::Null | TimeKind::Instant)) {
            return Times::Read { values, kinds };
        }
        let given = BooleanBuffer::collect_bool(kinds.len(), |at| matches!(kinds[at], TimeKind::Instant));
        let nulls = Some(NullBuffer::new(given)).filter(|nulls| nulls.null_count() > 0);
        Times::Micros { values: values.into(), nulls }
    }

    pub(crate) fn get(&self, row: usize) -> Cell<Moment> {
        match self {
            Times::Micros { values, nulls } => {
                let value = Cell::Value(Moment::Instant(values[row]));
                let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                if is_null { Cell::Null } else { value }
            }
            Times::Read { values, kinds } => match kinds[row] {
                TimeKind::Null => Cell::Null,
                TimeKind::Instant => Cell::Value(Moment::Instant(values[row])),
                TimeKind::Date => Cell::Value(Moment::Date(values[row] as i32)),
                TimeKind::Fault => Cell::Fault,
            },
            Times::Constant(cell) => *cell,
        }
    }

    /// Returns the times of up to sixty-four rows from `first` on as instants.
    pub(crate) fn instants(&self, first: usize, count: usize) -> Instants<'_> {
        match self {
            Times::Micros { values, nulls } => {
                let given = valid(nulls.as_ref(), first, count);
                Instants { values: &values[first..first + count], given, other: 0 }
            }
            Times::Read { values, kinds } => {
                let of = |kind: fn(TimeKind) -> bool| {
                    let bit = |(at, of): (usize, &TimeKind)| u64::from(kind(*of)) << at;
                    kinds[first..first + count].iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit)
                };
                Instants {
                    values: &values[first..first + count],
                    given: of(|kind| matches!(kind, TimeKind::Instant)),
                    other: of(|kind| matches!(kind, TimeKind::Date | TimeKind::Fault)),
                }
            }
            Times::Constant(cell) => {
                let other = if *cell == Cell::Null { 0 } else { u64::MAX };
                Instants { values: &[0; MOST][..count], given: 0, other }
            }
        }
    }

    /// Passes the moments of the rows from `first` on to `set`.
    #[inline(always)]
    pub(crate) fn each<R>(&self, first: usize, rows: &mut [R], mut set: impl FnMut(&mut R, Cell<Moment>)) {
        match self {
            Times::Micros { values, nulls } => {
                let mut valid = valid(nulls.as_ref(), first, rows.len());
                for (row, value) in rows.iter_mut().zip(&values[first..]) {
                    set(row, if valid & 1 == 1 { Cell::Value(Moment::Instant(*value)) } else { Cell::Null });
                    valid >>= 1;
                }
            }
            Times::Read { .. } | Times::Constant(_) => {
                (first..first + rows.len()).zip(rows).for_each(|(at, row)| set(row, self.get(at)));
            }
        }
    }
}

/// Returns whole days; a day beyond an `i32` is clamped and so fails the plausibility of dates.
fn day_of_millis(millis: i64) -> i32 {
    millis.div_euclid(86_400_000).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn texts_are_read_as_each_alone_whatever_else_is_in_the_column() {
        let usual = ["2025-01-15T10:20:30Z", "2025-01-15 10:20:30", "", "1900-01-01 00:00:00"];
        let others = ["2025-01-15", "2025-01-15T10:20:30+02:00", "soon", " 2025-01-15 10:20:30", "0000-00-00 00:00:00"];
        for null in ["-", "1900-01-01 00:00:00", "2025-01-15"] {
            let cells = CellRules { nulls: vec![null.to_owned()], ..CellRules::default() };
            for others in [&others[..0], &others[..1], &others[..3], &others[..]] {
                let texts: Vec<&str> = usual.iter().chain(others).copied().collect();
                let array: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
                let times = Times::new(&Origin::Array(&array), &cells).unwrap();
                let all_instants = others.is_empty() || others == ["2025-01-15"] && null == "2025-01-15";
                assert_eq!(matches!(times, Times::Micros { .. }), all_instants, "{null:?} {others:?}");
                let mut rows = vec![Cell::Fault; texts.len()];
                times.each(0, &mut rows, |row, time| *row = time);
                for (row, text) in texts.iter().enumerate() {
                    let alone = cells.trim(text).map_or(Cell::Null, |_| read_time(text, &cells));
                    assert_eq!((times.get(row), rows[row]), (alone, alone), "{null:?} {text:?}");
                }
            }
        }
    }
}
