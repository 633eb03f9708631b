//! `vtr health --compare VERSION`: lists the accounts that changed since an older version, and how.
//!
//! It compares two published versions of `account_health` and computes no figure. It fails if one of them cannot be
//! read, and on request if an account became worse.

use super::filters::FilterValues;
use super::health::HealthQuery;
use super::listing::{self, Cell, Format, Listing};
use crate::error::{Error, Result};
use crate::publish::{Manifest, store::Store};
use crate::schema::Table;
use crate::tables::health::Status;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use std::collections::BTreeMap;
use std::io::Write;
use vtr_kernel::tally::Tally;

/// What to do if an account became worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// List it.
    Said,
    /// List it and fail with exit code 4.
    Fails,
}

/// The key of an account: seller, marketplace, programme and category.
type CategoryKey = [String; 4];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stand {
    status: Status,
    tally: Tally,
}

const HEADS: [&str; 12] = [
    "change",
    "seller_id",
    "marketplace",
    "programme",
    "product_category",
    "status_before",
    "status",
    "vtr_before",
    "vtr",
    "defects_before",
    "defects",
    "eligible",
];

/// Lists the changes from the first manifest to the second, accounts that became worse first.
///
/// # Errors
/// A file cannot be read; writing fails; [`Error::Gate`] by `worse`.
pub fn run(
    store: &dyn Store,
    (before, after): (&Manifest, &Manifest),
    query: &HealthQuery,
    worse: Worse,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<()> {
    let (old, new) = (stands(store, before, query)?, stands(store, after, query)?);
    let mut keys: Vec<&CategoryKey> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut changed: Vec<(i32, &CategoryKey, Option<Stand>, Option<Stand>)> = keys
        .into_iter()
        .map(|key| (key, old.get(key).copied(), new.get(key).copied()))
        .filter(|(_, old, new)| old != new)
        .map(|(key, old, new)| (rank(old, new), key, old, new))
        .collect();
    changed.sort_by_key(|(rank, key, ..)| (*rank, (*key).clone()));
    let shown = changed.len().min(query.limit.unwrap_or(usize::MAX));
    if shown > 0 || query.format != Format::Table {
        let mut listing = Listing::begin(query.format, &HEADS, out)?;
        for (rank, key, old, new) in &changed[..shown] {
            listing.row(&row(*rank, key, *old, *new))?;
        }
        listing.finish(notes)?;
    }
    let same = new.len() - changed.iter().filter(|(_, _, _, new)| new.is_some()).count();
    let _ = writeln!(
        notes,
        "version {} compared with version {}: {} of {} rows changed, {same} are unchanged{}",
        after.version,
        before.version,
        changed.len(),
        changed.len() + same,
        if shown < changed.len() { format!("; {shown} shown, --limit raises the number") } else { String::new() }
    );
    let bad: Vec<_> = changed.iter().filter(|(rank, ..)| *rank == 0).collect();
    match (worse, bad.first()) {
        (Worse::Fails, Some((_, key, _, _))) => Err(Error::Gate(format!(
            "--fail-on worse: {} of {} rows are worse than in version {} or no longer known, first of all {} in {}, {}, {}",
            bad.len(),
            changed.len() + same,
            before.version,
            key[0],
            key[1],
            key[2],
            key[3]
        ))),
        _ => Ok(()),
    }
}

/// The status, if anything is known.
fn known(stand: Option<Stand>) -> Option<Status> {
    stand.map(|stand| stand.status).filter(|status| *status != Status::NoData)
}

/// The rank of a change: worse, changed, better, new, gone. Where a status was known and none is now, the data may have
/// stopped, which counts as worse.
fn rank(old: Option<Stand>, new: Option<Stand>) -> i32 {
    match (known(old), known(new)) {
        (Some(_), None) => 0,
        (Some(old), Some(new)) if new > old => 0,
        (Some(old), Some(new)) if new < old => 2,
        (Some(_), Some(_)) => 1,
        // A new account below its target counts as worse.
        (None, Some(Status::Breach)) => 0,
        (None, Some(_)) => 3,
        (None, None) => match (old, new) {
            (None, _) => 3,
            (_, None) => 4,
            _ => 1,
        },
    }
}

/// The word for a change of this rank.
fn change(rank: i32, old: Option<Stand>, new: Option<Stand>) -> &'static str {
    match (rank, known(old), known(new)) {
        (0, Some(_), None) => "no longer known",
        (0, None, _) => "new, below target",
        _ => ["worse", "changed", "better", "new", "gone"][rank as usize],
    }
}

fn row<'a>(rank: i32, key: &'a CategoryKey, old: Option<Stand>, new: Option<Stand>) -> Vec<Cell<'a>> {
    let status = |stand: Option<Stand>| stand.map_or(Cell::Null, |stand| Cell::text(stand.status.name()));
    let rate = |stand: Option<Stand>| {
        stand
            .and_then(|stand| stand.tally.rate())
            .map_or(Cell::Null, |_| Cell::text(stand.map_or(String::new(), |stand| stand.tally.percent())))
    };
    let defects = |stand: Option<Stand>| {
        stand.map_or(Cell::Null, |stand| Cell::Count((stand.tally.eligible - stand.tally.valid) as i64))
    };
    let mut cells = vec![Cell::text(change(rank, old, new))];
    cells.extend(key.iter().map(|part| Cell::text(part.as_str())));
    cells.extend([status(old), status(new), rate(old), rate(new), defects(old), defects(new)]);
    cells.push(new.map_or(Cell::Null, |stand| Cell::Count(stand.tally.eligible as i64)));
    cells
}

fn stands(store: &dyn Store, manifest: &Manifest, query: &HealthQuery) -> Result<BTreeMap<CategoryKey, Stand>> {
    let mut found = BTreeMap::new();
    for file in manifest.files(Table::AccountHealth) {
        listing::read_published(store, Table::AccountHealth, &file.path, &mut |batch| {
            let texts = ["seller_id", "marketplace", "programme", "product_category", "status"]
                .map(|name| batch[name].as_string::<i32>());
            let counts = ["valid", "eligible"].map(|name| batch[name].as_primitive::<Int64Type>());
            for row in 0..batch.num_rows() {
                let [seller, market, programme, category, status] = texts.map(|column| column.value(row));
                let passes =
                    |wanted: &Option<FilterValues>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted.has(value));
                let is_asked = passes(&query.filters.seller, seller) && passes(&query.filters.marketplace, market);
                let status = Status::from_name(status).unwrap_or(Status::NoData);
                if is_asked {
                    let key = [seller, market, programme, category].map(str::to_owned);
                    let [valid, eligible] = counts.map(|column| u64::try_from(column.value(row)).unwrap_or_default());
                    found.insert(key, Stand { status, tally: Tally { valid, eligible } });
                }
            }
            Ok(true)
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_comes_first_and_new_breaches_are_worse() {
        let of = |status| Some(Stand { status, tally: Tally { valid: 9, eligible: 10 } });
        assert_eq!(rank(of(Status::Good), of(Status::AtRisk)), 0);
        assert_eq!(rank(None, of(Status::Breach)), 0);
        assert_eq!(rank(of(Status::Breach), of(Status::Breach)), 1);
        assert_eq!(rank(of(Status::Breach), of(Status::Good)), 2);
        assert_eq!((rank(None, of(Status::Good)), rank(of(Status::NoData), None)), (3, 4));
    }

    #[test]
    fn a_status_that_is_no_longer_known_is_never_better() {
        let of = |status| Some(Stand { status, tally: Tally::default() });
        for status in [Status::Good, Status::AtRisk, Status::Breach] {
            for now in [of(Status::NoData), None] {
                let rank = rank(of(status), now);
                assert_eq!((rank, change(rank, of(status), now)), (0, "no longer known"), "{status:?}");
            }
        }
        let first = |status| rank(of(Status::NoData), of(status));
        assert_eq!((first(Status::Good), first(Status::AtRisk), first(Status::Breach)), (3, 3, 0));
        assert_eq!(change(0, of(Status::NoData), of(Status::Breach)), "new, below target");
    }
}
