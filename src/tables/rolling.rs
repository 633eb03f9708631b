//! `vtr_rolling`: the rate over the policy's trailing window, the figure that a marketplace judges.
//!
//! Each week of window ends is made independently from the segments in its windows, cell by cell. Memory holds
//! one batch of each segment and the categories of one account with their total. Whole weeks of window ends are
//! published, and nothing is read beyond the counted days. It fails only if the counts cannot be read.

use super::merge::Merge;
use super::rates::{self, Rules, Targets};
use super::space::{MARKETPLACE, PROGRAMME, Space};
use super::{CATEGORY_KEYS, PieceTask, TablesInput, count_column, day_column, unsigned};
use crate::error::Result;
use crate::fold::counts::Batches;
use crate::job::plan::Rolling;
use crate::schema::Table;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use vtr_kernel::calendar::{self, Day};
use vtr_kernel::mend::{OUTCOMES, Outcome};
use vtr_kernel::reason::Class;
use vtr_kernel::tally::{Rate, Tally};

/// `vtr_rolling`, week by week of window ends.
pub(super) fn build<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let plan = input.plan;
    let days = input.counted.category.days();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Vec::new() };
    let (mut first_end, mut last_end) = (calendar::monday(*first), calendar::monday(*last) + 6);
    if let Some(range) = plan.range {
        let (first_of_range, last_of_range) = plan.window_ends(range);
        first_end = first_end.max(first_of_range);
        // Days beyond the windows are not counted, but if there are any, the data reach that far.
        last_end = if input.goes_on { last_of_range } else { last_end.min(last_of_range) };
    }
    let space = Arc::new(Space::of(&input.counted.category, &CATEGORY_KEYS).with_total());
    let rules = Arc::new(Rules::of(&plan.book, &space));
    let weeks = (calendar::monday(first_end)..=last_end).step_by(7);
    let task = |week: Day| {
        let ends = match plan.output.rolling {
            Rolling::Weekly => week + 6..=week + 6,
            Rolling::Daily => week..=week + 6,
        };
        let ends: Vec<Day> = ends.filter(|end| (first_end..=last_end).contains(end)).collect();
        let (space, rules, days) = (Arc::clone(&space), Arc::clone(&rules), days.clone());
        PieceTask::of(Table::VtrRolling, Some(week), move || {
            Ok(Box::new(RollingBatches::of(input, space, rules, &days, ends)?) as Batches)
        })
    };
    weeks.map(task).collect()
}

/// Packages of a window.
#[derive(Clone, Copy, Default)]
struct WindowSums {
    judged: i64,
    valid: i64,
    defects: i64,
    pending: i64,
}

impl WindowSums {
    fn add(&mut self, outcome: Outcome, count: i64) {
        self.judged += count;
        self.pending += if outcome.is_pending { count } else { 0 };
        match outcome.class() {
            Class::Valid => self.valid += count,
            Class::Defect => self.defects += count,
            Class::OutOfScope | Class::Exempt => {}
        }
    }

    fn plus(&mut self, other: &WindowSums) {
        self.judged += other.judged;
        self.valid += other.valid;
        self.defects += other.defects;
        self.pending += other.pending;
    }
}

/// A row to be written: one window of one cell.
struct WindowRow {
    cell: u64,
    /// The index of the window's last day.
    end: usize,
    window: WindowSums,
}

/// One week of window ends, read batch by batch.
struct RollingBatches<'a> {
    input: &'a TablesInput<'a>,
    space: Arc<Space>,
    rules: Arc<Rules<'a>>,
    ends: Vec<Day>,
    /// The targets by window end.
    targets: Vec<Targets>,
    /// By segment and marketplace: the indices of the window ends whose windows contain the segment. Rows without
    /// a marketplace have no windows.
    holds: Vec<Vec<Range<usize>>>,
    merge: Merge<'a>,
    rows: VecDeque<WindowRow>,
}

impl<'a> RollingBatches<'a> {
    fn of(
        input: &'a TablesInput<'a>,
        space: Arc<Space>,
        rules: Arc<Rules<'a>>,
        days: &[Day],
        ends: Vec<Day>,
    ) -> Result<RollingBatches<'a>> {
        let lengths: Vec<i32> = (0..rules.markets())
            .map(|code| rules.market(code as u32).map_or(0, |market| market.window_days.max(1)))
            .collect();
        // Windows begin and end at borders of segments, so a window contains a segment if it contains its first day.
        let holds = |day: Day| -> Vec<Range<usize>> {
            let ends =
                |length: &i32| ends.partition_point(|end| *end < day)..ends.partition_point(|end| *end < day + length);
            lengths.iter().map(ends).collect()
        };
        let held: BTreeMap<Day, Vec<Range<usize>>> = days
            .iter()
            .map(|day| (*day, holds(*day)))
            .filter(|(_, holds)| holds.iter().any(|ends| !ends.is_empty()))
            .collect();
        let days: Vec<Day> = held.keys().copied().collect();
        let merge = Merge::of(&input.counted.category, &days, &space)?;
        let targets = ends.iter().map(|end| rules.targets(*end)).collect();
        let holds = held.into_values().collect();
        Ok(RollingBatches { input, space, rules, ends, targets, holds, merge, rows: VecDeque::new() })
    }

    /// Adds up the next account: its categories, and with them its total.
    fn next_account(&mut self) -> Result<()> {
        let Some(first) = self.merge.peek() else { return Ok(()) };
        let (total, market) = (self.space.total_of(first), self.space.code(first, MARKETPLACE) as usize);
        let mut whole = vec![WindowSums::default(); self.ends.len()];
        let mut details: Vec<WindowRow> = Vec::new();
        while self.merge.peek().is_some_and(|cell| self.space.total_of(cell) == total) {
            let mut windows = [WindowSums::default(); 7];
            let holds = &self.holds;
            let cell = self.merge.next(|count| {
                let outcome = OUTCOMES[count.code as usize];
                windows[holds[count.source][market].clone()]
                    .iter_mut()
                    .for_each(|window| window.add(outcome, count.count));
            })?;
            let Some(cell) = cell else { break };
            for (end, (window, whole)) in windows.into_iter().zip(&mut whole).enumerate() {
                whole.plus(&window);
                // A category with the total's name cannot be told apart from the total, which includes it.
                if window.judged > 0 && cell != total {
                    details.push(WindowRow { cell, end, window });
                }
            }
        }
        let place = details.partition_point(|row| row.cell < total);
        let after = details.split_off(place);
        let totals = whole.into_iter().enumerate().map(|(end, window)| WindowRow { cell: total, end, window });
        self.rows.extend(details);
        self.rows.extend(totals.filter(|row| row.window.judged > 0));
        self.rows.extend(after);
        Ok(())
    }

    fn next_rows(&mut self) -> Result<Vec<WindowRow>> {
        let most = self.space.rows_of_a_batch();
        while self.rows.len() < most && self.merge.peek().is_some() {
            self.next_account()?;
        }
        Ok(self.rows.drain(..self.rows.len().min(most)).collect())
    }

    fn batch(&self, rows: &[WindowRow]) -> RecordBatch {
        let cells: Vec<u64> = rows.iter().map(|row| row.cell).collect();
        let markets: Vec<u32> = cells.iter().map(|cell| self.space.code(*cell, MARKETPLACE)).collect();
        let market = |row: usize| self.rules.market(markets[row]).expect("nothing outside any marketplace has windows");
        let end = |row: usize| self.ends[rows[row].end];
        let start = |row: usize| end(row) - market(row).window_days.max(1) + 1;
        let rate = |row: usize| {
            let WindowRow { cell, end, window } = &rows[row];
            let tally = Tally { valid: unsigned(window.valid), eligible: unsigned(window.valid + window.defects) };
            Rate { tally, target: self.targets[*end].of(markets[row], self.space.code(*cell, PROGRAMME)) }
        };
        let rates: Vec<Rate> = (0..rows.len()).map(rate).collect();
        let as_of = self.input.plan.as_of;
        let provisional = (0..rows.len()).map(|row| Some(self.rules.provisional(markets[row], end(row), as_of)));
        let count = |of: fn(&WindowSums) -> i64| count_column(rows.iter().map(|row| of(&row.window)).collect());

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(19);
        columns.extend(self.space.text_columns(&cells));
        columns.push(day_column((0..rows.len()).map(end)));
        columns.push(day_column((0..rows.len()).map(start)));
        columns.push(count(|window| window.valid + window.defects));
        columns.push(count(|window| window.valid));
        columns.push(count(|window| window.defects));
        columns.push(count(|window| window.pending));
        columns.extend(rates::vtr_and_target(&rates));
        columns.push(rates::meets_target(&rates));
        columns.push(rates::defect_budget(&rates));
        columns.push(Arc::new(BooleanArray::from_iter(provisional)));
        columns.push(self.input.evidence_column(rows.len()));
        self.input.batch(Table::VtrRolling, columns)
    }
}

impl Iterator for RollingBatches<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        match self.next_rows() {
            Ok(rows) if rows.is_empty() => None,
            rows => Some(rows.map(|rows| self.batch(&rows))),
        }
    }
}
