//! `health_breakdown`: what the figures of `account_health` are made of, by carrier and reason.
//!
//! It adds up the eligible packages of the same windows, account by account, and so comes and goes with that
//! table. Besides a batch of rows it holds one account. It fails only if reading the counts does.

use super::merge::Merge;
use super::rates::Rules;
use super::space::{MARKETPLACE, Space};
use super::{CATEGORY_KEYS, PieceTask, TablesInput, coded, count_column, day_column};
use crate::error::Result;
use crate::fold::counts::Batches;
use crate::schema::Table;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::mend::{FixableBy, OUTCOMES};
use vtr_kernel::reason::{COUNT, Class};
use vtr_kernel::windows;

/// Makes the table as one piece, if the run counted all days of its windows.
pub(super) fn build<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    if !input.plan.counts_health_span() {
        return Vec::new();
    }
    vec![PieceTask::of(Table::HealthBreakdown, None, move || Ok(Box::new(BreakdownBatches::of(input)?) as Batches))]
}

/// Eligible packages of one carrier.
#[derive(Clone, Copy, Default)]
struct CarrierSums {
    valid: i64,
    pending: i64,
    reasons: [i64; COUNT],
    /// Packages by who can fix them, in the order of [`FixableBy::ALL`].
    menders: [i64; FixableBy::ALL.len()],
}

impl CarrierSums {
    fn add(&mut self, part: &CarrierCount) {
        let (outcome, packages) = (OUTCOMES[usize::from(part.outcome)], part.packages);
        match outcome.class() {
            Class::Valid => self.valid += packages,
            _ => self.reasons[outcome.reason as usize] += packages,
        }
        self.pending += if outcome.is_pending { packages } else { 0 };
        if let Some(mender) = usize::from(part.mender).checked_sub(1) {
            self.menders[mender] += packages;
        }
    }

    fn defects(&self) -> i64 {
        Reason::defects().map(|reason| self.reasons[reason as usize]).sum()
    }
}

/// A row to be written: one carrier of one cell.
struct CarrierRow {
    cell: u64,
    carrier: u32,
    sums: CarrierSums,
}

/// One count of a carrier of a cell. Most rows are made of one or two, and a part takes a tenth of a row's memory.
struct CarrierCount {
    cell: u64,
    carrier: u32,
    outcome: u8,
    /// See [`BreakdownBatches::menders`].
    mender: u8,
    packages: i64,
}

/// The table, read batch by batch.
struct BreakdownBatches<'a> {
    input: &'a TablesInput<'a>,
    space: Arc<Space>,
    rules: Rules<'a>,
    merge: Merge<'a>,
    /// Who can fix the packages of each merged source: 0 if nobody needs to, else the position in [`FixableBy::ALL`]
    /// plus one.
    menders: Vec<Day>,
    /// The names of the carriers by code, ascending.
    carriers: StringArray,
    /// The counts of whole accounts, by cell and carrier.
    parts: VecDeque<CarrierCount>,
}

impl<'a> BreakdownBatches<'a> {
    fn of(input: &'a TablesInput<'a>) -> Result<BreakdownBatches<'a>> {
        let counted = &input.counted.breakdown;
        let space = Arc::new(Space::of(counted, &CATEGORY_KEYS).with_total());
        let menders = counted.days();
        Ok(BreakdownBatches {
            input,
            rules: Rules::of(&input.plan.book, &space),
            merge: Merge::of(counted, &menders, &space)?,
            menders,
            carriers: counted.texts("carrier"),
            parts: VecDeque::new(),
            space,
        })
    }

    /// Reads the next account: the carriers of each category, and with them those of the account's total.
    fn next_account(&mut self) -> Result<()> {
        let Some(first) = self.merge.peek() else { return Ok(()) };
        let total = self.space.total_of(first);
        let (mut whole, mut details) = (BTreeMap::new(), Vec::new());
        while let Some(cell) = self.merge.peek().filter(|cell| self.space.total_of(*cell) == total) {
            let (begin, menders) = (details.len(), &self.menders);
            self.merge.next(|count| {
                let (carrier, outcome, packages) = (count.carrier(), count.outcome() as u8, count.count);
                let mender = menders[count.source] as u8;
                *whole.entry((carrier, outcome, mender)).or_default() += packages;
                // A category with the total's name cannot be told apart from the total, which includes it.
                if cell != total {
                    details.push(CarrierCount { cell, carrier, outcome, mender, packages });
                }
            })?;
            details[begin..].sort_by_key(|part| part.carrier);
        }
        let after = details.split_off(details.partition_point(|part| part.cell < total));
        let part =
            |((carrier, outcome, mender), packages)| CarrierCount { cell: total, carrier, outcome, mender, packages };
        self.parts.extend(details);
        self.parts.extend(whole.into_iter().map(part));
        self.parts.extend(after);
        Ok(())
    }

    fn next_rows(&mut self) -> Result<Vec<CarrierRow>> {
        let (most, mut rows) = (self.space.rows_of_a_batch(), Vec::<CarrierRow>::new());
        loop {
            let Some(CarrierCount { cell, carrier, .. }) = self.parts.front() else {
                match self.merge.peek() {
                    Some(_) => self.next_account()?,
                    None => return Ok(rows),
                }
                continue;
            };
            if rows.last().is_none_or(|row| (row.cell, row.carrier) != (*cell, *carrier)) {
                if rows.len() == most {
                    return Ok(rows);
                }
                rows.push(CarrierRow { cell: *cell, carrier: *carrier, sums: CarrierSums::default() });
            }
            if let (Some(row), Some(part)) = (rows.last_mut(), self.parts.pop_front()) {
                row.sums.add(&part);
            }
        }
    }

    fn batch(&self, rows: &[CarrierRow]) -> RecordBatch {
        let as_of = self.input.plan.as_of;
        let cells: Vec<u64> = rows.iter().map(|row| row.cell).collect();
        let window = |cell: &u64| {
            let market = self.rules.market(self.space.code(*cell, MARKETPLACE));
            windows::health(market.expect("nothing outside any marketplace has windows"), as_of)
        };
        let count = |of: &dyn Fn(&CarrierSums) -> i64| count_column(rows.iter().map(|row| of(&row.sums)).collect());

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(Table::HealthBreakdown.columns().len());
        columns.extend(self.space.text_columns(&cells));
        columns.push(coded(rows.iter().map(|row| row.carrier), &self.carriers));
        columns.push(day_column(cells.iter().map(|cell| window(cell).0)));
        columns.push(day_column(cells.iter().map(|cell| window(cell).1)));
        columns.push(count(&|sums| sums.valid + sums.defects()));
        columns.push(count(&|sums| sums.valid));
        columns.push(count(&CarrierSums::defects));
        columns.push(count(&|sums| sums.pending));
        columns.extend(Reason::defects().map(|reason| count(&|sums| sums.reasons[reason as usize])));
        columns.extend((0..FixableBy::ALL.len()).map(|mender| count(&|sums| sums.menders[mender])));
        columns.push(self.input.evidence_column(rows.len()));
        self.input.batch(Table::HealthBreakdown, columns)
    }
}

impl Iterator for BreakdownBatches<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        match self.next_rows() {
            Ok(rows) if rows.is_empty() => None,
            rows => Some(rows.map(|rows| self.batch(&rows))),
        }
    }
}
