//! `vtr_weekly` and `vtr_weekly_category`: the rate by ISO week.
//!
//! Both add up one marginal over a week, cell by cell, so that they cannot disagree and hold no more than one batch of
//! rows. They contain every judged week of the run's range and no other day. They fail only if the counts cannot be
//! read.

use super::merge::{Count, Merge};
use super::rates::{self, Rules, Targets};
use super::space::{MARKETPLACE, PROGRAMME, Space};
use super::{CARRIER_KEYS, CATEGORY_KEYS, PieceTask, TablesInput, count_column, day_column, repeated, unsigned};
use crate::error::Result;
use crate::fold::counts::{Batches, Marginal};
use crate::schema::Table;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use std::sync::Arc;
use vtr_kernel::Reason;
use vtr_kernel::calendar::{self, Day};
use vtr_kernel::mend::OUTCOMES;
use vtr_kernel::reason::COUNT;
use vtr_kernel::tally::{Rate, Tally};

/// Makes `vtr_weekly`, week by week.
pub fn by_carrier<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    tasks(input, Table::VtrWeekly, &input.counted.weekly, &CARRIER_KEYS)
}

/// Makes `vtr_weekly_category`, week by week.
pub fn by_category<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    tasks(input, Table::VtrWeeklyCategory, &input.counted.category, &CATEGORY_KEYS)
}

fn tasks<'a>(
    input: &'a TablesInput<'a>,
    table: Table,
    marginal: &'a Marginal,
    names: &[&'static str; 4],
) -> Vec<PieceTask<'a>> {
    let space = Arc::new(Space::of(marginal, names));
    let rules = Arc::new(Rules::of(&input.plan.book, &space));
    let days = marginal.days();
    let weeks = days.chunk_by(|a, b| calendar::monday(*a) == calendar::monday(*b));
    let weeks = weeks.map(|days| (calendar::monday(days[0]), days.to_vec()));
    let task = |(week, days): (Day, Vec<Day>)| {
        let (space, rules) = (Arc::clone(&space), Arc::clone(&rules));
        PieceTask::of(table, Some(week), move || {
            let merge = Merge::of(marginal, &days, &space)?;
            let targets = rules.targets(week + 6);
            Ok(Box::new(WeeklyBatches { input, table, space, rules, targets, week, merge }) as Batches)
        })
    };
    weeks.filter(|(week, _)| input.in_range(*week)).map(task).collect()
}

/// Counted cells: a column for each class, one for pending defects and one for each defect reason.
#[derive(Default)]
struct WeekSums {
    cells: Vec<u64>,
    classes: [Vec<i64>; 4],
    pending: Vec<i64>,
    /// The counts by defect reason, in ladder order.
    reasons: Vec<Vec<i64>>,
}

/// Rows by which columns grow.
const ROWS_AT_A_TIME: usize = 1_024;

/// Returns the column of each reason among those of defects.
fn defect_columns() -> [Option<usize>; COUNT] {
    let mut columns = [None; COUNT];
    for (column, reason) in Reason::defects().enumerate() {
        columns[reason as usize] = Some(column);
    }
    columns
}

impl WeekSums {
    /// Adds up the next cells of a merge, at most `most`. A cell has few outcomes, so all other counts stay as they
    /// are: zero.
    fn next(merge: &mut Merge, most: usize) -> Result<WeekSums> {
        let mut sums = WeekSums { reasons: Reason::defects().map(|_| Vec::new()).collect(), ..WeekSums::default() };
        let columns = defect_columns();
        while sums.cells.len() < most {
            let row = sums.cells.len();
            if row == sums.pending.len() {
                sums.resize(row + ROWS_AT_A_TIME);
            }
            let WeekSums { classes, pending, reasons, .. } = &mut sums;
            let add = |count: Count| {
                let outcome = OUTCOMES[count.code as usize];
                classes[outcome.class() as usize][row] += count.count;
                pending[row] += if outcome.is_pending { count.count } else { 0 };
                if let Some(column) = columns[outcome.reason as usize] {
                    reasons[column][row] += count.count;
                }
            };
            let Some(cell) = merge.next(add)? else { break };
            sums.cells.push(cell);
        }
        sums.resize(sums.cells.len());
        Ok(sums)
    }

    /// Gives all columns so many rows; new ones are zero.
    fn resize(&mut self, rows: usize) {
        let columns = self.classes.iter_mut().chain([&mut self.pending]).chain(&mut self.reasons);
        columns.for_each(|column| column.resize(rows, 0));
    }
}

/// One week of either table, read batch by batch.
struct WeeklyBatches<'a> {
    input: &'a TablesInput<'a>,
    table: Table,
    space: Arc<Space>,
    rules: Arc<Rules<'a>>,
    targets: Targets,
    week: Day,
    merge: Merge<'a>,
}

impl Iterator for WeeklyBatches<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        match WeekSums::next(&mut self.merge, self.space.rows_of_a_batch()) {
            Ok(sums) if sums.cells.is_empty() => None,
            sums => Some(sums.map(|sums| self.batch(sums))),
        }
    }
}

impl WeeklyBatches<'_> {
    fn batch(&self, WeekSums { cells, classes, pending, reasons }: WeekSums) -> RecordBatch {
        let (rows, last_day) = (cells.len(), self.week + 6);
        let [out_of_scope, exempt, valid, defects] = classes;
        let eligible: Vec<i64> = valid.iter().zip(&defects).map(|(valid, defects)| valid + defects).collect();
        let shipments = (0..rows).map(|row| out_of_scope[row] + exempt[row] + eligible[row]).collect();
        let markets: Vec<u32> = cells.iter().map(|cell| self.space.code(*cell, MARKETPLACE)).collect();
        let rate = |row: usize| Rate {
            tally: Tally { valid: unsigned(valid[row]), eligible: unsigned(eligible[row]) },
            target: self.targets.of(markets[row], self.space.code(cells[row], PROGRAMME)),
        };
        let rates: Vec<Rate> = (0..rows).map(rate).collect();
        let as_of = self.input.plan.as_of;
        let provisional = markets.iter().map(|market| Some(self.rules.provisional(*market, last_day, as_of)));

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.table.columns().len());
        columns.extend(self.space.text_columns(&cells));
        columns.push(day_column(std::iter::repeat_n(self.week, rows)));
        columns.push(repeated(&calendar::iso_week(self.week), rows));
        columns.push(count_column(shipments));
        columns.extend([out_of_scope, exempt, eligible, valid, defects, pending].map(count_column));
        columns.extend(reasons.into_iter().map(count_column));
        columns.extend(rates::vtr_and_target(&rates));
        columns.push(rates::meets_target(&rates));
        columns.push(Arc::new(BooleanArray::from_iter(provisional)));
        columns.push(self.input.evidence_column(rows));
        self.input.batch(self.table, columns)
    }
}
