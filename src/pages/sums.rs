//! Adds up published counts by some of their keys, in Polars.
//!
//! Each batch becomes a small frame and is added up at once, so that memory holds no more than the sums. It knows no
//! table, no rate and no page. It fails only if Polars does; a column that is neither a key nor a count by its type
//! panics.

use super::read::Rows;
use crate::error::{Error, Result};
use arrow::array::AsArray;
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use polars::prelude::{Column, DataFrame, Int32Chunked, Int64Chunked, IntoColumn, NewChunkedArray, PolarsError};
use polars::prelude::{PolarsResult, StringChunked};
use vtr_kernel::calendar::Day;

/// The most rows of sums that are held before they are added up again.
const HELD: usize = 65_536;

/// Sums by key: keys are texts, days or flags; counts are counts or flags.
pub struct KeyedSums {
    keys: Vec<&'static str>,
    counts: Vec<&'static str>,
    frame: Option<DataFrame>,
    /// The number of rows after they were last added up.
    settled: usize,
}

impl KeyedSums {
    /// Sums of the columns `counts` by the columns `keys`.
    pub fn by(keys: &[&'static str], counts: &[&'static str]) -> KeyedSums {
        KeyedSums { keys: keys.to_vec(), counts: counts.to_vec(), frame: None, settled: 0 }
    }

    /// All columns to read.
    pub fn columns(&self) -> Vec<&'static str> {
        [self.keys.as_slice(), self.counts.as_slice()].concat()
    }

    /// Adds the rows at some indices.
    ///
    /// # Errors
    /// Polars fails.
    pub fn add(&mut self, rows: &Rows, some: &[usize]) -> Result<()> {
        if some.is_empty() {
            return Ok(());
        }
        let keys = self.keys.iter().map(|name| key(name, rows, some));
        let counts = self.counts.iter().map(|name| count(name, rows, some));
        let added = DataFrame::new_infer_height(keys.chain(counts).collect()).and_then(|rows| self.summed(&rows));
        let added = added.map_err(failed)?;
        let frame = match self.frame.take() {
            None => added,
            Some(mut frame) => {
                frame.vstack_mut_owned(added).map_err(failed)?;
                frame
            }
        };
        self.frame = Some(if frame.height() > 2 * self.settled + HELD {
            let summed = self.summed(&frame).map_err(failed)?;
            self.settled = summed.height();
            summed
        } else {
            frame
        });
        Ok(())
    }

    /// One row for each key, in the order of first occurrence.
    fn summed(&self, frame: &DataFrame) -> PolarsResult<DataFrame> {
        // Deprecated in favour of the lazy engine, which would add half of Polars to the build for a sum.
        #[allow(deprecated)]
        let mut sums = frame.group_by_stable(self.keys.iter().copied())?.sum()?;
        sums.set_column_names(&self.columns())?;
        Ok(sums)
    }

    /// The sums.
    ///
    /// # Errors
    /// Polars fails.
    pub fn finish(self) -> Result<Summed> {
        let summed = self.frame.as_ref().map(|frame| self.summed(frame)).transpose().map_err(failed)?;
        let mut frame = summed.unwrap_or_default();
        frame.rechunk_mut();
        Ok(Summed(frame))
    }
}

/// One row for each key.
pub struct Summed(DataFrame);

impl Summed {
    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.height()
    }

    fn column(&self, name: &str) -> &Column {
        self.0.column(name).unwrap_or_else(|error| panic!("a column that was asked for: {error}"))
    }

    /// A text key, row by row; empty if there are no rows.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        if self.len() == 0 {
            return Vec::new();
        }
        let texts = self.column(name).str().unwrap_or_else(|error| panic!("a key of texts: {error}"));
        texts.iter().map(Option::unwrap_or_default).collect()
    }

    /// A day key, or flags as 0 and 1.
    pub fn days(&self, name: &str) -> &[Day] {
        if self.len() == 0 {
            return &[];
        }
        let days = self.column(name).i32().and_then(|days| days.cont_slice());
        days.unwrap_or_else(|error| panic!("a key of days: {error}"))
    }

    /// A sum.
    pub fn counts(&self, name: &str) -> &[i64] {
        if self.len() == 0 {
            return &[];
        }
        let counts = self.column(name).i64().and_then(|counts| counts.cont_slice());
        counts.unwrap_or_else(|error| panic!("a sum: {error}"))
    }
}

fn key(name: &'static str, rows: &Rows, some: &[usize]) -> Column {
    let array = rows.column(name);
    let days = |days: Vec<Day>| Int32Chunked::from_vec(name.into(), days).into_column();
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            StringChunked::from_iter_values(name.into(), some.iter().map(|row| texts.value(*row))).into_column()
        }
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>();
            days(some.iter().map(|row| values.value(*row)).collect())
        }
        DataType::Boolean => {
            let values = array.as_boolean();
            days(some.iter().map(|row| Day::from(values.value(*row))).collect())
        }
        other => panic!("{name}: {other} is not a key"),
    }
}

fn count(name: &'static str, rows: &Rows, some: &[usize]) -> Column {
    let array = rows.column(name);
    let counts: Vec<i64> = match array.data_type() {
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>();
            some.iter().map(|row| values.value(*row)).collect()
        }
        DataType::Boolean => {
            let values = array.as_boolean();
            some.iter().map(|row| i64::from(values.value(*row))).collect()
        }
        other => panic!("{name}: {other} is not counted"),
    };
    Int64Chunked::from_vec(name.into(), counts).into_column()
}

fn failed(error: PolarsError) -> Error {
    Error::failed("adding up published counts", error)
}
