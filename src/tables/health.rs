//! `account_health`: where each seller stands in the last window whose figures are final.
//!
//! The window is set by the calendar, whether or not data reach it. It is made only where the run
//! counted all the days it speaks of; a ranged run that did not leaves the published one alone. It
//! fails only if polars does.

use super::columns::Table;
use super::frames::{self, ALL, Codes, Detail, Measure, Space};
use super::rates::{self, Rate, Rules};
use super::{CATEGORY_KEYS, Piece, TablesInput, batches, day_column, text_column};
use crate::error::Result;
use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use polars::prelude::DataFrame;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::policy::Market;
use vtr_kernel::reason::Class;
use vtr_kernel::tally::Tally;

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
pub fn build(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    if !input.plan.counts_health_span() {
        return Ok(());
    }
    let mut rows = Vec::new();
    let space = Space::of(&input.counted.category, &CATEGORY_KEYS).with_total();
    let rules = Rules::of(&input.plan.book, &space);
    if let Some(sums) = sums(input, &space, &rules)? {
        let culprits = leading_carriers(input)?;
        let sheet = Sheet { input, space: &space, rules: &rules, sums: &sums, culprits: &culprits };
        rows = batches(sums.height(), |rows| sheet.batch(rows))?;
    }
    each(Piece::of(Table::AccountHealth, None, rows))
}

/// Zones of time around a window, as bits: a segment can lie in several.
mod zone {
    pub const ROWS: u8 = 1;
    pub const WINDOW: u8 = 2;
    pub const LAST_DAYS: u8 = 4;
    pub const BEFORE: u8 = 8;
}

/// The zones of a segment that begins on `day`, for a window.
fn zones(day: Day, start: Day, end: Day) -> u8 {
    let bits = [
        (zone::ROWS, day > end - ROW_DAYS),
        (zone::WINDOW, day >= start),
        (zone::LAST_DAYS, day > end - WEEK_DAYS),
        (zone::BEFORE, (start - WEEK_DAYS..=end - WEEK_DAYS).contains(&day)),
    ];
    bits.into_iter().filter(|(_, is_in)| *is_in).fold(0, |zones, (bit, _)| zones | bit)
}

fn measures() -> Vec<Measure> {
    let mut measures = vec![
        Measure::judged("judged").in_zones_with(zone::ROWS),
        Measure::class("valid", Class::Valid).in_zones_with(zone::WINDOW),
        Measure::eligible("eligible").in_zones_with(zone::WINDOW),
        Measure::class("valid_last_days", Class::Valid).in_zones_with(zone::LAST_DAYS),
        Measure::eligible("eligible_last_days").in_zones_with(zone::LAST_DAYS),
        Measure::class("valid_before", Class::Valid).in_zones_with(zone::BEFORE),
        Measure::eligible("eligible_before").in_zones_with(zone::BEFORE),
    ];
    measures.extend(Reason::defects().map(|reason| Measure::reason(reason).in_zones_with(zone::WINDOW)));
    measures
}

/// The sums of every row, totals included; `None` without any.
fn sums(input: &TablesInput, space: &Space, rules: &Rules) -> Result<Option<DataFrame>> {
    let as_of = input.plan.as_of;
    let windows: Vec<Option<(Day, Day)>> =
        (0..space.texts(1).count()).map(|code| rules.market(code as u32).map(|market| window(market, as_of))).collect();
    let mut distinct: Vec<(Day, Day)> = windows.iter().flatten().copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let mut adder = frames::Adder::default();
    for (start, end) in distinct {
        let first = (end - ROW_DAYS + 1).min(start - WEEK_DAYS);
        let has_this_window = |codes: Codes| windows[codes[1] as usize] == Some((start, end));
        let segments = &input.counted.category;
        for day in segments.days().into_iter().filter(|day| (first..=end).contains(day)) {
            let zones = zones(day, start, end);
            let detail = if zones & zone::WINDOW == 0 { Detail::Classes } else { Detail::Reasons };
            for batch in segments.sorted(day)? {
                adder.add(space.frame(&batch?, zones, detail, has_this_window)?)?;
            }
        }
    }
    match adder.finish()? {
        Some(sums) => frames::above_zero(frames::pivot(&space.add_totals(&sums)?, &measures())?, "judged").map(Some),
        None => Ok(None),
    }
}

/// Seller, marketplace, programme and category of a row.
type Key = [String; 4];

/// The carrier with the most defects in each row's window; the smaller id on ties.
fn leading_carriers(input: &TablesInput) -> Result<HashMap<Key, String>> {
    let culprits = &input.counted.culprits;
    let Some(day) = culprits.days().first().copied() else { return Ok(HashMap::new()) };
    let names = ["seller_id", "marketplace", "programme", "product_category", "carrier"];
    let space = Space::of(culprits, &names);
    let frames = culprits.sorted(day)?.map(|batch| space.frame(&batch?, 0, Detail::Reasons, |_| true));
    let sums = frames::sum(frames.collect::<Result<_>>()?)?;
    let sums = frames::pivot(&sums, &[Measure::judged("defects")])?;
    // Codes ascend with ids, so of equal counts the first seen has the smaller id.
    let mut by_row: BTreeMap<Key, BTreeMap<u32, i64>> = BTreeMap::new();
    for (cell, count) in frames::cells(&sums)?.iter().zip(frames::counts(&sums, "defects")?) {
        let codes = space.codes(*cell);
        let [seller, marketplace, programme, category] = [0, 1, 2, 3].map(|column| space.text(column, codes[column]));
        let detail = (category != ALL).then_some(category);
        for category in detail.into_iter().chain([ALL]) {
            let key = [seller, marketplace, programme, category].map(String::from);
            *by_row.entry(key).or_default().entry(codes[4]).or_default() += count;
        }
    }
    let leading = by_row.into_iter().filter_map(|(key, carriers)| {
        let (carrier, _) = carriers.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        Some((key, space.text(4, carrier).to_owned()))
    });
    Ok(leading.collect())
}

/// The summed rows, to be written out.
struct Sheet<'a> {
    input: &'a TablesInput<'a>,
    space: &'a Space,
    rules: &'a Rules<'a>,
    sums: &'a DataFrame,
    culprits: &'a HashMap<Key, String>,
}

impl Sheet<'_> {
    fn tallies(&self, valid: &str, eligible: &str, rows: &Range<usize>) -> Result<Vec<Tally>> {
        let [valid, eligible] = [frames::counts(self.sums, valid)?, frames::counts(self.sums, eligible)?];
        let tally = |row| Tally { valid: frames::unsigned(valid[row]), eligible: frames::unsigned(eligible[row]) };
        Ok(rows.clone().map(tally).collect())
    }

    /// The most frequent defect reason of each row; the earlier rung on ties.
    fn leading_reasons(&self, rows: &Range<usize>) -> Result<Vec<Option<&'static str>>> {
        let mut leading: Vec<(i64, Option<&'static str>)> = vec![(0, None); rows.len()];
        for reason in Reason::defects() {
            for (best, count) in leading.iter_mut().zip(&frames::counts(self.sums, reason.name())?[rows.clone()]) {
                if *count > best.0 {
                    *best = (*count, Some(reason.name()));
                }
            }
        }
        Ok(leading.into_iter().map(|(_, reason)| reason).collect())
    }

    fn leading_carrier(&self, codes: &Codes, tally: Tally) -> Option<&str> {
        let key = [0, 1, 2, 3].map(|column| self.space.text(column, codes[column]).to_owned());
        (tally.eligible > tally.valid).then(|| self.culprits.get(&key).map(String::as_str)).flatten()
    }

    fn batch(&self, rows: Range<usize>) -> Result<RecordBatch> {
        let as_of = self.input.plan.as_of;
        let codes: Vec<Codes> =
            frames::cells(self.sums)?[rows.clone()].iter().map(|cell| self.space.codes(*cell)).collect();
        let market = |codes: &Codes| self.rules.market(codes[1]).expect("rows without marketplace have no health");
        let windows: Vec<(Day, Day)> = codes.iter().map(|codes| window(market(codes), as_of)).collect();
        let tallies = self.tallies("valid", "eligible", &rows)?;
        let last_days = self.tallies("valid_last_days", "eligible_last_days", &rows)?;
        let before = self.tallies("valid_before", "eligible_before", &rows)?;
        let rates: Vec<Rate> = (0..rows.len())
            .map(|row| Rate {
                tally: tallies[row],
                target: self.rules.target(codes[row][1], codes[row][2], windows[row].1),
            })
            .collect();
        let statuses = rates.iter().zip(&last_days).map(|(rate, last_days)| Status::of(rate, *last_days).name());
        let carriers = codes.iter().zip(&tallies).map(|(codes, tally)| self.leading_carrier(codes, *tally));
        let count = |of: fn(&Tally) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(tallies.iter().map(|tally| of(tally) as i64)))
        };

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(22);
        for column in 0..4 {
            columns.push(text_column(codes.iter().map(|codes| self.space.text(column, codes[column]))));
        }
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
        columns.push(Arc::new(StringArray::from_iter(self.leading_reasons(&rows)?)));
        columns.push(Arc::new(StringArray::from_iter(carriers)));
        columns.push(day_column(rows.clone().map(|_| as_of)));
        columns.push(self.input.evidence_column(rows.len()));
        Ok(self.input.batch(Table::AccountHealth, columns))
    }
}
