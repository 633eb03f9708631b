//! Packages that count more than once: one order with one number, in two marketplaces, of two sellers, or with a package's
//! id in one row and without it in another.
//!
//! An order is of one store of one account, so that nobody means such rows as several packages. Whether an order is looked
//! at depends on its id alone, so that all its rows are; there are at most [`MOST`]. Nothing is changed. It cannot fail.

use super::repeated::hash;
use super::{Chunk, SourceFile};
use crate::job::plan::{self, Plan};
use arrow::array::{Array, ArrayRef, AsArray};
use parking_lot::Mutex;
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};
use vtr_columnar::fold::{Records, shown_cell};
use vtr_columnar::input::{CellRules, Column};
use vtr_kernel::Book;
use vtr_kernel::facts::Tracking;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::text::{grouped, shown};

/// The most orders that are looked at.
const MOST: usize = 1_024;
/// The most rows of an order that differ in their identity; of one with more it is not known what its id means.
const MOST_ROWS: usize = 16;
/// One in so many packages that count twice is told of.
const TWICE_IN: u64 = 200;

/// A row of an order, by hashes of its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The number without leading zeros.
    number: u64,
    seller: u64,
    market: u64,
    /// Of the package's id, or of the number that stands in for it.
    package: u64,
    has_id: bool,
}

/// The first place of each identity of an order.
type Rows = Vec<(Identity, (u32, u64))>;

/// The orders that were looked at, each by its rank and the hash of its id, with its rows.
pub type Orders = Vec<((u64, u64), Rows)>;

/// What is met of orders.
#[derive(Debug)]
pub(crate) struct Twice {
    /// Orders of this rank and above are not looked at.
    below: AtomicU64,
    orders: Mutex<BTreeMap<(u64, u64), Rows>>,
}

/// Returns the rank of an order by the ends of its id: most orders of a long history have a higher one than those that are
/// looked at.
#[inline]
fn rank(id: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (Some(first), Some(last)) = (id.first_chunk(), id.last_chunk()) else { return short(id) };
    let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    (first.rotate_left(29) ^ last).wrapping_mul(SPREAD)
}

#[cold]
fn short(id: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(id);
    hasher.finish()
}

impl Twice {
    /// Returns the state before anything is met.
    pub fn new() -> Twice {
        Twice { below: AtomicU64::new(u64::MAX), orders: Mutex::default() }
    }

    /// Looks at the rows of a chunk of a file, which has the place `at` among all.
    pub fn look(&self, at: u32, file: &SourceFile, chunk: &Chunk, plan: &Plan) {
        let Some(ids) = chunk.batch.column_by_name(Column::OrderId.name()).and_then(|ids| ids.as_string_view_opt())
        else {
            return;
        };
        let cells = plan.cells(file.input, file.format);
        let cell = Cells { file, chunk, cells: &cells, book: &plan.book };
        // The last order that is full: files in which all rows have one would wait for it at each.
        let mut full = None;
        for row in 0..ids.len() {
            if ids.is_null(row) {
                continue;
            }
            let rank = rank(ids.value(row).as_bytes());
            if rank < self.below.load(Ordering::Relaxed) && full != Some(rank) {
                let Some((order, identity)) = cell.identity(row) else { continue };
                let is_full = self.meet((rank, order), identity, (at, record(&chunk.records, row)));
                full = is_full.then_some(rank);
            }
        }
    }

    /// Meets a row; returns whether its order has as many as are kept.
    fn meet(&self, order: (u64, u64), identity: Identity, place: (u32, u64)) -> bool {
        let mut orders = self.orders.lock();
        if order.0 >= self.below.load(Ordering::Relaxed) {
            return false;
        }
        let rows = orders.entry(order).or_default();
        match rows.iter().position(|(known, _)| *known == identity) {
            Some(at) => rows[at].1 = place.min(rows[at].1),
            None if rows.len() < MOST_ROWS => rows.push((identity, place)),
            None => {}
        }
        let is_full = rows.len() == MOST_ROWS;
        if orders.len() > MOST
            && let Some(((below, _), _)) = orders.pop_last()
        {
            orders.retain(|(rank, _), _| *rank < below);
            self.below.store(below, Ordering::Relaxed);
        }
        is_full
    }

    /// Returns what was met, for another process, and begins anew: this one may fold other units too.
    pub fn take(&self) -> Orders {
        let mut orders = self.orders.lock();
        self.below.store(u64::MAX, Ordering::Relaxed);
        let sorted = |(order, mut rows): ((u64, u64), Rows)| {
            rows.sort_unstable();
            (order, rows)
        };
        std::mem::take(&mut *orders).into_iter().map(sorted).collect()
    }

    /// Adds what another process met.
    pub fn see(&self, seen: Orders) {
        for (order, rows) in seen {
            rows.into_iter().for_each(|(identity, place)| _ = self.meet(order, identity, place));
        }
    }

    /// Returns sentences about packages that count twice under an identity; none if no copies are sought.
    pub fn warnings(&self, files: &[SourceFile], identity: Option<plan::Identity>) -> Vec<String> {
        let Some(unit) = identity else { return Vec::new() };
        let orders = self.orders.lock();
        let mut all = 0;
        let mut kinds = KINDS.map(|kind| (kind, 0, None));
        for rows in orders.values().filter(|rows| rows.len() < MOST_ROWS) {
            for (at, (own, place)) in rows.iter().enumerate() {
                let same = || rows.iter().filter(|(other, _)| other.number == own.number);
                if rows[..at].iter().any(|(other, _)| other.number == own.number) {
                    continue;
                }
                all += 1;
                for (kind, count, first) in &mut kinds {
                    let others = same().filter(|(other, of)| kind.is_twice(own, other, place.0 == of.0, unit));
                    let Some(other) = others.map(|(_, of)| *of).min() else { continue };
                    *count += 1;
                    let pair = (other.min(*place), other.max(*place));
                    *first = Some(first.map_or(pair, |first: (_, _)| pair.min(first)));
                }
            }
        }
        let told = kinds.into_iter().filter(|(_, count, _)| count * TWICE_IN >= all);
        told.filter_map(|(kind, count, first)| Some(kind.sentence(count, all, first?, files))).collect()
    }
}

fn record(records: &Records, row: usize) -> u64 {
    match records {
        Records::From(first) => first + row as u64,
        Records::Listed { record, .. } => record[row],
    }
}

/// The cells of a chunk.
struct Cells<'a> {
    file: &'a SourceFile,
    chunk: &'a Chunk,
    cells: &'a CellRules,
    book: &'a Book,
}

impl Cells<'_> {
    fn text(&self, column: Column, row: usize) -> Option<String> {
        let text = match self.chunk.batch.column_by_name(column.name()) {
            Some(array) => text(array, row)?,
            None => self.file.constants.iter().find(|(of, _)| *of == column)?.1.clone(),
        };
        self.cells.trim(&text).map(str::to_owned)
    }

    /// Returns the hash of the order of a row, and its identity; `None` for rows without a number or of no store.
    #[cold]
    fn identity(&self, row: usize) -> Option<(u64, Identity)> {
        let order = self.text(Column::OrderId, row)?;
        let market = self.book.resolve_marketplace(&self.text(Column::Marketplace, row)?);
        let market = market.filter(|market| matches!(market, Marketplace::Known(_)))?;
        let (raw, mut buffer) = (self.text(Column::TrackingNumber, row)?, String::new());
        let number = Tracking::read(&raw, &mut buffer).0.whole();
        let bare = number.trim_start_matches('0');
        if bare.is_empty() {
            return None;
        }
        let id = self.text(Column::PackageId, row).filter(|id| !self.book.placeholders.is_filler(id));
        let identity = Identity {
            number: hash(bare),
            seller: hash(&self.text(Column::SellerId, row)?),
            market: hash(self.book.marketplace_label(market)),
            package: hash(id.as_deref().unwrap_or(number)),
            has_id: id.is_some(),
        };
        Some((hash(&order), identity))
    }
}

fn text(array: &ArrayRef, row: usize) -> Option<String> {
    match array.as_string_view_opt() {
        Some(texts) => texts.is_valid(row).then(|| texts.value(row).to_owned()),
        None => shown_cell(array, row),
    }
}

/// In what two rows of one package differ, so that it counts twice.
#[derive(Clone, Copy)]
enum Kind {
    Marketplace,
    Seller,
    Package,
}

const KINDS: [Kind; 3] = [Kind::Marketplace, Kind::Seller, Kind::Package];

impl Kind {
    fn is_twice(self, one: &Identity, other: &Identity, is_one_file: bool, unit: plan::Identity) -> bool {
        match self {
            Kind::Marketplace => one.market != other.market,
            Kind::Seller => one.seller != other.seller,
            // Two ids may be two parcels under one number. Of an order as the unit only the newest file counts.
            Kind::Package => {
                (one.seller, one.market) == (other.seller, other.market)
                    && one.package != other.package
                    && !(one.has_id && other.has_id)
                    && (is_one_file || unit == plan::Identity::Package)
            }
        }
    }

    fn sentence(self, count: u64, all: u64, places: ((u32, u64), (u32, u64)), files: &[SourceFile]) -> String {
        let place = |(file, record): (u32, u64)| format!("{}, record {record}", shown(&files[file as usize].shown));
        let (what, remedy) = match self {
            Kind::Marketplace => (
                "in several marketplaces",
                "an order is of one; give each row the marketplace of its order, as the newer files have it, or leave the older \
                 files out",
            ),
            Kind::Seller => (
                "of several sellers",
                "an order is of one; write the seller alike in all inputs, with `values` in [input.columns] or in [input.constants]",
            ),
            Kind::Package => (
                "with a `package_id` and without, or with the leading zeros of the number and without",
                "fill `package_id` in all files or map it in none, and export numbers as text; with identity = \"order\" only the \
                 newest file of an order counts",
            ),
        };
        format!(
            "{} of {} packages looked at, by order and number, are there {what}, and each of them counts more than once (first: {}; \
             {}): {remedy}",
            grouped(count),
            grouped(all),
            place(places.0),
            place(places.1)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_orders_are_looked_at_in_any_order_of_rows() {
        let identity = |market: u64| Identity { number: 1, seller: 1, market, package: 1, has_id: false };
        let met = |from: &mut dyn Iterator<Item = u64>| {
            let twice = Twice::new();
            for order in from {
                let rank = rank(&order.to_le_bytes());
                if rank < twice.below.load(Ordering::Relaxed) {
                    twice.meet((rank, order), identity(0), (0, order));
                    twice.meet((rank, order), identity(1), (1, order));
                }
            }
            twice
        };
        let (up, down) = (met(&mut (0..9_000)).take(), met(&mut (0..9_000).rev()).take());
        assert_eq!((&up, up.len()), (&down, MOST));
        let (first, second) = (met(&mut (0..3_000)), met(&mut (3_000..9_000)));
        first.see(second.take());
        assert_eq!(first.take(), up);
        assert!(first.take().is_empty());
    }
}
