//! What is published: counts and rows become tables, week by week.
//!
//! A piece is one week of a table or a whole table, sorted by its key; its bytes are the same on every run, whatever
//! the number of threads. Its rows are made from sorted counts on demand, so that memory does not grow with weeks or
//! sellers. Nothing here judges, reads or writes a file. It fails if the counts cannot be read or the receiver fails;
//! counts that contradict each other panic.

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
pub use crate::fold::counts::Batches;
use crate::fold::counts::Counted;
use crate::job::plan::Plan;
use crate::place::budget::Budget;
use crate::progress::Progress;
use crate::schema::Table;
use crate::signals;
use arrow::array::{ArrayRef, AsArray, Date32Array, DictionaryArray, Int64Array, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Fields, Schema, UInt32Type};
use arrow::record_batch::RecordBatch;
use parking_lot::Mutex;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vtr_columnar::fold::Reject;
use vtr_kernel::calendar::Day;
use vtr_kernel::ladder::Evidence;

/// The key columns of `Counted::weekly`.
const CARRIER_KEYS: [&str; 4] = ["seller_id", "marketplace", "programme", "carrier"];
/// The key columns of `Counted::category`.
const CATEGORY_KEYS: [&str; 4] = ["seller_id", "marketplace", "programme", "product_category"];

/// One week of a table, or the whole of a table that is not partitioned.
pub struct Piece<'a> {
    /// The table.
    pub table: Table,
    /// The Monday of the week; `None` for tables that are not partitioned.
    pub week: Option<Day>,
    /// The rows in the table's schema, sorted by its key over all batches and made on demand. There may be none.
    /// Texts may be coded, as `Dictionary(UInt32, Utf8)`.
    pub batches: Batches<'a>,
}

impl Piece<'_> {
    /// Makes a piece of batches that exist already.
    pub fn of(table: Table, week: Option<Day>, batches: Vec<RecordBatch>) -> Piece<'static> {
        Piece { table, week, batches: Box::new(batches.into_iter().map(Ok)) }
    }
}

/// Where the rows of one input file ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRow {
    /// Its path, as shown.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Data records read.
    pub rows_read: u64,
    /// Rows of row groups that were skipped.
    pub rows_pruned: u64,
    /// Records that cannot be judged.
    pub rejected: u64,
    /// Rows dated after `as_of`.
    pub after_as_of: u64,
    /// Rows that a newer copy supersedes.
    pub superseded: u64,
    /// Rows outside the range of weeks.
    pub outside_range: u64,
    /// Verdicts, in the order of `Class::ALL`.
    pub classes: [u64; 4],
    /// The first day of the rows that were not rejected.
    pub first_day: Option<Day>,
    /// The last day of the rows that were not rejected.
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
    /// Whether the run judged packages whose day is after all days that are counted.
    pub goes_on: bool,
    /// The evidence by which packages were judged.
    pub evidence: Evidence,
}

impl TablesInput<'_> {
    /// Whether a week, given by its Monday, is within the run's range.
    fn in_range(&self, week: Day) -> bool {
        self.plan.range.is_none_or(|range| (range.first..=range.last).contains(&week))
    }

    fn evidence_column(&self, rows: usize) -> ArrayRef {
        repeated(self.evidence.name(), rows)
    }

    fn batch(&self, table: Table, columns: Vec<ArrayRef>) -> RecordBatch {
        let schema = table.schema();
        let fields = schema.fields().iter().zip(&columns).map(|(field, column)| match column.data_type() {
            coded @ DataType::Dictionary(..) => Arc::new(field.as_ref().clone().with_data_type(coded.clone())),
            _ => field.clone(),
        });
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Fields>())), columns);
        batch.expect("columns are built in the order and types of their table")
    }
}

fn text_column<'t>(texts: impl Iterator<Item = &'t str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

/// A column of coded texts.
fn coded(codes: impl Iterator<Item = u32>, texts: &StringArray) -> ArrayRef {
    of_codes(UInt32Array::from_iter_values(codes), texts)
}

/// The same with nulls.
fn coded_or_null(codes: impl Iterator<Item = Option<u32>>, texts: &StringArray) -> ArrayRef {
    of_codes(UInt32Array::from_iter(codes), texts)
}

fn of_codes(codes: UInt32Array, texts: &StringArray) -> ArrayRef {
    let coded = DictionaryArray::<UInt32Type>::try_new(codes, Arc::new(texts.clone()));
    Arc::new(coded.expect("codes index their texts"))
}

fn repeated(text: &str, rows: usize) -> ArrayRef {
    coded(std::iter::repeat_n(0, rows), &StringArray::from(vec![text]))
}

/// Calls `each` with the texts of a column, coded or not, and the number of rows in a row that have them.
pub fn each_text(column: &ArrayRef, each: &mut dyn FnMut(&str, usize)) {
    match column.as_dictionary_opt::<UInt32Type>() {
        None => column.as_string::<i32>().iter().flatten().for_each(|text| each(text, 1)),
        Some(coded) => {
            let texts = coded.values().as_string::<i32>();
            let runs = coded.keys().values().chunk_by(|a, b| a == b);
            runs.for_each(|run| each(texts.value(run[0] as usize), run.len()));
        }
    }
}

fn day_column(days: impl Iterator<Item = Day>) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(days))
}

fn count_column(counts: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(counts))
}

/// Converts a count for the kernel; sums of judged packages are never negative.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).expect("a sum of counts is not negative")
}

/// A piece that can be made independently of the others.
struct PieceTask<'a> {
    table: Table,
    week: Option<Day>,
    make: Box<dyn FnOnce() -> Result<Batches<'a>> + Send + 'a>,
}

impl<'a> PieceTask<'a> {
    fn of(table: Table, week: Option<Day>, make: impl FnOnce() -> Result<Batches<'a>> + Send + 'a) -> PieceTask<'a> {
        PieceTask { table, week, make: Box::new(make) }
    }
}

/// Makes the tables of the plan on the plan's threads and hands each piece to `each`, which several threads call at
/// once. The rows of a piece are made, and counted as progress, while `each` consumes them.
///
/// A run with a range makes only weeks within it, except for `vtr_rolling`, whose windows end up to one window's
/// length later. `account_health` is made only if the run counted all its days.
///
/// # Errors
/// The first error of reading the counts or of `each`.
pub fn build(input: &TablesInput, progress: &Progress, each: &(dyn Fn(Piece) -> Result<()> + Sync)) -> Result<()> {
    let tables = input.plan.output.tables.iter();
    let mut tasks: Vec<PieceTask> = tables
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
            // Made from the rows that are written: see `star::WrittenSellers`.
            Table::DimSeller => Vec::new(),
        })
        .collect();
    // Tables of one piece take longest, so they begin first; otherwise one thread would finish alone.
    tasks.sort_by_key(|task| task.week.is_some());
    let (tasks, stop) = (Mutex::new(tasks.into_iter()), AtomicBool::new(false));
    let work = || {
        loop {
            let task = tasks.lock().next();
            let Some(task) = task.filter(|_| !stop.load(Ordering::SeqCst)) else { return Ok(()) };
            let made = make(task, input.plan.budget(), &stop, progress, each);
            if made.is_err() {
                // The error with which the other threads stop is never the reason.
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
    task: PieceTask,
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
