//! What is published: counts and rows become tables, week by week.
//!
//! Each piece is a week of a table, or a whole one, sorted by its key and the same bytes on every run,
//! whatever the number of threads; its rows are made from sorted counts as they are asked for, so that
//! memory does not grow with weeks or sellers. Nothing here judges, reads or writes a file. It fails if
//! reading the counts or the taker does; counts that contradict each other panic.

mod breakdown;
pub mod health;
mod merge;
mod rates;
mod reasons;
pub mod rolling;
mod rows;
mod space;
pub mod star;
mod weekly;

#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::fold::counts::{Batches, Counted};
use crate::job::plan::{Plan, Rolling};
use crate::place::budget::Budget;
use crate::progress::Progress;
use crate::schema::Table;
use crate::signals;
use arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vtr_columnar::axis::{Cuts, TimeAxis, WindowEnds};
use vtr_columnar::fold::Reject;
use vtr_kernel::calendar::Day;
use vtr_kernel::ladder::Evidence;

/// The key columns of `Counted::weekly`.
const CARRIER_KEYS: [&str; 4] = ["seller_id", "marketplace", "programme", "carrier"];
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
    /// Whether packages were judged whose day lies after all days that are counted.
    pub goes_on: bool,
    /// What was judged by.
    pub evidence: Evidence,
}

impl TablesInput<'_> {
    /// Whether a week, by its Monday, is one that was asked for.
    fn in_range(&self, week: Day) -> bool {
        self.plan.range.is_none_or(|range| (range.first..=range.last).contains(&week))
    }

    fn evidence_column(&self, rows: usize) -> ArrayRef {
        repeated(self.evidence.name(), rows)
    }

    fn batch(&self, table: Table, columns: Vec<ArrayRef>) -> RecordBatch {
        RecordBatch::try_new(table.schema(), columns).expect("columns are built in the order and types of their table")
    }
}

fn text_column<'t>(texts: impl Iterator<Item = &'t str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

fn repeated(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::new_repeated(text, rows))
}

fn day_column(days: impl Iterator<Item = Day>) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(days))
}

fn count_column(counts: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(counts))
}

/// A count as the kernel takes it; sums of judged packages are never negative.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).expect("a sum of counts is not negative")
}

/// A piece that can be made by itself.
struct Task<'a> {
    table: Table,
    week: Option<Day>,
    make: Box<dyn FnOnce() -> Result<Batches<'a>> + Send + 'a>,
}

impl<'a> Task<'a> {
    fn of(table: Table, week: Option<Day>, make: impl FnOnce() -> Result<Batches<'a>> + Send + 'a) -> Task<'a> {
        Task { table, week, make: Box::new(make) }
    }
}

/// Makes the tables that the plan asks for on the plan's threads and hands each piece to `each`, which
/// several threads call at once; a piece's rows are made, and counted as progress, while `each` takes
/// them.
///
/// A run with a range gives no week outside it, but for `vtr_rolling`, whose windows end up to a
/// window's length later; `account_health` comes only where the run counted all its days.
///
/// # Errors
/// The first thing that reading the counts or `each` say.
pub fn build(input: &TablesInput, progress: &Progress, each: &(dyn Fn(Piece) -> Result<()> + Sync)) -> Result<()> {
    let tables = input.plan.output.tables.iter();
    let mut tasks: Vec<Task> = tables
        .flat_map(|table| match table {
            Table::VtrWeekly => weekly::by_carrier(input),
            Table::VtrWeeklyCategory => weekly::by_category(input),
            Table::VtrWeeklyReasons => reasons::build(input),
            Table::VtrRolling => rolling::build(input),
            Table::AccountHealth => health::build(input),
            Table::HealthBreakdown => breakdown::build(input),
            Table::Defects => rows::defects(input),
            Table::Judged => rows::judged(input),
            Table::CarrierNames => rows::carrier_names(input),
            Table::Rejects => rows::rejects(input),
            Table::InputFiles => rows::input_files(input),
            Table::DimMarketplace => star::marketplaces(input),
            Table::DimCarrier => star::carriers(input),
            Table::DimReason => star::reasons(input),
            Table::DimRule => star::rules(input),
            Table::DimWeek => star::weeks(input),
            // Made of what is written here: `star::Seen`.
            Table::DimSeller => Vec::new(),
        })
        .collect();
    // What is one piece takes longest and begins first, so that no thread is left alone with it.
    tasks.sort_by_key(|task| task.week.is_some());
    let (tasks, stop) = (Mutex::new(tasks.into_iter()), AtomicBool::new(false));
    let work = || {
        loop {
            let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(task) = task.filter(|_| !stop.load(Ordering::SeqCst)) else { return Ok(()) };
            let made = make(task, input.plan.budget(), &stop, progress, each);
            if made.is_err() {
                // What the others stop with is never the reason.
                return if stop.swap(true, Ordering::SeqCst) { Ok(()) } else { made };
            }
        }
    };
    let threads = input.plan.budget().threads();
    if threads <= 1 {
        return work();
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ends = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ends.collect::<Vec<Result<()>>>().into_iter().collect()
    })
}

/// Makes one piece, unless the run is told to stop or another thread failed.
fn make(
    task: Task,
    budget: Budget,
    stop: &AtomicBool,
    progress: &Progress,
    each: &(dyn Fn(Piece) -> Result<()> + Sync),
) -> Result<()> {
    let goes_on = || match stop.load(Ordering::SeqCst) {
        true => Err(Error::Enough),
        false => signals::check().and_then(|()| budget.check()),
    };
    goes_on()?;
    let batches = (task.make)()?.map(move |batch| {
        goes_on()?;
        batch.inspect(|batch| progress.add(batch.num_rows() as u64))
    });
    each(Piece { table: task.table, week: task.week, batches: Box::new(batches) })
}

/// The time axis that the plan's tables need, cut wherever a week or a window begins or ends, from
/// the first day that is judged to the last plausible one.
pub fn time_axis(plan: &Plan) -> TimeAxis {
    let asks_for = |table: Table| plan.output.tables.contains(&table);
    let rolling = asks_for(Table::VtrRolling).then_some(match plan.output.rolling {
        Rolling::Daily => WindowEnds::Daily,
        Rolling::Weekly => WindowEnds::Sundays,
    });
    TimeAxis::of(&plan.book, plan.as_of, Cuts { rolling, health: asks_for(Table::AccountHealth) })
}
