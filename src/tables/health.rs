//! `account_health`: where each seller stands in the last window whose figures are final.
//!
//! The window is set by the calendar, whether or not data reach it. It is made only where the run
//! counted all the days it speaks of; a ranged run that did not leaves the published one alone. It is
//! added up in chunks of some accounts, and fails only if polars or reading the counts does.

use super::frames::{Counts, Detail, Measure, Sums, slot};
use super::merge::Merge;
use super::rates::{self, Rate, Rules, Targets};
use super::space::{MARKETPLACE, PROGRAMME, Space};
use super::{CATEGORY_KEYS, TablesInput, Task, count_column, day_column, text_column, unsigned};
use crate::error::Result;
use crate::fold::counts::Batches;
use crate::schema::Table;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use std::collections::BTreeMap;
use std::sync::Arc;
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::policy::Market;
use vtr_kernel::reason::Class;
use vtr_kernel::tally::Tally;

/// Counts after which a chunk of accounts is added up.
const COUNTS_OF_A_CHUNK: usize = 65_536;

/// Days up to the window's end within which a package makes its seller a row.
const ROW_DAYS: i32 = 84;
/// Days at the window's end that are looked at alone, and how far back the window before lies.
const WEEK_DAYS: i32 = 7;

/// Where a seller stands; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing eligible, or no version in force.
    NoData,
    /// Meets the target.
    Good,
    /// Meets it, but narrowly or not lately.
    AtRisk,
    /// Misses it.
    Breach,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 4] = [Status::NoData, Status::Good, Status::AtRisk, Status::Breach];

    /// The name in tables and options.
    pub fn name(self) -> &'static str {
        match self {
            Status::NoData => "no_data",
            Status::Good => "good",
            Status::AtRisk => "at_risk",
            Status::Breach => "breach",
        }
    }

    /// The status of a name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }

    /// What a window's rate and its last days come to.
    fn of(rate: &Rate, last_days: Tally) -> Status {
        let (Some(meets), Some(target)) = (rate.meets(), rate.target) else { return Status::NoData };
        if !meets {
            Status::Breach
        } else if rate.tally.is_narrow(target) || last_days.meets(target) == Some(false) {
            Status::AtRisk
        } else {
            Status::Good
        }
    }
}

/// First and last day of a marketplace's last final window.
pub fn window(market: &Market, as_of: Day) -> (Day, Day) {
    let end = as_of - market.latency_days - 1;
    (end - market.window_days.max(1) + 1, end)
}

/// Every day of which a marketplace's rows say something.
pub fn span(market: &Market, as_of: Day) -> (Day, Day) {
    let (start, end) = window(market, as_of);
    ((end - ROW_DAYS + 1).min(start - WEEK_DAYS), end)
}

/// Days on which the time axis must be cut for a marketplace's rows.
pub fn borders(market: &Market, as_of: Day) -> [Day; 5] {
    let (start, end) = window(market, as_of);
    [end - ROW_DAYS + 1, start - WEEK_DAYS, start, end - WEEK_DAYS + 1, end + 1]
}

/// `account_health`, as one piece, if the run can speak of all of it.
pub(super) fn build<'a>(input: &'a TablesInput<'a>) -> Vec<Task<'a>> {
    if !input.plan.counts_health_span() {
        return Vec::new();
    }
    vec![Task::of(Table::AccountHealth, None, move || Ok(Box::new(Health::of(input)?) as Batches))]
}

/// Zones of time around a window, as bits: a segment can lie in several.
mod zone {
    pub const ROWS: u8 = 1;
    pub const WINDOW: u8 = 2;
    pub const LAST_DAYS: u8 = 4;
    pub const BEFORE: u8 = 8;
}

/// The zones of a piece of time that begins on `day`, around a marketplace's window: borders of zones
/// are borders of pieces.
fn zones(day: Day, market: &Market, as_of: Day) -> u8 {
    let (start, end) = window(market, as_of);
    let bits = [
        (zone::ROWS, day > end - ROW_DAYS),
        (zone::WINDOW, day >= start),
        (zone::LAST_DAYS, day > end - WEEK_DAYS),
        (zone::BEFORE, (start - WEEK_DAYS..=end - WEEK_DAYS).contains(&day)),
    ];
    bits.into_iter().filter(|(_, is_in)| *is_in && day <= end).fold(0, |zones, (bit, _)| zones | bit)
}

fn measures() -> Vec<Measure> {
    let is_valid = |reason: Reason| reason.class() == Class::Valid;
    let is_eligible = |reason: Reason| matches!(reason.class(), Class::Valid | Class::Defect);
    let mut measures = vec![
        Measure::of("judged", zone::ROWS, |_| true),
        Measure::of("valid", zone::WINDOW, is_valid),
        Measure::of("eligible", zone::WINDOW, is_eligible),
        Measure::of("valid_last_days", zone::LAST_DAYS, is_valid),
        Measure::of("eligible_last_days", zone::LAST_DAYS, is_eligible),
        Measure::of("valid_before", zone::BEFORE, is_valid),
        Measure::of("eligible_before", zone::BEFORE, is_eligible),
    ];
    let reasons = Reason::defects();
    measures.extend(reasons.map(|reason| Measure::of(reason.name(), zone::WINDOW, move |other| other == reason)));
    measures
}

/// The table, to be read batch by batch.
struct Health<'a> {
    input: &'a TablesInput<'a>,
    space: Arc<Space>,
    rules: Rules<'a>,
    /// Of each marketplace's window.
    targets: Targets,
    measures: Vec<Measure>,
    /// By piece of time and marketplace: the zones that the piece lies in; none outside any marketplace.
    zones: Vec<Vec<u8>>,
    merge: Merge<'a>,
    culprits: Merge<'a>,
    carriers: StringArray,
    chunk: Chunk,
}

/// The sums of some accounts.
struct Chunk {
    /// Ascending, totals included.
    cells: Vec<u64>,
    sums: Sums,
    /// The carrier with the most defects in each cell's window.
    leading_carriers: Vec<Option<u32>>,
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
            targets: rules.targets_on(|market| window(market, as_of).1),
            zones,
            merge: Merge::of(&counted.category, &days, &space)?,
            culprits: Merge::of(&counted.culprits, &counted.culprits.days(), &space)?,
            carriers: counted.culprits.texts("carrier"),
            chunk: Chunk { cells: Vec::new(), sums, leading_carriers: Vec::new(), rows: Vec::new(), written: 0 },
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
                let detail = if zones & zone::WINDOW == 0 { Detail::Classes } else { Detail::Reasons };
                if zones != 0 {
                    found.push((cell, slot(zones, count.code, detail), count.count));
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
        let leading_carriers = self.leading_carriers(&cells, account)?;
        let rows = (0..cells.len()).filter(|row| sums.column("judged")[*row] > 0).collect();
        self.chunk = Chunk { cells, sums, leading_carriers, rows, written: 0 };
        Ok(())
    }

    /// The carrier with the most defects in each cell's window, up to the last account of a chunk; the
    /// smaller id on ties.
    fn leading_carriers(&mut self, cells: &[u64], last_account: Option<u64>) -> Result<Vec<Option<u32>>> {
        // Codes ascend with ids, so of equal counts the first seen has the smaller id.
        let leading = |carriers: BTreeMap<u32, i64>| {
            let best = carriers.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
            best.map(|(carrier, _)| carrier)
        };
        let mut found = vec![None; cells.len()];
        while let Some(first) = self.culprits.peek() {
            let total = self.space.total_of(first);
            if last_account.is_none_or(|last| total > last) {
                break;
            }
            let mut whole: BTreeMap<u32, i64> = BTreeMap::new();
            while let Some(cell) = self.culprits.peek().filter(|cell| self.space.total_of(*cell) == total) {
                let mut detail: BTreeMap<u32, i64> = BTreeMap::new();
                self.culprits.next(|count| {
                    *detail.entry(count.code).or_default() += count.count;
                    *whole.entry(count.code).or_default() += count.count;
                })?;
                if let (true, Ok(row)) = (cell != total, cells.binary_search(&cell)) {
                    found[row] = leading(detail);
                }
            }
            if let Ok(row) = cells.binary_search(&total) {
                found[row] = leading(whole);
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
        let windows: Vec<(Day, Day)> = markets.iter().map(|code| window(market(code), as_of)).collect();
        let last_days = tallies(&sums, "valid_last_days", "eligible_last_days");
        let before = tallies(&sums, "valid_before", "eligible_before");
        let tallies = tallies(&sums, "valid", "eligible");
        let target = |row: usize| self.targets.of(markets[row], self.space.code(cells[row], PROGRAMME));
        let rates: Vec<Rate> =
            tallies.iter().enumerate().map(|(row, tally)| Rate { tally: *tally, target: target(row) }).collect();
        let statuses = rates.iter().zip(&last_days).map(|(rate, last_days)| Status::of(rate, *last_days).name());
        let carriers = rows.iter().zip(&tallies).map(|(row, tally)| {
            let carrier = self.chunk.leading_carriers[*row].filter(|_| tally.eligible > tally.valid);
            carrier.map(|carrier| self.carriers.value(carrier as usize))
        });
        let count = |of: fn(&Tally) -> u64| count_column(tallies.iter().map(|tally| of(tally) as i64).collect());

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(22);
        columns.extend(self.space.text_columns(&cells));
        columns.push(day_column(windows.iter().map(|(start, _)| *start)));
        columns.push(day_column(windows.iter().map(|(_, end)| *end)));
        columns.push(count(|tally| tally.eligible));
        columns.push(count(|tally| tally.valid));
        columns.push(count(|tally| tally.eligible - tally.valid));
        columns.extend(rates::vtr_and_target(&rates));
        columns.push(text_column(statuses));
        columns.push(rates::defect_budget(&rates));
        columns.push(rates::valid_needed(&rates));
        columns.push(Arc::new(Float64Array::from_iter(before.iter().map(Tally::rate))));
        columns.push(Arc::new(StringArray::from_iter(leading_reasons(&sums, rows.len()))));
        columns.push(Arc::new(StringArray::from_iter(carriers)));
        columns.push(day_column(std::iter::repeat_n(as_of, rows.len())));
        columns.push(self.input.evidence_column(rows.len()));
        self.input.batch(Table::AccountHealth, columns)
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

/// The most frequent defect reason of each row; the earlier rung on ties.
fn leading_reasons(sums: &Sums, rows: usize) -> impl Iterator<Item = Option<&'static str>> {
    let mut leading: Vec<(i64, Option<&'static str>)> = vec![(0, None); rows];
    for reason in Reason::defects() {
        for (best, count) in leading.iter_mut().zip(sums.column(reason.name())) {
            if *count > best.0 {
                *best = (*count, Some(reason.name()));
            }
        }
    }
    leading.into_iter().map(|(_, reason)| reason)
}
