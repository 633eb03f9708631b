//! The work list: what to do about defects that still count, who does it, until when, and what it is worth.
//!
//! It groups the published `defects` by who acts; it judges nothing and corrects nothing. A package is left out if no
//! window that can still change contains it. It fails if the table cannot be read.

use super::model::{Account, Key, Standing};
use super::read::{PublishedVersion, Scope, optional};
use super::words::Names;
use crate::error::Result;
use arrow::array::Array as _;
use std::collections::{BTreeMap, HashMap};
use vtr_kernel::calendar::{Day, monday};

/// Who acts, in the order of reading.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The seller, before the promised day: add or correct number or carrier.
    Correct,
    /// The seller, although the promised day is past: as far as is known, the package is not delivered.
    Late,
    /// Somebody asks the carrier with this id to scan or trace.
    Chase(String),
    /// Nobody yet: the promised day is not past.
    Wait,
    /// Nobody: it is too late.
    Nobody,
    /// Nobody by these figures: the day until which acting was useful has passed since they were made.
    Past,
}

impl Actor {
    /// The name in machine-readable lists.
    pub fn name(&self) -> &'static str {
        match self {
            Actor::Correct => "correct",
            Actor::Late => "correct_late",
            Actor::Chase(_) => "chase",
            Actor::Wait => "wait",
            Actor::Nobody => "nobody",
            Actor::Past => "past",
        }
    }

    /// Whether somebody can act today.
    pub fn acts(&self) -> bool {
        matches!(self, Actor::Correct | Actor::Late | Actor::Chase(_))
    }

    /// What to do with some packages, as a sentence without its full stop.
    pub fn action(&self, packages: i64, names: &Names) -> String {
        let count = |one: &str| super::words::plural(packages, one);
        match self {
            Actor::Correct => format!("Correct {} before delivery", count("tracking number")),
            Actor::Late => format!("Try a late correction of {}", count("package")),
            Actor::Chase(carrier) if carrier == "other" || carrier == "(none)" => {
                format!("Find the carrier of {} and ask it for scans", count("package"))
            }
            Actor::Chase(carrier) => format!("Ask {} to scan or trace {}", names.carrier(carrier), count("package")),
            Actor::Wait => format!("Wait for {}: not due yet", count("package")),
            Actor::Nobody => format!("Nobody can mend {}", count("package")),
            Actor::Past => format!("Run the job again for {}", count("package")),
        }
    }
}

/// Where a package's day is, seen from the window that can still be changed: mending it moves the figures of the
/// windows that hold that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Before that window.
    Earlier,
    /// In it.
    Next,
    /// Behind it.
    Later,
}

/// A defect that still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDefect {
    /// The order.
    pub order: String,
    /// The package within it.
    pub package: String,
    /// Its product category.
    pub category: String,
    /// The number as typed.
    pub number: String,
    /// The carrier's id.
    pub carrier: String,
    /// The carrier as typed.
    pub carrier_typed: String,
    /// The carrier to which the number certainly belongs, if it is another one.
    pub likely: Option<String>,
    /// The reason of the defect.
    pub reason: String,
    /// What to do about it.
    pub fix: String,
    /// The day by which it is counted.
    pub day: Day,
    /// The last day on which a correction can precede the delivery.
    pub act_by: Option<Day>,
    /// The end of the last window that contains it.
    pub counts_until: Day,
    /// The last day on which that window can still change, so that mending is useful.
    pub worth_until: Day,
    /// Which figures mending it moves.
    pub reach: Reach,
    /// Whether a promised day is known.
    pub is_promised: bool,
}

impl OpenDefect {
    /// The sort key: earliest `act_by` first, then earliest `counts_until`.
    fn urgency(&self) -> (Day, Day, &str, &str) {
        (self.act_by.unwrap_or(Day::MAX), self.counts_until, &self.order, &self.package)
    }
}

/// The packages of one actor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkGroup {
    /// The number of packages.
    pub packages: i64,
    /// The number of packages in the window that can still be changed.
    pub moving: u64,
    /// The number of packages behind that window.
    pub later: i64,
    /// The number of packages without a known promised day.
    pub unpromised: i64,
    /// The number of packages with an `act_by`.
    pub dated: i64,
    /// The earliest `act_by`.
    pub act_by: Option<Day>,
    /// The earliest and the latest `worth_until`.
    pub until: Option<(Day, Day)>,
    /// The most urgent ones, at most as many as asked for.
    pub items: Vec<OpenDefect>,
}

impl WorkGroup {
    fn add(&mut self, item: OpenDefect, cap: usize) {
        self.packages += 1;
        self.moving += u64::from(item.reach == Reach::Next);
        self.later += i64::from(item.reach == Reach::Later);
        self.unpromised += i64::from(!item.is_promised);
        self.dated += i64::from(item.act_by.is_some());
        if let Some(day) = item.act_by {
            self.act_by = Some(self.act_by.map_or(day, |first| first.min(day)));
        }
        let until = item.worth_until;
        self.until = Some(self.until.map_or((until, until), |(first, last)| (first.min(until), last.max(until))));
        if cap > 0 {
            self.items.push(item);
            // To sort seldom, at most twice as many as asked for are held.
            if self.items.len() >= cap.saturating_mul(2).saturating_add(64) {
                self.keep_first(cap);
            }
        }
    }

    /// Where the packages are that are not in the window that can still be changed: `before`, `after` it, or both.
    pub fn elsewhere(&self) -> &'static str {
        match (self.packages - self.moving as i64 - self.later, self.later) {
            (_, 0) => "before",
            (0, _) => "after",
            _ => "before and after",
        }
    }

    fn keep_first(&mut self, cap: usize) {
        self.items.sort_by(|a, b| a.urgency().cmp(&b.urgency()));
        self.items.truncate(cap);
    }
}

/// The groups of one account, by who acts.
pub type AccountWork = BTreeMap<Actor, WorkGroup>;

/// The columns of `defects` that name a package and say what is wrong with it.
pub const PACKAGE: [&str; 11] = [
    "seller_id",
    "marketplace",
    "programme",
    "product_category",
    "order_id",
    "package_id",
    "day",
    "carrier_typed",
    "carrier",
    "tracking_number",
    "reason",
];

/// The columns that say who can do what about it, and until when.
const ACTION: [&str; 7] =
    ["suggested_fix", "likely_carrier", "pending", "fixable_by", "act_by", "counts_until", "promised_delivery_at"];

/// Who acts on a defect as of a day.
fn actor(fixable_by: &str, is_pending: bool, act_by: Option<Day>, carrier: &str, as_of: Day) -> Actor {
    match fixable_by {
        _ if is_pending => Actor::Wait,
        "number" if act_by.is_some_and(|day| day < as_of) => Actor::Late,
        "number" => Actor::Correct,
        "carrier" => Actor::Chase(carrier.to_owned()),
        _ => Actor::Nobody,
    }
}

/// The defects of a scope that still count, by account and by who acts; each group keeps the `cap` most urgent ones.
/// Only packages of wanted categories are included. `seen` is the day from which the list is seen; days before the
/// figures' own count as that day.
///
/// # Errors
/// The table cannot be read.
pub fn work(
    source: &PublishedVersion,
    scope: &Scope,
    accounts: &[Account],
    is_wanted: &dyn Fn(&Account, &str) -> bool,
    seen: Day,
    cap: &dyn Fn(usize) -> usize,
) -> Result<HashMap<Key, AccountWork>> {
    let mut of_seller: HashMap<&str, Vec<(usize, &Account)>> = HashMap::new();
    for (index, account) in accounts.iter().enumerate() {
        of_seller.entry(&account.key.seller).or_default().push((index, account));
    }
    let reach = accounts.iter().map(|account| account.window_days() + account.latency_days()).max().unwrap_or_default();
    let mut found: Vec<AccountWork> = vec![AccountWork::new(); accounts.len()];
    let first = monday(source.manifest.as_of.saturating_sub(reach));
    source.read("defects", &[&PACKAGE[..], &ACTION].concat(), Some(first..=Day::MAX), scope, &mut |rows| {
        let texts = |name: &str| rows.text(name);
        let [seller, market, programme, category] =
            ["seller_id", "marketplace", "programme", "product_category"].map(texts);
        let [order, package, typed, carrier, number] =
            ["order_id", "package_id", "carrier_typed", "carrier", "tracking_number"].map(texts);
        let [reason, fix, likely, fixable_by] = ["reason", "suggested_fix", "likely_carrier", "fixable_by"].map(texts);
        let [day, act_by, counts_until] = ["day", "act_by", "counts_until"].map(|name| rows.day(name));
        let (pending, promised) = (rows.flag("pending"), rows.column("promised_delivery_at"));
        for row in rows.of(scope) {
            let of_seller = of_seller.get(seller.value(row));
            let account = of_seller.into_iter().flatten().find(|(_, account)| {
                account.key.market == market.value(row) && account.key.programme == programme.value(row)
            });
            let Some((index, account)) = account else { continue };
            let worth_until = counts_until.value(row) + account.latency_days();
            if worth_until < account.as_of || !is_wanted(account, category.value(row)) {
                continue;
            }
            let act_by = optional(act_by, row, || act_by.value(row));
            let today = seen.max(account.as_of);
            let is_due_since = pending.value(row) && day.value(row) < today && account.as_of < today;
            let on = |day| actor(fixable_by.value(row), pending.value(row), act_by, carrier.value(row), day);
            let who = match on(account.as_of) {
                Actor::Nobody if worth_until < today => continue,
                _ if worth_until < today || is_due_since => Actor::Past,
                _ => on(today),
            };
            let own = |text: &str| text.to_owned();
            let item = OpenDefect {
                order: own(order.value(row)),
                package: own(package.value(row)),
                category: own(category.value(row)),
                number: own(number.value(row)),
                carrier: own(carrier.value(row)),
                carrier_typed: own(typed.value(row)),
                likely: optional(likely, row, || own(likely.value(row))),
                reason: own(reason.value(row)),
                fix: own(fix.value(row)),
                day: day.value(row),
                act_by,
                counts_until: counts_until.value(row),
                worth_until,
                reach: account.reach(day.value(row)),
                is_promised: promised.is_valid(row),
            };
            found[*index].entry(who).or_default().add(item, cap(*index));
        }
        Ok(())
    })?;
    for (index, work) in found.iter_mut().enumerate() {
        work.values_mut().for_each(|group| group.keep_first(cap(index)));
    }
    let keys = accounts.iter().map(|account| account.key.clone());
    Ok(keys.zip(found).filter(|(_, work)| !work.is_empty()).collect())
}

/// What makes all packages wanted.
pub const ALL_CATEGORIES: &dyn Fn(&Account, &str) -> bool = &|_, _| true;

/// Returns whether a package is of the category by which its account stands as it does.
pub fn is_decisive(account: &Account, category: &str) -> bool {
    account.decisive_category().is_none_or(|decisive| decisive == category)
}

/// The groups of an account in order of action: corrections in time, then carriers by their packages, then late
/// corrections.
pub fn in_order(work: &AccountWork) -> Vec<(&Actor, &WorkGroup)> {
    let mut groups: Vec<_> = work.iter().filter(|(actor, _)| actor.acts()).collect();
    let place = |actor: &Actor| match actor {
        Actor::Correct => 0,
        Actor::Chase(_) => 1,
        _ => 2,
    };
    groups.sort_by(|(a, one), (b, other)| {
        place(a).cmp(&place(b)).then((other.moving, other.packages).cmp(&(one.moving, one.packages))).then(a.cmp(b))
    });
    groups
}

/// A group of an account, in a list over all accounts.
pub struct Task<'a> {
    /// The index of the account in the list of accounts.
    pub account: usize,
    /// Who acts.
    pub actor: &'a Actor,
    /// The group.
    pub group: &'a WorkGroup,
}

/// Every group of every account that somebody can act on. The first list has corrections with a day, earliest first;
/// the second has the rest by effect on the rate, accounts below the target first.
pub fn tasks<'a>(accounts: &[Account], work: &'a HashMap<Key, AccountWork>) -> (Vec<Task<'a>>, Vec<Task<'a>>) {
    let (mut dated, mut open) = (Vec::new(), Vec::new());
    for (index, account) in accounts.iter().enumerate() {
        for (actor, group) in work.get(&account.key).into_iter().flat_map(in_order) {
            let task = Task { account: index, actor, group };
            if *actor == Actor::Correct { dated.push(task) } else { open.push(task) }
        }
    }
    let standing = |task: &Task| (accounts[task.account].standing >= Standing::Few, accounts[task.account].standing);
    dated.sort_by_key(|task| {
        (task.group.act_by.unwrap_or(Day::MAX), standing(task), std::cmp::Reverse(task.group.packages), task.account)
    });
    let worth = |task: &Task| {
        let eligible = accounts[task.account].outlook.tally.eligible.max(1);
        std::cmp::Reverse(u128::from(task.group.moving) * 1_000_000_000 / u128::from(eligible))
    };
    let is_breach = |task: &Task| accounts[task.account].standing != Standing::Breach;
    open.sort_by_key(|task| {
        (standing(task).0, is_breach(task), worth(task), std::cmp::Reverse(task.group.packages), task.account)
    });
    (dated, open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_acts_follows_from_fix_day_and_pending() {
        let of = |fixable_by, pending, act_by| actor(fixable_by, pending, act_by, "dpd", 100);
        assert_eq!(of("number", false, Some(100)), Actor::Correct);
        assert_eq!(of("number", false, Some(99)), Actor::Late);
        assert_eq!(of("number", false, None), Actor::Correct);
        assert_eq!(of("carrier", false, None), Actor::Chase("dpd".into()));
        assert_eq!(of("carrier", true, None), Actor::Wait);
        assert_eq!(of("nobody", false, None), Actor::Nobody);
    }

    #[test]
    fn a_group_keeps_the_most_urgent_and_counts_all() {
        let item = |act_by, until| OpenDefect {
            order: format!("{until}"),
            package: String::new(),
            category: String::new(),
            number: String::new(),
            carrier: String::new(),
            carrier_typed: String::new(),
            likely: None,
            reason: String::new(),
            fix: String::new(),
            day: 0,
            act_by,
            counts_until: until,
            worth_until: until,
            reach: if until % 2 == 0 { Reach::Next } else { Reach::Later },
            is_promised: until > 0,
        };
        let mut group = WorkGroup::default();
        (0..1_000).rev().for_each(|until| group.add(item(None, until), 3));
        group.add(item(Some(5), 2_000), 3);
        group.keep_first(3);
        let kept: Vec<Day> = group.items.iter().map(|item| item.counts_until).collect();
        assert_eq!(kept, [2_000, 0, 1]);
        assert_eq!((group.packages, group.moving, group.act_by, group.until), (1_001, 501, Some(5), Some((0, 2_000))));
        assert_eq!((group.later, group.unpromised, group.dated, group.elsewhere()), (500, 1, 1, "after"));
        let older = WorkGroup { later: 0, ..group.clone() };
        assert_eq!((older.elsewhere(), WorkGroup { later: 1, ..group }.elsewhere()), ("before", "before and after"));
    }
}
