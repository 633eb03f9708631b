//! Accounts that have packages and none in the last final window, so that `account_health` cannot judge them.
//!
//! They are found in the weeks behind that window; what counts of them so far is summed, and no rate is judged. It
//! fails if a table cannot be read.

use super::{Account, Key, Outlook, Standing};
use crate::error::Result;
use crate::pages::read::{PublishedVersion, Rows, Scope};
use crate::pages::words::Names;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use vtr_kernel::calendar::{Day, monday};
use vtr_kernel::standing::Status;
use vtr_kernel::tally::Tally;

/// Reads all accounts of a scope and the number of those that have no package worth a line: judged ones first, the
/// worst of them at the beginning, then those that are not yet assessed, the one with most defects first.
///
/// # Errors
/// A table cannot be read.
pub fn all_accounts(source: &PublishedVersion, scope: &Scope, names: &Names) -> Result<(Vec<Account>, usize)> {
    let by_categories = |key: &Key| names.suspends_categories(&key.market, &key.programme);
    let (mut accounts, empty) = super::health(source, scope, &by_categories)?;
    let new = newcomers(source, scope, names, &accounts)?;
    let mut published: HashMap<Key, Account> =
        empty.into_iter().map(|account| (account.key.clone(), account)).collect();
    let account = |(key, outlook)| match published.remove(&key) {
        Some(published) => Account { standing: Standing::Unassessed, ..published },
        None => unassessed(source, names, key, outlook),
    };
    let mut unassessed: Vec<Account> = new.into_iter().map(account).collect();
    unassessed.sort_by_cached_key(|account| {
        (Reverse(account.outlook.tally.eligible - account.outlook.tally.valid), account.key.clone())
    });
    accounts.append(&mut unassessed);
    Ok((accounts, published.len()))
}

fn unassessed(source: &PublishedVersion, names: &Names, key: Key, outlook: Outlook) -> Account {
    let as_of = source.health_as_of();
    Account {
        window: names.window(&key.market, as_of),
        key,
        standing: Standing::Unassessed,
        status: Status::NoData.name().to_owned(),
        tally: Tally::default(),
        pending: 0,
        low: 0.0,
        target: None,
        budget: None,
        needed: None,
        before: None,
        cause: None,
        outlook,
        as_of,
        category: None,
    }
}

/// The accounts that are not among the judged ones and have packages that count behind their window, with those of
/// the window that can still change.
fn newcomers(
    source: &PublishedVersion,
    scope: &Scope,
    names: &Names,
    judged: &[Account],
) -> Result<BTreeMap<Key, Outlook>> {
    let as_of = source.health_as_of();
    let mut known: HashMap<&str, Vec<&Account>> = HashMap::new();
    judged.iter().for_each(|account| known.entry(&account.key.seller).or_default().push(account));
    let mut found: BTreeMap<Key, Outlook> = BTreeMap::new();
    // Accounts with packages in the last final window are among the judged ones, if the output has these at all.
    let has_judged = source.has("account_health");
    let back = names.longest_latency() + if has_judged { 0 } else { names.longest_window() };
    let weeks = monday(as_of - back) - 7..=Day::MAX;
    let outlook_end = monday(as_of) + 6;
    let mut add = |rows: &Rows, row: usize, day: Day, tally: Tally, pending: u64| {
        let [seller, market, programme] = super::ACCOUNT.map(|name| rows.text(name).value(row));
        let (start, end) = names.window(market, as_of);
        let is_judged = known
            .get(seller)
            .into_iter()
            .flatten()
            .any(|account| account.key.market == market && account.key.programme == programme);
        if is_judged || day < if has_judged { end + 1 } else { start } {
            return;
        }
        let key = Key { seller: seller.to_owned(), market: market.to_owned(), programme: programme.to_owned() };
        let outlook = found.entry(key).or_insert(Outlook { end: outlook_end, ..Outlook::default() });
        if (outlook_end - (end - start)..=outlook_end).contains(&day) {
            outlook.tally.valid += tally.valid;
            outlook.tally.eligible += tally.eligible;
            outlook.pending += pending;
        }
    };
    if source.has("vtr_weekly") {
        let columns = [&super::ACCOUNT[..], &["week_start", "eligible", "valid", "pending"]].concat();
        source.read("vtr_weekly", &columns, Some(weeks), scope, &mut |rows| {
            let [eligible, valid, pending] = ["eligible", "valid", "pending"].map(|name| rows.count(name));
            let week = rows.day("week_start");
            for row in rows.of(scope) {
                let tally =
                    Tally { valid: super::unsigned(valid.value(row)), eligible: super::unsigned(eligible.value(row)) };
                if tally.eligible > 0 {
                    add(&rows, row, week.value(row) + 6, tally, super::unsigned(pending.value(row)));
                }
            }
            Ok(())
        })?;
    } else {
        // Without the weeks only defects are known, and no number of packages for what each is worth.
        let columns = [&super::ACCOUNT[..], &["day"]].concat();
        source.read("defects", &columns, Some(weeks), scope, &mut |rows| {
            let day = rows.day("day");
            rows.of(scope).into_iter().for_each(|row| add(&rows, row, day.value(row), Tally::default(), 0));
            Ok(())
        })?;
    }
    Ok(found)
}
