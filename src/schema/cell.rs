//! One value of a published table, for whoever shows or copies rows.
//!
//! It takes a value out of a column and says it as plain text or JSON, and whether a spreadsheet would run it; how rows
//! are laid out is not its business. It fails for no value that a published table can have.

use super::MONEY;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, SecondsFormat};
use std::borrow::Cow;
use vtr_kernel::calendar::{self, Day, Micros};
use vtr_kernel::text::is_hidden;

/// One value of a published table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A missing value.
    Null,
    /// A text.
    Text(Cow<'a, str>),
    /// A count.
    Count(i64),
    /// A rate or a target.
    Share(f64),
    /// Yes or no.
    Flag(bool),
    /// A day.
    Day(Day),
    /// An instant, in microseconds of UTC.
    Time(Micros),
    /// An amount of money, in units of its last decimal.
    Money(i128),
}

impl<'a> Cell<'a> {
    /// A cell of a text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Cell<'a> {
        Cell::Text(text.into())
    }

    /// The cell of a row of a column.
    pub fn of(column: &'a dyn Array, row: usize) -> Cell<'a> {
        if column.is_null(row) {
            return Cell::Null;
        }
        match column.data_type() {
            DataType::Utf8 => Cell::text(column.as_string::<i32>().value(row)),
            DataType::Int64 => Cell::Count(column.as_primitive::<Int64Type>().value(row)),
            DataType::Float64 => Cell::Share(column.as_primitive::<Float64Type>().value(row)),
            DataType::Boolean => Cell::Flag(column.as_boolean().value(row)),
            DataType::Date32 => Cell::Day(column.as_primitive::<Date32Type>().value(row)),
            DataType::Timestamp(..) => Cell::Time(column.as_primitive::<TimestampMicrosecondType>().value(row)),
            DataType::Decimal128(..) => Cell::Money(column.as_primitive::<Decimal128Type>().value(row)),
            other => unreachable!("published tables have no column of type {other}"),
        }
    }

    /// The same cell with its own text.
    pub fn into_owned(self) -> Cell<'static> {
        match self {
            Cell::Null => Cell::Null,
            Cell::Text(text) => Cell::Text(text.into_owned().into()),
            Cell::Count(count) => Cell::Count(count),
            Cell::Share(share) => Cell::Share(share),
            Cell::Flag(flag) => Cell::Flag(flag),
            Cell::Day(day) => Cell::Day(day),
            Cell::Time(micros) => Cell::Time(micros),
            Cell::Money(units) => Cell::Money(units),
        }
    }

    /// As plain text; null is empty.
    pub fn plain(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Text(text) => text.to_string(),
            Cell::Count(count) => count.to_string(),
            Cell::Share(share) => share.to_string(),
            Cell::Flag(flag) => flag.to_string(),
            Cell::Day(day) => calendar::date_from_day(*day).to_string(),
            Cell::Time(micros) => DateTime::from_timestamp_micros(*micros)
                .map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Cell::Money(units) => money(*units),
        }
    }

    /// As a value of JSON; days are texts.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Cell::Null => serde_json::Value::Null,
            Cell::Count(count) => (*count).into(),
            Cell::Share(share) => (*share).into(),
            Cell::Flag(flag) => (*flag).into(),
            Cell::Text(_) | Cell::Day(_) | Cell::Time(_) | Cell::Money(_) => self.plain().into(),
        }
    }
}

/// An amount without trailing zeros. A JSON number would be read as a double, so it is a string in JSON too.
fn money(units: i128) -> String {
    let scale = usize::from(MONEY.1.unsigned_abs());
    let digits = format!("{:0width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, decimals) = digits.split_at(digits.len() - scale);
    let decimals = decimals.trim_end_matches('0');
    let sign = if units < 0 { "-" } else { "" };
    let mark = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{whole}{mark}{decimals}")
}

/// Whether a spreadsheet would run a cell.
pub fn is_formula(cell: &Cell) -> bool {
    matches!(cell, Cell::Text(text) if would_run(text))
}

/// Whether a spreadsheet would read a text as a formula: `=`, `+`, `-` or `@`, also full-width as East Asian keyboards
/// type them, after blanks and invisible characters; or a tab or line end among these.
fn would_run(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_whitespace() || is_hidden(c));
    let blanks = &text[..text.len() - rest.len()];
    blanks.contains(['\t', '\r', '\n']) || rest.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_with_the_decimals_that_it_has() {
        for (units, text) in [
            (0, "0"),
            (19_990_000_000, "19.99"),
            (-1, "-0.000000001"),
            (5_000_000_000, "5"),
            (-100_500_000_000, "-100.5"),
        ] {
            assert_eq!(money(units), text);
        }
    }
}
