//! Finds the rows that are superseded by a newer copy of themselves: exactly, up to a keyed 128-bit hash, and within
//! the given memory.
//!
//! The fold counts every row and leaves a [`CopyRecord`] with the facts by which the newest of several copies is chosen. The
//! copies are kept by part of the hash space and spilled once there are many; the losers of each part are found and
//! handed on, so that their counts can be subtracted again. It fails only if the disk does or the run is told to stop.

mod held;
pub mod mixed;
mod repeats;
mod streamed;

use crate::error::Result;
use crate::fold::dedup::mixed::Noted;
use crate::job::plan;
use crate::place::spill::{Spill, SpillRange};
use crate::signals;
use held::Held;
use repeats::Repeats;
use std::sync::atomic::{AtomicUsize, Ordering};
use vtr_columnar::choice::{Between, choose};
use vtr_columnar::judge::{CopyRecord, Unit};

/// Parts of the hash space, by its top bits.
pub const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 10;

/// The copies of one thread, by part of the hash space.
pub struct Copies {
    held: Held,
    held_bytes: usize,
    most_bytes: usize,
    /// The positions of each part's copies on disk.
    spilled: Vec<Vec<SpillRange>>,
    spill: Spill,
}

impl Copies {
    /// Holds no copies yet; copies that take more than `most_bytes` in memory are spilled.
    pub fn new(most_bytes: usize, spill: Spill) -> Copies {
        Copies { held: Held::default(), held_bytes: 0, most_bytes, spilled: vec![Vec::new(); PARTS], spill }
    }

    /// Takes copies over.
    ///
    /// # Errors
    /// The disk fails.
    pub fn add(&mut self, copies: &[CopyRecord]) -> Result<()> {
        copies.iter().for_each(|copy| self.held.add(copy));
        self.held_bytes += copies.len() * CopyRecord::BYTES;
        if self.held_bytes > self.most_bytes { self.spill() } else { Ok(()) }
    }

    /// Orders all copies by part, so that they can be read.
    pub fn order(&mut self) {
        self.held.order();
    }

    fn spill(&mut self) -> Result<()> {
        self.held.order();
        let mut bytes = Vec::new();
        for (part, places) in self.spilled.iter_mut().enumerate() {
            bytes.clear();
            self.held.of(part).for_each(|piece| bytes.extend_from_slice(piece));
            if !bytes.is_empty() {
                places.push(self.spill.put(&bytes)?);
            }
        }
        self.held.clear();
        self.held_bytes = 0;
        signals::check()
    }

    /// Returns the bytes in memory.
    pub fn bytes(&self) -> usize {
        self.held_bytes
    }

    /// Returns the most bytes that may be in memory.
    pub fn most_bytes(&self) -> usize {
        self.most_bytes
    }

    /// Returns the spilled bytes.
    pub fn spilled_bytes(&self) -> u64 {
        self.spill.bytes()
    }

    fn bytes_of(&self, part: usize) -> usize {
        self.held.of(part).map(<[u8]>::len).sum::<usize>()
            + self.spilled[part].iter().map(SpillRange::bytes).sum::<usize>()
    }

    /// Adds the bytes of the copies of a part.
    ///
    /// # Errors
    /// The disk fails.
    ///
    /// # Panics
    /// If copies were added since [`Copies::order`].
    pub fn read(&self, part: usize, into: &mut Vec<u8>) -> Result<()> {
        self.held.of(part).for_each(|piece| into.extend_from_slice(piece));
        for place in &self.spilled[part] {
            let from = into.len();
            into.resize(from + place.bytes(), 0);
            self.spill.read(*place, 0, &mut into[from..])?;
        }
        Ok(())
    }

    /// Hands the copies of a part on, piece by piece.
    fn stream(&self, part: usize, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.held.of(part).try_for_each(&mut *take)?;
        let mut bytes = Vec::new();
        for place in &self.spilled[part] {
            for from in (0..place.bytes()).step_by(STEP) {
                bytes.resize(STEP.min(place.bytes() - from), 0);
                self.spill.read(*place, from, &mut bytes)?;
                take(&bytes)?;
            }
        }
        Ok(())
    }
}

/// Bytes of copies that are read back at once if a part does not fit in memory.
const STEP: usize = 4_096 * CopyRecord::BYTES;

/// Returns the unit of identity that a plan asks for.
pub fn unit(identity: plan::Identity) -> Unit {
    match identity {
        plan::Identity::Package => Unit::Package,
        plan::Identity::Order => Unit::Order,
    }
}

/// The search for superseded rows: the copies of all threads, and the next part to search.
pub struct Search<'a> {
    copies: Vec<Copies>,
    unit: Unit,
    next: AtomicUsize,
    /// The most bytes of a part in memory; a larger one is sorted on disk.
    most_bytes: usize,
    spill: Spill,
    noted: Option<Noted<'a>>,
}

impl<'a> Search<'a> {
    /// Begins a search among the copies of all threads.
    pub fn new(mut copies: Vec<Copies>, unit: Unit, most_bytes: usize, spill: Spill) -> Search<'a> {
        copies.iter_mut().for_each(Copies::order);
        Search { copies, unit, next: AtomicUsize::new(0), most_bytes, spill, noted: None }
    }

    /// Searches noted rows too.
    pub fn with(self, noted: Option<Noted<'a>>) -> Search<'a> {
        Search { noted, ..self }
    }

    /// Returns the bytes that were sorted on disk.
    pub fn spilled_bytes(&self) -> u64 {
        self.spill.bytes()
    }

    /// Searches parts until none is left, alone or beside other threads, and hands on every row that lost to a newer
    /// copy. Returns what was found between copies.
    ///
    /// # Errors
    /// The disk fails, the run is told to stop, or `lost` fails.
    pub fn run(&self, lost: &mut dyn FnMut(&CopyRecord) -> Result<()>) -> Result<Between> {
        let (mut found, mut bytes, mut repeats) = (Between::default(), Vec::new(), Repeats::default());
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= PARTS {
                return Ok(found);
            }
            signals::check()?;
            let bytes_of_part: usize = self.copies.iter().map(|copies| copies.bytes_of(part)).sum();
            if bytes_of_part > self.most_bytes.min(repeats::MOST_BYTES) {
                let mut sorted = streamed::Sorted::new(self.unit, &self.spill, self.most_bytes);
                self.copies.iter().try_for_each(|copies| copies.stream(part, &mut |bytes| sorted.add(bytes)))?;
                if let Some(noted) = &self.noted {
                    noted.all(part, &mut |copy| sorted.add(&copy.to_bytes()))?;
                }
                found.add(sorted.losers(lost)?);
                continue;
            }
            bytes.clear();
            self.copies.iter().try_for_each(|copies| copies.read(part, &mut bytes))?;
            found.add(match &self.noted {
                Some(noted) => mixed::search((noted, part), &bytes, self.unit, &mut repeats, lost)?,
                None => search(&bytes, self.unit, &mut repeats, lost)?,
            });
        }
    }
}

/// Searches copies in one part of the hash space.
fn search(
    bytes: &[u8],
    unit: Unit,
    repeats: &mut Repeats,
    lost: &mut dyn FnMut(&CopyRecord) -> Result<()>,
) -> Result<Between> {
    let (copies, _) = bytes.as_chunks::<{ CopyRecord::BYTES }>();
    let mut found = Between::default();
    // Most rows have no copy, and are not unpacked.
    let hash =
        |copy: &[u8; CopyRecord::BYTES]| u64::from_le_bytes(*copy.first_chunk().expect("a copy has eight bytes"));
    for alike in repeats.among(copies.iter().map(hash)).chunk_by(|a, b| a.0 == b.0) {
        let group: Vec<CopyRecord> =
            alike.iter().map(|(_, place)| CopyRecord::from_bytes(&copies[*place as usize])).collect();
        found.add(choose(group, unit, lost)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use vtr_columnar::choice::losers;
    use vtr_kernel::calendar::FIRST_DAY;

    fn copy(hash: u64, version: i64, file: u32, record: u64) -> CopyRecord {
        CopyRecord::uncounted((hash << 50, hash), version, (file, record), FIRST_DAY + 2 + record as i32)
    }

    fn searched(unit: Unit, threads: Vec<&[CopyRecord]>, most_bytes: usize) -> (Vec<(u32, u64)>, i64) {
        let copies = threads.into_iter().map(|own| {
            let mut copies = Copies::new(most_bytes, Spill::below(Path::new(&std::env::temp_dir())));
            own.iter().for_each(|copy| copies.add(std::slice::from_ref(copy)).unwrap());
            assert_eq!(copies.spilled_bytes() > 0, own.len() * CopyRecord::BYTES > most_bytes);
            copies
        });
        let spill = Spill::below(&std::env::temp_dir());
        let search = Search::new(copies.collect(), unit, most_bytes, spill);
        let mut lost = Vec::new();
        let apart = search.run(&mut |copy| {
            lost.push((copy.file, copy.record));
            Ok(())
        });
        lost.sort_unstable();
        (lost, apart.unwrap().apart_days)
    }

    fn losers_of(unit: Unit, records: &[CopyRecord]) -> Vec<(u32, u64)> {
        // Every split of the records over two threads gives the same result, in memory and from disk.
        let results: Vec<Vec<(u32, u64)>> = (0..=records.len())
            .flat_map(|cut| {
                [0, 200, 1 << 20].map(|most| searched(unit, vec![&records[..cut], &records[cut..]], most).0)
            })
            .collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        let mut few: Vec<_> = losers(records.to_vec(), unit).iter().map(|copy| (copy.file, copy.record)).collect();
        few.sort_unstable();
        assert_eq!(few, results[0]);
        results[0].clone()
    }

    #[test]
    fn the_newest_copy_of_a_package_wins_then_the_later_file_then_the_later_row() {
        let records = [
            copy(1, 10, 1, 1),
            copy(1, 20, 0, 2),
            copy(2, 5, 0, 3),
            copy(2, 5, 1, 4),
            copy(3, i64::MIN, 0, 5),
            copy(3, i64::MIN, 0, 6),
            copy(4, 1, 0, 7),
        ];
        assert_eq!(losers_of(Unit::Package, &records), [(0, 3), (0, 5), (1, 1)]);
    }

    #[test]
    fn of_an_order_only_the_newest_file_counts_and_each_package_of_it_once() {
        // File 0 knew packages 7 and 8, file 1 knows 8 (twice) and 9.
        let records = [copy(1, 7, 0, 1), copy(1, 8, 0, 2), copy(1, 8, 1, 3), copy(1, 9, 1, 4), copy(1, 8, 1, 5)];
        assert_eq!(losers_of(Unit::Order, &records), [(0, 1), (0, 2), (1, 3)]);
    }

    proptest::proptest! {
        #[test]
        fn parts_on_the_disk_lose_the_same_rows(
            rows in proptest::collection::vec((0u64..3, 0i64..4, 0u32..4), 1..60),
            most_bytes in 48usize..2_000,
        ) {
            let rows: Vec<CopyRecord> =
                (1u64..).zip(&rows).map(|(record, (hash, version, file))| copy(*hash, *version, *file, record)).collect();
            for unit in [Unit::Package, Unit::Order] {
                let (lost, apart) = searched(unit, vec![&rows], 1 << 20);
                proptest::prop_assert_eq!((lost, apart), searched(unit, vec![&rows], most_bytes));
            }
        }
    }

    #[test]
    fn the_distance_between_copies_is_kept() {
        let records = [copy(1, 1, 0, 3), copy(1, 2, 0, 40), copy(2, 1, 0, 500)];
        assert_eq!(searched(Unit::Package, vec![&records], 1 << 20).1, 37);
    }
}
