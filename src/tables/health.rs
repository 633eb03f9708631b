//! `account_health`: how each seller does in the last window whose figures are final.
//!
//! The calendar sets the window, whether or not data reach it. The table is made only if the run counted all days of
//! its windows; a ranged run that did not leaves the published table as it is. Accounts are added up in chunks, and
//! the table fails only if the counts cannot be read.

use super::merge::Merge;
use super::rates::{self, Rules, Targets};
use super::space::{MARKETPLACE, PROGRAMME, Space};
use super::{CATEGORY_KEYS, PieceTask, TablesInput, count_column, day_column, text_column, unsigned};
use crate::error::Result;
use crate::fold::counts::Batches;
use crate::schema::Table;
use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use std::collections::BTreeMap;
use std::sync::Arc;
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::mend::{OUTCOMES, Outcome};
use vtr_kernel::reason::Class;
pub use vtr_kernel::standing::Status;
use vtr_kernel::tally::{Rate, Tally};
use vtr_kernel::windows::{self, zone, zones};

/// A chunk of accounts ends after this many rows.
const ROWS_OF_A_CHUNK: usize = 16_384;

/// Makes `account_health` as one piece, if the run counted all days of its windows.
pub(super) fn build<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    if !input.plan.counts_health_span() {
        return Vec::new();
    }
    vec![PieceTask::of(Table::AccountHealth, None, move || Ok(Box::new(Health::of(input)?) as Batches))]
}

/// Packages of a cell, by window.
#[derive(Clone, Copy, Default)]
struct HealthSums {
    judged: i64,
    window: Tally,
    last_days: Tally,
    before: Tally,
    outlook: Tally,
    pending: i64,
    pending_outlook: i64,
}

impl HealthSums {
    /// Adds packages of one outcome to the windows that these zones belong to.
    fn add(&mut self, zones: u8, outcome: Outcome, count: i64) {
        let (class, packages) = (outcome.class(), unsigned(count));
        if zones & zone::ROWS != 0 {
            self.judged += count;
        }
        let windows = [
            (zone::WINDOW, &mut self.window),
            (zone::LAST_DAYS, &mut self.last_days),
            (zone::BEFORE, &mut self.before),
            (zone::OUTLOOK, &mut self.outlook),
        ];
        for (_, tally) in windows.into_iter().filter(|(zone, _)| zones & zone != 0) {
            tally.valid += if class == Class::Valid { packages } else { 0 };
            tally.eligible += if matches!(class, Class::Valid | Class::Defect) { packages } else { 0 };
        }
        if outcome.is_pending {
            self.pending += if zones & zone::WINDOW != 0 { count } else { 0 };
            self.pending_outlook += if zones & zone::OUTLOOK != 0 { count } else { 0 };
        }
    }
}

/// The table, read batch by batch.
struct Health<'a> {
    input: &'a TablesInput<'a>,
    space: Arc<Space>,
    rules: Rules<'a>,
    /// The targets of each marketplace's window.
    targets: Targets,
    /// The targets of each marketplace's outlook.
    targets_outlook: Targets,
    /// The zones that contain each segment, by marketplace; rows without a marketplace have none.
    zones: Vec<Vec<u8>>,
    merge: Merge<'a>,
    breakdown: Merge<'a>,
    carriers: StringArray,
    chunk: AccountChunk,
}

/// Defects of one reason and carrier.
#[derive(Clone, Copy)]
struct DefectCause {
    reason: Reason,
    /// The carrier's code.
    carrier: u32,
    packages: i64,
}

/// Counts of defects by the codes of reason and carrier; the key order is the tie-break.
type Causes = BTreeMap<(u8, u32), i64>;

fn largest(causes: &Causes) -> Option<DefectCause> {
    // Codes ascend with rungs and ids, so the first of equal counts wins the tie.
    let best = causes.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.filter(|(_, packages)| **packages > 0).map(|((reason, carrier), packages)| DefectCause {
        reason: Reason::from_code(*reason).expect("causes hold codes of reasons"),
        carrier: *carrier,
        packages: *packages,
    })
}

/// A cell to be written.
struct AccountRow {
    cell: u64,
    sums: HealthSums,
    /// The largest group of defects in the window that share reason and carrier.
    cause: Option<DefectCause>,
}

/// Rows of some accounts.
#[derive(Default)]
struct AccountChunk {
    /// The rows by cell, ascending, totals included.
    rows: Vec<AccountRow>,
    written: usize,
}

impl<'a> Health<'a> {
    fn of(input: &'a TablesInput<'a>) -> Result<Health<'a>> {
        let (counted, as_of) = (input.counted, input.plan.as_of);
        let space = Arc::new(Space::of(&counted.category, &CATEGORY_KEYS).with_total());
        let rules = Rules::of(&input.plan.book, &space);
        let zones_of = |day: Day| -> Vec<u8> {
            let market = |code: usize| rules.market(code as u32).map_or(0, |market| zones(day, market, as_of));
            (0..rules.markets()).map(market).collect()
        };
        let days: Vec<(Day, Vec<u8>)> = counted.category.days().into_iter().map(|day| (day, zones_of(day))).collect();
        let (days, zones): (Vec<Day>, Vec<Vec<u8>>) =
            days.into_iter().filter(|(_, zones)| zones.iter().any(|zones| *zones != 0)).unzip();
        Ok(Health {
            input,
            targets: rules.targets_on(|market| windows::health(market, as_of).1),
            targets_outlook: rules.targets_on(|market| windows::outlook(market, as_of).1),
            zones,
            merge: Merge::of(&counted.category, &days, &space)?,
            breakdown: Merge::of(&counted.breakdown, &counted.breakdown.days(), &space)?,
            carriers: counted.breakdown.texts("carrier"),
            chunk: AccountChunk::default(),
            space,
            rules,
        })
    }

    /// Adds up the next accounts: the categories of each, and with them its total.
    fn next_chunk(&mut self) -> Result<()> {
        let (mut rows, mut account) = (Vec::new(), None);
        while let Some(first) = self.merge.peek().filter(|_| rows.len() < ROWS_OF_A_CHUNK) {
            account = Some(self.space.total_of(first));
            self.next_account(&mut rows)?;
        }
        rows.retain(|row: &AccountRow| row.sums.judged > 0);
        self.causes(&mut rows, account)?;
        self.chunk = AccountChunk { rows, written: 0 };
        Ok(())
    }

    fn next_account(&mut self, rows: &mut Vec<AccountRow>) -> Result<()> {
        let Some(first) = self.merge.peek() else { return Ok(()) };
        let (total, market) = (self.space.total_of(first), self.space.code(first, MARKETPLACE) as usize);
        let (mut whole, begin) = (HealthSums::default(), rows.len());
        while let Some(cell) = self.merge.peek().filter(|cell| self.space.total_of(*cell) == total) {
            let (mut sums, zones) = (HealthSums::default(), &self.zones);
            self.merge.next(|count| {
                let (zones, outcome) = (zones[count.source][market], OUTCOMES[count.outcome()]);
                whole.add(zones, outcome, count.count);
                sums.add(zones, outcome, count.count);
            })?;
            // A category with the total's name cannot be told apart from the total, which includes it.
            if cell != total {
                rows.push(AccountRow { cell, sums, cause: None });
            }
        }
        let place = begin + rows[begin..].partition_point(|row| row.cell < total);
        rows.insert(place, AccountRow { cell: total, sums: whole, cause: None });
        Ok(())
    }

    /// Finds the largest group of defects in each cell's window, up to the last account of a chunk.
    fn causes(&mut self, rows: &mut [AccountRow], last_account: Option<u64>) -> Result<()> {
        let mut found = |cell: u64, causes: &Causes| {
            if let Ok(row) = rows.binary_search_by_key(&cell, |row| row.cell) {
                rows[row].cause = largest(causes);
            }
        };
        while let Some(first) = self.breakdown.peek() {
            let total = self.space.total_of(first);
            if last_account.is_none_or(|last| total > last) {
                break;
            }
            let mut whole = Causes::new();
            while let Some(cell) = self.breakdown.peek().filter(|cell| self.space.total_of(*cell) == total) {
                let mut detail = Causes::new();
                self.breakdown.next(|count| {
                    let reason = OUTCOMES[count.outcome()].reason;
                    if reason.class() == Class::Defect {
                        *detail.entry((reason as u8, count.carrier())).or_default() += count.count;
                    }
                })?;
                detail.iter().for_each(|(cause, count)| *whole.entry(*cause).or_default() += count);
                if cell != total {
                    found(cell, &detail);
                }
            }
            found(total, &whole);
        }
        Ok(())
    }

    /// Returns the next rows of the chunk; the range is empty once all are written.
    fn rows(&mut self) -> std::ops::Range<usize> {
        let AccountChunk { rows, written } = &mut self.chunk;
        let next = *written..rows.len().min(*written + self.space.rows_of_a_batch());
        *written = next.end;
        next
    }

    fn batch(&self, rows: &[AccountRow]) -> RecordBatch {
        let as_of = self.input.plan.as_of;
        let cells: Vec<u64> = rows.iter().map(|row| row.cell).collect();
        let markets: Vec<u32> = cells.iter().map(|cell| self.space.code(*cell, MARKETPLACE)).collect();
        let market = |code: &u32| self.rules.market(*code).expect("rows without marketplace have no health");
        let windows: Vec<(Day, Day)> = markets.iter().map(|code| windows::health(market(code), as_of)).collect();
        let target = |row: usize| self.targets.of(markets[row], self.space.code(cells[row], PROGRAMME));
        let rates: Vec<Rate> =
            rows.iter().enumerate().map(|(row, of)| Rate { tally: of.sums.window, target: target(row) }).collect();
        let outlooks: Vec<(Rate, Rate)> = rows.iter().map(|row| self.outlook(row)).collect();
        let status = |row: usize| Status::of(&rates[row], rows[row].sums.last_days, &outlooks[row].0).name();
        let of_cause = |text: &dyn Fn(&DefectCause) -> String| -> ArrayRef {
            Arc::new(rows.iter().map(|row| row.cause.as_ref().map(text)).collect::<StringArray>())
        };
        let count = |of: &dyn Fn(&AccountRow) -> i64| count_column(rows.iter().map(of).collect());
        let is_few = |row: &AccountRow| Some(row.sums.window.eligible < self.input.plan.output.min_eligible);
        let share = |of: &dyn Fn(&(Rate, Rate)) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from_iter(outlooks.iter().map(of)))
        };
        let outlook_ends = markets.iter().map(|code| windows::outlook(market(code), as_of).1);

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(31);
        columns.extend(self.space.text_columns(&cells));
        columns.push(day_column(windows.iter().map(|(start, _)| *start)));
        columns.push(day_column(windows.iter().map(|(_, end)| *end)));
        columns.push(count(&|row| row.sums.window.eligible as i64));
        columns.push(count(&|row| row.sums.window.valid as i64));
        columns.push(count(&|row| (row.sums.window.eligible - row.sums.window.valid) as i64));
        columns.push(count(&|row| row.sums.pending));
        columns.extend(rates::vtr_and_target(&rates));
        columns.push(text_column((0..rows.len()).map(status)));
        columns.push(Arc::new(rows.iter().map(is_few).collect::<BooleanArray>()));
        columns.push(rates::defect_budget(&rates));
        columns.push(rates::valid_needed(&rates));
        columns.push(Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.sums.before.rate()))));
        columns.push(of_cause(&|cause| cause.reason.name().to_owned()));
        columns.push(of_cause(&|cause| self.carriers.value(cause.carrier as usize).to_owned()));
        columns.push(count(&|row| row.cause.map_or(0, |cause| cause.packages)));
        columns.push(day_column(outlook_ends));
        columns.push(count(&|row| row.sums.outlook.eligible as i64));
        columns.push(count(&|row| row.sums.outlook.valid as i64));
        columns.push(count(&|row| row.sums.pending_outlook));
        columns.push(share(&|(low, _)| low.tally.rate()));
        columns.push(share(&|(_, high)| high.tally.rate()));
        columns.push(day_column(std::iter::repeat_n(as_of, rows.len())));
        columns.push(self.input.evidence_column(rows.len()));
        self.input.batch(Table::AccountHealth, columns)
    }

    /// Returns a row's outlook in two cases: no pending package is scanned, and every one is.
    fn outlook(&self, row: &AccountRow) -> (Rate, Rate) {
        let (market, programme) = (self.space.code(row.cell, MARKETPLACE), self.space.code(row.cell, PROGRAMME));
        let (target, low) = (self.targets_outlook.of(market, programme), row.sums.outlook);
        let high = Tally { valid: low.valid + unsigned(row.sums.pending_outlook), ..low };
        (Rate { tally: low, target }, Rate { tally: high, target })
    }
}

impl Iterator for Health<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let rows = self.rows();
            if !rows.is_empty() {
                return Some(Ok(self.batch(&self.chunk.rows[rows])));
            }
            self.merge.peek()?;
            if let Err(error) = self.next_chunk() {
                return Some(Err(error));
            }
        }
    }
}
