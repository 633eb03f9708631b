//! The packages of accounts by week and by trailing window, and those left out of the rate.
//!
//! Sums over whole rows are made by Polars; no rate is added or averaged. It fails if a table cannot be read.

use super::{ACCOUNT, ALL, Key, keys, reasons, unsigned};
use crate::error::Result;
use crate::pages::read::{PublishedVersion, Scope, optional};
use crate::pages::sums::{KeyedSums, Summed};
use std::collections::{BTreeMap, HashMap};
use vtr_kernel::calendar::{Day, monday};
use vtr_kernel::tally::Tally;

/// The packages of one week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Week {
    /// Its Monday.
    pub monday: Day,
    /// Whether scans can still change it.
    pub is_open: bool,
    /// Its packages; pending ones count as defects.
    pub tally: Tally,
    /// Defects that are pending.
    pub pending: u64,
    /// Defects by reason, in the order of [`vtr_kernel::Reason::defects`].
    pub reasons: Vec<i64>,
}

impl Week {
    /// Adds the packages of the same week in another account.
    pub fn add(&mut self, other: &Week) {
        self.monday = other.monday;
        self.is_open |= other.is_open;
        self.tally.eligible += other.tally.eligible;
        self.tally.valid += other.tally.valid;
        self.pending += other.pending;
        self.reasons.resize(other.reasons.len().max(self.reasons.len()), 0);
        self.reasons.iter_mut().zip(&other.reasons).for_each(|(sum, count)| *sum += count);
    }
}

/// The Mondays of the last weeks up to that of `as_of`, oldest first.
pub fn mondays(as_of: Day, weeks: usize) -> Vec<Day> {
    let last = monday(as_of);
    (0..weeks as i32).rev().map(|back| last - 7 * back).collect()
}

/// Sums of `vtr_weekly` over some weeks, by week and other keys.
fn weekly(source: &PublishedVersion, scope: &Scope, mondays: &[Day], by: &[&'static str]) -> Result<Summed> {
    let mut counts = vec!["eligible", "valid", "pending", "provisional"];
    counts.extend(reasons());
    let mut sums = KeyedSums::by(&[by, &["week_start"]].concat(), &counts);
    if let (Some(first), Some(last)) = (mondays.first(), mondays.last()) {
        let columns = with_account(sums.columns(), scope);
        source
            .read("vtr_weekly", &columns, Some(*first..=*last), scope, &mut |rows| sums.add(&rows, &rows.of(scope)))?;
    }
    sums.finish()
}

/// Adds the columns by which a scope selects rows.
fn with_account(mut columns: Vec<&'static str>, scope: &Scope) -> Vec<&'static str> {
    let is_asked = scope.sellers.is_some() || scope.markets.is_some();
    for name in ["seller_id", "marketplace"] {
        if is_asked && !columns.contains(&name) {
            columns.push(name);
        }
    }
    columns
}

/// The week of each row of sums.
fn weeks_of(sums: &Summed) -> Vec<Week> {
    let (mondays, reasons) = (sums.days("week_start"), reasons());
    let [eligible, valid, pending, open] =
        ["eligible", "valid", "pending", "provisional"].map(|name| sums.counts(name));
    let of_reason: Vec<&[i64]> = reasons.iter().map(|name| sums.counts(name)).collect();
    let week = |row: usize| Week {
        monday: mondays[row],
        is_open: open[row] > 0,
        tally: Tally { valid: unsigned(valid[row]), eligible: unsigned(eligible[row]) },
        pending: unsigned(pending[row]),
        reasons: of_reason.iter().map(|counts| counts[row]).collect(),
    };
    (0..sums.len()).map(week).collect()
}

/// The weeks of some accounts.
///
/// # Errors
/// The table cannot be read.
pub fn weeks(source: &PublishedVersion, scope: &Scope, mondays: &[Day]) -> Result<HashMap<Key, BTreeMap<Day, Week>>> {
    let sums = weekly(source, scope, mondays, &ACCOUNT)?;
    let mut found: HashMap<Key, BTreeMap<Day, Week>> = HashMap::new();
    for (key, week) in keys(&sums).into_iter().zip(weeks_of(&sums)) {
        found.entry(key).or_default().insert(week.monday, week);
    }
    Ok(found)
}

/// The sums of each week over a scope.
///
/// # Errors
/// The table cannot be read.
pub fn weeks_together(source: &PublishedVersion, scope: &Scope, mondays: &[Day]) -> Result<Vec<Week>> {
    let mut weeks = weeks_of(&weekly(source, scope, mondays, &[])?);
    weeks.retain(|week| week.tally.eligible > 0);
    weeks.sort_by_key(|week| std::cmp::Reverse(week.monday));
    Ok(weeks)
}

/// One trailing window of `vtr_rolling`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rolling {
    /// Its packages.
    pub tally: Tally,
    /// Defects that are pending.
    pub pending: u64,
    /// Whether scans can still change it.
    pub is_open: bool,
    /// The target.
    pub target: f64,
}

/// The windows of some accounts that end on Sundays, by last day.
///
/// # Errors
/// The table cannot be read.
pub fn rolling(
    source: &PublishedVersion,
    scope: &Scope,
    mondays: &[Day],
) -> Result<HashMap<Key, BTreeMap<Day, Rolling>>> {
    let columns = [
        "seller_id",
        "marketplace",
        "programme",
        "product_category",
        "window_end",
        "eligible",
        "valid",
        "pending",
        "provisional",
        "target",
    ];
    let mut found: HashMap<Key, BTreeMap<Day, Rolling>> = HashMap::new();
    let Some(range) = mondays.first().zip(mondays.last()).map(|(first, last)| *first..=*last) else {
        return Ok(found);
    };
    source.read("vtr_rolling", &columns, Some(range), scope, &mut |rows| {
        let [seller, market, programme, category] =
            ["seller_id", "marketplace", "programme", "product_category"].map(|name| rows.text(name));
        let [eligible, valid, pending] = ["eligible", "valid", "pending"].map(|name| rows.count(name));
        let (end, open, target) = (rows.day("window_end"), rows.flag("provisional"), rows.share("target"));
        for row in rows.of(scope) {
            let is_sunday = monday(end.value(row)) + 6 == end.value(row);
            if category.value(row) != ALL || !is_sunday || eligible.value(row) == 0 {
                continue;
            }
            let key = Key {
                seller: seller.value(row).to_owned(),
                market: market.value(row).to_owned(),
                programme: programme.value(row).to_owned(),
            };
            let window = Rolling {
                tally: Tally { valid: unsigned(valid.value(row)), eligible: unsigned(eligible.value(row)) },
                pending: unsigned(pending.value(row)),
                is_open: open.value(row),
                target: optional(target, row, || target.value(row)).unwrap_or_default(),
            };
            found.entry(key).or_default().insert(end.value(row), window);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Packages left out of the rate in the weeks shown, and attributes of those that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Packages left out of the rate, by reason and rule and within these by week.
    pub rules: BTreeMap<(String, String), BTreeMap<Day, i64>>,
    /// Eligible packages that crossed a border.
    pub cross_border: i64,
    /// Eligible packages in letters.
    pub letters: i64,
    /// Eligible packages with a label bought from the marketplace.
    pub buy_shipping: i64,
    /// Eligible packages.
    pub eligible: i64,
}

/// What is left out for some accounts.
///
/// # Errors
/// The table cannot be read.
pub fn left_out(source: &PublishedVersion, scope: &Scope, mondays: &[Day]) -> Result<HashMap<Key, LeftOut>> {
    let by = ["week_start", "class", "reason", "rule", "cross_border", "service_class", "buy_shipping"];
    let mut sums = KeyedSums::by(&[&ACCOUNT[..], &by].concat(), &["packages"]);
    if let (Some(first), Some(last)) = (mondays.first(), mondays.last()) {
        let columns = sums.columns();
        source.read("vtr_weekly_reasons", &columns, Some(*first..=*last), scope, &mut |rows| {
            sums.add(&rows, &rows.of(scope))
        })?;
    }
    let sums = sums.finish()?;
    let [class, reason, rule, service] = ["class", "reason", "rule", "service_class"].map(|name| sums.texts(name));
    let [week, abroad, bought] = ["week_start", "cross_border", "buy_shipping"].map(|name| sums.days(name));
    let packages = sums.counts("packages");
    let mut found: HashMap<Key, LeftOut> = HashMap::new();
    for (row, key) in keys(&sums).into_iter().enumerate() {
        let (left, count) = (found.entry(key).or_default(), packages[row]);
        if matches!(class[row], "valid" | "defect") {
            left.eligible += count;
            left.cross_border += if abroad[row] > 0 { count } else { 0 };
            left.buy_shipping += if bought[row] > 0 { count } else { 0 };
            left.letters += if service[row] == "letter" { count } else { 0 };
        } else {
            let rule = (reason[row].to_owned(), rule[row].to_owned());
            *left.rules.entry(rule).or_default().entry(week[row]).or_default() += count;
        }
    }
    Ok(found)
}
