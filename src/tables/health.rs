//! `account_health`: where each seller stands in the last window whose figures are final.
//!
//! The window is set by the calendar, whether or not data reach it. It is made only where the run
//! counted all the days it speaks of; a ranged run that did not leaves the published one alone. It is
//! added up in chunks of some accounts, and fails only if polars or reading the counts does.

use super::frames::{Counts, Measure, Sums, slot};
use super::merge::Merge;
use super::rates::{self, Rules, Targets};
use super::space::{MARKETPLACE, PROGRAMME, Space};
use super::{CATEGORY_KEYS, TablesInput, Task, count_column, day_column, text_column, unsigned};
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

/// Counts after which a chunk of accounts is added up.
const COUNTS_OF_A_CHUNK: usize = 65_536;

/// `account_health`, as one piece, if the run can speak of all of it.
pub(super) fn build<'a>(input: &'a TablesInput<'a>) -> Vec<Task<'a>> {
    if !input.plan.counts_health_span() {
        return Vec::new();
    }
    vec![Task::of(Table::AccountHealth, None, move || Ok(Box::new(Health::of(input)?) as Batches))]
}

fn measures() -> Vec<Measure> {
    let is_valid = |outcome: Outcome| outcome.class() == Class::Valid;
    let is_eligible = |outcome: Outcome| matches!(outcome.class(), Class::Valid | Class::Defect);
    let is_pending = |outcome: Outcome| outcome.is_pending;
    vec![
        Measure::of("judged", zone::ROWS, |_| true),
        Measure::of("valid", zone::WINDOW, is_valid),
        Measure::of("eligible", zone::WINDOW, is_eligible),
        Measure::of("valid_last_days", zone::LAST_DAYS, is_valid),
        Measure::of("eligible_last_days", zone::LAST_DAYS, is_eligible),
        Measure::of("valid_before", zone::BEFORE, is_valid),
        Measure::of("eligible_before", zone::BEFORE, is_eligible),
        Measure::of("valid_outlook", zone::OUTLOOK, is_valid),
        Measure::of("eligible_outlook", zone::OUTLOOK, is_eligible),
        Measure::of("pending", zone::WINDOW, is_pending),
        Measure::of("pending_outlook", zone::OUTLOOK, is_pending),
    ]
}

/// The table, to be read batch by batch.
struct Health<'a> {
    input: &'a TablesInput<'a>,
    space: Arc<Space>,
    rules: Rules<'a>,
    /// Of each marketplace's window.
    targets: Targets,
    /// Of each marketplace's outlook.
    targets_outlook: Targets,
    measures: Vec<Measure>,
    /// By piece of time and marketplace: the zones that the piece lies in; none outside any marketplace.
    zones: Vec<Vec<u8>>,
    merge: Merge<'a>,
    breakdown: Merge<'a>,
    carriers: StringArray,
    chunk: Chunk,
}

/// Defects of one reason and carrier.
#[derive(Clone, Copy)]
struct Cause {
    reason: Reason,
    /// Its code.
    carrier: u32,
    packages: i64,
}

/// Counts of defects by the code of the reason and, within it, of the carrier: in the order of ties.
type Causes = BTreeMap<(u8, u32), i64>;

fn largest(causes: &Causes) -> Option<Cause> {
    // Codes ascend with rungs and ids, so of equal counts the first one seen is the one to name.
    let best = causes.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.filter(|(_, packages)| **packages > 0).map(|((reason, carrier), packages)| Cause {
        reason: Reason::from_code(*reason).expect("causes hold codes of reasons"),
        carrier: *carrier,
        packages: *packages,
    })
}

/// The sums of some accounts.
struct Chunk {
    /// Ascending, totals included.
    cells: Vec<u64>,
    sums: Sums,
    /// The largest group of defects of one reason and carrier in each cell's window.
    causes: Vec<Option<Cause>>,
    /// The rows to be written, and how many of them are.
    rows: Vec<usize>,
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
        let measures = measures();
        let sums = Sums::of(Counts::default(), 0, &measures)?;
        Ok(Health {
            input,
            targets: rules.targets_on(|market| windows::health(market, as_of).1),
            targets_outlook: rules.targets_on(|market| windows::outlook(market, as_of).1),
            zones,
            merge: Merge::of(&counted.category, &days, &space)?,
            breakdown: Merge::of(&counted.breakdown, &counted.breakdown.days(), &space)?,
            carriers: counted.breakdown.texts("carrier"),
            chunk: Chunk { cells: Vec::new(), sums, causes: Vec::new(), rows: Vec::new(), written: 0 },
            measures,
            space,
            rules,
        })
    }

    /// Adds up the next accounts: their categories, and among them their totals.
    fn next_chunk(&mut self) -> Result<()> {
        let mut found: Vec<(u64, u64, i64)> = Vec::new();
        let mut cells: Vec<u64> = Vec::new();
        let mut account = None;
        while let Some(cell) = self.merge.peek() {
            let total = self.space.total_of(cell);
            if account != Some(total) && found.len() >= COUNTS_OF_A_CHUNK {
                break;
            }
            account = Some(total);
            let (market, zones) = (self.space.code(cell, MARKETPLACE) as usize, &self.zones);
            let before = found.len();
            self.merge.next(|count| {
                let zones = zones[count.source][market];
                if zones != 0 {
                    found.push((cell, slot(zones, count.code), count.count));
                }
            })?;
            if found.len() > before {
                cells.extend([cell, total]);
            }
        }
        cells.sort_unstable();
        cells.dedup();
        let place = |cell: u64| cells.binary_search(&cell).expect("every cell found has a row");
        let mut counts = Counts::default();
        for of_cell in found.chunk_by(|a, b| a.0 == b.0) {
            let (cell, total) = (of_cell[0].0, self.space.total_of(of_cell[0].0));
            let (detail, whole) = (place(cell), place(total));
            for (_, slot, count) in of_cell {
                counts.push(whole, *slot, *count);
                // What is called like the total could not be told from it, and is in it.
                if cell != total {
                    counts.push(detail, *slot, *count);
                }
            }
        }
        let sums = Sums::of(counts, cells.len(), &self.measures)?;
        let causes = self.causes(&cells, account)?;
        let rows = (0..cells.len()).filter(|row| sums.column("judged")[*row] > 0).collect();
        self.chunk = Chunk { cells, sums, causes, rows, written: 0 };
        Ok(())
    }

    /// The largest group of defects in each cell's window, up to the last account of a chunk.
    fn causes(&mut self, cells: &[u64], last_account: Option<u64>) -> Result<Vec<Option<Cause>>> {
        let mut found = vec![None; cells.len()];
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
                if let (true, Ok(row)) = (cell != total, cells.binary_search(&cell)) {
                    found[row] = largest(&detail);
                }
            }
            if let Ok(row) = cells.binary_search(&total) {
                found[row] = largest(&whole);
            }
        }
        Ok(found)
    }

    /// The next rows of the chunk, none if all are written.
    fn rows(&mut self) -> Vec<usize> {
        let Chunk { rows, written, .. } = &mut self.chunk;
        let next = &rows[*written..rows.len().min(*written + self.space.rows_of_a_batch())];
        *written += next.len();
        next.to_vec()
    }

    fn batch(&self, rows: &[usize]) -> RecordBatch {
        let as_of = self.input.plan.as_of;
        let cells: Vec<u64> = rows.iter().map(|row| self.chunk.cells[*row]).collect();
        let sums = self.chunk.sums.rows(rows);
        let markets: Vec<u32> = cells.iter().map(|cell| self.space.code(*cell, MARKETPLACE)).collect();
        let market = |code: &u32| self.rules.market(*code).expect("rows without marketplace have no health");
        let windows: Vec<(Day, Day)> = markets.iter().map(|code| windows::health(market(code), as_of)).collect();
        let last_days = tallies(&sums, "valid_last_days", "eligible_last_days");
        let before = tallies(&sums, "valid_before", "eligible_before");
        let tallies = tallies(&sums, "valid", "eligible");
        let target = |row: usize| self.targets.of(markets[row], self.space.code(cells[row], PROGRAMME));
        let rates: Vec<Rate> =
            tallies.iter().enumerate().map(|(row, tally)| Rate { tally: *tally, target: target(row) }).collect();
        let outlooks = self.outlooks(&sums, &cells);
        let status = |row: usize| Status::of(&rates[row], last_days[row], &outlooks[row].0).name();
        let causes: Vec<Option<Cause>> = rows.iter().map(|row| self.chunk.causes[*row]).collect();
        let of_cause = |text: &dyn Fn(&Cause) -> String| -> ArrayRef {
            Arc::new(causes.iter().map(|cause| cause.as_ref().map(text)).collect::<StringArray>())
        };
        let count = |of: fn(&Tally) -> u64| count_column(tallies.iter().map(|tally| of(tally) as i64).collect());
        let is_few = |tally: &Tally| Some(tally.eligible < self.input.plan.output.min_eligible);
        let sum = |name: &str| count_column(sums.column(name).to_vec());
        let share = |of: &dyn Fn(&(Rate, Rate)) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from_iter(outlooks.iter().map(of)))
        };
        let outlook_ends = markets.iter().map(|code| windows::outlook(market(code), as_of).1);

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(31);
        columns.extend(self.space.text_columns(&cells));
        columns.push(day_column(windows.iter().map(|(start, _)| *start)));
        columns.push(day_column(windows.iter().map(|(_, end)| *end)));
        columns.push(count(|tally| tally.eligible));
        columns.push(count(|tally| tally.valid));
        columns.push(count(|tally| tally.eligible - tally.valid));
        columns.push(sum("pending"));
        columns.extend(rates::vtr_and_target(&rates));
        columns.push(text_column((0..rows.len()).map(status)));
        columns.push(Arc::new(tallies.iter().map(is_few).collect::<BooleanArray>()));
        columns.push(rates::defect_budget(&rates));
        columns.push(rates::valid_needed(&rates));
        columns.push(Arc::new(Float64Array::from_iter(before.iter().map(Tally::rate))));
        columns.push(of_cause(&|cause| cause.reason.name().to_owned()));
        columns.push(of_cause(&|cause| self.carriers.value(cause.carrier as usize).to_owned()));
        columns.push(count_column(causes.iter().map(|cause| cause.map_or(0, |cause| cause.packages)).collect()));
        columns.push(day_column(outlook_ends));
        columns.extend(["eligible_outlook", "valid_outlook", "pending_outlook"].map(sum));
        columns.push(share(&|(low, _)| low.tally.rate()));
        columns.push(share(&|(_, high)| high.tally.rate()));
        columns.push(day_column(std::iter::repeat_n(as_of, rows.len())));
        columns.push(self.input.evidence_column(rows.len()));
        self.input.batch(Table::AccountHealth, columns)
    }

    /// What each row's outlook comes to if no pending package is scanned, and if every one is.
    fn outlooks(&self, sums: &Sums, cells: &[u64]) -> Vec<(Rate, Rate)> {
        let tallies = tallies(sums, "valid_outlook", "eligible_outlook");
        let ends = |(row, low): (usize, Tally)| {
            let (market, programme) =
                (self.space.code(cells[row], MARKETPLACE), self.space.code(cells[row], PROGRAMME));
            let target = self.targets_outlook.of(market, programme);
            let high = Tally { valid: low.valid + unsigned(sums.column("pending_outlook")[row]), ..low };
            (Rate { tally: low, target }, Rate { tally: high, target })
        };
        tallies.into_iter().enumerate().map(ends).collect()
    }
}

impl Iterator for Health<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let rows = self.rows();
            if !rows.is_empty() {
                return Some(Ok(self.batch(&rows)));
            }
            self.merge.peek()?;
            if let Err(error) = self.next_chunk() {
                return Some(Err(error));
            }
        }
    }
}

fn tallies(sums: &Sums, valid: &str, eligible: &str) -> Vec<Tally> {
    let counts = sums.column(valid).iter().zip(sums.column(eligible));
    counts.map(|(valid, eligible)| Tally { valid: unsigned(*valid), eligible: unsigned(*eligible) }).collect()
}
