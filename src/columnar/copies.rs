//! Copies of a row: their identity, and the subtraction of the losers' counts.
//!
//! It does not choose among copies; the holder of the records of all threads does. A record that the fold did not
//! make is a broken invariant and panics.

use crate::keys::{Layout, TIME_SHIFT, time};
use crate::partial::{Partial, Piece, week_index, week_monday};
use crate::rows::Row;
use crate::settings::{Beside, Identity, Settings, Unit, row_keys};
use crate::tallies::{FileTally, Weeks};
use siphasher::sip;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::BTreeMap;
use std::hash::Hasher;
use vtr_kernel::calendar::{Day, Zone, monday};
use vtr_kernel::mend::Outcome;
use vtr_kernel::reason::Class;

/// A record of a row that may be a copy of another: everything needed to choose among the copies and to subtract a
/// loser's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyRecord {
    /// The keyed hash of its identity.
    pub hash: (u64, u64),
    /// Package unit: `updated_at` in microseconds. Order unit: a hash of the package.
    pub version: i64,
    /// Index of its file.
    pub file: u32,
    /// Its record number.
    pub record: u64,
    /// Its day.
    pub day: Day,
    /// The key of its cell by carrier and week, which holds all its codes except the following.
    pub(crate) cell: u64,
    /// The codes that are not part of the cell's key.
    pub(crate) beside: Beside,
    /// Whether its verdict depended on an unknown value.
    pub(crate) unpriced: bool,
}

/// The bits of a packed position that hold the record.
const RECORD_BITS: u32 = 40;
/// The bits of a packed position that hold the day of the week and a flag.
const SMALL_BITS: u32 = 4;
/// The greatest number of files whose records can be distinguished.
pub const MOST_FILES: usize = 1 << (64 - RECORD_BITS - SMALL_BITS);

impl CopyRecord {
    /// The size of a record on disk, in bytes.
    pub const BYTES: usize = 56;

    /// Makes a record of a row that is counted nowhere, for callers that only choose among copies.
    pub fn uncounted(hash: (u64, u64), version: i64, (file, record): (u32, u64), day: Day) -> CopyRecord {
        let cell = u64::from(week_index(day)) << TIME_SHIFT;
        CopyRecord { hash, version, file, record, day, cell, beside: Beside::default(), unpriced: false }
    }

    /// Adds those that bytes of [`CopyRecord::to_bytes`] hold, by hash, file and record.
    pub fn sort_into(bytes: &[u8], copies: &mut Vec<CopyRecord>) {
        let (all, _) = bytes.as_chunks::<{ CopyRecord::BYTES }>();
        let hash = |copy: &[u8; CopyRecord::BYTES]| {
            let (words, _) = copy.as_chunks::<8>();
            u64::from_le_bytes(words[0])
        };
        let mut places: Vec<(u64, u32)> = (0..).zip(all).map(|(place, copy)| (hash(copy), place)).collect();
        places.sort_unstable();
        let from = copies.len();
        copies.extend(places.iter().map(|(_, place)| CopyRecord::from_bytes(&all[*place as usize])));
        for alike in copies[from..].chunk_by_mut(|a, b| a.hash.0 == b.hash.0).filter(|alike| alike.len() > 1) {
            alike.sort_unstable_by_key(|copy| (copy.hash, copy.file, copy.record));
        }
    }

    /// Returns the outcome of the row.
    ///
    /// # Panics
    /// If its cell was not made by the fold.
    pub fn outcome(&self) -> Outcome {
        Outcome::from_code((self.cell & 31) as u8).expect("the fold packs codes of outcomes")
    }

    /// Returns the bytes for a spill file.
    pub fn to_bytes(&self) -> [u8; CopyRecord::BYTES] {
        let mut bytes = [0; CopyRecord::BYTES];
        for (place, word) in bytes.chunks_exact_mut(8).zip(self.to_words()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Returns the same as words, each of which holds eight bytes, the first one lowest.
    #[inline]
    pub fn to_words(&self) -> [u64; CopyRecord::BYTES / 8] {
        let small = u64::from(self.unpriced) << 3 | (self.day - monday(self.day)) as u64;
        let position = (u64::from(self.file) << RECORD_BITS | self.record) << SMALL_BITS | small;
        let Beside { category, typed, circumstances, mender } = self.beside;
        let beside = u64::from(category) << 32 | u64::from(typed);
        let told = u64::from(circumstances) << 8 | u64::from(mender);
        [self.hash.0, self.hash.1, self.version as u64, position, self.cell, beside, told]
    }

    /// Reads the bytes of [`CopyRecord::to_bytes`].
    pub fn from_bytes(bytes: &[u8; CopyRecord::BYTES]) -> CopyRecord {
        let word = |place: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[8 * place..8 * place + 8]);
            u64::from_le_bytes(word)
        };
        let (position, cell, beside, told) = (word(3), word(4), word(5), word(6));
        CopyRecord {
            hash: (word(0), word(1)),
            version: word(2) as i64,
            file: (position >> (RECORD_BITS + SMALL_BITS)) as u32,
            record: position >> SMALL_BITS & ((1 << RECORD_BITS) - 1),
            cell,
            beside: Beside {
                category: (beside >> 32) as u32,
                typed: beside as u32,
                circumstances: (told >> 8) as u32,
                mender: told as u8,
            },
            day: week_monday(time(cell)) + (position & 7) as Day,
            unpriced: position >> 3 & 1 == 1,
        }
    }
}

/// Subtracts the counts of superseded rows.
pub struct Subtractor<'a> {
    settings: &'a Settings,
    layout: Layout,
    taken: Taken,
}

/// The counts that were subtracted.
#[derive(Default)]
pub struct Taken {
    pub(crate) partial: Partial,
    /// Judged rows by week and class, negative.
    pub weeks: Weeks,
    /// The tally of each file to subtract from that file's, and its number of rows.
    pub files: BTreeMap<u32, (FileTally, u64)>,
    /// The rows whose verdict depended on an unknown value.
    pub unpriced: u64,
}

impl<'a> Subtractor<'a> {
    /// Makes a subtractor that has subtracted nothing.
    pub(crate) fn new(settings: &'a Settings) -> Subtractor<'a> {
        Subtractor { settings, layout: Layout::of(&settings.book), taken: Taken::default() }
    }

    /// Subtracts one row; returns whether it is on a list of rows.
    pub fn take_out(&mut self, copy: &CopyRecord) -> bool {
        let codes = self.layout.of_weekly(copy.cell);
        let keys = row_keys(self.settings, self.layout, &codes, copy.day, copy.beside);
        self.taken.partial.take_out(&keys, self.settings.wants);
        let (tally, rows) = self.taken.files.entry(copy.file).or_default();
        let class = copy.outcome().class();
        *rows += 1;
        if keys.in_range {
            tally.add(copy.outcome().reason);
            self.taken.weeks.add(codes.time, class, -1);
        } else {
            tally.add_outside(copy.day, self.settings.windows);
        }
        self.taken.unpriced += u64::from(copy.unpriced);
        let in_defects = self.settings.wants_defects && class == Class::Defect;
        keys.in_range && (in_defects || self.settings.lists_judged(copy.day))
    }

    /// Returns the bytes of the subtracted counts.
    pub fn bytes(&self) -> usize {
        self.taken.partial.bytes()
    }

    /// Returns the counts subtracted so far, negative and packed, and empties them.
    pub fn take_pieces(&mut self) -> Vec<Piece> {
        self.taken.partial.take()
    }

    /// Returns the other subtracted totals.
    pub fn taken(self) -> Taken {
        self.taken
    }
}

/// The prefix of texts of different columns, so that equal texts have different hashes.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Seller = b's' as isize,
    Marketplace = b'm' as isize,
}

/// Returns the keyed hash of a text that many rows share; callers compute it once per distinct text.
pub(crate) fn text_hash(identity: Identity, of: Of, text: &str) -> (u64, u64) {
    let mut hasher = SipHasher13::new_with_keys(identity.key.0, identity.key.1);
    hasher.write(&[of as u8]);
    hasher.write(text.as_bytes());
    let hash = hasher.finish128();
    (hash.h1, hash.h2)
}

fn hash(key: (u64, u64), bytes: &[u8]) -> (u64, u64) {
    let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
    hasher.write(bytes);
    let hash = hasher.finish128();
    (hash.h1, hash.h2)
}

/// Returns the hash of a package: its first half is of the order alone, so that packages of one order lie beside each
/// other once they are sorted.
fn of_package(key: (u64, u64), order: &[u8], package: &[u8], buffer: &mut Vec<u8>) -> (u64, u64) {
    let mut hasher = sip::SipHasher13::new_with_keys(key.0, key.1);
    hasher.write(order);
    let of_order = hasher.finish();
    buffer.clear();
    // 0xff occurs in no UTF-8 text, so different pairs of order and package never join to the same bytes.
    buffer.push(0xff);
    buffer.extend_from_slice(package);
    hasher.write(buffer);
    (of_order, hasher.finish())
}

/// Returns the record of a row, given the [`text_hash`]es of its seller and marketplace. These become the key of
/// the hash of order and package, so the identity depends on texts only. The caller fills in the cell. `buffer` is
/// scratch space.
#[inline(always)] // hashes would be written as words and read again as pairs, for which the processor waits
pub(crate) fn copy(
    identity: Identity,
    (seller, market): ((u64, u64), (u64, u64)),
    (file, record): (u32, u64),
    read: &Row,
    package: &str,
    clock: &Zone,
    buffer: &mut Vec<u8>,
) -> CopyRecord {
    let key = (seller.0 ^ market.0, seller.1 ^ market.1);
    let order = read.facts.order_id.as_bytes();
    let (hash, version) = match identity.unit {
        Unit::Package => {
            let version = read.updated.map_or(i64::MIN, |moment| moment.earliest(clock));
            (of_package(key, order, package.as_bytes(), buffer), version)
        }
        Unit::Order => (hash(key, order), hash(identity.key, package.as_bytes()).0 as i64),
    };
    CopyRecord { hash, version, file, record, cell: 0, beside: Beside::default(), day: read.day, unpriced: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vtr_kernel::carrier::Carrier;
    use vtr_kernel::policy::ProgrammeId;
    use vtr_kernel::reason::Reason;

    #[test]
    fn copies_survive_the_disk() {
        let layout = Layout::of(&vtr_kernel::load::embedded().unwrap());
        let account = layout.account(99, 3, ProgrammeId(1));
        for day in 20_000..20_007 {
            let week = crate::partial::week_index(day);
            let copy = CopyRecord {
                hash: (u64::MAX, 3),
                version: -5,
                file: MOST_FILES as u32 - 1,
                record: (1 << RECORD_BITS) - 1,
                cell: layout.weekly(week, account, Carrier::Unknown, Reason::ScanMissing as u8),
                beside: Beside { category: 7, typed: u32::MAX, circumstances: u32::MAX - 1, mender: 3 },
                day,
                unpriced: day % 2 == 0,
            };
            assert_eq!(CopyRecord::from_bytes(&copy.to_bytes()), copy);
            assert_eq!(copy.outcome().reason, Reason::ScanMissing);
        }
    }
}
