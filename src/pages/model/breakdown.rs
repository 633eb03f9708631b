//! The judged windows of accounts by carrier and reason of defects.
//!
//! Sums over whole rows are made by Polars; no rate is added or averaged. It fails if the table cannot be read.

use super::{ACCOUNT, Key, keys, reasons, unsigned};
use crate::error::Result;
use crate::pages::read::{PublishedVersion, Scope};
use crate::pages::sums::{KeyedSums, Summed};
use std::collections::{BTreeMap, HashMap};
use vtr_kernel::tally::Tally;

/// A row of `health_breakdown`: one carrier in the judged window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Its packages.
    pub tally: Tally,
    /// Defects by reason, in the order of [`vtr_kernel::Reason::defects`].
    pub reasons: Vec<i64>,
    /// Defects that somebody can still mend.
    pub mendable: i64,
}

impl Share {
    /// Adds the packages of another.
    pub fn add(&mut self, other: &Share) {
        self.tally.eligible += other.tally.eligible;
        self.tally.valid += other.tally.valid;
        self.mendable += other.mendable;
        self.reasons.resize(other.reasons.len().max(self.reasons.len()), 0);
        self.reasons.iter_mut().zip(&other.reasons).for_each(|(sum, count)| *sum += count);
    }

    /// The number of eligible packages that are not valid.
    pub fn defects(&self) -> i64 {
        (self.tally.eligible - self.tally.valid) as i64
    }
}

/// The judged window by carrier.
pub type Breakdown = BTreeMap<String, Share>;

/// The judged windows of a scope by account and carrier, of one category or of all, and the sum over the scope by
/// carrier.
///
/// # Errors
/// The table cannot be read.
pub fn breakdown(
    source: &PublishedVersion,
    scope: &Scope,
    category: &str,
    kept: &dyn Fn(&Key) -> bool,
) -> Result<(HashMap<Key, Breakdown>, Breakdown)> {
    let mut counts = vec!["eligible", "valid", "fixable_by_carrier", "fixable_by_number"];
    counts.extend(reasons());
    let (mut whole, mut some) =
        (KeyedSums::by(&["carrier"], &counts), KeyedSums::by(&[&ACCOUNT[..], &["carrier"]].concat(), &counts));
    let columns = [some.columns(), vec!["product_category"]].concat();
    source.read("health_breakdown", &columns, None, scope, &mut |rows| {
        let [seller, market, programme] = ACCOUNT.map(|name| rows.text(name));
        let (of_category, eligible) = (rows.text("product_category"), rows.count("eligible"));
        let is_asked = |row: &usize| of_category.value(*row) == category && eligible.value(*row) > 0;
        let asked: Vec<usize> = rows.of(scope).into_iter().filter(is_asked).collect();
        whole.add(&rows, &asked)?;
        let key = |row: usize| Key {
            seller: seller.value(row).to_owned(),
            market: market.value(row).to_owned(),
            programme: programme.value(row).to_owned(),
        };
        let asked: Vec<usize> = asked.into_iter().filter(|row| kept(&key(*row))).collect();
        some.add(&rows, &asked)
    })?;
    let (whole, some) = (whole.finish()?, some.finish()?);
    let mut found: HashMap<Key, Breakdown> = HashMap::new();
    for (key, (carrier, share)) in keys(&some).into_iter().zip(shares(&some)) {
        found.entry(key).or_default().insert(carrier, share);
    }
    Ok((found, shares(&whole).into_iter().collect()))
}

/// The carrier of each row of sums, with its packages.
fn shares(sums: &Summed) -> Vec<(String, Share)> {
    let [eligible, valid, by_carrier, by_number] =
        ["eligible", "valid", "fixable_by_carrier", "fixable_by_number"].map(|name| sums.counts(name));
    let of_reason: Vec<&[i64]> = reasons().into_iter().map(|name| sums.counts(name)).collect();
    let share = |row: usize| Share {
        tally: Tally { valid: unsigned(valid[row]), eligible: unsigned(eligible[row]) },
        reasons: of_reason.iter().map(|counts| counts[row]).collect(),
        mendable: by_carrier[row] + by_number[row],
    };
    sums.texts("carrier").into_iter().enumerate().map(|(row, carrier)| (carrier.to_owned(), share(row))).collect()
}
