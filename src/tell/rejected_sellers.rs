//! A warning that names the sellers whose share of rejected rows exceeds the limit of a run.
//!
//! It counts rejected rows by seller in bounded memory, and takes the judged rows of these sellers from a weekly table
//! while that is written. It gates nothing: the limit of a run applies to all its rows. It cannot fail.

use crate::schema::Table;
use crate::tables::{Piece, each_text};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use vtr_kernel::tally::Tally;
use vtr_kernel::text::shown;

/// The most sellers that are counted separately, and the most bytes of their ids; rows of further sellers are counted
/// together.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 4 << 20;
/// The most sellers that the warning names.
const NAMED: usize = 5;

/// Rejected rows by seller.
#[derive(Clone, Debug, Default)]
pub struct RejectedSellers {
    rejected: BTreeMap<String, u64>,
    /// Bytes of their ids.
    bytes: usize,
    further: u64,
}

impl RejectedSellers {
    /// Counts rejected rows of a seller.
    pub fn add(&mut self, seller: &str, rows: u64) {
        if let Some(known) = self.rejected.get_mut(seller) {
            *known += rows;
        } else if self.rejected.len() < MOST && self.bytes + seller.len() <= MOST_BYTES {
            self.bytes += seller.len();
            self.rejected.insert(seller.to_owned(), rows);
        } else {
            self.further += rows;
        }
    }

    /// The sellers counted separately, and the rows of further ones.
    pub fn told(&self) -> (&BTreeMap<String, u64>, u64) {
        (&self.rejected, self.further)
    }

    /// Restores the result of [`RejectedSellers::told`].
    pub fn of(rejected: &BTreeMap<String, u64>, further: u64) -> RejectedSellers {
        let mut sellers = RejectedSellers { further, ..RejectedSellers::default() };
        rejected.iter().for_each(|(seller, rows)| sellers.add(seller, *rows));
        sellers
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: RejectedSellers) {
        other.rejected.into_iter().for_each(|(seller, rows)| self.add(&seller, rows));
        self.further += other.further;
    }
}

/// Judged rows of the sellers with rejected ones.
pub struct JudgedRows<'a> {
    sellers: &'a RejectedSellers,
    /// The table from which judged rows are taken; a job may make none.
    table: Option<Table>,
    judged: Mutex<BTreeMap<&'a str, u64>>,
}

impl<'a> JudgedRows<'a> {
    /// Begins without judged rows; takes them from the first suitable table.
    pub fn of(sellers: &'a RejectedSellers, tables: &[Table]) -> JudgedRows<'a> {
        let tells = [Table::VtrWeekly, Table::VtrWeeklyCategory].into_iter().find(|table| tables.contains(table));
        let table = tells.filter(|_| !sellers.rejected.is_empty());
        JudgedRows { sellers, table, judged: Mutex::default() }
    }

    /// Returns the piece; its rows are counted as they are made.
    pub fn watch<'p>(&'p self, piece: Piece<'p>) -> Piece<'p> {
        if self.table != Some(piece.table) {
            return piece;
        }
        let batches = piece.batches.inspect(|batch| batch.iter().for_each(|batch| self.see(batch)));
        Piece { batches: Box::new(batches), ..piece }
    }

    fn see(&self, batch: &RecordBatch) {
        let shipments = batch["shipments"].as_primitive::<Int64Type>().values();
        let (mut judged, mut first) = (self.judged.lock(), 0);
        each_text(&batch["seller_id"], &mut |seller, alike| {
            let rows = &shipments[first..first + alike];
            first += alike;
            if let Some((seller, _)) = self.sellers.rejected.get_key_value(seller) {
                *judged.entry(seller).or_default() += rows.iter().map(|rows| rows.unsigned_abs()).sum::<u64>();
            }
        });
    }

    /// Names the sellers whose share of rejected rows exceeds this limit, among their rejected and judged rows; the
    /// worst first.
    pub fn warning(&self, (numerator, denominator): (u64, u64)) -> Option<String> {
        self.table?;
        let judged = self.judged.lock();
        let share = |(seller, rejected): (&'a String, &u64)| {
            let rows = rejected + judged.get(seller.as_str()).copied().unwrap_or(0);
            (seller, *rejected, rows)
        };
        let is_above = |(_, rejected, rows): &(&String, u64, u64)| {
            u128::from(*rejected) * u128::from(denominator) > u128::from(*rows) * u128::from(numerator)
        };
        let mut above: Vec<_> = self.sellers.rejected.iter().map(share).filter(is_above).collect();
        above.sort_by(|a, b| {
            let cross = |a: u64, b: u64| u128::from(a) * u128::from(b);
            cross(b.1, a.2).cmp(&cross(a.1, b.2)).then(b.1.cmp(&a.1)).then(a.0.cmp(b.0))
        });
        let named = |(seller, rejected, rows): &(&String, u64, u64)| {
            format!(
                "{} {rejected} of {rows} ({})",
                shown(seller),
                Tally { valid: *rejected, eligible: *rows }.percent()
            )
        };
        let worst: Vec<String> = above.iter().take(NAMED).map(named).collect();
        let more = above.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let further = match self.sellers.further {
            0 => String::new(),
            rows => format!("; {rows} rejected rows of further sellers were not counted separately"),
        };
        (!worst.is_empty()).then(|| {
            format!(
                "of these sellers' rows a larger share was rejected than `limits.max_rejected` allows a run ({numerator} in \
                 {denominator}): {}{more}{further}",
                worst.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use std::sync::Arc;

    fn piece(rows: &[(&str, i64)]) -> Piece<'static> {
        let sellers = StringArray::from_iter_values(rows.iter().map(|(seller, _)| *seller));
        let shipments = Int64Array::from_iter_values(rows.iter().map(|(_, rows)| *rows));
        let columns: [(&str, ArrayRef); 2] = [("seller_id", Arc::new(sellers)), ("shipments", Arc::new(shipments))];
        Piece::of(Table::VtrWeekly, Some(4), vec![RecordBatch::try_from_iter(columns).unwrap()])
    }

    fn warned(sellers: &RejectedSellers, rows: &[(&str, i64)], share: (u64, u64)) -> Option<String> {
        let judged = JudgedRows::of(sellers, &[Table::VtrWeekly]);
        assert_eq!(judged.watch(piece(rows)).batches.count(), 1);
        judged.warning(share)
    }

    #[test]
    fn the_worst_are_named_exactly_and_first() {
        let mut sellers = RejectedSellers::default();
        [("A", 1), ("B", 2), ("\u{1b}C", 7), ("D", 1)].into_iter().for_each(|(seller, rows)| sellers.add(seller, rows));
        // A is at the limit and D just above it.
        let rows = [("A", 9), ("B", 3), ("B", 3), ("D", 8), ("E", 1)];
        let said = warned(&sellers, &rows, (1, 10)).unwrap();
        assert!(said.ends_with(": \\u{1b}C 7 of 7 (100.00 %), B 2 of 8 (25.00 %), D 1 of 9 (11.11 %)"), "{said}");
        assert_eq!(warned(&sellers, &rows, (1, 1)), None);
        assert_eq!(warned(&RejectedSellers::default(), &rows, (0, 1)), None);
    }

    #[test]
    fn many_sellers_cost_no_more_than_some() {
        let mut sellers = RejectedSellers::default();
        (0..MOST + 3).for_each(|index| sellers.add(&format!("S{index:06}"), 1));
        let mut twice = sellers.clone();
        twice.merge(sellers);
        assert_eq!((twice.rejected.len(), twice.further), (MOST, 6));
        let said = warned(&twice, &[], (0, 1)).unwrap();
        assert!(said.contains("and 9995 more; 6 rejected rows of further sellers"), "{said}");
    }
}
