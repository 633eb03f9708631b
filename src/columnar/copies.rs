//! Copies of a row: what identifies it, and taking the counts of the losers out again.
//!
//! It does not choose among copies; whoever holds the records of all threads does. A row taken out
//! that was never counted in is a broken invariant and panics.

use crate::fold::Row;
use crate::keys::{Keys, market_code, market_from_code};
use crate::partial::{Partial, RowCells};
use crate::settings::{Identity, Settings, Unit, row_cells};
use crate::tallies::{FileTally, Weeks};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use vtr_kernel::calendar::{Day, Zone};
use vtr_kernel::reason::Reason;

/// What is known of a row that may be a copy of another: all it takes to choose among the copies
/// and to take a loser's counts out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Keyed hash of what identifies it.
    pub hash: (u64, u64),
    /// Package unit: `updated_at` in microseconds. Order unit: hash of the package.
    pub version: i64,
    /// File in the upper 24 bits, record in the lower 40.
    pub position: u64,
    /// Code of account and category.
    pub pair: u32,
    /// Code of the carrier's name.
    pub name: u32,
    /// Its day.
    pub day: Day,
    /// Its reason.
    pub reason: Reason,
    /// Whether a value it hung on was unknown.
    pub unpriced: bool,
}

/// The bits of a position that hold the record.
const RECORD_BITS: u32 = 40;

impl Copy {
    /// The file that the row stands in.
    pub fn file(&self) -> u32 {
        (self.position >> RECORD_BITS) as u32
    }

    /// The row's record number.
    pub fn record(&self) -> u64 {
        self.position & ((1 << RECORD_BITS) - 1)
    }
}

/// Takes the counts of superseded rows out again.
pub struct Subtractor<'a> {
    settings: &'a Settings<'a>,
    keys: &'a Keys,
    cells: HashMap<(u32, u16), u32, FxBuildHasher>,
    partial: Partial,
    weeks: Weeks,
}

impl<'a> Subtractor<'a> {
    /// Nothing taken out yet.
    pub fn new(settings: &'a Settings<'a>, keys: &'a Keys) -> Subtractor<'a> {
        let cells = keys.cells.iter().enumerate().map(|(code, cell)| (*cell, code as u32)).collect();
        Subtractor { settings, keys, cells, partial: Partial::default(), weeks: Weeks::default() }
    }

    /// Takes out one row, also from its file's counts.
    ///
    /// # Panics
    /// If the row was never counted.
    pub fn take_out(&mut self, copy: &Copy, tally: &mut FileTally) {
        let (account, _) = self.keys.pairs[copy.pair as usize];
        let name = self.keys.names[copy.name as usize];
        let at = row_cells(self.settings, market_from_code(name.market), name.known_as(), copy.day, copy.reason);
        let cell = self.cells[&(account, name.carrier)];
        let cells = RowCells { cell, pair: copy.pair, name: copy.name, ..at };
        self.partial.count(&cells, self.settings.wants, -1);
        let class = copy.reason.class();
        if cells.in_range {
            tally.classes[class as usize] -= 1;
            self.weeks.add(cells.week, class, -1);
        } else {
            tally.outside_range -= 1;
        }
    }

    /// The negative counts, to be merged with the folded ones.
    pub fn finish(self) -> (Partial, Weeks) {
        (self.partial, self.weeks)
    }
}

pub(crate) fn hash(identity: Option<Identity>, bytes: &[u8]) -> (u64, u64) {
    let (a, b) = identity.map_or((0, 0), |identity| identity.key);
    let mut hasher = SipHasher13::new_with_keys(a, b);
    hasher.write(bytes);
    let hash = hasher.finish128();
    (hash.h1, hash.h2)
}

/// The identity of a row; its counts are filled in by the caller.
pub(crate) fn copy(identity: Identity, file: u32, record: u64, read: &Row, package: &str, clock: &Zone) -> Copy {
    let mut hasher = SipHasher13::new_with_keys(identity.key.0, identity.key.1);
    hasher.write_u64(read.seller.hash.0);
    hasher.write_u64(read.seller.hash.1);
    hasher.write_u16(market_code(read.marketplace));
    hasher.write(read.order_id.as_bytes());
    let version = match identity.unit {
        Unit::Package => {
            // 0xff stands in no UTF-8 text, so no order and package run into each other.
            hasher.write_u8(0xff);
            hasher.write(package.as_bytes());
            read.updated.map_or(i64::MIN, |moment| moment.earliest(clock))
        }
        Unit::Order => hash(Some(identity), package.as_bytes()).0 as i64,
    };
    let hash = hasher.finish128();
    Copy {
        hash: (hash.h1, hash.h2),
        version,
        position: u64::from(file) << RECORD_BITS | record,
        pair: 0,
        name: 0,
        day: read.day,
        reason: Reason::Scanned,
        unpriced: false,
    }
}
