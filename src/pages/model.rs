//! The accounts of a published version as plain figures, for pages and lists.
//!
//! Figures come from the tables unchanged; only sums over whole rows are made here, by Polars, and comparisons with
//! targets, on integers. It writes no markup. It fails if a table cannot be read.

mod breakdown;
mod newcomers;
mod weeks;

use super::read::{PublishedVersion, Rows, Scope, optional};
use super::sums::Summed;
use super::words::{self, Names};
use super::work::Reach;
use crate::error::Result;
pub use breakdown::{Breakdown, Share, breakdown};
pub use newcomers::all_accounts;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::collections::HashMap;
use vtr_kernel::Reason;
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::Day;
use vtr_kernel::tally::{Tally, Target, TargetKind};
pub use weeks::{LeftOut, Rolling, Week, left_out, mondays, rolling, weeks, weeks_together};

/// In `product_category` this name means the sum of all categories.
pub const ALL: &str = "(all)";

/// Seller, marketplace and programme: the unit that a marketplace judges.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The seller.
    pub seller: String,
    /// The marketplace's name in the tables.
    pub market: String,
    /// The programme.
    pub programme: String,
}

/// The standing of an account, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It misses the target.
    Breach,
    /// It meets the target, but narrowly or not lately.
    AtRisk,
    /// It meets the target.
    Good,
    /// It has fewer packages than the job's `min_eligible`.
    Few,
    /// None of its packages is in the last final window yet.
    Unassessed,
}

impl Standing {
    /// All standings, the worst first.
    pub const ALL: [Standing; 5] =
        [Standing::Breach, Standing::AtRisk, Standing::Good, Standing::Few, Standing::Unassessed];

    /// The standing in words, as a heading.
    pub fn words(self) -> &'static str {
        match self {
            Standing::Breach => "Below target",
            Standing::AtRisk => "At risk",
            Standing::Good => "Meets target",
            Standing::Few => "Too few to judge",
            Standing::Unassessed => "Not yet assessed",
        }
    }
}

/// The largest group of defects of one reason and carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainCause {
    /// The reason's name.
    pub reason: String,
    /// The carrier's id.
    pub carrier: String,
    /// Its packages.
    pub packages: i64,
}

/// The window that can still be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Its last day.
    pub end: Day,
    /// Its packages so far; pending ones count as defects.
    pub tally: Tally,
    /// Defects that are pending.
    pub pending: u64,
}

/// A row of `account_health`.
#[derive(Clone, Debug)]
pub struct Account {
    /// The account's key.
    pub key: Key,
    /// Its standing.
    pub standing: Standing,
    /// The status as published.
    pub status: String,
    /// First and last day of the judged window.
    pub window: (Day, Day),
    /// The packages of the window.
    pub tally: Tally,
    /// Defects that are pending.
    pub pending: i64,
    /// Lower bound of the 95 % interval.
    pub low: f64,
    /// The target, if a rule is in force.
    pub target: Option<Target>,
    /// The number of further defects that the target allows; negative if there are too many.
    pub budget: Option<i64>,
    /// The number of further valid packages that bring the rate back to the target; `None` if no number does.
    pub needed: Option<i64>,
    /// The rate of the window that ended 7 days earlier.
    pub before: Option<f64>,
    /// The leading cause.
    pub cause: Option<MainCause>,
    /// The window that can still be changed.
    pub outlook: Outlook,
    /// The last day that the version took into account.
    pub as_of: Day,
    /// The category that stands worse than all together, where the marketplace suspends categories: the account stands
    /// as it does.
    pub category: Option<Box<(String, Account)>>,
}

impl Account {
    /// The figures by which the account stands as it does: its own, or those of one category.
    pub fn decisive(&self) -> &Account {
        self.category.as_ref().map_or(self, |category| &category.1)
    }

    /// The name of the category by which the account stands as it does, if it is not all together.
    pub fn decisive_category(&self) -> Option<&str> {
        self.category.as_ref().map(|category| category.0.as_str())
    }

    /// The number of eligible packages that are not valid.
    pub fn defects(&self) -> i64 {
        (self.tally.eligible - self.tally.valid) as i64
    }

    /// Whether counts meet the target; without a target they do.
    pub fn meets(&self, tally: Tally) -> bool {
        self.target.is_none_or(|target| tally.meets(target) != Some(false))
    }

    /// The length of its window in days.
    pub fn window_days(&self) -> i32 {
        self.window.1 - self.window.0 + 1
    }

    /// The number of days after which its figures are final.
    pub fn latency_days(&self) -> i32 {
        self.as_of - self.window.1 - 1
    }

    /// Whether nothing changes the figure of the outlook any more on a day.
    pub fn is_outlook_final(&self, day: Day) -> bool {
        day > self.outlook.end + self.latency_days()
    }

    /// Where a day is, seen from the window that can still be changed.
    pub fn reach(&self, day: Day) -> Reach {
        match day {
            day if day > self.outlook.end => Reach::Later,
            day if day > self.outlook.end - self.window_days() => Reach::Next,
            _ => Reach::Earlier,
        }
    }

    /// The target for the pages' arithmetic; 0 without a target.
    pub fn asked(&self) -> f64 {
        self.target.map_or(0.0, |target| target.share())
    }

    /// An id for links that contains nothing from a source.
    pub fn id(&self) -> String {
        let text = [&*self.key.seller, &*self.key.market, &*self.key.programme].join("\0");
        let digest = Sha256::digest(text.as_bytes());
        format!("a-{}", vtr_kernel::text::hex(&digest[..5]))
    }

    /// A title for people: seller, marketplace and whatever distinguishes the account.
    pub fn title(&self, names: &Names) -> String {
        let market = names.market(&self.key.market);
        match &*self.key.programme {
            "standard" => format!("{}, {market}", self.key.seller),
            programme => format!("{}, {market}, programme {programme}", self.key.seller),
        }
    }
}

const HEALTH: [&str; 23] = [
    "seller_id",
    "marketplace",
    "programme",
    "product_category",
    "window_start",
    "window_end",
    "eligible",
    "valid",
    "pending",
    "vtr_low",
    "target",
    "target_kind",
    "status",
    "few",
    "defect_budget",
    "valid_needed",
    "vtr_7_days_before",
    "cause_reason",
    "cause_carrier",
    "cause_packages",
    "outlook_end",
    "outlook_eligible",
    "outlook_valid",
];

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// A published target as the exact fraction from which it was made.
fn target(share: f64, kind: &str) -> Option<Target> {
    let kind = if kind == TargetKind::MoreThan.name() { TargetKind::MoreThan } else { TargetKind::AtLeast };
    Target::new(kind, Amount::read(&format!("{share:.9}"), b'.').ok()?)
}

/// Hands on the category and the account of each row of `account_health` within the scope.
fn health_rows(rows: &Rows, scope: &Scope, as_of: Day, take: &mut dyn FnMut(&str, Account)) {
    let [seller, market, programme, category] =
        ["seller_id", "marketplace", "programme", "product_category"].map(|name| rows.text(name));
    let [kind, status, cause_reason, cause_carrier] =
        ["target_kind", "status", "cause_reason", "cause_carrier"].map(|name| rows.text(name));
    let [start, end, outlook_end] = ["window_start", "window_end", "outlook_end"].map(|name| rows.day(name));
    let [eligible, valid, pending, budget, needed, cause_packages] =
        ["eligible", "valid", "pending", "defect_budget", "valid_needed", "cause_packages"]
            .map(|name| rows.count(name));
    let [outlook_eligible, outlook_valid, outlook_pending] =
        ["outlook_eligible", "outlook_valid", "outlook_pending"].map(|name| rows.count(name));
    let [low, share, before] = ["vtr_low", "target", "vtr_7_days_before"].map(|name| rows.share(name));
    let few = rows.flag("few");
    for row in rows.of(scope) {
        let standing = match status.value(row) {
            _ if few.value(row) => Standing::Few,
            "breach" => Standing::Breach,
            "at_risk" => Standing::AtRisk,
            _ => Standing::Good,
        };
        let cause = optional(cause_reason, row, || MainCause {
            reason: cause_reason.value(row).to_owned(),
            carrier: cause_carrier.value(row).to_owned(),
            packages: cause_packages.value(row),
        });
        let account = Account {
            key: Key {
                seller: seller.value(row).to_owned(),
                market: market.value(row).to_owned(),
                programme: programme.value(row).to_owned(),
            },
            standing,
            status: status.value(row).to_owned(),
            window: (start.value(row), end.value(row)),
            tally: Tally { valid: unsigned(valid.value(row)), eligible: unsigned(eligible.value(row)) },
            pending: pending.value(row),
            low: low.value(row),
            target: optional(share, row, || share.value(row)).and_then(|share| target(share, kind.value(row))),
            budget: optional(budget, row, || budget.value(row)),
            needed: optional(needed, row, || needed.value(row)),
            before: optional(before, row, || before.value(row)),
            cause,
            outlook: Outlook {
                end: outlook_end.value(row),
                tally: Tally {
                    valid: unsigned(outlook_valid.value(row)),
                    eligible: unsigned(outlook_eligible.value(row)),
                },
                pending: unsigned(outlook_pending.value(row)),
            },
            as_of,
            category: None,
        };
        take(category.value(row), account);
    }
}

/// Orders the worst first: by standing, then by the number of defects too many, then by the interval's lower bound.
pub fn worst_first(a: &Account, b: &Account) -> Ordering {
    let budget = |account: &Account| account.decisive().budget.unwrap_or(i64::MAX);
    a.standing
        .cmp(&b.standing)
        .then(budget(a).cmp(&budget(b)))
        .then(a.decisive().low.total_cmp(&b.decisive().low))
        .then_with(|| a.key.cmp(&b.key))
}

fn health_columns() -> Vec<&'static str> {
    let mut columns = HEALTH.to_vec();
    columns.push("outlook_pending");
    columns
}

/// The accounts of a scope with packages in the judged window, the worst first; each stands as its row says, whatever
/// its categories do.
///
/// # Errors
/// The table cannot be read.
pub fn judged_accounts(source: &PublishedVersion, scope: &Scope) -> Result<Vec<Account>> {
    Ok(health(source, scope, &|_| false)?.0)
}

/// The accounts of `account_health` with packages in the judged window, the worst first, and those without. The worst
/// category decides how an account stands, if it is judged by categories and the category has enough packages.
fn health(
    source: &PublishedVersion,
    scope: &Scope,
    by_categories: &dyn Fn(&Key) -> bool,
) -> Result<(Vec<Account>, Vec<Account>)> {
    let (mut found, mut empty) = (Vec::new(), Vec::new());
    let mut worst: HashMap<Key, (String, Account)> = HashMap::new();
    source.read("account_health", &health_columns(), None, scope, &mut |rows| {
        health_rows(&rows, scope, source.health_as_of(), &mut |category, account| match (
            category,
            account.tally.eligible,
        ) {
            (ALL, 0) => empty.push(account),
            (ALL, _) => found.push(account),
            (_, 0) => {}
            _ if account.standing < Standing::Good && by_categories(&account.key) => {
                let is_worse = |(_, known): &(String, Account)| worst_first(&account, known) == Ordering::Less;
                if worst.get(&account.key).is_none_or(is_worse) {
                    worst.insert(account.key.clone(), (category.to_owned(), account));
                }
            }
            _ => {}
        });
        Ok(())
    })?;
    for account in &mut found {
        if let Some(category) = worst.remove(&account.key).filter(|(_, worst)| worst.standing < account.standing) {
            account.standing = category.1.standing;
            account.category = Some(Box::new(category));
        }
    }
    found.sort_by(worst_first);
    Ok((found, empty))
}

/// The categories of some accounts, the one with most defects first.
///
/// # Errors
/// The table cannot be read.
pub fn categories(source: &PublishedVersion, scope: &Scope) -> Result<HashMap<Key, Vec<(String, Account)>>> {
    let as_of = source.health_as_of();
    let mut found: HashMap<Key, Vec<(String, Account)>> = HashMap::new();
    source.read("account_health", &health_columns(), None, scope, &mut |rows| {
        health_rows(&rows, scope, as_of, &mut |category, account| {
            if category != ALL && account.tally.eligible > 0 {
                found.entry(account.key.clone()).or_default().push((category.to_owned(), account));
            }
        });
        Ok(())
    })?;
    for categories in found.values_mut() {
        categories.sort_by(|(a, one), (b, other)| {
            (other.defects(), other.tally.eligible).cmp(&(one.defects(), one.tally.eligible)).then(a.cmp(b))
        });
    }
    Ok(found)
}

/// The columns that name an account.
const ACCOUNT: [&str; 3] = ["seller_id", "marketplace", "programme"];

/// The account of each row of sums.
fn keys(sums: &Summed) -> Vec<Key> {
    let [sellers, markets, programmes] = ACCOUNT.map(|name| sums.texts(name));
    let key = |row: usize| Key {
        seller: sellers[row].to_owned(),
        market: markets[row].to_owned(),
        programme: programmes[row].to_owned(),
    };
    (0..sums.len()).map(key).collect()
}

/// The columns that count defects, by reason.
fn reasons() -> Vec<&'static str> {
    Reason::defects().map(Reason::name).collect()
}

/// The names of defect reasons with their counts, the largest first; the earlier rung is the tie-break.
pub fn by_reason(counts: &[i64]) -> Vec<(&'static str, i64)> {
    let mut named: Vec<_> =
        Reason::defects().map(Reason::name).zip(counts.iter().copied()).filter(|(_, count)| *count > 0).collect();
    named.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    named
}

/// The leading cause in words: `Never scanned, Evri: 14 of 20`.
pub fn cause(account: &Account, names: &Names) -> String {
    account.cause.as_ref().map_or_else(
        || "No defects".to_owned(),
        |cause| {
            let (reason, carrier) = (words::reason(&cause.reason), names.carrier(&cause.carrier));
            format!("{reason}, {carrier}: {} of {}", words::number(cause.packages), words::number(account.defects()))
        },
    )
}
