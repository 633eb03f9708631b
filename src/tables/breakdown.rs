//! `health_breakdown`: what the figures of `account_health` are made of, by carrier and reason.
//!
//! It adds up the eligible packages of the same windows, account by account, and so comes and goes with that
//! table. Besides a batch of rows it holds one account. It fails only if reading the counts does.

use super::merge::Merge;
use super::rates::Rules;
use super::space::{MARKETPLACE, Space};
use super::{CATEGORY_KEYS, TablesInput, Task, count_column, day_column};
use crate::error::Result;
use crate::fold::counts::Batches;
use crate::schema::Table;
use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow::compute::take;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::mend::{FixableBy, OUTCOMES};
use vtr_kernel::reason::{COUNT, Class};
use vtr_kernel::windows;

/// The table, as one piece, if the run can speak of all of it.
pub(super) fn build<'a>(input: &'a TablesInput<'a>) -> Vec<Task<'a>> {
    if !input.plan.counts_health_span() {
        return Vec::new();
    }
    vec![Task::of(Table::HealthBreakdown, None, move || Ok(Box::new(Breakdown::of(input)?) as Batches))]
}

/// Eligible packages of a carrier.
#[derive(Clone, Copy, Default)]
struct Sums {
    valid: i64,
    pending: i64,
    reasons: [i64; COUNT],
    /// In the order of [`FixableBy::ALL`].
    menders: [i64; FixableBy::ALL.len()],
}

impl Sums {
    fn plus(&mut self, other: &Sums) {
        self.valid += other.valid;
        self.pending += other.pending;
        self.reasons.iter_mut().zip(other.reasons).for_each(|(sum, more)| *sum += more);
        self.menders.iter_mut().zip(other.menders).for_each(|(sum, more)| *sum += more);
    }

    fn defects(&self) -> i64 {
        Reason::defects().map(|reason| self.reasons[reason as usize]).sum()
    }
}

/// By the carrier's code, which ascends with its id.
type Carriers = BTreeMap<u32, Sums>;

/// A carrier of a cell, to be written.
struct Row {
    cell: u64,
    carrier: u32,
    sums: Sums,
}

/// The table, to be read batch by batch.
struct Breakdown<'a> {
    input: &'a TablesInput<'a>,
    space: Arc<Space>,
    rules: Rules<'a>,
    merge: Merge<'a>,
    /// For each piece of what is merged who can mend its packages: 0 nobody needs to, else the place in
    /// [`FixableBy::ALL`] plus one.
    menders: Vec<Day>,
    carriers: StringArray,
    rows: VecDeque<Row>,
}

impl<'a> Breakdown<'a> {
    fn of(input: &'a TablesInput<'a>) -> Result<Breakdown<'a>> {
        let counted = &input.counted.breakdown;
        let space = Arc::new(Space::of(counted, &CATEGORY_KEYS).with_total());
        let menders = counted.days();
        Ok(Breakdown {
            input,
            rules: Rules::of(&input.plan.book, &space),
            merge: Merge::of(counted, &menders, &space)?,
            menders,
            carriers: counted.texts("carrier"),
            rows: VecDeque::new(),
            space,
        })
    }

    /// Adds up the next account: the carriers of its categories, and among them those of its total.
    fn next_account(&mut self) -> Result<()> {
        let Some(first) = self.merge.peek() else { return Ok(()) };
        let total = self.space.total_of(first);
        let (mut whole, mut details) = (Carriers::new(), Vec::new());
        while self.merge.peek().is_some_and(|cell| self.space.total_of(cell) == total) {
            let (mut carriers, menders) = (Carriers::new(), &self.menders);
            let cell = self.merge.next(|count| {
                let (sums, outcome) = (carriers.entry(count.carrier()).or_default(), OUTCOMES[count.outcome()]);
                match outcome.class() {
                    Class::Valid => sums.valid += count.count,
                    _ => sums.reasons[outcome.reason as usize] += count.count,
                }
                sums.pending += if outcome.is_pending { count.count } else { 0 };
                if let Ok(mender) = usize::try_from(menders[count.source] - 1) {
                    sums.menders[mender] += count.count;
                }
            })?;
            let Some(cell) = cell else { break };
            carriers.iter().for_each(|(carrier, sums)| whole.entry(*carrier).or_default().plus(sums));
            // What is called like the total could not be told from it, and is in it.
            if cell != total {
                details.extend(carriers.into_iter().map(|(carrier, sums)| Row { cell, carrier, sums }));
            }
        }
        let place = details.partition_point(|row| row.cell < total);
        let after = details.split_off(place);
        self.rows.extend(details);
        self.rows.extend(whole.into_iter().map(|(carrier, sums)| Row { cell: total, carrier, sums }));
        self.rows.extend(after);
        Ok(())
    }

    fn next_rows(&mut self) -> Result<Vec<Row>> {
        let most = self.space.rows_of_a_batch();
        while self.rows.len() < most && self.merge.peek().is_some() {
            self.next_account()?;
        }
        Ok(self.rows.drain(..self.rows.len().min(most)).collect())
    }

    fn batch(&self, rows: &[Row]) -> RecordBatch {
        let as_of = self.input.plan.as_of;
        let cells: Vec<u64> = rows.iter().map(|row| row.cell).collect();
        let window = |cell: &u64| {
            let market = self.rules.market(self.space.code(*cell, MARKETPLACE));
            windows::health(market.expect("nothing outside any marketplace has windows"), as_of)
        };
        let carriers = UInt32Array::from_iter_values(rows.iter().map(|row| row.carrier));
        let count = |of: &dyn Fn(&Sums) -> i64| count_column(rows.iter().map(|row| of(&row.sums)).collect());

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(Table::HealthBreakdown.columns().len());
        columns.extend(self.space.text_columns(&cells));
        columns.push(take(&self.carriers, &carriers, None).expect("codes index their texts"));
        columns.push(day_column(cells.iter().map(|cell| window(cell).0)));
        columns.push(day_column(cells.iter().map(|cell| window(cell).1)));
        columns.push(count(&|sums| sums.valid + sums.defects()));
        columns.push(count(&|sums| sums.valid));
        columns.push(count(&Sums::defects));
        columns.push(count(&|sums| sums.pending));
        columns.extend(Reason::defects().map(|reason| count(&|sums| sums.reasons[reason as usize])));
        columns.extend((0..FixableBy::ALL.len()).map(|mender| count(&|sums| sums.menders[mender])));
        columns.push(self.input.evidence_column(rows.len()));
        self.input.batch(Table::HealthBreakdown, columns)
    }
}

impl Iterator for Breakdown<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        match self.next_rows() {
            Ok(rows) if rows.is_empty() => None,
            rows => Some(rows.map(|rows| self.batch(&rows))),
        }
    }
}
