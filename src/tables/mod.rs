//! What is published: folded counts and rows become tables, week by week.
//!
//! Rate tables are made in polars from the marginals, row tables straight through Arrow; each piece
//! handed on is a week of a table, or a whole one, sorted by its key and the same bytes on every run.
//! Nothing here judges, reads or writes a file. It fails if polars does or if the taker does; counts
//! that contradict each other panic.

pub mod columns;
mod frames;
pub mod health;
mod rates;
pub mod rolling;
mod rows;
mod weekly;

#[cfg(test)]
mod tests;

use crate::counts::{BATCH_ROWS, Batches, Counted};
use crate::error::Result;
use crate::job::plan::{Plan, Rolling};
use arrow::array::{ArrayRef, Date32Array, StringArray};
use arrow::record_batch::RecordBatch;
use columns::Table;
use std::ops::Range;
use std::sync::Arc;
use vtr_columnar::fold::Reject;
use vtr_columnar::partial::TimeAxis;
use vtr_kernel::calendar::{self, Day, FIRST_DAY};
use vtr_kernel::ladder::Evidence;

/// The key columns of `Counted::category`.
const CATEGORY_KEYS: [&str; 4] = ["seller_id", "marketplace", "programme", "product_category"];

/// A week of a table, or all of one that is not partitioned.
pub struct Piece<'a> {
    /// Which table.
    pub table: Table,
    /// Monday; `None` for tables that are not partitioned.
    pub week: Option<Day>,
    /// The rows in the table's schema, sorted by its key over all batches, made as they are asked for.
    /// There may be none.
    pub batches: Batches<'a>,
}

impl Piece<'_> {
    /// Of rows that are there already.
    pub fn of(table: Table, week: Option<Day>, batches: Vec<RecordBatch>) -> Piece<'static> {
        Piece { table, week, batches: Box::new(batches.into_iter().map(Ok)) }
    }
}

/// What became of the rows of one input file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRow {
    /// Its path, as shown.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Data records seen.
    pub rows_read: u64,
    /// Rows of row groups that were never read.
    pub rows_pruned: u64,
    /// The last day on which rows that were never read can lie and count; no column tells it.
    pub pruned_to: Option<Day>,
    /// Records that cannot be judged.
    pub rejected: u64,
    /// Rows that are not yet there.
    pub after_as_of: u64,
    /// Rows of which a newer copy counts.
    pub superseded: u64,
    /// Rows outside the weeks asked for.
    pub outside_range: u64,
    /// Verdicts, in the order of `Class::ALL`.
    pub classes: [u64; 4],
    /// First day of the rows that were not rejected.
    pub first_day: Option<Day>,
    /// Last day of them.
    pub last_day: Option<Day>,
    /// SHA-256 in hex.
    pub digest: String,
}

/// What tables are made from.
pub struct TablesInput<'a> {
    /// The plan of the run.
    pub plan: &'a Plan,
    /// The folded counts and the rows of defects.
    pub counted: &'a Counted,
    /// Rejected records in any order, each with the index of its file in `files`.
    pub rejects: &'a [(u32, Reject)],
    /// The input files.
    pub files: &'a [FileRow],
    /// What was judged by.
    pub evidence: Evidence,
}

impl TablesInput<'_> {
    /// Whether a week, by its Monday, is one that was asked for.
    fn in_range(&self, week: Day) -> bool {
        self.plan.range.is_none_or(|range| (range.first..=range.last).contains(&week))
    }

    fn evidence_column(&self, rows: usize) -> ArrayRef {
        text_column(std::iter::repeat_n(self.evidence.name(), rows))
    }

    fn batch(&self, table: Table, columns: Vec<ArrayRef>) -> RecordBatch {
        RecordBatch::try_new(table.schema(), columns).expect("columns are built in the order and types of their table")
    }
}

fn text_column<'t>(texts: impl Iterator<Item = &'t str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

fn day_column(days: impl Iterator<Item = Day>) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(days))
}

/// So many rows as batches of a fixed size.
fn batches(rows: usize, batch: impl Fn(Range<usize>) -> Result<RecordBatch>) -> Result<Vec<RecordBatch>> {
    (0..rows).step_by(BATCH_ROWS).map(|start| batch(start..rows.min(start + BATCH_ROWS))).collect()
}

/// Makes the tables that the plan asks for, one after the other and each week by week, oldest first.
///
/// A run with a range gives no week outside it, but for `vtr_rolling`, whose windows end up to a
/// window's length later; `account_health` comes only where the run counted all its days.
///
/// # Errors
/// What polars or `each` say.
pub fn build(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    for table in &input.plan.output.tables {
        match table {
            Table::VtrWeekly => weekly::by_carrier(input, each)?,
            Table::VtrWeeklyCategory => weekly::by_category(input, each)?,
            Table::VtrRolling => rolling::build(input, each)?,
            Table::AccountHealth => health::build(input, each)?,
            Table::Defects => rows::defects(input, each)?,
            Table::CarrierNames => rows::carrier_names(input, each)?,
            Table::Rejects => rows::rejects(input, each)?,
            Table::InputFiles => rows::input_files(input, each)?,
        }
    }
    Ok(())
}

/// The time axis that the plan's tables need, cut wherever a week or a window begins or ends, from
/// the first day that is judged to the last plausible one.
pub fn time_axis(plan: &Plan) -> TimeAxis {
    let asks_for = |table: Table| plan.output.tables.contains(&table);
    let first = calendar::monday(FIRST_DAY);
    let last = calendar::monday(calendar::last_plausible_day(plan.as_of)) + 6;
    let mut starts: Vec<Day> = (first..=last).step_by(7).collect();
    if asks_for(Table::VtrRolling) {
        match plan.output.rolling {
            Rolling::Daily => starts.extend(first..=last),
            Rolling::Weekly => {
                for length in rolling::window_lengths(plan) {
                    starts.extend(
                        (first + 6..=last).step_by(7).map(|end| end - length + 1).filter(|start| *start > first),
                    );
                }
            }
        }
    }
    if asks_for(Table::AccountHealth) {
        let borders = plan.book.markets().flat_map(|(_, market)| health::borders(market, plan.as_of));
        starts.extend(borders.filter(|start| *start > first));
    }
    TimeAxis::new(starts)
}
