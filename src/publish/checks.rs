//! The `[[check]]`s of a job: what is about to be published, held against what is published.
//!
//! They compare `vtr_weekly` as it is written with the base's files of the weeks that the run replaces,
//! on integers, and decide nothing else; of each seller and marketplace they keep 48 bytes, and only if
//! a check asks for sellers. They fail only if a published file cannot be read; what does not hold is a
//! result, not a failure.

use crate::error::{Error, Result};
use crate::job::plan::{Check, CheckKind, CheckLevel, Most};
use crate::report::grouped;
use arrow::array::{AsArray, StringArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use vtr_kernel::calendar::Day;

use super::log::{DataFile, Span, day_text};

/// The columns of `vtr_weekly` that are asked for.
pub const COLUMNS: [&str; 6] = ["seller_id", "marketplace", "carrier", "shipments", "eligible", "valid"];

/// The carrier id of names that the book does not know.
const UNKNOWN: &str = "other";

/// Sellers and weeks that a result names.
const NAMED: usize = 3;

/// What came of a check or of another gate, as `report.json` holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// What was checked.
    pub kind: &'static str,
    /// `fail` or `warn`: what follows if it does not hold.
    pub level: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// What was found, in a sentence.
    pub found: String,
}

impl Checked {
    /// Of a gate that every job has.
    pub fn of_gate(kind: &'static str, result: &Result<()>) -> Checked {
        let found = result.as_ref().err().map_or_else(|| "holds".to_owned(), ToString::to_string);
        Checked { name: kind.to_owned(), kind, level: name_of(CheckLevel::Fail), holds: result.is_ok(), found }
    }

    /// Whether nothing may be published.
    pub fn stops(&self) -> bool {
        !self.holds && self.level == name_of(CheckLevel::Fail)
    }
}

/// Why nothing is published, of checks that do not hold.
pub fn tripped(failed: &[&Checked]) -> Error {
    let lines: Vec<String> =
        failed.iter().map(|check| format!("  {} ({}): {}", check.name, check.kind, check.found)).collect();
    Error::Gate(format!(
        "{} of the job's checks do not hold; nothing was published; mend the inputs, or if the figures are right let them \
         pass once with --set check.0.level=warn (counted from 0)\n{}",
        failed.len(),
        lines.join("\n")
    ))
}

fn name_of(level: CheckLevel) -> &'static str {
    match level {
        CheckLevel::Fail => "fail",
        CheckLevel::Warn => "warn",
    }
}

/// How the published files of `vtr_weekly` are read: batch by batch, the columns above.
pub type Open<'a> = &'a dyn Fn(&DataFile, &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()>;

/// The published state that the new one is held against.
pub struct Published<'a> {
    /// The base's files of `vtr_weekly`, by week; none if the table was never published.
    pub files: &'a [DataFile],
    /// The weeks that this run replaces.
    pub span: Span,
    /// How they are read.
    pub open: Open<'a>,
}

/// Valid and eligible packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    valid: u64,
    eligible: u64,
}

/// Figures of some weeks.
#[derive(Debug, Default)]
struct Figures {
    judged: u64,
    unknown: u64,
    /// By hash of seller and marketplace.
    accounts: FxHashMap<u128, Counts>,
    /// By hash.
    sellers: FxHashSet<u128>,
}

/// Gathers what the checks of a job ask for from the weeks as they are written.
pub struct Checks {
    checks: Vec<Check>,
    /// Weeks that were published when the run began: only they can be compared.
    published: BTreeSet<Day>,
    hashers: [RandomState; 2],
    /// Of all weeks written.
    all: Figures,
    /// Of those that were published before.
    compared: Figures,
    /// Weeks written with rows.
    written: BTreeSet<Day>,
}

impl Checks {
    /// For the checks of a job over published weeks of `vtr_weekly`.
    pub fn new(checks: &[Check], published: impl IntoIterator<Item = Day>) -> Checks {
        Checks {
            checks: checks.to_vec(),
            published: published.into_iter().collect(),
            hashers: [RandomState::new(), RandomState::new()],
            all: Figures::default(),
            compared: Figures::default(),
            written: BTreeSet::new(),
        }
    }

    fn asks_for(&self, kind: CheckKind) -> bool {
        self.checks.iter().any(|check| check.kind == kind)
    }

    /// Takes rows of a week of `vtr_weekly`, as they are written.
    ///
    /// # Panics
    /// If a batch lacks a column of the table.
    pub fn add(&mut self, week: Day, batch: &RecordBatch) {
        if self.checks.is_empty() || batch.num_rows() == 0 {
            return;
        }
        self.written.insert(week);
        let [judged, unknown] = judged(batch);
        self.all.judged += judged;
        self.all.unknown += unknown;
        if self.asks_for(CheckKind::SellersVanished) {
            each_account(batch, |seller, _, _| {
                self.all.sellers.insert(hash(&self.hashers, &[seller]));
            });
        }
        if self.published.contains(&week) {
            self.compared.judged += judged;
            if self.asks_for(CheckKind::RateJump) {
                gather(&self.hashers, &mut self.compared.accounts, batch);
            }
        }
    }

    /// What comes of each check against a published state, in the order of the job.
    pub fn judge(&self, published: &Published) -> Result<Vec<Checked>> {
        if self.checks.is_empty() {
            return Ok(Vec::new());
        }
        let before = Before { files: published.replaced(), open: published.open, hashers: &self.hashers };
        let judged = |check: &Check| {
            let (holds, found) = match check.kind {
                CheckKind::RowTotals => self.row_totals(check, &before)?,
                CheckKind::SellersVanished => self.sellers_vanished(check, &before)?,
                CheckKind::RateJump => self.rate_jump(check, &before)?,
                CheckKind::WeeksMissing => self.weeks_missing(check, published),
                CheckKind::UnknownCarriers => self.unknown_carriers(check),
            };
            let (name, kind, level) = (check.name.clone(), check.kind.name(), name_of(check.level));
            Ok(Checked { name, kind, level, holds, found })
        };
        self.checks.iter().map(judged).collect()
    }

    fn row_totals(&self, check: &Check, before: &Before) -> Result<(bool, String)> {
        let mut published = 0;
        before.each(&mut |batch| published += judged(batch)[0])?;
        if before.files.is_empty() {
            return Ok((true, NOTHING.to_owned()));
        }
        let new = self.compared.judged;
        let found = format!(
            "{} judged packages in {} published weeks, {} before{}",
            grouped(new),
            before.files.len(),
            grouped(published),
            bound_text(check)
        );
        Ok((check.at_most.bears(new.abs_diff(published), published), found))
    }

    fn sellers_vanished(&self, check: &Check, before: &Before) -> Result<(bool, String)> {
        let (mut published, mut gone) = (FxHashSet::default(), FxHashSet::default());
        let mut names = BTreeSet::new();
        before.each(&mut |batch| {
            each_account(batch, |seller, _, _| {
                let id = hash(before.hashers, &[seller]);
                published.insert(id);
                if !self.all.sellers.contains(&id) && gone.insert(id) {
                    names.insert(seller.to_owned());
                    if names.len() > NAMED {
                        names.pop_last();
                    }
                }
            });
        })?;
        if before.files.is_empty() {
            return Ok((true, NOTHING.to_owned()));
        }
        let (gone, published) = (gone.len() as u64, published.len() as u64);
        let found = format!(
            "{} of {} published sellers would vanish{}{}",
            grouped(gone),
            grouped(published),
            named(names, gone),
            bound_text(check)
        );
        Ok((check.at_most.bears(gone, published), found))
    }

    fn rate_jump(&self, check: &Check, before: &Before) -> Result<(bool, String)> {
        if before.files.is_empty() {
            return Ok((true, NOTHING.to_owned()));
        }
        let mut accounts = FxHashMap::default();
        before.each(&mut |batch| gather(before.hashers, &mut accounts, batch))?;
        let mut jumped = FxHashSet::default();
        let (mut compared, mut widest) = (0u64, 0);
        for (id, old) in &accounts {
            let Some(new) = self.compared.accounts.get(id) else { continue };
            if old.eligible.min(new.eligible) < check.min_eligible.max(1) {
                continue;
            }
            compared += 1;
            let jump = Jump::of(*old, *new);
            widest = widest.max(jump.hundredths());
            if !jump.within(check.at_most) {
                jumped.insert(*id);
            }
        }
        let names = before.accounts_of(&jumped, &self.compared.accounts, &accounts)?;
        let found = format!(
            "the rates of {} of {} sellers in a marketplace moved by more{}, the widest by {}.{:02} points{}",
            grouped(jumped.len() as u64),
            grouped(compared),
            named(names, jumped.len() as u64),
            widest / 100,
            widest % 100,
            bound_text(check)
        );
        Ok((jumped.is_empty(), found))
    }

    /// The weeks without data that are this run's to fill: between the first and the last week with data
    /// of what would be published.
    fn weeks_missing(&self, check: &Check, published: &Published) -> (bool, String) {
        let others =
            published.files.iter().filter_map(|file| file.week).filter(|week| !published.span.covers(Some(*week)));
        let weeks: BTreeSet<Day> = others.chain(self.written.iter().copied()).collect();
        let (first, last) = (weeks.first().copied().unwrap_or(0), weeks.last().copied().unwrap_or(0));
        let all = (first..=last).step_by(7);
        let missing: Vec<Day> =
            all.filter(|week| published.span.covers(Some(*week)) && !weeks.contains(week)).collect();
        let names = missing.iter().take(NAMED).map(|week| day_text(*week)).collect();
        let count = missing.len() as u64;
        let found = format!("{} weeks have no data{}{}", grouped(count), named(names, count), bound_text(check));
        (check.at_most.bears(count, 0), found)
    }

    fn unknown_carriers(&self, check: &Check) -> (bool, String) {
        let Figures { judged, unknown, .. } = self.all;
        let found = format!(
            "{} of {} judged packages name a carrier that the book does not know{}",
            grouped(unknown),
            grouped(judged),
            bound_text(check)
        );
        (check.at_most.bears(unknown, judged), found)
    }
}

const NOTHING: &str = "nothing published yet of the weeks that this run replaces";

impl Published<'_> {
    /// The published files that this run replaces.
    fn replaced(&self) -> Vec<&DataFile> {
        self.files.iter().filter(|file| self.span.covers(file.week)).collect()
    }
}

/// The published files that are replaced.
struct Before<'a> {
    files: Vec<&'a DataFile>,
    open: Open<'a>,
    hashers: &'a [RandomState; 2],
}

impl Before<'_> {
    fn each(&self, take: &mut dyn FnMut(&RecordBatch)) -> Result<()> {
        for file in &self.files {
            crate::signals::check()?;
            let read = (self.open)(file, &mut |batch| {
                take(batch);
                Ok(())
            });
            read.map_err(|error| match error {
                Error::Failed { what, source } => {
                    let what = format!("{what}; the checks cannot compare with it, --set check=[] runs without them");
                    Error::Failed { what, source }
                }
                other => other,
            })?;
        }
        Ok(())
    }

    /// Seller, marketplace and both rates of a few of these accounts, the first by name.
    fn accounts_of(
        &self,
        ids: &FxHashSet<u128>,
        new: &FxHashMap<u128, Counts>,
        old: &FxHashMap<u128, Counts>,
    ) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        if ids.is_empty() {
            return Ok(names);
        }
        self.each(&mut |batch| {
            each_account(batch, |seller, marketplace, _| {
                let id = hash(self.hashers, &[seller, marketplace]);
                if !ids.contains(&id) {
                    return;
                }
                names.insert(format!("{seller} in {marketplace} from {} to {}", percent(old[&id]), percent(new[&id])));
                if names.len() > NAMED {
                    names.pop_last();
                }
            });
        })?;
        Ok(names)
    }
}

fn percent(counts: Counts) -> String {
    vtr_kernel::tally::Tally { valid: counts.valid, eligible: counts.eligible }.percent()
}

impl Most {
    /// Whether so much of a whole is borne.
    fn bears(self, part: u64, whole: u64) -> bool {
        match self {
            Most::Count(most) => part <= most,
            Most::Share(numerator, denominator) => {
                u128::from(part) * u128::from(denominator) <= u128::from(whole) * u128::from(numerator)
            }
        }
    }
}

/// How far a rate moved: an exact fraction.
#[derive(Clone, Copy, Debug)]
struct Jump {
    by: u128,
    of: u128,
}

impl Jump {
    fn of(old: Counts, new: Counts) -> Jump {
        let cross = |valid: u64, eligible: u64| u128::from(valid) * u128::from(eligible);
        let by = cross(new.valid, old.eligible).abs_diff(cross(old.valid, new.eligible));
        Jump { by, of: cross(old.eligible, new.eligible) }
    }

    fn within(self, most: Most) -> bool {
        match most {
            Most::Count(most) => self.by <= u128::from(most) * self.of,
            Most::Share(numerator, denominator) => {
                let times = |number: u128, factor: u64| {
                    number.checked_mul(u128::from(factor)).expect("a seller has fewer than 2^48 packages")
                };
                times(self.by, denominator) <= times(self.of, numerator)
            }
        }
    }

    /// In hundredths of a point of percent, cut; for display only.
    fn hundredths(self) -> u128 {
        (self.by * 10_000).checked_div(self.of).unwrap_or(0)
    }
}

fn bound_text(check: &Check) -> String {
    match check.at_most {
        Most::Count(most) => format!("; at most {} are borne", grouped(most)),
        Most::Share(numerator, denominator) => {
            let millionths = u128::from(numerator) * 1_000_000_000 / u128::from(denominator).max(1);
            let (whole, rest) = (millionths / 10_000_000, millionths % 10_000_000);
            let text = format!("{whole}.{rest:07}");
            format!("; at most {} % are borne", text.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

/// `: A1, A2, A3 and more`; nothing without names.
fn named(names: BTreeSet<String>, count: u64) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = names.into_iter().map(|name| name.escape_debug().to_string()).collect();
    let more = if count > shown.len() as u64 { " and more" } else { "" };
    format!(" ({}{more})", shown.join(", "))
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> &'a StringArray {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.unwrap_or_else(|| panic!("vtr_weekly has no text column `{name}`"))
}

fn counts<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i64] {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.unwrap_or_else(|| panic!("vtr_weekly has no Int64 column `{name}`")).values()
}

/// Judged packages, and those of them whose carrier is unknown.
fn judged(batch: &RecordBatch) -> [u64; 2] {
    let (carriers, shipments) = (texts(batch, "carrier"), counts(batch, "shipments"));
    let mut sums = [0; 2];
    for (row, shipments) in shipments.iter().enumerate() {
        sums[0] += shipments.unsigned_abs();
        if carriers.value(row) == UNKNOWN {
            sums[1] += shipments.unsigned_abs();
        }
    }
    sums
}

/// Sums over the carriers of each seller and marketplace, which stand beside each other.
fn each_account(batch: &RecordBatch, mut take: impl FnMut(&str, &str, Counts)) {
    let (sellers, marketplaces) = (texts(batch, "seller_id"), texts(batch, "marketplace"));
    let (eligible, valid) = (counts(batch, "eligible"), counts(batch, "valid"));
    let key = |row: usize| (sellers.value(row), marketplaces.value(row));
    let mut sum = Counts::default();
    for row in 0..batch.num_rows() {
        sum.valid += valid[row].unsigned_abs();
        sum.eligible += eligible[row].unsigned_abs();
        if row + 1 == batch.num_rows() || key(row + 1) != key(row) {
            let (seller, marketplace) = key(row);
            take(seller, marketplace, std::mem::take(&mut sum));
        }
    }
}

fn gather(hashers: &[RandomState; 2], accounts: &mut FxHashMap<u128, Counts>, batch: &RecordBatch) {
    each_account(batch, |seller, marketplace, sum| {
        let account = accounts.entry(hash(hashers, &[seller, marketplace])).or_default();
        account.valid += sum.valid;
        account.eligible += sum.eligible;
    });
}

/// A keyed hash of 128 bits: ids are never compared by less, and never kept.
fn hash(hashers: &[RandomState; 2], texts: &[&str]) -> u128 {
    let [high, low] = hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(texts)));
    high << 64 | low
}
