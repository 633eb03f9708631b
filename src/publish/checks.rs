//! The `[[check]]`s of a job: they compare the new figures with the published ones.
//!
//! They compare `vtr_weekly` as it is written with the base's files of the weeks that the run replaces, on integers,
//! and decide nothing else. Changes of rates are checked only over weeks that were final then and are now. If a check
//! compares sellers, the new files are read again, so that memory does not grow with the number of sellers. They fail
//! only if a file cannot be read; a check that does not hold is a result, not a failure.

use crate::error::{Error, Result};
use crate::job::plan::{Check, CheckKind, CheckLevel, Direction, Most};
use crate::tables::each_text;
use arrow::record_batch::RecordBatch;
use rustc_hash::FxHashSet;
use serde::Serialize;
use std::collections::BTreeSet;
use vtr_kernel::calendar::Day;
use vtr_kernel::text::grouped;

use super::accounts::{AccountCounts, Grain, Join, Open, Pair, counts};
use super::log::{DataFile, Span, day_text};

/// The columns of `vtr_weekly` that are read.
pub const COLUMNS: [&str; 6] = ["seller_id", "marketplace", "carrier", "shipments", "eligible", "valid"];

/// The carrier id of names that the book does not have.
const UNKNOWN: &str = "other";

/// The most sellers or weeks that a result names.
const NAMED: usize = 3;

/// The result of a check or of another gate, as in `report.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// The kind of the check.
    pub kind: &'static str,
    /// `fail` or `warn`: the consequence if it does not hold.
    pub level: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// A sentence that says what was found.
    pub found: String,
}

impl Checked {
    /// The result of a gate that every job has.
    pub fn of_gate(kind: &'static str, result: &Result<()>) -> Checked {
        let found = result.as_ref().err().map_or_else(|| "holds".to_owned(), ToString::to_string);
        Checked { name: kind.to_owned(), kind, level: name_of(CheckLevel::Fail), holds: result.is_ok(), found }
    }

    /// Whether it stops the publication.
    pub fn stops(&self) -> bool {
        !self.holds && self.level == name_of(CheckLevel::Fail)
    }
}

/// The error of a publication that is stopped by some of a job's checks, which are given in its order.
pub fn tripped(checks: &[Checked]) -> Option<Error> {
    let failed: Vec<(usize, &Checked)> = checks.iter().enumerate().filter(|(_, check)| check.stops()).collect();
    let lines: Vec<String> =
        failed.iter().map(|(_, check)| format!("  {} ({}): {}", check.name, check.kind, check.found)).collect();
    let options: Vec<String> = failed.iter().map(|(place, _)| format!("--set check.{place}.level=warn")).collect();
    let error = || {
        Error::Gate(format!(
            "{} of the job's checks {} not hold; nothing was published; mend the inputs, or if the figures are right let {} pass once \
             with {}\n{}",
            failed.len(),
            if failed.len() == 1 { "does" } else { "do" },
            if failed.len() == 1 { "it" } else { "them" },
            options.join(" "),
            lines.join("\n")
        ))
    };
    (!failed.is_empty()).then(error)
}

fn name_of(level: CheckLevel) -> &'static str {
    match level {
        CheckLevel::Fail => "fail",
        CheckLevel::Warn => "warn",
    }
}

/// The published state with which the new one is compared.
pub struct PublishedState<'a> {
    /// The base's files of `vtr_weekly`, by week; none if the table was never published.
    pub files: &'a [DataFile],
    /// The weeks that this run replaces.
    pub span: Span,
    /// The files that would take their place.
    pub new: &'a [DataFile],
    /// Reads the files.
    pub open: Open<'a>,
    /// Whether a published week was final when it was judged, and is now.
    pub was_final: &'a dyn Fn(Day) -> bool,
}

/// Figures of some weeks.
#[derive(Debug, Default)]
struct WeekFigures {
    judged: u64,
    unknown: u64,
}

/// Gathers the figures that the checks of a job need from the weeks as they are written.
pub struct Checks {
    checks: Vec<Check>,
    /// Weeks that were published, and final, when the run began: only these can be compared.
    published: BTreeSet<Day>,
    /// The most bytes held of sellers.
    bytes: u64,
    /// Figures of all weeks written.
    all: WeekFigures,
    /// Figures of the weeks that were published before.
    compared: WeekFigures,
    /// Weeks written that have rows.
    written: BTreeSet<Day>,
}

impl Checks {
    /// Begins the checks of a job over published weeks of `vtr_weekly`; figures of sellers take at most `bytes`.
    pub fn new(checks: &[Check], published: impl IntoIterator<Item = Day>, bytes: u64) -> Checks {
        Checks {
            checks: checks.to_vec(),
            published: published.into_iter().collect(),
            bytes,
            all: WeekFigures::default(),
            compared: WeekFigures::default(),
            written: BTreeSet::new(),
        }
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
        if self.published.contains(&week) {
            self.compared.judged += judged;
        }
    }

    /// Judges each check against a published state, in the order of the job.
    pub fn judge(&self, published: &PublishedState) -> Result<Vec<Checked>> {
        if self.checks.is_empty() {
            return Ok(Vec::new());
        }
        let open = |file: &DataFile, take: &mut dyn FnMut(&RecordBatch) -> Result<()>| {
            (published.open)(file, take).map_err(|error| match error {
                Error::Failed { what, source } => {
                    let what = format!("{what}; the checks cannot compare with it, --set check=[] runs without them");
                    Error::Failed { what, source }
                }
                other => other,
            })
        };
        let before = Before { files: published.replaced(), new: published.new, open: &open, bytes: self.bytes };
        let mut settled = Before { files: published.replaced(), ..before };
        settled.files.retain(|file| file.week.is_some_and(published.was_final));
        let judged = |check: &Check| {
            let (holds, found) = match check.kind {
                CheckKind::RowTotals => self.row_totals(check, &settled)?,
                CheckKind::SellersVanished => self.sellers_vanished(check, &before)?,
                CheckKind::RateJump => self.rate_jump(check, &settled)?,
                CheckKind::WeeksMissing => self.weeks_missing(check, published),
                CheckKind::UnknownCarriers => self.unknown_carriers(check, published, &open)?,
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
            return Ok((true, NOTHING_FINAL.to_owned()));
        }
        let new = self.compared.judged;
        let found = format!(
            "{} judged packages in {} published final weeks, {} before{}",
            grouped(new),
            before.files.len(),
            grouped(published),
            bound_text(check)
        );
        Ok((check.at_most.bears(new.abs_diff(published), published), found))
    }

    fn sellers_vanished(&self, check: &Check, before: &Before) -> Result<(bool, String)> {
        if before.files.is_empty() {
            return Ok((true, NOTHING.to_owned()));
        }
        let join = before.join(&|_| true);
        let (mut published, mut gone, mut names) = (0, 0, BTreeSet::new());
        join.each_part(Grain::Seller, &mut |pairs| {
            published += pairs.values().filter(|pair| pair.old.is_some()).count() as u64;
            let of_part = pairs.iter().filter(|(_, pair)| pair.old.is_some() && pair.new.is_none());
            let of_part: FxHashSet<u128> = of_part.map(|(id, _)| *id).collect();
            gone += of_part.len() as u64;
            join.tell(Grain::Seller, &of_part, &mut names, NAMED, &|seller, _, _| seller.to_owned())
        })?;
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
            return Ok((true, NOTHING_FINAL.to_owned()));
        }
        let weeks: BTreeSet<Option<Day>> = before.files.iter().map(|file| file.week).collect();
        let join = before.join(&|file| weeks.contains(&file.week));
        let (mut jumped, mut compared, mut widest, mut names) = (0, 0u64, 0, BTreeSet::new());
        join.each_part(Grain::Account, &mut |pairs| {
            let mut of_part = FxHashSet::default();
            for (id, pair) in pairs {
                let Pair { old: Some(old), new: Some(new) } = *pair else { continue };
                if old.eligible.min(new.eligible) < check.min_eligible.max(1) {
                    continue;
                }
                compared += 1;
                let jump = Jump::of(old, new);
                if check.direction == Direction::Falls && !jump.is_fall {
                    continue;
                }
                widest = widest.max(jump.hundredths());
                if !jump.within(check.at_most) {
                    of_part.insert(*id);
                }
            }
            jumped += of_part.len() as u64;
            join.tell(Grain::Account, &of_part, &mut names, NAMED, &|seller, marketplace, id| {
                let [old, new] = [pairs[&id].old, pairs[&id].new].map(Option::unwrap_or_default);
                format!("{seller} in {marketplace} from {} to {}", percent(old), percent(new))
            })
        })?;
        let found = format!(
            "the rates of {} of {} sellers in a marketplace {} by more{}, the widest by {}.{:02} points{}",
            grouped(jumped),
            grouped(compared),
            if check.direction == Direction::Falls { "fell" } else { "moved" },
            named(names, jumped),
            widest / 100,
            widest % 100,
            bound_text(check)
        );
        Ok((jumped == 0, found))
    }

    /// The weeks without data within this run's span: those between the first and the last week with data of the state
    /// to be published.
    fn weeks_missing(&self, check: &Check, published: &PublishedState) -> (bool, String) {
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

    /// The share of unknown carriers in the weeks written and in those that stay.
    fn unknown_carriers(&self, check: &Check, published: &PublishedState, open: Open) -> Result<(bool, String)> {
        let WeekFigures { mut judged, mut unknown } = self.all;
        for file in published.files.iter().filter(|file| !published.span.covers(file.week)) {
            crate::signals::check()?;
            open(file, &mut |batch| {
                let [more, of_unknown] = self::judged(batch);
                (judged, unknown) = (judged + more, unknown + of_unknown);
                Ok(())
            })?;
        }
        let found = format!(
            "{} of {} judged packages name a carrier that the book does not know{}",
            grouped(unknown),
            grouped(judged),
            bound_text(check)
        );
        Ok((check.at_most.bears(unknown, judged), found))
    }
}

const NOTHING: &str = "nothing published yet of the weeks that this run replaces";
const NOTHING_FINAL: &str = "nothing published yet, as final, of the weeks that this run replaces";

impl PublishedState<'_> {
    /// The published files that this run replaces.
    fn replaced(&self) -> Vec<&DataFile> {
        self.files.iter().filter(|file| self.span.covers(file.week)).collect()
    }
}

/// The published files that are replaced, and the new files that replace them.
#[derive(Clone)]
struct Before<'a> {
    files: Vec<&'a DataFile>,
    new: &'a [DataFile],
    open: Open<'a>,
    bytes: u64,
}

impl Before<'_> {
    fn each(&self, take: &mut dyn FnMut(&RecordBatch)) -> Result<()> {
        self.files.iter().try_for_each(|file| {
            crate::signals::check()?;
            (self.open)(file, &mut |batch| {
                take(batch);
                Ok(())
            })
        })
    }

    /// Joins these files seller by seller with the new files that are wanted.
    fn join(&self, wanted: &dyn Fn(&DataFile) -> bool) -> Join<'_> {
        let new = self.new.iter().filter(|file| wanted(file)).collect();
        Join::of(self.files.clone(), new, self.open, self.bytes)
    }
}

fn percent(counts: AccountCounts) -> String {
    vtr_kernel::tally::Tally { valid: counts.valid, eligible: counts.eligible }.percent()
}

impl Most {
    /// Whether `part` of `whole` is within the limit.
    fn bears(self, part: u64, whole: u64) -> bool {
        match self {
            Most::Count(most) => part <= most,
            Most::Share(numerator, denominator) => {
                u128::from(part) * u128::from(denominator) <= u128::from(whole) * u128::from(numerator)
            }
        }
    }
}

/// The change of a rate as an exact fraction.
#[derive(Clone, Copy, Debug)]
struct Jump {
    by: u128,
    of: u128,
    is_fall: bool,
}

impl Jump {
    fn of(old: AccountCounts, new: AccountCounts) -> Jump {
        let cross = |valid: u64, eligible: u64| u128::from(valid) * u128::from(eligible);
        let (now, then) = (cross(new.valid, old.eligible), cross(old.valid, new.eligible));
        Jump { by: now.abs_diff(then), of: cross(old.eligible, new.eligible), is_fall: now < then }
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

    /// The change in hundredths of a percentage point, truncated; for display only.
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
            format!("; at most {} % are allowed", text.trim_end_matches('0').trim_end_matches('.'))
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

/// The number of judged packages, and of those with an unknown carrier.
fn judged(batch: &RecordBatch) -> [u64; 2] {
    let (mut sums, mut first) = ([0; 2], 0);
    let shipments = counts(batch, "shipments");
    each_text(&batch["carrier"], &mut |carrier, alike| {
        let packages: u64 = shipments[first..first + alike].iter().map(|count| count.unsigned_abs()).sum();
        sums[0] += packages;
        sums[1] += if carrier == UNKNOWN { packages } else { 0 };
        first += alike;
    });
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failed_check_names_its_own_option() {
        let check = |holds: bool| Checked {
            name: "a check".into(),
            kind: "rate_jump",
            level: name_of(CheckLevel::Fail),
            holds,
            found: "a jump".into(),
        };
        assert!(tripped(&[check(true), check(true)]).is_none());
        let said = tripped(&[check(true), check(false)]).unwrap().to_string();
        assert!(said.starts_with("1 of the job's checks does not hold"), "{said}");
        assert!(said.contains("--set check.1.level=warn") && !said.contains("check.0"), "{said}");
    }
}
