//! Reads the published tables of one version, column by column, for pages and lists.
//!
//! It opens only files that one manifest names, reads only the columns asked for, and of long files only the rows of
//! the sellers asked for. It fails if a file is missing or damaged, or lacks a column that is asked for.

use crate::error::{Error, Result};
use crate::publish::encode;
use crate::publish::log::{DataFile, Manifest};
use crate::publish::store::Store;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, RowFilter};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use vtr_kernel::calendar::Day;

/// One committed version of an output.
#[derive(Clone, Copy)]
pub struct PublishedVersion<'a> {
    /// The output's place.
    pub store: &'a dyn Store,
    /// Its manifest.
    pub manifest: &'a Manifest,
}

/// The accounts to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only these sellers, as published; `None` for all.
    pub sellers: Option<Arc<BTreeSet<String>>>,
    /// Only these marketplaces, by their names in the tables; `None` for all.
    pub markets: Option<Arc<BTreeSet<String>>>,
}

impl Scope {
    /// Whether a row is in the scope.
    pub fn holds(&self, seller: &str, market: &str) -> bool {
        self.sellers.as_ref().is_none_or(|sellers| sellers.contains(seller))
            && self.markets.as_ref().is_none_or(|markets| markets.contains(market))
    }

    /// The same scope, narrowed to these sellers.
    pub fn of(&self, sellers: BTreeSet<String>) -> Scope {
        Scope { sellers: Some(Arc::new(sellers)), markets: self.markets.clone() }
    }
}

/// Rows of a table with the columns asked for.
pub struct Rows<'a> {
    batch: &'a RecordBatch,
    seller: Option<&'a StringArray>,
    market: Option<&'a StringArray>,
}

impl<'a> Rows<'a> {
    /// A column of any kind.
    pub fn column(&self, name: &str) -> &'a ArrayRef {
        &self.batch[name]
    }

    /// A column of texts.
    pub fn text(&self, name: &str) -> &'a StringArray {
        self.batch[name].as_string()
    }

    /// A column of counts.
    pub fn count(&self, name: &str) -> &'a Int64Array {
        self.batch[name].as_primitive::<Int64Type>()
    }

    /// A column of shares.
    pub fn share(&self, name: &str) -> &'a Float64Array {
        self.batch[name].as_primitive::<Float64Type>()
    }

    /// A column of days.
    pub fn day(&self, name: &str) -> &'a PrimitiveArray<Date32Type> {
        self.batch[name].as_primitive::<Date32Type>()
    }

    /// A column of flags.
    pub fn flag(&self, name: &str) -> &'a BooleanArray {
        self.batch[name].as_boolean()
    }

    /// The indices of the rows in a scope.
    pub fn of(&self, scope: &Scope) -> Vec<usize> {
        let seller = |row: usize| self.seller.map_or("", |seller| seller.value(row));
        let market = |row: usize| self.market.map_or("", |market| market.value(row));
        (0..self.batch.num_rows()).filter(|row| scope.holds(seller(*row), market(*row))).collect()
    }
}

/// A cell that may be null.
pub fn optional<T>(array: &dyn Array, row: usize, value: impl FnOnce() -> T) -> Option<T> {
    array.is_valid(row).then(value)
}

impl PublishedVersion<'_> {
    /// Whether the version has a table.
    pub fn has(&self, table: &str) -> bool {
        self.manifest.tables.contains_key(table)
    }

    /// The last day that `account_health` took into account; a run of some weeks leaves it as it was.
    pub fn health_as_of(&self) -> Day {
        self.manifest.health_as_of.unwrap_or(self.manifest.as_of)
    }

    /// Reads columns of a table, batch by batch in the order of its key: of the weeks whose Mondays are in `weeks`, or
    /// of all weeks without it; and of the sellers of a scope.
    ///
    /// # Errors
    /// A file is missing, damaged or lacks a column; the error of `take`.
    pub fn read(
        &self,
        table: &str,
        columns: &[&str],
        weeks: Option<RangeInclusive<Day>>,
        scope: &Scope,
        take: &mut dyn FnMut(Rows) -> Result<()>,
    ) -> Result<()> {
        let files = self.manifest.tables.get(table).map_or(&[][..], Vec::as_slice);
        let is_asked =
            |file: &&DataFile| weeks.as_ref().zip(file.week).is_none_or(|(weeks, week)| weeks.contains(&week));
        for file in files.iter().filter(is_asked) {
            crate::signals::check()?;
            self.read_file(table, &file.path, columns, scope, take)?;
        }
        Ok(())
    }

    fn read_file(
        &self,
        table: &str,
        path: &str,
        columns: &[&str],
        scope: &Scope,
        take: &mut dyn FnMut(Rows) -> Result<()>,
    ) -> Result<()> {
        let shown = self.store.shown(path);
        let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::failed(format!("reading {shown}; `vtr verify` tells whether the output is damaged"), error)
        };
        let readable = self.store.open(path)?.ok_or_else(|| unreadable("the file is missing".into()))?;
        let builder = encode::builder(readable, &shown)?;
        let lacking = |name: &&&str| builder.schema().field_with_name(name).is_err();
        if let Some(column) = columns.iter().find(lacking) {
            return Err(Error::Input(format!(
                "{shown}: the table `{table}` has no column `{column}`; it was published by an older version of this program: run the job again"
            )));
        }
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let filter = scope.sellers.clone().map(|sellers| {
            let seller = ProjectionMask::columns(builder.parquet_schema(), ["seller_id"]);
            let is_asked = move |batch: RecordBatch| {
                let texts = batch.column(0).as_string::<i32>();
                Ok(texts.iter().map(|seller| seller.map(|seller| sellers.contains(seller))).collect::<BooleanArray>())
            };
            RowFilter::new(vec![Box::new(ArrowPredicateFn::new(seller, is_asked))])
        });
        let builder = builder.with_projection(mask).with_batch_size(8_192);
        let builder = if let Some(filter) = filter { builder.with_row_filter(filter) } else { builder };
        for batch in builder.build().map_err(|error| unreadable(error.into()))? {
            let batch = batch.map_err(|error| unreadable(error.into()))?;
            let texts = |name: &str| batch.column_by_name(name).map(|column| column.as_string::<i32>());
            take(Rows { batch: &batch, seller: texts("seller_id"), market: texts("marketplace") })?;
        }
        Ok(())
    }
}
